"""Faults on real processes, under load: what was promised is kept, nothing is doubled, and all sites come to show the
same again by themselves. `python -m tests.chaos [FAULT...] [--rounds N] [--record FILE] [--short] [--json]`.

In twenty rounds of each the faults alone last an hour; with a record they can be played in pieces.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.chaos.faults import FAULTS, Fault, settle_in
from tests.chaos.rounds import BACKLOG_SHORT, Record, Round, Summary, network_of_four, play, shortened

ROUNDS = 20
INSIDE = "--inside"


def main() -> int:
    """Exit 0 when nothing was lost or doubled and every round came to its end, 1 otherwise, 2 for a wrong call."""
    chosen = _arguments()
    console = Console(stderr=True, highlight=False)
    if os.geteuid() == 0 and not chosen.inside:
        words = ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, "-m", "tests.chaos"]
        os.execvp(words[0], [*words, *sys.argv[1:], INSIDE])
    if chosen.inside:
        settle_in()
    faults = [_as_asked(fault, chosen) for fault in FAULTS if not chosen.faults or fault.name in chosen.faults]
    for fault in [fault for fault in faults if fault.namespace and not chosen.inside]:
        console.print(f"{fault.name}: left out, it needs a network namespace, and only root can make one")
        faults.remove(fault)
    for group in _groups(faults, chosen.rounds):
        _play(group, chosen.record, chosen.rounds, console, inside=chosen.inside)
    summaries = [Summary(fault.name, chosen.record.of(fault)) for fault in faults]
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
    parser.add_argument("--record", type=_record, default=Record(None), metavar="FILE",
                        help="where each round is written down; given again, the run goes on behind them")  # fmt: skip
    parser.add_argument("--events", type=int, metavar="N", help="how many wait when a backlog is over (default 50000)")
    parser.add_argument("--short", action="store_true", help="what lasts, lasts three seconds: for a quick look")
    parser.add_argument("--json", action="store_true", help="the figures as JSON on standard output")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if unknown := set(chosen.faults) - set(names):
        parser.error(f"there is no fault {', '.join(sorted(unknown))}")
    if chosen.rounds < 1:
        parser.error("there is at least one round")
    if chosen.events is not None and chosen.events < 1:
        parser.error("at least one event waits")
    return chosen


def _record(path: str) -> Record:
    try:
        return Record(Path(path))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{path} is no record of rounds: {error}") from None


def _as_asked(fault: Fault, chosen: argparse.Namespace) -> Fault:
    asked = replace(fault, events=chosen.events) if fault.events and chosen.events is not None else fault
    return shortened(asked) if chosen.short else asked


def _groups(faults: list[Fault], rounds: int) -> list[list[Fault]]:
    """Which faults share a network: many rounds of one make it large, one round of each does not. A long backlog has
    one to itself, for it does not fit on a small disk."""
    long = [fault for fault in faults if fault.events > BACKLOG_SHORT]
    rest = [fault for fault in faults if fault not in long]
    together = [rest] if rounds == 1 else [[fault] for fault in rest]
    return [group for group in (*together, *([fault] for fault in long)) if group]


def _play(faults: Sequence[Fault], record: Record, rounds: int, console: Console, *, inside: bool) -> None:
    """Plays what is left of the rounds on one network; behind a round that failed, on a fresh one."""
    small = inside and any(fault.small for fault in faults)
    while left := [fault for fault in faults if len(record.of(fault)) < rounds]:
        with console.status("starting a network of four sites") as status, network_of_four(small=small) as network:
            for fault in left:
                while (number := len(done := record.of(fault))) < rounds:
                    status.update(f"{fault.name}, round {number + 1} of {rounds}{_time_left(done, rounds)}")
                    record.add(played := asyncio.run(play(network, fault)))
                    console.print(json.dumps(played.as_json()), style="dim")
                    if played.failed:
                        break
                else:
                    continue
                break


def _time_left(done: Sequence[Round], rounds: int) -> str:
    if not done:
        return ""
    seconds = median(each.took_seconds for each in done) * (rounds - len(done))
    return f", about {seconds / 60:.0f} more minutes" if seconds >= 90 else f", about {seconds:.0f} more seconds"


def _table(summaries: Sequence[Summary]) -> Table:
    made = Table(title="Faults under load, on four sites")
    for heading in (
        "fault",
        "rounds",
        "failed",
        "acknowledged",
        "kept",
        "lost",
        "doubled",
        "equal after (s; median, longest)",
        "a round (s)",
    ):
        made.add_column(heading, justify="left" if heading == "fault" else "right")
    for summary in summaries:
        told = summary.as_json()
        times = told["seconds_to_equal_digests"]
        counts = [str(told[name]) for name in ("rounds", "failed", "acknowledged", "kept", "lost", "doubled")]
        equal = "never" if times is None else f"{times['median']}, {times['longest']}"
        made.add_row(summary.fault, *counts, equal, str(told["seconds_a_round"]))
    return made


if __name__ == "__main__":
    sys.exit(main())
