"""`plek parked list, show, retry, discard`, `plek rebuild`: what readers could not digest, and what to do about it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.processes import PlatformError
from infra.verbs.asking import NoAnswer, Unknown, get_json, post_json, running, site_client
from infra.verbs.common import DATA, Data, Json, No, print_json

if TYPE_CHECKING:
    import httpx
    from rich.console import Console
    from rich.table import Table

    from infra.running import RunningNetwork

WIDTH_PIPED = 200
"""Characters a line where there is no terminal to ask."""
LOOK_SECONDS = 0.2
NO_ORIGIN = "none"
"""Of a message in nobody's log, and of a letter that was put aside: nothing waits for it."""
PAGE = 500

Row = dict[str, Any]

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

parked = typer.Typer(no_args_is_help=True, help="Messages a reader could not digest, and what to do about them.")

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which; default: see --all.")]
Everything = Annotated[bool, typer.Option("--all", help="All that the other options leave.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would come of it, and do nothing.")]
Site = Annotated[str | None, typer.Option(help="Only at this site; default: everywhere.")]
Service = Annotated[str | None, typer.Option(help="Only of this service; default: every one.")]
Reader = Annotated[str | None, typer.Option(help="Only what this reader parked, such as capacity.")]
Origin = Annotated[str | None, typer.Option(help="Only what this origin told, such as west/placement.")]


@parked.command("list")
def list_parked(
    site: Site = None, service: Service = None, reader: Reader = None, origin: Origin = None, data: Data = DATA,
    as_json: Json = False,
) -> None:  # fmt: skip
    """What is parked at every site, and what views do without because somebody let it go."""
    found: dict[str, list[dict[str, Any]]] = {}
    silent: dict[str, str] = {}
    for what in ("parked", "discarded"):
        query = {"reader": reader, "origin": origin} if what == "parked" else {}

        def ask(client: httpx.Client, name: str, api: str, what: str = what, query: Any = query) -> Iterable[Row]:
            return _every(client, name, f"{api}/{what}", query)

        rows, away = _everywhere(data, site, service, ask)
        silent |= away
        found[what] = [row for row in rows if reader in (None, row["reader"]) and origin in (None, row["origin"])]
    if as_json:
        print_json(found | {"unreachable": silent})
    else:
        _print_found(found)
    if silent:
        raise NoAnswer("; ".join(silent.values()))


@parked.command("show")
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of the message, as `plek parked list` prints it.")],
    site: Site = None, data: Data = DATA, as_json: Json = False,
) -> None:  # fmt: skip
    """One parked message: its headers, and the beginning of its body; what cannot be printed is escaped."""
    name, _, row = _find(data, site, id_)
    if as_json:
        print_json({"site": name} | row)
        return
    console = _console()
    for fact, value in {"site": name, **row}.items():
        if fact not in ("headers", "body", "body_cut"):
            console.print(f"{fact}: {value}", markup=False, soft_wrap=True)
    for header, value in row["headers"].items():
        console.print(f"  {header}: {value}", markup=False, soft_wrap=True)
    console.print(row["body"] + ("..." if row["body_cut"] else ""), markup=False, soft_wrap=True)


@parked.command("retry")
def retry(
    ids: Ids = None, everything: Everything = False, site: Site = None, service: Service = None, reader: Reader = None,
    origin: Origin = None, dry_run: DryRun = False, data: Data = DATA, as_json: Json = False,
) -> None:  # fmt: skip
    """Have messages read again by the program that runs now: those named, those of an origin or reader, or --all.

    What can be digested is, and its origin goes on from there. Exit 1 when something stays parked (--dry-run: would).
    """
    chosen, silent = _chosen(data, ids, everything, site, service, reader, origin)
    done, refused = act_on(partial(_client, data), chosen, "retry", None, silent, dry_run=dry_run)
    stay = [item for item in done if item["outcome"] not in ("digested", "duplicate")]
    if as_json:
        print_json({"tried": done, "still_parked": len(stay), "dry_run": dry_run})
    else:
        for item in done:
            of = f"{item['site']} {item['reader']}  {item['origin'] or NO_ORIGIN}"
            typer.echo(f"{item['id']}  {of}  {'would be ' if dry_run else ''}{item['outcome']}")
        if not chosen:
            typer.echo("nothing is parked")
    say_no(refused, silent)
    if stay:
        raise No(f"{len(stay)} of {len(done)} {'would ' if dry_run else ''}stay parked: see `plek parked list`")


@parked.command("discard")
def discard(
    ids: Ids = None,
    reason: Annotated[str, typer.Option(help="Why, in one line; it is kept. Nothing about a person.")] = "",
    everything: Everything = False, site: Site = None, service: Service = None, reader: Reader = None,
    origin: Origin = None, dry_run: DryRun = False, data: Data = DATA, as_json: Json = False,
) -> None:  # fmt: skip
    """Let messages go: those named, those of an origin or reader, or --all. Their origins go on after them, and a view
    they fed is marked until it is rebuilt. What is met only then is parked, and not let go.
    """
    if not reason and not dry_run:
        raise PlatformError("why? Say it with --reason; --dry-run needs none")
    chosen, silent = _chosen(data, ids, everything, site, service, reader, origin)
    done, refused = act_on(partial(_client, data), chosen, "discard", {"reason": reason}, silent, dry_run=dry_run)
    if as_json:
        print_json({"discarded": done, "dry_run": dry_run})
    elif not chosen:
        typer.echo("nothing is parked")
    else:
        for item in done:
            typer.echo(_let_go(item, dry_run=dry_run))
    say_no(refused, silent)


