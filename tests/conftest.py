"""Fixtures every folder of tests may use, and how the tests are shared out over workers."""

from __future__ import annotations

import gc

import pytest

from tests.support.buses import bus
from tests.support.data import data_dir
from tests.support.memory import keep_in_memory
from tests.support.servers import database, nats_pair, nats_single, postgres

__all__ = ["bus", "data_dir", "database", "nats_pair", "nats_single", "postgres"]

keep_in_memory()

TOGETHER = ("alerts", "system", "browser")
"""Folders whose tests share a running network: a file of them stays with one worker."""

LONGEST_FIRST = (
    "test_chaos", "test_for_everybody", "test_desks", "test_sites_come_and_go", "test_restored_backup",
    "test_api_schema",
)  # fmt: skip
"""The files of those folders that take longest, as they were measured: one that begins last keeps one worker busy
while the others have nothing left to do."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """As early as this: xdist looks for the marks before any other hook that sees all items."""
    if item.path.parent.name in TOGETHER:
        item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What order the workers take the tests in, after pytest-randomly has said how they lie: what stays together
    before what can fill any gap."""
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    stem, last = item.path.stem, len(LONGEST_FIRST)
    if stem in LONGEST_FIRST:
        return LONGEST_FIRST.index(stem)
    return last if item.path.parent.name in TOGETHER else last + 1


def pytest_collection_finish() -> None:
    """What has been loaded by now stays: nothing of it is looked at again for something to throw away."""
    gc.collect()
    gc.freeze()
