"""How much is traced, and where finished spans go."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock

import httpx
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

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

ASKED_A_SECOND_MAX = 10
"""Traces that callers ask one process to keep: the site's other processes are among those callers."""
ASKED_REQUESTS_MAX = 200
"""Of one trace a process keeps no more requests that ask for it: a page makes some ten."""
ASKED_KNOWN_MAX = 1_000
"""So many traces are remembered, the last ones."""

UNTRACED = f"00-{1:032x}-{1:016x}-00"
"""With it a request that brings spans makes none."""

PATH = "/api/console/spans"
"""Where the console of a site takes spans."""

Token = Callable[[], str]


class _Allowance:
    """So many a second, and as many at once as one second has. monotonic: seconds of a clock."""

    def __init__(self, a_second: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._a_second, self._monotonic = a_second, monotonic
        self._left, self._at, self._turn = a_second, monotonic(), Lock()

    def take(self) -> bool:
        """Whether there is one left; it is gone then."""
        with self._turn:
            now = self._monotonic()
            self._left = min(self._a_second, self._left + (now - self._at) * self._a_second)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


class Asked:
    """Which of the traces that callers ask for are kept: a few new ones a second, and of each so many requests.

    Anybody may send a `traceparent` that says "keep this"; what is kept of all of them has one table with a limit, and
    what comes pushes out what is there. A trace that this process has begun is known, so that a site that asks
    itself over HTTP has its own traces whole.
    """

    def __init__(
        self, a_second: float = ASKED_A_SECOND_MAX, requests: int = ASKED_REQUESTS_MAX,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._allowance, self._requests = _Allowance(a_second, monotonic), requests
        self._known: OrderedDict[int, int] = OrderedDict()

    def begun(self, trace_id: int) -> None:
        """A trace that began here, of which this is the first request."""
        self._known[trace_id] = 1
        if len(self._known) > ASKED_KNOWN_MAX:
            self._known.popitem(last=False)

    def admits(self, trace_id: int) -> bool:
        """Whether a request of this trace, which its caller wants kept, is kept."""
        count = self._known.get(trace_id, 0)
        if count:
            self._known[trace_id] = min(count + 1, self._requests + 1)
            return count < self._requests
        if not self._allowance.take():
            return False
        self.begun(trace_id)
        return True


class Bounded:
    """A share of the traces that begin, and never more than so many a second. ratio: 0 to 1; all of them at 1."""

    def __init__(self, ratio: float, a_second: float = TRACES_A_SECOND_MAX) -> None:
        self._below = TraceIdRatioBased.get_bound_for_rate(ratio)
        self._all, self._allowance = ratio >= 1, _Allowance(a_second)

    def keeps(self, trace_id: int) -> bool:
        """Whether a trace that begins is kept; by its id, as any other process of the same share would say."""
        if self._all:
            return True
        return trace_id & TraceIdRatioBased.TRACE_ID_LIMIT < self._below and self._allowance.take()


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
