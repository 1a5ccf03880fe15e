"""`plek import overnight`: public overnight-occupancy reports into a running network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.processes import PlatformError
from infra.verbs.asking import running
from infra.verbs.common import DATA, Data, Json, No, print_json
from shared.contracts.vocabulary import OVERNIGHT_LICENCE

if TYPE_CHECKING:
    import httpx

    from infra.running import RunningNetwork
    from services.placement.jobs import Report

ROWS_SHOWN_MAX = 50

imports = typer.Typer(no_args_is_help=True, help="Public reports into the network.")


@imports.command("overnight")
def overnight(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV files, plain or .gz, the oldest first.")],
    nights: Annotated[int | None, typer.Option(min=1, help="Only so many nights, from the first one on.")] = None,
    sites: Annotated[
        str | None,
        typer.Option(
            help="Over how many sites they are spread, or which: 2, or west,noord. Default: all with locations."
        ),
    ] = None,
    site: Annotated[str | None, typer.Option(help="The one site whose locations they become.")] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """A location per reported location, places per programme, the nightly count as anonymous stays.

    Rows that cannot be adopted as published are listed with the reason, and nothing is bent to fit. Exit 1 when none
    could, or a site refuses to go on.
    """
    from services.placement.jobs import FileUnreadable, SiteRefuses

    network, _ = running(data, site)
    homes = [site] if site else _homes(data, network, sites)
    try:
        report = asyncio.run(_import(network, homes, files, nights, quiet=as_json))
    except FileUnreadable as error:
        raise PlatformError(str(error)) from None
    except SiteRefuses as error:
        raise No(str(error)) from None
    if as_json:
        print_json(report.as_json())
    else:
        _print(report)
    if not report.accepted and not report.ignored:
        raise No("nothing was imported")


def _homes(data: Path, network: RunningNetwork, wanted: str | None) -> list[str]:
    """The sites the locations are spread over. wanted: how many of those with locations, or the names of any."""
    from infra.running import site_settings

    if wanted is not None and not wanted.isdecimal():
        names = list(dict.fromkeys(name.strip() for name in wanted.split(",")))
        for name in names:
            network.site(name)
        return names
    homes = [name for name in sorted(network.sites) if site_settings(data, name).locations]
    many = len(homes) if wanted is None else int(wanted)
    if not 1 <= many <= len(homes):
        raise PlatformError(f"{len(homes)} sites of this network have locations: say which with --sites west,noord")
    return homes[:many]


@asynccontextmanager
async def coordinators(network: RunningNetwork, sites: Sequence[str]) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """A client of each site, signed in as its coordinator."""
    import httpx

    from services.placement.jobs import ANSWER_SECONDS_MAX

    async with AsyncExitStack() as stack:
        clients = {}
        for site in sites:
            headers = {"Authorization": f"Bearer {network.token(site, 'coordinator')}"}
            client = httpx.AsyncClient(
                base_url=network.site(site).url, headers=headers, timeout=ANSWER_SECONDS_MAX, trust_env=False
            )
            clients[site] = await stack.enter_async_context(client)
        yield clients


async def _import(
    network: RunningNetwork, sites: Sequence[str], files: list[Path], nights: int | None, *, quiet: bool
) -> Report:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    from services.placement.jobs import import_overnight

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("reading", total=None)

        def step(done: int, total: int) -> None:
            progress.update(task, description="nights", completed=done, total=total)

        async with coordinators(network, sites) as clients:
            return await import_overnight(clients, files, nights, step)


def _print(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    facts: dict[str, Any] = report.as_json()
    console.print(
        f"{facts['nights']} nights of {facts['locations']} locations at {', '.join(facts['sites'])}:"
        f" {facts['accepted']} programme-nights"
        f" taken over, {facts['ignored']} known already, {len(facts['not_accepted'])} not accepted."
    )
    for remark, count in facts["remarks"].items():
        console.print(f"{count} of them as they are: {remark}", style="dim")
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
