"""Running networks for the tests of this folder that do not break them."""

import pytest

from tests.support.network import Network
from tests.support.shared_networks import network_for


@pytest.fixture(scope="module")
def network(request: pytest.FixtureRequest) -> Network:
    """The municipality and one site, whose houses are empty."""
    return network_for(request.path)


@pytest.fixture(scope="module")
def city(request: pytest.FixtureRequest) -> Network:
    """The municipality and three sites, whose houses are empty."""
    return network_for(request.path)
