"""The trace a task works for: in words, as it is stored and sent along (W3C Trace Context), and while it works.

Kept in a variable of our own and not in OpenTelemetry's context: that one is a dictionary copied for every span, and no
library here looks into it.
"""

from __future__ import annotations

import random
import re
from contextvars import ContextVar, Token
from functools import lru_cache
from typing import Protocol, Self

from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan, SpanContext, TraceFlags

SAMPLED = frozenset("13579bdf")
"""How a `traceparent` ends whose trace is kept: the last of its flags is set, whatever the others say."""

KEPT, NOT_KEPT = TraceFlags(TraceFlags.SAMPLED), TraceFlags(TraceFlags.DEFAULT)
CHARS = 55
_TRACEPARENT = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)


class Running(Protocol):
    """The span of a block that is running. recorded: whether it is kept."""

    recorded: bool

    @property
    def traceparent(self) -> str:
        """In words."""

    def get_span_context(self) -> SpanContext:
        """Its ids."""


running: ContextVar[Running | None] = ContextVar("plek_running_span", default=None)


def stop(before: Token[Running | None]) -> None:
    """The span that was running before is running again; where a task is thrown away that may be elsewhere."""
    try:  # noqa: SIM105 - a command is in here four times
        running.reset(before)
    except ValueError:
        pass


class PassedOn(NonRecordingSpan):
    """A span nothing is kept of: its ids go on in what is stored, sent and logged while its block lasts."""

    recorded = False

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent  # most are never asked for more

    def __repr__(self) -> str:
        return f"PassedOn({self.traceparent})"

    def __enter__(self) -> Self:
        self._before = running.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        stop(self._before)

    def get_span_context(self) -> SpanContext:
        return parse_traceparent(self.traceparent) or INVALID_SPAN_CONTEXT


def of_no_trace(trace_id: int = 0) -> PassedOn:
    """A span nothing is kept of. trace_id: default: one of its own."""
    return PassedOn(f"00-{trace_id or random.getrandbits(128) or 1:032x}-{random.getrandbits(64) or 1:016x}-00")


def parse_traceparent(traceparent: str | None) -> SpanContext | None:
    """The W3C trace context in a `traceparent`, or None when there is none or it is not one."""
    if traceparent is None or len(traceparent) != CHARS:
        return None
    return _parsed(traceparent)


@lru_cache(512)
def _parsed(traceparent: str) -> SpanContext | None:
    """The last ones are remembered: one command, and what follows from it, asks for the same one again and again.
    Anybody may send one, before they sign in, and as long as they like: only what is as long as one is remembered.
    """
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = found.groups()
    kept = KEPT if flags[1] in SAMPLED else NOT_KEPT
    context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=kept)
    return context if context.is_valid else None


def in_words(context: SpanContext) -> str:
    """A trace context as a `traceparent`."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & TraceFlags.SAMPLED:02x}"
