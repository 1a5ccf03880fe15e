"""Makes a source that stopped hearing its stream ask again soon.

nats-server 2.15 asks at once when a link comes back, unless a question asked while it was down is still waiting for its
answer: then 40 seconds pass. (Its durable sources ask again after 5, but lost messages in 1 of 10 cuts tried.) Taking a
source out of the stream and putting it back makes it ask now, for what follows the last message stored: nothing is lost
or doubled however often that is done.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from shared import metrics
from shared.bus_connection import close_client, connect_relay
from shared.roster import Roster
from shared.settings import SiteSettings
from shared.streams import (
    ACCOUNTS,
    CITY,
    ORIGINS,
    STREAM_NOT_FOUND,
    Account,
    Stream,
    difference,
    hub_city,
    hub_sources,
    logs_of,
    site_city,
    site_sources,
)

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

LOOK_SECONDS = 0.25
KNOCK_SECONDS = 0.5
"""How long a site may take to answer that its link is up; one that needs longer is asked for its stream by turns."""
SILENT_SECONDS = 2.5
"""A source that works is told something at least every second."""
BETWEEN_SECONDS_MIN = 1.5
"""A source is asked again out of turn no sooner than so long after it was asked last: a link that comes and goes would
have its streams' descriptions written at each coming."""
AGAIN_SECONDS_MIN = 2.0
AGAIN_SECONDS_MAX = 2.5
ANSWER_SECONDS = 2.0
LOGS_SECONDS = 1.0
"""How often a site's own logs are looked at."""
GONE_SECONDS = 2.0
"""So long a log has to be gone before it is made anew: a server that has just started may not know its streams yet."""
NANOSECONDS = 1_000_000_000

log = logging.getLogger("plek.sourcing")


