"""Which attempts to send have begun, written down where no older backup of the database is ever put back: beside the
list of destroyed keys. A database that is put back has forgotten some of them; what they may have sent comes again
marked as a repeat.

One file a day, a line an attempt: the message's id, the attempt's number, the channel. An id leads to nobody.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

from services.notifications.adapters.settings import ChannelSettings
from shared.settings import VaultSettings
from shared.telemetry import logger

log = logger("begun")

KEPT = timedelta(days=14)
"""How old a backup may be for what was sent since to be known."""
MESSAGES_MAX = 200_000
"""Messages that are known, the newest; about 50 MB. A house sends some hundreds a day."""


class Begun:
    """folder: None: there is none at this site, and only this process knows."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: dict[str, tuple[int, str]] = {}
        self._day: date | None = None
        self._file = -1
        for path in _days(folder):
            self._read(path)

    def on(self, message_id: str, attempt: int) -> str:
        """The channel that this attempt, or a later one, was given to; empty when none began. The database is asked
        first: an attempt it knows of is not this one."""
        last, channel = self._known.get(message_id, (0, ""))
        return channel if last >= attempt else ""

    def note(self, message_id: str, attempt: int, channel: str, today: date) -> None:
        """It begins now. It is not synced: a machine that loses its last second has not put a backup back in it.
        Raises `OSError`: nobody would know of it."""
        if self._folder is not None:
            if self._day != today:
                self._turn_to(self._folder, today)
            line = f"\n{message_id} {attempt} {channel}".encode()
            if os.write(self._file, line) < len(line):  # a disk that is nearly full takes a part, and says so only here
                raise OSError(errno.ENOSPC, "a part was written")
        self._keep(message_id, attempt, channel)

    def close(self) -> None:
        """Lets go of the file of the day."""
        if self._file >= 0:
            os.close(self._file)
        self._file, self._day = -1, None

    def _turn_to(self, folder: Path, today: date) -> None:
        self.close()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in _days(folder):
            if path.name < (today - KEPT).isoformat():
                path.unlink(missing_ok=True)
        self._file = os.open(folder / today.isoformat(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._day = today

    def _read(self, path: Path) -> None:
        """A line that was torn off is none: what it was about did not begin."""
        try:
            text = path.read_text("utf-8", "replace")
        except OSError as error:
            log.error("what was sent before is not known", reason=type(error).__name__)
            return
        for line in text.splitlines():
            with suppress(ValueError):
                message_id, attempt, channel = line.split(" ")
                self._keep(message_id, int(attempt), channel)

    def _keep(self, message_id: str, attempt: int, channel: str) -> None:
        self._known.pop(message_id, None)  # so that the oldest is the first
        self._known[message_id] = (attempt, channel)
        if len(self._known) > MESSAGES_MAX:
            del self._known[next(iter(self._known))]


def begun_of(vault: VaultSettings | None, channels: ChannelSettings) -> Begun:
    """Those of a site: in the folder its channels name, or beside its vault's list."""
    if channels.begun is not None:
        return Begun(channels.begun)
    return Begun(None if vault is None else vault.destroyed.with_suffix(".begun"))


def _days(folder: Path | None) -> list[Path]:
    """Its files, the oldest first."""
    if folder is None or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _is_day(path.name))


def _is_day(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False
