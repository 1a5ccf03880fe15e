"""`plek export`: what the network keeps, in columns others read."""

from __future__ import annotations

import asyncio
import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.processes import PlatformError
from infra.verbs.asking import get_json, running, site_client
from infra.verbs.common import DATA, Data, No
from infra.verbs.imports import coordinators
from shared.contracts.vocabulary import OVERNIGHT_LICENCE

if TYPE_CHECKING:
    from infra.running import RunningNetwork

exports = typer.Typer(no_args_is_help=True, help="Figures out of the network.")

Rows = Iterable[Mapping[str, Any]]
Write = Callable[[Rows], int]


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    PARQUET = "parquet"


FormatOption = Annotated[Format, typer.Option("--format", help="How it is written.")]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; default: standard output (CSV only).")]
Site = Annotated[str | None, typer.Option(help="As which site sees it; default: the municipality.")]
At = Annotated[str | None, typer.Option(metavar="TIME", help="As it was then: 2026-01-31T22:00:00+01:00.")]
Kind = Annotated[str | None, typer.Option(help="Only this kind, such as night_shelter.")]


@exports.command("capacity")
def capacity(
    format_: FormatOption = Format.CSV, output: Output = None, site: Site = None, at: At = None, kind: Kind = None,
    data: Data = DATA,
) -> None:  # fmt: skip
    """Room in the city, a row for each kind at each location, with its bounds, its age and how the site is heard.

    Exit 2 when the site does not answer.
    """
    from services.placement.columns import CAPACITY, capacity_rows

    with _writer(format_, output, CAPACITY) as write:
        written = write(capacity_rows(_asked(data, site, at, kind)))
    typer.echo(f"{written} rows.", err=True)


@exports.command("hsds")
def hsds(
    format_: FormatOption = Format.CSV, output: Output = None, site: Site = None, at: At = None, kind: Kind = None,
    data: Data = DATA,
) -> None:  # fmt: skip
    """The same as Open Referral's HSDS has it: `service_capacity`. What is available is what is sure.

    Exit 2 when the site does not answer.
    """
    from services.placement.columns import SERVICE_CAPACITY, service_capacity_rows

    with _writer(format_, output, SERVICE_CAPACITY) as write:
        written = write(service_capacity_rows(_asked(data, site, at, kind)))
    typer.echo(f"{written} rows.", err=True)


def _asked(data: Path, site: str | None, at: str | None, kind: str | None) -> Any:
    network, name = running(data, site)
    with site_client(network, name, "coordinator") as client:
        return get_json(client, name, "/api/placement/capacity", at=at, kind=kind)


@exports.command("overnight")
def overnight(format_: FormatOption = Format.CSV, output: Output = None, data: Data = DATA) -> None:
    """Every reported night the network holds, in the columns of the reports it came from.

    Exit 1 when a site refuses; nothing is left out in silence.
    """
    from services.placement.jobs import SiteRefuses
    from services.placement.nights import EXPORTED

    network, _ = running(data, None)
    try:
        with _writer(format_, output, dict.fromkeys(EXPORTED, str)) as write:
            written = asyncio.run(_export(network, write))
    except SiteRefuses as error:
        raise No(str(error)) from None
    typer.echo(f"{written} programme-nights. {OVERNIGHT_LICENCE}", err=True)


async def _export(network: RunningNetwork, write: Write) -> int:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from services.placement.jobs import export_overnight

    columns = (SpinnerColumn(), TextColumn("{task.completed} programme-nights read"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading", total=None)
        async with coordinators(network, sorted(network.sites)) as clients:
            return await export_overnight(clients, write, lambda read: progress.advance(task, read))


@contextmanager
def _writer(format_: Format, output: Path | None, columns: Mapping[str, type]) -> Iterator[Write]:
    """Writes rows with these columns, and says how many. columns: by name, with the type of their values.

    Raises `PlatformError`: the file cannot be written, or Parquet was asked for and there is no polars or no file.
    """
    try:
        if format_ is Format.PARQUET:
            yield _parquet(output, columns)
        elif output is None:
            yield lambda rows: _csv(sys.stdout, columns, rows)
        else:
            with output.open("w", encoding="utf-8", newline="") as out:
                yield lambda rows: _csv(out, columns, rows)
    except OSError as error:
        raise PlatformError(f"cannot write {output}: {(error.strerror or 'no reason given').lower()}") from None


def _csv(out: Any, columns: Mapping[str, type], rows: Rows) -> int:
    writer = csv.DictWriter(out, list(columns), lineterminator="\n")
    writer.writeheader()
    written = 0
    for row in rows:
        writer.writerow(row)
        written += 1
    return written


def _parquet(output: Path | None, columns: Mapping[str, type]) -> Write:
    """All rows in one file; every row is in memory first."""
    if output is None:
        raise PlatformError("Parquet is no text: say where to with --output FILE")
    try:
        import polars
    except ImportError:
        raise PlatformError("Parquet needs polars, which is not installed: pip install 'plek[parquet]'") from None
    types = {str: polars.String, int: polars.Int64}

    def write(rows: Rows) -> int:
        frame = polars.DataFrame([dict(row) for row in rows], schema={name: types[of] for name, of in columns.items()})
        frame.write_parquet(output)
        return frame.height

    return write


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(exports, name="export")
