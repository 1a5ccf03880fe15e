"""Nights by location: which nights, how full, how it is drawn; and that a night is asked for once while many look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from starlette.requests import Request

from services.console.api_city import PAPER
from services.console.api_heat import KEPT_SECONDS, Nights
from services.console.api_screens import NoAnswer, Viewer
from services.console.heat import CELL, DRAWN_MAX, LINE, NAME, NIGHTS, Use, heat, nights, used
from services.console.words import LANGUAGES, ZONE, words
from tests.console.test_city import NOW, answer, row
from tests.console.test_pages import Pages

EN = words("en")
WEST = ("west", "west")


def use(occupied: int, places: int = 40, title: str = "West") -> Use:
    return Use(title, "West", occupied, places)


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (datetime(2026, 1, 10, 20, 0, tzinfo=UTC), datetime(2026, 1, 9, 22, 0, tzinfo=UTC)),
        (datetime(2026, 1, 10, 22, 0, tzinfo=UTC), datetime(2026, 1, 9, 22, 0, tzinfo=UTC)),
        (datetime(2026, 1, 10, 22, 1, tzinfo=UTC), datetime(2026, 1, 10, 22, 0, tzinfo=UTC)),
        (datetime(2026, 7, 10, 21, 1, tzinfo=UTC), datetime(2026, 7, 10, 21, 0, tzinfo=UTC)),
    ],
)
def test_the_last_nights_are_those_that_have_been(now: datetime, last: datetime) -> None:
    found = nights(now)
    assert (len(found), found[-1]) == (NIGHTS, last)
    assert found == sorted(found)


def test_a_night_is_at_the_same_time_of_day_also_when_the_clock_was_moved() -> None:
    found = nights(datetime(2026, 4, 3, 12, 0, tzinfo=UTC))  # summer time began on 29 March
    assert {moment.astimezone(ZONE).hour for moment in found} == {23}
    assert {moment.astimezone(UTC).hour for moment in found} == {21, 22}


def test_a_house_is_all_its_beds_together_and_no_seats() -> None:
    rows = [row(), row(kind="night_shelter", total=10, occupied=8, held=0, blocked=1, overflow=2),
            row("stad", kind="allowance")]  # fmt: skip
    assert used(rows) == {WEST: Use("West", "West", 48, 57 + 11)}


@pytest.mark.parametrize(
    ("occupied", "places", "shade"),
    [(0, 40, 1), (19, 40, 1), (20, 40, 2), (30, 40, 3), (36, 40, 4), (40, 40, 5), (45, 40, 5), (0, 0, 0)],
)
def test_a_shade_says_how_full_it_was(occupied: int, places: int, shade: int) -> None:
    shown = heat([NOW], [{WEST: use(occupied, places)}], EN)
    assert shown.drawn[0].cells[0].shade == shade
    assert f"heat.shade.{shade}" in EN.catalogue


def test_the_fullest_house_comes_first_and_one_that_opened_later_has_nights_without_a_figure() -> None:
    oost = ("oost", "oost")
    moments = [NOW - timedelta(days=1), NOW]
    shown = heat(moments, [{WEST: use(10)}, {WEST: use(10), oost: use(39, title="Oost")}], EN)
    assert [strip.name for strip in shown.drawn] == ["Oost", "West"]
    assert [cell.words for cell in shown.drawn[0].cells] == ["–", "39 of 40"]
    assert [cell.words for cell in shown.city.cells] == ["10 of 40", "49 of 80"]
    assert shown.nights == ["Fri 9", "Sat 10"]
    assert shown.about == "Fri 9: 10 of 40; Sat 10: 49 of 80"


def test_the_picture_has_the_fullest_and_the_city_is_all_of_them() -> None:
    night: dict[tuple[str, str], Use] = {("west", f"h{n:03}"): use(n % 40, title=f"H{n}") for n in range(500)}
    shown = heat([NOW], [night], EN)
    assert (len(shown.drawn), shown.houses) == (DRAWN_MAX, 500)
    assert {strip.cells[0].words for strip in shown.drawn[:12]} == {"39 of 40"}
    assert shown.city.cells[0].words == EN("heat.of", used=sum(use.occupied for use in night.values()), places=20_000)
    assert shown.height == max(strip.y for strip in shown.drawn) + shown.drawn[1].y


def test_of_nothing_nothing_is_drawn() -> None:
    shown = heat([NOW], [{}], EN)
    assert (shown.drawn, shown.most, shown.city.cells[0].shade) == ([], "0", 0)


class Asked:
    """Screens whose places service remembers what it was asked."""

    def __init__(self) -> None:
        self.places, self.clock = self, self
        self.moments: list[str] = []
        self.seconds = 0.0
        self.silent = False

    def monotonic(self) -> float:
        return self.seconds

    async def ask(self, token: str, path: str, **query: Any) -> Any:
        if self.silent:
            raise NoAnswer("503")
        self.moments.append(query["at"])
        return answer(row())


async def test_a_night_is_asked_for_once_in_a_while_however_many_look() -> None:
    asked = Asked()
    kept = Nights(asked)  # type: ignore[arg-type]
    viewer, moments = Viewer("coordinator", "token"), nights(NOW)
    first = await kept.seen(viewer, moments)
    assert first == await kept.seen(viewer, moments)
    assert len(asked.moments) == NIGHTS
    asked.seconds += KEPT_SECONDS + 1
    await kept.seen(viewer, moments)
    assert len(asked.moments) == 2 * NIGHTS


async def test_nights_are_drawn_once_as_long_as_they_are_kept_and_in_each_language() -> None:
    asked = Asked()
    kept = Nights(asked)  # type: ignore[arg-type]
    viewer, moments = Viewer("coordinator", "token"), nights(NOW)
    first = await kept.drawn(viewer, moments, words("en"))
    assert await kept.drawn(viewer, moments, words("en")) is first
    dutch = await kept.drawn(viewer, moments, words("nl"))
    assert (dutch.city.name, first.city.name) == ("De hele stad", "The whole city")
    assert await kept.drawn(viewer, moments, words("en")) is first
    following = await kept.drawn(viewer, nights(NOW + timedelta(days=1)), words("en"))
    assert following.nights[:-1] == first.nights[1:], "the next day has a night more to show"
    asked.seconds += KEPT_SECONDS + 1
    assert await kept.drawn(viewer, moments, words("en")) is not first


async def test_a_night_that_could_not_be_had_is_asked_for_again() -> None:
    asked = Asked()
    kept = Nights(asked)  # type: ignore[arg-type]
    asked.silent = True
    with pytest.raises(NoAnswer):
        await kept.seen(Viewer("coordinator", "token"), nights(NOW))
    asked.silent = False
    assert len(await kept.seen(Viewer("coordinator", "token"), nights(NOW))) == NIGHTS


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_picture_that_is_taken_away_has_its_colours_its_moment_and_its_source_in_it(
    tmp_path: Path, language: str
) -> None:
    spoken = words(language)
    moments = nights(NOW)
    shown = heat(moments, [used([row()]) for _ in moments], spoken)
    asked = Request({
        "type": "http", "path": "/", "query_string": b"", "headers": [(b"accept-language", language.encode())],
    })  # fmt: skip
    facts: dict[str, Any] = {"heat": shown, "cell": CELL, "line": LINE, "name": NAME, "paper": PAPER, "now": "12 Jan"}
    drawn = ET.fromstring(bytes(Pages(tmp_path).screens.page(asked, "nights_heat.html", **facts).body))
    svg = "{http://www.w3.org/2000/svg}"
    said = [text.text or "" for text in drawn.iter(f"{svg}text")]
    assert spoken("city.as_of", time="12 Jan") in said
    assert spoken("heat.source") in said
    assert {rect.get("fill") for rect in drawn.iter(f"{svg}rect")} <= {PAPER["bar"], PAPER["goal"]}
    assert len(list(drawn.iter(f"{svg}rect"))) == NIGHTS * len(shown.drawn) > 0
    lowest = max(float(text.get("y", 0)) for text in drawn.iter(f"{svg}text"))
    assert lowest < float(drawn.get("height", 0)) - 24
