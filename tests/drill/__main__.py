"""Twelve faults on a running network, one after the other: for each an alert has to fire within a minute, the doctor to
name it, and the commands of its runbook to end it. `python -m tests.drill [FAULT...] [--json]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.faults import VICTIM, settle_in, small_disk
from tests.chaos.rounds import NETWORK
from tests.drill.alerts import promtool
from tests.drill.faults import FAULTS, Fault
from tests.drill.play import Desk, Outcome, play
from tests.support.network import Network, plek

INSIDE = "--inside"
SCRAPE_SECONDS = 5.0
ALERT_SECONDS_MAX = 60.0


def main() -> int:
    """Exit 0 when each fault was found and ended, 1 when one was not, 2 for a wrong call."""
    chosen = _arguments()
    console = Console(stderr=True, highlight=False)
    promtool()
    if os.geteuid() == 0 and not chosen.inside:
        words = ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, "-m", "tests.drill"]
        os.execvp(words[0], [*words, *sys.argv[1:], INSIDE])
    if chosen.inside:
        settle_in()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the network is taken down, whatever ends the drill
    faults = [fault for fault in FAULTS if not chosen.faults or fault.name in chosen.faults]
    for fault in [fault for fault in faults if fault.namespace and not chosen.inside]:
        console.print(f"{fault.name}: left out, it needs a disk of its own, and only root can make one")
        faults.remove(fault)
    played, failed = _play(faults, console, inside=chosen.inside)
    if chosen.json:
        print(json.dumps({"played": [outcome.as_json() for outcome in played], "failed": failed}))
    else:
        Console().print(_table(played))
    for name, why in failed.items():
        console.print(f"{name}: {why}", style="red", markup=False)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    names = [fault.name for fault in FAULTS]
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"one or more of {', '.join(names)} (default: all)")
    parser.add_argument("--json", action="store_true", help="what came of each as JSON on standard output")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if unknown := set(chosen.faults) - set(names):
        parser.error(f"there is no fault {', '.join(sorted(unknown))}")
    return chosen


@contextmanager
def _network(*, inside: bool) -> Iterator[tuple[Network, list[str]]]:
    """A fresh network of four sites, as `plek up --detach` leaves it, and the words it was started with."""
    with tempfile.TemporaryDirectory(prefix="plek-drill-", ignore_cleanup_errors=True) as directory:
        data = Path(directory) / "data"
        if inside:
            small_disk(data)
        words = ["--network", str(NETWORK), "--port-base", "0", "--no-demo"]
        try:
            done = plek(data, "up", "--detach", "--json", *words, seconds_max=600)
            assert done.returncode == 0, done.stdout + done.stderr
            urls = {name: site["url"] for name, site in json.loads(done.stdout)["sites"].items()}
            yield Network(data, urls), words
        finally:
            plek(data, "down")
            if inside:
                subprocess.run(["umount", "--lazy", str(data / "sites" / VICTIM)], check=False)


def _play(faults: Sequence[Fault], console: Console, *, inside: bool) -> tuple[list[Outcome], dict[str, str]]:
    played: list[Outcome] = []
    failed: dict[str, str] = {}
    with console.status("starting a network of four sites") as status, _network(inside=inside) as (network, words):
        asyncio.run(Desk(network).open_house())
        for fault in faults:
            status.update(fault.name)
            try:
                played.append(asyncio.run(play(network, fault, SCRAPE_SECONDS, ALERT_SECONDS_MAX, words)))
                console.print(json.dumps(played[-1].as_json()), style="dim")
            except Exception as error:
                failed[fault.name] = str(error) or traceback.format_exc()
                console.print(f"{fault.name}: {failed[fault.name]}", style="red", markup=False)
    return played, failed


def _table(played: Sequence[Outcome]) -> Table:
    made = Table(title="Found, named and ended, on four sites")
    for heading in ("fault", "alert after (s)", "named after (s)", "mended after (s)", "commands"):
        made.add_column(heading, justify="right" if "(s)" in heading else "left")
    for outcome in played:
        told = outcome.as_json()
        times = [str(told[name]) for name in ("alert_seconds", "named_seconds", "mended_seconds")]
        made.add_row(outcome.fault, *times, "\n".join(outcome.commands))
    return made


if __name__ == "__main__":
    sys.exit(main())
