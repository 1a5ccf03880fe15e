"""Spans as cheap as they can be: OpenTelemetry's, to whoever collects them, with as little as possible done while a
command waits.

The SDK's own tracer makes a span out of some twenty objects, guards each with a lock and copies it when it ends; four
of those cost a command nearly as much as all the rest. A span here belongs to one task, ends once, and is handed to the
SDK's processors as it is.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode

from shared.traceparent import KEPT, in_words, running, stop
from shared.tracing import Bounded

SCOPE = InstrumentationScope("plek")
UNSET, ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)


class Recorder:
    """Begins the spans of one process that are kept, and gives those that end to whoever collects them.

    sampler: which of the traces that begin here are kept. processors: hear of spans when they end. ids: of traces and
    spans; default: random ones.
    """

    def __init__(
        self, resource: Resource, sampler: Bounded, processors: Sequence[SpanProcessor], ids: IdGenerator | None = None
    ) -> None:
        self._resource, self._sampler, self._processors = resource, sampler, tuple(processors)
        self._ids: IdGenerator = Ids() if ids is None else ids

    def root(self) -> int | None:
        """The id of a trace that begins here, or None when it is not one of those that are kept."""
        trace_id = self._ids.generate_trace_id()
        return trace_id if self._sampler.keeps(trace_id) else None

    def begin(
        self, name: str, kind: SpanKind, trace_id: int, parent: SpanContext | None,
        attributes: Mapping[str, Any] | None = None, links: Sequence[Link] = (), began: int | None = None,
    ) -> Kept:  # fmt: skip
        """A span of a trace that is kept. parent: None for its first. began: nanoseconds; default: now."""
        mine = SpanContext(trace_id, self._ids.generate_span_id(), is_remote=False, trace_flags=KEPT)
        return Kept(self, name, kind, mine, parent, dict(attributes) if attributes else {}, links, began)

    @property
    def resource(self) -> Resource:
        """Who makes these spans."""
        return self._resource

    def ended(self, span: Kept) -> None:
        """Hands a span on."""
        for processor in self._processors:
            processor.on_end(span)

    def shutdown(self) -> None:
        """Sends what is left, for as long as that takes."""
        for processor in self._processors:
            processor.shutdown()


class Ids(IdGenerator):
    """Random ones, of the generator that a forked process seeds anew."""

    def generate_trace_id(self) -> int:
        return random.getrandbits(128) or 1

    def generate_span_id(self) -> int:
        return random.getrandbits(64) or 1


class Kept(Span, ReadableSpan):
    """A span that is kept: the current one of its block, and ended with it. An exception leaves its type and nothing
    else of it.
    """

    recorded = True

    def __init__(
        self, recorder: Recorder, name: str, kind: SpanKind, context: SpanContext, parent: SpanContext | None,
        attributes: dict[str, Any], links: Sequence[Link], began: int | None,
    ) -> None:  # fmt: skip
        ReadableSpan.__init__(
            self, name, context, parent, recorder.resource, attributes, (), links, kind, status=UNSET,
            start_time=time.time_ns() if began is None else began, instrumentation_scope=SCOPE,
        )  # fmt: skip
        self._recorder, self._said = recorder, attributes
        self._mine = context

    @property
    def traceparent(self) -> str:
        """Its context in words."""
        return in_words(self._mine)

    def __enter__(self) -> Self:
        self._before = running.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self._status = ERROR
            self._said["error.type"] = type(error).__qualname__
        stop(self._before)
        self.end()

    def get_span_context(self) -> SpanContext:
        return self._mine

    def is_recording(self) -> bool:
        return self._end_time is None

    def end(self, end_time: int | None = None) -> None:
        """Once: what comes afterwards changes nothing."""
        if self._end_time is None:
            self._end_time = time.time_ns() if end_time is None else end_time
            self._recorder.ended(self)

    def set_attribute(self, key: str, value: Any) -> None:
        if self._end_time is None:
            self._said[key] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """description: not kept, it may quote anybody."""
        if self._end_time is None:
            self._status = Status(status.status_code if isinstance(status, Status) else status)

    def update_name(self, name: str) -> None:
        if self._end_time is None:
            self._name = name

    def add_event(self, name: str, attributes: Any = None, timestamp: int | None = None) -> None:
        """Nothing: what happens within a span has a span of its own, or a line in the log."""

    def record_exception(
        self, exception: BaseException, attributes: Any = None, timestamp: int | None = None, escaped: bool = False
    ) -> None:
        """Nothing: its text may quote anybody. Its type is kept when the block ends with it."""
