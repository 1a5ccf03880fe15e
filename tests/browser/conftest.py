"""One network for several files of this folder, one browser for each; every test looks with a fresh visitor."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.visitor import PATIENCE_MS, Visitors, launched
from tests.support.network import Network
from tests.support.shared_networks import network_for

# Left alone, what is expected has five seconds to come: on a busy machine a page takes that long.
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def network(request: pytest.FixtureRequest) -> Network:
    """The municipality and one site of a demonstration."""
    return network_for(request.path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for the whole session: while it is open, its loop keeps every asyncio test of this process from running."""
    with sync_playwright() as playwright:
        opened = launched(playwright)
        yield opened
        opened.close()


@pytest.fixture
def visitors(network: Network, browser: Browser) -> Iterator[Visitors]:
    """Afterwards, whatever was looked at: nothing was asked from elsewhere, and no policy had to stop anything."""
    there = Visitors(network, browser)
    yield there
    assert [address for visitor in there.opened for address in visitor.elsewhere] == []
    assert [complaint for visitor in there.opened for complaint in visitor.forbidden] == []
