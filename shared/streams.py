"""Every stream and source of the network, declared once and applied by one command.

A site keeps one stream per service and log: `PUB_<site>_<service>` (account CITY, told to the network) and
`LOC_<site>_<service>` (account LOCAL, never leaves the site). The hub's `CITY` sources every PUB stream; every other
site's `CITY` sources the hub's. A source asks for what comes after the last message it stored, so a cut, a crash or a
restart loses nothing; `shared/sourcing.py` makes it ask again soon.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from shared.settings import inbox_prefix

if TYPE_CHECKING:
    from nats.aio.client import Client

Log = Literal["pub", "loc"]
Account = Literal["CITY", "LOCAL"]

CITY = "CITY"
ORIGINS = "plek-origins"
"""Key of the hub's CITY's metadata: every origin it sources, as `site/service`, separated by blanks."""
# Which service tells which logs. A service that is not here has no stream, and no user that could publish on one.
TELLS: Mapping[str, tuple[Log, ...]] = {
    "intake": ("pub", "loc"),
    "placement": ("pub", "loc"),
    "allowance": ("pub", "loc"),
    "notifications": (),
    "console": (),
}
ACCOUNTS: Mapping[Log, Account] = {"pub": "CITY", "loc": "LOCAL"}
DUPLICATE_WINDOW_SECONDS = 120
STREAM_NOT_FOUND = 10059
NANOSECONDS = 1_000_000_000
SERVERS_AT_ONCE = 16
UNCHANGEABLE = ("persist_mode",)
"""What the server does not change in a stream that is there. Only copies declare any of it: they are made anew."""


class StreamsError(Exception):
    """The network's streams are not as declared and could not be made so; one line, meant for a person."""


@dataclass(frozen=True)
class Topology:
    """Which services run at which site, and which site is the hub."""

    hub: str
    services: Mapping[str, Sequence[str]]

    @property
    def sites(self) -> list[str]:
        """Every site, the hub first."""
        return [self.hub, *sorted(site for site in self.services if site != self.hub)]

    def tellers(self, site: str, log: Log) -> list[str]:
        """The services at `site` that tell `log`."""
        return sorted(service for service in self.services[site] if log in TELLS.get(service, ()))

    @property
    def origins(self) -> list[str]:
        """Who tells the network, as `site/service`."""
        return [f"{site}/{service}" for site in self.sites for service in self.tellers(site, "pub")]


def stream_name(site: str, service: str, log: Log) -> str:
    """The stream that holds one origin's log."""
    return f"{log.upper()}_{site}_{service}"


def log_subject(site: str, service: str, log: Log, event: str) -> str:
    """Where an event (its kebab-case name, or `>` for all) of one origin's log is published."""
    return f"plek.{site}.{log}.{service}.{event}"


def beat_subject(site: str, service: str) -> str:
    """Where a service tells every site that it is alive and how far its logs reach; core NATS, never stored."""
    return f"beat.{site}.{service}"


def ask_subject(site: str, service: str, question: str) -> str:
    """Where a question to one service of one site is asked; the answer comes to the asker's inbox."""
    return f"ask.{site}.{service}.{question}"


def source_prefix(site: str, service: str) -> str:
    """Under which subjects a site's PUB stream is delivered to the hub."""
    return f"src.{site}.{service}"


def city_prefix(site: str) -> str:
    """Under which subjects the hub's CITY is delivered to a site."""
    return f"mir.{site}"


@dataclass(frozen=True)
class Stream:
    """A stream as the server's API takes it, and whose server and account it belongs to."""

    site: str
    account: Account
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The stream's name at its server."""
        return str(self.config["name"])


def declared(topology: Topology) -> list[Stream]:
    """Everything the network needs."""
    return [stream for phase in phases(topology) for stream in phase]


def phases(topology: Topology) -> list[list[Stream]]:
    """Everything the network needs, ordered so that every source finds its stream at the first try."""
    logs = [stream for site in topology.sites for stream in logs_of(site, topology.services[site])]
    others = [site for site in topology.sites if site != topology.hub]
    return [logs, [_city(topology)], [_copy_of_city(topology.hub, site) for site in others]]


def logs_of(site: str, services: Sequence[str]) -> list[Stream]:
    """The streams of the logs that these services of a site tell."""
    streams = []
    for log, account in ACCOUNTS.items():
        for service in sorted(name for name in services if log in TELLS.get(name, ())):
            config = _kept(stream_name(site, service, log)) | {
                "subjects": [log_subject(site, service, log, ">")],
                "duplicate_window": DUPLICATE_WINDOW_SECONDS * NANOSECONDS,
                "allow_atomic": True,
            }
            streams.append(Stream(site, account, config))
    return streams


