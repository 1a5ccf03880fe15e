"""Who has not been seen for some nights is proposed for ending, dated when they were last seen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest_asyncio

from services.placement.absences import Absence, absences, night_of
from services.placement.decider_location import Stay
from tests.placement.sample import A1, A2, A3, AT, STAY, STAY2, after
from tests.support.desk import Desk, open_desk

LONG_AGO = AT - timedelta(days=30)
NOW = after(days=4, hours=12)


def stay(*place_ids: str, **fields: Any) -> Stay:
    """Somebody who lives in a bed for a month, last touched by the stream's tenth event."""
    given: dict[str, Any] = {
        "id": STAY, "place_ids": place_ids or (A1,), "kind": "shelter_24h", "household_size": 1, "began_at": LONG_AGO,
        "version": 10,
    }  # fmt: skip
    return Stay(**(given | fields))


def walk(day: int, *missing: str, **fields: Any) -> dict[str, Any]:
    """The head count of an evening, at nine; 20 people were expected."""
    return {
        "observed_at": after(days=day), "missing": list(missing), "kind": "shelter_24h", "counted": 20 - len(missing),
        "expected": 20, "superseded": False, "version": 100 + day,
    } | fields  # fmt: skip


def found(*walks: dict[str, Any], of: Stay | None = None, nights: int = 3) -> list[Absence]:
    return absences([of or stay()], walks, NOW, nights)


def test_three_nights_in_a_row_make_a_proposal_dated_at_last_seen() -> None:
    (absence,) = found(walk(0), walk(1, A1), walk(3, A1), walk(2, A1))
    assert (absence.nights, absence.last_seen_at, absence.end_at) == (3, AT, AT)
    assert found(walk(0), walk(1, A1), walk(2, A1)) == []
    assert [one.nights for one in found(walk(1, A1), nights=1)] == [1]


def test_a_night_in_which_they_were_seen_begins_it_anew() -> None:
    assert found(walk(0, A1), walk(1, A1), walk(2, A2), walk(3, A1), walk(4, A1)) == []


def test_two_walks_in_one_night_are_one_night() -> None:
    again = walk(2, A1, observed_at=after(days=2, hours=6))
    assert found(walk(1, A1), walk(2, A1), again) == []
    late = walk(3, A1, observed_at=after(days=2, hours=6))
    assert found(walk(0, A1), walk(1, A1), walk(2), late, nights=1) == [], "seen that evening, out before dawn"


def test_a_count_without_places_says_nothing_of_anybody() -> None:
    counted = walk(2, counted=18)
    assert [one.nights for one in found(walk(0), walk(1, A1), counted, walk(3, A1), walk(4, A1))] == [3]


def test_a_count_of_another_kind_or_one_a_newer_look_has_overtaken_says_nothing() -> None:
    assert found(walk(1, A1), walk(2, A1), walk(3, A1, superseded=True)) == []
    assert found(walk(1, A1), walk(2, A1), walk(3, A1, kind="night_shelter")) == []


def test_a_household_is_there_while_one_of_its_places_is_used() -> None:
    both = stay(A1, A2)
    assert found(walk(1, A1), walk(2, A1), walk(3, A1), of=both) == []
    assert [one.nights for one in found(walk(1, A1, A2), walk(2, A2, A1), walk(3, A1, A2, A3), of=both)] == [3]


def test_whoever_is_away_with_the_place_kept_is_not_missing() -> None:
    walks = (walk(1, A1), walk(2, A1), walk(3, A1))
    assert found(*walks, of=stay(away_until=NOW + timedelta(days=1))) == []
    assert [one.nights for one in found(*walks, of=stay(away_until=after(days=1, hours=12)), nights=1)] == [2]


def test_what_was_missing_before_somebody_dealt_with_the_stay_is_another_matter() -> None:
    """The bed was empty for days, then this household moved into it."""
    moved = stay(version=103, tapped_at=after(days=2, hours=1))
    assert found(walk(1, A1), walk(2, A1), walk(3, A1), walk(4, A1), of=moved) == []
    (absence,) = found(walk(1, A1), walk(2, A1), walk(3, A1), walk(4, A1), of=moved, nights=2)
    assert (absence.nights, absence.last_seen_at) == (2, after(days=2, hours=1))


def test_stays_that_only_reports_know_are_nobodys_to_look_for() -> None:
    assert found(walk(1, A1), walk(2, A1), walk(3, A1), of=stay(programme="12251")) == []


def test_the_longest_missing_comes_first_and_an_end_can_always_be_tapped() -> None:
    walks = [*(walk(day, A1) for day in range(-20, 1)), *(walk(day, A1, A2) for day in (1, 2, 3))]
    other = stay(A2, id=STAY2)
    first, second = absences([other, stay()], walks, NOW)
    assert (first.stay.id, second.stay.id) == (STAY, STAY2)
    assert first.end_at == NOW - timedelta(days=7) + timedelta(hours=1) > first.last_seen_at


def test_a_night_is_the_citys() -> None:
    assert night_of(after(hours=0)) == night_of(after(hours=14)) == AT.date()
    assert night_of(after(hours=15)) == AT.date() + timedelta(days=1)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[Desk]:
    async with open_desk() as opened:
        yield opened


async def test_the_board_proposes_and_the_end_is_dated_as_proposed(desk: Desk) -> None:
    first, second = await desk.opened()
    gone = (await desk.post("/stays", json={"place_ids": [first]})).json()["id"]
    await desk.post("/stays", json={"place_ids": [second]})
    began = desk.clock.now()
    for day in (1, 2, 3):
        assert (await desk.get("/absences", location="west")).json()["items"] == []
        desk.clock.ahead = timedelta(days=day)
        body = {"location": "west", "kind": "shelter_24h", "counted": 1, "occupied_place_ids": [second]}
        assert (await desk.post("/head-counts", json=body)).status_code == 201
    (proposal,) = (await desk.get("/absences", location="west")).json()["items"]
    assert (proposal["stay_id"], proposal["nights"], proposal["place_ids"]) == (gone, 3, [first])
    assert proposal["last_seen_at"] <= began.isoformat()
    ended = {"reason": "left_without_notice", "observed_at": proposal["end_at"]}
    assert (await desk.post(f"/stays/{gone}/end", json=ended)).status_code == 200
    assert (await desk.get(f"/stays/{gone}")).json()["ended_at"] == proposal["last_seen_at"]
    assert (await desk.get("/absences")).json()["items"] == []
    assert (await desk.get("/absences", nights=0)).status_code == 422
    assert (await desk.get("/absences", "coordinator")).status_code == 403
