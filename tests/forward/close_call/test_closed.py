"""The other site has left the network: nobody there answers any more."""

import pytest

from shared import forward as fw
from tests.forward.sample import AT, GIVEN_UP, ID, LAPSED, accepted, asked, calls, ended

CLOSE = fw.CloseCall(at=AT, role="system", call_id=ID, code="site-retired")


def test_what_was_never_answered_or_was_given_has_lapsed() -> None:
    state = asked.when(CLOSE).then(ended("lapsed", "site-retired")).state
    assert (state.status, state.code, state.settled) == ("lapsed", "site-retired", True)
    asked.given(accepted()).when(CLOSE).then(ended("lapsed", "site-retired"))
    asked.given(GIVEN_UP).when(CLOSE).then(ended("lapsed", "site-retired"))
    asked.given(LAPSED).when(CLOSE).then(ended("lapsed", "site-retired"))


@pytest.mark.parametrize("how", ["checked_in", "refused", "cancelled"])
def test_what_its_owner_has_ended_stays_as_it_said(how: str) -> None:
    asked.given(ended(how)).when(CLOSE).then_nothing()


def test_a_call_nobody_made() -> None:
    calls.when(CLOSE).then_rejected("call-unknown")
