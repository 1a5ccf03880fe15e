"""`plek pause`, `plek resume`: have a reader stand still while something is looked at, and let it go on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from infra.processes import PlatformError
from infra.verbs.asking import get_json, post_json, running, site_client
from infra.verbs.common import DATA, Data, Json, No, print_json

Site = Annotated[str, typer.Argument(help="At which site.")]
Service = Annotated[str, typer.Argument(help="Of which service, such as placement.")]
Reader = Annotated[str, typer.Argument(help="Which reader: a view made of messages, such as capacity, or letters.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


def pause(
    site: Site,
    service: Service,
    reader: Reader,
    reason: Annotated[str, typer.Option(help="Why, in one line; it is kept. Nothing about a person.")],
    dry_run: DryRun = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Have a reader stand still, also after a restart: what comes waits on the bus, and its view is shown as behind.

    Exit 1 when it is paused already.
    """
    _switch(data, (site, service, reader), {"reason": reason}, dry_run=dry_run, as_json=as_json)


def resume(
    site: Site, service: Service, reader: Reader, dry_run: DryRun = False, data: Data = DATA, as_json: Json = False
) -> None:
    """Let a paused reader go on from where it stands. Exit 1 when it is not paused."""
    _switch(data, (site, service, reader), None, dry_run=dry_run, as_json=as_json)


def _switch(
    data: Path, which: tuple[str, str, str], body: dict[str, object] | None, *, dry_run: bool, as_json: bool
) -> None:
    from infra.running import site_settings

    site, service, reader = which
    network, _ = running(data, site)
    if service not in (there := site_settings(data, site).services):
        raise PlatformError(f"{service} does not run at {site}: there is {', '.join(there)}")
    with site_client(network, site, "oncall") as client:
        readers: dict[str, dict[str, Any]] = {
            row["reader"]: row for row in get_json(client, site, f"/api/{service}/readers", limit=500)["items"]
        }
        if reader not in readers:
            raise PlatformError(f"{service} has no reader {reader}: there is {', '.join(readers)}")
        wanted, now = body is not None, readers[reader]
        if dry_run and wanted == now["paused"]:
            raise No(f"{reader} at {site} is {_how(now)} already")
        if not dry_run:
            post_json(client, site, f"/api/{service}/readers/{reader}/{'pause' if wanted else 'resume'}", body)
    if as_json:
        facts = {
            "site": site,
            "service": service,
            "reader": reader,
            "paused": now["paused"] if dry_run else wanted,
            "dry_run": dry_run,
        }
        print_json(facts)
    elif wanted:
        typer.echo(f"{reader} at {site} {'would stand' if dry_run else 'stands'} still until:"
                   f" plek resume {site} {service} {reader}")  # fmt: skip
    else:
        since = f" (paused {now['paused_at'][:19]}: {now['reason']})" if now["paused"] else ""
        typer.echo(f"{reader} at {site} {'would go' if dry_run else 'goes'} on{since}")


def _how(state: dict[str, Any]) -> str:
    return f"paused ({state['reason']})" if state["paused"] else "going on"


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(pause)
    app.command()(resume)
