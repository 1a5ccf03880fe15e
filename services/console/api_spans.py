"""HTTP: takes the spans of this site's processes over OTLP, and shows those of a trace."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.console.spans import Kept, SpansInvalid, read
from services.console.views_spans import Spans
from shared.http_access import allow
from shared.http_archive import TRACERS, TraceId
from shared.http_models import Moment
from shared.http_problems import Problem

TRACES_MAX = 50
PROTOBUF = "application/x-protobuf"


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
    """The first of them, as far as they are kept."""

    spans: list[SpanAnswer]


def add_spans(api: FastAPI, spans: Spans) -> None:
    """Adds the routes to the console's application."""

    @api.post("/spans/v1/traces", status_code=200)
    @allow("oncall")
    async def take(request: Request) -> Response:
        """Keeps spans in OTLP's protobuf encoding. Refused: 422 `spans-invalid`."""
        try:
            found = read(await request.body())
        except SpansInvalid:
            raise Problem(422, "spans-invalid") from None
        await spans.keep(found)
        return Response(status_code=200, media_type=PROTOBUF)

    @api.get("/spans")
    @allow(*TRACERS)
    async def show(query: Annotated[SpansQuery, Query()]) -> SpansAnswer:
        """The spans of traces, as far as they are kept here."""
        return SpansAnswer(spans=[SpanAnswer.of(span) for span in await spans.of(query.trace)])
