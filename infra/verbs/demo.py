"""`plek demo`: a made-up city lives on a running demonstration network."""

from __future__ import annotations

import asyncio
import random
import signal
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.processes import PlatformError
from infra.verbs.common import DATA, Data, Json, No, print_json

if TYPE_CHECKING:
    import httpx

    from infra.running import RunningNetwork
    from services.placement.city import Act
    from services.placement.jobs_demo import Sums

DAY_A_MINUTE = 1440.0
BEGIN_MINUTE = 7 * 60.0
"""Every story begins at seven in the morning, whatever the time is: it would be another one else."""


def demo(
    seed: Annotated[int, typer.Option(help="The same seed on the same houses tells the same story.")] = 1,
    days: Annotated[float, typer.Option(min=0.01, max=366, help="How many days of the city.")] = 1.0,
    speed: Annotated[
        float, typer.Option(min=1, max=1_000_000, help="Minutes of the city a minute; 1440 is a day a minute.")
    ] = DAY_A_MINUTE,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """People arrive, are awaited, move, are away and leave; places are cleaned; heads are counted at night.

    All of it over the same HTTP paths as anybody's, in the network's present: what is seen now. Ctrl-C stops between
    two taps. Exit 1 when no house has places, or a site does not answer.
    """
    from infra.running import RunningNetwork, site_settings
    from services.placement.jobs import SiteRefuses

    network = RunningNetwork.load(data)
    if not all(site_settings(data, site).demo for site in network.sites):
        raise PlatformError(f"the network in {data} was started with --no-demo: nobody is made up in it")
    try:
        sums = asyncio.run(_live(data, network, seed, days, speed, quiet=as_json))
    except SiteRefuses as error:
        raise No(str(error)) from None
    if as_json:
        print_json({"seed": seed, "days": days} | sums.as_json())
    else:
        _print(sums)


async def _live(data: Path, network: RunningNetwork, seed: int, days: float, speed: float, *, quiet: bool) -> Sums:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from infra.demo import desks, now
    from services.placement.jobs import together
    from services.placement.jobs_demo import Sums, live

    sums, stop, run = Sums(), asyncio.Event(), uuid.uuid4().hex[:12]
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress:
        async with desks(network) as clients:
            stories = await _stories(data, network, clients, seed, days)
            task = progress.add_task("the city lives", total=sum(len(acts) for acts in stories.values()))
            await together(
                live(
                    clients, acts, f"demo-{run}-{location}", speed, lambda: now(data), stop, sums,
                    lambda: progress.advance(task),
                )
                for location, acts in stories.items()
            )  # fmt: skip
    return sums


async def _stories(
    data: Path, network: RunningNetwork, clients: Mapping[str, httpx.AsyncClient], seed: int, days: float
) -> dict[str, list[Act]]:
    """What will happen in each house that has places."""
    from infra.demo import homes
    from services.placement.city import story
    from services.placement.jobs_demo import look

    stories = {}
    for site, location in homes(data, network):
        house = await look(clients[site], site, location)
        if house.places:
            callers = sorted(set(clients) - {site})
            stories[location] = story(house, callers, BEGIN_MINUTE, days, random.Random(f"{seed}/{location}"))
    if not stories:
        raise No("no house of this network has places yet")
    return stories


def _print(sums: Sums) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    happened = ", ".join(f"{many} {what}" for what, many in sorted(sums.happened.items()))
    console.print(f"The city lived: {happened or 'nothing happened'}.")
    if sums.refused:
        refused = ", ".join(f"{many} {code}" for code, many in sorted(sums.refused.items()))
        console.print(f"Refused, as happens: {refused}.")


def register(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(demo)
