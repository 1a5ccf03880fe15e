"""Child processes that die with us, locks on directories, free ports: what every embedded part stands on.

A server is a direct child with a parent-death signal, so that `kill -9` of the parent leaves nothing behind. The signal
is tied to the thread that forked: start children from the main thread only.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import pwd
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522
# Below the kernel's ephemeral range (32768 and up): no outgoing connection takes the port between choice and use.
FREE_PORTS = range(20000, 32000)


class PlatformError(Exception):
    """The platform cannot do what was asked; the text is one line, meant for a person."""


@dataclass(frozen=True)
class OrdinaryUser:
    """Whom a server runs as when we are root; `name` is known to the system, PostgreSQL's initdb insists on it."""

    name: str
    uid: int
    gid: int


def ordinary_user() -> OrdinaryUser | None:
    """The user to drop to, or None when we are an ordinary user ourselves. No user is ever created."""
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam("nobody")
    except KeyError:
        others = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
        if not others:
            raise PlatformError("PostgreSQL does not run as root and this system has no other user") from None
        found = others[0]
    return OrdinaryUser(found.pw_name, found.pw_uid, found.pw_gid)


def reachable(user: OrdinaryUser, path: Path) -> bool:
    """Whether `user` can walk to `path`: every directory above it must let others (or the user) enter."""
    for parent in path.resolve().parents:
        state = parent.stat()
        mine = 0o100 if state.st_uid == user.uid else 0o010 if state.st_gid == user.gid else 0o001
        if not state.st_mode & mine:
            return False
    return True


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


_libc = ctypes.CDLL(None, use_errno=True)


def _become(user: OrdinaryUser, capability: int | None) -> None:
    """Drop from root to `user`, keeping at most one capability over exec (ambient), for paths the user cannot walk."""
    if capability is not None:
        _libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)
    if capability is not None:
        bit = 1 << capability
        sets = (_Sets * 2)(_Sets(bit, bit, bit), _Sets(0, 0, 0))
        header = _Header(CAPABILITY_VERSION_3, 0)
        if _libc.capset(ctypes.byref(header), sets) != 0:
            raise OSError(ctypes.get_errno(), "capset")
        if _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "ambient capability")


def _path_capability(user: OrdinaryUser, paths: Sequence[Path]) -> int | None:
    """The weakest capability that lets `user` walk to `paths`, None when it can already.

    Data directories under /root or in a 0700 temporary directory are common for root; opening their parents to
    everybody (what others do) would be worse than letting this one process search directories.
    """
    if all(reachable(user, path) for path in paths):
        return None
    permitted = _permitted_capabilities()
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if permitted & (1 << capability):
            return capability
    raise PlatformError(f"the user {user.name} cannot reach {paths[0]}: use a --data directory that others may enter")


def _permitted_capabilities() -> int:
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0


def before_exec(
    death_signal: signal.Signals, user: OrdinaryUser | None = None, paths: Sequence[Path] = ()
) -> Callable[[], None]:
    """What a child does between fork and exec: drop privileges, then ask for `death_signal` at its parent's death.

    `paths` are what the child must be able to walk to after the drop.
    """
    parent = os.getpid()
    capability = _path_capability(user, paths) if user is not None else None

    def prepare() -> None:
        if user is not None:
            _become(user, capability)
        # After the drop: changing credentials clears the parent-death signal.
        die_with_parent(death_signal, parent)

    return prepare


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """In a child that was just forked by `parent`: be sent `death_signal` when that ends; end now if it has."""
    _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def name_process(name: str) -> None:
    """What `ps -o comm` shows of this process: the first 15 bytes of `name`."""
    _libc.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)


class Child(Protocol):
    """A process that was started and will be reaped: `subprocess.Popen`, or what shows itself like one."""

    @property
    def pid(self) -> int | None: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def send_signal(self, number: int, /) -> None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


def start_child(
    command: Sequence[str],
    log: Path,
    *,
    death_signal: signal.Signals = signal.SIGTERM,
    user: OrdinaryUser | None = None,
    paths: Sequence[Path] = (),
    keep_open: Sequence[int] = (),
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a direct child in a session of its own (Ctrl-C reaches only us), its output appended to `log`."""
    try:
        with log.open("ab") as output:
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=before_exec(death_signal, user, paths),  # noqa: PLW1509  (a few system calls, no lock)
                pass_fds=tuple(keep_open),
                env=dict(env) if env is not None else None,
                cwd=cwd,
            )
    except (OSError, subprocess.SubprocessError) as error:
        raise explain(error, Path(command[0])) from None


def stop_child(child: Child, stop_signal: signal.Signals = signal.SIGTERM, patience_seconds: float = 10.0) -> None:
    """Ask a child to end, insist after `patience_seconds`, and reap it."""
    if child.poll() is None:
        child.send_signal(stop_signal)
        try:
            child.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()


def lock_file(path: Path, patience_seconds: float, busy: str) -> int:
    """Take an exclusive lock and return its descriptor; the lock lasts while any process holds the descriptor open.

    Raises `PlatformError(busy)` when somebody else still holds it after `patience_seconds`.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise explain(error, path) from None
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise PlatformError(busy) from None
            time.sleep(0.02)
        else:
            return descriptor


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


_claimed: dict[int, socket.socket] = {}


def free_ports(count: int) -> list[int]:
    """`count` different ports nobody listens on and nobody else was given: ours until we end, or `give_back` them.

    Between the choice of a port and its use lie seconds, and a part that died is away for a moment: without a claim
    another network that starts meanwhile could take its port. Raises `PlatformError` when there are not so many.
    """
    chosen: list[int] = []
    # The system's randomness: a seeded generator (tests seed it) would let two networks ask for the same ports.
    for port in random.SystemRandom().sample(FREE_PORTS, len(FREE_PORTS)):
        if len(chosen) == count:
            break
        if _claim(port):
            chosen.append(port)
    if len(chosen) < count:
        give_back(chosen)
        raise PlatformError(f"no {count} free ports between {FREE_PORTS.start} and {FREE_PORTS.stop}")
    return chosen


def give_back(ports: Iterable[int]) -> None:
    """What `free_ports` gave is anybody's again; other ports are nobody's business here."""
    for port in ports:
        if port in _claimed:
            _claimed.pop(port).close()


def _claim(port: int) -> bool:
    """Whether the port is ours now. The claim is an abstract socket's name: one per machine (or network namespace), as
    ports are, and gone with our process however that ends."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0plek-port-{port}")
    except OSError:
        claim.close()
        return False
    if not port_is_free(port):
        claim.close()
        return False
    _claimed[port] = claim
    return True


def explain(error: BaseException, path: Path) -> PlatformError:
    """One line for a person about a failed system call on `path`."""
    if isinstance(error, OSError):
        # Copying a tree collects its errors in one that has a text, but no number.
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or os.strerror(errno.ENOSPC) in str(error):
            return disk_full(path)
        return PlatformError(f"{path}: {(error.strerror or 'cannot be used').lower()}")
    return PlatformError(f"{path}: cannot be started")


def disk_full(path: Path) -> PlatformError:
    """The one line about a full disk."""
    return PlatformError(f"the disk that holds {path} is full")
