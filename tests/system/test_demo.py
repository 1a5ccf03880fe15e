"""The demo city on real processes: furnished once, lived in on demand."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.network import PAIR, PATIENCE_SECONDS, ROOT, Network, plek


@contextmanager
def demo_network(data: Path) -> Iterator[Network]:
    """The municipality and west, started as `make run` does, and stopped; its data stays."""
    words = ("up", "--network", str(PAIR), "--port-base", "0", "--detach", "--json")
    done = plek(data, *words, seconds_max=150)
    assert done.returncode == 0, done.stderr
    try:
        sites = json.loads(done.stdout)["sites"]
        yield Network(data, {name: site["url"] for name, site in sites.items()})
    finally:
        stopped = plek(data, "down")
        assert stopped.returncode == 0, stopped.stderr


def until(what: str, check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def known(data: Path) -> dict[str, Any]:
    """`demo.json`."""
    path = data / "demo.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def figures(network: Network) -> tuple[int, int]:
    """Places and people at west, as west sees them."""
    headers = {"Authorization": f"Bearer {network.token('west', 'coordinator')}"}
    address = f"{network.urls['west']}/api/placement/capacity"
    answer = httpx.get(address, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False).json()
    return answer["totals"]["total"], answer["totals"]["people"]


def test_a_house_is_furnished_once_and_people_come_and_go_in_it() -> None:
    with tempfile.TemporaryDirectory(prefix="plek-net-", ignore_cleanup_errors=True) as directory:
        data = Path(directory) / "data"
        with demo_network(data) as network:
            killed = network.plek("kill", "west", "service")  # most likely while it is being furnished
            assert killed.returncode == 0, killed.stderr
            until("west is furnished", lambda: known(data).get("west", {}).get("done", False))
            furnished = known(data)
            until("the log says so", lambda: "the demo city is there: 1 houses" in (data / "plek.log").read_text())
            until("its figures are seen", lambda: figures(network)[0] > 49)

            lived = network.plek("demo", "--days", "0.4", "--speed", "100000", "--seed", "7", "--json")
            assert lived.returncode == 0, lived.stderr
            told = json.loads(lived.stdout)
            assert told["seed"] == 7
            assert told["happened"]["arrived"] > 0
            assert sum(told["refused"].values()) <= sum(told["happened"].values()) / 10

            assert "The city lived" in interrupted(data)
            places, people = figures(network)

        with demo_network(data) as network:
            until("its figures are seen again", lambda: figures(network) == (places, people))
            assert known(data) == furnished


def interrupted(data: Path) -> str:
    """What the verb still says when Ctrl-C stops it during the first day."""
    command = [sys.executable, "-m", "infra.cli", "demo", "--speed", "600", "--data", str(data)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        # SIGTERM is caught by nobody but the verb itself: then it has begun.
        caught = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)
        mask = 1 << (signal.SIGTERM - 1)

        def listening() -> bool:
            found = caught.search(Path(f"/proc/{process.pid}/status").read_text("ascii"))
            return found is not None and bool(int(found[1], 16) & mask)

        until("the demo runs", listening)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    return out


def test_nobody_is_made_up_in_a_network_that_is_no_demonstration(network: Network) -> None:
    done = network.plek("demo")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("was started with --no-demo: nobody is made up in it")
    assert len(done.stderr.strip().splitlines()) == 1
    assert known(network.data) == {}


def test_a_network_that_does_not_run_is_one_line(tmp_path: Path) -> None:
    done = plek(tmp_path, "demo")
    assert done.returncode == 2
    assert (
        done.stderr.strip() == f"plek: no network is running in {tmp_path}: start one with `plek up --data {tmp_path}`"
    )
