"""Python processes that start at once: one process loads everything a site needs, and forks each of them.

Loading takes seconds of a core, and four sites that load side by side on two cores are most of a start. What was loaded
is also kept in memory once, however many sites there are. Embedded networks only: in production a process of a site is
started by whatever runs it there, and loads by itself.

The nursery lives as long as its supervisor, and what it forked as long as the nursery (parent-death signals), so that
`kill -9` of any of them leaves nothing behind. It runs no thread and has drawn no random number: a child may neither
miss a lock's owner nor give out another child's ids.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from infra.parts import environment, last_line
from infra.processes import PlatformError, die_with_parent, explain, name_process, start_child, stop_child

MESSAGE_BYTES_MAX = 1024 * 1024
"""More than Linux takes in one packet on such a socket: a request, with the environment in it, is never cut short."""

LOST = 255
"""The exit code of a child that was killed with its nursery, or that could not be begun."""


class Forked:
    """A child of the nursery, as `subprocess.Popen` would show it. pid is None until it has begun."""

    def __init__(self, nursery: Nursery, number: int, log: Path) -> None:
        self._nursery, self._number, self.log = nursery, number, log
        self.pid: int | None = None
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        self._nursery.hear(0.0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """By way of the nursery: its process id cannot have become another's there."""
        self._nursery.send({"signal": number, "child": self._number})

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises `subprocess.TimeoutExpired`."""
        until = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left = 1.0 if until is None else until - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired("a child of the nursery", timeout or 0.0)
            self._nursery.hear(min(left, 1.0))
        return self.returncode


class Nursery:
    """The supervisor's side. Begun with the first use, and anew when it has died. log: what it says itself."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._children: dict[int, Forked] = {}
        self._numbers = 0
        self._hearing = threading.RLock()  # readiness is asked for in threads

    def start(self) -> None:
        """Let it load; returns at once. Raises `PlatformError` when it cannot be started."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = start_child(
                [sys.executable, "-m", "infra.nursery", str(theirs.fileno())],
                self._log,
                death_signal=signal.SIGKILL,
                keep_open=[theirs.fileno()],
                env=environment(),
            )
        self._socket = ours

    def fork(self, words: Sequence[str], log: Path, errors: Path | None = None) -> Forked:
        """Run `plek WORDS` in a child of its own, its output appended to `log`; returns at once. errors: where its
        standard error goes when it is to be told apart.

        Raises `PlatformError` when the nursery cannot be started.
        """
        self.hear(0.0)
        if self._socket is None:
            self.start()
        self._numbers += 1
        child = self._children[self._numbers] = Forked(self, self._numbers, log)
        request = {"words": list(words), "log": str(log), "errors": str(errors or log), "env": environment()}
        if not self.send(request | {"child": self._numbers}):
            child.returncode = LOST
            self._children.pop(self._numbers, None)
        return child

    def send(self, request: Mapping[str, Any]) -> bool:
        """Ask for something. A nursery that has died hears nothing, and its children are gone too; nor does one hear
        what is larger than the system takes."""
        with suppress(OSError):
            if self._socket is not None:
                self._socket.sendall(json.dumps(request).encode())
                return True
        return False

    def hear(self, seconds_max: float) -> None:
        """Take in what it tells, waiting at most `seconds_max` for the first of it."""
        with self._hearing:
            while self._socket is not None and select.select([self._socket], [], [], seconds_max)[0]:
                try:
                    said = self._socket.recv(MESSAGE_BYTES_MAX)
                except OSError:
                    said = b""
                if not said:
                    self._gone()
                    return
                told = json.loads(said)
                child = self._children[told["child"]]
                child.pid = told.get("pid", child.pid)
                if "code" in told:
                    child.returncode = told["code"]
                    del self._children[told["child"]]
                seconds_max = 0.0

    def _gone(self) -> None:
        """The nursery ended, and took its children along."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        for child in self._children.values():
            child.returncode = LOST
            with suppress(OSError), child.log.open("a") as output:  # whoever looks why it ended looks there
                print(f"plek: it ended with the process that forked it: {last_line(self._log)}", file=output)
        self._children.clear()

    def stop(self) -> None:
        """End it; its children should have ended before."""
        if self._process is not None:
            stop_child(self._process)
        with self._hearing:
            self._gone()


# --- the nursery itself -----------------------------------------------------------------------------------------------


def main(descriptor: int) -> None:
    """Load everything, then fork whom the supervisor asks for, until it closes its end."""
    from infra import cli
    from infra.site import load_everything

    load_everything()
    if threading.active_count() > 1:
        raise PlatformError("something that was loaded runs a thread: what is forked now could hang")
    gc.collect()
    gc.freeze()  # a collector that looks at what is shared would copy it
    asked = socket.socket(fileno=descriptor)
    wake, woken = socket.socketpair()
    for end in (wake, woken):
        end.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken.fileno())
    children: dict[int, int] = {}  # process id -> number
    while True:
        ready, _, _ = select.select([asked, wake], [], [])
        if wake in ready:
            with suppress(BlockingIOError):
                wake.recv(4096)
            _reap(asked, children)
        if asked in ready:
            said = asked.recv(MESSAGE_BYTES_MAX)
            if not said:
                return
            request = json.loads(said)
            if "signal" in request:
                for pid, number in children.items():
                    if number == request["child"]:
                        os.kill(pid, request["signal"])
                continue
            ourselves = os.getpid()
            try:
                pid = os.fork()
            except OSError as error:  # no memory, or too many processes: whoever runs already goes on
                print(f"plek: no process can be begun: {error.strerror}", file=sys.stderr, flush=True)
                asked.sendall(json.dumps({"child": request["child"], "code": LOST}).encode())
                continue
            if pid == 0:
                _run(cli.main, request, ourselves, (asked, wake, woken))
            children[pid] = request["child"]
            asked.sendall(json.dumps({"child": request["child"], "pid": pid}).encode())


def _reap(asked: socket.socket, children: dict[int, int]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        told = {"child": children.pop(pid), "code": os.waitstatus_to_exitcode(status)}
        with suppress(OSError):  # nobody listens any more: we end as well
            asked.sendall(json.dumps(told).encode())


def _run(verb: Callable[[], None], request: Mapping[str, Any], nursery: int, ours: Sequence[socket.socket]) -> None:
    """In the child: become the process that was asked for. Never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        die_with_parent(signal.SIGKILL, nursery)
        for end in ours:
            end.close()
        words = request["words"]
        name_process(" ".join(words[:2]))
        for descriptor, path in ((1, request["log"]), (2, request["errors"])):
            with Path(path).open("ab") as output:
                os.dup2(output.fileno(), descriptor)
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = ["plek", *words]
        verb()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except OSError as error:
        print(f"plek: {explain(error, Path(request['log']))}", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]))
