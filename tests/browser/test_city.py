"""The municipality's screen: districts and kinds, now and as it was, and what it can be downloaded as."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree as ET

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_for_everybody import NARROW, everywhere, large_enough, violations
from tests.browser.visitor import PATIENCE_MS, PHONE, Scheme, Visitor, Visitors


def district(visitors: Visitors, places: int = 3) -> str:
    """A district of its own with one house that has free places; its name."""
    name = visitors.network.new_name("wijk").title()
    house = name.lower()
    visitors.post("locations", name=house, title=f"Huis {name}", district=name)
    visitors.post("places", location=house, kind="shelter_24h", room="1", count=places)
    return name


def city(visitor: Visitor, path: str = "/city", role: str = "coordinator") -> Page:
    visitor.sign_in(role)
    visitor.page.goto(f"{visitor.url}{path}")
    visitor.is_live()
    return visitor.page


def test_a_tap_shows_in_its_district_and_the_slider_shows_the_time_before(visitors: Visitors) -> None:
    name = district(visitors)
    with visitors.visitor("stad") as office:
        page = city(office)
        line = page.locator(f"tr[data-key='district {name}']")
        expect(line.locator("td.free")).to_have_text("3 free", timeout=PATIENCE_MS)
        tile = page.locator("svg.map g", has_text=name)
        expect(tile).to_contain_text("room")
        visitors.post("stays", kind="shelter_24h", location=name.lower())
        expect(line.locator("td.free")).to_have_text("2 free", timeout=PATIENCE_MS)
        page.get_by_label("Back through the last week").focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#city-title")).to_contain_text("as it was", timeout=PATIENCE_MS)
        expect(line).to_have_count(0)
        expect(page.get_by_label("As it was at")).not_to_have_value("")
        page.reload()
        expect(page.locator("#city-title")).to_contain_text("as it was")
        page.get_by_label("Back through the last week").focus()
        page.keyboard.press("End")
        expect(line.locator("td.free")).to_have_text("2 free", timeout=PATIENCE_MS)


def test_without_a_script_a_moment_is_asked_by_the_form_and_a_district_by_its_name(visitors: Visitors) -> None:
    name = district(visitors)
    with visitors.visitor("stad") as office:
        page = city(office)
        page.get_by_role("link", name=name).click()
        expect(page.locator("#district")).to_contain_text(f"Huis {name}")
        page.get_by_label("As it was at").fill("2020-01-01T12:00")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#live")).to_contain_text("1 Jan 2020 12:00")
        expect(page.locator("[data-key^='district ']")).to_have_count(0)


def test_the_figures_and_the_map_are_taken_away_as_files(visitors: Visitors) -> None:
    name = district(visitors)
    with visitors.visitor("stad") as office:
        page = city(office)
        expect(page.locator(f"tr[data-key='district {name}']")).to_be_visible(timeout=PATIENCE_MS)
        with page.expect_download() as taken:
            page.get_by_role("link", name="Figures as CSV").click()
        rows = list(csv.DictReader(io.StringIO(taken.value.path().read_text("utf-8"))))
        [line] = [row for row in rows if row["district"] == name]
        assert (line["available"], line["link"]) == ("3", "live")
        with page.expect_download() as taken:
            page.get_by_role("link", name="Map as PNG").click()
        assert taken.value.path().read_bytes().startswith(b"\x89PNG")
        with page.expect_download() as taken:
            page.get_by_role("link", name="Map as SVG").click()
        drawn = ET.fromstring(taken.value.path().read_text("utf-8"))
        assert any(name in (text.text or "") for text in drawn.iter("{http://www.w3.org/2000/svg}text"))


def test_the_weeks_show_what_was_left_out_and_are_taken_away_with_their_picture(visitors: Visitors) -> None:
    with visitors.visitor("stad") as office:
        page = city(office)
        page.get_by_role("link", name="Weeks at the desks").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Weeks at the desks")
        expect(page.locator("tr[data-key=share] td").first).to_have_text("none ended")
        expect(page.locator(".weeks-chart .goal")).to_have_count(1)
        with page.expect_download() as taken:
            page.get_by_role("link", name="Figures as CSV").click()
        rows = list(csv.DictReader(io.StringIO(taken.value.path().read_text("utf-8"))))
        assert {row["least"] for row in rows if row["part"] == "registrations"} == {"0"}
        assert all(row["as_of"] for row in rows)
        with page.expect_download() as taken:
            page.get_by_role("link", name="Picture as PNG").click()
        assert taken.value.suggested_filename == "plek-weeks.png"
        picture = taken.value.path().read_bytes()
        assert picture.startswith(b"\x89PNG")
        width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
        assert width > height > 300  # twice as large as it is drawn


def test_the_flows_are_there_week_by_week_and_are_taken_away_as_a_table(visitors: Visitors) -> None:
    with visitors.visitor("stad") as office:
        page = city(office)
        page.get_by_role("link", name="From kind to kind").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("From kind to kind")
        weeks = page.get_by_role("navigation", name="Choose a week").get_by_role("link")
        expect(weeks).to_have_count(8)
        oldest = weeks.last.inner_text()
        weeks.last.click()
        expect(page.locator("#bands-title")).to_have_text(f"Week of {oldest}")
        expect(page.locator("#no-bands")).to_be_visible()
        with page.expect_download() as taken:
            page.get_by_role("link", name="Figures as CSV").click()
        rows = csv.DictReader(io.StringIO(taken.value.path().read_text("utf-8")))
        assert {"week", "came_from", "went_to", "households"} <= set(rows.fieldnames or ())


@everywhere
def test_axe_finds_nothing_in_the_city(
    visitors: Visitors, language: str, scheme: Scheme, size: tuple[int, int]
) -> None:  # fmt: skip
    name = district(visitors)
    with visitors.visitor("stad", language=language, scheme=scheme, size=size) as office:
        city(office, f"/city?district={name}")
        expect(office.page.locator("#district")).to_be_visible(timeout=PATIENCE_MS)
        assert violations(office) == []
        office.page.goto(f"{office.url}/city?at=2020-01-01T12:00")
        assert violations(office) == []
        office.page.goto(f"{office.url}/city/weeks")
        expect(office.page.locator("#unmet")).to_be_visible()
        assert violations(office) == []
        assert office.width() <= size[0]
        office.page.goto(f"{office.url}/city/flows")
        expect(office.page.locator("#flows")).to_be_visible()
        assert violations(office) == []
        assert office.width() <= size[0]
        office.page.goto(f"{office.url}/city/nights")
        expect(office.page.locator("h1")).to_be_visible()
        if office.page.locator(".behind summary").count():
            office.page.locator(".behind summary").click()
        assert violations(office) == []
        assert office.width() <= size[0]


@pytest.mark.parametrize("size", [PHONE, NARROW])
def test_the_city_fits_a_phone_and_its_tables_scroll_in_themselves(visitors: Visitors, size: tuple[int, int]) -> None:
    name = district(visitors)
    with visitors.visitor("stad", language="nl", size=size) as office:
        city(office, f"/city?district={name}", "auditor")
        expect(office.page.locator("#district")).to_be_visible(timeout=PATIENCE_MS)
        assert office.width() <= size[0]
        large_enough(office)
