"""Somebody with a browser: signs in, looks, taps; and whatever the page asks for or complains about is remembered."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, Locator, Page, Playwright, Route, expect

from tests.support.network import Network

PATIENCE_MS = 20_000
ARGUMENTS = (
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip

Scheme = Literal["light", "dark"]

PHONE = (390, 844)
DESKTOP = (1280, 900)


def chromium() -> str:
    """The browser on this machine."""
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    assert found is not None, "there is no chromium on this machine (Debian: apt-get install chromium)"
    return found


OWN_WORDS = {"nl": "nl", "en": "en_GB"}
"""What a browser speaks itself, in its fields for days and files, to those who read a language of the screens."""


def launched(playwright: Playwright, language: str = "") -> Browser:
    """A browser. language: what it speaks itself, where its words for that are there (Debian: chromium-l10n)."""
    env: dict[str, str | float | bool] = {**os.environ, **({"LANGUAGE": OWN_WORDS[language]} if language else {})}
    return playwright.chromium.launch(executable_path=chromium(), args=list(ARGUMENTS), env=env)


def speaks(browser: Browser) -> str:
    """The language of its own fields: nl, en-US."""
    page = browser.new_page()
    told = str(page.evaluate("navigator.language"))
    page.close()
    return told


@dataclass
class Visitor:
    """One page at one site. elsewhere: requests that left the site. forbidden: what its policy stopped."""

    site: str
    url: str
    page: Page
    elsewhere: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)

    def sign_in(self, role: str) -> Visitor:
        """By a demo account, with the form the sign-in page would send; ends on the live page. (What that page is like
        has tests of its own: `test_signing_in.py`. Everybody else would draw two pages more.)"""
        came = self.page.request.post(
            f"{self.url}/sign-in", form={"demo": role}, headers={"Origin": self.url}, max_redirects=0
        )
        assert (came.status, came.headers["location"]) == (303, "/"), came.text()
        self.page.goto(f"{self.url}/")
        return self.is_live()

    def sign_in_by_hand(self, role: str) -> Visitor:
        """The same by way of the pages."""
        self.page.goto(f"{self.url}/")
        expect(self.page).to_have_url(f"{self.url}/sign-in")
        self.page.locator(f"button[name=demo][value={role}]").click()
        return self.is_live()

    def look_at(self, location: str) -> Visitor:
        self.page.goto(f"{self.url}/?location={location}")
        return self.is_live()

    def is_live(self, patience_ms: int = PATIENCE_MS) -> Visitor:
        expect(self.page.locator("#pulse")).to_have_attribute("data-state", "live", timeout=patience_ms)
        return self

    def tile(self, place_id: str) -> Locator:
        return self.page.locator(f"[data-place='{place_id}']")

    def button(self, place_id: str, tap: str) -> Locator:
        return self.tile(place_id).locator(f"button[data-tap={tap}]")

    def opens(self, button: Locator) -> Locator:
        """Taps what opens a sheet; the sheet."""
        button.click()
        sheet = self.page.locator("#sheet")
        expect(sheet).to_be_visible(timeout=PATIENCE_MS)
        return sheet

    def sees(self, place_id: str, status: str) -> None:
        """Waits until a place is shown with this status."""
        expect(self.page.locator(f"[data-place='{place_id}'].is-{status}")).to_be_visible(timeout=PATIENCE_MS)

    def free(self, location: str, kind: str = "shelter_24h") -> Locator:
        """The cell that says how many places of a location are free."""
        return self.page.locator(f"tr[data-key$='/{location}/{kind}'] td.free strong")

    def stops_hearing(self) -> None:
        """From now on what this page asks for again never comes: it shows what it showed."""
        self.page.route("**/live?**", _never)

    def says(self, text: str, *, alarm: bool = False) -> None:
        shown = self.page.locator("#said-alert" if alarm else "#said-status")
        expect(shown).to_be_visible(timeout=PATIENCE_MS)
        expect(shown).to_contain_text(text)

    def width(self) -> int:
        """How wide the document is, in CSS pixels."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))


def _never(route: Route) -> None:
    """Leaves a request without an answer."""


@dataclass
class Visitors:
    """Opens browsers at the sites of a running network."""

    network: Network
    browser: Browser
    opened: list[Visitor] = field(default_factory=list)

    @contextmanager
    def visitor(
        self, site: str, *, language: str = "en", scheme: Scheme = "light", size: tuple[int, int] = DESKTOP, **more: Any
    ) -> Iterator[Visitor]:
        """A browser of its own, with nothing in it."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, locale=language, color_scheme=scheme, **more
        )
        try:
            yield self.open(site, context.new_page())
        finally:
            context.close()

    def open(self, site: str, page: Page) -> Visitor:
        """A page of a site in a browser that is there already."""
        visitor = Visitor(site, self.network.urls[site], page)
        page.set_default_timeout(PATIENCE_MS)
        homes = {urlsplit(url).netloc for url in self.network.urls.values()}

        def asked(address: str) -> None:
            if urlsplit(address).netloc not in homes:
                visitor.elsewhere.append(address)

        def complained(text: str) -> None:
            if "Content Security Policy" in text:
                visitor.forbidden.append(text)

        page.on("request", lambda request: asked(request.url))
        page.on("console", lambda message: complained(message.text))
        self.opened.append(visitor)
        return visitor

    @contextmanager
    def api(self, site: str = "west", role: str = "operator") -> Iterator[httpx.Client]:
        """The same site over HTTP, for what somebody else does meanwhile."""
        headers = {"Authorization": f"Bearer {self.network.token(site, role)}"}
        with httpx.Client(base_url=self.network.urls[site], headers=headers, timeout=60, trust_env=False) as client:
            yield client

    def house(self, places: int = 2, **make: Any) -> tuple[str, list[str]]:
        """A location of its own at west, with free places in one room; its name and their ids."""
        name = self.network.new_name("house")
        with self.api() as client:
            opened = client.post(
                "/api/placement/locations", json={"name": name, "title": name.title(), "district": "West"}
            )
            assert opened.status_code == 201, opened.text
            if not places:
                return name, []
            body = {"location": name, "kind": "shelter_24h", "room": "101", "count": places} | make
            made = client.post("/api/placement/places", json=body)
            assert made.status_code == 201, made.text
            return name, list(made.json()["place_ids"])

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Somebody else's command at west; it must succeed."""
        with self.api() as client:
            answer = client.post(f"/api/placement/{path}", json=body)
            assert answer.is_success, answer.text
            told: dict[str, Any] = answer.json()
            return told
