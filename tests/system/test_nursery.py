"""Processes that are forked from one that has loaded everything: they begin, end and die as others would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from infra.nursery import LOST, Forked, Nursery

ROOT = Path(__file__).resolve().parents[2]
FOREVER = ("simulate", "--seeds", "1..1000000")
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    begun = Nursery(tmp_path_factory.mktemp("nursery") / "nursery.log")
    yield begun
    begun.stop()


def until(what: str, check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def begun(child: Forked) -> int:
    """Its process id, as soon as it has one."""

    def has_begun() -> bool:
        assert child.poll() is None
        return child.pid is not None

    until("the child begins", has_begun)
    assert child.pid is not None
    return child.pid


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_verb_runs_to_its_end_and_its_exit_code_and_words_are_known(nursery: Nursery, tmp_path: Path) -> None:
    fine, wrong = nursery.fork(["token", "--help"], tmp_path / "a"), nursery.fork(["token", "x"], tmp_path / "b")
    no = nursery.fork(["migrate", "--data", str(tmp_path / "none")], tmp_path / "c")
    assert [child.wait(PATIENCE_SECONDS) for child in (fine, wrong, no)] == [0, 2, 2]
    assert "bearer token" in (tmp_path / "a").read_text("utf-8")
    assert "Missing argument" in (tmp_path / "b").read_text("utf-8")
    assert (tmp_path / "c").read_text("utf-8") == f"plek: there is no network in {tmp_path / 'none'}\n"


def test_a_child_is_ended_by_signal_and_by_another_process(nursery: Nursery, tmp_path: Path) -> None:
    asked, killed = nursery.fork(FOREVER, tmp_path / "log"), nursery.fork(FOREVER, tmp_path / "log")
    pid = begun(asked)
    comm = Path(f"/proc/{pid}/comm")  # its id is told as it is forked, and it names itself after that
    until("the child is named", lambda: comm.read_text("ascii").strip() == "simulate --seed")
    assert os.getsid(pid) == pid
    with pytest.raises(subprocess.TimeoutExpired):
        asked.wait(0.01)
    asked.terminate()
    os.kill(begun(killed), signal.SIGKILL)
    assert (asked.wait(PATIENCE_SECONDS), killed.wait(PATIENCE_SECONDS)) == (-signal.SIGTERM, -signal.SIGKILL)
    asked.kill()  # of one that has ended: nothing
    assert not runs(pid)


def test_a_nursery_that_dies_takes_its_children_along_says_so_and_is_begun_again(tmp_path: Path) -> None:
    nursery, log = Nursery(tmp_path / "nursery.log"), tmp_path / "log"
    try:
        child = nursery.fork(FOREVER, log)
        pid = begun(child)
        os.kill(int(Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[1]), signal.SIGKILL)
        assert child.wait(PATIENCE_SECONDS) == LOST
        until("the child is gone", lambda: not runs(pid))
        assert "it ended with the process that forked it" in log.read_text("utf-8")
        assert nursery.fork(["token", "--help"], log).wait(PATIENCE_SECONDS) == 0
    finally:
        nursery.stop()


def test_what_is_too_large_to_be_asked_for_ends_at_once_and_harms_nobody(nursery: Nursery, tmp_path: Path) -> None:
    other = nursery.fork(FOREVER, tmp_path / "log")
    begun(other)
    assert nursery.fork(["x" * 2_000_000], tmp_path / "log").wait(PATIENCE_SECONDS) == LOST
    assert other.poll() is None
    other.kill()
    assert other.wait(PATIENCE_SECONDS) == -signal.SIGKILL


def test_nothing_is_left_when_whoever_began_the_nursery_is_killed(tmp_path: Path) -> None:
    program = f"""
import time
from pathlib import Path
from infra.nursery import Nursery
nursery = Nursery(Path({str(tmp_path / "nursery.log")!r}))
child = nursery.fork({FOREVER!r}, Path({str(tmp_path / "log")!r}))
while child.pid is None:
    assert child.poll() is None
    time.sleep(0.02)
print(nursery._process.pid, child.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as whoever:
        assert whoever.stdout is not None
        left = [int(pid) for pid in whoever.stdout.readline().split()]
        assert len(left) == 2
        assert all(runs(pid) for pid in left)
        whoever.kill()
    until("both are gone", lambda: not any(runs(pid) for pid in left))


def test_what_is_forked_gives_out_ids_of_its_own() -> None:
    """A generator that was seeded before the fork would give every site of a network the same ids."""
    program = """
import os
from infra.site import load_everything
load_everything()
from shared.ids import SystemIds
for _ in range(3):
    if os.fork() == 0:
        ids = SystemIds()
        print(*(ids.event_id() for _ in range(50)), *(ids.random_id() for _ in range(50)), flush=True)
        os._exit(0)
    os.wait()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    ids = done.stdout.split()
    assert len(set(ids)) == len(ids) == 300
