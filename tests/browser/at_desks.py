"""What the tests of the desks' screens do again and again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Locator, expect

from infra.running import site_settings
from shared.contracts.weeks import CITY
from shared.http_access import session_cookie
from shared.security import Role, issue_token, load_signing_key
from tests.browser.test_for_everybody import violations
from tests.browser.visitor import PATIENCE_MS, PHONE, Visitor, Visitors
from tests.support.network import Network, network_of, running_network

SLOWLY_MS = 90_000
"""A site is held to be live for 15 seconds after its last beat, and one that does not offer is passed over after 60."""


@contextmanager
def city_with_desks(directory: Path, *words: str) -> Iterator[Network]:
    """A network: files are kept at noord and west, family places at west, programmes at stad. words: for `plek up`."""
    text = network_of("west", "noord").replace('["placement"', '["allowance", "placement"')
    here = text.index('name = "west"')
    file = directory / "network.toml"
    file.write_text(text[:here] + text[here:].replace('["allowance"', '["intake", "allowance"'), "utf-8")
    with running_network(*words, network=file) as started:
        yield started


@contextmanager
def visiting(city: Network, browser: Browser) -> Iterator[Visitors]:
    """Visitors who went nowhere else, and whose pages did nothing that the policy forbids."""
    there = Visitors(city, browser)
    yield there
    assert [address for visitor in there.opened for address in visitor.elsewhere] == []
    assert [complaint for visitor in there.opened for complaint in visitor.forbidden] == []


def sign_in(visitors: Visitors, visitor: Visitor, role: Role, path: str = "/clients", who: str = "") -> Visitor:
    """With a token, as a session that is there already: signing in itself is tested elsewhere. who: which person."""
    token = visitors.network.token(visitor.site, role)
    if who:
        key = site_settings(visitors.network.data, visitor.site).token_signing_key
        assert key is not None
        token = issue_token(load_signing_key(key), who, role, visitor.site, datetime.now(UTC))
    name = session_cookie(visitor.site)
    visitor.page.context.add_cookies([{"name": name, "value": token, "url": visitor.url, "sameSite": "Strict"}])
    visitor.page.goto(f"{visitor.url}{path}")
    return visitor


def opens(desk: Visitor, name: str) -> Locator:
    desk.page.get_by_role("button", name=name).first.click()
    form = desk.page.locator("#sheet form.fill")
    expect(form).to_be_visible(timeout=PATIENCE_MS)
    return form


def registered(desk: Visitor, **bands: int) -> str:
    """Registers a household through the form; ends on its page. The client's id."""
    form = opens(desk, "Register a client")
    for band, people in bands.items():
        form.locator(f"[data-band='{band}']").fill(str(people))
    form.get_by_role("button", name="Register").click()
    desk.page.wait_for_url(re.compile(r"/clients/[0-9a-f-]{36}$"), timeout=PATIENCE_MS)
    desk.is_live()
    return desk.page.url.rpartition("/")[2]


def let_in(visitors: Visitors, house: str, hold: str, place: str, code: str) -> str:
    """At the door of the house they were offered a place at: a wrong code, then the right one. Their stay."""
    with visitors.visitor("west", size=PHONE) as door, visitors.api() as west:
        sign_in(visitors, door, "operator", f"/?location={house}").is_live()
        coming = door.page.locator(f"[data-key='expected {hold}']")
        expect(coming).to_contain_text("from Noord", timeout=SLOWLY_MS)
        expect(coming).to_contain_text("expected by", timeout=SLOWLY_MS)
        assert violations(door) == []
        for said, answer in (("0000-0000", "That is not their code"), (code.lower(), "Checked in")):
            sheet = door.opens(coming.get_by_role("button", name="Check in"))
            sheet.get_by_label("Code").fill(said)
            sheet.get_by_role("button", name="Check in").click()
            door.says(answer, alarm=said != code.lower())
            if said != code.lower():
                expect(coming).to_contain_text("1 wrong code", timeout=PATIENCE_MS)
        door.sees(place, "occupied")
        expect(coming).to_have_count(0)
        return str(west.get(f"/api/placement/holds/{hold}").json()["stay_id"])


def a_session_opens(desk: Visitor, house: str) -> None:
    """A consultation hour with one seat, in two days; first with times that cannot be, then by the keyboard."""
    form = opens(desk, "Open a session")
    ahead = datetime.now(CITY) + timedelta(days=2)
    if form.get_by_label("House").count():  # another test's is known here, too
        form.get_by_label("House").select_option(house)
    form.get_by_label("Kind").select_option("consultation")
    form.get_by_label("From").fill(f"{ahead:%Y-%m-%d}T10:00")
    form.get_by_label("Until").fill(f"{ahead:%Y-%m-%d}T09:00")
    form.get_by_label("Seats").fill("1")
    form.get_by_role("button", name="Open").click()
    expect(form.get_by_role("alert")).to_contain_text("has to end after it begins", timeout=PATIENCE_MS)
    form.get_by_label("Until").fill(f"{ahead:%Y-%m-%d}T12:00")
    form.get_by_role("button", name="Open").press("Enter")
    desk.says("Opened")


def booked(desk: Visitor, which: str = "") -> str:
    """Books a seat: the number that is shown, and with the dialog gone."""
    form = opens(desk, "Book a seat")
    if which:
        form.get_by_label(which).select_option(index=1)
    form.get_by_role("button", name="Book").click()
    number = desk.page.locator("[data-answer=number]")
    expect(number).to_have_text(re.compile(r"^[0-9a-f]{8}$"), timeout=PATIENCE_MS)
    said = number.inner_text()
    desk.page.keyboard.press("Escape")
    expect(desk.page.locator("#sheet-body")).to_be_empty()
    return said


def listed(door: Visitor, house: str, more: str = "") -> None:
    """Opens a list, and again while the desk is late: a busy machine takes its time."""
    for _ in range(30):
        door.page.goto(f"{door.url}/list?location={house}{more}")
        if door.page.locator("#silent").count() == 0:
            return
    expect(door.page.locator("#silent")).to_have_count(0)


def lives_somewhere(desk: Visitor, intake: httpx.Client, client: str) -> None:
    """Waits until the owner of their place has said so, and shows the page anew."""
    for _ in range(SLOWLY_MS // 500):
        if intake.get(f"/api/intake/clients/{client}/home").json()["home"]:
            break
        desk.page.wait_for_timeout(500)
    desk.page.reload()


def alias_is_handed_over(desk: Visitor) -> None:
    """On the page of a client; first without having said that the client did."""
    form = opens(desk, "Let the house know the alias")
    form.get_by_role("button", name="Let the house know").click()
    expect(form).to_be_visible()
    form.get_by_label("The client has said that the house may know it").check()
    assert violations(desk) == []
    form.get_by_role("button", name="Let the house know").click()
    desk.says("now sees the alias")
