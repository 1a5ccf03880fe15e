"""Fixtures every folder of tests may use, and how the tests are shared out over workers."""

from __future__ import annotations

import gc

import pytest

from tests.support.buses import bus
from tests.support.data import data_dir
from tests.support.memory import keep_in_memory
from tests.support.servers import database, nats_pair, nats_single, postgres
from tests.support.shared_networks import group_of, take_all_down, take_down

__all__ = ["bus", "data_dir", "database", "nats_pair", "nats_single", "postgres"]

pytest_plugins = ["tests.support.second_try"]

keep_in_memory()

# Until all tests are known: loading them makes millions of objects, and what looks for something to throw away finds
# nothing and takes a third of the time, in every worker.
gc.disable()

TOGETHER = ("alerts", "system", "browser")
"""Folders whose tests share a running network: a file of them stays with one worker."""

LONGEST_FIRST = (
    "system/test_chaos", "demo-1", "demo-2", "pair", "system/test_sites_come_and_go", "system/test_restored_backup",
)  # fmt: skip
"""The files of those folders, or groups of files that share a network, that take longest: one that begins last keeps
one worker busy while the others have nothing left to do."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """As early as this: xdist looks for the marks before any other hook that sees all items."""
    if item.path.parent.name in TOGETHER:
        item.add_marker(pytest.mark.xdist_group(group_of(item.path)))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What order the workers take the tests in, after pytest-randomly has said how they lie: what stays together
    before what can fill any gap. Files that share a network lie beside each other, also without workers."""
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)
    else:
        places = {group_of(item.path): number for number, item in reversed(list(enumerate(items)))}
        items.sort(key=lambda item: places[group_of(item.path)])


def _turn(item: pytest.Item) -> tuple[int, str]:
    group, last = group_of(item.path), len(LONGEST_FIRST)
    if item.path.parent.name not in TOGETHER:
        return last + 1, ""
    return (LONGEST_FIRST.index(group) if group in LONGEST_FIRST else last), group


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the fixtures of the last test that shares a network are gone, so is the network."""
    if nextitem is None or group_of(nextitem.path) != group_of(item.path):
        take_down(group_of(item.path))


def pytest_sessionfinish() -> None:
    take_all_down()


def pytest_collection_finish() -> None:
    """What has been loaded by now stays: nothing of it is looked at again for something to throw away."""
    gc.collect()
    gc.freeze()
    gc.enable()
