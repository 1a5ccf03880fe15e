"""`plek import overnight`: public overnight-occupancy reports into a running network."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.processes import PlatformError
from infra.verbs.asking import running
from infra.verbs.common import DATA, Data, Json, No, print_json
from shared.contracts.vocabulary import OVERNIGHT_LICENCE

if TYPE_CHECKING:
    from infra.running import RunningNetwork
    from services.placement.jobs import Report

ROWS_SHOWN_MAX = 50

imports = typer.Typer(no_args_is_help=True, help="Public reports into the network.")


@imports.command("overnight")
def overnight(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV files, plain or .gz, the oldest first.")],
    nights: Annotated[int | None, typer.Option(min=1, help="Only so many nights, from the first one on.")] = None,
    site: Annotated[str | None, typer.Option(help="Whose locations they become; default: the first site.")] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """A location per reported location, places per programme, the nightly count as anonymous stays.

    Rows that cannot be adopted as published are listed with the reason, and nothing is bent to fit. Exit 1 when none
    could.
    """
    from services.placement.jobs import FileUnreadable

    network, _ = running(data, site)
    home = site or _first_home(data, network)
    try:
        report = asyncio.run(_import(network, home, files, nights, quiet=as_json))
    except FileUnreadable as error:
        raise PlatformError(str(error)) from None
    if as_json:
        print_json(report.as_json())
    else:
        _print(report, home)
    if not report.accepted and not report.ignored:
        raise No("nothing was imported")


def _first_home(data: Path, network: RunningNetwork) -> str:
    from infra.running import site_settings

    for name in sorted(network.sites):
        if site_settings(data, name).locations:
            return name
    raise PlatformError("no site has locations: name one with --site")


async def _import(network: RunningNetwork, site: str, files: list[Path], nights: int | None, *, quiet: bool) -> Report:
    import httpx
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from services.placement.jobs import ANSWER_SECONDS_MAX, import_overnight

    headers = {"Authorization": f"Bearer {network.token(site, 'coordinator')}"}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("reading", total=None)

        def step(done: int, total: int) -> None:
            progress.update(task, description="programme-nights", completed=done, total=total)

        async with httpx.AsyncClient(
            base_url=network.site(site).url, headers=headers, timeout=ANSWER_SECONDS_MAX, trust_env=False
        ) as client:
            return await import_overnight(client, files, nights, step)


def _print(report: Report, site: str) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    facts: dict[str, Any] = report.as_json()
    console.print(
        f"{facts['nights']} nights of {facts['locations']} locations at {site}: {facts['accepted']} programme-nights"
        f" taken over, {facts['ignored']} known already, {len(facts['not_accepted'])} not accepted."
    )
    if report.not_accepted:
        table = Table(title="Not accepted", title_justify="left")
        for heading in ("file", "line", "night", "location", "programme", "why"):
            table.add_column(heading)
        for row in report.not_accepted[:ROWS_SHOWN_MAX]:
            where = (str(row.night or ""), row.location or "", row.programme or "")
            table.add_row(row.file, str(row.line), *where, row.why)
        console.print(table)
        if len(report.not_accepted) > ROWS_SHOWN_MAX:
            console.print(f"and {len(report.not_accepted) - ROWS_SHOWN_MAX} more: --json lists them all")
    console.print(OVERNIGHT_LICENCE, style="dim")


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(imports, name="import")
