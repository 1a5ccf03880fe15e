"""`plek site`: a site joins the running network, or leaves it (embedded networks)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.processes import PlatformError
from infra.verbs.asking import NoAnswer, get_json, site_client
from infra.verbs.common import DATA, Data, Json, No, print_json

if TYPE_CHECKING:
    import httpx

    from infra.members import Members
    from infra.network import Site
    from infra.running import RunningNetwork

DONE_SECONDS_MAX = 120.0
HEARD_SECONDS_MAX = 10.0
LOOK_SECONDS = 0.05

site = typer.Typer(no_args_is_help=True, help="Sites that join or leave the running network (embedded networks).")

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Name = Annotated[str, typer.Argument(help="Which site.")]


@dataclass
class Standing:
    """What a site that is to leave still has. occupied, held: places. files: of clients, not erased. behind: by site
    that answers, how many of its messages it has not heard. halted: by service that takes no command, why. doubted:
    services that do not know yet whether others have heard what they have: a store may be an older backup.

    epoch: the last one heard of it. answered: whether it could be asked; if not, the rest is what others know.
    """

    occupied: int = 0
    held: int = 0
    files: int = 0
    behind: dict[str, int] = field(default_factory=dict)
    halted: dict[str, str] = field(default_factory=dict)
    doubted: list[str] = field(default_factory=list)
    epoch: int = 0
    answered: bool = False

    def objections(self, name: str) -> list[str]:
        """Why it should not leave now, one line each."""
        lines = [] if self.answered else [f"{name} does not answer: what it has and has not told yet is not known"]
        if self.occupied or self.held:
            lines.append(f"{name} has {self.occupied} places occupied and {self.held} held: end or move them first")
        if self.files:
            lines.append(f"{name} has the files of {self.files} clients, which nobody can read or erase any more then")
        for other, messages in self.behind.items():
            lines.append(f"{other} has not heard the last {messages} messages of {name}: see to the links")
        for service, why in self.halted.items():
            repair = f"plek repair origin {name} {service}"
            lines.append(f"{service} takes no command, and what it has is not what others heard: {why}: {repair}")
        unsure = "has not been told yet whether others heard what it has: see to the links"
        return [*lines, *(f"{service} {unsure}" for service in self.doubted)]


@site.command("add")
def add(
    name: Name,
    title: Annotated[str, typer.Option(help="How it is called; default: its name.")] = "",
    location: Annotated[list[str] | None, typer.Option(help="A location it opens with; may be repeated.")] = None,
    district: Annotated[str, typer.Option(help="Where its locations are.")] = "",
    network: Annotated[Path | None, typer.Option(help="Take it as it stands in this network file instead.")] = None,
    dry_run: DryRun = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Let a site join while the others work, and return once every part of it runs.

    Interrupted, it is carried on by the supervisor; run again, it waits for the end. A later `plek up` starts it, too.
    """
    from infra.members import decide, deciding
    from infra.running import Files, RunningNetwork

    running, files = RunningNetwork.load(data), Files(data)
    if network is None:
        joining = _quick(running, name, title, location or (), district)
    else:
        joining = _from_file(running, name, network)
    with deciding(files.members) as members:
        new = name not in members.added
        if new and name in running.sites:
            why = "is still on its way out" if name in members.removed else "belongs to it already"
            raise PlatformError(f"{name} cannot join the network: it {why}")
        if new:
            _check(running, joining)
        if new and not dry_run:
            decide(files.members, members.with_site(joining))
        epoch = members.first_epoch(name)
    if dry_run:
        _print_steps(name, _steps_in(running, joining, epoch) if new else [], as_json=as_json)
        return
    seconds = _follow(data, name, there=True, quiet=as_json)
    url = RunningNetwork.load(data).site(name).url
    if as_json:
        print_json({"site": name, "url": url, "epoch": epoch, "seconds": round(seconds, 1)})
    else:
        typer.echo(f"{name} belongs to the network, at {url} (epoch {epoch}, {seconds:.1f} s)")


