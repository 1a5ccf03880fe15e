"""The vault's keys on a disk: one file a key, and beside them, out of the reach of any backup of either database or
keys, the list of those that were destroyed.

The list is append-only: `<key id> <time> <check>` a line, synced before the key's file goes. A crash between the two
leaves a key that the next start removes; a last line that was cut is no line, for nobody was told that it is there.
It also says what is sealed under which key was sent elsewhere, and that it was not taken there after all: `<key id>
<time> away:<where> <check>` and `back:<where>`.
Keys without a list are damage, and so is a line in the middle that is not what was written; then the vault stays shut:
whoever was erased must not come back because we cannot read who it was.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from shared.vault import VaultProblem

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WHERE = re.compile(r"[a-z0-9][a-z0-9/-]{0,119}")
_AWAY, _BACK = "away", "back"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FileKeys:
    """keys: the folder of wrapped keys. destroyed: the file with the list; it belongs on another disk than either
    backup. Several processes may use both: they write one after the other, and see each other's words at the next look.
    """

    def __init__(self, keys: Path, destroyed: Path) -> None:
        self._keys, self._list = keys, destroyed
        self._gone: dict[str, datetime] = {}
        self._away: dict[str, str] = {}
        self._read_to = 0
        self._reading = threading.Lock()

    async def open(self) -> None:
        await asyncio.to_thread(self._open)

    def destroyed(self) -> Mapping[str, datetime]:
        self._catch_up()
        return self._gone

    def away(self) -> Mapping[str, str]:
        self._catch_up()
        return self._away

    async def put_away(self, key_id: str, where: str, at: datetime) -> None:
        await asyncio.to_thread(self._send, key_id, where, at)

    async def take_back(self, key_id: str, where: str, at: datetime) -> None:
        await asyncio.to_thread(self._take_back, key_id, where, at)

    async def get(self, key_id: str) -> bytes | None:
        def read() -> bytes | None:
            with _explained():
                try:
                    return self._path(key_id).read_bytes()
                except FileNotFoundError:
                    return None

        return await asyncio.to_thread(read)

    async def put_new(self, key_id: str, wrapped: bytes) -> bool:
        return await asyncio.to_thread(self._put_new, key_id, wrapped)

    async def replace(self, key_id: str, wrapped: bytes) -> None:
        def write() -> None:
            with _explained(), self._locked():
                self._catch_up()
                if key_id not in self._gone and self._path(key_id).exists():
                    self._write(key_id, wrapped).replace(self._path(key_id))
                    _sync_folder(self._path(key_id).parent)

        await asyncio.to_thread(write)

    async def remove(self, key_id: str) -> None:
        await asyncio.to_thread(self._unlink, key_id)

    async def destroy(self, key_id: str, at: datetime) -> None:
        await asyncio.to_thread(self._destroy, key_id, at)

    async def everything(self) -> Mapping[str, bytes]:
        def read() -> dict[str, bytes]:
            with _explained():
                paths = sorted(path for path in self._keys.glob("??/*") if _ID.fullmatch(path.name))
                found = {}
                for path in paths:
                    with suppress(FileNotFoundError):  # destroyed meanwhile
                        found[path.name] = path.read_bytes()
                return found

        return await asyncio.to_thread(read)

    # --- on the disk --------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        with _explained():
            self._keys.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._list.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self._list.exists() and any(self._keys.glob("??/*")):  # it is there before the first key
                raise VaultProblem("vault-damaged", "the list of destroyed keys is not there")
            with self._locked() as descriptor:
                _sync_folder(self._list.parent)
                self._cut_torn_line(descriptor)
                self._catch_up()
                for left in self._keys.glob("??/*.new"):  # of whoever died while writing: nobody writes now
                    left.unlink(missing_ok=True)
        for key_id in list(self._gone):
            self._unlink(key_id)

    def _put_new(self, key_id: str, wrapped: bytes) -> bool:
        with _explained(), self._locked():
            self._catch_up()
            path = self._path(key_id)
            if key_id in self._gone or path.exists():
                return False
            path.parent.mkdir(exist_ok=True, mode=0o700)
            self._write(key_id, wrapped).replace(path)
            _sync_folder(path.parent)
            _sync_folder(self._keys)
            return True

    def _write(self, key_id: str, wrapped: bytes) -> Path:
        """A file beside the key's own that holds `wrapped`, synced; nothing is left of it when that fails."""
        fresh = self._path(key_id).with_suffix(".new")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(wrapped)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise
        return fresh

    def _destroy(self, key_id: str, at: datetime) -> None:
        with _explained(), self._locked() as descriptor:
            self._cut_torn_line(descriptor)
            self._catch_up()
            if key_id not in self._gone:
                self._add(descriptor, _line(key_id, at))
        self._unlink(key_id)

    def _send(self, key_id: str, where: str, at: datetime) -> None:
        assert _ID.fullmatch(key_id), "no id"
        assert _WHERE.fullmatch(where), "no word for where it went"
        with _explained(), self._locked() as descriptor:
            self._cut_torn_line(descriptor)
            self._catch_up()
            if key_id not in self._gone and self._away.get(key_id) != where:
                self._add(descriptor, _line(key_id, at, f"{_AWAY}:{where}"))

    def _take_back(self, key_id: str, where: str, at: datetime) -> None:
        with _explained(), self._locked() as descriptor:
            self._cut_torn_line(descriptor)
            self._catch_up()
            if self._away.get(key_id) == where:
                self._add(descriptor, _line(key_id, at, f"{_BACK}:{where}"))

    def _add(self, descriptor: int, line: bytes) -> None:
        """One more line, synced; nothing is left of it when that fails."""
        end = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, line)
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):  # a full disk takes no line, but gives one back
                os.ftruncate(descriptor, end)
            raise
        self._catch_up()

    def _unlink(self, key_id: str) -> None:
        with _explained():
            path = self._path(key_id)
            if path.parent.exists():
                path.unlink(missing_ok=True)
                path.with_suffix(".new").unlink(missing_ok=True)  # the same key, wrapped anew by whoever died then
                _sync_folder(path.parent)

    def _path(self, key_id: str) -> Path:
        if _ID.fullmatch(key_id) is None:
            raise VaultProblem("vault-key-missing", "not an id")
        return self._keys / key_id[:2] / key_id

    # --- the list -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """The list, open for appending, and to us alone among all processes."""
        descriptor = os.open(self._list, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)

    def _catch_up(self) -> None:
        """Reads whole lines that were added. Costs one look at the file's size when there are none.

        One thread at a time: two that read the same lines would count them twice, and take the list for cut.
        """
        with self._reading, _explained():
            try:
                size = self._list.stat().st_size
            except FileNotFoundError:
                size = 0
            if size < self._read_to:
                raise VaultProblem("vault-damaged", "the list of destroyed keys was cut")
            if size == self._read_to:
                return
            with self._list.open("rb") as file:
                file.seek(self._read_to)
                added = file.read(size - self._read_to)
            whole = added[: added.rfind(b"\n") + 1]
            for line in whole.splitlines():
                self._heard(*_read_line(line))
            self._read_to += len(whole)

    def _heard(self, key_id: str, at: datetime, what: str, where: str) -> None:
        """Takes one line in. Of a key that is destroyed nothing else counts any more."""
        if what == _AWAY and key_id not in self._gone:
            self._away[key_id] = where
        elif what == _BACK and self._away.get(key_id) == where:
            del self._away[key_id]
        elif not what:
            self._gone.setdefault(key_id, at)
            self._away.pop(key_id, None)

    def _cut_torn_line(self, descriptor: int) -> None:
        """Takes away a last line without an end: whoever wrote it died, and has told nobody that it is there."""
        with self._reading:
            size = os.fstat(descriptor).st_size
            data = os.pread(descriptor, size - self._read_to, self._read_to) if size > self._read_to else b""
            if data and not data.endswith(b"\n"):
                os.ftruncate(descriptor, self._read_to + data.rfind(b"\n") + 1)
                os.fsync(descriptor)


