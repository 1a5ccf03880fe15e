"""`plek tail`: told events as a site hears them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.processes import PlatformError
from infra.verbs.asking import running, site_client, told
from infra.verbs.common import DATA, Data, Json

if TYPE_CHECKING:
    import httpx
    from rich.console import Console

AGAIN_SECONDS = 1.0
QUIET_SECONDS_MAX = 60.0
"""The stream says something every 15 seconds; a silence longer than this is a broken connection."""

_NAMED = re.compile(r"(type|origin|correlation|subject)=(.+)")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def tail(
    wanted: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILTER]...",
            help="An event (stay-began), an origin (west/placement), a correlation id, or subject=west; all must hold.",
        ),
    ] = None,
    site: Annotated[str | None, typer.Option(help="What which site hears; default: the municipality.")] = None,
    last: Annotated[int, typer.Option(min=0, max=500, help="So many of the newest first.")] = 10,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Site and network events as they come, until Ctrl-C."""
    import httpx
    from rich.console import Console

    query = _query(wanted or [])
    network, name = running(data, site)
    console = Console(highlight=False, soft_wrap=True)
    shown = last
    try:
        while True:
            try:
                with site_client(network, name, "oncall") as client:
                    _follow(client, name, query | {"last": str(shown)}, console, as_json=as_json)
            except httpx.HTTPError:
                pass
            # The connection ended: look again, and do not repeat what was shown.
            shown = 0
            time.sleep(AGAIN_SECONDS)
            network, name = running(data, site)
    except KeyboardInterrupt:
        return


def _query(wanted: Iterable[str]) -> dict[str, str]:
    """Each word as one condition, named or by what it looks like. Raises `PlatformError` when two say the same."""
    query: dict[str, str] = {}
    for word in wanted:
        named = _NAMED.fullmatch(word)
        if named:
            name, value = named.groups()
        else:
            name, value = ("correlation" if _UUID.fullmatch(word) else "origin" if "/" in word else "type"), word
        if name in query:
            raise PlatformError(f"two filters name the {name}: {query[name]} and {value}")
        query[name] = value
    return query


def _follow(client: httpx.Client, site: str, query: dict[str, str], console: Console, *, as_json: bool) -> None:
    with client.stream("GET", "/api/console/stream", params=query, timeout=QUIET_SECONDS_MAX) as answer:
        if answer.status_code != 200:
            answer.read()
            raise PlatformError(f"{site} says no: {told(answer)}")
        for name, data in messages(answer.iter_lines()):
            if name == "missed":
                console.print(f"{data['missed']} events were left out: they came too fast to be shown", style="yellow")
            elif name == "message":
                _print(data, console, as_json=as_json)


def _print(event: dict[str, Any], console: Console, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(event))
        return
    words = event["type"].split(".")
    name, version = words[3], words[4]
    facts = json.dumps(event["data"])
    console.print(
        f"[dim]{event['time']}[/] {event['origin']} [dim]{event['log']} {event['sequence']}[/]"
        f" [bold]{name}[/].{version} {event['subject']} [dim]{event['correlation_id']}[/]",
    )
    console.print(f"    {facts}", style="dim", markup=False)


def messages(lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """The name and the JSON of each server-sent event; comments, which only keep the connection open, are left out."""
    name, data = "message", ""
    for line in lines:
        if line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("data:"):
            data += line.removeprefix("data:").strip()
        elif not line:
            if data:
                yield name, json.loads(data)
            name, data = "message", ""


def register(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(tail)
