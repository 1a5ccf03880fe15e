"""What a service can say of its own private events when somebody asks how something came about.

It says what happened, when, by which role and because of what; never what an event holds. Events of somebody's file are
withheld, unless whoever asks may see into it, and then it is written down first who did and why.

No index is kept for this: it would cost every append. Ids of events and commands are ordered by time, and so are
positions; a search by halves finds where an id has to be, and what is near it is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from shared import schema
from shared.aggregate import Aggregate
from shared.archive_sql import (
    Near,
    Outcome,
    Pool,
    by_meta,
    cut_with,
    mentioned,
    near_ids,
    neighbours,
    outcomes,
    told_with,
)
from shared.causes import (
    REQUEST,
    STEPS_MAX,
    TIMER,
    Parked,
    Step,
    command_step,
    following,
    policy_command,
    timer_command,
)
from shared.envelope import SYSTEM_ROLE
from shared.kernel import Rejected, UnknownEvent
from shared.store import PgStore
from shared.timers import TimerSet

ABOUT_EVENTS_MAX = 50
"""Of the events that concern one thing the newest are told: they explain how it is now."""

WITHHELD = "withheld"


class Wanted(NamedTuple):
    """What somebody asks about, any of these.

    ids: of events, commands or messages. about: the id of a thing (a hold, a request, a stay). stream: by its name.
    correlation, trace: looked for among the newest events only; the journal knows the rest.
    """

    ids: Sequence[str] = ()
    about: str | None = None
    stream: str | None = None
    correlation: str | None = None
    trace: str | None = None


class Found(msgspec.Struct):
    """steps: commands and events. policies: which of this service's may have answered a message. parked: by message.
    joins: of messages that were cut, the event each was told because of; only where a file was opened.
    """

    steps: list[Step]
    policies: list[str]
    parked: list[tuple[str, Parked]]
    joins: dict[str, str]


class Look(NamedTuple):
    """Who looks into files: their role, for what purpose, and the token they came with."""

    role: str
    purpose: str
    token: str = ""


Record = Callable[[str, Look], Awaitable[None]]
"""Writes down in the file of a client, by id, that somebody looks into it. Raises when it cannot."""


async def _itself(key: str) -> str:
    return key


class Files(NamedTuple):
    """What is somebody's file. prefix: of its streams, `client/`. record: is called before one is opened.

    client_of: whose file it is, by the stream's key. open_keys: of streams with that prefix which are nobody's.
    own: prefix of other streams, whose key is a client's id itself.
    """

    prefix: str
    record: Record
    client_of: Callable[[str], Awaitable[str]] = _itself
    open_keys: frozenset[str] = frozenset()
    own: str = ""

    def includes(self, stream: str) -> bool:
        """Whether a stream is somebody's file."""
        if self.own and stream.startswith(self.own):
            return True
        return stream.startswith(self.prefix) and stream.removeprefix(self.prefix) not in self.open_keys

    async def whose(self, stream: str) -> str:
        """The client whose file a stream is."""
        if self.own and stream.startswith(self.own):
            return stream.removeprefix(self.own)
        return await self.client_of(stream.removeprefix(self.prefix))


