"""Spans at their own site: taken as OTLP has them, kept within bounds, and shown as they hang on each other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from infra.verbs import waterfall as verb
from services.console.api_spans import SPANS_MAX, SpansInvalid, on_the_clock, read
from services.console.app import migrate
from services.console.spans import Kept, waterfall
from services.console.story import stretches
from services.console.views_spans import KEPT, SHOWN_MAX, Spans
from services.console.words import words
from shared import telemetry
from shared.store import PgStore

T0 = datetime(2026, 1, 5, 20, tzinfo=UTC)
OTHER = f"00-{7:032x}-{8:016x}-01"


def recorded() -> Sequence[ReadableSpan]:
    """A trace as a process makes it: one span in another, the inner one failed, linked to another trace."""
    exporter = InMemorySpanExporter()
    telemetry.setup(service="placement", site="west", processors=[SimpleSpanProcessor(exporter)])
    try:
        with (
            telemetry.span("handle HoldPlaces"),
            pytest.raises(KeyError),
            telemetry.span("store append", attributes={"db.system.name": "postgresql", "rows": 3}, links=[OTHER]),
        ):
            raise KeyError("somebody's name")
        return exporter.get_finished_spans()
    finally:
        telemetry.shutdown()


def span(span_id: int, parent_id: int = 0, *, at: float = 0.0, seconds: float = 0.1, trace: int = 1) -> Kept:
    parent = f"{parent_id:016x}" if parent_id else ""
    began = T0 + timedelta(seconds=at)
    return Kept(f"{trace:032x}", f"{span_id:016x}", parent, f"span {span_id}", "plek-west", began, seconds, "", {}, ())


def test_what_a_process_sends_is_read_as_it_was() -> None:
    inner, outer = read(encode_spans(recorded()).SerializeToString())
    assert (outer.name, outer.service, outer.parent_id, outer.failed) == ("handle HoldPlaces", "plek-placement", "", "")
    assert (inner.name, inner.parent_id, inner.trace_id) == ("store append", outer.span_id, outer.trace_id)
    assert (inner.failed, inner.links) == ("KeyError", (f"{7:032x}",))
    assert inner.attributes == {"db.system.name": "postgresql", "rows": "3", "error.type": "KeyError"}
    assert 0 <= inner.seconds <= outer.seconds
    assert abs(datetime.now(UTC) - outer.began_at) < timedelta(minutes=1)


@given(st.binary(max_size=300))
def test_whatever_is_sent_is_read_or_refused(body: bytes) -> None:
    with suppress(SpansInvalid):
        assert all(len(one.trace_id) == 32 for one in read(body))


@pytest.mark.parametrize(
    "made",
    [
        {"trace_id": b"short", "span_id": bytes(8)},
        {"trace_id": bytes(16), "span_id": b""},
        {"trace_id": bytes(16), "span_id": bytes(8), "parent_span_id": b"1"},
    ],
)
def test_what_is_no_span_is_refused(made: dict[str, object]) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(**made)
    with pytest.raises(SpansInvalid):
        read(request.SerializeToString())


def test_more_than_a_process_ever_sends_at_once_is_refused() -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for number in range(SPANS_MAX + 1):
        spans.add(trace_id=bytes(16), span_id=number.to_bytes(8))
    with pytest.raises(SpansInvalid):
        read(request.SerializeToString())


def test_a_name_is_kept_short_and_printable() -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(trace_id=bytes(16), span_id=bytes(8), name="a\x00b\x1b" + "c" * 1_000)
    [one] = read(request.SerializeToString())
    assert one.name == "ab" + "c" * 196


def test_spans_hang_on_each_other_in_time_and_a_lost_parent_leaves_its_child_standing() -> None:
    lines = waterfall([span(3, 1, at=2), span(2, 1, at=1), span(1), span(4, 3, at=2), span(5, 99, at=3), span(6, 6)])
    assert [(line.span.span_id[-1], line.depth, line.after) for line in lines] == [
        ("1", 0, 0), ("2", 1, 1), ("3", 1, 2), ("4", 2, 2), ("6", 0, 0), ("5", 0, 3),
    ]  # fmt: skip
    assert waterfall([]) == []


def test_what_hangs_on_itself_in_a_circle_is_no_endless_page() -> None:
    assert waterfall([span(1, 2), span(2, 1)]) == []


def test_bars_lie_within_the_picture_and_a_trace_is_named_once() -> None:
    bars = stretches([span(1, seconds=4.0), span(2, 1, at=1, seconds=3.0), span(1, trace=2, at=5)], words("en"))
    assert [bar.trace[-1:] for bar in bars] == ["1", "", "2"]
    assert all(bar.x >= 0 and bar.x + bar.width <= 201 for bar in bars)
    assert [bar.took for bar in bars] == ["4 seconds", "3 seconds", "100 ms"]


def test_spans_are_on_the_clock_of_the_network_also_when_that_was_moved() -> None:
    """Else they would stand beside no step of the story, and with the clock a week ahead they would be too old."""
    made = [span(1), span(2, 1, at=1)]
    ahead = on_the_clock(made, timedelta(days=8))
    assert [one.began_at - was.began_at for one, was in zip(ahead, made, strict=True)] == [timedelta(days=8)] * 2
    assert [one.seconds for one in ahead] == [one.seconds for one in made]
    assert on_the_clock(made, timedelta(milliseconds=3)) == made
    first, second = stretches(made, words("en"))
    assert first.when == words("en").instant(T0)
    assert (second.when, first.x) == ("", 0.0)


async def test_they_are_kept_once_for_a_week_and_never_more_than_so_many(database: str) -> None:
    await migrate(database)
    store = PgStore(database, "west", "console")
    await store.open(T0)
    try:
        kept = Spans(store)
        many = [span(number, at=number) for number in range(1, 11)]
        await kept.keep(many)
        await kept.keep([*many, span(1, trace=2, at=20)])
        assert await kept.of([f"{1:032x}"]) == many
        assert await kept.prune(T0 + timedelta(minutes=1)) == 0
        assert await Spans(store, rows_max=6).prune(T0 + timedelta(minutes=1)) == 5
        assert [one.span_id for one in await kept.of([f"{1:032x}"])] == [one.span_id for one in many[5:]]
        assert await kept.prune(T0 + KEPT + timedelta(seconds=10)) == 5
        assert [one.trace_id for one in await kept.of([f"{1:032x}", f"{2:032x}"])] == [f"{2:032x}"]
        await kept.keep([span(1, trace=4, at=10 * 365 * 86400)])  # a process whose clock is ten years ahead
        assert await Spans(store, rows_max=1).prune(T0 + timedelta(minutes=1)) == 1
        assert [one.trace_id for one in await kept.of([f"{2:032x}", f"{4:032x}"])] == [f"{2:032x}"]
        await kept.keep([span(number, trace=3) for number in range(1, SHOWN_MAX + 10)])
        assert len(await kept.of([f"{3:032x}"])) == SHOWN_MAX
        await kept.keep([])
    finally:
        await store.close()


async def test_however_fast_they_come_the_oldest_go_at_once(database: str) -> None:
    await migrate(database)
    store = PgStore(database, "west", "console")
    await store.open(T0)
    try:
        kept = Spans(store, rows_max=20)
        for number in range(1, 61):
            await kept.keep([span(number, at=number)])
        left = [int(one.span_id, 16) for one in await kept.of([f"{1:032x}"])]
        assert left == list(range(61 - len(left), 61)), "the newest are there"
        assert 20 <= len(left) <= 22
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("shares", "said"), [([], ""), ([0.1], "10%"), ([1, 0.005], "0.5 to 100%"), ([0.1, 0.1], "10%"), ([0], "0%")]
)
def test_how_many_traces_are_kept_is_what_the_sites_are_set_to(shares: list[float], said: str) -> None:
    assert verb.Spans([], shares).kept_at_all() == said
