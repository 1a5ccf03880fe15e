"""Fixtures every folder of tests may use, and how the tests are shared out over workers."""

from __future__ import annotations

import pytest

from tests.support.buses import bus
from tests.support.data import data_dir
from tests.support.memory import keep_in_memory
from tests.support.servers import database, nats_pair, nats_single, postgres

__all__ = ["bus", "data_dir", "database", "nats_pair", "nats_single", "postgres"]

keep_in_memory()

TOGETHER = ("system", "browser")
"""Folders whose tests share a running network: a file of them stays with one worker."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """As early as this: xdist looks for the marks before any other hook that sees all items."""
    if item.path.parent.name in TOGETHER:
        item.add_marker(pytest.mark.xdist_group(item.path.stem))