def _let_go(item: Row, *, dry_run: bool) -> str:
    """What a discard comes to, in a line."""
    first, last = item["from_sequence"], item["to_sequence"]
    which = f"{first} to {last}" if first != last else str(last)
    does, passes, is_ = ("would do", "would pass", "would be") if dry_run else ("does", "passes", "is")
    reader = f"{item['reader']} at {item['site']}"
    if item["marked"]:
        again = f"plek rebuild {item['site']} {item['service']} {item['reader']}"
        return f"{reader} {does} without {which} of {item['origin']}, and {is_} marked until: {again}"
    if last:
        return f"{reader} {does} without {which} of {item['origin']}; it keeps no view to mark"
    return f"{reader} {passes} it over; nothing with a number is missing"


def _chosen(
    data: Path, ids: list[str] | None, everything: bool, site: str | None, service: str | None, reader: str | None,
    origin: str | None,
) -> tuple[list[Row], dict[str, str]]:  # fmt: skip
    """The parked messages that are meant, each log in its order, and which sites do not answer."""
    if not ids and not (everything or reader or origin):
        raise PlatformError("which ones? Name them, or --origin, --reader or --all")
    if ids:
        found = [_find(data, site, id_) for id_ in ids]
        return [{"site": name, "service": its_service, "id": row["id"]} for name, its_service, row in found], {}

    def ask(client: httpx.Client, name: str, api: str) -> Iterable[Row]:
        return _every(client, name, f"{api}/parked", {"reader": reader, "origin": origin})

    rows, silent = _everywhere(data, site, service, ask)
    order = ("site", "service", "reader", "origin", "log", "epoch", "sequence")
    return sorted(rows, key=lambda row: tuple(row[name] for name in order)), silent


def act_on(
    site: Callable[[str], AbstractContextManager[httpx.Client]], rows: Sequence[Row], act: str,
    body: dict[str, object] | None, silent: dict[str, str], *, dry_run: bool,
) -> tuple[list[Row], list[str]]:  # fmt: skip
    """What came of it, or would come of it, and what was refused; what is parked no longer when its turn comes is
    passed over. A site that does not answer any more is in `silent`, and what is parked at others is dealt with. site:
    a client of it.
    """
    done: list[Row] = []
    refused: list[str] = []
    for row in rows:
        name, path = row["site"], f"/api/{row['service']}/parked/{row['id']}/{act}"
        if name in silent:
            continue
        try:
            with site(name) as client:
                answer = get_json(client, name, path) if dry_run else post_json(client, name, path, body)
        except Unknown:
            continue
        except NoAnswer as error:
            silent[name] = str(error)
        except No as error:
            refused.append(f"{row['id']}: {error}")
        else:
            done.append({"site": name, "service": row["service"]} | answer)
    return done, refused


def say_no(refused: Sequence[str], silent: dict[str, str]) -> None:
    """Ends the verb when not all of it was done; what was done has been said."""
    if silent:
        raise NoAnswer("; ".join([*refused, *silent.values()]))
    if refused:
        raise No("; ".join(refused))


