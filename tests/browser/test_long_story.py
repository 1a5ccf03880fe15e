"""A story of 400 events of six sites: its slowest hop, its first failure and where it began are a key away each."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from playwright.sync_api import Page, expect

from infra.running import site_settings
from shared.ids import SystemIds
from tests.browser.test_for_everybody import violations
from tests.browser.visitor import PHONE, Visitors
from tests.support.network import Network

SITES = ("alfa", "bravo", "charlie", "delta", "echo", "foxtrot")
"""Of nobody's network: how far anybody has heard the sites there are is another matter."""
TOLD = 400
SLOW, FAILED = 250, 120
"""Which hop takes three minutes, and which event lies parked somewhere."""
TABS_MAX = 25
"""From the top of the page to what is jumped to; the header, the search and three links are before the table."""


class Told:
    """What the journal of west has heard. ids: in the order they follow from each other."""

    def __init__(self) -> None:
        ids = SystemIds()
        self.ids = [ids.event_id() for _ in range(TOLD)]
        self.correlation = ids.random_id()
        self.began = datetime.now(UTC) - timedelta(hours=1)

    def rows(self) -> list[tuple[Any, ...]]:
        causes = [str(uuid.uuid4()), *self.ids]
        return [
            (f"{SITES[number % len(SITES)]}/placement", "pub", 1, number + 1, uuid.UUID(self.ids[number]),
             "nl.plek.placement.capacity-told.v1", SITES[number % len(SITES)], self.at(number), None,
             uuid.UUID(self.correlation), uuid.UUID(causes[number]), None, b"{}")
            for number in range(TOLD)
        ]  # fmt: skip

    def at(self, number: int) -> datetime:
        late = timedelta(minutes=3) if number >= SLOW else timedelta(0)
        return self.began + timedelta(milliseconds=10 * number) + late

    def parked(self) -> tuple[Any, ...]:
        headers = f'{{"ce-id":"{self.ids[FAILED]}"}}'.encode()
        site = SITES[FAILED % len(SITES)]
        return (
            "a-test", str(uuid.uuid4()), "CITY", "1", 1, f"{site}/placement", "pub", 1, FAILED + 1,
            "nl.plek.placement.capacity-told.v1", "handler-failed", "", f"plek.{site}.pub.placement.capacity-told",
            headers, b"{}", self.at(FAILED), 0, None,
        )  # fmt: skip


@asynccontextmanager
async def database(network: Network) -> AsyncIterator[asyncpg.Connection[Any]]:
    connection = await asyncpg.connect(site_settings(network.data, "west").databases["console"].get_secret_value())
    try:
        yield connection
    finally:
        await connection.close()


async def tell(network: Network, told: Told) -> None:
    async with database(network) as connection:
        await connection.copy_records_to_table("journal", records=told.rows())
        await connection.copy_records_to_table("parked", records=[told.parked()])


async def forget(network: Network, told: Told) -> None:
    async with database(network) as connection:
        await connection.execute("delete from journal where correlation_id = $1", uuid.UUID(told.correlation))
        await connection.execute("delete from parked where reader = 'a-test'")


def aside(work: Any) -> None:
    """Runs it beside the browser, whose own loop is under way here."""
    from threading import Thread

    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:
            failures.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert failures == []


@pytest.fixture(scope="module")
def told(network: Network) -> Iterator[Told]:
    there = Told()
    aside(tell(network, there))
    yield there
    aside(forget(network, there))


def tabs_to(page: Page, text: str) -> None:
    """Goes on with the Tab key until something that says so has the focus."""
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText || ''").startswith(text):
            return
    raise AssertionError(f"{text!r} is not among the first {TABS_MAX} things the Tab key goes to")


@pytest.mark.parametrize("size", [PHONE, (1280, 900)])
def test_the_slowest_hop_the_first_failure_and_the_root_are_a_key_away(
    visitors: Visitors, told: Told, size: tuple[int, int]
) -> None:
    with visitors.visitor("west", size=size) as visitor:
        visitor.sign_in("oncall")
        page = visitor.page
        for link, number in (
            ("The longest wait", SLOW), ("The first failure", FAILED), ("Where it began", 0),
        ):  # fmt: skip
            page.goto(f"{visitor.url}/trace?id={told.ids[-1]}")
            expect(page.locator("tbody tr[id]")).to_have_count(TOLD)
            tabs_to(page, link)
            page.keyboard.press("Enter")
            row = page.locator("tr:target")
            expect(row).to_be_in_viewport()
            expect(row.locator("th a")).to_have_attribute("href", f"/trace?id={told.ids[number]}#asked")
            expect(row).to_contain_text(f"{SITES[number % len(SITES)]}/placement")
        page.goto(f"{visitor.url}/trace?id={told.ids[-1]}#step-{FAILED + 1}")
        expect(page.locator("tr:target .alarm")).to_contain_text("handler-failed")
        tabs_to(page, "capacity-told")
        page.keyboard.press("Enter")
        expect(page.locator("tr.is-asked")).to_be_in_viewport()


def test_axe_finds_nothing_in_a_long_story(visitors: Visitors, told: Told) -> None:
    with visitors.visitor("west") as visitor:
        visitor.sign_in("oncall")
        visitor.page.goto(f"{visitor.url}/trace?id={told.ids[0]}")
        assert violations(visitor) == []
