"""The screen on which whoever is on call sees how a site does, and mends it: what would happen first, then it does."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_for_everybody import everywhere, large_enough, violations
from tests.browser.visitor import PHONE, Scheme, Visitors


def test_a_reader_is_paused_with_a_reason_and_goes_on_by_keyboard_alone(visitors: Visitors) -> None:
    with visitors.visitor("west") as visitor:
        visitor.sign_in("oncall")
        page = visitor.page
        page.get_by_role("link", name="How this site is doing").click()
        expect(page.get_by_role("heading", name="What is read here")).to_be_visible()
        pause = page.get_by_role("link", name="Pause: placement waiting")
        pause.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#would")).to_contain_text("waiting of placement would stand still")
        page.get_by_label("Why, in one line").fill("looking at it in the test")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").first).to_have_text("It stands still now.")
        expect(page.locator("tr", has_text="Paused by somebody")).to_have_count(1)
        expect(page.locator("#verdict")).to_contain_text("Something needs a person")
        page.goto(f"{visitor.url}/state/act?act=pause&service=placement&on=waiting")
        page.get_by_label("Why, in one line").fill("once more")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("reader-paused")
        page.get_by_role("link", name="Let it go on: placement waiting").click()
        page.get_by_role("button", name="Let it go on").click()
        expect(page.locator("tr", has_text="Paused by somebody")).to_have_count(0)
        page.get_by_role("link", name="Make anew: placement waiting").click()
        page.get_by_role("button", name="Make anew").click()
        expect(page.get_by_role("status").first).to_contain_text("It is being made anew")


def test_an_origin_is_heard_again_after_what_would_change_was_said(visitors: Visitors) -> None:
    with visitors.visitor("west") as visitor:
        visitor.sign_in("oncall")
        page = visitor.page
        page.goto(f"{visitor.url}/state")
        again = page.get_by_role("link", name="Hear again: placement capacity stad/placement")
        again.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#would")).to_contain_text("would be made anew from that origin's log")
        page.goto(f"{visitor.url}/state/act?act=replay&service=placement&on=capacity&origin=west/placement")
        expect(page.locator("#would")).to_contain_text("nothing would change")
        page.get_by_label("Why, in one line").fill("looking at it in the test")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").first).to_have_text("What it shows of that origin is as it was told.")
        page.goto(f"{visitor.url}/state/act?act=replay&service=placement&on=letters&origin=stad/placement")
        expect(page.locator("#would")).to_contain_text("That would be refused: reader-keeps-no-view.")
        expect(page.locator("form.wanted button")).to_have_count(0)
        page.goto(f"{visitor.url}/state/act?act=discard")
        expect(page.get_by_role("alert")).to_have_text("Nothing was chosen. Tick what is meant first.")


def test_streams_and_sites_are_shown_with_what_would_be_done_and_the_command(visitors: Visitors) -> None:
    with visitors.visitor("west") as visitor:
        visitor.sign_in("oncall")
        page = visitor.page
        page.goto(f"{visitor.url}/state")
        page.get_by_role("link", name="Streams and sites").click()
        expect(page.get_by_role("row", name="placement pub")).to_contain_text("Whole")
        row = page.get_by_role("rowheader", name="west", exact=True).locator("..")
        expect(row).to_contain_text("plek site remove west --dry-run")
        hub = page.get_by_role("rowheader", name="stad", exact=True).locator("..")
        expect(hub).to_contain_text("The network cannot be without it.")
        expect(page.locator("code", has_text="plek repair streams --dry-run").first).to_be_visible()


@everywhere
def test_axe_finds_nothing_in_the_state(
    visitors: Visitors, language: str, scheme: Scheme, size: tuple[int, int]
) -> None:  # fmt: skip
    with visitors.visitor("west", language=language, scheme=scheme, size=size) as visitor:
        visitor.sign_in("oncall")
        for path in ("/state", "/state/act?act=discard&service=placement&on=capacity", "/state?refused=reader-paused",
                     "/state/network",
                     "/state/act?act=replay&service=placement&on=capacity&origin=stad/placement"):  # fmt: skip
            visitor.page.goto(visitor.url + path)
            assert violations(visitor) == []


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_state_fits_a_phone(visitors: Visitors, language: str) -> None:
    with visitors.visitor("west", language=language, size=PHONE) as visitor:
        visitor.sign_in("oncall")
        for path in ("/state", "/state/network"):
            visitor.page.goto(visitor.url + path)
            assert visitor.width() <= PHONE[0]
            large_enough(visitor)


def test_the_state_is_for_who_repairs(visitors: Visitors) -> None:
    with visitors.visitor("west") as visitor:
        visitor.sign_in("auditor")
        for path in ("/state", "/state/network", "/state/act?act=pause&service=placement&on=waiting"):
            answer = visitor.page.goto(visitor.url + path)
            assert answer is not None
            assert answer.status == 403
