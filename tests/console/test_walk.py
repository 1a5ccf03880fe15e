"""The walk round the house: every place as it is known, and whom it counts for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.console.walk import Spot, walk
from services.console.words import words
from tests.console.test_board import NOW, WEST, place, stay


def spots(*places: dict[str, Any], stays: list[dict[str, Any]] | None = None) -> list[Spot]:
    made = walk(WEST, places, stays or [], NOW, words("en"))
    return [spot for _, inside in made.rooms for spot in inside]


def test_a_couple_in_two_places_is_two_people() -> None:
    first, second = spots(place("a", "occupied"), place("b", "occupied"), stays=[stay("a", "b", household_size=2)])
    assert (first.present, first.people, second.present, second.people) == (True, 2, True, 0)
    assert first.about == "2 people"


def test_whoever_is_away_is_not_expected_to_be_seen() -> None:
    (spot,) = spots(place("a", "occupied"), stays=[stay("a", away_until=(NOW + timedelta(days=1)).isoformat())])
    assert not spot.present
    assert "away until" in spot.about


def test_a_place_that_is_not_occupied_counts_one_when_somebody_is_found_there() -> None:
    free, held, blocked = spots(place("a"), place("b", "held"), place("c", "blocked"))
    assert {(spot.present, spot.people) for spot in (free, held, blocked)} == {(False, 1)}
    assert [spot.about for spot in (free, held, blocked)] == ["Free", "Held", "Blocked"]


def test_rooms_come_in_order_with_every_kind_the_house_has() -> None:
    made = walk(
        WEST, [place("a", room="10"), place("b", room="2", kind="night_shelter"), place("x", "closed", room="1")], [],
        NOW, words("nl"),
    )  # fmt: skip
    assert [title for title, _ in made.rooms] == ["Kamer 2", "Kamer 10"]
    assert made.kinds == {"night_shelter": "Nachtopvang", "shelter_24h": "24-uursopvang"}
    assert made.rooms[0][1][0].name == "Kamer 2, plek 1"
