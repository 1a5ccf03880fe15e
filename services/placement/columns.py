"""Capacity in columns that others read: one table of our own, and HSDS `service_capacity` of Open Referral.

What is told of a site that fell silent is never one confident number: every table has the bounds, or the sure end of
them with the reason in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shared.ids import derived_id

COUNTS = ("total", "occupied", "held", "blocked", "overflow", "available", "available_min", "available_max", "people")

CAPACITY: Mapping[str, type] = {
    "as_of": str, "site": str, "location": str, "title": str, "district": str, "kind": str,
    **dict.fromkeys(COUNTS, int),
    "observed_at": str, "freshness": str, "link": str, "silent_seconds": int, "incomplete": str,
}  # fmt: skip
"""Counts are places, `people` are people, times are RFC 3339 in UTC. `as_of`: when the figures were asked for.
`observed_at`: the newest look of a person there. `link`: how the site is heard (live, late, silent, unknown);
`silent_seconds`: for how long it has not been. `incomplete`: why its figures may be behind. `available_min` and
`available_max` are what may be true now; they differ from `available` only while a site is silent or incomplete."""

SERVICE_CAPACITY: Mapping[str, type] = {
    "id": str, "service_id": str, "unit_id": str, "unit_name": str, "available": int, "maximum": int,
    "description": str, "updated": str,
}  # fmt: skip
"""Open Referral HSDS 3.1, `service_capacity`, with the name of its `unit` beside its id. A service is one kind of place
at one location; its ids are derived from those names and stay the same. available: what is sure; maximum: places with
overflow, blocked ones too. updated: the newest look of a person, or, where there was none, when this was asked."""

UNIT_NAME = "place"


def capacity_rows(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Our own table. answer: of `GET /capacity`."""
    for row in answer["rows"]:
        yield {"as_of": answer["as_of"], **{name: row[name] for name in CAPACITY if name != "as_of"}}


def service_capacity_rows(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The same as HSDS has it. answer: of `GET /capacity`."""
    for row in answer["rows"]:
        service = ("hsds", row["site"], row["location"], row["kind"])
        yield {
            "id": derived_id(*service, "capacity"),
            "service_id": derived_id(*service),
            "unit_id": derived_id("hsds", "unit", UNIT_NAME),
            "unit_name": UNIT_NAME,
            "available": row["available_min"],
            "maximum": row["total"] + row["overflow"],
            "description": _in_words(row),
            "updated": row["observed_at"] or answer["as_of"],
        }


def _in_words(row: Mapping[str, Any]) -> str:
    low, high = row["available_min"], row["available_max"]
    parts = [f"{row['title']}, {row['kind']}: {low if low == high else f'{low} to {high}'} free"]
    if row["link"] != "live":
        silent = row["silent_seconds"]
        parts.append(f"{row['site']} {row['link']}" + ("" if silent is None else f" for {silent} seconds"))
    if row["incomplete"]:
        parts.append(f"{row['site']} incomplete: {row['incomplete']}")
    if row["overflow"]:
        parts.append(f"{row['overflow']} places are overflow")
    return "; ".join(parts)
