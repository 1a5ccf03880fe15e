"""The bus in memory: every site's streams, the hub's `CITY` that sources them, its mirrors, links that fail.

It keeps the promises of `shared/ports.py` (the conformance suite runs on it and on the real nats-server) and is the bus
of the simulation: it reads no clock and makes no random number of its own; with the same ones handed in it repeats
itself to the letter. Before and after each effect it awaits `io(what)`, where a simulation may pause a process, crash
it, or raise `BusUnavailable` (before the effect: it was lost; after it: the answer was).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from shared.bus import delivery
from shared.bus_connection import number_in
from shared.bus_consumer import FETCH_MAX
from shared.clock import Clock
from shared.envelope import Log, Message, bus_subject, stream_name, to_headers
from shared.ports import BusUnavailable, Delivery, LogMoved, SourceRemade, Tail, Wake

CITY = "CITY"
ATOMIC_MIN = 16
ATOMIC_MAX = 1_000

Io = Callable[[str], Awaitable[None]]
Heard = Callable[[str, bytes], None]


async def no_io(what: str) -> None:
    """Nothing happens around an effect."""


class Stored(NamedTuple):
    """A message as it lies on a stream, whatever it is; `read` is it as a reader sees it, at position 0. mark: what the
    next one may name it by."""

    subject: str
    headers: Mapping[str, str] | None
    data: bytes
    read: Delivery
    mark: str = ""

    @property
    def tail(self) -> tuple[str, int]:
        """Its id and epoch, as far as it has any."""
        return (self.headers or {}).get("ce-id", ""), number_in((self.headers or {}).get("ce-epoch", "")) or 0


class MemoryStream:
    """One stream in one incarnation. Position n is `messages[n - 1]`."""

    def __init__(self, name: str, incarnation: int) -> None:
        self.name = name
        self.incarnation = f"{name}#{incarnation}"
        self.messages: list[Stored] = []


@dataclass
class Flow:
    """Messages of one stream on their way into another, in order. `cursor`: how many of them have arrived.

    between: the sites the flow crosses; it stands still while one of their links is cut.
    """

    source: tuple[str, str]
    target: tuple[str, str]
    between: tuple[str, ...]
    cursor: int = 0

    @property
    def name(self) -> str:
        return f"{self.source[0]}/{self.source[1]} to {self.target[0]}/{self.target[1]}"


@dataclass
class Weather:
    """How the links behave while they are not cut.

    delay_seconds: the least and the most time a step over a link takes; drawn per step and flow, so that origins
    overtake each other, and never a message its predecessor. duplicate: the chance that a message arrives in `CITY`
    twice.
    """

    delay_seconds: tuple[float, float] = (0.0, 0.0)
    duplicate: float = 0.0


@dataclass
class MemoryBus:
    """The buses of a network. `run` carries messages between sites; without it they stay where they were published.

    hub: the site that keeps `CITY`. tellers: for every site, its services that tell the network or their own site.
    """

    hub: str
    tellers: Mapping[str, Sequence[str]]
    clock: Clock
    random: random.Random
    io: Io = no_io
    weather: Weather = field(default_factory=Weather)

    def __post_init__(self) -> None:
        self._wakes: dict[tuple[str, str], Wake] = {}
        self._made: dict[tuple[str, str], int] = {}
        self._streams: dict[tuple[str, str], MemoryStream] = {}
        self._cut: set[str] = set()
        self._down: set[str] = set()
        self._listeners: list[tuple[str, Heard]] = []
        self.flows: list[Flow] = []
        for site, services in sorted(self.tellers.items()):
            for service in services:
                for log in ("loc", "pub"):
                    self._make(site, stream_name(log, site, service))
                source, target = (site, stream_name("pub", site, service)), (self.hub, CITY)
                self.flows.append(Flow(source, target, () if site == self.hub else (site,)))
            self._make(site, CITY)
            if site != self.hub:
                self.flows.append(Flow((self.hub, CITY), (site, CITY), (site,)))

    # What happens to it

    def cut(self, site: str) -> None:
        """The link between a site and the hub is gone; inside the site all goes on."""
        self._cut.add(site)

    def heal(self, site: str) -> None:
        """The link is back; what waited begins to move."""
        self._cut.discard(site)
        self._wake_flows(site)

    def down(self, site: str) -> None:
        """The site's server is killed. What it acknowledged is on its disk."""
        self._down.add(site)
        self._wake_readers(site)

    def up(self, site: str) -> None:
        """The site's server is there again."""
        self._down.discard(site)
        self._wake_readers(site)
        self._wake_flows(site)

    def gathered(self, site: str) -> bool:
        """Whether all that a site has published for the network is in the hub's CITY."""
        flows = [flow for flow in self.flows if flow.source[0] == site and flow.source[1] != CITY]
        return all(flow.cursor >= len(self.stream(*flow.source).messages) for flow in flows)

    def drop_consumers(self, site: str) -> None:
        """The server forgets its readers; they have to find out and go on."""
        self._wake_readers(site)

    def remake(self, site: str, name: str) -> None:
        """A stream is deleted and made anew, empty. What flows into it starts again, and whatever sources it begins at
        its start, behind what it has of the old one.
        """
        self._make(site, name)
        for flow in self.flows:
            if (site, name) in (flow.target, flow.source):
                flow.cursor = 0
                self.wake(*flow.source).set()
        self.wake(site, name).set()

    def lose_end(self, count: int) -> None:
        """The hub's server crashed and comes back without the last messages of its CITY. It gathers them again, in
        whatever order; copies and readers that had them go on behind where they stood.
        """
        city = self.stream(self.hub, CITY).messages
        del city[max(0, len(city) - count) :]
        left = {id(stored) for stored in city}
        for flow in self.flows:
            if flow.target == (self.hub, CITY):
                sent = self.stream(*flow.source).messages[: flow.cursor]
                flow.cursor = max((n for n, stored in enumerate(sent, 1) if id(stored) in left), default=0)
                self.wake(*flow.source).set()
        self.wake(self.hub, CITY).set()

    def remake_city(self) -> None:
        """`CITY` is made anew at the hub and at every site, as after the loss of the hub's disk."""
        for site in sorted(self.tellers):
            self.remake(site, CITY)

    def put(
        self, site: str, name: str, subject: str, headers: Mapping[str, str] | None, data: bytes, mark: str = ""
    ) -> None:
        """Stores anything at all, as somebody with a relay's credential could."""
        read = delivery(0, subject, headers, data)
        self.stream(site, name).messages.append(Stored(subject, headers, data, read, mark))
        self.wake(site, name).set()

    # What services use

    def log(self, site: str, service: str, log: Log, io: Io | None = None) -> MemoryLog:
        """The log of one origin. io: awaited around the effects of this writer, `self.io` unless told."""
        return MemoryLog(self, site, service, log, io or self.io)

    def source(self, site: str, name: str, io: Io | None = None) -> MemorySource:
        """A stream of a site, to follow. io: awaited around deliveries to this reader, `self.io` unless told."""
        return MemorySource(self, site, name, io or self.io)

    def say(self, site: str, subject: str, data: bytes) -> None:
        """Core NATS: whoever can be reached hears it now, nobody else ever."""
        for listener, hear in self._listeners:
            if self.reachable(site, listener):
                hear(subject, data)

    def listen(self, site: str, hear: Heard) -> None:
        """`hear(subject, data)` is called with everything said that reaches the site, its own words too."""
        self._listeners.append((site, hear))

    def reachable(self, *sites: str) -> bool:
        """Whether these sites can talk to each other at this moment."""
        crossing = set(sites) - {self.hub} if len(set(sites)) > 1 else set()
        through = {self.hub} if crossing else set()
        return not crossing & self._cut and not (set(sites) | through) & self._down

    def stream(self, site: str, name: str) -> MemoryStream:
        return self._streams[(site, name)]

    def wake(self, site: str, name: str) -> Wake:
        """Wakes whoever waits for something to happen to a stream, in whatever incarnation, and nobody else: a network
        has dozens of streams, and most of what happens is about one of them."""
        return self._wakes.setdefault((site, name), Wake())

    def _wake_readers(self, site: str) -> None:
        for (where, _), wake in self._wakes.items():
            if where == site:
                wake.set()

    def _wake_flows(self, site: str) -> None:
        """What was held up on its way into a site or out of it goes on."""
        for flow in self.flows:
            if site in (flow.source[0], flow.target[0], *flow.between):
                self.wake(*flow.source).set()

    def check_up(self, site: str) -> None:
        if site in self._down:
            raise BusUnavailable(f"the server of {site} is down")

    def _make(self, site: str, name: str) -> None:
        made = self._made[(site, name)] = self._made.get((site, name), 0) + 1
        self._streams[(site, name)] = MemoryStream(name, made)

    # How messages travel

    async def run(self, flow: Flow) -> None:
        """Carries the messages of one flow until cancelled. A network needs one task for each of `flows`."""
        news = self.wake(*flow.source)
        while True:
            seen = news.count
            if not self._waiting(flow):
                await news.wait(seen)
                continue
            await self.clock.sleep(self.random.uniform(*self.weather.delay_seconds))
            await self.io(f"carry {flow.name}")
            # Anything may have happened meanwhile: the link cut, a stream made anew.
            if waiting := self._waiting(flow):
                self._carry(flow, self.random.randint(1, waiting))
                await self.io(f"carried {flow.name}")

    def carry_all(self) -> None:
        """Carries whatever can move, at once."""
        while any(waiting := [(flow, self._waiting(flow)) for flow in self.flows if self._waiting(flow)]):
            for flow, count in waiting:
                self._carry(flow, count)

    def _waiting(self, flow: Flow) -> int:
        if not self.reachable(flow.source[0], flow.target[0]):
            return 0
        return max(0, len(self._streams[flow.source].messages) - flow.cursor)

    def _carry(self, flow: Flow, count: int) -> None:
        target = self._streams[flow.target].messages
        for stored in self._streams[flow.source].messages[flow.cursor : flow.cursor + count]:
            target.append(stored)
            # Into a mirror nothing comes twice: its positions are the ones of what it mirrors.
            if flow.source[1] != CITY and self.random.random() < self.weather.duplicate:
                target.append(stored)
        flow.cursor += count
        self.wake(*flow.target).set()


