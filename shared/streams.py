"""Every stream, source, mirror and consumer of the network, declared once and applied by one command.

A site keeps one stream per service and log: `PUB_<site>_<service>` (account CITY, told to the network) and
`LOC_<site>_<service>` (account LOCAL, never leaves the site). The hub's `CITY` sources every PUB stream; every other
site mirrors `CITY`. Both use consumers made beforehand (durable), so that they resume at once after a cut.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
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
# Which service tells which logs. A service that is not here has no stream, and no user that could publish on one.
TELLS: Mapping[str, tuple[Log, ...]] = {"placement": ("pub", "loc"), "console": ()}
ACCOUNTS: Mapping[Log, Account] = {"pub": "CITY", "loc": "LOCAL"}
DUPLICATE_WINDOW_SECONDS = 120
STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
NANOSECONDS = 1_000_000_000
SERVERS_AT_ONCE = 16


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


def source_subject(site: str, service: str) -> str:
    """Where a site's PUB stream is delivered to the hub."""
    return f"src.{site}.{service}.hub"


def mirror_subject(site: str) -> str:
    """Where the hub's CITY stream is delivered to a site."""
    return f"mir.{site}"


def mirror_consumer(site: str) -> str:
    """The consumer at the hub from which a site's mirror reads."""
    return f"MIR_{site}"


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


@dataclass(frozen=True)
class Consumer:
    """A durable consumer made beforehand for a source or a mirror."""

    site: str
    account: Account
    stream: str
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The consumer's name within its stream."""
        return str(self.config["name"])


def declared(topology: Topology) -> list[Stream | Consumer]:
    """Everything the network needs."""
    return [part for phase in phases(topology) for part in phase]


def phases(topology: Topology) -> list[list[Stream | Consumer]]:
    """Everything the network needs, ordered so that every source and mirror finds its consumer at the first try."""
    others = [site for site in topology.sites if site != topology.hub]
    logs = [part for site in topology.sites for part in _logs_of(topology, site)]
    city: list[Stream | Consumer] = [_city(topology)]
    city += [
        Consumer(topology.hub, "CITY", CITY, _delivery(mirror_consumer(site), mirror_subject(site))) for site in others
    ]
    return [logs, city, [_city_mirror(topology.hub, site) for site in others]]


def _logs_of(topology: Topology, site: str) -> list[Stream | Consumer]:
    parts: list[Stream | Consumer] = []
    for log in ACCOUNTS:
        for service in topology.tellers(site, log):
            name = stream_name(site, service, log)
            logged = {
                "subjects": [log_subject(site, service, log, ">")],
                "duplicate_window": DUPLICATE_WINDOW_SECONDS * NANOSECONDS,
                "allow_atomic": True,
            }
            parts.append(Stream(site, ACCOUNTS[log], _kept(name) | logged))
            if log == "pub":
                parts.append(Consumer(site, "CITY", name, _delivery("HUB", source_subject(site, service))))
    return parts


def _city(topology: Topology) -> Stream:
    sources = []
    for site in topology.sites:
        for service in topology.tellers(site, "pub"):
            source: dict[str, Any] = {
                "name": stream_name(site, service, "pub"),
                "consumer": {"name": "HUB", "deliver_subject": source_subject(site, service)},
            }
            if site != topology.hub:
                source["external"] = {"api": f"$JS.{site}.API", "deliver": ""}
            sources.append(source)
    return Stream(topology.hub, "CITY", _kept(CITY) | {"sources": sources})


def _city_mirror(hub: str, site: str) -> Stream:
    mirror = {
        "name": CITY,
        "consumer": {"name": mirror_consumer(site), "deliver_subject": mirror_subject(site)},
        "external": {"api": f"$JS.{hub}.API", "deliver": ""},
    }
    return Stream(site, "CITY", _kept(CITY) | {"mirror": mirror})


def _kept(name: str) -> dict[str, Any]:
    return {"name": name, "storage": "file", "num_replicas": 1, "deny_delete": True, "deny_purge": True}


def _delivery(name: str, subject: str) -> dict[str, Any]:
    return {
        "name": name,
        "durable_name": name,
        "deliver_subject": subject,
        "ack_policy": "flow_control",
        "flow_control": True,
        "idle_heartbeat": NANOSECONDS,
        "deliver_policy": "all",
        "max_deliver": -1,
    }