def _line(key_id: str, at: datetime, more: str = "") -> bytes:
    said = " ".join([key_id, at.astimezone(UTC).isoformat(), *([more] if more else [])])
    return f"{said} {_check(said)}\n".encode()


def _read_line(line: bytes) -> tuple[str, datetime, str, str]:
    """The key, the time, and what else is said of it: nothing of one that is destroyed, else a word and where."""
    try:
        said, _, check = line.decode("ascii").rpartition(" ")
        key_id, time, *more = said.split(" ")
        what, _, where = more[0].partition(":") if more else ("", "", "")
        if check != _check(said) or _ID.fullmatch(key_id) is None or len(more) > 1:
            raise ValueError
        if more and (what not in (_AWAY, _BACK) or _WHERE.fullmatch(where) is None):
            raise ValueError
        return key_id, datetime.fromisoformat(time), what, where
    except ValueError:
        raise VaultProblem("vault-damaged", "a line of the list of destroyed keys is not what was written") from None


def _check(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained() -> Iterator[None]:
    """What the disk says, as a code. The text of an error may hold a path, and no more."""
    try:
        yield
    except OSError as error:
        code = "vault-disk-full" if error.errno in _FULL else "vault-unavailable"
        raise VaultProblem(code, error.strerror or "") from None
