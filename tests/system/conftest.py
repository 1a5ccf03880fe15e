"""One running network for all tests of this folder that do not break it."""

from collections.abc import Iterator

import pytest

from tests.support.network import Network, running_network


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    with running_network() as started:
        yield started
