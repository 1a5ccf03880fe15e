"""The operator's board by keyboard alone: every story, with a focus that can be seen, in light and dark, and without
motion; nothing holds it, and Escape leaves whatever was opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.visitor import DESKTOP, PATIENCE_MS, PHONE, Scheme, Visitor, Visitors

STOPS_MAX = 120
"""More than a page of these tests has."""
SEEN = """element => {
  const style = getComputedStyle(element), shape = element.getBoundingClientRect();
  const at = document.elementFromPoint(shape.left + shape.width / 2, shape.top + shape.height / 2);
  const ring = style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2;
  return ring && (element.contains(at) || Boolean(at?.contains(element)));
}"""
"""Whether who uses a keyboard sees where they are: a ring, and nothing lies over it (WCAG 2.4.7, 2.4.11)."""
INSIDE = "[document.body, ...document.querySelectorAll('#sheet *')].includes(document.activeElement)"
"""Whether the focus is in the sheet, or in the browser's own part of the window."""
NAMED = """element => {
  const named = (element.labels?.[0] ?? element).cloneNode(true);
  named.querySelectorAll("[aria-hidden=true], svg, option").forEach((part) => part.remove());
  return element.getAttribute("aria-label") ?? named.textContent;
}"""
"""What a screen reader says of it, near enough: its label, or the words in it that are not hidden from one."""
STOP = f"""() => {{
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  return {{
    name: ({NAMED})(element).trim(), seen: ({SEEN})(element),
    placed: [...document.querySelectorAll("*")].indexOf(element), html: element.outerHTML.slice(0, 200),
  }};
}}"""
"""What the focus is on, at one moment: a page that is live may draw it anew before a second question. Null in the
browser's own part of the window."""


