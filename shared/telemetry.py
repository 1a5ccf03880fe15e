"""Traces and logs. Spans are our own: no library is instrumented behind our back, so nothing is recorded that we did
not name.

Nothing here ever carries a request body, a query string, a token, a person's id or the text of somebody else's
exception.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager
from itertools import repeat
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

import structlog
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanContext, SpanKind

from shared.log_limits import LogLimit
from shared.traceparent import NOT_KEPT, SAMPLED, PassedOn, of_no_trace, parse_traceparent, running

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    from shared.spans import Recorder
    from shared.tracing import Asked

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attribute = str | bool | int | float | Sequence[str]

FLUSH_SECONDS_MAX = 2.0
"""A process that stops waits no longer than this for its last spans to leave."""

WITHHELD = frozenset({
    "authorization", "body", "cookie", "cookies", "data", "dsn", "headers", "password", "personal", "query",
    "query_string", "secret", "seed", "subject", "token", "url",
})  # fmt: skip
"""Log fields whose values never reach the log, whoever passes them."""

LINKS_MAX = 32
"""Traces the span of one batch is linked to at most."""

_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_SPEAKING_MODULES = ("shared.", "infra.", "services.")
"""Exceptions defined here may be quoted: house rules keep personal data out of their texts."""

_recorder: Recorder | None = None
_asked: Asked | None = None


def setup(
    *,
    service: str,
    site: str,
    otlp_endpoint: str | None = None,
    own_store: tuple[str, Callable[[], str]] | None = None,
    sample_ratio: float = 1.0,
    processors: Sequence[SpanProcessor] = (),
    ids: IdGenerator | None = None,
) -> None:
    """Start tracing for this process; without an endpoint and without processors it stays off, which costs next to
    nothing.

    service: what runs here, for example `placement`, or the site's name when it is all of its services in one process.
    otlp_endpoint: base address of an OTLP/HTTP collector, for example `http://127.0.0.1:4318`. own_store: that of the
    site's own, and what makes a token for it; used where there is no collector.
    sample_ratio: share of the traces that begin here, 0 to 1, of a busy process 5 a second at most; a trace that came
    from elsewhere keeps its caller's choice, within bounds where that is a wish from outside (`request_span`).
    processors: more places where finished spans go (tests). ids: of traces and spans; default: random ones.
    """
    global _recorder, _asked
    shutdown()
    if otlp_endpoint is None and own_store is None and not processors:
        return
    from opentelemetry.sdk.resources import Resource  # what is never traced need not load it

    from shared.spans import Recorder
    from shared.tracing import Asked, Bounded, to_backend, to_own_store

    resource = Resource.create({"service.name": f"plek-{service}", "service.namespace": "plek", "plek.site": site})
    takers = list(processors)
    if otlp_endpoint is not None:
        takers.append(to_backend(otlp_endpoint))
    elif own_store is not None:
        takers.append(to_own_store(*own_store))
    _recorder = Recorder(resource, Bounded(sample_ratio), takers, ids)
    _asked = Asked() if sample_ratio < 1 else None


def shutdown(timeout_seconds: float = FLUSH_SECONDS_MAX) -> None:
    """Send what is left and stop tracing, within `timeout_seconds` whether or not the collector answers."""
    global _recorder, _asked
    recorder, _recorder, _asked = _recorder, None, None
    if recorder is None:
        return
    # The exporter retries for longer than anybody wants to wait: it may go on alone, in a thread nobody waits for.
    last = threading.Thread(target=recorder.shutdown, name="telemetry-shutdown", daemon=True)
    last.start()
    last.join(timeout_seconds)


def enabled() -> bool:
    """Whether spans go anywhere."""
    return _recorder is not None


class _Off:
    """Around a block of which nothing is kept. A command is in here four times, so neither end is a call of Python: the
    first gives the same span for ever, the second, whatever it is told, a text that is empty and holds nothing back.
    """

    __slots__ = ()
    __enter__ = staticmethod(repeat(INVALID_SPAN).__next__)
    __exit__ = staticmethod("".format)


_OFF = cast("AbstractContextManager[Span]", _Off())


def span(
    name: str,
    kind: Kind = "internal",
    traceparent: str | None = None,
    attributes: Mapping[str, Attribute] | None = None,
    links: Sequence[str] = (),
    began: int | None = None,
) -> AbstractContextManager[Span]:
    """A span around a block of code; one that fails is marked with the type of its exception and nothing else of it.

    name: low cardinality, after the OTel conventions (`append`, `publish plek.west.pub.placement`).
    traceparent: the parent when it is not the current span, from an envelope or a header; a malformed one is ignored.
    attributes: OTel semantic conventions where they have a word; never ids of people, never raw paths or queries.
    links: traceparents of what this span also follows from, for a batch of messages.
    began: when what it is about began, if that is before the block (`moment`).

    Of a trace that is not kept nothing is made but, at the most, what passes its ids on.
    """
    if _recorder is None:
        return _OFF
    current, parent = running.get(), None
    if traceparent is not None and (current is None or traceparent != current.traceparent):
        parent = parse_traceparent(traceparent)
        if parent is not None and parent.trace_flags is NOT_KEPT:
            return PassedOn(traceparent)
    if parent is None:
        if current is None:
            return _root(_recorder, name, kind, attributes, links, began)
        if not current.recorded:
            return _OFF
        parent = current.get_span_context()
    return _recorder.begin(name, _KINDS[kind], parent.trace_id, parent, attributes, _joined(links), began)


def _root(
    recorder: Recorder, name: str, kind: Kind, attributes: Mapping[str, Attribute] | None, links: Sequence[str],
    began: int | None,
) -> AbstractContextManager[Span]:  # fmt: skip
    """The first span of a trace, kept or not."""
    trace_id = recorder.root()
    if trace_id is None:
        return of_no_trace()
    return recorder.begin(name, _KINDS[kind], trace_id, None, attributes, _joined(links), began)


def _joined(links: Sequence[str]) -> Sequence[Link]:
    return [Link(context) for context in map(parse_traceparent, links) if context is not None] if links else ()


def leading(traceparents: Sequence[str], *, late: bool = False) -> tuple[str | None, Sequence[str]]:
    """Of a batch: whose child its span is, and what it is linked to. One whose trace is kept comes before those whose
    is not: else what was kept would end here. late: it begins a trace of its own, linked to all of them.
    """
    kept = [traceparent for traceparent in traceparents if traceparent[-1:] in SAMPLED]
    if late:
        return None, kept[:LINKS_MAX]
    if not kept:
        return (traceparents[0] if traceparents else None), ()
    return kept[0], kept[1 : LINKS_MAX + 1]


def moment() -> int | None:
    """Now, as a span counts time; None while tracing is off."""
    return None if _recorder is None else time.time_ns()


def request_span(
    method: str, traceparent: str | None, *, known: bool = True, began: int | None = None
) -> AbstractContextManager[Span]:  # fmt: skip
    """The server span of one HTTP request. It has a trace id also while tracing is off, for problems and logs.

    known: whether somebody signed in asks. That a trace is to be kept is a caller's wish: it is heard of who is known,
    within bounds (`tracing.Asked`); else its id goes on and nothing of it is kept. began: as in `span`.
    """
    given = None if traceparent is None else parse_traceparent(traceparent)
    if _recorder is None or (given is not None and not _heard(given, known)):
        return of_no_trace(0 if given is None else given.trace_id)
    trace_id = _recorder.root() if given is None else given.trace_id
    if trace_id is None:
        return of_no_trace()
    if _asked is not None and given is None:
        _asked.begun(trace_id)
    return _recorder.begin(method, _KINDS["server"], trace_id, given, {"http.request.method": method}, (), began)


def _heard(given: SpanContext, known: bool) -> bool:
    """Whether a caller's trace is kept here, too."""
    if given.trace_flags is NOT_KEPT:
        return False
    return _asked is None or (known and _asked.admits(given.trace_id))