@site.command("remove")
def remove(
    name: Name,
    force: Annotated[
        bool, typer.Option("--force", help="Also with stays or holds open, or without an answer.")
    ] = False,
    dry_run: DryRun = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Let a site leave while the others work. Its figures leave every total; what it told stays known.

    Its own data is kept under `retired` in the data directory. Interrupted, it is carried on by the supervisor; run
    again, it waits for the end.
    """
    from infra.keys import seal_key_ids
    from infra.members import Left, decide, deciding
    from infra.running import Files, RunningNetwork, clock_offset

    running, files = RunningNetwork.load(data), Files(data)
    with deciding(files.members) as members:
        new = name not in members.removed
        standing = _may_leave(running, members, name, force=force) if new else Standing()
        if new and not dry_run:
            at = datetime.now(UTC) + timedelta(seconds=clock_offset(data))
            epoch = max(standing.epoch, members.first_epoch(name))
            keys = seal_key_ids(files.network_keys, name)
            decide(files.members, members.without_site(name, Left(at=at, epoch=epoch, keys=keys)))
    if dry_run:
        _print_steps(name, _steps_out(name, standing, files.retired) if new else [], as_json=as_json)
        return
    seconds = _follow(data, name, there=False, quiet=as_json)
    if as_json:
        print_json({"site": name, **asdict(standing), "kept": str(files.retired), "seconds": round(seconds, 1)})
    else:
        typer.echo(f"{name} has left the network ({seconds:.1f} s); its data is kept in {files.retired}")


def _may_leave(running: RunningNetwork, members: Members, name: str, *, force: bool) -> Standing:
    """What the site still has. Raises `No` when that speaks against it, unless `force`."""
    from infra.running import site_settings

    if name not in members.added:  # one that was added and never came so far may leave, too
        running.site(name)
    if name == running.hub or (name in running.sites and site_settings(running.data, name).municipality):
        raise PlatformError(f"the network cannot be without {name}: it is its hub or its municipality")
    standing = _standing(running, name, 0.0 if force else HEARD_SECONDS_MAX)
    objections = standing.objections(name) if name in running.sites else []
    if objections and not force:
        raise No("; ".join([*objections, "or say --force"]))
    return standing


def _standing(running: RunningNetwork, name: str, wait_seconds: float) -> Standing:
    """Asks the site itself, and everybody how far they have heard it, until that is all or the time is over."""
    until = time.monotonic() + wait_seconds
    files, epoch = _files_and_epoch(running, name)
    while True:
        found = Standing(files=files)
        told: dict[str, tuple[int, int]] = {}
        for asked in [name, *(other for other in running.sites if other != name)]:
            with suppress(NoAnswer), site_client(running, asked, "oncall") as client:
                digests = get_json(client, asked, "/api/placement/capacity/digest")["origins"]
                told[asked] = _last(digests, name)
                if asked == name:
                    _ask_itself(running, client, found, name)
        found.epoch = max([epoch, *(heard for heard, _ in told.values())])
        own = told.get(name, (0, 0))
        found.behind = {
            other: own[1] - (heard[1] if heard[0] == own[0] else 0) for other, heard in told.items() if heard < own
        }
        if found.halted or not (found.behind or found.doubted) or time.monotonic() > until:
            return found
        time.sleep(LOOK_SECONDS)


def _ask_itself(running: RunningNetwork, client: httpx.Client, found: Standing, name: str) -> None:
    """What the site itself says. That others have heard as many messages means nothing while it may have told them
    something else under the same numbers, as a store that was put back older has."""
    from infra.running import site_settings

    totals = get_json(client, name, "/api/placement/capacity", site=name)["totals"]
    for service in site_settings(running.data, name).services:
        said = get_json(client, name, f"/api/{service}/health")
        if said["halted"]:
            found.halted[service] = said["halted"]
        elif any(log["doubted"] for log in said["logs"]):
            found.doubted.append(service)
    found.occupied, found.held, found.answered = totals["occupied"], totals["held"], True


def _files_and_epoch(running: RunningNetwork, name: str) -> tuple[int, int]:
    """How many clients have a file at a site, and the last epoch anybody has heard of any service of it: its own word,
    and what the journals of the others hold."""
    from infra.running import site_settings

    if name not in running.sites:
        return 0, 0
    services, files, epochs = site_settings(running.data, name).services, 0, [0]
    with suppress(NoAnswer), site_client(running, name, "oncall") as client:
        if "intake" in services:
            files = get_json(client, name, "/api/intake/vault")["keys"]
        epochs += [get_json(client, name, f"/api/{service}/health")["epoch"] for service in services]
    for other in running.sites:
        with suppress(NoAnswer), site_client(running, other, "oncall") as client:
            for service in services:
                query: dict[str, str | int | None] = {"origin": f"{name}/{service}", "log": "pub", "limit": 1}
                items = get_json(client, other, "/api/console/journal", **query)["items"]
                epochs += [item["epoch"] for item in items]
    return files, max(epochs)


def _last(digests: dict[str, Any], site: str) -> tuple[int, int]:
    """The epoch and sequence up to which anything of a site was heard: of its most talkative origin."""
    here = [(at["epoch"], at["sequence"]) for origin, at in digests.items() if origin.partition("/")[0] == site]
    return max(here, default=(0, 0))


def _follow(data: Path, name: str, *, there: bool, quiet: bool) -> float:
    """Waits until the supervisor has carried out what was decided, and shows how far it is. Returns the seconds.

    Raises `No` with what keeps it when it takes too long.
    """
    from rich.console import Console

    from infra.running import RunningNetwork

    began = time.monotonic()
    change: Mapping[str, str] | None = None
    with Console(stderr=True, quiet=quiet).status(f"{name}: waiting for the supervisor") as status:
        while time.monotonic() - began < DONE_SECONDS_MAX:
            now = RunningNetwork.load(data)
            if (name in now.sites) == there and now.change is None:
                return time.monotonic() - began
            if now.change is not None and now.change != change:
                change = now.change
                status.update(f"{change['site']}: {change['step']} {change['trouble']}")
            time.sleep(LOOK_SECONDS)
    trouble = (change or {}).get("trouble") or "the supervisor has not finished"
    raise No(f"{name} {'is not there' if there else 'has not left'} yet: {trouble}. It is tried again by itself")


def _steps_in(running: RunningNetwork, joining: Site, epoch: int) -> list[str]:
    return [
        f"start PostgreSQL and nats-server of {joining.name}, and let the hub {running.hub} know its key",
        f"begin it in epoch {epoch}: {len(joining.locations)} locations, services {', '.join(joining.services)}",
        "tell the other sites; none of them restarts",
    ]


def _steps_out(name: str, standing: Standing, kept: Path) -> list[str]:
    return [
        f"stop the process of {name}; {standing.occupied} places are occupied and {standing.held} held",
        "tell the other sites: its figures leave every total, and it is asked for nothing more; none of them restarts",
        f"stop its PostgreSQL and nats-server, and keep its data in {kept}",
    ]


def _print_steps(name: str, steps: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"site": name, "steps": steps})
    else:
        typer.echo(
            "\n".join(f"will: {step}" for step in steps)
            or f"{name}: decided already; without --dry-run it is waited for"
        )


def _check(running: RunningNetwork, joining: Site) -> None:
    """Refuses a site that does not go with those that run. Raises `NetworkError`."""
    from infra.network import Location, Network, NetworkError, Site, check
    from infra.running import site_settings

    sites = []
    for settings in (site_settings(running.data, name) for name in running.sites):
        locations = [Location(name=at.name, title=at.title, district=at.district) for at in settings.locations]
        link = None if settings.is_hub else running.hub
        sites.append(
            Site(name=settings.site, hub=settings.is_hub, municipality=settings.municipality, link=link,
                 services=settings.services, location=locations)
        )  # fmt: skip
    if mistakes := list(check(Network(site=[*sites, joining]))):
        raise NetworkError(Path(f"site {joining.name}"), mistakes)


def _quick(running: RunningNetwork, name: str, title: str, locations: Sequence[str], district: str) -> Site:
    """A site as the options say, with the services of the others that have locations (if none has: of the hub's)."""
    from infra.network import site_of
    from infra.running import site_settings

    names = [running.hub, *sorted(set(running.sites) - {running.hub})]
    others = [site_settings(running.data, other) for other in names]
    return site_of({
        "name": name, "title": title or _title(name), "link": running.hub,
        "services": list(next((one.services for one in others if one.locations), others[0].services)),
        "location": [{"name": at, "title": _title(at), "district": district} for at in locations],
    })  # fmt: skip


def _title(name: str) -> str:
    return name.replace("-", " ").title()


def _from_file(running: RunningNetwork, name: str, path: Path) -> Site:
    """The site as a network file has it; that file has to be the running network and this one site more."""
    from infra.network import load_network

    found = load_network(path)
    names = {site.name for site in found.sites}
    if name not in names:
        raise PlatformError(f'{path} has no site "{name}"')
    if others := names ^ ({*running.sites} | {name}):
        raise PlatformError(f"{path} differs from the running network in more than {name}: {', '.join(sorted(others))}")
    return found.site(name)


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(site, name="site")
