"""Where there is room: every line with its bounds and its age, and a hold that is asked of the right site."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.console.find import Found, Line, Wanted, asked, found
from services.console.words import words
from tests.console.test_board import NOW

CAPACITY: dict[str, Any] = {
    "as_of": NOW.isoformat(), "rows": [],
    "totals": dict.fromkeys(
        ("total", "occupied", "held", "blocked", "overflow", "available", "available_min", "available_max"), 0
    ),
}  # fmt: skip
MINUTES_AGO = (NOW - timedelta(minutes=20)).isoformat()


def item(**more: Any) -> dict[str, Any]:
    return {
        "site": "noord", "location": "noord", "title": "Noord", "district": "Noord", "kind": "shelter_24h",
        "available": 3, "available_min": 3, "whole": True, "missing_features": [], "observed_at": MINUTES_AGO,
        "freshness": "fresh", "link": "live", "silent_seconds": 1,
    } | more  # fmt: skip


def looked_for(*items: dict[str, Any], wanted: Wanted | None = None, taps: bool = True) -> Found:
    return found(items, CAPACITY, wanted or Wanted(), "west", taps=taps, words=words("en"))


def line(wanted: Wanted | None = None, **more: Any) -> Line:
    (made,) = looked_for(item(**more), wanted=wanted).lines
    return made


def test_a_line_says_how_many_and_how_old_it_is() -> None:
    made = line()
    assert (made.title, made.kind, made.free, made.certain) == ("Noord", "24-hour shelter", "3 free", True)
    assert (made.seen, made.seen_state, made.link) == ("seen 20 minutes ago", "fresh", "live")
    assert (made.where, made.missing, made.together) == ("", "", "")
    assert line(title="De Brug", district="Noord").where == "Noord"


def test_a_silent_site_has_bounds_and_is_not_certain() -> None:
    made = line(available_min=0, link="silent")
    assert (made.free, made.certain) == ("0 to 3 free", False)
    assert not line(link="late").certain


def test_what_is_missing_is_said() -> None:
    made = line(missing_features=["quiet", "step_free"], whole=False)
    assert made.missing == "without quiet, step-free"
    assert made.together


def test_a_hold_goes_to_the_site_that_has_the_place() -> None:
    wanted = Wanted("shelter_24h", 2, ("quiet", "pets"))
    tap = line(wanted, missing_features=["pets"]).tap
    assert tap is not None
    assert tap.body == {
        "location": "noord", "kind": "shelter_24h", "household_size": 2, "features": ["quiet"], "hold_minutes": 90,
        "site": "noord",
    }  # fmt: skip
    own = line(site="west", location="west").tap
    assert own is not None
    assert "site" not in own.body
    assert own.undo == "/api/placement/holds/{id}/cancel"


def test_who_may_not_hold_gets_no_button() -> None:
    assert [one.tap for one in looked_for(item(), taps=False).lines] == [None]


def test_nothing_free_is_nothing() -> None:
    assert list(looked_for().lines) == []


def held(**more: Any) -> dict[str, Any]:
    return {
        "id": "h1", "site": "noord", "location": "noord", "kind": "shelter_24h", "status": "pending", "version": 3,
        "expires_at": (NOW + timedelta(minutes=90)).isoformat(), "given_up": False,
    } | more  # fmt: skip


def test_only_what_was_asked_of_others_is_listed_the_next_to_end_first() -> None:
    later = held(id="h2", status="active", expires_at=(NOW + timedelta(hours=3)).isoformat())
    mine = held(id="h3", site="west")
    first, second = asked([later, mine, held()], "west", NOW, words("en"))
    assert (first.id, first.status, first.until) == ("h1", "pending", "22:30")
    assert (second.id, second.status) == ("h2", "active")
    assert first.tap is not None
    assert (first.tap.path, first.tap.version) == ("/api/placement/holds/h1/cancel", 3)


def test_what_was_given_up_is_not_given_up_twice() -> None:
    (one,) = asked([held(given_up=True)], "west", NOW, words("en"))
    assert one.tap is None


def test_what_is_agreed_to_while_one_looks_is_listed_once() -> None:
    (one,) = asked([held(), held(status="active", version=4)], "west", NOW, words("en"))
    assert (one.status, one.tap is not None and one.tap.version) == ("active", 4)
