"""Streams and sites on the screen: what is whole is not marked, what is not is named with where to begin."""

from __future__ import annotations

import copy
from typing import Any

from services.console.standing import Standing, standing
from services.console.words import words
from tests.console.test_state import SAID

EN = words("en")
ROWS = [
    {"site": "west", "occupied": 3, "held": 1}, {"site": "west", "occupied": 2, "held": 0},
    {"site": "noord", "occupied": 0, "held": 0}, {"site": "stad", "occupied": 0, "held": 0},
]  # fmt: skip
LINKS = [{"site": name, "state": "live", "silent_seconds": 1.0} for name in ("stad", "noord")]


def seen(**more: Any) -> Standing:
    said = copy.deepcopy(SAID) | {"links": LINKS} | more
    return standing({"placement": said, "intake": None}, ROWS, ["stad", "west", "noord"], "west", {"stad"}, EN)


def log(**more: Any) -> dict[str, Any]:
    first: dict[str, Any] = SAID["logs"][0]
    return first | more


def test_a_log_that_is_whole_needs_nothing() -> None:
    [line] = seen().logs
    assert (line.told, line.published, line.verdict, line.command, line.alarm) == ("1,240", "1,240", "Whole", "", False)


def test_a_stream_may_be_filled_anew_from_the_screen_while_its_service_knows_that_nobody_has_heard_more() -> None:
    [whole] = seen().logs
    [behind] = seen(logs=[log(published=1_200)]).logs
    assert whole.fillable
    assert behind.fillable
    for more in ({"logs": [log(published=None)]}, {"logs": [log(doubted=True)]}, {"halted": "others have heard 9"}):
        [line] = seen(**more).logs
        assert not line.fillable, more


def test_a_log_that_is_not_whole_says_what_would_be_put_on_it_and_where_to_begin() -> None:
    for more, verdict, command in (
        ({"logs": [log(published=1_200)]}, "40 are still to be put on it", "plek repair streams --dry-run"),
        ({"logs": [log(published=None)]}, "all 1,240 would be put on it", "plek repair streams --dry-run"),
        ({"logs": [log(doubted=True)]}, "Others must say first", "plek doctor"),
        ({"halted": "others have heard 9"}, "nothing is filled before", "plek repair origin west placement --dry-run"),
    ):
        [line] = seen(**more).logs
        assert verdict in line.verdict
        assert (line.command, line.alarm) == (command, True)


def test_what_speaks_against_leaving_stands_beside_each_site() -> None:
    noord, stad, west = seen().sites
    assert (noord.against, noord.command) == ([], "plek site remove noord --dry-run")
    assert (stad.against, stad.command) == (["The network cannot be without it."], "")
    assert (west.occupied, west.held, west.link) == ("5", "1", "live")
    assert west.against == ["5 places are occupied and 1 held."]


def test_a_site_that_is_not_heard_or_not_read_to_its_end_is_not_to_leave() -> None:
    silent = [LINKS[0], LINKS[1] | {"state": "silent"}]
    reader = SAID["readers"][0] | {"behind": {"noord/placement": 4, "noord/intake": 9}}
    noord = seen(links=silent, readers=[reader]).sites[0]
    assert noord.against == [
        "It is not heard now: what it has is not known.", "9 of its messages are not read here yet.",
    ]  # fmt: skip
    west = seen(halted="others have heard 9").sites[2]
    assert "A service of it does not know whether others heard what it has." in west.against
    assert seen(links=[]).sites[0].link == "unknown"


def test_what_does_not_answer_is_not_nobody() -> None:
    """No places in use, and nobody who says so, are not the same: a site with people in it must not look empty."""
    there = standing({"placement": None, "intake": SAID | {"links": LINKS}}, None, ["noord"], "west", {"stad"}, EN)
    [noord] = there.sites
    assert (noord.occupied, noord.held) == ("", "")
    assert noord.against == ["It is not known how many live there: the places service does not answer."]


def test_a_site_is_heard_as_badly_as_by_the_service_that_hears_it_worst() -> None:
    silent = [LINKS[0], LINKS[1] | {"state": "silent"}]
    said = {"placement": SAID | {"links": silent}, "console": SAID | {"links": LINKS}}
    [noord] = standing(said, ROWS, ["noord"], "west", {"stad"}, EN).sites
    assert (noord.link, noord.against) == ("silent", ["It is not heard now: what it has is not known."])
