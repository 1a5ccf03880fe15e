"""What was done about a service's readers: the events of the streams `reader/<view>`."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Codec, Event
from shared.pauses import ReaderPaused, ReaderResumed


class MessageRetried(Event, frozen=True, tag="message-retried.v1"):
    """A parked message was read again by the code of that day.

    id: of what was parked. contract: the type it claims. code: why it was parked. outcome: `digested`, `duplicate`, or
    the code with which it stays parked. at: UTC.
    """

    id: str
    reader: str
    source: str
    position: int
    origin: str
    log: str
    epoch: int
    sequence: int
    contract: str
    code: str
    outcome: str
    at: datetime


class MessageDiscarded(Event, frozen=True, tag="message-discarded.v1"):
    """A parked message was let go, for the reason somebody gave: the view does without it until it is rebuilt.

    from_sequence, to_sequence: what is gone of the log; both 0 when the message had no number, had been applied after
    all, or was put aside and held nobody up.
    """

    id: str
    reader: str
    source: str
    position: int
    origin: str
    log: str
    epoch: int
    from_sequence: int
    to_sequence: int
    contract: str
    code: str
    reason: str
    at: datetime


class OriginReplayed(Event, frozen=True, tag="origin-replayed.v1"):
    """What a view shows of one origin was made anew from that origin's logs, for the reason somebody gave.

    messages: how many those had, as far as the reader had read. changed, gone: rows that were put right, and taken out.
    unmarked: messages somebody had let go that the view shows now. at: UTC.
    """

    reader: str
    origin: str
    messages: int
    changed: int
    gone: int
    unmarked: int
    reason: str
    at: datetime


RepairEvent: TypeAlias = MessageRetried | MessageDiscarded | ReaderPaused | ReaderResumed | OriginReplayed

CODEC: Codec[RepairEvent] = Codec((MessageRetried, MessageDiscarded, ReaderPaused, ReaderResumed, OriginReplayed))
"""Reads and writes the events of the streams `reader/<view>`."""
