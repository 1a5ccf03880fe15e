"""Usable by everybody: axe finds nothing, the keyboard is enough, a phone needs no sideways scrolling."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.visitor import DESKTOP, PATIENCE_MS, PHONE, Scheme, Visitor, Visitors

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""WCAG 2.2 AA, and what axe calls best practice."""
NARROW = (320, 700)

everywhere = pytest.mark.parametrize(("language", "scheme", "size"), [("nl", "light", PHONE), ("en", "dark", DESKTOP)])
"""Both languages, both sizes; and each in both schemes (`violations` looks at the other one too)."""


def violations(visitor: Visitor) -> list[str]:
    """What axe finds, by rule and element: every rule in the scheme the page has, and in the other one those that are
    about colour. All else on the same page is the same in both.
    """
    dark = visitor.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    paper = "getComputedStyle(document.body).backgroundColor"
    found, seen = _found(visitor, {"type": "tag", "values": RULES}), visitor.page.evaluate(paper)
    visitor.page.emulate_media(color_scheme="light" if dark else "dark")
    assert visitor.page.evaluate(paper) != seen
    found += _found(visitor, {"type": "rule", "values": ["color-contrast", "link-in-text-block"]})
    visitor.page.emulate_media(color_scheme="dark" if dark else "light")
    return found


def _found(visitor: Visitor, rules: dict[str, Any]) -> list[str]:
    found: dict[str, Any] = Axe().run(visitor.page, options={"runOnly": rules, "resultTypes": ["violations"]}).response
    return [f"{rule['id']}: {node['html'][:160]}" for rule in found["violations"] for node in rule["nodes"]]


def furnished(visitors: Visitors) -> str:
    """A location with a place of every status."""
    house, (_, taken, held, blocked) = visitors.house(4, features=["quiet"])
    visitors.post("stays", place_ids=[taken])
    visitors.post("holds", place_ids=[held], hold_minutes=30)
    visitors.post(f"places/{blocked}/block", reason="cleaning")
    return house


@everywhere
def test_axe_finds_nothing(visitors: Visitors, language: str, scheme: Scheme, size: tuple[int, int]) -> None:
    house = furnished(visitors)
    with visitors.visitor("west", language=language, scheme=scheme, size=size) as visitor:
        visitor.page.goto(f"{visitor.url}/sign-in")
        assert violations(visitor) == []
        visitor.page.locator("summary").last.click()
        visitor.page.locator("#token").fill("nonsense")
        visitor.page.locator("form.with-token button").click()
        expect(visitor.page.get_by_role("alert")).to_be_visible()
        assert violations(visitor) == []
        visitor.sign_in("operator").look_at(house)
        assert violations(visitor) == []
        visitor.opens(visitor.page.locator(".is-occupied button[data-tap=more]").first)
        assert violations(visitor) == []
        visitor.page.keyboard.press("Escape")
        visitor.page.locator("button[data-tap=take]").first.click()
        expect(visitor.page.locator("#undo")).to_be_visible()
        assert violations(visitor) == []
        visitor.page.goto(f"{visitor.url}/find?feature=quiet")
        visitor.is_live()
        assert violations(visitor) == []
        visitor.page.goto(f"{visitor.url}/count?location={house}")
        visitor.page.locator("[data-spot]").first.click()
        assert violations(visitor) == []
        visitor.page.locator(".tally button").click()
        expect(visitor.page.locator("#result")).to_be_focused()
        assert violations(visitor) == []
    with visitors.visitor("stad", language=language, scheme=scheme, size=size) as visitor:
        visitor.sign_in("coordinator")
        assert violations(visitor) == []


def test_axe_finds_nothing_while_the_stream_is_down(visitors: Visitors) -> None:
    house, _ = visitors.house(1)
    with visitors.visitor("west") as visitor:
        visitor.sign_in("operator").look_at(house)
        visitor.page.context.clear_cookies()
        visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(visitor.page.locator("#dropped")).to_be_visible(timeout=PATIENCE_MS)
        assert violations(visitor) == []


