"""Faults on real processes, under load: what was promised is kept, nothing is doubled, and all sites come to show the
same again by themselves. `python -m tests.chaos [FAULT...] [--rounds N] [--short] [--json]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.chaos.faults import FAULTS, Fault, settle_in
from tests.chaos.rounds import Round, Summary, network_of_four, play

ROUNDS = 20
INSIDE = "--inside"


def main() -> int:
    """Exit 0 when nothing was lost or doubled, 1 when something was, 2 for a wrong call."""
    chosen = _arguments()
    console = Console(stderr=True, highlight=False)
    if os.geteuid() == 0 and not chosen.inside:
        words = ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, "-m", "tests.chaos"]
        os.execvp(words[0], [*words, *sys.argv[1:], INSIDE])
    if chosen.inside:
        settle_in()
    faults = [fault for fault in FAULTS if not chosen.faults or fault.name in chosen.faults]
    for fault in [fault for fault in faults if fault.namespace and not chosen.inside]:
        console.print(f"{fault.name}: left out, it needs a network namespace, and only root can make one")
        faults.remove(fault)
    summaries = []
    for group in _groups(faults, chosen.rounds):
        summaries += _play(group, chosen.rounds, console, short=chosen.short, inside=chosen.inside)
    if chosen.json:
        print(json.dumps([summary.as_json() for summary in summaries]))
    else:
        Console().print(_table(summaries))
    return 0 if all(summary.sound for summary in summaries) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    names = [fault.name for fault in FAULTS]
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"one or more of {', '.join(names)} (default: all)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"rounds of each (default {ROUNDS})")
    parser.add_argument("--short", action="store_true", help="what lasts, lasts three seconds: for a quick look")
    parser.add_argument("--json", action="store_true", help="the figures as JSON on standard output")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if unknown := set(chosen.faults) - set(names):
        parser.error(f"there is no fault {', '.join(sorted(unknown))}")
    if chosen.rounds < 1:
        parser.error("there is at least one round")
    return chosen


def _groups(faults: list[Fault], rounds: int) -> list[list[Fault]]:
    """Which faults share a network: many rounds of one make it large, one round of each does not."""
    return [faults] if rounds == 1 else [[fault] for fault in faults]


def _play(faults: Sequence[Fault], rounds: int, console: Console, *, short: bool, inside: bool) -> list[Summary]:
    summaries = []
    with console.status("starting a network of four sites") as status, network_of_four(namespace=inside) as network:
        for fault in faults:
            played: list[Round] = []
            for number in range(1, rounds + 1):
                status.update(f"{fault.name}, round {number} of {rounds}")
                played.append(asyncio.run(play(network, fault, short=short)))
                console.print(json.dumps(played[-1].as_json()), style="dim")
            summaries.append(Summary.of(fault.name, played))
    return summaries


def _table(summaries: Sequence[Summary]) -> Table:
    made = Table(title="Faults under load, on four sites")
    for heading in (
        "fault",
        "rounds",
        "acknowledged",
        "kept",
        "lost",
        "doubled",
        "equal after (s; median, longest)",
    ):
        made.add_column(heading, justify="left" if heading == "fault" else "right")
    for summary in summaries:
        told = summary.as_json()
        times = told["seconds_to_equal_digests"]
        counts = [str(told[name]) for name in ("rounds", "acknowledged", "kept", "lost", "doubled")]
        made.add_row(summary.fault, *counts, f"{times['median']}, {times['longest']}")
    return made


if __name__ == "__main__":
    sys.exit(main())
