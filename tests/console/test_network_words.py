"""The capacity answer in words: what is certain is a number, what is not is a range and says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.console.network import bar, network
from services.console.words import words

NOW = datetime(2026, 1, 10, 1, 14, 31, tzinfo=UTC)
EN, NL = words("en"), words("nl")
SUMS = ("total", "overflow", "occupied", "held", "blocked", "people", "available", "available_min", "available_max")


def row(site: str = "west", **more: Any) -> dict[str, Any]:
    """A line as the placement service answers it; `more` changes it."""
    given: dict[str, Any] = {
        "site": site, "location": site, "title": site.title(), "district": "", "kind": "shelter_24h", "total": 60,
        "overflow": 0, "occupied": 15, "held": 2, "blocked": 1, "people": 15, "freshness": "fresh", "link": "live",
        "silent_seconds": 1, "incomplete": None, "observed_at": (NOW - timedelta(minutes=12)).isoformat(),
    } | more  # fmt: skip
    places = given["total"] + given["overflow"] - given["blocked"]
    available = places - given["occupied"] - given["held"]
    certain = given["link"] in ("live", "late") and given["incomplete"] is None
    bounds = {"available_min": available if certain else 0, "available_max": available if certain else places}
    return {"available": available} | bounds | given


def answer(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"as_of": NOW.isoformat(), "rows": list(rows), "totals": {n: sum(r[n] for r in rows) for n in SUMS}}


def test_what_is_live_is_a_number() -> None:
    shown = network(answer(row()), "west", EN)
    (site,) = shown.sites
    (line,) = site.lines
    assert (shown.free, shown.certain, shown.doubt) == ("42", True, "")
    assert (line.free, line.certain, line.mark) == ("42 free", True, "")
    assert (site.own, site.link, site.link_words) == (True, "live", "this site")
    assert shown.as_of == "02:14:31"


def test_a_silent_site_makes_a_range_and_is_named() -> None:
    noord = row("noord", link="silent", silent_seconds=1390, total=23, occupied=20, held=0, blocked=0)
    shown = network(answer(row(total=59), noord), "west", EN)
    assert shown.free == "41 to 64"
    assert shown.doubt == "Not certain: Noord silent for 23 minutes."
    assert not shown.certain
    (line,) = shown.sites[1].lines
    assert (line.free, line.certain) == ("0 to 23 free", False)
    assert shown.sites[1].link_words == "for 23 minutes: anything within these bounds may be true"


def test_a_late_site_shows_what_was_last_known_and_says_so() -> None:
    shown = network(answer(row("oost", link="late", silent_seconds=40)), "west", NL)
    (line,) = shown.sites[0].lines
    assert (line.free, line.mark) == ("42 vrij", "laatst bekend")
    assert shown.doubt == "Niet zeker: Oost loopt achter."


def test_a_site_not_heard_yet_and_one_with_a_parked_message_are_not_certain_either() -> None:
    unknown = row("oost", link="unknown", silent_seconds=None)
    parked = row("zuid", incomplete="body-invalid")
    shown = network(answer(unknown, parked), "west", EN)
    assert shown.doubt == "Not certain: Oost not heard yet, Zuid incomplete: a message waits to be looked at."
    assert [line.free for site in shown.sites for line in site.lines] == ["0 to 59 free", "0 to 59 free"]


def test_a_site_of_which_a_message_was_passed_over_is_said_to_be_incomplete_and_nothing_waits() -> None:
    passed_over = row("zuid", incomplete="message-discarded")
    assert network(answer(passed_over), "west", EN).doubt == (
        "Not certain: Zuid incomplete: a message of it was passed over."
    )
    both = network(answer(passed_over, row("zuid", incomplete="body-invalid")), "west", NL)
    assert both.doubt == "Niet zeker: Zuid onvolledig: een bericht wacht op iemand die ernaar kijkt."


def test_freshness_counts_from_the_last_look_of_a_person() -> None:
    def seen(minutes: float | None, freshness: str) -> tuple[str, str]:
        at = None if minutes is None else (NOW - timedelta(minutes=minutes)).isoformat()
        line = network(answer(row(observed_at=at, freshness=freshness)), "west", EN).sites[0].lines[0]
        return line.seen, line.seen_state

    assert seen(0.5, "fresh") == ("seen just now", "fresh")
    assert seen(12, "fresh") == ("seen 12 minutes ago", "fresh")
    assert seen(180, "aging") == ("seen 3 hours ago", "aging")
    assert seen(540, "stale") == ("not seen for 9 hours", "stale")
    assert seen(None, "never") == ("never seen", "never")


def test_the_own_site_comes_first() -> None:
    shown = network(answer(row("amstel"), row("west"), row("noord")), "west", EN)
    assert [site.name for site in shown.sites] == ["west", "amstel", "noord"]


def test_an_empty_network_is_no_error() -> None:
    shown = network(answer(), "stad", EN)
    assert (shown.free, list(shown.sites), shown.doubt) == ("0", [], "")


def test_a_bar_counts_every_place_once() -> None:
    segments = bar({"total": 50, "overflow": 50, "occupied": 60, "held": 10, "blocked": 5})
    assert [(segment.status, segment.x, segment.width) for segment in segments] == [
        ("occupied", 0.0, 120.0), ("held", 120.0, 20.0), ("blocked", 140.0, 10.0),
    ]  # fmt: skip
    assert bar({"total": 0, "overflow": 0, "occupied": 0, "held": 0, "blocked": 0}) == []


def test_a_kind_of_a_newer_site_is_shown_by_its_name() -> None:
    line = network(answer(row(kind="sauna")), "west", EN).sites[0].lines[0]
    assert line.kind == "sauna"


def test_figures_of_public_reports_say_under_which_licence() -> None:
    assert "Open Government Licence" in network(answer(row(), row(location="loc-1103")), "west", EN).licence
    assert network(answer(row(), row(location="location-5")), "west", EN).licence == ""
