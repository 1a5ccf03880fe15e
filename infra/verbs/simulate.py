"""`plek simulate`: the fault simulation, seed by seed. It starts no network; it is run from a checkout."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Annotated

import typer

from infra.processes import PlatformError, die_with_parent
from infra.verbs.common import Json, No, print_json

if TYPE_CHECKING:
    from tests.simulation.run import Outcome

SEEDS_MAX = 1_000_000
CHUNK = 5
"""Seeds handed to a worker at once: progress is shown in steps of this size."""


def simulate(
    seeds: Annotated[str, typer.Option(metavar="A..B", help="The seeds to live, from A to B; or one seed.")] = "1..200",
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes at work at once.")] = os.cpu_count() or 1,
    as_json: Json = False,
) -> None:
    """Live many seeds of the fault simulation. Prints the seeds that fail and how to replay each; exit code 1 then."""
    first, last = _range(seeds)
    try:
        import tests.simulation.run  # noqa: F401  (is it there?)
    except ImportError as missing:
        raise PlatformError(f"the simulation is part of the tests: run this from a checkout ({missing})") from None
    report(_live(first, last, jobs), last - first + 1, as_json=as_json)


def report(outcomes: Iterable[Outcome], total: int, *, as_json: bool) -> None:
    """Shows progress while outcomes come, then the sum of them. Raises `No` when one has failed."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from tests.simulation.run import replay_command

    began, steps, checks = time.monotonic(), 0, 0
    failed: list[Outcome] = []
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (TextColumn("seeds"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("seeds", total=total)
        for outcome in outcomes:
            progress.advance(task)
            steps, checks = steps + outcome.steps, checks + outcome.checks
            if outcome.failure is not None:
                failed.append(outcome)
                if not as_json:
                    console.print(f"seed {outcome.seed}: {outcome.failure}", markup=False)
                    console.print(f"replay it with: {replay_command(outcome.seed)}", markup=False)
    seconds = time.monotonic() - began
    if as_json:
        told = [{"seed": o.seed, "failure": o.failure, "replay": replay_command(o.seed)} for o in failed]
        print_json({"seeds": total, "steps": steps, "checks": checks, "seconds": round(seconds, 1), "failed": told})
    else:
        typer.echo(f"{total} seeds, {steps:,} steps, {checks:,} checks, {total / seconds:.1f} seeds a second")
    if failed:
        numbers = ", ".join(str(outcome.seed) for outcome in failed[:20])
        raise No(f"{len(failed)} of {total} seeds failed: {numbers}{', ...' if len(failed) > 20 else ''}")


def _range(text: str) -> tuple[int, int]:
    """`A..B` or `A` as the first and the last seed. Raises `PlatformError`."""
    found = re.fullmatch(r"(\d{1,12})(?:\.\.(\d{1,12}))?", text, re.ASCII)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if not first <= last < first + SEEDS_MAX:
        raise PlatformError(f'"{text[:40]}" is no range of seeds: write 1..200, or one number')
    return first, last


def _live(first: int, last: int, jobs: int) -> Iterator[Outcome]:
    """Every seed's outcome, in order."""
    from tests.simulation.run import run_seeds

    chunks = [(start, min(start + CHUNK - 1, last)) for start in range(first, last + 1, CHUNK)]
    if jobs == 1 or len(chunks) == 1:
        for chunk in chunks:
            yield from run_seeds(*chunk)
        return
    # Not forked: the thread that draws the progress would be half there.
    pool = ProcessPoolExecutor(
        min(jobs, len(chunks)), multiprocessing.get_context("spawn"), die_with_parent, (signal.SIGKILL, os.getpid())
    )
    try:
        for outcomes in pool.map(run_seeds, *zip(*chunks, strict=True)):
            yield from outcomes
    finally:
        pool.shutdown(cancel_futures=True)


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(simulate)