class Keys:
    """Somebody without a mouse."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.page = visitor, visitor.page
        self.press = self.page.keyboard.press

    @property
    def focused(self) -> Locator:
        return self.page.locator(":focus")

    def go_to(self, name: str, key: str = "Tab") -> Locator:
        """Tabs on to what has this name. Every stop on the way can be seen."""
        for _ in range(STOPS_MAX):
            self.press(key)
            stop = self.stop()
            if stop is None:
                continue
            assert stop["seen"], stop["html"]
            if stop["name"].startswith(name):
                return self.focused
        raise AssertionError(f"no way to {name} with the keyboard")

    def stop(self) -> dict[str, Any] | None:
        """What the focus is on: how it is announced (name), whether it is seen, and where it stands (placed)."""
        found: dict[str, Any] | None = self.page.evaluate(STOP)
        return found

    def enter(self, name: str, key: str = "Tab") -> None:
        self.go_to(name, key)
        self.press("Enter")

    def opens(self, name: str) -> Locator:
        """A sheet, which takes the focus."""
        self.go_to(name)
        return self.opens_here()

    def opens_here(self) -> Locator:
        """What the focus is on opens a sheet."""
        self.press("Enter")
        sheet = self.page.locator("#sheet")
        expect(sheet).to_be_visible(timeout=PATIENCE_MS)
        expect(sheet.locator("h2")).to_have_count(1)
        self.page.wait_for_function("document.getElementById('sheet').contains(document.activeElement)")
        return sheet

    def choose(self, field: str, starts: str) -> None:
        """Of a list what begins with these letters."""
        self.go_to(field)
        self.page.keyboard.type(starts)


Way = tuple[Scheme, str, tuple[int, int]]
WAYS: list[Way] = [("light", "no-preference", DESKTOP), ("dark", "reduce", PHONE)]


@pytest.fixture(params=WAYS, ids=["light-desk", "dark-still-phone"])
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.param
    return found


def at_board(visitors: Visitors, way: Way, story: Callable[[Keys, str, list[str]], None], places: int = 2) -> None:
    """A story at the board of a night shelter of its own; it is told the places in the order of the board."""
    scheme, motion, size = way
    house, made = visitors.house(places, kind="night_shelter")
    with visitors.visitor("west", scheme=scheme, size=size, reduced_motion=motion) as visitor:
        keys = Keys(visitor)
        visitor.page.goto(f"{visitor.url}/sign-in")
        keys.enter("Operator")
        visitor.is_live().look_at(house)
        expect(visitor.page.locator("[data-place]")).to_have_count(places, timeout=PATIENCE_MS)
        shown = visitor.page.locator("[data-place]").evaluate_all("tiles => tiles.map(tile => tile.dataset.place)")
        assert sorted(shown) == sorted(made)
        story(keys, house, shown)


def test_a_place_is_taken_freed_and_the_tap_taken_back(visitors: Visitors, way: Way) -> None:
    def story(keys: Keys, house: str, places: list[str]) -> None:
        visitor, place = keys.visitor, places[0]
        keys.enter("Take")
        visitor.sees(place, "occupied")
        expect(visitor.button(place, "end")).to_be_focused(timeout=PATIENCE_MS)  # the same place, its next step
        keys.press("Enter")
        visitor.sees(place, "free")
        visitor.says("is free again")
        keys.press("Control+z")
        visitor.sees(place, "occupied")
        visitor.says("Taken back")
        expect(keys.page.locator("#undo")).to_be_hidden()

    at_board(visitors, way, story)


def test_a_sheet_is_left_with_escape_and_holds_the_focus_until_then(visitors: Visitors, way: Way) -> None:
    def story(keys: Keys, house: str, places: list[str]) -> None:
        keys.opens("Block")
        for _ in range(30):
            keys.press("Tab")
            assert keys.page.evaluate(INSIDE), "what lies behind the sheet is reached"
        keys.press("Escape")
        expect(keys.page.locator("#sheet")).to_be_hidden()
        expect(keys.visitor.button(places[0], "block")).to_be_focused()
        keys.opens("More")
        keys.enter("Never mind")
        expect(keys.page.locator("#sheet")).to_be_hidden()
        keys.opens("Block")
        keys.enter("Repair")
        keys.visitor.sees(places[0], "blocked")
        keys.enter("Unblock", "Shift+Tab")
        keys.visitor.sees(places[0], "free")

    at_board(visitors, way, story, 1)


def test_a_household_moves_is_away_and_leaves_with_a_reason(visitors: Visitors, way: Way) -> None:
    def story(keys: Keys, house: str, places: list[str]) -> None:
        visitor, (first, second) = keys.visitor, places
        visitors.post("stays", place_ids=[first])
        visitor.sees(first, "occupied")
        keys.opens("More")
        keys.choose("Where to", "Room 101")
        keys.enter("Move there")
        visitor.sees(second, "occupied")
        visitor.sees(first, "free")
        visitor.button(second, "more").focus()
        keys.opens_here()
        keys.enter("3 nights")
        expect(visitor.tile(second)).to_contain_text("away until", timeout=PATIENCE_MS)
        expect(visitor.tile(second).locator("button:focus")).to_have_count(1, timeout=PATIENCE_MS)
        visitor.button(second, "more").focus()
        keys.opens_here()
        keys.enter("Left without a word")
        visitor.sees(second, "free")

    at_board(visitors, way, story)


def test_somebody_at_the_door_a_note_and_everybody_leaving(visitors: Visitors, way: Way) -> None:
    def story(keys: Keys, house: str, places: list[str]) -> None:
        visitor, page = keys.visitor, keys.page
        visitors.post("stays", place_ids=[places[0]])
        visitor.sees(places[0], "occupied")
        keys.opens("Somebody at the door")
        keys.enter("Night shelter")
        visitor.sees(places[1], "occupied")
        keys.opens("Somebody at the door")
        keys.go_to("Open an extra place")
        keys.press("Space")
        keys.enter("Night shelter")
        expect(page.locator(".tile.is-occupied", has_text="extra place")).to_be_visible(timeout=PATIENCE_MS)
        sheet = keys.opens("Leave a note")
        expect(sheet.get_by_label("What should they know?")).to_be_focused()
        page.keyboard.type("The key of 101 hangs in the office")
        keys.enter("Leave it")
        note = page.locator("#notes li", has_text="hangs in the office")
        expect(note).to_be_visible(timeout=PATIENCE_MS)
        keys.enter("Done")
        expect(note).to_have_count(0, timeout=PATIENCE_MS)
        keys.opens("Night shelter leaves")
        keys.enter("Moved on")
        expect(page.locator(".tile.is-free")).to_have_count(2, timeout=PATIENCE_MS)

    at_board(visitors, way, story)


def test_heads_are_counted_and_the_lists_are_read(visitors: Visitors, way: Way) -> None:
    def story(keys: Keys, house: str, places: list[str]) -> None:
        page = keys.page
        keys.enter("Head count")
        page.wait_for_url("**/count?**")
        keys.go_to("Room 101, Place 1")
        keys.press("Space")
        expect(page.locator(f"[data-spot='{places[0]}']")).to_have_attribute("aria-pressed", "true")
        keys.enter("Done: send the count")
        expect(page.locator("#result")).to_be_focused(timeout=PATIENCE_MS)
        expect(page.locator("#unexpected li")).to_have_count(1)
        keys.enter("Back to the board")
        keys.visitor.is_live()
        keys.enter("Night list")
        expect(page.locator("#people")).to_have_text("0 people")
        keys.enter("Evacuation list")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Evacuation list")

    at_board(visitors, way, story)


def test_a_place_is_found_and_held(visitors: Visitors, way: Way) -> None:
    def story(keys: Keys, house: str, places: list[str]) -> None:
        page = keys.page
        keys.enter("Find a place")
        page.wait_for_url("**/find")
        keys.visitor.is_live()
        keys.choose("Kind", "Night")
        keys.go_to("People")
        keys.enter("Search")
        page.wait_for_url("**kind=night_shelter**")
        keys.visitor.is_live()
        keys.enter("Hold")
        keys.visitor.says("keeps a place until")
        tick = page.locator("input[type=checkbox]").first
        tick.evaluate("box => { box.closest('details')?.setAttribute('open', ''); box.focus(); }")
        expect(tick).to_be_focused(timeout=PATIENCE_MS)
        keys.press("Control+Z")  # with Caps Lock on, from a tick box
        keys.visitor.says("Taken back")

    at_board(visitors, way, story)


def test_the_focus_goes_down_the_page_and_out_again(visitors: Visitors, way: Way) -> None:
    """In the order of the page, every stop seen; and behind the last one it begins anew: no part holds it."""

    def story(keys: Keys, house: str, places: list[str]) -> None:
        page = keys.page
        assert page.locator("[tabindex]:not([tabindex='0']):not([tabindex='-1'])").count() == 0
        for path in (f"/?location={house}", "/find", f"/count?location={house}", f"/list?location={house}"):
            page.goto(f"{keys.visitor.url}{path}")
            if page.locator("#pulse").count():
                keys.visitor.is_live()  # what else would be drawn anew is drawn
            passed = list[int]()
            keys.press("Tab")
            while (stop := keys.stop()) is not None and (not passed or stop["placed"] != passed[0]):
                assert stop["seen"], (path, stop["name"])
                passed.append(stop["placed"])
                assert len(passed) <= STOPS_MAX, path
                keys.press("Tab")
            assert len(passed) > 3, path
            assert passed == sorted(passed), path
        if way[1] == "reduce":
            page.goto(f"{keys.visitor.url}/?location={house}")
            assert page.evaluate("document.getAnimations().length") == 0

    at_board(visitors, way, story)
