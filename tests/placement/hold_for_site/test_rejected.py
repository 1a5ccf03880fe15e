"""Asks of other sites that are refused: most of them with an answer, which is an event."""

import pytest
from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import decider_sites
from services.placement import events as ev
from tests.placement.sample import (
    A1,
    AT,
    HOLD,
    HOLD2,
    LOCATION_OPENED,
    after,
    asked,
    asked_for,
    at_place,
    held,
    opened,
    west,
)

ROOM = west.given(opened(A1))


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (asked_for(size=4), "household-too-large"),
        (asked_for(size=0), "household-size-invalid"),
        (asked_for(kind="medical_respite"), "no-place-free"),
        (asked_for(kind="allowance"), "kind-without-beds"),
        (asked_for(minutes=29), "hold-minutes-out-of-range"),
        (asked_for(features=("sea_view",)), "feature-unknown"),
        (asked_for(at=after(minutes=90)), "hold-lapsed"),
    ],
)
def test_the_asking_site_is_told_why_not(command: cmd.HoldForSite, code: str) -> None:
    state = ROOM.when(command).then(
        replace(asked(), at=command.at), ev.HoldRefused(HOLD, code, command.at)
    ).state  # fmt: skip
    assert state.guests[HOLD].status == ("lapsed" if code == "hold-lapsed" else "refused")
    assert state.places[A1].status == "free"


def test_a_hold_of_this_site_or_of_another_one_is_not_theirs() -> None:
    ROOM.given(held(A1)).when(asked_for()).then_rejected("hold-id-used")
    ROOM.given(held(A1), ev.HoldLapsed(HOLD, (A1,), AT)).when(asked_for()).then_rejected("hold-id-used")
    ROOM.given(asked(), held(A1)).when(asked_for(site="zuidoost")).then_rejected("hold-id-used")
    ROOM.given(ev.HoldCalledOff(HOLD, "noord", AT, AT)).when(
        cmd.HoldPlaces(at=AT, role="operator", location="west", hold_id=HOLD, kind="shelter_24h")
    ).then_rejected("hold-id-used")  # fmt: skip


def test_a_location_nobody_has_opened_is_an_answer_too_and_can_be_opened_afterwards() -> None:
    refused = at_place.when(asked_for()).then(asked(), ev.HoldRefused(HOLD, "location-unknown", AT))
    assert not refused.state.exists
    refused.when(asked_for()).then(ev.AnswerRepeated(HOLD, AT))
    opening = cmd.OpenLocation(at=AT, role="operator", location="west", title="Huis West", district="Nieuw-West",
                               site="west")  # fmt: skip
    refused.when(opening).then(LOCATION_OPENED).given(opened(A1)).when(asked_for(hold_id=HOLD2)).then(
        asked(hold_id=HOLD2), held(A1, hold_id=HOLD2)
    )


def test_names_that_are_none() -> None:
    ROOM.when(asked_for(site="No Ord")).then_rejected("site-invalid")
    ROOM.when(asked_for(hold_id="x")).then_rejected("id-invalid")
    ROOM.when(replace(asked_for(), location="nowhere")).then_rejected("location-unknown")


def test_nobody_fills_the_memory_with_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decider_sites, "GUESTS_MAX", 1)
    full = ROOM.given(asked(), ev.HoldRefused(HOLD, "no-place-free", AT))
    full.when(asked_for(hold_id=HOLD2)).then_rejected("too-many-asked", asked_max=1)
    later = after(days=3)
    full.when(asked_for(hold_id=HOLD2, at=later, expires_at=later)).then(
        replace(asked(hold_id=HOLD2), at=later, expires_at=later), ev.HoldRefused(HOLD2, "hold-lapsed", later)
    )


def test_a_house_that_is_closed_says_so() -> None:
    ROOM.given(ev.LocationClosed("west", AT)).when(asked_for()).then(
        asked(), ev.HoldRefused(HOLD, "location-closed", AT)
    )
