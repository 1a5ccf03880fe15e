"""Somebody new, given an address and an account: what they come for takes at most six taps and a minute. The table in
`docs/first-minutes.md` says how many it took; this counts them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.city_of_pictures import last_tuesday
from tests.browser.visitor import DESKTOP, PATIENCE_MS, PHONE, Visitor, Visitors
from tests.support.network import ROOT

TAPS_MAX, SECONDS_MAX = 6, 60
TAP_SECONDS, KEY_SECONDS = 1.35 + 1.1 + 0.2, 0.28
"""Keystroke-level model (Card, Moran and Newell, 1980): deciding, pointing and pressing; a key of an average typist. It
is how long a person takes, whatever the machine under the test does."""
TABLE = (ROOT / "docs" / "first-minutes.md").read_text("utf-8")


@dataclass
class Newcomer:
    """One who has never been here: taps and keys are counted from the address on."""

    visitor: Visitor
    taps: int = 0
    keys: int = 0

    def tap(self, target: Locator) -> None:
        self.taps += 1
        target.click()

    def choose(self, field: Locator, label: str) -> None:
        """One tap opens the list, one takes from it."""
        self.taps += 2
        field.select_option(label=label)

    def type(self, field: Locator, text: str, typed: str) -> None:
        """A tap into a field, and keys. typed: what is pressed; text: what then stands in the field."""
        self.taps += 1
        self.keys += len(typed)
        field.fill(text)

    @property
    def seconds(self) -> int:
        return round(self.taps * TAP_SECONDS + self.keys * KEY_SECONDS)


@contextmanager
def newcomer(visitors: Visitors, story: str, site: str, role: str, size: tuple[int, int] = PHONE) -> Iterator[Newcomer]:
    """Afterwards the story is as short as the table says, and short enough."""
    with visitors.visitor(site, size=size) as visitor:
        one = Newcomer(visitor)
        visitor.page.goto(f"{visitor.url}/")
        one.tap(visitor.page.locator(f"button[name=demo][value={role}]"))
        visitor.is_live()
        yield one
        said = re.search(rf"\| {re.escape(story)} \|.*\| (\d+) \| (\d+) \|", TABLE)
        assert said is not None, f"{story} is not in the table"
        assert (one.taps, one.seconds) == (int(said[1]), int(said[2]))
        assert one.taps <= TAPS_MAX
        assert one.seconds <= SECONDS_MAX


def first_house(visitors: Visitors, taken: int, **make: object) -> list[str]:
    """The places of the house a board opens with, as many of them taken."""
    name = visitors.network.new_name("aan")
    title = f"Aan {9999 - int(name.rpartition('-')[2])}"  # before every other one, the newest first
    visitors.post("locations", name=name, title=title, district="West")
    body = {"location": name, "kind": "shelter_24h", "room": "1", "count": 2} | make
    places = [str(place) for place in visitors.post("places", **body)["place_ids"]]
    for place in places[:taken]:
        visitors.post("stays", place_ids=[place])
    return places


def test_a_place_is_freed(visitors: Visitors) -> None:
    place, _ = first_house(visitors, 1)
    with newcomer(visitors, "Free a place", "west", "operator") as one:
        one.tap(one.visitor.button(place, "end"))
        one.visitor.sees(place, "free")


def test_a_walk_in_is_taken_in_at_night(visitors: Visitors) -> None:
    _, place = first_house(visitors, 1, kind="night_shelter")
    with newcomer(visitors, "Take in a walk-in at night", "west", "operator") as one:
        one.tap(one.visitor.page.get_by_role("button", name="Somebody at the door"))
        one.tap(one.visitor.page.locator("#sheet").get_by_role("button", name="Night shelter"))
        one.visitor.says("They are in")
        one.visitor.sees(place, "occupied")


def test_a_family_place_is_found(visitors: Visitors) -> None:
    house, _ = visitors.house(1, kind="family_shelter", sleeps=5)
    first_house(visitors, 0)
    with newcomer(visitors, "Find a family place", "west", "operator") as one:
        page = one.visitor.page
        one.tap(page.get_by_role("link", name="Find a place"))
        one.visitor.is_live()
        one.choose(page.get_by_label("Kind"), "Family shelter")
        one.type(page.get_by_label("People"), "4", "4")
        one.tap(page.get_by_role("button", name="Search"))
        found = page.locator("[data-found]", has_text=house.title())
        expect(found).to_contain_text("1 free", timeout=PATIENCE_MS)
        expect(found.get_by_role("button")).to_be_visible()
    assert visitors.post(f"locations/{house}/close")


def test_a_shift_is_handed_over(visitors: Visitors) -> None:
    """Whoever comes next is just as new: they see it where the board begins, and need no tap to read it."""
    first_house(visitors, 1)
    text = f"Key of 101 lost {visitors.network.new_name('note')}"
    typed = "Key of 101 lost"
    with newcomer(visitors, "Hand over the shift", "west", "operator") as one:
        page = one.visitor.page
        one.tap(page.get_by_role("button", name="Leave a note"))
        one.type(page.get_by_label("What should they know?"), text, typed)
        one.tap(page.get_by_role("button", name="Leave it"))
        one.visitor.says("Written down for the next shift")
        expect(page.locator("#notes")).to_contain_text(text, timeout=PATIENCE_MS)
    with visitors.visitor("west", size=PHONE) as following:
        following.sign_in("operator")
        note = following.page.locator("#notes li", has_text=text)
        expect(note).to_contain_text("The whole house")
        note.get_by_role("button", name="Done").click()
        expect(note).to_have_count(0, timeout=PATIENCE_MS)


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_what_was_full_last_tuesday_at_ten_is_seen(visitors: Visitors, size: tuple[int, int]) -> None:
    name = visitors.network.new_name("dinsdag")
    tuesday = last_tuesday(datetime.now(UTC))
    nights = [
        {"programme": "1", "kind": "night_shelter", "night": (tuesday + timedelta(days=later)).date().isoformat(),
         "observed_at": (tuesday + timedelta(hours=2 * later - 1)).isoformat(), "total": 3, "blocked": 0,
         "occupied": occupied, "overflow": 0}
        for later, occupied in ((0, 3), (1, 1))
    ]  # fmt: skip
    with visitors.api("west", "coordinator") as west:
        body = {"name": name, "title": name.title(), "district": "West"}
        assert west.post("/api/placement/locations", json=body).is_success
        told = west.post("/api/placement/imports/overnight", json={"location": name, "nights": nights})
        assert {one["result"] for one in told.json()["results"]} == {"accepted"}, told.text
    with newcomer(visitors, "See what was full last Tuesday at 22:00", "stad", "coordinator", size) as one:
        page = one.visitor.page
        one.tap(page.get_by_role("link", name="The city"))
        one.visitor.is_live()
        expect(page.locator("#full li", has_text=name.title())).to_have_count(0)  # nothing at all may be full just now
        one.type(page.get_by_label("As it was at"), tuesday.strftime("%Y-%m-%dT%H:%M"), tuesday.strftime("%d%m%Y%H%M"))
        one.tap(page.get_by_role("button", name="Show"))
        expect(page.locator("#full")).to_contain_text(f"{name.title()} · Night shelter", timeout=PATIENCE_MS)
        expect(page.locator("#full-title")).to_contain_text("What was full")
