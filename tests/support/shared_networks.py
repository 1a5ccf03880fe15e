"""Networks that several files of tests share: each file leaves one as it found it, and whoever is last takes it down.

Starting the smallest network takes a core seven seconds; one that runs and that nobody uses takes it a tenth of every
second. So the files that can share one stay together with one worker, one after the other, and no network goes on
running after the last of them (`tests/conftest.py`).
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.support.network import FOUR, PAIR, Network, running_network

SHARING = {
    "pair": (
        "system/test_api_schema", "system/test_demo", "system/test_exports", "system/test_one_winner",
        "system/test_pages", "system/test_verbs",
    ),
    "four": ("system/test_aliases", "system/test_allowance", "system/test_offers"),
    # These move its clock.
    "four-later": ("system/test_remote_holds", "system/test_trace"),
    "demo-1": (
        "browser/test_for_everybody", "browser/test_desks", "browser/test_lists", "browser/test_signing_in",
        "browser/test_state",
    ),
    "demo-2": (
        "browser/test_city", "browser/test_desk", "browser/test_keyboard", "browser/test_live_page",
        "browser/test_newcomers", "browser/test_offline", "browser/test_steady", "browser/test_story",
        "browser/test_long_story",
    ),
}  # fmt: skip
"""The files that share one, by a name for it."""

FILES = {"four": FOUR, "four-later": FOUR}
_HOLDER = {file: name for name, files in SHARING.items() for file in files}
_running: dict[str, tuple[ExitStack, Network]] = {}


def group_of(path: Path) -> str:
    """What a file of tests has to stay together with: the others that share its network, or nobody but itself."""
    file = f"{path.parent.name}/{path.stem}"
    return _HOLDER.get(file, file)


def network_for(path: Path) -> Network:
    """The network of a file that shares one; started if it does not run."""
    name = group_of(path)
    assert name in SHARING, f"{name} shares no network: have it started by itself, or add it to SHARING"
    if name not in _running:
        words = ("--demo",) if name.startswith("demo") else ("--no-demo",)
        stack = ExitStack()
        _running[name] = stack, stack.enter_context(running_network(*words, network=FILES.get(name, PAIR)))
    return _running[name][1]


def take_down(group: str) -> None:
    """No test of this group comes any more."""
    held = _running.pop(group, None)
    if held is not None:
        held[0].close()


def take_all_down() -> None:
    """Whatever became of the tests."""
    for group in list(_running):
        take_down(group)
