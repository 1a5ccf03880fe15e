"""The walk round the house: every place as it is known, and whom it counts for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from services.console.walk import Spot, walk
from services.console.words import words
from tests.console.scripts import on_a_page
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


def test_a_count_that_was_refused_for_the_clock_is_taken_when_it_is_sent_once_more(tmp_path: Path) -> None:
    """Under the key and the time of the first try it would be refused for ever, and the walk was for nothing."""
    first, second = on_a_page(
        tmp_path,
        """element("main").dataset.kinds = JSON.stringify({ night_shelter: "Night shelter" });
        element("main").dataset.texts = JSON.stringify({ people: "{n}", refusals: { other: "refused" } });
        globalThis.fetch = async (path, { headers, body }) => {
          sent.push([headers["Idempotency-Key"], JSON.parse(body).observed_at]);
          const said = { status: 422, headers: { Date: "Fri, 09 Jan 2026 22:00:00 GMT" } };
          return new Response('{"code": "observed-in-future"}', said);
        };
        await import("./walk.js");
        for (let n = 0; n < 2; n++) await elements.walk.listeners.submit({ preventDefault() {} });
        return sent;""",
    )
    assert first[0] != second[0]
    assert second[1].startswith("2026-01-09T22:0")
