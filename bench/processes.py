"""The processes of a network: which there are below one, and what they have taken of the processors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def below(root: int) -> Iterator[int]:
    """Every process that descends from another."""
    parents = {pid: int(state[1]) for pid, state in _states()}
    for pid in parents:
        above = parents[pid]
        while above in parents and above != root:
            above = parents[above]
        if above == root:
            yield pid


def processor_seconds() -> float:
    """What this process and everything it started has taken so far, those that have ended (and were waited for)
    included."""
    mine = {os.getpid(), *below(os.getpid())}
    ticks = sum(sum(map(int, state[11:15])) for pid, state in _states() if pid in mine)
    return ticks / _TICKS_A_SECOND


def _states() -> Iterator[tuple[int, list[str]]]:
    """The fields of `/proc/<pid>/stat` after the name, from the state on (`man 5 proc`)."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            yield int(entry.name), state
