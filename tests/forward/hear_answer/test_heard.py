"""The owner's word counts, whenever it comes."""

import pytest
from msgspec.structs import replace

from tests.forward.sample import END, GIVEN_UP, LAPSED, accepted, after, answer, asked, calls, ended


def test_accepted_and_then_ended() -> None:
    open_ = asked.when(answer("active", until=END)).then(accepted())
    assert open_.state.status == "active"
    state = open_.when(answer("checked_in")).then(ended("checked_in")).state
    assert (state.status, state.settled) == ("checked_in", True)


def test_refused_with_its_reason() -> None:
    state = asked.when(answer("refused", code="no-place-free")).then(ended("refused", "no-place-free")).state
    assert (state.status, state.code) == ("refused", "no-place-free")


def test_the_owner_may_keep_it_for_a_shorter_time() -> None:
    asked.when(answer("active", until=after(minutes=30))).then(accepted(after(minutes=30)))


def test_the_same_answer_again_changes_nothing() -> None:
    asked.given(accepted()).when(answer("active", until=END)).then_nothing()
    asked.given(ended("refused")).when(answer("refused")).then_nothing()
    asked.given(ended("checked_in")).when(answer("active")).then_nothing()


def test_an_acceptance_that_crossed_with_giving_up_waits_for_the_owners_last_word() -> None:
    crossed = asked.given(GIVEN_UP)
    crossed.when(answer("active", until=END)).then_nothing()
    crossed.when(answer("cancelled")).then(ended("cancelled"))


@pytest.mark.parametrize("word", ["cancelled", "lapsed", "refused"])
def test_a_late_answer_that_gives_nothing_leaves_it_lapsed(word: str) -> None:
    state = asked.given(LAPSED).when(answer(word, at=END)).then(ended("lapsed", at=END)).state
    assert (state.status, state.settled) == ("lapsed", True)


def test_a_late_answer_that_somebody_is_there_is_the_truth() -> None:
    state = asked.given(LAPSED).when(answer("checked_in", at=END)).then(ended("checked_in", at=END)).state
    assert state.status == "checked_in"


def test_an_owner_that_holds_again_what_came_to_nothing_is_told_so() -> None:
    state = asked.given(ended("refused")).when(answer("active")).then(GIVEN_UP).state
    assert (state.status, state.given_up, state.settled) == ("refused", True, False)


def test_an_answer_to_nothing_or_from_another_site() -> None:
    calls.when(answer("active")).then_rejected("call-unknown")
    asked.when(replace(answer("active"), site="zuidoost")).then_rejected("call-of-another-site", site="zuidoost")
