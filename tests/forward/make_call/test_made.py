"""A call is made once."""

from msgspec.structs import replace

from tests.forward.sample import AT, END, MADE, MAKE, after, asked, calls


def test_it_waits_for_an_answer() -> None:
    state = calls.when(MAKE).then(MADE).state
    assert (state.status, state.expires_at, state.settled) == ("pending", END, False)


def test_it_is_looked_at_again_no_later_than_its_end() -> None:
    soon = after(seconds=1)
    calls.when(replace(MAKE, expires_at=soon)).then(replace(MADE, expires_at=soon, again_at=soon))


def test_the_same_again_changes_nothing() -> None:
    asked.when(MAKE).then_nothing()


def test_another_call_needs_another_id() -> None:
    asked.when(replace(MAKE, site="zuidoost")).then_rejected("call-id-used")
    asked.when(replace(MAKE, body={})).then_rejected("call-id-used")


def test_one_that_would_lapse_at_once_is_not_made() -> None:
    calls.when(replace(MAKE, expires_at=AT)).then_rejected("call-expired")
