"""Somebody was expected and did not come: the hold ends, once, and its places are free."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement.policy import timers
from services.placement.publish import tell
from shared.contracts import placement as told
from shared.timers import TimerCleared
from tests.placement.sample import A1, AT, HOLD, after, asked, held, how_ended, opened, uid, west

NOTE = cmd.NoteNoShow(at=AT, role="operator", location="west", hold_id=HOLD)
NOTED = ev.NoShowNoted(HOLD, (A1,), AT)
HELD = west.given(opened(A1), held(A1))


def test_the_place_is_free_and_the_timer_is_gone() -> None:
    state = HELD.when(NOTE).then(NOTED).state
    assert (state.places[A1].status, how_ended(state)) == ("free", "no_show")
    assert timers([NOTED]) == [TimerCleared(f"hold/{HOLD}")]


def test_others_are_told_that_it_was_a_no_show_also_who_asked_for_it() -> None:
    before = west.given(opened(A1), asked(), held(A1)).state
    after_it = HELD.given(asked()).state
    state = west.given(opened(A1), asked(), held(A1), NOTED).state
    contracts = [telling.contract for telling in tell(before, [NOTED], state)]
    assert [contract.how for contract in contracts if isinstance(contract, told.HoldEnded)] == ["no_show"]
    assert state.guests[HOLD].status == "no_show"
    assert after_it.guests[HOLD].status == "active"


def test_the_same_again_changes_nothing() -> None:
    HELD.given(NOTED).when(NOTE).then_nothing()


def test_one_that_ended_otherwise_lapsed_changed_or_never_was() -> None:
    HELD.given(ev.HoldCancelled(HOLD, (A1,), AT)).when(NOTE).then_rejected("hold-ended", how="cancelled")
    HELD.when(replace(NOTE, at=after(minutes=90))).then_rejected("hold-lapsed")
    HELD.when(replace(NOTE, if_version=9)).then_rejected("version-stale")
    HELD.given(NOTED).when(replace(NOTE, if_version=3)).then_rejected("version-stale")
    HELD.when(replace(NOTE, hold_id=uid(9))).then_rejected("hold-unknown")
