"""What a network is made of: parts that are started, watched, and started again when they die."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from infra.probe import get
from infra.processes import Child, PlatformError, stop_child

PAUSE_SECONDS_MIN = 0.1
PAUSE_SECONDS_MAX = 5.0
STEADY_SECONDS = 30.0
STOP_SECONDS_MAX = 5.0


def environment() -> dict[str, str]:
    """Ours, and the way to our own modules: `plek` may have been started from any directory."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


class Service:
    """One site's process: all of its services. begin: starts it and returns at once."""

    def __init__(self, begin: Callable[[], Child], url: str, log: Path) -> None:
        self.url = url
        self._begin = begin
        self._log = log
        self.process: Child | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, None when it was never started."""
        return None if self.process is None else self.process.pid

    def launch(self) -> None:
        """Start it; returns at once."""
        self.process = self._begin()

    def ready(self) -> bool:
        """Whether `/readyz` says yes. Raises `PlatformError` with its last line when it ended."""
        if not self.alive():
            raise PlatformError(f"the process of {self._log.parent.name} ended: {last_line(self._log)}")
        return get(f"{self.url}/readyz", timeout_seconds=1)[0] == 200

    def alive(self) -> bool:
        """Whether its process runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Ask it to end, insist soon."""
        if self.process is not None:
            stop_child(self.process, patience_seconds=STOP_SECONDS_MAX)


class Running(Protocol):
    """What the supervisor asks of every part."""

    @property
    def pid(self) -> int | None:
        """Its process id when it is a child of ours."""

    def launch(self) -> None:
        """Start it (again)."""

    def ready(self) -> bool:
        """Whether it can be used."""

    def alive(self) -> bool:
        """Whether it runs."""

    def stop(self) -> None:
        """End it."""


@dataclass
class Part:
    """One thing that is kept running. `kind` is service, nats or postgres, as `plek kill` calls them.

    A dead part is started again after a pause that doubles up to `PAUSE_SECONDS_MAX`, and is as short as at first once
    the part has run for `STEADY_SECONDS`.
    """

    site: str
    kind: str
    server: Running
    launch: Callable[[], None]
    launched_at: float = 0.0
    pause_seconds: float = PAUSE_SECONDS_MIN
    start_again_at: float | None = None
    wanted: bool = False

    def start(self) -> None:
        """Start it and remember when."""
        self.wanted = True
        self.launched_at = time.monotonic()
        self.start_again_at = None
        self.launch()

    def look(self, now: float) -> str | None:
        """Start it again when it is dead and its pause is over. Returns a line when something happened."""
        if not self.wanted or self.server.alive():
            return None
        if self.start_again_at is None:
            if now - self.launched_at > STEADY_SECONDS:
                self.pause_seconds = PAUSE_SECONDS_MIN
            self.start_again_at = now + self.pause_seconds
            self.pause_seconds = min(self.pause_seconds * 2, PAUSE_SECONDS_MAX)
            return f"{self.site}: {self.kind} ended, starting it again"
        if now < self.start_again_at:
            return None
        try:
            self.start()
        except PlatformError as error:
            self.start_again_at = now + self.pause_seconds
            return f"{self.site}: {self.kind} does not start: {error}"
        return f"{self.site}: {self.kind} started again"


def last_line(log: Path) -> str:
    """The last line a process wrote, for a person to start from."""
    try:
        lines = log.read_text("utf-8", "replace")[-4000:].strip().splitlines()
    except OSError:
        lines = []
    return f"{lines[-1][:300]} (more in {log})" if lines else f"it printed nothing (see {log})"
