"""`plek accounts`: who may sign in at a site. Run on the site's machine; a password is asked for, never an argument."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from infra.processes import PlatformError
from infra.verbs.common import DATA, Data, Json, No, print_json

if TYPE_CHECKING:
    from services.console.jobs import AccountDesk
    from services.console.views_accounts import Account

T = TypeVar("T")

accounts = typer.Typer(no_args_is_help=True, help="Who may sign in at a site, and in which role.")

Site = Annotated[str, typer.Argument(help="At which site.")]
Name = Annotated[str, typer.Argument(help="The account's name: what its owner types to sign in.")]


@accounts.command("list")
def list_(site: Site, data: Data = DATA, as_json: Json = False) -> None:
    """Every account of a site: name, role, and whether it is disabled."""
    found = _at(site, data, lambda desk: desk.all())
    if as_json:
        print_json({"accounts": [_shown(account) for account in found]})
        return
    for account in found:
        marks = [word for word, holds in (("demo", account.demo), ("disabled", account.disabled_at)) if holds]
        typer.echo("  ".join([f"{account.name:<20}", f"{account.role:<12}", *marks]).rstrip())
    if not found:
        typer.echo(f"no accounts at {site}")


@accounts.command("add")
def add(
    site: Site,
    name: Name,
    role: Annotated[str, typer.Argument(help="operator, caseworker, coordinator, finance, oncall or auditor.")],
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Open an account. The password is asked for, or read as one line from standard input."""
    password = _password()
    _tell(_at(site, data, lambda desk: desk.add(name, role, password)), "may sign in", as_json)


@accounts.command("password")
def password(site: Site, name: Name, data: Data = DATA, as_json: Json = False) -> None:
    """Give an account another password; whoever is signed in with it is signed out."""
    fresh = _password()
    _tell(_at(site, data, lambda desk: desk.password(name, fresh)), "has another password", as_json)


@accounts.command("disable")
def disable(site: Site, name: Name, data: Data = DATA, as_json: Json = False) -> None:
    """Nobody signs in with this account any more; whoever is signed in with it is signed out."""
    _tell(_at(site, data, lambda desk: desk.disable(name, disabled=True)), "is disabled", as_json)


@accounts.command("enable")
def enable(site: Site, name: Name, data: Data = DATA, as_json: Json = False) -> None:
    """A disabled account counts again, with the password it had."""
    _tell(_at(site, data, lambda desk: desk.disable(name, disabled=False)), "is enabled", as_json)


@accounts.command("sign-out")
def sign_out(site: Site, name: Name, data: Data = DATA, as_json: Json = False) -> None:
    """End every session of an account; its owner may sign in again."""
    ended = _at(site, data, lambda desk: desk.sign_out(name))
    if as_json:
        print_json({"name": name, "ended": ended})
    else:
        typer.echo(f"{name}: {ended} sessions ended")


def _at(site: str, data: Any, work: Callable[[AccountDesk], Awaitable[T]]) -> T:
    from infra.site import clock_of
    from infra.verbs.site import settings_of
    from services.console.jobs import AccountRefused, account_desk
    from shared.ids import SystemIds
    from shared.ports import StoreUnavailable

    settings = settings_of(site, data)
    if "console" not in settings.services:
        raise PlatformError(f"{site} runs no console: nobody signs in there")
    dsn = settings.databases["console"].get_secret_value()

    async def run() -> T:
        async with account_desk(dsn, clock_of(settings), SystemIds()) as desk:
            return await work(desk)

    try:
        return asyncio.run(run())
    except AccountRefused as error:
        raise No(str(error)) from None
    except StoreUnavailable:
        raise No(f"the database of the console at {site} does not answer: start it, then run this again") from None


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _shown(account: Account) -> dict[str, Any]:
    return {"name": account.name, "role": account.role, "demo": account.demo, "disabled": bool(account.disabled_at)}


def _tell(account: Account, what: str, as_json: bool) -> None:
    if as_json:
        print_json(_shown(account))
    else:
        typer.echo(f"{account.name} ({account.role}) {what}")


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(accounts, name="accounts")