@dataclass(frozen=True)
class Admin:
    """How to reach one site's server as the administrator of one account."""

    url: str
    seed: Path


Admins = Mapping[tuple[str, Account], Admin]


async def apply(topology: Topology, admins: Admins, *, deadline_seconds: float = 30.0) -> list[str]:
    """Make every stream and consumer of the network as declared; a second run changes nothing.

    Waits for servers that do not answer yet; what the others need is made meanwhile. Returns one line per thing made
    or changed. Raises `StreamsError` naming every site that did not answer within `deadline_seconds`, or whose streams
    cannot be changed into what is declared.
    """
    deadline = time.monotonic() + deadline_seconds
    done: list[str] = []
    troubles: dict[str, None] = {}
    at_once = asyncio.Semaphore(SERVERS_AT_ONCE)

    async def make(site: str, account: Account, parts: Sequence[Stream | Consumer]) -> None:
        try:
            async with at_once, _connected(site, account, admins[site, account], deadline) as client:
                lines = [await _ensure(client, part, deadline) for part in parts]
                done.extend(line for line in lines if line)
        except StreamsError as error:
            troubles[str(error)] = None

    for phase in phases(topology):
        servers: dict[tuple[str, Account], list[Stream | Consumer]] = {}
        for part in phase:
            servers.setdefault((part.site, part.account), []).append(part)
        await asyncio.gather(*(make(site, account, parts) for (site, account), parts in servers.items()))
    if troubles:
        raise StreamsError("; ".join(troubles))
    return done


@asynccontextmanager
async def _connected(site: str, account: Account, admin: Admin, deadline: float) -> AsyncIterator[Client]:
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


async def _ensure(client: Client, part: Stream | Consumer, deadline: float) -> str | None:
    """Create or update one part; None when it was right already."""
    kind = "stream" if isinstance(part, Stream) else "consumer"
    there = await _info(client, part, deadline)
    if there is None:
        await _ask(client, _subject(part, "CREATE"), _body(part, "create"), part, deadline)
        return f"{part.site}: {kind} {part.name} made"
    if _differs(part.config, there):
        verb = "UPDATE" if isinstance(part, Stream) else "CREATE"
        await _ask(client, _subject(part, verb), _body(part, "update"), part, deadline)
        return f"{part.site}: {kind} {part.name} changed"
    return None


async def _info(client: Client, part: Stream | Consumer, deadline: float) -> Mapping[str, Any] | None:
    answer = await _ask(client, _subject(part, "INFO"), b"", part, deadline, absent_is_fine=True)
    config = answer.get("config")
    return config if isinstance(config, dict) else None


async def _ask(
    client: Client, subject: str, body: bytes, part: Stream | Consumer, deadline: float, *, absent_is_fine: bool = False
) -> Mapping[str, Any]:
    import nats.errors

    while True:
        try:
            reply = await client.request(subject, body, timeout=2)
        except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
            # JetStream answers a moment after the server does, and not at all while the server restarts.
            if time.monotonic() > deadline:
                raise StreamsError(f"JetStream of {part.site} does not answer for {part.name}") from None
            await asyncio.sleep(0.05)
            continue
        answer: Mapping[str, Any] = json.loads(reply.data)
        if "error" not in answer:
            return answer
        if absent_is_fine and answer["error"].get("err_code") in (STREAM_NOT_FOUND, CONSUMER_NOT_FOUND):
            return {}
        raise StreamsError(f"{part.site}: {part.name} is refused: {answer['error'].get('description')}")


def _subject(part: Stream | Consumer, verb: str) -> str:
    if isinstance(part, Stream):
        return f"$JS.API.STREAM.{verb}.{part.name}"
    return f"$JS.API.CONSUMER.{verb}.{part.stream}.{part.name}"


def _body(part: Stream | Consumer, action: str) -> bytes:
    if isinstance(part, Stream):
        return json.dumps(part.config).encode()
    return json.dumps({"stream_name": part.stream, "action": action, "config": part.config}).encode()


def _differs(wanted: Any, there: Any) -> bool:
    """Whether anything declared is otherwise at the server, which adds fields of its own."""
    if isinstance(wanted, Mapping):
        return not isinstance(there, Mapping) or any(_differs(value, there.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        return not isinstance(there, list) or len(wanted) != len(there) or any(map(_differs, wanted, there))
    return bool(wanted != there) and not (wanted in ("", False, None) and there in ("", False, None))
