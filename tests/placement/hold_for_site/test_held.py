"""A hold asked for by another site, given."""

from msgspec.structs import replace

from services.placement import events as ev
from services.placement.publish import tell
from shared.contracts import hold_letters
from shared.contracts.base import Draft
from tests.placement.sample import A1, A2, AT, HOLD, STAY, after, asked, asked_for, held, opened, west

ROOMY = west.given(opened(A1, A2))
HELD = ROOMY.given(asked(), held(A1))


def answers(*events: ev.LocationEvent) -> list[tuple[str, str, str]]:
    """Addressee, request and status of every letter told with these events after a hold was given."""
    letters = [item.contract for item in tell(HELD.state, events, HELD.given(*events).state)]
    return [
        (draft.to, draft.request_id, draft.body.status)
        for draft in letters
        if isinstance(draft, Draft) and isinstance(draft.body, hold_letters.HoldAnsweredBody)
    ]


def test_another_site_gets_the_best_fit_and_is_remembered() -> None:
    state = ROOMY.when(asked_for()).then(asked(), held(A1)).state
    assert (state.guests[HOLD].site, state.guests[HOLD].status) == ("noord", "active")


def test_it_is_kept_no_longer_than_somebody_waits_for_it() -> None:
    late = asked_for(expires_at=after(minutes=20))
    shorter = replace(held(A1), expires_at=after(minutes=20))
    ROOMY.when(late).then(replace(asked(), expires_at=after(minutes=20)), shorter)


def test_asked_again_the_answer_is_told_again_and_nothing_else_happens() -> None:
    again = ev.AnswerRepeated(HOLD, AT)
    assert HELD.when(asked_for()).then(again).state.holds.keys() == {HOLD}
    assert answers(again) == [("noord", HOLD, "active")]


def test_the_site_hears_how_it_ended_however_that_was() -> None:
    arrived = ev.StayBegan(STAY, (A1,), "shelter_24h", 1, AT, AT, HOLD)
    assert answers(arrived) == [("noord", HOLD, "checked_in")]
    assert answers(ev.HoldCancelled(HOLD, (A1,), AT)) == [("noord", HOLD, "cancelled")]
    assert answers(ev.HoldLapsed(HOLD, (A1,), AT)) == [("noord", HOLD, "lapsed")]


def test_an_own_hold_is_nobody_elses_business() -> None:
    events = [held(A2, hold_id=STAY)]
    assert answers(*events) == []


def test_what_ended_long_ago_is_forgotten() -> None:
    ended = HELD.given(ev.HoldLapsed(HOLD, (A1,), AT))
    later = after(days=3)
    other = asked_for(hold_id=STAY, at=later, expires_at=after(days=3, minutes=90))
    state = ended.when(other).then(
        replace(asked(hold_id=STAY), at=later, expires_at=after(days=3, minutes=90)),
        replace(held(A1, hold_id=STAY), at=later, expires_at=after(days=3, minutes=90)),
    ).state  # fmt: skip
    assert state.guests.keys() == {STAY}