@pytest.mark.parametrize("size", [PHONE, NARROW])
@pytest.mark.parametrize("language", ["nl", "en"])
def test_nothing_scrolls_sideways_on_a_phone(visitors: Visitors, language: str, size: tuple[int, int]) -> None:
    house = furnished(visitors)
    long_name = "Opvang-aan-de-Buiksloterweg-bij-het-water-achter-het-station"
    visitors.post("locations", name=visitors.network.new_name("long"), title=long_name, district="Noord")
    with visitors.visitor("west", language=language, size=size) as visitor:
        visitor.page.goto(f"{visitor.url}/sign-in")
        assert visitor.width() <= size[0]
        visitor.sign_in("operator").look_at(house)
        assert visitor.width() <= size[0]
        sheet = visitor.opens(visitor.page.locator(".is-occupied button[data-tap=more]").first)
        assert sheet.evaluate("element => element.scrollWidth <= element.clientWidth")
        for path in ("/find", f"/count?location={house}"):
            visitor.page.goto(f"{visitor.url}{path}")
            assert visitor.width() <= size[0], path


def test_what_one_taps_on_a_phone_is_large_enough(visitors: Visitors) -> None:
    house = furnished(visitors)
    with visitors.visitor("west", size=PHONE) as visitor:
        visitor.sign_in("operator").look_at(house)
        large_enough(visitor)
        visitor.opens(visitor.page.locator(".is-free button[data-tap=more]").first)
        large_enough(visitor)
        for path in ("/find", f"/count?location={house}", "/offline"):
            visitor.page.goto(f"{visitor.url}{path}")
            large_enough(visitor)


def large_enough(visitor: Visitor) -> None:
    tapped = visitor.page.locator(
        "button:visible, a.button:visible, select:visible, input:visible:not([type=checkbox]), label.tick-label"
    )
    measure = "all => all.map(one => [one.innerText, one.offsetWidth, one.offsetHeight])"
    for said, wide, high in tapped.evaluate_all(measure):  # all at one moment: a live page may change between two
        assert high >= 44, said
        assert wide >= 44, said


def test_the_keyboard_is_enough_for_a_whole_visit(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west") as visitor:
        press = visitor.page.keyboard.press

        def go_to(name: str) -> None:
            """Tabs on until the focus is on the button with this name, which can be seen to have it."""
            for _ in range(60):
                press("Tab")
                focused = visitor.page.locator(":focus")
                if focused.count() and focused.inner_text().startswith(name):
                    assert focused.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
                    return
            raise AssertionError(f"no way to {name} with the keyboard")

        visitor.page.goto(f"{visitor.url}/sign-in")
        go_to("Operator")
        press("Enter")
        visitor.is_live().look_at(house)
        go_to("Take")
        press("Enter")
        visitor.sees(place, "occupied")
        expect(visitor.button(place, "end")).to_be_focused(timeout=PATIENCE_MS)  # the same place, its next step
        press("Enter")
        visitor.sees(place, "free")
        go_to("Block")
        press("Enter")
        go_to("Repair")
        press("Enter")
        visitor.sees(place, "blocked")


def test_status_is_told_in_words_and_shapes_as_well_as_colours(visitors: Visitors) -> None:
    house = furnished(visitors)
    with visitors.visitor("west") as visitor:
        visitor.sign_in("operator").look_at(house)
        shapes = set()
        for status, word in (("free", "Free"), ("occupied", "Occupied"), ("held", "Held"), ("blocked", "Blocked")):
            tile = visitor.page.locator(f".tile.is-{status}")
            expect(tile.locator(".state")).to_have_text(word)
            shapes.add(tile.locator("svg").first.inner_html())
        assert len(shapes) == 4


def test_motion_is_left_out_for_who_does_not_want_it(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west", reduced_motion="reduce") as visitor:
        visitor.sign_in("operator").look_at(house)
        visitor.button(place, "take").click()
        visitor.sees(place, "occupied")
        assert visitor.page.evaluate("document.getAnimations().length") == 0
