"""A hold another site gives up, before or after it was given."""

import pytest
from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import decider_sites
from services.placement import events as ev
from tests.placement.sample import A1, AT, HOLD, HOLD2, STAY, after, asked, asked_for, held, opened, west

OFF = cmd.CallOffForSite(
    at=AT, role="system", location="west", hold_id=HOLD, site="noord", expires_at=after(minutes=90)
)
ROOM = west.given(opened(A1))
HELD = ROOM.given(asked(), held(A1))
CALLED_OFF = ev.HoldCalledOff(HOLD, "noord", after(minutes=90), AT)


def test_the_place_is_free_again() -> None:
    state = HELD.when(OFF).then(ev.HoldCancelled(HOLD, (A1,), AT)).state
    assert (state.places[A1].status, state.guests[HOLD].status) == ("free", "cancelled")


def test_before_the_ask_has_come_it_is_remembered_and_the_ask_gets_nothing() -> None:
    state = ROOM.when(OFF).then(CALLED_OFF).when(asked_for()).then(ev.AnswerRepeated(HOLD, AT)).state
    assert (state.holds, state.guests[HOLD].status) == ({}, "cancelled")


def test_a_hold_whose_time_is_over_has_lapsed() -> None:
    HELD.when(replace(OFF, at=after(minutes=90))).then(ev.HoldLapsed(HOLD, (A1,), after(minutes=90)))


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (ev.StayBegan(STAY, (A1,), "shelter_24h", 1, AT, AT, HOLD), "checked_in"),
        (ev.HoldLapsed(HOLD, (A1,), AT), "lapsed"),
        (ev.HoldCancelled(HOLD, (A1,), AT), "cancelled"),
    ],
)
def test_what_has_ended_stays_as_it_ended_and_is_told_again(end: ev.LocationEvent, status: str) -> None:
    state = HELD.given(end).when(OFF).then(ev.AnswerRepeated(HOLD, AT)).state
    assert state.guests[HOLD].status == status


def test_a_timer_finds_nothing_left_to_do() -> None:
    lapse = cmd.LapseHold(at=after(minutes=90), role="system", location="west", hold_id=HOLD)
    HELD.when(OFF).then(ev.HoldCancelled(HOLD, (A1,), AT)).when(lapse).then_nothing()


def test_only_the_site_that_asked_may() -> None:
    HELD.when(replace(OFF, site="zuidoost")).then_rejected("hold-id-used")
    ROOM.given(held(A1)).when(OFF).then_rejected("hold-id-used")
    ROOM.given(held(A1), ev.HoldLapsed(HOLD, (A1,), AT)).when(OFF).then_rejected("hold-id-used")
    ROOM.when(replace(OFF, hold_id="x")).then_rejected("id-invalid")
    ROOM.when(replace(OFF, site="")).then_rejected("site-invalid")


def test_nobody_fills_the_memory_with_call_offs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decider_sites, "GUESTS_MAX", 1)
    ROOM.given(CALLED_OFF).when(replace(OFF, hold_id=HOLD2)).then_rejected("too-many-asked")
