"""The night list and the evacuation list: who is where, on paper."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from services.console.api_screens import ANSWER_SECONDS_MAX
from services.console.board import NightList, night_list
from services.console.guests import Guests
from services.console.words import words
from tests.console.sample import uid
from tests.console.test_board import NOW, WEST, hold, place, stay
from tests.console.test_desk_pages import Desk
from tests.console.test_pages import Pages

PLACES = [
    place("p1", "occupied"), place("p2", "occupied"), place("p3"), place("p4", "held"),
    place("p5", "occupied", room="9"), place("p6", "closed", room="9"),
]  # fmt: skip
COUPLE = stay("p1", "p2", household_size=2, away_until=None)
AWAY = stay("p5", id="stay-2", away_until=(NOW + timedelta(days=2)).isoformat())


def listed(*, evacuation: bool = False, language: str = "en", stays: list[Any] | None = None) -> NightList:
    there = [COUPLE, AWAY] if stays is None else stays
    return night_list(WEST, PLACES, [hold("p4")], there, NOW, words(language), evacuation=evacuation)


def test_every_place_is_on_the_night_list_and_a_household_is_counted_once() -> None:
    found = listed()
    assert [(title, people, [line.id for line in lines]) for title, people, lines in found.rooms] == [
        ("Room 9", 1, ["p5"]), ("Room 101", 2, ["p1", "p2", "p3", "p4"]),
    ]  # fmt: skip
    assert (found.title, found.people) == ("West", 3)
    assert [line.people for line in found.rooms[1][2]] == [2, None, None, None]


def test_only_where_people_are_is_on_the_evacuation_list() -> None:
    found = listed(evacuation=True)
    assert [line.id for _, _, lines in found.rooms for line in lines] == ["p5", "p1", "p2"]
    assert found.people == 3


def test_a_household_that_is_away_says_until_when() -> None:
    (line,) = listed(evacuation=True, language="nl").rooms[0][2]
    assert "weg tot" in line.about


def test_a_house_without_anybody_has_an_empty_evacuation_list() -> None:
    nobody = [place("p1"), place("p2", "blocked", block={"reason": "repair", "until": None})]
    found = night_list(WEST, nobody, [], [], NOW, words("en"), evacuation=True)
    assert (found.people, [*found.rooms]) == (0, [])


def test_an_alias_is_beside_the_places_of_whoever_handed_it_over_and_of_nobody_else() -> None:
    named = Guests({COUPLE["id"]: "Blue bird"}, "The desk of Noord does not answer now.")
    for evacuation in (False, True):
        found = night_list(WEST, PLACES, [hold("p4")], [COUPLE, AWAY], NOW, words("en"), evacuation=evacuation,
                           named=named)  # fmt: skip
        aliases = {line.id: line.alias for _, _, lines in found.rooms for line in lines if line.alias}
        assert (aliases, found.named) == ({"p1": "Blue bird", "p2": "Blue bird"}, True)
        assert found.silent == named.silent
    assert not listed().named


def test_an_alias_of_a_stay_that_is_over_is_beside_nobody() -> None:
    over = COUPLE | {"ended_at": NOW.isoformat()}
    found = night_list(WEST, PLACES, [], [over, AWAY], NOW, words("en"), evacuation=False,
                       named=Guests({over["id"]: "Blue bird"}))  # fmt: skip
    assert not found.named


class House(httpx.AsyncBaseTransport):
    """A house where somebody sleeps who came by an offer, and a site of which one list does not answer."""

    def __init__(self, silent: str) -> None:
        self.silent, self.waited = silent, 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        if name == self.silent:
            self.waited = request.extensions["timeout"]["read"]
            return httpx.Response(503, json={"code": "unavailable"})
        offer = {"id": uid(1), "desk": "west", "stay_id": "stay-1"}
        items = {"locations": [WEST], "places": PLACES, "stays": [COUPLE, AWAY], "offers": [offer]}.get(name, [])
        return httpx.Response(200, json={"items": items, "next": None})


async def test_a_list_without_aliases_is_better_than_none_and_waits_no_longer_for_them(tmp_path: Path) -> None:
    for silent in ("offers", "guests"):
        (tmp_path / silent).mkdir()
        house = House(silent)
        answer = await Desk(Pages(tmp_path / silent), answers=house).get("/list?location=west&evacuation=true")
        assert (answer.status_code, words("en")("list.no_aliases") in answer.text) == (200, True), silent
        assert 0 < house.waited <= ANSWER_SECONDS_MAX
