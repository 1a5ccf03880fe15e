"""Signs of life: every service tells every site, every few seconds, that it is there and how far its logs reach.

Beats are core NATS messages, never stored. What they prove is silence: a view knows from them what it has not seen
(`Links.told`) and for how long nobody has spoken (`Links.link`), measured on this process's own monotonic clock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import nats.errors
from faststream.nats import NatsMessage
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.bus_connection import Broker
from shared.clock import Clock
from shared.envelope import Log, Origin
from shared.ports import StoreUnavailable

BEAT_SECONDS = 5.0
LIVE_SECONDS = 15.0
LATE_SECONDS = 300.0
BEAT_BYTES_MAX = 1024
SERVICES_MAX = 16
"""Services one site may speak for; a beat of one more is refused."""
HEARD_SCHEMA = "HeardBeat"
"""What FastStream calls the payload of the beats it hears; `shared.asyncapi` puts the schema of `Beat` in its place."""

LinkState = Literal["live", "late", "silent", "unknown"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Sequence = Annotated[int, Field(ge=0, lt=10**18)]

log = logging.getLogger("plek.beats")


class Beat(BaseModel):
    """One service's sign of life.

    sequences: the last sequence in this epoch of the log the network hears; 0 when nothing was told yet. A reader takes
    other logs, too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    site: Name
    service: Name
    epoch: Annotated[int, Field(ge=1, lt=10**9)]
    sequences: dict[Log, Sequence]

    @classmethod
    def of(cls, origin: Origin, sequences: Mapping[Log, int]) -> Beat:
        """The beat of an origin whose logs end at these sequences."""
        return cls(site=origin.site, service=origin.service, epoch=origin.epoch, sequences=dict(sequences))


def beat_subject(site: str, service: str) -> str:
    """Where a service beats. Only its own credential may publish there."""
    return f"beat.{site}.{service}"


def read_beat(subject: str, data: bytes) -> Beat | None:
    """The beat in a message, or None when it is none, or speaks for another than its subject does."""
    if len(data) > BEAT_BYTES_MAX:
        return None
    try:
        beat = Beat.model_validate_json(data)
    except ValidationError:
        return None
    return beat if subject == beat_subject(beat.site, beat.service) else None


@dataclass(frozen=True)
class Link:
    """How well a site can be heard. silent_seconds: since its last beat; None when it was never heard."""

    state: LinkState
    silent_seconds: float | None


@dataclass
class _Heard:
    at: float
    epoch: int
    sequences: dict[Log, int]


@dataclass
class Links:
    """What this process has heard of every site since it started. Bookkeeping only: no clock, no network.

    site: this site. sites: every site of the network; beats of others are refused. refused: beats that were ignored.
    """

    site: str
    sites: Collection[str]
    refused: int = 0
    _heard: dict[str, dict[str, _Heard]] = field(default_factory=dict)

    def hear(self, subject: str, data: bytes, monotonic: float) -> None:
        """Takes note of a message on `beat.>`; what is malformed, lying or of a strange site is counted and ignored."""
        beat = read_beat(subject, data)
        if beat is None:
            self.refused += 1
        else:
            self.heard(beat, monotonic)

    def heard(self, beat: Beat, monotonic: float) -> None:
        """Takes note of a beat. monotonic: this process's clock, in seconds."""
        services = self._heard.setdefault(beat.site, {}) if beat.site in self.sites else None
        if services is None or (beat.service not in services and len(services) >= SERVICES_MAX):
            self.refused += 1
            return
        known = services.get(beat.service)
        if known is None or beat.epoch > known.epoch:
            services[beat.service] = _Heard(monotonic, beat.epoch, dict(beat.sequences))
            return
        known.at = max(known.at, monotonic)
        if beat.epoch == known.epoch:
            # Beats may overtake each other; what was told stays told.
            for name, sequence in beat.sequences.items():
                known.sequences[name] = max(sequence, known.sequences.get(name, 0))

    def link(self, site: str, monotonic: float, service: str | None = None) -> Link:
        """How well `site` (or one service of it) can be heard at this moment of this process's clock."""
        if site == self.site:
            return Link("live", 0.0)
        services = self._heard.get(site, {})
        times = [heard.at for name, heard in services.items() if service in (None, name)]
        if not times:
            return Link("unknown", None)
        silent = max(0.0, monotonic - max(times))
        return Link("live" if silent < LIVE_SECONDS else "late" if silent < LATE_SECONDS else "silent", silent)

    def told(self, origin: Origin, log: Log = "pub") -> int:
        """The last sequence this origin is known to have told, 0 when nothing was heard of this epoch of it."""
        heard = self._heard.get(origin.site, {}).get(origin.service)
        if heard is None or heard.epoch != origin.epoch:
            return 0
        return heard.sequences.get(log, 0)

    def origins(self, log: Log = "pub") -> list[Origin]:
        """Every origin of the network's sites heard that tells this log, in its latest epoch."""
        return sorted(
            Origin(site, service, heard.epoch)
            for site, services in self._heard.items()
            if site in self.sites
            for service, heard in services.items()
            if log in heard.sequences
        )


class Beats:
    """Sends one service's beats and hears everybody's. Declare it between `connect_broker` and `broker.start()`.

    own: makes the next beat. What it raises is logged and the beat left out: a service that cannot read its own store
    has nothing to say.
    """

    def __init__(
        self,
        broker: Broker,
        links: Links,
        service: str,
        own: Callable[[], Awaitable[Beat]],
        clock: Clock,
        every_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._broker, self._own, self._clock, self._every_seconds = broker, own, clock, every_seconds
        self._publisher = broker.publisher(
            beat_subject(links.site, service),
            schema=Beat,
            title=f"beat.{links.site}.{service}",
            description="A sign of life of this service, and how far its logs reach. Never stored.",
        )

        async def raw(message: NatsMessage) -> tuple[str, bytes]:
            """Beats are read by `read_beat`, which refuses quietly; FastStream would log a stack trace for each."""
            # Who may ask for CITY can have its messages delivered here, always with a reply subject; a beat has none.
            heard = message.raw_message
            return heard.subject, b"" if heard.reply else message.body

        async def hear(beat: Annotated[tuple[str, bytes], Field(title=HEARD_SCHEMA)]) -> None:
            links.hear(*beat, clock.monotonic())

        broker.subscriber(
            "beat.>",
            decoder=raw,
            no_reply=True,
            title="beats",
            description="Signs of life of every service of every site.",
        )(hear)

    async def run(self) -> None:
        """Beats until cancelled; nothing stops it, and it waits for nobody."""
        while True:
            try:
                async with asyncio.timeout(self._every_seconds):
                    beat = await self._own()
                    # Without a server nats-py would keep beats and send them late: a sign of life of the past is a lie.
                    if self._broker.connected:
                        await self._publisher.publish(beat)
            except (nats.errors.Error, StoreUnavailable, OSError) as error:
                log.warning("no beat this time: %s", type(error).__name__)
            except Exception:
                log.exception("no beat this time")
            await self._clock.sleep(self._every_seconds)
