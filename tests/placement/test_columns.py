"""Capacity in columns others read: the counts as they are, and of a silent site never one confident number."""

from __future__ import annotations

from typing import Any

from services.placement.columns import CAPACITY, SERVICE_CAPACITY, capacity_rows, service_capacity_rows

LIVE: dict[str, Any] = {
    "site": "west", "location": "west", "title": "Huis West", "district": "West", "kind": "night_shelter", "total": 10,
    "occupied": 4, "held": 1, "blocked": 2, "overflow": 1, "available": 4, "available_min": 4, "available_max": 4,
    "people": 5, "observed_at": "2026-01-10T20:00:00Z", "freshness": "fresh", "link": "live", "silent_seconds": 0,
    "incomplete": None,
}  # fmt: skip
SILENT = LIVE | {
    "site": "noord", "link": "silent", "available_min": 0, "available_max": 9, "silent_seconds": 1380,
    "observed_at": None, "incomplete": "decode-failed",
}  # fmt: skip
ANSWER = {"as_of": "2026-01-10T21:00:00Z", "rows": [LIVE, SILENT]}


def test_our_own_table_has_every_column_and_the_bounds() -> None:
    live, silent = capacity_rows(ANSWER)
    assert list(live) == list(CAPACITY)
    assert live == {"as_of": ANSWER["as_of"], **LIVE}
    assert (silent["available_min"], silent["available_max"], silent["silent_seconds"]) == (0, 9, 1380)


def test_hsds_says_what_is_sure_and_in_words_why_it_is_no_more() -> None:
    live, silent = service_capacity_rows(ANSWER)
    assert list(live) == list(SERVICE_CAPACITY)
    assert (live["available"], live["maximum"], live["updated"]) == (4, 11, "2026-01-10T20:00:00Z")
    assert live["description"] == "Huis West, night_shelter: 4 free; 1 places are overflow"
    assert (silent["available"], silent["updated"]) == (0, ANSWER["as_of"])
    assert "0 to 9 free; noord silent for 1380 seconds; noord incomplete: decode-failed" in silent["description"]


def test_an_id_is_always_the_same_and_never_anothers() -> None:
    again = list(service_capacity_rows(ANSWER))
    assert [row["id"] for row in again] == [row["id"] for row in service_capacity_rows(ANSWER)]
    assert len({row["id"] for row in again} | {row["service_id"] for row in again}) == 4
    assert len({row["unit_id"] for row in again}) == 1
