"""`plek repair`: what does not mend itself. Each says what it found and what it will do; `--dry-run` stops there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.processes import PlatformError
from infra.verbs.common import DATA, Data, Json, No, print_json

if TYPE_CHECKING:
    from infra.running import RunningNetwork

repair = typer.Typer(no_args_is_help=True, help="Mend what does not mend itself; see `plek doctor` for what that is.")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what was found and what would be done, and do nothing.")]


@repair.command("origin")
def origin(
    site: Annotated[str, typer.Argument(help="At which site.")],
    service: Annotated[str, typer.Argument(help="Which service's history: placement.")],
    dry_run: DryRun = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Let an origin whose store was restored to an older state go on: in a new epoch, with a worklist of what was lost.

    Run it on the site's machine. An origin that needs no repair is left alone; a second run ends what a first one
    began.
    """
    from infra.site import REPAIRS, clock_of
    from infra.verbs.site import settings_of
    from shared.ids import SystemIds
    from shared.ports import BusUnavailable, StoreUnavailable
    from shared.repair_origin import RepairImpossible

    settings = settings_of(site, data)
    if service not in REPAIRS or service not in settings.services:
        raise PlatformError(f'"{service}" of {site} tells nothing that could be repaired: {", ".join(sorted(REPAIRS))}')
    try:
        done = asyncio.run(REPAIRS[service](settings, clock_of(settings), SystemIds(), dry_run))
    except StoreUnavailable:
        raise No(f"the database of {service} at {site} does not answer: start it, then run this again") from None
    except BusUnavailable as error:
        raise No(f"the bus of {site} does not answer as it should ({error}): run this again") from None
    except RepairImpossible as error:
        raise No(str(error)) from None
    if as_json:
        print_json(done.as_json())
        return
    for which, found in done.found.logs.items():
        where = f"outbox {found.outbox}, bus {found.bus}, heard by others {found.heard}"
        typer.echo(f"{which}: {found.condition} ({where}){': ' + found.reason if found.reason else ''}")
    if done.unasked:
        typer.echo(f"not asked: {done.unasked}")
    typer.echo("\n".join(f"{'will' if dry_run else 'done'}: {step}" for step in done.steps) or "nothing to repair")
    if done.found.lost and not dry_run:
        whose = "" if service == "placement" else f" --service {service}"
        typer.echo(f"now: plek repair worklist {site}{whose} shows {len(done.found.lost)} lost rows to the desk")


@repair.command("streams")
def streams(dry_run: DryRun = False, data: Data = DATA, as_json: Json = False) -> None:
    """Make what is lost or not as declared of the network's streams anew; they fill again from their origins.

    The sites' processes make what is lost by themselves while they run; this does it where none does.
    """
    from infra.running import site_names, site_settings, topology_and_admins
    from shared.streams import apply, compare

    names = site_names(data)
    if not names:
        raise PlatformError(f"there is no network in {data}")
    topology, admins = topology_and_admins([site_settings(data, name) for name in names])
    found = asyncio.run(compare(topology, admins))
    done = [] if dry_run else asyncio.run(apply(topology, admins))
    if as_json:
        print_json({"found": found, "done": done})
        return
    typer.echo("\n".join([*(f"found: {line}" for line in found), *(f"done: {line}" for line in done)]) or "as declared")


