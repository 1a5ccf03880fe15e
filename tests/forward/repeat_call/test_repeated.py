"""While there is no answer a call is asked again, less and less often; then it lapses."""

from datetime import timedelta

from shared import forward as fw
from tests.forward.sample import (
    AT,
    END,
    GIVEN_UP,
    ID,
    LAPSED,
    MADE,
    accepted,
    after,
    again,
    asked,
    calls,
    ended,
)


def repeated(at_seconds: float, again_seconds: float) -> fw.CallRepeated:
    return fw.CallRepeated(ID, after(seconds=again_seconds), after(seconds=at_seconds))


def test_each_pause_is_twice_as_long_and_no_longer_than_five_minutes() -> None:
    assert [fw.pause(n, late=False).total_seconds() for n in range(9)] == [2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert fw.pause(10_000, late=True) == timedelta(hours=1)
    first = asked.when(again(after(seconds=2))).then(repeated(2, 6))
    first.when(again(after(seconds=6))).then(repeated(6, 14))


def test_before_its_time_a_timer_does_nothing() -> None:
    asked.when(again(after(seconds=1))).then_nothing()
    asked.given(accepted()).when(again(END)).then_nothing()


def test_without_an_answer_it_lapses_at_its_end_and_the_owner_is_told() -> None:
    state = asked.when(again(END)).then(LAPSED).state
    assert (state.status, state.given_up, state.settled) == ("lapsed", True, False)


def test_the_last_look_before_its_end_is_at_its_end() -> None:
    asked.when(again(END - timedelta(seconds=1))).then(fw.CallRepeated(ID, END, END - timedelta(seconds=1)))


def test_what_was_accepted_is_asked_after_when_nobody_says_how_it_ended() -> None:
    late = END + fw.GRACE
    asked.given(accepted()).when(again(late)).then(fw.CallRepeated(ID, late + timedelta(seconds=2), late))


def test_a_call_off_is_repeated_until_the_owner_has_said_something() -> None:
    state = asked.given(GIVEN_UP).when(again(after(seconds=2))).then(repeated(2, 6)).state
    assert (state.status, state.given_up) == ("pending", True)
    asked.given(GIVEN_UP).when(again(END)).then(LAPSED)


def test_a_site_that_is_gone_for_a_week_is_not_asked_any_more() -> None:
    gone = END + fw.ASKED_FOR_MAX
    asked.given(LAPSED).when(again(gone)).then(ended("lapsed", at=gone)).when(again(gone)).then_nothing()
    asked.given(accepted()).when(again(gone)).then(ended("lapsed", at=gone))


def test_a_call_nobody_made() -> None:
    calls.when(again(AT)).then_rejected("call-unknown")


def test_there_is_one_timer_for_each_call_that_is_not_settled() -> None:
    changes = fw.timers([MADE, accepted(), ended("checked_in")])
    assert [getattr(change, "due_at", None) for change in changes] == [after(seconds=2), END + fw.GRACE, None]
    assert {change.id for change in changes} == {f"call/{ID}"}