class Marked(NamedTuple):
    """A message on its way: its mark, and the mark of the message it expects to be there; empty: any."""

    message: Message
    mark: str
    behind: str


class MemoryLog:
    """One log of one origin. It implements `shared.ports.LogWriter`."""

    _marks = 0

    def __init__(self, bus: MemoryBus, site: str, service: str, log: Log, io: Io) -> None:
        self._bus, self._site, self._io = bus, site, io
        self._name = stream_name(log, site, service)
        self._wire = asyncio.Lock()
        self._behind, self._lost, self._under_way = (0, ""), False, 0

    async def last(self) -> Tail | None:
        tail = await self._tail(None)
        if self._lost and not self._under_way:
            self._behind, self._lost = (0, ""), False
        return tail

    async def at(self, sequence: int) -> Tail | None:
        return await self._tail(sequence)

    async def _tail(self, sequence: int | None) -> Tail | None:
        await self._io(f"look at {self._name}")
        self._bus.check_up(self._site)
        messages = self._bus.stream(self._site, self._name).messages
        wanted = len(messages) if sequence is None else sequence
        found = Tail(wanted, *messages[wanted - 1].tail) if 1 <= wanted <= len(messages) else None
        await self._io(f"looked at {self._name}")
        return found

    async def message(self, sequence: int) -> Delivery | None:
        await self._io(f"look at {self._name}")
        self._bus.check_up(self._site)
        messages = self._bus.stream(self._site, self._name).messages
        if not 1 <= sequence <= len(messages):
            return None
        return msgspec.structs.replace(messages[sequence - 1].read, position=sequence)

    def publish(self, messages: Sequence[Message]) -> asyncio.Future[int]:
        """As the real one: few messages on the wire at once, each at its own sequence behind the one it names; many in
        batches that are there or not.
        """
        return asyncio.ensure_future(self._publish(messages))

    async def _publish(self, messages: Sequence[Message]) -> int:
        if self._lost:
            raise LogMoved(f"where {self._name} ends was not looked at since something went wrong")
        self._under_way += 1
        try:
            if len(messages) < ATOMIC_MIN:
                await self._publish_each(self._marked(messages))
            else:
                assert self._under_way == 1, "a batch names no message before it"
                for start in range(0, len(messages), ATOMIC_MAX):
                    await self._publish_atomically(messages[start : start + ATOMIC_MAX])
        except BaseException:
            self._lost = True
            raise
        finally:
            self._under_way -= 1
        return messages[-1].sequence

    def _marked(self, messages: Sequence[Message]) -> list[Marked]:
        marked = []
        for message in messages:
            sequence, mark = self._behind
            behind = mark if sequence == message.sequence - 1 else ""
            self._behind = (message.sequence, self._mark())
            marked.append(Marked(message, self._behind[1], behind))
        return marked

    def _mark(self) -> str:
        """Another one each time, and to nobody's eyes but the server's."""
        MemoryLog._marks += 1
        return str(MemoryLog._marks)

    async def _publish_each(self, batch: Sequence[Marked]) -> None:
        """The first trouble, once all of them have been sent: the rows behind it were on the wire already."""
        trouble: Exception | None = None
        async with self._wire:
            for message, mark, behind in batch:
                try:
                    await self._io(f"publish {self._name}")
                    self._bus.check_up(self._site)
                    self._put(message, mark, behind)
                except (BusUnavailable, LogMoved) as error:
                    trouble = trouble or error
        if trouble is not None:
            raise trouble
        await self._io(f"published {self._name}")

    async def _publish_atomically(self, batch: Sequence[Message]) -> None:
        await self._io(f"publish {self._name}")
        self._bus.check_up(self._site)
        if batch[0].sequence != len(self._messages) + 1:
            raise LogMoved(f"{self._name} is at {len(self._messages)}")
        for message in batch:
            self._behind = (message.sequence, self._mark())
            self._put(message, self._behind[1], "")
        await self._io(f"published {self._name}")

    def _put(self, message: Message, mark: str, behind: str) -> None:
        last = self._messages[-1].mark if self._messages else ""
        if message.sequence != len(self._messages) + 1 or behind not in ("", last):
            raise LogMoved(f"{self._name} is at {len(self._messages)}")
        self._bus.put(self._site, self._name, bus_subject(message), to_headers(message), message.data, mark)

    @property
    def _messages(self) -> list[Stored]:
        return self._bus.stream(self._site, self._name).messages


