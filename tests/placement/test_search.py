"""Where there is room: the nearest match first, every line with its age and what is sure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.placement.capacity import Found, SiteLink, Wanted, rooms, search
from tests.placement.sample import AT

LIVE = SiteLink("live", 1.0)
SILENT = SiteLink("silent", 700.0)


def row(location: str, total: int = 2, occupied: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "origin": f"{more.get('site', 'west')}/placement", "site": "west", "location": location, "kind": "shelter_24h",
        "size_class": "1", "feature_class": "", "title": location.title(), "district": "West", "total": total,
        "overflow": 0, "occupied": occupied, "held": 0, "blocked": 0, "people": occupied, "observed_at": AT,
    } | more  # fmt: skip


def look(
    *rows: dict[str, Any],
    size: int = 1,
    features: tuple[str, ...] = (),
    district: str | None = None,
    limit: int | None = None,
) -> list[Found]:
    links = {"west": LIVE, "noord": SILENT}
    return search(rooms(rows), Wanted(size, frozenset(features), district), AT, links.__getitem__, limit=limit)


def names(found: list[Found]) -> list[str]:
    return [one.location for one in found]


def test_much_room_comes_before_little_and_none_not_at_all() -> None:
    found = look(row("a"), row("b", 5), row("c", 2, 2))
    assert [(one.location, one.available, one.available_min) for one in found] == [("b", 5, 5), ("a", 2, 2)]


def test_what_lacks_nothing_comes_first_and_what_is_missing_is_said() -> None:
    found = look(row("plain", 9), row("pets", feature_class="pets+quiet"), features=("pets",))
    assert [(one.location, one.missing_features) for one in found] == [("pets", []), ("plain", ["pets"])]


def test_only_the_nearest_places_of_a_house_are_counted() -> None:
    (one,) = look(row("a", 9), row("a", 2, feature_class="pets"), features=("pets",))
    assert (one.available, one.missing_features) == (2, [])


def test_a_silent_site_comes_last_and_nothing_there_is_sure() -> None:
    found = look(row("far", 50, site="noord"), row("near"))
    assert [(one.location, one.available_min, one.link, one.silent_seconds) for one in found] == [
        ("near", 2, "live", 1), ("far", 0, "silent", 700),
    ]  # fmt: skip


def test_one_place_for_a_household_comes_before_several_and_a_family_is_never_split() -> None:
    found = look(row("singles", 9), row("doubles", 1, size_class="2"), row("one", 1), size=2)
    assert [(one.location, one.whole) for one in found] == [("doubles", True), ("singles", False)]
    units = look(row("small", 9, kind="family_shelter", size_class="2"), size=3)
    assert units == []
    (unit,) = look(row("large", 1, kind="family_shelter", size_class="3-4"), size=3)
    assert unit.whole


def test_the_district_asked_for_comes_first_then_the_freshest() -> None:
    rows = (row("a", 9, district="Oost"), row("b", observed_at=AT - timedelta(hours=9)), row("c"))
    assert names(look(*rows, district="West")) == ["c", "b", "a"]
    assert [one.freshness for one in look(*rows, district="West")] == ["fresh", "stale", "fresh"]


def test_only_as_many_are_found_as_are_asked_for_and_they_are_the_nearest() -> None:
    rows = [row(f"house-{number}", total=number + 1) for number in range(9)]
    assert names(look(*rows, limit=3)) == names(look(*rows))[:3] == ["house-8", "house-7", "house-6"]
