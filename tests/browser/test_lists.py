"""The lists a desk prints: who is where tonight, and where people are when the house has to be left."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.test_for_everybody import violations
from tests.browser.visitor import DESKTOP, PHONE, Visitors


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_the_night_list_shows_every_place_and_the_evacuation_list_only_people(
    visitors: Visitors, size: tuple[int, int]
) -> None:
    house, (first, second) = visitors.house()
    with visitors.visitor("west", size=size) as desk:
        desk.sign_in("operator").look_at(house)
        desk.button(first, "take").click()
        desk.sees(first, "occupied")
        desk.page.get_by_role("link", name="Night list").click()
        expect(desk.page.locator("#people")).to_have_text("1 person")
        expect(desk.page.locator("tr[data-place]")).to_have_count(2)
        expect(desk.page.locator(f"tr[data-place='{second}']")).to_contain_text("Free")
        assert (violations(desk), desk.width() <= size[0]) == ([], True)
        desk.page.get_by_role("link", name="Evacuation list").click()
        expect(desk.page.locator("tr[data-place]")).to_have_count(1)
        expect(desk.page.locator(f"tr[data-place='{first}']")).to_contain_text("Occupied")
        assert (violations(desk), desk.width() <= size[0]) == ([], True)
        desk.page.goto(f"{desk.url}/account")
        assert (violations(desk), desk.width() <= size[0]) == ([], True)


def test_a_list_is_in_dutch_and_printed_without_what_is_not_for_paper(visitors: Visitors) -> None:
    house, _ = visitors.house()
    with visitors.visitor("west", language="nl", size=PHONE) as desk:
        desk.sign_in("caseworker")
        desk.page.goto(f"{desk.url}/list?location={house}&evacuation=true")
        expect(desk.page.get_by_role("heading", level=1)).to_contain_text("Ontruimingslijst")
        expect(desk.page.locator("main")).to_contain_text("Er is niemand in dit huis")
        desk.page.emulate_media(media="print")
        expect(desk.page.locator(".tools")).to_be_hidden()
        expect(desk.page.get_by_role("link", name="Terug naar het bord")).to_be_hidden()


def test_a_house_of_another_site_is_not_listed(visitors: Visitors) -> None:
    with visitors.visitor("west") as desk:
        desk.sign_in("operator")
        answer = desk.page.goto(f"{desk.url}/list?location=nowhere")
        assert answer is not None
        assert answer.status == 404
        expect(desk.page.get_by_role("heading", level=1)).to_contain_text("There is no such house here")