class Archive:
    """One service's events, to be asked about.

    aggregates: what it decides. tables: its views, by whose rows a thing is known to belong to a stream.
    policies: the names under which it answers messages. files: which streams are somebody's. follows: the names of
    commands with which it goes on by itself after an event (`causes.following`).
    """

    def __init__(
        self, store: PgStore, aggregates: Sequence[Aggregate[Any, Any, Any]], tables: Sequence[sa.Table] = (),
        policies: Sequence[str] = (), files: Files | None = None, follows: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._store = store
        self._aggregates = {aggregate.decider.name: aggregate for aggregate in aggregates}
        self._tables = [table for table in tables if schema.key_columns(table) == ("id",)]
        self.policies, self.files, self._follows = tuple(policies), files, tuple(follows)

    async def look_up(self, wanted: Wanted, look: Look | None = None) -> Found:
        """What is known here of what is asked for. look: files are opened for it. Raises `StoreUnavailable`, and
        whatever `Files.record` raises.
        """
        return await self._store.query(lambda pool: _Question(self, pool, wanted).found(look))

    def is_file(self, stream: str) -> bool:
        """Whether a stream is somebody's file."""
        return self.files is not None and self.files.includes(stream)

    @property
    def home(self) -> tuple[str, str]:
        """The site and the service."""
        origin = self._store.origin
        return origin.site, origin.service

    @property
    def epoch(self) -> int:
        """Which epoch's messages are looked at."""
        return self._store.origin.epoch

    async def streams_about(self, id_: str) -> list[str]:
        """The streams a thing may belong to: its own, and those its rows in the views name."""
        keys = {id_}
        for table in self._tables:
            if isinstance(table.columns["id"].type, sa.Text):
                for row in await self._store.rows(table, id=id_):
                    keys |= {value for value in row.values() if isinstance(value, str)}
        return [aggregate.decider.stream(key) for aggregate in self._aggregates.values() for key in sorted(keys)]

    def timers_of(self, event: Near) -> list[str]:
        """The ids of the commands that follow when the timers this event has set fall due."""
        found = timers_set(self._aggregates, event.stream, event.data)
        return [timer_command(timer.id, timer.due_at, timer.kind) for timer in found]

    def next_of(self, event: Near) -> list[str]:
        """The ids of the commands with which the service goes on after this event."""
        return [following(event.id, name) for name in self._follows]


def timers_set(aggregates: Mapping[str, Aggregate[Any, Any, Any]], stream: str, data: bytes) -> list[TimerSet]:
    """The timers that a stored event has set. aggregates: by the first part of their streams' names."""
    aggregate = aggregates.get(stream.partition("/")[0])
    if aggregate is None:
        return []
    try:
        event = aggregate.decider.codec.decode(data)
    except UnknownEvent:
        return []
    return [change for change in aggregate.timers([event]) if isinstance(change, TimerSet)]


class _Question:
    """One question, step by step. Whatever is found is kept once."""

    def __init__(self, archive: Archive, pool: Pool, wanted: Wanted) -> None:
        self._archive, self._pool, self._wanted = archive, pool, wanted
        self._site, self._service = archive.home
        self._events: dict[str, Near] = {}
        self._causes: dict[str, tuple[str, str]] = {}
        self._refusals: list[Step] = []

    async def found(self, look: Look | None) -> Found:
        await self._asked_for()
        if look is not None:
            await self._behind_cuts()
        await self._around()
        joins = {} if look is None else await self._open_files(look)
        steps = [step for event in self._events.values() for step in self._steps(event, opened=look is not None)]
        unique = {step.id: step for step in steps}
        return Found([*unique.values(), *self._refusals], list(self._archive.policies), await self._parked(), joins)

    def _take(self, events: Iterable[Near]) -> None:
        for event in events:
            if len(self._events) < STEPS_MAX:
                self._events.setdefault(event.id, event)

    async def _asked_for(self) -> None:
        wanted, pool = self._wanted, self._pool
        self._take(await near_ids(pool, wanted.ids))
        for key in ("correlation", "trace"):
            value = getattr(wanted, key)
            if value is not None:
                self._take(await by_meta(pool, key, value))
        if wanted.stream is not None:
            self._take(await mentioned(pool, [wanted.stream], None, ABOUT_EVENTS_MAX))
        if wanted.about is not None:
            streams = await self._archive.streams_about(wanted.about)
            self._take(await mentioned(pool, streams, wanted.about, ABOUT_EVENTS_MAX))
        for outcome in await outcomes(pool, [f"policy/{name}" for name in self._archive.policies], wanted.ids):
            policy = outcome.scope.removeprefix("policy/")
            command_id = policy_command(outcome.message_id, policy)
            self._causes[command_id] = (outcome.message_id, f"policy {policy}")
            self._take(outcome.events)
            if not outcome.events:
                self._refusals.append(self._refused(command_id, outcome.message_id, policy, outcome))

    def _refused(self, command_id: str, message_id: str, policy: str, outcome: Outcome) -> Step:
        code = "" if outcome.refusal is None else msgspec.json.decode(outcome.refusal, type=Rejected).code
        return Step(
            id=command_step(command_id, self._site, self._service), kind="command", site=self._site,
            service=self._service, name="command", at=outcome.at, where=f"policy {policy}", cause=message_id,
            role=SYSTEM_ROLE, refused=code,
        )  # fmt: skip

    async def _around(self) -> None:
        """What else the same commands did, which timers followed, and what set a timer that led here."""
        streams = defaultdict(list)
        for event in self._events.values():
            streams[event.stream].append(event)
        for stream, events in streams.items():
            commands = {event.meta.causation_id for event in events}
            timed = {command: event.id for event in events for command in self._archive.timers_of(event)}
            at_once = {command: event.id for event in events for command in self._archive.next_of(event)}
            self._causes |= {command: (event_id, TIMER) for command, event_id in timed.items()}
            self._causes |= {command: (event_id, SYSTEM_ROLE) for command, event_id in at_once.items()}
            follow = timed | at_once
            first, last = min(event.version for event in events), max(event.version for event in events)
            self._take(await neighbours(self._pool, stream, first, last, commands | set(follow)))
            unexplained = {
                event.meta.causation_id for event in events if event.meta.role == SYSTEM_ROLE
            } - self._causes.keys()
            if unexplained:
                earlier = await neighbours(self._pool, stream, first, first, None)
                for event in earlier:
                    ways = ((TIMER, self._archive.timers_of(event)), (SYSTEM_ROLE, self._archive.next_of(event)))
                    for how, known in ways:
                        for command in unexplained.intersection(known):
                            self._causes[command] = (event.id, how)
                            self._take([event])

    # --- files --------------------------------------------------------------------------------------------------------

    async def _behind_cuts(self) -> None:
        """The events of files because of which messages that were cut have been told."""
        for message_id in self._wanted.ids:
            told = await told_with(self._pool, self._archive.epoch, message_id)
            self._take(event for event in told if self._archive.is_file(event.stream))

    async def _open_files(self, look: Look) -> dict[str, str]:
        """Writes down whose files are looked into, then says which messages were told because of what is in them."""
        files, joins = self._archive.files, {}
        mine = [event for event in self._events.values() if self._archive.is_file(event.stream)]
        if files is None:
            return {}
        for client_id in dict.fromkeys([await files.whose(one) for one in sorted({event.stream for event in mine})]):
            await files.record(client_id, look)
        for event in mine:
            for message_id, about in await cut_with(self._pool, self._archive.epoch, event):
                if about.encode() in event.data:
                    joins[message_id] = event.id
        return joins

    # --- the answer ---------------------------------------------------------------------------------------------------

    def _steps(self, event: Near, *, opened: bool) -> list[Step]:
        meta = event.meta
        if self._archive.is_file(event.stream) and not opened:
            if event.id not in self._wanted.ids:
                return []
            return [
                Step(
                    id=event.id, kind="event", site=self._site, service=self._service, name=WITHHELD,
                    at=event.recorded_at, withheld=True,
                )
            ]  # fmt: skip
        command = command_step(meta.causation_id, self._site, self._service)
        trace_id = meta.traceparent[3:35] if meta.traceparent else None
        cause, came = self._causes.get(meta.causation_id, (None, SYSTEM_ROLE if meta.role == SYSTEM_ROLE else REQUEST))
        of_command = Step(
            id=command, kind="command", site=self._site, service=self._service, name="command", at=event.recorded_at,
            where=came, cause=cause, role=meta.role, correlation_id=meta.correlation_id, trace_id=trace_id,
        )  # fmt: skip
        of_event = Step(
            id=event.id, kind="event", site=self._site, service=self._service, name=event.type, at=event.recorded_at,
            where=event.stream, cause=command, role=meta.role, correlation_id=meta.correlation_id, trace_id=trace_id,
        )  # fmt: skip
        return [of_command, of_event]

    async def _parked(self) -> list[tuple[str, Parked]]:
        wanted = set(self._wanted.ids)
        rows = await self._pool.fetch("select reader, code, headers, parked_at, retries from parked")
        return [
            (
                message_id,
                Parked(self._site, self._service, row["reader"], row["code"], row["parked_at"], row["retries"]),
            )
            for row in rows
            if (message_id := msgspec.json.decode(row["headers"], type=dict[str, str]).get("ce-id", "")) in wanted
        ]
