"""What a decision is made of: events, commands, refusals and the decider that joins them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar, Union

import msgspec


class Event(msgspec.Struct, frozen=True, tag_field="type", gc=False):
    """A fact of one stream, in the past tense.

    A concrete event names itself as it is stored: `class PlaceHeld(Event, frozen=True, tag="place-held.v1")`. That
    name is for ever; a changed shape is a new class with the next version, and the old one stays beside it with its
    upcaster.
    """


class Command(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An intent, in the imperative. Everything it needs is in it: no clock, no random number, no look-up.

    at: the owner's clock when the command was handled (UTC).
    role: the role of whoever asked, or `system` for timers and policies.
    """

    at: datetime
    role: str


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A refusal: a first-class answer.

    code: a kebab-case word that is the same in the API, the docs, the screens and the tests.
    facts: what a person needs to understand it, as plain JSON values; never personal data.
    """

    code: str
    facts: dict[str, Any] = {}


class Reaction(NamedTuple):
    """What a policy answers: a command for one aggregate of its own service.

    aggregate: the decider's name (`location`). key: which one of them.
    """

    aggregate: str
    key: str
    command: Command


S = TypeVar("S")
C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=Event)


class UnknownEvent(Exception):
    """Stored bytes that no event of the codec explains: newer than this code, or damaged."""


class Codec(Generic[E]):
    """Writes the events of one kind of stream as JSON and reads them back, old versions included.

    current: the events that are written today.
    upcasters: for every older class, the function that turns it into the next version.
    """

    def __init__(
        self, current: Sequence[type[E]], upcasters: Mapping[type[Event], Callable[[Any], Event]] | None = None
    ) -> None:
        self.current = tuple(current)
        self.upcasters = dict(upcasters or {})
        every = self.current + tuple(self.upcasters)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Union[every])  # noqa: UP007
        self._decoder_of_many: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[Union[every]])  # type: ignore[valid-type]  # noqa: UP007
        self._encoder = msgspec.json.Encoder()
        self._names: dict[type, str] = {cls: str(cls.__struct_config__.tag) for cls in every}

    def names(self) -> dict[str, type[Event]]:
        """Every stored name this codec can read, with its class."""
        return {name: cls for cls, name in self._names.items()}

    def name(self, event: E) -> str:
        """The name an event is stored under, for example `place-held.v1`."""
        return self._names[type(event)]

    def encode(self, event: E) -> bytes:
        return self._encoder.encode(event)

    def decode(self, data: bytes) -> E:
        """The event as today's code knows it. Raises `UnknownEvent` when the bytes are nobody's."""
        try:
            event = self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise UnknownEvent(str(error)) from None
        return self._today(event)

    def decode_all(self, many: Sequence[bytes]) -> list[E]:
        """The same of many events, read as one list: a third of what they take one by one."""
        try:
            events = self._decoder_of_many.decode(b"[%b]" % b",".join(many))
        except msgspec.MsgspecError:
            events = []
        if len(events) != len(many):  # one of them is nobody's, or two: it is named by itself
            return [self.decode(data) for data in many]
        return [self._today(event) for event in events] if self.upcasters else events

    def _today(self, event: Any) -> E:
        upcast = self.upcasters.get(type(event))
        while upcast is not None:
            event = upcast(event)
            upcast = self.upcasters.get(type(event))
        return event  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Decider(Generic[S, C, E]):
    """One aggregate. `decide` refuses and `evolve` never does; both are pure.

    name: the first part of its streams' names (`location` in `location/west`).
    state_version: goes up whenever the shape of the state changes, so that old snapshots are not believed.
    """

    name: str
    initial: S
    decide: Callable[[S, C], Sequence[E] | Rejected]
    evolve: Callable[[S, E], S]
    codec: Codec[E]
    state_type: type[S]
    state_version: int = 1
    commands: tuple[type[C], ...] = field(default=())

    def stream(self, key: str) -> str:
        """The stream of the aggregate known by `key`."""
        return f"{self.name}/{key}"

    def fold(self, state: S, events: Iterable[E]) -> S:
        for event in events:
            state = self.evolve(state, event)
        return state