def _city(topology: Topology) -> Stream:
    told = {ORIGINS: " ".join(topology.origins)}
    return Stream(topology.hub, "CITY", hub_city(topology.hub, told))


def hub_city(hub: str, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The hub's CITY as it is declared for the origins its metadata names. It is not synced: what a crash takes off its
    end is gathered again, perhaps in another order, and whoever lacks something by that finds it out (`lacking.py`).
    """
    told = {ORIGINS: metadata.get(ORIGINS, "")}
    return _gathered(hub_sources(hub, told)) | {"metadata": told, "persist_mode": "async"}


def site_city(hub: str, site: str) -> dict[str, Any]:
    """Every other site's CITY as it is declared. It is not synced: what a crash takes from its end comes again from the
    hub, in the same order, and readers wait until it has (`docs/decisions/0014-a-copy-is-not-synced.md`).
    """
    return _gathered(site_sources(hub, site)) | {"persist_mode": "async"}


def hub_sources(hub: str, metadata: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the hub's CITY must source, out of the stream's own metadata: whoever mends it needs no network file."""
    sources = []
    for origin in metadata.get(ORIGINS, "").split():
        site, _, service = origin.partition("/")
        source: dict[str, Any] = {"name": stream_name(site, service, "pub")}
        if site != hub:
            source["external"] = {"api": f"$JS.{site}.API", "deliver": source_prefix(site, service)}
        sources.append(source)
    return sources


def site_sources(hub: str, site: str) -> list[dict[str, Any]]:
    """What every other site's CITY must source: the hub's. Not a mirror, whose source cannot be made to ask again."""
    return [{"name": CITY, "external": {"api": f"$JS.{hub}.API", "deliver": city_prefix(site)}}]


def _copy_of_city(hub: str, site: str) -> Stream:
    return Stream(site, "CITY", site_city(hub, site))


def _gathered(sources: list[dict[str, Any]]) -> dict[str, Any]:
    # The shortest the server takes: what is sourced comes once, and the server drops a message of one origin for a
    # message id of another's; that of an honest message is random (`JetStreamLog`).
    return _kept(CITY) | {"sources": sources, "duplicate_window": NANOSECONDS // 10}


def _kept(name: str) -> dict[str, Any]:
    return {"name": name, "storage": "file", "num_replicas": 1, "deny_delete": True, "deny_purge": True}


@dataclass(frozen=True)
class Admin:
    """How to reach one site's server as the administrator of one account."""

    url: str
    seed: Path


Admins = Mapping[tuple[str, Account], Admin]


async def apply(
    topology: Topology, admins: Admins, *, deadline_seconds: float = 30.0, only: Collection[str] | None = None
) -> list[str]:
    """Make every stream of the network as declared; a second run changes nothing. only: those of these sites.

    Waits for servers that do not answer yet; what the others need is made meanwhile. Returns one line per thing made
    or changed. Raises `StreamsError` naming every site that did not answer within `deadline_seconds`, or whose streams
    cannot be changed into what is declared.
    """
    deadline = time.monotonic() + deadline_seconds
    done: list[str] = []
    troubles: dict[str, None] = {}
    at_once = asyncio.Semaphore(SERVERS_AT_ONCE)

    async def make(site: str, account: Account, parts: Sequence[Stream]) -> None:
        try:
            async with at_once, connected(site, account, admins[site, account], deadline) as client:
                lines = [await _ensure(client, part, deadline) for part in parts]
                done.extend(line for line in lines if line)
        except StreamsError as error:
            troubles[str(error)] = None

    for phase in phases(topology):
        servers: dict[tuple[str, Account], list[Stream]] = {}
        for part in phase:
            if only is None or part.site in only:
                servers.setdefault((part.site, part.account), []).append(part)
        await asyncio.gather(*(make(site, account, parts) for (site, account), parts in servers.items()))
    if troubles:
        raise StreamsError("; ".join(troubles))
    return done


async def compare(topology: Topology, admins: Admins, *, deadline_seconds: float = 10.0) -> list[str]:
    """What is not as declared, one line each; nothing is changed. A server that does not answer is a line too."""
    deadline = time.monotonic() + deadline_seconds
    found: list[str] = []
    servers: dict[tuple[str, Account], list[Stream]] = {}
    for stream in declared(topology):
        servers.setdefault((stream.site, stream.account), []).append(stream)

    async def look(site: str, account: Account, streams: Sequence[Stream]) -> None:
        try:
            async with connected(site, account, admins[site, account], deadline) as client:
                for stream in streams:
                    there = (await _ask(client, "INFO", stream, deadline, absent_is_fine=True)).get("config")
                    if line := difference(stream, there):
                        found.append(line)
        except StreamsError as error:
            found.append(str(error))

    await asyncio.gather(*(look(site, account, streams) for (site, account), streams in servers.items()))
    return sorted(set(found))


def difference(stream: Stream, there: Mapping[str, Any] | None) -> str | None:
    """How a stream differs from what is declared, in one line; None when it does not. there: its configuration."""
    if there is None:
        return f"{stream.site}: stream {stream.name} is lost"
    return f"{stream.site}: stream {stream.name} is not as declared" if _differs(stream.config, there) else None


@asynccontextmanager
async def connected(site: str, account: Account, admin: Admin, deadline: float) -> AsyncIterator[Client]:
    """A connection as the administrator of one account. Raises `StreamsError` when there is none by the deadline."""
    import nats
    import nats.errors

    async def quiet(_: Exception) -> None:
        """A refused attempt is tried again below; the deadline speaks for all of them."""

    user = f"{account.lower()}.admin"
    while True:
        try:
            client = await nats.connect(
                admin.url,
                nkeys_seed=str(admin.seed),
                inbox_prefix=inbox_prefix(site, user),
                name=f"{site}.{user}",
                error_cb=quiet,
                connect_timeout=2,
                allow_reconnect=False,
                # Without these one attempt lasts two minutes: the library tries again by itself, sixty times.
                max_reconnect_attempts=1,
                reconnect_time_wait=0.02,
            )
            break
        except (OSError, TimeoutError, nats.errors.Error) as error:
            if time.monotonic() > deadline:
                raise StreamsError(
                    f"the bus of {site} does not answer at {admin.url} ({type(error).__name__})"
                ) from None
            await asyncio.sleep(0.05)
    try:
        yield client
    finally:
        await client.close()


async def _ensure(client: Client, stream: Stream, deadline: float) -> str | None:
    """Create or update one stream; None when it was right already."""
    there = (await _ask(client, "INFO", stream, deadline, absent_is_fine=True)).get("config")
    if there is None:
        await _ask(client, "CREATE", stream, deadline)
        return f"{stream.site}: stream {stream.name} made"
    if any(_differs(stream.config.get(name), there.get(name)) for name in UNCHANGEABLE if name in stream.config):
        await _ask(client, "DELETE", stream, deadline)
        await _ask(client, "CREATE", stream, deadline)
        return f"{stream.site}: stream {stream.name} made anew"
    if _differs(stream.config, there):
        await _ask(client, "UPDATE", stream, deadline)
        return f"{stream.site}: stream {stream.name} changed"
    return None


async def _ask(
    client: Client, verb: str, stream: Stream, deadline: float, *, absent_is_fine: bool = False
) -> Mapping[str, Any]:
    import nats.errors

    body = b"" if verb in ("INFO", "DELETE") else json.dumps(stream.config).encode()
    while True:
        try:
            reply = await client.request(f"$JS.API.STREAM.{verb}.{stream.name}", body, timeout=2)
        except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
            # JetStream answers a moment after the server does, and not at all while the server restarts.
            if time.monotonic() > deadline:
                raise StreamsError(f"JetStream of {stream.site} does not answer for {stream.name}") from None
            await asyncio.sleep(0.05)
            continue
        answer: Mapping[str, Any] = json.loads(reply.data)
        if "error" not in answer:
            return answer
        if absent_is_fine and answer["error"].get("err_code") == STREAM_NOT_FOUND:
            return {}
        raise StreamsError(f"{stream.site}: {stream.name} is refused: {answer['error'].get('description')}")


def _differs(wanted: Any, there: Any) -> bool:
    """Whether anything declared is otherwise at the server, which adds fields of its own."""
    if isinstance(wanted, Mapping):
        return not isinstance(there, Mapping) or any(_differs(value, there.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        return not isinstance(there, list) or len(wanted) != len(there) or any(map(_differs, wanted, there))
    return bool(wanted != there) and not (wanted in ("", False, None) and there in ("", False, None))
