"""An ask never leads to nothing: whoever asks is answered. Only the owner's own timer may find nothing to do."""

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import A1, AT, HOLD, asked, asked_for, held, opened, west


def test_a_timer_of_a_hold_that_another_site_called_off_finds_nothing() -> None:
    gone = west.given(opened(A1), asked(), held(A1), ev.HoldCancelled(HOLD, (A1,), AT))
    gone.when(cmd.LapseHold(at=AT, role="system", location="west", hold_id=HOLD)).then_nothing()


def test_a_refused_ask_is_not_given_a_place_that_became_free() -> None:
    refused = west.given(asked(), ev.HoldRefused(HOLD, "no-place-free", AT), opened(A1))
    state = refused.when(asked_for()).then(ev.AnswerRepeated(HOLD, AT)).state
    assert (state.holds, state.guests[HOLD].code) == ({}, "no-place-free")
