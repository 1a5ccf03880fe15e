"""HTTP: takes the spans of this site's processes over OTLP, and shows those of a trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Request, Response
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pydantic import BaseModel, ConfigDict, Field

from services.console.spans import Kept
from services.console.views_spans import Spans
from shared.clock import Clock, SystemClock
from shared.http_access import allow
from shared.http_archive import TRACERS, TraceId
from shared.http_models import Moment
from shared.http_problems import Problem

TRACES_MAX = 50
PROTOBUF = "application/x-protobuf"

SPANS_MAX = 2_000
"""In one body."""
NAME_CHARS_MAX, VALUE_CHARS_MAX, ATTRIBUTES_MAX, LINKS_MAX = 200, 300, 32, 32
ERROR = "error"
MOVED = timedelta(seconds=1)
"""A clock that differs by less is the machine's, asked twice."""
SECONDS_MAX = 7 * 24 * 3600.0


class SpansInvalid(ValueError):
    """What came is no such request."""


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


def on_the_clock(found: Sequence[Kept], ahead: timedelta) -> list[Kept]:
    """Spans as the network's clock has them. Processes time them by the machine's; in an embedded network the other one
    can be moved, and a story's steps are on that. ahead: how far it is before the machine's.
    """
    if abs(ahead) < MOVED:
        return list(found)
    return [msgspec.structs.replace(span, began_at=span.began_at + ahead) for span in found]


class SpansQuery(BaseModel):
    """trace: ids of traces."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trace: Annotated[list[TraceId], Field(min_length=1, max_length=TRACES_MAX)]


class SpanAnswer(BaseModel):
    """One span. parent_id: empty for the first of its trace. links: traces it follows from. seconds: how long it took.
    failed: with which type of error, or empty."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    began_at: Moment
    seconds: float
    failed: str
    attributes: dict[str, str]
    links: list[str]

    @classmethod
    def of(cls, span: Kept) -> SpanAnswer:
        """As it is told."""
        return cls(**{name: getattr(span, name) for name in Kept.__struct_fields__ if name != "links"},
                   links=list(span.links))  # fmt: skip


class SpansAnswer(BaseModel):
    """The first of them, as far as they are kept. sample_ratio: which share of the traces begun here is kept."""

    spans: list[SpanAnswer]
    sample_ratio: float = Field(ge=0.0, le=1.0)


def add_spans(api: FastAPI, spans: Spans, clock: Clock, sample_ratio: float) -> None:
    """Adds the routes to the console's application. clock: the network's. sample_ratio: of this site's settings."""

    @api.post("/spans/v1/traces", status_code=200)
    @allow("oncall")
    async def take(request: Request) -> Response:
        """Keeps spans in OTLP's protobuf encoding. Refused: 422 `spans-invalid`."""
        try:
            found = read(await request.body())
        except SpansInvalid:
            raise Problem(422, "spans-invalid") from None
        await spans.keep(on_the_clock(found, clock.now() - SystemClock().now()))
        return Response(status_code=200, media_type=PROTOBUF)

    @api.get("/spans")
    @allow(*TRACERS)
    async def show(query: Annotated[SpansQuery, Query()]) -> SpansAnswer:
        """The spans of traces, as far as they are kept here."""
        return SpansAnswer(
            spans=[SpanAnswer.of(span) for span in await spans.of(query.trace)], sample_ratio=sample_ratio
        )
