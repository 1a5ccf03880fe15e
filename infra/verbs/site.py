"""`plek serve`, `migrate`, `streams apply`, `token`: one site, with or without a supervisor."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.processes import PlatformError
from infra.verbs.common import DATA, Data, Json, print_json

if TYPE_CHECKING:
    from shared.settings import SiteSettings

streams = typer.Typer(no_args_is_help=True, help="The bus's streams and consumers.")

MINUTES_MAX = 60 * 24 * 366


def serve(
    site: Annotated[str, typer.Argument(help="Which site.")],
    services: Annotated[
        list[str] | None, typer.Argument(help="Only these of its services; default: all of them.")
    ] = None,
    data: Data = DATA,
) -> None:
    """Run one site's services in this process; what production runs (settings: PLEK_SITE_FILE, or the data)."""
    from infra.site import run

    settings = settings_of(site, data)
    chosen = services or settings.services
    for service in chosen:
        if service not in settings.services:
            raise PlatformError(f'"{service}" does not run at {site}: {", ".join(settings.services)}')
    raise typer.Exit(run(settings, chosen))


def migrate(
    site: Annotated[
        str | None, typer.Argument(help="Only this site; default: every site of the data directory.")
    ] = None,
    data: Data = DATA,
) -> None:
    """Bring the database schemas up to date."""
    from infra.site import migrate as migrate_site

    chosen = _chosen(site, data)

    async def all_of_them() -> None:
        await asyncio.gather(*(migrate_site(settings) for settings in chosen))

    asyncio.run(all_of_them())


@streams.command("apply")
def apply(data: Data = DATA, as_json: Json = False) -> None:
    """Make every stream and source of the network as declared; a second run changes nothing."""
    from infra.running import topology_and_admins
    from shared.streams import apply as apply_streams

    done = asyncio.run(apply_streams(*topology_and_admins(_chosen(None, data))))
    if as_json:
        print_json({"changes": done})
    else:
        typer.echo("\n".join(done) or "nothing to change")


def token(
    site: Annotated[str, typer.Argument(help="At which site it counts.")],
    role: Annotated[str, typer.Argument(help="operator, caseworker, coordinator, finance, oncall or auditor.")],
    minutes: Annotated[int, typer.Option(min=1, max=MINUTES_MAX, help="How long it is valid.")] = 720,
    data: Data = DATA,
) -> None:
    """Print a bearer token for scripts, and nothing else (embedded networks)."""
    from infra.running import token as make_token

    typer.echo(make_token(data, site, role, timedelta(minutes=minutes)))


def settings_of(site: str, data: Path) -> SiteSettings:
    """One site's settings: from the file PLEK_SITE_FILE names when it is set, else from the data directory."""
    from infra.running import site_settings
    from shared.settings import SITE_FILE_VARIABLE, SiteSettings

    if not os.environ.get(SITE_FILE_VARIABLE):
        return site_settings(data, site)
    settings = SiteSettings.load()
    if settings.site != site:
        raise PlatformError(f'{SITE_FILE_VARIABLE} holds the settings of "{settings.site}", not of "{site}"')
    return settings


def _chosen(site: str | None, data: Path) -> list[SiteSettings]:
    from infra.running import site_names, site_settings

    if site is not None:
        return [settings_of(site, data)]
    names = site_names(data)
    if not names:
        raise PlatformError(f"there is no network in {data}")
    return [site_settings(data, name) for name in names]


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(serve)
    app.command()(migrate)
    app.command()(token)
    app.add_typer(streams, name="streams")
