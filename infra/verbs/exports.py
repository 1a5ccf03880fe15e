"""`plek export`: what the network keeps, in columns others read."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from infra.processes import PlatformError
from infra.verbs.asking import running
from infra.verbs.common import DATA, Data, No
from infra.verbs.imports import coordinators
from shared.contracts.vocabulary import OVERNIGHT_LICENCE

if TYPE_CHECKING:
    from infra.running import RunningNetwork

exports = typer.Typer(no_args_is_help=True, help="Figures out of the network.")


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"


@exports.command("overnight")
def overnight(
    format_: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.CSV,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; default: standard output.")] = None,
    data: Data = DATA,
) -> None:
    """Every reported night the network holds, in the columns of the reports it came from.

    Exit 1 when a site refuses; nothing is left out in silence.
    """
    from services.placement.jobs import SiteRefuses

    network, _ = running(data, None)
    try:
        with nullcontext(sys.stdout) if output is None else output.open("w", encoding="utf-8", newline="") as out:
            written = asyncio.run(_export(network, out))
    except OSError as error:
        raise PlatformError(f"cannot write {output}: {(error.strerror or 'no reason given').lower()}") from None
    except SiteRefuses as error:
        raise No(str(error)) from None
    typer.echo(f"{written} programme-nights. {OVERNIGHT_LICENCE}", err=True)


async def _export(network: RunningNetwork, out: TextIO) -> int:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from services.placement.jobs import export_overnight

    columns = (SpinnerColumn(), TextColumn("{task.completed} programme-nights read"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=None)
        async with coordinators(network, sorted(network.sites)) as clients:
            return await export_overnight(clients, out, lambda read: progress.advance(task, read))


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(exports, name="export")