@repair.command("replay")
def replay(
    site: Annotated[str, typer.Argument(help="At which site the reader is.")],
    service: Annotated[str, typer.Argument(help="Of which service, such as placement.")],
    reader: Annotated[str, typer.Argument(help="Which reader: of a view made of messages, such as capacity.")],
    origin: Annotated[str, typer.Argument(help="Whose logs it hears again, such as west/placement.")],
    reason: Annotated[str, typer.Option(help="Why, in one line; it is kept. Nothing about a person.")] = "",
    dry_run: DryRun = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Make what a view shows of one origin anew, out of that origin's logs, in one moment.

    The reader goes on meanwhile. Exit 1 when it is refused: for a policy, whose effects would come again; while a view
    is being rebuilt; when the bus does not hold all that was read; when it is too much for one moment.
    """
    from infra.running import site_settings
    from infra.verbs.asking import get_json, post_json, running, site_client

    if not reason and not dry_run:
        raise PlatformError("why? Say it with --reason; --dry-run needs none")
    network, _ = running(data, site)
    if service not in (there := site_settings(data, site).services):
        raise PlatformError(f"{service} does not run at {site}: there is {', '.join(there)}")
    path = f"/api/{service}/readers/{reader}/replay"
    with site_client(network, site, "oncall") as client:
        if dry_run:
            found = get_json(client, site, path, origin=origin)
        else:
            found = post_json(client, site, path, {"origin": origin, "reason": reason})
    facts = {name: found[name] for name in ("reader", "origin", "messages", "changed", "gone", "unmarked")}
    if as_json:
        print_json({"site": site, "service": service, "dry_run": dry_run} | facts)
        return
    if not (found["changed"] or found["gone"] or found["unmarked"]):
        typer.echo(f"{reader} at {site} shows {origin} as its {found['messages']} messages say; nothing differs")
        return
    would = "would be " if dry_run else ""
    typer.echo(f"{reader} at {site}, from {found['messages']} messages of {origin}: {found['changed']} rows {would}put"
               f" right, {found['gone']} {would}taken out, {found['unmarked']} marks {would}lifted")  # fmt: skip


@repair.command("refill")
def refill(
    site: Annotated[str, typer.Argument(help="Whose stream.")],
    service: Annotated[str, typer.Argument(help="Of which service, such as placement.")],
    log: Annotated[str, typer.Argument(help="Which log: pub or loc.")],
    dry_run: DryRun = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Fill a damaged stream of a log anew, from the first row its service keeps, while that runs.

    Readers go on behind what they had read. Exit 1 when it is refused: while the origin is halted, and when others
    have heard more than the service has stored, or it is not known whether they have. A stream that is gone is made
    and filled without you.
    """
    from infra.running import site_settings
    from infra.verbs.asking import get_json, post_json, running, site_client

    network, _ = running(data, site)
    if service not in (there := site_settings(data, site).services):
        raise PlatformError(f"{service} does not run at {site}: there is {', '.join(there)}")
    path = f"/api/{service}/logs/{log}/refill"
    with site_client(network, site, "oncall") as client:
        found = get_json(client, site, path) if dry_run else post_json(client, site, path)
    if as_json:
        print_json({"site": site, "service": service, "dry_run": dry_run} | found)
        return
    would = "would be" if dry_run else "is"
    typer.echo(f"{found['on_bus']} messages of the {log} log of {service} at {site} were on the bus; its stream {would}"
               f" made anew and filled with {found['told']}")  # fmt: skip


WORK_DESKS = {"placement": "operator", "intake": "caseworker", "allowance": "caseworker"}
"""Services that keep a worklist, and who ticks it off."""


@repair.command("worklist")
def worklist(
    site: Annotated[str, typer.Argument(help="At which site.")],
    state: Annotated[str, typer.Option(help="open, done or all.")] = "open",
    tick: Annotated[str | None, typer.Option(metavar="ID", help="Tick this item off, as the desk does.")] = None,
    service: Annotated[str, typer.Option(help="Whose rows: placement, intake or allowance.")] = "placement",
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """What was told and then lost with a store that was restored: for operators to compare with what is true now."""
    from infra.running import RunningNetwork

    network = RunningNetwork.load(data)
    network.site(site)
    if state not in ("open", "done", "all"):
        raise PlatformError(f'"{state[:40]}" is no state: open, done or all')
    if service not in WORK_DESKS:
        raise PlatformError(f'"{service[:40]}" keeps no worklist: {", ".join(WORK_DESKS)}')
    items = [_ticked(network, site, service, tick)] if tick is not None else _items(network, site, service, state)
    if as_json:
        print_json({"items": items})
        return
    for item in items:
        what = item["type"].split(".")[3] if item["type"] else "unknown"
        done = f", done {item['done_at']} by {item['done_by']}" if item["done_at"] else ""
        typer.echo(f"{item['id']}  {item['time'] or '-'}  {item['log']} {what} {item['subject']}{done}")
    if not items:
        typer.echo(f"nothing is {'lost' if state == 'all' else state} at {site}")


def _items(network: RunningNetwork, site: str, service: str, state: str) -> list[dict[str, Any]]:
    from infra.verbs.asking import get_json, site_client

    items: list[dict[str, Any]] = []
    cursor: str | None = None
    with site_client(network, site, "oncall") as client:
        while True:
            page = get_json(client, site, f"/api/{service}/worklist", state=state, cursor=cursor, limit=500)
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items


def _ticked(network: RunningNetwork, site: str, service: str, id_: str) -> dict[str, Any]:
    import httpx

    from infra.verbs.asking import NoAnswer, site_client, told

    with site_client(network, site, WORK_DESKS[service]) as client:
        try:
            answer = client.post(f"/api/{service}/worklist/{id_}/tick")
        except httpx.HTTPError as error:
            raise NoAnswer(f"{site} does not answer: {type(error).__name__}") from None
    if answer.status_code != 200:
        raise NoAnswer(f"{site} says no: {told(answer)}")
    item: dict[str, Any] = answer.json()
    return item


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(repair, name="repair")
