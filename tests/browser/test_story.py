"""The screen on which a cause is followed: found by what one has at hand, usable by everybody."""

from __future__ import annotations

import secrets

import pytest
from playwright.sync_api import expect

from tests.browser.test_for_everybody import everywhere, large_enough, violations
from tests.browser.visitor import PATIENCE_MS, PHONE, Scheme, Visitor, Visitors


def happened(visitors: Visitors) -> str:
    """A hold that was taken up; its id."""
    _, (place,) = visitors.house(1)
    hold = str(visitors.post("holds", place_ids=[place], hold_minutes=30)["id"])
    visitors.post(f"holds/{hold}/check-in")
    return hold


def follow(visitor: Visitor, id_: str, rows: int) -> None:
    """Asks for a story until the journal has heard so much of it."""
    visitor.page.goto(f"{visitor.url}/trace?id={id_}")
    for _ in range(PATIENCE_MS // 100):
        if visitor.page.locator("tbody tr").count() >= rows:
            return
        visitor.page.wait_for_timeout(100)
        visitor.page.reload()
    raise AssertionError(f"the story has {visitor.page.locator('tbody tr').count()} steps of {rows}")


def test_who_is_on_call_finds_it_from_the_first_page_and_goes_from_step_to_step(visitors: Visitors) -> None:
    hold = happened(visitors)
    with visitors.visitor("west") as visitor:
        visitor.sign_in("oncall")
        visitor.page.get_by_role("link", name="Follow a cause").click()
        visitor.page.get_by_label("Number of an event").fill(f" {hold.upper()} ")
        visitor.page.keyboard.press("Enter")
        expect(visitor.page.locator("tbody tr th").first).to_have_text("Asked by: Operator")
        follow(visitor, hold, 9)
        link = visitor.page.get_by_role("link", name="Where it began")
        link.focus()
        visitor.page.keyboard.press("Enter")
        expect(visitor.page.locator("tr:target th")).to_have_text("Asked by: Operator")
        visitor.page.get_by_role("link", name="stay-began").first.click()
        expect(visitor.page.locator("tr.is-asked th")).to_have_text("stay-began")
        visitor.page.goto(f"{visitor.url}/trace?id=nonsense")
        expect(visitor.page.locator("#nothing-known")).to_be_visible()


def test_what_the_processes_did_is_below_the_story_with_nothing_else_installed(visitors: Visitors) -> None:
    trace = secrets.token_hex(16)
    with visitors.visitor("west") as visitor:
        visitor.sign_in("oncall")
        traced = {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
        answer = visitor.page.request.get(f"{visitor.url}/api/placement/places", headers=traced)
        assert answer.status < 500, "it stores nothing, and is followed all the same"
        for _ in range(PATIENCE_MS // 100):
            visitor.page.goto(f"{visitor.url}/trace?id={trace}")
            if visitor.page.locator("#spans").count():
                break
            visitor.page.wait_for_timeout(100)
        expect(visitor.page.locator("#spans tbody tr th").first).to_contain_text("GET /api/placement/places")
        expect(visitor.page.locator("#nothing-known")).to_have_count(0)
        assert violations(visitor) == []


@everywhere
def test_axe_finds_nothing_in_a_story(
    visitors: Visitors, language: str, scheme: Scheme, size: tuple[int, int]
) -> None:  # fmt: skip
    hold = happened(visitors)
    with visitors.visitor("west", language=language, scheme=scheme, size=size) as visitor:
        visitor.sign_in("auditor")
        follow(visitor, hold, 9)
        assert violations(visitor) == []
        visitor.page.locator("nav.choose a").first.click()
        assert violations(visitor) == []
        visitor.page.goto(f"{visitor.url}/trace?id=nonsense")
        assert violations(visitor) == []


@pytest.mark.parametrize("language", ["nl", "en"])
def test_a_story_fits_a_phone(visitors: Visitors, language: str) -> None:
    hold = happened(visitors)
    with visitors.visitor("west", language=language, size=PHONE) as visitor:
        visitor.sign_in("oncall")
        follow(visitor, hold, 9)
        assert visitor.width() <= PHONE[0]
        large_enough(visitor)


def test_it_is_for_who_repairs_and_who_checks(visitors: Visitors) -> None:
    with visitors.visitor("west") as visitor:
        visitor.sign_in("operator")
        expect(visitor.page.get_by_role("link", name="Follow a cause")).to_have_count(0)
        answer = visitor.page.goto(f"{visitor.url}/trace")
        assert answer is not None
        assert answer.status == 403
