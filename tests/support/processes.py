"""Looking at processes from outside, for tests of what is left behind; and waiting without sleeping blindly."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

LOOK_SECONDS = 0.01
PATIENCE_SECONDS = 60.0
"""However busy the machine is; nothing waits that long when all is well."""


def running(pid: int) -> bool:
    """Whether a process runs (one that ended and waits to be reaped does not)."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in ("Z", "X")


def mentioning(directory: Path) -> list[int]:
    """Every running process whose command line or working directory lies under `directory`, ourselves excepted."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
            here = str((entry / "cwd").readlink())
        except OSError:
            continue
        if (os.fsencode(directory) in words or here.startswith(str(directory))) and running(int(entry.name)):
            found.append(int(entry.name))
    return found


def eventually(condition: Callable[[], bool], what: str, seconds_max: float = PATIENCE_SECONDS) -> None:
    """Wait until `condition` holds; fails the test naming `what` when it does not in time."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds_max} s: {what}"
        time.sleep(LOOK_SECONDS)


async def soon(condition: Callable[[], bool], what: str, seconds_max: float = PATIENCE_SECONDS) -> None:
    """`eventually` for tests on an event loop."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds_max} s: {what}"
        await asyncio.sleep(LOOK_SECONDS)


def gone(pids: Iterable[int]) -> bool:
    """Whether none of these processes runs."""
    return not any(running(pid) for pid in pids)