@asynccontextmanager
async def keep_sources(settings: SiteSettings, roster: Roster, remake: asyncio.Event) -> AsyncIterator[None]:
    """Watch this site's streams meanwhile. One process of a site does; a second one does no harm.

    remake: set when this site's copy of CITY is to be taken from the hub anew.
    """

    async def keep(account: Account) -> None:
        try:
            client = await connect_relay(settings.nats_options(f"{account.lower()}.admin"))
        except Exception as error:
            log.error("nobody watches the streams of %s: %s", settings.site, type(error).__name__)
            return
        looks = [_again_and_again(LogKeeper(client, settings.site, settings.services, account).look, LOGS_SECONDS)]
        if account == "CITY":
            keeper = SourceKeeper(client, settings.site, settings.hub, settings.origins, lambda: roster.origins, remake)
            looks.append(keeper.run())
        tasks = [asyncio.ensure_future(look) for look in looks]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await close_client(client)

    tasks = [asyncio.create_task(keep(account)) for account in dict.fromkeys(ACCOUNTS.values())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def hand_over_remaking(settings: SiteSettings, remake: asyncio.Event) -> AsyncIterator[None]:
    """In a process of a site that does not watch its streams: when its copy of CITY is to be taken anew (`remake`), it
    is deleted, and whoever watches makes it.
    """
    task = asyncio.create_task(_delete_when_asked(settings, remake))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _delete_when_asked(settings: SiteSettings, remake: asyncio.Event) -> None:
    while True:
        await remake.wait()
        remake.clear()
        try:
            client = await connect_relay(settings.nats_options("city.admin"))
            try:
                await ask(client, "DELETE", CITY)
            finally:
                await close_client(client)
        except Exception as error:
            log.warning("CITY of %s could not be deleted: %s", settings.site, type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS_MIN)
            remake.set()


async def _again_and_again(look: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Looks for ever; a server that does not answer is asked again later."""
    import nats.errors

    while True:
        try:
            await look()
        except (nats.errors.Error, OSError, TimeoutError, ValueError, KeyError) as error:
            log.debug("streams do not answer: %s", type(error).__name__)
        await asyncio.sleep(seconds)


def keeper_subject(site: str) -> str:
    """Where the keeper of a site's CITY answers that the link to it is up. It says nothing else."""
    return f"ask.{site}.keeper.up"


async def _answer(question: Msg) -> None:
    if question.reply:
        await question.respond(b"")


async def ask(client: Client, verb: str, stream: str, body: Any = None) -> Mapping[str, Any]:
    """JetStream's answer, a refusal included (`error`). Raises what nats-py raises when nobody answers."""
    payload = b"" if body is None else json.dumps(body).encode()
    reply = await client.request(f"$JS.API.STREAM.{verb}.{stream}", payload, timeout=ANSWER_SECONDS)
    answer: Mapping[str, Any] = json.loads(reply.data)
    return answer


def gone(answer: Mapping[str, Any]) -> bool:
    """Whether an answer says that there is no such stream."""
    return (answer.get("error") or {}).get("err_code") == STREAM_NOT_FOUND


class LogKeeper:
    """Makes the streams of a site's own logs anew when they are gone; their relays fill them again.

    client: connected to the site's own server as administrator of `account`.
    """

    def __init__(self, client: Client, site: str, services: Sequence[str], account: Account) -> None:
        self._client, self._site = client, site
        self._streams: list[Stream] = [each for each in logs_of(site, services) if each.account == account]
        self._gone_since: dict[str, float] = {}
        for stream in self._streams:
            metrics.STREAMS_MADE_ANEW.labels(stream.name)  # there from the start: whoever counts needs a zero

    async def look(self) -> None:
        """One look at each stream."""
        now = asyncio.get_running_loop().time()
        for stream in self._streams:
            info = await ask(self._client, "INFO", stream.name)
            if gone(info) or "config" in info:
                metrics.STREAM_WRONG.labels(stream.name).set(difference(stream, info.get("config")) is not None)
            if not gone(info):
                self._gone_since.pop(stream.name, None)
            elif now - self._gone_since.setdefault(stream.name, now) >= GONE_SECONDS:
                log.warning("%s of %s is lost and is made anew", stream.name, self._site)
                answer = await ask(self._client, "CREATE", stream.name, dict(stream.config))
                if "error" in answer:
                    log.warning("%s is refused: %s", stream.name, answer["error"].get("description"))
                else:
                    metrics.STREAMS_MADE_ANEW.labels(stream.name).inc()


class SourceKeeper:
    """Watches the sources of one site's CITY.

    client: connected to the site's own server as `city.admin`. Run `run` as a task and cancel it to stop.
    origins: who tells the network as far as this process was told at its start (`site/service`); what stands in the
    hub's CITY itself is newer, as long as there is one. now: who tells it now; none where nobody says. remake: set when
    a copy is to be taken from the hub anew. monotonic: seconds.
    """

    def __init__(
        self, client: Client, site: str, hub: str, origins: Sequence[str] = (),
        now: Callable[[], Sequence[str]] = tuple, remake: asyncio.Event | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.client = client
        self.asked_again = 0
        """How often a source was made to ask again, since the start."""
        self._site = site
        self._hub = hub
        self._now, self._monotonic = now, monotonic
        self._remake = remake or asyncio.Event()
        self._metadata: dict[str, str] = {ORIGINS: " ".join(origins)} if origins else {}
        self._next: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._cut_off: set[str] = set()

    async def run(self) -> None:
        """Look at the sources for ever, and answer those who look at theirs."""
        subscription = await self.client.subscribe(keeper_subject(self._site), cb=_answer)
        try:
            await _again_and_again(self.look, LOOK_SECONDS)
        finally:
            with suppress(Exception):  # the connection may be gone
                await subscription.unsubscribe()

    async def look(self) -> None:
        """One look: sources that are missing are put back, silent ones made to ask again."""
        info = await self._ask("INFO")
        if self._remake.is_set() and self._site != self._hub and not gone(info):
            await self._ask("DELETE")
            info = await self._ask("INFO")
        self._remake.clear()
        if gone(info):
            await self._make_anew()
            return
        config = info.get("config")
        if not isinstance(config, dict):
            return
        if self._site == self._hub:
            config = self._told(config)
        wanted = self._wanted(config)
        there = {source["name"] for source in config.get("sources") or ()}
        if there != {source["name"] for source in wanted}:
            # A site came or went, or somebody was interrupted between taking out and putting back.
            await self._ask("UPDATE", config | {"sources": wanted})
            return
        await self._knock(info)
        for name in self._silent(info):
            rest = [source for source in wanted if source["name"] != name]
            await self._ask("UPDATE", config | {"sources": rest})
            await self._ask("UPDATE", config | {"sources": wanted})
            self.asked_again += 1

    async def _make_anew(self) -> None:
        """CITY is a copy. A server that is killed while it writes a stream's description forgets the stream, and this
        keeper has it written each time a source is made to ask again. What is made anew fills from its sources, and
        whoever follows it begins anew behind its own checkpoints.
        """
        if self._site != self._hub:
            config = site_city(self._hub, self._site)
        elif metadata := self._told({"metadata": self._metadata})["metadata"]:
            config = hub_city(self._hub, metadata)
        else:
            return  # who tells the network is not known here yet: `plek streams apply` says so
        log.warning("CITY of %s is lost and is made anew", self._site)
        await self._ask("CREATE", config)

    def _told(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The hub's CITY with the origins it has to gather. Whoever changes a stream's sources and its list of them
        from an older one of either puts back what was: this keeper sees to it within a second.
        """
        if origins := self._now():
            self._metadata = {ORIGINS: " ".join(origins)}
        elif (config.get("metadata") or {}).get(ORIGINS):
            self._metadata = dict(config["metadata"])
        return {**config, "metadata": {**(config.get("metadata") or {}), **self._metadata}}

    def _wanted(self, config: Mapping[str, Any]) -> list[dict[str, Any]]:
        if self._site == self._hub:
            return hub_sources(self._hub, config.get("metadata") or {})
        return site_sources(self._hub, self._site)

    async def _knock(self, info: Mapping[str, Any]) -> None:
        """Sees which sites behind silent sources can be reached. It is the turn at once of one that could not be and
        now can: its link is up again. One that was asked just now waits until `BETWEEN_SECONDS_MIN` are over.
        """
        behind = {
            source["name"]: source["external"]["api"].split(".")[1]
            for source in info.get("sources") or ()
            if "external" in source and source["name"] in self._next
        }
        sites = sorted(set(behind.values()))
        there = dict(zip(sites, await asyncio.gather(*map(self._is_there, sites)), strict=True))
        for name, site in behind.items():
            if there[site] and site in self._cut_off:
                self._next[name] = min(self._next[name], self._last[name] + BETWEEN_SECONDS_MIN)
        self._cut_off = {site for site in sites if not there[site]}

    async def _is_there(self, site: str) -> bool:
        import nats.errors

        try:
            await self.client.request(keeper_subject(site), b"", timeout=KNOCK_SECONDS)
        except (nats.errors.Error, TimeoutError):
            return False
        return True

    def _silent(self, info: Mapping[str, Any]) -> list[str]:
        """The sources over the link that have been silent for too long and whose turn it is, with growing pauses."""
        now = self._monotonic()
        silent = []
        for source in info.get("sources") or ():
            name, active = source["name"], source.get("active", -1)
            if "external" not in source:
                continue
            if 0 <= active < SILENT_SECONDS * NANOSECONDS:
                self._pauses.pop(name, None)
                self._next.pop(name, None)
            elif now >= self._next.setdefault(
                name, max(now, self._last.get(name, -BETWEEN_SECONDS_MIN) + BETWEEN_SECONDS_MIN)
            ):
                pause = self._pauses.get(name, AGAIN_SECONDS_MIN)
                self._last[name], self._next[name] = now, now + pause
                self._pauses[name] = min(pause * 1.25, AGAIN_SECONDS_MAX)
                silent.append(name)
        return silent

    async def _ask(self, verb: str, config: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        answer = await ask(self.client, verb, CITY, config)
        if "error" in answer and not gone(answer):
            log.warning("CITY of %s refuses %s: %s", self._site, verb, answer["error"].get("description"))
        return answer
