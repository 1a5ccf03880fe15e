"""Somebody new at an intake desk, at the municipality, or called at night: as for those at a house, what they come for
takes at most six taps and a minute, and `docs/first-minutes.md` says how many it took."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.at_desks import SLOWLY_MS, city_with_desks, visiting
from tests.browser.test_newcomers import first_house, newcomer
from tests.browser.visitor import DESKTOP, PATIENCE_MS, Visitors
from tests.support.network import Network


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with city_with_desks(tmp_path_factory.mktemp("city"), "--demo") as started:
        yield started


@pytest.fixture
def visitors(city: Network, browser: Browser) -> Iterator[Visitors]:
    with visiting(city, browser) as there:
        yield there


def test_somebody_is_registered_and_a_place_is_asked_for(visitors: Visitors) -> None:
    """With as little as nothing written down: what more there is can follow."""
    with newcomer(visitors, "Register somebody and ask for a place", "noord", "caseworker") as one:
        page, sheet = one.visitor.page, one.visitor.page.locator("#sheet form.fill")
        one.tap(page.get_by_role("link", name="Clients"))
        one.visitor.is_live()
        one.tap(page.get_by_role("button", name="Register a client"))
        one.tap(sheet.get_by_role("button", name="Register"))
        page.wait_for_url(re.compile(r"/clients/[0-9a-f-]{36}$"), timeout=PATIENCE_MS)
        one.visitor.is_live()
        one.tap(page.get_by_role("button", name="Ask for a place"))
        one.tap(sheet.get_by_role("button", name="Ask"))
        one.visitor.says("Asked")
        expect(page.locator("[data-request]")).to_be_visible(timeout=PATIENCE_MS)


def test_the_evacuation_list_is_there_when_the_house_has_to_be_left(visitors: Visitors) -> None:
    first_house(visitors, taken=1)
    with newcomer(visitors, "See who is in the house when it has to be left", "west", "operator") as one:
        one.tap(one.visitor.page.get_by_role("link", name="Evacuation list"))
        expect(one.visitor.page.locator("#people")).to_have_text("1 person")
        expect(one.visitor.page.locator("tr[data-place]").first).to_be_visible()


def test_the_citys_figures_go_into_a_spreadsheet(visitors: Visitors) -> None:
    with newcomer(visitors, "Take the city's figures into a spreadsheet", "stad", "coordinator", DESKTOP) as one:
        one.tap(one.visitor.page.get_by_role("link", name="The city"))
        one.visitor.is_live()
        with one.visitor.page.expect_download() as taken:
            one.tap(one.visitor.page.get_by_role("link", name="Figures as CSV"))
        assert "district" in Path(taken.value.path()).read_text("utf-8").partition("\n")[0]


def test_a_programme_gets_a_hundred_seats_more(visitors: Visitors) -> None:
    with visitors.api("stad", "finance") as office:
        body = {"name": "Leefgeld", "places": 100, "period": "week", "methods": ["voucher"],
                "tariffs": [{"size_class": "1", "cents": 6250, "valid_from": "2025-01-01"}]}  # fmt: skip
        assert office.post("/api/allowance/programmes", json=body).is_success
    with newcomer(visitors, "Give a programme a hundred seats more", "stad", "finance", DESKTOP) as one:
        page = one.visitor.page
        one.tap(page.get_by_role("link", name="Money"))
        one.visitor.is_live()
        one.tap(page.get_by_role("button", name="More or fewer seats"))
        one.tap(page.locator("#sheet form.fill").get_by_role("button", name="Set"))
        expect(page.locator("[data-ceiling]")).to_have_text("200", timeout=SLOWLY_MS)


def test_who_is_called_sees_whether_the_site_is_well_and_what_a_tap_led_to(visitors: Visitors) -> None:
    _, (place,) = visitors.house(1)
    with newcomer(visitors, "See whether a site is well", "west", "oncall", DESKTOP) as one:
        one.tap(one.visitor.page.get_by_role("link", name="How this site is doing"))
        expect(one.visitor.page.locator("#verdict")).to_be_visible()
        expect(one.visitor.page.get_by_role("heading", name="What is read here")).to_be_visible()
    hold = str(visitors.post("holds", place_ids=[place], hold_minutes=30)["id"])
    with newcomer(visitors, "Follow what somebody noticed to its cause", "west", "oncall", DESKTOP) as one:
        page = one.visitor.page
        one.tap(page.get_by_role("link", name="Follow a cause"))
        one.type(page.get_by_label("Number of an event"), hold, "")  # pasted: two keys, from what somebody sent
        one.keys += 2
        one.tap(page.get_by_role("button", name="Follow"))
        expect(page.locator("tbody tr th").first).to_have_text("Asked by: Operator", timeout=PATIENCE_MS)