def rebuild(
    site: Annotated[str, typer.Argument(help="At which site.")],
    service: Annotated[str, typer.Argument(help="Of which service: placement or console.")],
    view: Annotated[str, typer.Argument(help="Which view, such as capacity, board or journal.")],
    dry_run: DryRun = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Make a view anew beside the old one, which serves until the new one takes its place.

    Exit 1 when it cannot be made; the old one stays then.
    """
    began = time.monotonic()
    network, _ = running(data, site)
    if service not in _services(data, site):
        raise PlatformError(f"{service} does not run at {site}: there is {', '.join(_services(data, site))}")
    with site_client(network, site, "oncall") as client:
        path = f"/api/{service}/views"
        views = [row["view"] for row in _every(client, site, path, {})]
        if view not in views:
            raise PlatformError(f"{service} has no view {view}: there is {', '.join(views)}")
        if dry_run:
            _would_rebuild(site, service, get_json(client, site, f"{path}/{view}/rebuild"), as_json=as_json)
            return
        post_json(client, site, f"{path}/{view}/rebuild")
        state = _watch(client, site, f"{path}/{view}", quiet=as_json)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        facts = {name: state[name] for name in ("status", "done", "made_from", "incomplete", "code", "detail")}
        print_json({"site": site, "service": service, "view": view, "seconds": seconds} | facts)
    if state["status"] != "done":
        why = state["detail"] or state["code"] or "the process that was at it ended"
        raise No(f"{view} was not rebuilt, and the old one serves on: {why}")
    if not as_json:
        typer.echo(f"{view} at {site} is made anew from {state['done']} {state['made_from']}, in {seconds} s")
        for origin, code in state["incomplete"].items():
            typer.echo(f"still incomplete: {origin} ({code})")


def _would_rebuild(site: str, service: str, state: Row, *, as_json: bool) -> None:
    facts = {name: state[name] for name in ("view", "made_from", "incomplete")}
    if as_json:
        print_json({"site": site, "service": service, "dry_run": True} | facts)
        return
    source = "the service's own events" if state["made_from"] == "events" else "all that its reader hears"
    typer.echo(f"{state['view']} at {site} would be made anew from {source}; the old one serves meanwhile")
    for origin, code in state["incomplete"].items():
        typer.echo(f"incomplete now: {origin} ({code})")


def _watch(client: httpx.Client, site: str, path: str, *, quiet: bool) -> dict[str, Any]:
    """Shows how far a rebuild is until it is over; its last state."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("rebuilding", total=None)
        while True:
            state: dict[str, Any] = get_json(client, site, path)
            progress.update(task, description=state["made_from"], completed=state["done"], total=state["total"] or None)
            if state["status"] != "running":
                return state
            time.sleep(LOOK_SECONDS)


# --- where ------------------------------------------------------------------------------------------------------------


def _everywhere(
    data: Path, site: str | None, service: str | None, ask: Callable[[httpx.Client, str, str], Iterable[Row]]
) -> tuple[list[Row], dict[str, str]]:
    """What every service of every site (or those named) answers, and which sites do not answer.

    ask: is given a client, the site and the path of the service's API.
    """
    network, _ = running(data, site)
    rows: list[Row] = []
    silent: dict[str, str] = {}
    for name in [site] if site is not None else sorted(network.sites):
        with site_client(network, name, "oncall") as client:
            for its_service in _services(data, name):
                if service in (None, its_service):
                    try:
                        rows += [{"site": name} | row for row in ask(client, name, f"/api/{its_service}")]
                    except NoAnswer as no:
                        silent[name] = str(no)
    return rows, silent


def _services(data: Path, site: str) -> list[str]:
    from infra.running import site_settings

    return list(site_settings(data, site).services)


def _client(data: Path, site: str) -> Any:
    network: RunningNetwork = running(data, site)[0]
    return site_client(network, site, "oncall")


def _find(data: Path, site: str | None, id_: str) -> tuple[str, str, Row]:
    """Where a message is parked: site, service, and the message. Raises `No` when it is nowhere."""
    if not _UUID.fullmatch(id_):
        raise PlatformError(f'"{id_[:60]}" is no id: see `plek parked list`')

    def ask(client: httpx.Client, name: str, api: str) -> Iterable[Row]:
        try:
            found = get_json(client, name, f"{api}/parked/{id_}")
        except Unknown:
            return []
        return [{"service": api.removeprefix("/api/"), "row": found}]

    found, silent = _everywhere(data, site, None, ask)
    for each in found:
        return each["site"], each["service"], each["row"]
    if silent:
        raise NoAnswer("; ".join(silent.values()))
    raise No(f"no message {id_} is parked: see `plek parked list`")


def _every(client: httpx.Client, site: str, path: str, query: dict[str, str | None]) -> list[Row]:
    """All items of a list."""
    items: list[Row] = []
    cursor: str | None = None
    while True:
        page = get_json(client, site, path, **query, limit=PAGE, cursor=cursor)
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


# --- how it looks -----------------------------------------------------------------------------------------------------


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_PIPED
    return console


def _print_found(found: dict[str, list[Row]]) -> None:
    console = _console()
    if found["parked"]:
        console.print(_table("Parked: waits for somebody", ("why", "since", "retries"), found["parked"]))
    else:
        console.print("nothing is parked")
    if found["discarded"]:
        title = "Let go: these views are marked until they are rebuilt"
        console.print(_table(title, ("why", "reason", "by"), found["discarded"]))


def _table(title: str, headings: Sequence[str], rows: Sequence[Row]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for heading in ("id", "site", "view", "origin", "what", *headings):
        table.add_column(heading, no_wrap=heading == "id", overflow="fold")
    for row in rows:
        first, last = row.get("from_sequence", row["sequence"]), row["sequence"]
        numbers = f" {first} to {last}" if first != last else f" {last}" if last else ""
        facts = {
            "why": row["code"], "since": row.get("parked_at", "")[:19], "retries": str(row.get("retries")),
            "reason": row.get("reason", ""), "by": f"{row.get('role')} {row.get('discarded_at', '')[:19]}",
        }  # fmt: skip
        name = f" {row['type'].split('.')[3]}" if row["type"] else ""
        what = (row["origin"] or NO_ORIGIN, f"{row['log']}{numbers}{name}", *(facts[heading] for heading in headings))
        table.add_row(row["id"], row["site"], f"{row['service']}/{row['reader']}", *map(escape, what))
    return table


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(parked, name="parked")
    app.command()(rebuild)
