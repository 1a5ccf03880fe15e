"""`plek clock`, `link`, `kill`: embedded networks only, so that nobody need wait for trouble or guess when it comes."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from infra.processes import PlatformError
from infra.verbs.common import DATA, Data, Json, No, print_json, seconds

CLOCK_SECONDS_MAX = 15.0
LINK_SECONDS_MAX = 20.0
OFFSET_SECONDS_MAX = 10 * 366 * 86400
PARTS = ("service", "nats", "postgres")

clock = typer.Typer(no_args_is_help=True, help="The network's clock (embedded networks).")
link = typer.Typer(no_args_is_help=True, help="The link between a site and the hub (embedded networks).")


@clock.command("advance")
def advance(
    by: Annotated[str, typer.Argument(help="How far: 31m, 2h, 1h30m, 90s.")], data: Data = DATA, as_json: Json = False
) -> None:
    """Move every process's clock ahead, and return once all of them show it."""
    from infra.probe import get
    from infra.running import Files, RunningNetwork, clock_offset, replace_json

    network = RunningNetwork.load(data)
    offset = clock_offset(data) + seconds(by)
    if offset > OFFSET_SECONDS_MAX:
        raise PlatformError("the clock cannot be moved more than ten years ahead")
    replace_json(Files(data).clock, {"offset_seconds": offset})
    waiting = {name: f"{site.url}/healthz" for name, site in network.sites.items()}

    def all_show_it() -> bool:
        for name, url in list(waiting.items()):
            status, document = get(url)
            if status == 200 and isinstance(document, dict) and document.get("clock_offset_seconds") == offset:
                del waiting[name]
        return not waiting

    if not _wait(all_show_it, CLOCK_SECONDS_MAX):
        raise No(f"the clock is {offset:.0f} s ahead, but not yet shown by {', '.join(sorted(waiting))}")
    _print_offset(offset, as_json=as_json)


@clock.command("show")
def show(data: Data = DATA, as_json: Json = False) -> None:
    """Print how far the network's clock is ahead of the machine's."""
    from infra.running import RunningNetwork, clock_offset

    RunningNetwork.load(data)
    _print_offset(clock_offset(data), as_json=as_json)


def _print_offset(offset: float, *, as_json: bool) -> None:
    if as_json:
        print_json({"offset_seconds": offset})
    else:
        typer.echo(f"{offset:.0f} seconds ahead")


@link.command("cut")
def cut(site: Annotated[str, typer.Argument(help="Whose link.")], data: Data = DATA) -> None:
    """Take the link between a site and the hub down, and return once it is."""
    _link(site, data, cut=True)


@link.command("heal")
def heal(site: Annotated[str, typer.Argument(help="Whose link.")], data: Data = DATA) -> None:
    """Let the link come back, and return once it has."""
    _link(site, data, cut=False)


def _link(name: str, data: Path, *, cut: bool) -> None:
    from infra.probe import get
    from infra.running import Files, RunningNetwork, links_cut, replace_json

    network = RunningNetwork.load(data)
    network.site(name)
    if name == network.hub:
        raise PlatformError(f"{name} is the hub: cut the link of another site")
    wanted = links_cut(data) | {name} if cut else links_cut(data) - {name}
    replace_json(Files(data).links, {"cut": sorted(wanted)})

    def done() -> bool:
        now = RunningNetwork.load(data)
        status, leaves = get(f"{now.site(network.hub).nats_monitor}/leafz")
        linked = {leaf.get("name") for leaf in leaves["leafs"] or ()} if status == 200 else set()
        return now.site(name).link == ("cut" if cut else "up") and status == 200 and (name in linked) != cut

    if not _wait(done, LINK_SECONDS_MAX):
        raise No(f"the link of {name} is not {'down' if cut else 'up'} after {LINK_SECONDS_MAX:.0f} seconds")


def kill(
    site: Annotated[str, typer.Argument(help="At which site.")],
    part: Annotated[str, typer.Argument(help="service, nats or postgres.")],
    data: Data = DATA,
) -> None:
    """End one part with SIGKILL, as a crash would; the supervisor starts it again."""
    from infra.running import RunningNetwork

    if part not in PARTS:
        raise PlatformError(f'there is no part "{part}": there is {", ".join(PARTS)}')
    network = RunningNetwork.load(data)
    pids = {name: getattr(network.site(site), name) for name in PARTS}
    pid = pids[part]
    # A process id may have been given to somebody else since; a part is the supervisor's child, or its nursery's.
    parent = None if pid is None else _parent_of(pid)
    if pid is None or parent is None or network.pid not in (parent, _parent_of(parent)):
        raise No(f"the {part} of {site} is not running")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _parent_of(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines():
            if line.startswith("PPid:"):
                return int(line.split()[1])
    return None


def _wait(condition: Callable[[], bool], seconds_max: float) -> bool:
    deadline = time.monotonic() + seconds_max
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.03)
    return True


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.add_typer(clock, name="clock")
    app.add_typer(link, name="link")
    app.command()(kill)
