"""What waits for a desk: each in the words that matter at the door, the most urgent first, and what may be tapped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.console.waits import Line, Waits, waits
from services.console.words import LANGUAGES, words
from tests.console.test_board import NOW, hold, place

HOUSE = [place("p1", "held"), place("p2", "held"), place("p3", "occupied")]


def at(minutes: float) -> str:
    return (NOW + timedelta(minutes=minutes)).isoformat()


def offered(id_: str, word: str = "expected", **more: Any) -> dict[str, Any]:
    return {
        "id": id_, "word": word, "status": "open" if word == "open" else "accepted", "desk": "noord", "refusals": 0,
        "possible_double": False, "expected_by": None if word == "open" else at(120), "expires_at": at(60),
    } | more  # fmt: skip


def question(id_: str, minutes: float, **more: Any) -> dict[str, Any]:
    return {
        "id": id_, "desk": "noord", "kind": "family_shelter", "household_size": 4, "features": ["quiet"],
        "answer_by": at(minutes),
    } | more  # fmt: skip


def absence(**more: Any) -> dict[str, Any]:
    return {
        "stay_id": "stay-1", "place_ids": ["p3"], "household_size": 1, "nights": 3, "last_seen_at": at(-72 * 60),
        "end_at": at(-72 * 60), "version": 9,
    } | more  # fmt: skip


def shown(language: str = "en", **given: Any) -> Waits:
    holds, offers, questions, absences = (given.get(name, []) for name in ("holds", "offers", "questions", "absences"))
    return waits("west", HOUSE, holds, offers, questions, absences, NOW, words(language))


def held(*place_ids: str, **more: Any) -> dict[str, Any]:
    return hold(*place_ids, location="west", expected_from=None, offer_id=None) | more


def only(lines: Any) -> Line:
    (line,) = lines
    return line  # type: ignore[no-any-return]


def test_a_question_says_for_whom_until_when_and_is_answered_with_one_tap() -> None:
    first, second = shown(questions=[question("q2", 12), question("q1", 4, household_size=1, features=[])]).questions
    assert (first.key, first.about, first.urgent) == ("question q1", "asked by Noord", True)
    assert second.title == "Family shelter"
    assert (second.about, second.clock, second.urgent) == (
        "up to 4 people · quiet · asked by Noord", "answer by 21:12", False,
    )  # fmt: skip
    assert [tap.path for tap in second.taps] == [
        f"/api/placement/offer-questions/q2/{word}" for word in ("yes", "later", "no")
    ]
    assert {str(tap.body) for tap in second.taps} == {"{'location': 'west'}"}


def test_whoever_accepted_is_expected_and_says_a_code() -> None:
    line = only(shown(holds=[held("p1", id="h", offer_id="h", expected_from="noord")], offers=[offered("h")]).expected)
    assert (line.title, line.place, line.clock) == ("Room 101, place 1", "p1", "expected by 23:00")
    assert line.about == "1 person · from Noord"
    check_in, more = line.taps
    assert (check_in.name, check_in.sheet, check_in.path) == ("check_in", "/sheet?location=west&place=p1", "")
    assert more.sheet == check_in.sheet


def test_an_offer_nobody_has_accepted_is_kept_and_not_checked_in() -> None:
    one = held("p1", id="h", offer_id="h", expected_from="noord")
    line = only(shown(holds=[one], offers=[offered("h", "open")]).expected)
    assert ("not accepted yet" in line.about, line.clock) == (True, "kept until 22:30")
    assert [tap.name for tap in line.taps] == ["more"]


def test_a_place_another_site_asked_for_is_checked_in_with_one_tap_also_without_a_connection() -> None:
    line = only(shown(holds=[held("p2", id="h", expected_from="noord")]).expected)
    check_in, _ = line.taps
    assert (check_in.path, check_in.version, check_in.later) == ("/api/placement/holds/h/check-in", 8, True)
    assert shown(holds=[held("p2", id="h")]).expected == []  # of this desk: the tile says all there is to say


def test_who_is_due_first_comes_first() -> None:
    holds = [held("p1", id="a", offer_id="a", expected_from="noord"), held("p2", id="b", expected_from="noord")]
    assert [line.place for line in shown(holds=holds, offers=[offered("a")]).expected] == ["p2", "p1"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"possible_double": True}, "somewhere else"),
        ({"refusals": 1}, "1 wrong code at"),
        ({"refusals": 5}, "has to give a new one"),
    ],
)
def test_what_has_to_be_known_at_the_door_stands_beside_it(more: dict[str, Any], said: str) -> None:
    one = held("p1", id="h", offer_id="h", expected_from="noord")
    assert said in only(shown(holds=[one], offers=[offered("h", **more)]).expected).grave


def test_whoever_was_not_seen_for_nights_is_ended_at_when_they_were_last_seen() -> None:
    line = only(shown(absences=[absence()]).unseen)
    assert (line.title, line.clock, line.about) == (
        "Room 101, place 3", "3 nights", "1 person · last seen Wed 7 Jan 21:00",
    )  # fmt: skip
    (end,) = line.taps
    assert (end.path, end.version) == ("/api/placement/stays/stay-1/end", 9)
    assert end.body == {"reason": "left_without_notice", "observed_at": at(-72 * 60)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_waits_is_nothing_to_show_and_each_line_has_its_words(language: str) -> None:
    assert not shown(language)
    one = held("p1", id="h", offer_id="h", expected_from="noord")
    all_ = shown(language, holds=[one], offers=[offered("h")], questions=[question("q", 9)], absences=[absence()])
    assert all_
    for line in (*all_.questions, *all_.expected, *all_.unseen):
        assert line.title
        assert line.clock
        assert {words(language)(f"action.{tap.name}") for tap in line.taps}
