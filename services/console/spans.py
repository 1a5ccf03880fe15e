"""Spans as they come over OTLP, and as a page shows them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

SPANS_MAX = 2_000
"""In one body."""
NAME_CHARS_MAX, VALUE_CHARS_MAX, ATTRIBUTES_MAX, LINKS_MAX = 200, 300, 32, 32
ERROR = "error"
SECONDS_MAX = 7 * 24 * 3600.0


class SpansInvalid(ValueError):
    """What came is no such request."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """One span. parent_id: empty for the first of its trace. links: ids of the traces it follows from.

    service: whose process it was in, `plek-placement`. seconds: how long it took. failed: with which type of error, or
    empty.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    began_at: datetime
    seconds: float
    failed: str
    attributes: dict[str, str]
    links: tuple[str, ...]


def read(body: bytes) -> list[Kept]:
    """The spans of one OTLP request in its protobuf encoding. Raises `SpansInvalid`."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise SpansInvalid from None
    found: list[Kept] = []
    for resource in request.resource_spans:
        about = _attributes(resource.resource.attributes)
        service = about.get("service.name", "")
        for scope in resource.scope_spans:
            if len(found) + len(scope.spans) > SPANS_MAX:
                raise SpansInvalid
            found += [_kept(span, service) for span in scope.spans]
    return found


def _kept(span: Span, service: str) -> Kept:
    if (len(span.trace_id), len(span.span_id)) != (16, 8) or len(span.parent_span_id) not in (0, 8):
        raise SpansInvalid
    try:
        began = datetime.fromtimestamp(span.start_time_unix_nano / 1e9, UTC)
    except (OverflowError, ValueError, OSError):
        raise SpansInvalid from None
    seconds = max(0, span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
    attributes = _attributes(span.attributes)
    wrong = span.status.code == Status.StatusCode.STATUS_CODE_ERROR
    return Kept(
        span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), _text(span.name, NAME_CHARS_MAX), service,
        began, min(seconds, SECONDS_MAX), attributes.get("error.type", ERROR) if wrong else "", attributes,
        tuple(link.trace_id.hex() for link in span.links[:LINKS_MAX]),
    )  # fmt: skip


def _attributes(given: Iterable[Any]) -> dict[str, str]:
    """What is a word, a number or yes or no; lists and maps are no attributes of ours."""
    found: dict[str, str] = {}
    for attribute in given:
        kind = attribute.value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value", "bool_value") and len(found) < ATTRIBUTES_MAX:
            value = str(getattr(attribute.value, kind))
            found[_text(attribute.key, NAME_CHARS_MAX)] = _text(value, VALUE_CHARS_MAX)
    return found


def _text(given: str, characters_max: int) -> str:
    return "".join(character for character in given[:characters_max] if character.isprintable())


# --- as a page shows them ---------------------------------------------------------------------------------------------


NOWHERE = ("", "")


class Line(NamedTuple):
    """One span of a waterfall. depth: under how many others. after: seconds since the first of all began."""

    span: Kept
    depth: int
    after: float


def waterfall(spans: Sequence[Kept]) -> list[Line]:
    """The spans as they hang on each other, each under its parent, in time; one whose parent is not here stands by
    itself."""
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    below: dict[tuple[str, str], list[Kept]] = defaultdict(list)
    for span in sorted(by_id.values(), key=lambda one: (one.began_at, one.span_id)):
        parent = (span.trace_id, span.parent_id)
        below[parent if parent in by_id and span.parent_id != span.span_id else NOWHERE].append(span)
    start = min((span.began_at for span in spans), default=datetime.fromtimestamp(0, UTC))
    found: list[Line] = []
    waiting = [(0, span) for span in reversed(below[NOWHERE])]
    while waiting:
        depth, span = waiting.pop()
        found.append(Line(span, depth, (span.began_at - start).total_seconds()))
        waiting += [(depth + 1, child) for child in reversed(below.pop((span.trace_id, span.span_id), ()))]
    return found
