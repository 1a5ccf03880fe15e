"""Signing in and out: demo accounts, tokens, sessions of two sites side by side."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.browser.test_for_everybody import violations
from tests.browser.visitor import PATIENCE_MS, PHONE, Visitors


def test_a_stranger_is_taken_to_the_sign_in_page(visitors: Visitors) -> None:
    with visitors.visitor("west") as stranger:
        stranger.page.goto(f"{stranger.url}/")
        expect(stranger.page).to_have_url(f"{stranger.url}/sign-in")


@pytest.mark.parametrize("role", ["operator", "caseworker", "coordinator", "finance", "oncall", "auditor"])
def test_every_demo_account_leads_to_the_live_page(visitors: Visitors, role: str) -> None:
    with visitors.visitor("stad") as visitor:
        visitor.sign_in_by_hand(role)
        expect(visitor.page).to_have_url(f"{visitor.url}/")


def test_the_session_cannot_be_read_by_scripts_nor_sent_by_other_sites(visitors: Visitors) -> None:
    with visitors.visitor("west") as visitor:
        visitor.sign_in("operator")
        (session,) = [cookie for cookie in visitor.page.context.cookies() if cookie["name"].startswith("plek_session")]
        assert session["httpOnly"]
        assert session["sameSite"] == "Strict"
        assert visitor.page.evaluate("document.cookie") == ""


def test_a_pasted_token_signs_in(visitors: Visitors) -> None:
    with visitors.visitor("west") as visitor:
        visitor.page.goto(f"{visitor.url}/sign-in")
        visitor.page.get_by_text("With a token").click()
        visitor.page.get_by_label("Your token").fill(visitors.network.token("west", "oncall"))
        visitor.page.get_by_role("button", name="Sign in", exact=True).click()
        visitor.is_live()


@pytest.mark.parametrize(("token", "said"), [("not-a-token", "not a token of ours"), ("stad", "for another site")])
def test_a_token_that_does_not_count_is_refused_in_words(visitors: Visitors, token: str, said: str) -> None:
    pasted = visitors.network.token("stad", "operator") if token == "stad" else token
    with visitors.visitor("west") as visitor:
        visitor.page.goto(f"{visitor.url}/sign-in")
        visitor.page.get_by_text("With a token").click()
        visitor.page.get_by_label("Your token").fill(pasted)
        visitor.page.get_by_role("button", name="Sign in", exact=True).click()
        expect(visitor.page.get_by_role("alert")).to_contain_text(said)
        visitor.page.goto(f"{visitor.url}/")
        expect(visitor.page).to_have_url(f"{visitor.url}/sign-in")


def test_signing_out_ends_it(visitors: Visitors) -> None:
    with visitors.visitor("west") as visitor:
        visitor.sign_in("operator")
        visitor.page.get_by_role("button", name="Sign out").click()
        expect(visitor.page).to_have_url(f"{visitor.url}/sign-in")
        visitor.page.goto(f"{visitor.url}/")
        expect(visitor.page).to_have_url(f"{visitor.url}/sign-in")


def test_a_name_and_a_password_sign_in_and_a_wrong_one_is_refused_in_words(visitors: Visitors) -> None:
    with visitors.visitor("west", language="nl", size=PHONE) as visitor:
        visitor.page.goto(f"{visitor.url}/sign-in")
        visitor.page.get_by_text("Met een naam en een wachtwoord").click()
        for password, comes_in in (("plek-demons", False), ("plek-demo", True)):
            visitor.page.get_by_label("Uw naam hier").fill("Operator")
            visitor.page.get_by_label("Uw wachtwoord").fill(password)
            visitor.page.get_by_role("button", name="Aanmelden", exact=True).click()
            if not comes_in:
                expect(visitor.page.get_by_role("alert")).to_contain_text("horen niet bij elkaar")
        visitor.is_live()


def test_a_session_left_behind_is_ended_from_another_device(visitors: Visitors) -> None:
    words = ["accounts", "add", "west", "lena", "operator", "--data", str(visitors.network.data)]
    added = subprocess.run(
        [sys.executable, "-m", "infra.cli", *words], input="correct horse battery\n", capture_output=True, text=True
    )
    assert added.returncode == 0, added.stderr
    with visitors.visitor("west") as left, visitors.visitor("west", size=PHONE) as phone:
        for visitor in (left, phone):
            visitor.page.goto(f"{visitor.url}/sign-in")
            visitor.page.get_by_text("With a name and a password").click()
            visitor.page.get_by_label("Your name here").fill("lena")
            visitor.page.get_by_label("Your password").fill("correct horse battery")
            visitor.page.get_by_role("button", name="Sign in", exact=True).click()
            visitor.is_live()
        phone.page.get_by_role("link", name="Operator").click()
        expect(phone.page.locator("[data-session]")).to_have_count(2)
        assert violations(phone) == []
        assert phone.width() <= PHONE[0]
        phone.page.locator("[data-session]").filter(has_not_text="this one").get_by_role("button").click()
        expect(phone.page.locator("[data-session]")).to_have_count(1)
        left.page.reload()
        expect(left.page).to_have_url(f"{left.url}/sign-in")
    listed = visitors.network.plek("accounts", "list", "west", "--json")
    found = next(one for one in json.loads(listed.stdout)["accounts"] if one["name"] == "lena")
    assert found == {"name": "lena", "role": "operator", "demo": False, "disabled": False}


def test_one_browser_is_signed_in_at_two_sites_at_once(visitors: Visitors) -> None:
    with visitors.visitor("west") as desk:
        desk.sign_in("operator")
        city = visitors.open("stad", desk.page.context.new_page()).sign_in("coordinator")
        desk.page.reload()
        desk.is_live()
        city.page.reload()
        city.is_live()


def test_a_page_whose_session_is_gone_says_so_and_keeps_what_it_showed(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1)
    with visitors.visitor("west") as desk:
        desk.sign_in("operator").look_at(house)
        desk.page.context.clear_cookies()
        visitors.post("stays", place_ids=[place])
        expect(desk.page.locator("#dropped")).to_contain_text("no longer signed in", timeout=PATIENCE_MS)
        desk.tile(place).wait_for()
        desk.page.get_by_role("link", name="Sign in again").click()
        expect(desk.page).to_have_url(f"{desk.url}/sign-in")


def test_the_language_is_the_browsers_until_it_is_switched(visitors: Visitors) -> None:
    with visitors.visitor("stad", language="nl-NL") as visitor:
        visitor.sign_in("coordinator")
        expect(visitor.page.locator("html")).to_have_attribute("lang", "nl")
        visitor.page.get_by_role("button", name="English").click()
        expect(visitor.page.locator("html")).to_have_attribute("lang", "en")
        visitor.page.reload()
        expect(visitor.page.locator("h1")).to_have_text("Room in the city")