def current_traceparent() -> str | None:
    """The running span as a W3C `traceparent`, to be kept in an envelope or sent along; None outside any span."""
    current = running.get()
    return None if current is None else current.traceparent


def recorded_traceparent() -> str | None:
    """The same of a running span that is recorded; None of any other."""
    current = running.get()
    return current.traceparent if current is not None and current.recorded else None


def current_trace_id() -> str | None:
    """The 32 hexadecimal digits people can hand to the on-call engineer; None outside any span."""
    current = running.get()
    return None if current is None else current.traceparent[3:35]


def configure_logs(
    *, site: str, style: Literal["json", "console"] = "json", level: str = "info", stream: TextIO | None = None
) -> None:
    """Send every log line of this process to standard error, ours and the libraries', with site and trace id.

    style: `json` is one object a line, `console` is for people. level: debug, info, warning or error; libraries
    speak from warning on. stream: in place of standard error. Of one kind so many lines are written as `LogLimit`
    lets through.
    """

    def with_site(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["site"] = site
        return event

    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_processors(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, with_site, render],
        )
    )
    handler.addFilter(LogLimit())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("plek").setLevel(level.upper())
    # FastStream brings a handler of its own; its lines go where all the others go.
    logging.getLogger("faststream").handlers.clear()
    logging.getLogger("faststream").propagate = True
    # uvicorn's access lines hold raw paths and queries; our own request log holds the route.
    logging.getLogger("uvicorn.access").disabled = True


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger under `plek.`; its events are short constant sentences, everything that varies is a field."""
    bound: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(f"plek.{name}"),
        processors=[
            structlog.stdlib.filter_by_level,
            *_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return bound


def _processors() -> list[structlog.typing.Processor]:
    """What happens to every line, ours and the libraries', before it is rendered."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_trace,
        _withhold,
        _describe_exception,
    ]


def _with_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    current = running.get()
    if current is not None:
        event["trace_id"], event["span_id"] = current.traceparent[3:35], current.traceparent[36:52]
    return event


def _withhold(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in WITHHELD & event.keys():
        event[name] = "withheld"
    return event


def _describe_exception(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep an exception's type and where it came from, but its text only where we know what such a text may hold.

    A driver quotes the row it refused, a validator the input: neither belongs in a log.
    """
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["error"] = describe(error)
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        event["at"] = [f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def describe(error: BaseException) -> str:
    """An exception in one line that is safe to log or show to the on-call engineer."""
    kind = type(error)
    if isinstance(error, OSError) or kind.__module__.startswith(_SPEAKING_MODULES):
        text = str(error).replace("\n", " ")[:300]
        return f"{kind.__qualname__}: {text}" if text else kind.__qualname__
    return kind.__qualname__
