"""Nobody is coming any more."""

import pytest
from msgspec.structs import replace

from tests.forward.sample import GIVE_UP, GIVEN_UP, LAPSED, accepted, asked, calls, ended


def test_the_owner_is_told_and_until_it_answers_nothing_is_claimed() -> None:
    state = asked.when(GIVE_UP).then(GIVEN_UP).state
    assert (state.status, state.given_up, state.settled) == ("pending", True, False)
    assert asked.given(accepted()).when(GIVE_UP).then(GIVEN_UP).state.status == "active"


def test_the_same_again_changes_nothing() -> None:
    asked.given(GIVEN_UP).when(GIVE_UP).then_nothing()
    asked.given(GIVEN_UP, ended("cancelled")).when(GIVE_UP).then_nothing()


@pytest.mark.parametrize("how", ["checked_in", "refused", "lapsed"])
def test_what_has_ended_is_not_given_up(how: str) -> None:
    asked.given(ended(how)).when(GIVE_UP).then_rejected("call-ended", how=how)
    asked.given(LAPSED).when(GIVE_UP).then_rejected("call-ended", how="lapsed")


def test_another_version_than_the_one_seen() -> None:
    asked.when(replace(GIVE_UP, if_version=2)).then_rejected("version-stale", expected=2, actual=1)
    asked.when(replace(GIVE_UP, if_version=1)).then(GIVEN_UP)


def test_a_call_nobody_made() -> None:
    calls.when(GIVE_UP).then_rejected("call-unknown")
