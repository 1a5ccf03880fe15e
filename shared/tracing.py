"""How much is traced, and where finished spans go."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Lock

import httpx
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes

from shared.clock import Clock
from shared.security import issue_token, load_signing_key
from shared.settings import SiteSettings

SEND_SECONDS_MAX = 2.0
"""How long a place for spans may take: what it does not take in time is lost, and nobody waits for it."""
EVERY_MILLISECONDS = 1_000
SPANS_WAITING_MAX = 2_048
SPANS_AT_ONCE_MAX = 256
"""A batch of them is far smaller than the largest body a site takes."""

TRACES_A_SECOND_MAX = 5
"""Begun by one process. Under load more of them say nothing more, and taking in what each has to say keeps everybody
else waiting for half a millisecond."""

UNTRACED = f"00-{1:032x}-{1:016x}-00"
"""With it a request that brings spans makes none."""

PATH = "/api/console/spans"
"""Where the console of a site takes spans."""

Token = Callable[[], str]


class Bounded(Sampler):
    """A share of the traces that begin, and never more than so many a second."""

    def __init__(self, ratio: float, a_second: float = TRACES_A_SECOND_MAX) -> None:
        self._share, self._a_second = TraceIdRatioBased(ratio), a_second
        self._left, self._at, self._turn = a_second, time.monotonic(), Lock()
        self._ratio = ratio

    def should_sample(
        self, parent_context: Context | None, trace_id: int, name: str, kind: SpanKind | None = None,
        attributes: Attributes = None, links: Sequence[Link] | None = None, trace_state: TraceState | None = None,
    ) -> SamplingResult:  # fmt: skip
        chosen = self._share.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if self._ratio >= 1 or chosen.decision is Decision.DROP or self._may_begin():
            return chosen
        return SamplingResult(Decision.DROP)

    def _may_begin(self) -> bool:
        with self._turn:
            now = time.monotonic()
            self._left = min(self._a_second, self._left + (now - self._at) * self._a_second)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def get_description(self) -> str:
        return f"Bounded({self._ratio}, {self._a_second} a second)"


def to_backend(endpoint: str) -> SpanProcessor:
    """Sends spans to an OTLP/HTTP collector. endpoint: its base address."""
    base = endpoint.rstrip("/")
    address = base if base.endswith("/v1/traces") else f"{base}/v1/traces"
    return _batched(OTLPSpanExporter(endpoint=address, timeout=SEND_SECONDS_MAX))


def to_own_store(address: str, token: Token) -> SpanProcessor:
    """Sends spans to the site's own console, which keeps them for a while. token: of somebody who may."""
    return _batched(_OwnStore(f"{address}/v1/traces", token))


def own_store(settings: SiteSettings, clock: Clock) -> tuple[str, Token] | None:
    """Where an embedded site keeps its spans when nobody else does, and what lets its processes bring them there."""
    if settings.token_signing_key is None or "console" not in settings.services:
        return None
    key = load_signing_key(settings.token_signing_key)
    return f"{settings.own_address}{PATH}", lambda: issue_token(key, "spans", "oncall", settings.site, clock.now())


def _batched(exporter: SpanExporter) -> SpanProcessor:
    return BatchSpanProcessor(
        exporter, max_queue_size=SPANS_WAITING_MAX, schedule_delay_millis=EVERY_MILLISECONDS,
        max_export_batch_size=SPANS_AT_ONCE_MAX,
    )  # fmt: skip


class _OwnStore(SpanExporter):
    """OTLP/HTTP. What is not taken is not sent again: spans are of use, not of need."""

    def __init__(self, address: str, token: Token) -> None:
        self._address, self._token = address, token
        self._client = httpx.Client(timeout=SEND_SECONDS_MAX, trust_env=False)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        headers = {
            "Authorization": f"Bearer {self._token()}", "Content-Type": "application/x-protobuf",
            "traceparent": UNTRACED,
        }  # fmt: skip
        try:
            answer = self._client.post(self._address, content=encode_spans(spans).SerializeToString(), headers=headers)
        except httpx.HTTPError:
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS if answer.is_success else SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self._client.close()
