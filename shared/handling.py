"""One command from load to answer: load, fold, decide, store, and once more when somebody else was first.

Everything a decision changes goes into one append: the events, the rows for the outbox, the inline views, the timers,
the snapshot and the idempotency key.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from shared import schema
from shared.aggregate import Aggregate, AggregateScribe, Encode, encode_plain
from shared.clock import Clock
from shared.envelope import Meta
from shared.ids import Ids
from shared.kernel import Command, Event, Rejected
from shared.ports import (
    Append,
    KeyRecord,
    KeyTaken,
    OriginHalted,
    Outline,
    RowChange,
    Store,
    StreamWrite,
    VersionConflict,
)
from shared.telemetry import current_traceparent, recorded_traceparent, span

S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)

TRIES_MAX = 8
"""How often a command is decided anew because its stream moved on."""

STATES_MAX = 2_000
"""States kept in memory between commands; the least recently used goes first."""


class KeyReused(Exception):
    """The idempotency key came before with another body (`idempotency-key-reused`)."""


class KeyClaim(msgspec.Struct, frozen=True, gc=False):
    """An `Idempotency-Key` as it came. scope: person and route. body_hash: sha256 of the request.

    unkept: refusals that are no answer yet, because the caller asks elsewhere then; they are not kept under the key.
    """

    scope: str
    key: str
    body_hash: bytes
    unkept: frozenset[str] = frozenset()


class Context(msgspec.Struct, frozen=True, gc=False):
    """Where a command comes from.

    causation_id: the event or request it follows from; for a request from outside, the command's own id.
    """

    command_id: str
    correlation_id: str
    causation_id: str
    traceparent: str | None = None
    claim: KeyClaim | None = None


class Also(NamedTuple):
    """What somebody else has stored with a command, whatever is decided: an inbox's checkpoint, a fired timer, the act
    of whoever had a parked message read again. Its events come after the command's own.

    taken: keys that are kept only with events of the command: who is refused has taken nothing.
    """

    rows: Sequence[RowChange] = ()
    streams: Sequence[StreamWrite] = ()
    keys: Sequence[KeyRecord] = ()
    taken: Sequence[KeyRecord] = ()


NOTHING_ELSE = Also()

_POSTGRESQL: Mapping[str, str] = {"db.system.name": "postgresql"}


class Handled(msgspec.Struct, gc=False):
    """The answer to a command: its events, or the refusal. No events and no refusal: there was nothing to do.

    version: of the stream afterwards. position: a reader who is there has seen it. replayed: by an idempotency key.
    """

    stream: str
    version: int
    position: int
    events: list[tuple[str, Event]]
    rejected: Rejected | None = None
    replayed: bool = False


def _in_this_trace(context: Context) -> Context:
    running = current_traceparent()
    return context if running is None else msgspec.structs.replace(context, traceparent=running)


class Handler(Generic[S, C, E]):
    """Handles the commands of one aggregate in one process. Several processes may: the store has the last word."""

    def __init__(
        self, store: Store, aggregate: Aggregate[S, C, E], clock: Clock, ids: Ids, encode: Encode = encode_plain
    ) -> None:
        self._store, self._clock = store, clock
        self.aggregate = aggregate
        self._decider = aggregate.decider
        self._scribe = AggregateScribe(aggregate, ids, encode)
        self._states: OrderedDict[str, tuple[S, int]] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}
        self._claimed: dict[tuple[str, str], asyncio.Future[None]] = {}

    async def handle(self, key: str, command: C, context: Context, also: Also = NOTHING_ELSE) -> Handled:
        """Decides `command` on the aggregate known by `key` and stores what follows.

        also: is stored in the same append, unless the answer is an old one.
        Raises `VersionConflict` after 8 tries, or at once when it comes of `also`; `KeyTaken` of a key in `also`;
        `KeyReused`, `StoreUnavailable`, `OriginHalted`.
        """
        if self._store.halted is not None:
            raise OriginHalted(self._store.halted)
        claim = context.claim
        if claim is None:
            return await self._handle(key, command, context, also)
        slot = (claim.scope, claim.key)
        while slot in self._claimed:  # ten at once: one decides, nine wait for what it stored
            await asyncio.shield(self._claimed[slot])
        self._claimed[slot] = done = asyncio.get_running_loop().create_future()
        try:
            known = await self._store.find_key(*slot)
            if known is None:
                try:
                    return await self._handle(key, command, context, also)
                except KeyTaken:  # by another process
                    known = await self._store.find_key(*slot)
                    if known is None:
                        raise  # not this one: somebody else's, stored with it
            return await self._replay(known, claim)
        finally:
            del self._claimed[slot]
            done.set_result(None)

    async def load(self, key: str) -> tuple[S, int]:
        """The state and version of an aggregate, from memory when it is there. Version 0: it does not exist."""
        stream = self._decider.stream(key)
        known = self._states.get(stream)
        if known is not None:
            self._states.move_to_end(stream)
            return known
        return await self._read_on(stream, *await self._snapshot(stream))

    async def load_settled(self, key: str) -> tuple[S, int]:
        """The same, as the store has it: once whoever decides about it here has done so, and with what another process
        has stored of it meanwhile."""
        stream = self._decider.stream(key)
        async with self._turn(stream):
            return await self._read_on(stream, *await self.load(key))

    async def _read_on(self, stream: str, state: S, version: int) -> tuple[S, int]:
        """The state with what the store has behind a version."""
        stored = await self._store.read_to_fold(stream, version)
        if stored:
            state = self._decider.fold(state, self._decider.codec.decode_all([data for _, data in stored]))
            version = stored[-1][0]
        self._remember(stream, state, version)
        return state, version

    def remembered(self) -> Iterable[S]:
        """The states in memory: what is in none of them may still be stored."""
        return (state for state, _ in self._states.values())

    async def _handle(self, key: str, command: C, context: Context, also: Also) -> Handled:
        stream = self._decider.stream(key)
        turn = self._turn(stream)
        await turn.acquire()
        try:
            with span(f"handle {type(command).__name__}", traceparent=context.traceparent):
                if context.traceparent is None:  # nobody asked for it: what follows from it belongs to this span
                    context = _in_this_trace(context)
                for left in reversed(range(TRIES_MAX)):
                    try:
                        return await self._decide(stream, key, command, context, also)
                    except VersionConflict as conflict:
                        self._states.pop(stream, None)
                        if not left or conflict.stream != stream:
                            raise
                    except BaseException:
                        self._states.pop(stream, None)  # whether it was stored is not known here: load it again
                        raise
        finally:
            turn.release()
        raise AssertionError("unreachable")

    def _turn(self, stream: str) -> asyncio.Lock:
        """Commands of one stream are decided one after the other: in one process none has to be decided twice."""
        lock = self._locks.get(stream)
        if lock is None:
            if len(self._locks) >= STATES_MAX:  # whoever is in the middle of something keeps its lock
                self._locks = {name: held for name, held in self._locks.items() if held.locked()}
            lock = self._locks[stream] = asyncio.Lock()
        return lock

    async def _decide(self, stream: str, key: str, command: C, context: Context, also: Also) -> Handled:
        before, version = self._states.get(stream) or await self.load(key)
        with span("decide"):
            decided = self._decider.decide(before, command)
        if isinstance(decided, Rejected) or not decided:
            if await self._store.read_stream(stream, version, 1):
                raise VersionConflict(stream)  # decided on a state another process has moved on from
            return await self._nothing(
                stream, version, context, also, decided if isinstance(decided, Rejected) else None
            )
        after = self._decider.fold(before, decided)
        append = self._append(stream, version, before, decided, after, command, context, also)
        with span("store append", attributes=_POSTGRESQL):
            appended = await self._store.append(append)
        version += len(decided)
        self._remember(stream, after, version)
        ids = [new.id for new in append.streams[0].events]
        return Handled(stream, version, appended.position, list(zip(ids, decided, strict=True)))

    def _append(
        self,
        stream: str,
        version: int,
        before: S,
        events: Sequence[E],
        after: S,
        command: C,
        context: Context,
        also: Also,
    ) -> Append:
        """The outline of what is stored: the store writes it out with those of its whole batch."""
        meta = Meta(
            context.correlation_id,
            context.command_id,
            command.role,
            context.traceparent,
            getattr(command, "observed_at", None),
        )
        outline = Outline(self._scribe, before, events, after, meta, recorded_traceparent())
        write = StreamWrite(stream, version, ())
        keys = self._keys(context, stream, version + 1, version + len(events), None)
        if also is not NOTHING_ELSE:
            keys = [*keys, *also.keys, *also.taken]
        return Append(self._clock.now(), (write, *also.streams), (), also.rows, keys, outline)

    async def _nothing(
        self, stream: str, version: int, context: Context, also: Also, rejected: Rejected | None
    ) -> Handled:
        """Nothing happened to the stream; the key and the checkpoint are kept all the same, so the answer stays the
        same.
        """
        refusal = None if rejected is None else msgspec.json.encode(rejected)
        unkept = rejected is not None and context.claim is not None and rejected.code in context.claim.unkept
        keys = [] if unkept else self._keys(context, stream, version + 1, version, refusal)
        position = 0
        if keys or also.rows or also.streams or also.keys:
            append = Append(self._clock.now(), also.streams, (), also.rows, [*keys, *also.keys])
            position = (await self._store.append(append)).position
        return Handled(stream, version, position, [], rejected)

    @staticmethod
    def _keys(
        context: Context, stream: str, from_version: int, to_version: int, refusal: bytes | None
    ) -> Sequence[KeyRecord]:
        claim = context.claim
        if claim is None:
            return ()
        return [KeyRecord(claim.scope, claim.key, claim.body_hash, stream, from_version, to_version, refusal)]

    async def _replay(self, known: KeyRecord, claim: KeyClaim) -> Handled:
        """The first answer again, read from what the first command stored."""
        if known.body_hash != claim.body_hash:
            raise KeyReused(claim.key)
        if known.to_version < known.from_version:
            rejected = None if known.refusal is None else msgspec.json.decode(known.refusal, type=Rejected)
            return Handled(known.stream, known.to_version, 0, [], rejected, replayed=True)
        count = known.to_version - known.from_version + 1
        mine = await self._store.read_stream(known.stream, known.from_version - 1, count)
        events: list[tuple[str, Event]] = [(event.id, self._decider.codec.decode(event.data)) for event in mine]
        return Handled(known.stream, known.to_version, mine[-1].position, events, replayed=True)

    async def _snapshot(self, stream: str) -> tuple[S, int]:
        for row in await self._store.rows(schema.snapshots, stream=stream):
            if row["state_version"] == self._decider.state_version:
                return msgspec.json.decode(row["data"], type=self._decider.state_type), row["version"]
        return self._decider.initial, 0

    def _remember(self, stream: str, state: S, version: int) -> None:
        self._states[stream] = (state, version)
        self._states.move_to_end(stream)
        if len(self._states) > STATES_MAX:
            self._states.popitem(last=False)
