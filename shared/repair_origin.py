"""The repair of one origin, carried out on its site: its store, its streams, and whoever can be asked.

It is run from the command line beside the service, or while that is down. A service that still writes the old epoch
notices and begins anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shared.aggregate import Telling
from shared.bus import JetStreamLog
from shared.bus_connection import BusClient, Refused, ask, close_client, connect_relay
from shared.clock import Clock
from shared.envelope import LOGS, Log
from shared.epochs import Examined, examine, repair_origin
from shared.heard import BusWitnesses, Mark, Unanswered, Witnesses
from shared.ids import Ids
from shared.kept import kept_elsewhere
from shared.ports import BusUnavailable, VersionConflict
from shared.settings import SiteSettings
from shared.store import PgStore
from shared.streams import ACCOUNTS, STREAM_NOT_FOUND, logs_of
from shared.worklist import Lost

CONNECT_SECONDS = 5.0
TRIES_MAX = 5

ASK_SECONDS = 20.0
"""How long those who do not answer are asked again: a process that has noticed its older database begins anew, and
takes seconds to."""

ASK_AGAIN_SECONDS = 0.5


class RepairImpossible(Exception):
    """The origin cannot be looked at or repaired now: one line, meant for a person."""


@dataclass
class Repaired:
    """What was found and what follows from it; done: whether it was carried out. epoch: the one the origin is in now.

    unasked: who could not be asked how far they have heard this origin.
    """

    site: str
    service: str
    epoch: int
    found: Examined
    done: bool
    unasked: str = ""
    steps: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        logs = {which: found._asdict() for which, found in self.found.logs.items()}
        return {
            "site": self.site, "service": self.service, "epoch": self.epoch, "forked": self.found.forked,
            "logs": logs, "lost": len(self.found.lost), "steps": self.steps, "done": self.done,
            "unasked": self.unasked,
        }  # fmt: skip


First = Callable[[PgStore], Awaitable[Sequence[Telling]]]
"""Everything others need to know of an origin, out of its opened store."""


async def repair(
    settings: SiteSettings, store: PgStore, service: str, first: First, ids: Ids, clock: Clock, *, dry_run: bool
) -> Repaired:
    """Looks at one origin and, unless `dry_run`, repairs it. A second run finds nothing left to do.

    store: not opened yet. Raises `RepairImpossible`, `StoreUnavailable`, `BusUnavailable`.
    """
    await store.open(clock.now(), settings.first_epoch)
    try:
        async with _connections(settings, service) as clients:
            writers = {which: JetStreamLog(clients[f"{ACCOUNTS[which]}.relay"], settings.site, service, which)
                       for which in LOGS}  # fmt: skip
            asking = clients["asking"]
            await _make_missing(settings, service, clients, dry_run=dry_run)
            marks, unasked = await _marks(BusWitnesses(settings, service, lambda: asking), clock)

            async def elsewhere(which: Log, epoch: int, after: int) -> Sequence[Lost]:
                return await kept_elsewhere(asking, settings, service, which, epoch, after)

            async def remake(which: Log) -> None:
                await _remake(settings, service, clients, which)

            found = await examine(store, writers, marks, elsewhere)
            steps = _steps(found, store.origin.epoch)
            if unasked and any(log.condition == "empty" for log in found.logs.values()):
                steps.append(f"the empty log is filled once they can be asked: {unasked}")
            if not dry_run:
                found = await _again(
                    lambda: repair_origin(
                        store, writers, remake, lambda: first(store), ids, clock, marks, elsewhere
                    )
                )  # fmt: skip
            return Repaired(settings.site, service, store.origin.epoch, found, not dry_run, unasked, steps)
    finally:
        await store.close()


async def _again(work: Callable[[], Awaitable[Examined]]) -> Examined:
    """Once more when the service stored something meanwhile; it has halted, or soon will."""
    for _ in range(TRIES_MAX):
        try:
            return await work()
        except VersionConflict:
            continue
    raise RepairImpossible("the service goes on storing: stop it, and run this again")


async def _marks(witnesses: Witnesses, clock: Clock) -> tuple[list[Mark], str]:
    """What everybody says who has to be asked; after `ASK_SECONDS` what the rest says, and who does not answer."""
    until = clock.monotonic() + ASK_SECONDS
    while True:
        marks, unasked = list[Mark](), ""
        for which in LOGS:
            try:
                marks += await witnesses.marks(which)
            except Unanswered as nobody:
                unasked = unasked or str(nobody)
        if not unasked or clock.monotonic() >= until:
            return marks, unasked
        await clock.sleep(ASK_AGAIN_SECONDS)


def _steps(found: Examined, epoch: int) -> list[str]:
    """What will be done, in words."""
    if not found.forked and not found.remake:
        return []
    steps = []
    if found.forked:
        steps.append(f"begin epoch {epoch + 1} or later with everything others need to know of this origin")
        steps.append(f"put {len(found.lost)} lost rows on the worklist of the site")
    steps += [f"make the stream of the {which} log anew, empty; the relay fills it" for which in found.remake]
    return steps


@asynccontextmanager
async def _connections(settings: SiteSettings, service: str) -> AsyncIterator[dict[str, BusClient]]:
    """Each with the credential of its own purpose. Raises `RepairImpossible` when the site's bus does not answer."""
    users = {"asking": f"city.{service}"}
    for which in LOGS:
        account = ACCOUNTS[which]
        users[f"{account}.relay"] = f"{account.lower()}.{service}.relay"
        users[f"{account}.admin"] = f"{account.lower()}.admin"
    clients: dict[str, BusClient] = {}
    try:
        for name, user in users.items():
            if user not in settings.credentials:
                raise RepairImpossible(f"{service} of {settings.site} tells nothing: it has no credential {user}")
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    clients[name] = await connect_relay(settings.nats_options(user))
            except TimeoutError:
                raise RepairImpossible(f"the bus of {settings.site} does not answer at {settings.nats_url}") from None
        yield clients
    finally:
        for client in clients.values():
            await close_client(client)


async def _make_missing(settings: SiteSettings, service: str, clients: dict[str, BusClient], *, dry_run: bool) -> None:
    """A stream that is gone as a whole is made, empty: what it holds is looked at next."""
    for stream in logs_of(settings.site, [service]):
        admin = clients[f"{stream.account}.admin"]
        try:
            await ask(admin, f"$JS.API.STREAM.INFO.{stream.name}")
        except Refused as no:
            if no.code != STREAM_NOT_FOUND:
                raise BusUnavailable(f"{stream.name}: {no}") from None
            if dry_run:
                raise RepairImpossible(
                    f"{stream.name} is gone: the site's process makes it anew, or `plek streams apply`"
                ) from None
            await _create(admin, stream.name, stream.config)


async def _remake(settings: SiteSettings, service: str, clients: dict[str, BusClient], which: Log) -> None:
    for stream in logs_of(settings.site, [service]):
        if stream.account == ACCOUNTS[which]:
            admin = clients[f"{stream.account}.admin"]
            try:
                await ask(admin, f"$JS.API.STREAM.DELETE.{stream.name}")
            except Refused as no:
                if no.code != STREAM_NOT_FOUND:
                    raise BusUnavailable(f"{stream.name}: {no}") from None
            await _create(admin, stream.name, stream.config)


async def _create(admin: BusClient, name: str, config: Any) -> None:
    """Makes a stream; the site's process may have made the same one a moment before."""
    try:
        await ask(admin, f"$JS.API.STREAM.CREATE.{name}", msgspec.json.encode(dict(config)))
    except Refused as no:
        raise BusUnavailable(f"{name}: {no}") from None
