"""A house that closes its doors."""

import pytest
from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement.publish import figures
from tests.placement.record_night.nights import night
from tests.placement.sample import (
    A1,
    A2,
    A3,
    AT,
    B1,
    HOLD,
    STAY,
    at_place,
    began,
    begin,
    blocked,
    end,
    ended,
    held,
    hold,
    opened,
    west,
)

CLOSE = cmd.CloseLocation(at=AT, role="coordinator", location="west")
HOUSE = west.given(opened(A1, A2, A3), opened(B1, room="b"), held(A1), began(A2), blocked(A3))
CLOSED = HOUSE.after(CLOSE)


def test_holds_are_cancelled_with_the_reason_and_who_lives_there_stays() -> None:
    state = (
        HOUSE.when(CLOSE)
        .then(
            ev.HoldCancelled(HOLD, (A1,), AT, "location-closed"),
            ev.ClosingPlanned((A2,), AT),
            ev.PlacesClosed((A1, A3, B1), AT, AT),
            ev.LocationClosed("west", AT),
        )
        .state
    )
    assert list(state.stays) == [STAY]
    assert [(row.total, row.occupied) for row in figures(state).read().rows] == [(1, 1)]


def test_the_last_place_closes_when_its_stay_ends() -> None:
    state = CLOSED.when(end()).then(ended(A2), ev.PlacesClosed((A2,), AT, AT)).state
    assert not state.places


def test_closing_again_changes_nothing() -> None:
    CLOSED.when(CLOSE).then_nothing()


@pytest.mark.parametrize("command", [
    hold(kind="shelter_24h"), begin(kind="shelter_24h"), night(1, 0, 0),
    cmd.OpenPlaces(at=AT, role="operator", location="west", place_ids=(B1,), kind="shelter_24h", room="c"),
    cmd.MoveStay(at=AT, role="operator", location="west", stay_id=STAY, place_ids=(B1,)),
])  # fmt: skip
def test_nobody_new_and_nothing_new_in_a_closed_house(command: cmd.LocationCommand) -> None:
    CLOSED.when(command).then_rejected("location-closed", location="west")


def test_a_house_nobody_knows() -> None:
    at_place.when(CLOSE).then_rejected("location-unknown")
    HOUSE.when(replace(CLOSE, location="noord")).then_rejected("location-unknown")