class MemorySource:
    """One stream of one site as a reader follows it. It implements `shared.ports.Source`."""

    def __init__(self, bus: MemoryBus, site: str, name: str, io: Io) -> None:
        self._bus, self._site, self._io, self.name = bus, site, io, name
        self._incarnation: str | None = None

    async def incarnation(self) -> str:
        await self._io(f"ask for {self.name}")
        self._bus.check_up(self._site)
        self._incarnation = self._bus.stream(self._site, self.name).incarnation
        return self._incarnation

    async def batches(self, after: int) -> AsyncGenerator[Sequence[Delivery], None]:
        position, news = after, self._bus.wake(self._site, self.name)
        while True:
            seen = news.count
            messages = self._checked(position).messages
            if len(messages) == position:
                await news.wait(seen)
                continue
            await self._io(f"deliver {self.name}")
            messages = self._checked(position).messages
            if len(messages) == position:
                continue  # the stream was put back meanwhile, to just here
            count = self._bus.random.randint(1, min(FETCH_MAX, len(messages) - position))
            yield [
                msgspec.structs.replace(stored.read, position=position + number)
                for number, stored in enumerate(messages[position : position + count], 1)
            ]
            position += count

    def _checked(self, position: int) -> MemoryStream:
        self._bus.check_up(self._site)
        stream = self._bus.stream(self._site, self.name)
        if self._incarnation is None:
            self._incarnation = stream.incarnation
        if stream.incarnation != self._incarnation:
            raise SourceRemade(self.name)
        if len(stream.messages) < position:
            raise BusUnavailable(f"{self.name} ends at {len(stream.messages)}, before {position}")
        return stream
