"""Traces that join up, logs that can be read aloud, and a process that ends though nobody collects its spans."""

from __future__ import annotations

import io
import json
import logging
import socket
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from services.intake import file, handover
from services.intake.file import Card, Personal
from services.notifications.adapters.port import Outgoing
from services.notifications.words import Written
from shared import telemetry
from shared.contracts.contact import ContactAnswered
from shared.log_limits import LINES_MAX, LogLimit
from shared.ports import StoreUnavailable
from shared.traceparent import PassedOn, parse_traceparent
from shared.tracing import ASKED_A_SECOND_MAX, ASKED_KNOWN_MAX, ASKED_REQUESTS_MAX, Asked, Bounded
from shared.unspoken import Unspoken
from tests.support.border import SECRET, Tokens, caller, tiny_site

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
AT = datetime(2026, 1, 5, tzinfo=UTC)
UNSAMPLED = PARENT[:-2] + "00"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    telemetry.setup(service="tiny", site="west", processors=[SimpleSpanProcessor(exporter)])
    yield exporter
    telemetry.shutdown()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Where this process's log lines go."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    telemetry.configure_logs(site="west", level="debug", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("plek").setLevel(logging.NOTSET)
    logging.getLogger("uvicorn.access").disabled = False


def read_lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_span_continues_the_trace_it_is_given(spans: InMemorySpanExporter) -> None:
    with telemetry.span("append", "client", PARENT, {"db.system.name": "postgresql"}):
        inside = telemetry.current_traceparent()
    (span,) = spans.get_finished_spans()
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == PARENT.split("-")[1]
    assert f"{span.parent.span_id:016x}" == PARENT.split("-")[2]
    assert inside == f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"
    assert span.resource.attributes["service.name"] == "plek-tiny"
    assert span.resource.attributes["plek.site"] == "west"


def test_what_strangers_send_for_a_trace_is_not_remembered_however_long_it_is() -> None:
    tracemalloc.start()
    try:
        for number in range(20):
            assert parse_traceparent(f"{number:02}" + "a" * 1_000_000) is None
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000


def test_a_span_nothing_is_kept_of_can_be_printed() -> None:
    assert UNSAMPLED in repr(PassedOn(UNSAMPLED))


def test_a_batch_links_what_it_follows_from(spans: InMemorySpanExporter) -> None:
    with telemetry.span("apply", "consumer", links=[PARENT, "nonsense"]):
        pass
    (span,) = spans.get_finished_spans()
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [PARENT.split("-")[1]]


def test_a_caller_that_does_not_sample_is_not_sampled(spans: InMemorySpanExporter) -> None:
    with telemetry.span("append", traceparent=UNSAMPLED):
        assert (telemetry.current_traceparent() or "").endswith("-00")
    assert spans.get_finished_spans() == ()


def test_inside_a_trace_nobody_keeps_no_span_is_made(spans: InMemorySpanExporter) -> None:
    with telemetry.span("request", traceparent=UNSAMPLED):
        before = telemetry.current_traceparent()
        with telemetry.span("append") as inner:
            assert not inner.is_recording()
            assert telemetry.current_traceparent() == before == UNSAMPLED
        with telemetry.span("process", traceparent=PARENT):  # another one's, that is kept
            assert (telemetry.current_traceparent() or "").endswith("-01")
        assert telemetry.current_traceparent() == before
    assert [span.name for span in spans.get_finished_spans()] == ["process"]


def test_a_span_that_fails_names_the_exception_and_not_its_text(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match=SECRET), telemetry.span("append"):
        raise ValueError(SECRET)
    (span,) = spans.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["error.type"] == "ValueError"
    assert SECRET not in span.to_json()


def test_a_trace_that_is_kept_leads_a_batch_and_what_is_read_late_begins_its_own() -> None:
    other = PARENT.replace("4bf9", "5bf9")
    assert telemetry.leading([UNSAMPLED, PARENT, other]) == (PARENT, [other])
    assert telemetry.leading([UNSAMPLED]) == (UNSAMPLED, ())
    assert telemetry.leading([]) == (None, ())
    assert telemetry.leading([UNSAMPLED, PARENT, other], late=True) == (None, [PARENT, other])


def test_a_trace_that_began_here_and_is_kept_leads_a_batch_too(spans: InMemorySpanExporter) -> None:
    with telemetry.request_span("POST", None):
        mine = telemetry.current_traceparent()
    assert mine is not None
    assert telemetry.leading([UNSAMPLED, mine]) == (mine, [])
    random_flag = PARENT[:-2] + "03"  # how another library says that it is kept, and that its id is random
    assert telemetry.leading([UNSAMPLED, random_flag]) == (random_flag, [])
    with telemetry.span("process", "consumer", random_flag):
        pass
    assert [span.name for span in spans.get_finished_spans()] == ["POST", "process"]


def test_the_log_names_the_span_that_runs_also_after_another_has_ended(log: io.StringIO) -> None:
    with telemetry.request_span("GET", UNSAMPLED):
        outer = telemetry.current_trace_id()
        with telemetry.request_span("GET", None):
            assert telemetry.current_trace_id() != outer
        telemetry.logger("site").info("said")
    assert read_lines(log)[0]["trace_id"] == outer == UNSAMPLED.split("-")[1]
    assert telemetry.current_traceparent() is None


def test_a_span_that_has_ended_takes_nothing_more(spans: InMemorySpanExporter) -> None:
    with telemetry.span("append") as span:
        span.set_attributes({"rows": 2})
    span.set_attribute("rows", 3)
    span.update_name("another")
    span.set_status(StatusCode.ERROR)
    span.end()
    (ended,) = spans.get_finished_spans()
    assert (ended.name, dict(ended.attributes or {}), ended.status.status_code) == (
        "append",
        {"rows": 2},
        StatusCode.UNSET,
    )


def kept_of(sampler: Bounded, count: int) -> int:
    ids = (number * 2**57 for number in range(count))
    return sum(sampler.keeps(id_) for id_ in ids)


def test_of_a_busy_process_no_more_than_so_many_traces_are_kept() -> None:
    few = Bounded(0.999999, a_second=5)
    assert 5 <= kept_of(few, 100) < 50
    assert kept_of(Bounded(1.0, a_second=1), 9) == 9
    assert kept_of(Bounded(0.0), 9) == 0


def test_of_traces_that_callers_ask_for_a_few_a_second_are_kept_and_of_each_so_many_requests() -> None:
    now = [0.0]
    asked = Asked(a_second=2, requests=3, monotonic=lambda: now[0])
    assert [asked.admits(trace) for trace in (1, 2, 3, 4)] == [True, True, False, False]
    assert [asked.admits(1) for _ in range(4)] == [True, True, False, False], "a trace with no end is kept in part"
    now[0] = 0.5
    assert [asked.admits(trace) for trace in (5, 6)] == [True, False]
    asked.begun(7)
    assert asked.admits(7), "what began here goes on here"


def test_no_more_traces_are_remembered_than_so_many() -> None:
    now = [0.0]
    asked = Asked(a_second=1, monotonic=lambda: now[0])
    asked.begun(1)
    for trace in range(2, ASKED_KNOWN_MAX + 2):
        asked.begun(trace)
    assert asked.admits(2)
    assert asked.admits(1), "as if it were new"
    assert not asked.admits(10**9)


@pytest.fixture
def few() -> Iterator[InMemorySpanExporter]:
    """As a site samples: of what begins here, next to nothing."""
    exporter = InMemorySpanExporter()
    processors = [SimpleSpanProcessor(exporter)]
    telemetry.setup(service="tiny", site="west", processors=processors, sample_ratio=1e-9)
    yield exporter
    telemetry.shutdown()


async def test_a_stranger_who_asks_for_a_trace_is_not_heard_and_has_its_id_all_the_same(
    few: InMemorySpanExporter,
) -> None:
    tokens = Tokens()
    site = tiny_site(tokens)
    for token in (None, "not-a-token"):
        async with caller(site, token, traceparent=PARENT) as client:
            refused = await client.get("/api/tiny/things/1")
        assert (refused.status_code, refused.json()["trace_id"]) == (401, PARENT.split("-")[1])
    assert few.get_finished_spans() == ()
    async with caller(site, tokens.token("operator"), traceparent=PARENT) as client:
        await client.get("/api/tiny/things/1")
    assert [span.name for span in few.get_finished_spans()] == ["GET /api/tiny/things/{thing_id}"]


async def test_a_flood_of_wishes_of_somebody_signed_in_keeps_no_more_than_so_many(few: InMemorySpanExporter) -> None:
    tokens = Tokens()
    site = tiny_site(tokens)
    began = time.monotonic()
    for number in range(1, 101):
        wish = f"00-{number:032x}-00f067aa0ba902b7-01"
        async with caller(site, tokens.token("operator"), traceparent=wish) as client:
            await client.get("/api/tiny/things/1")
    most = ASKED_A_SECOND_MAX * (2 + time.monotonic() - began)
    assert ASKED_A_SECOND_MAX <= len(few.get_finished_spans()) <= min(most, 100)
    few.clear()
    async with caller(site, tokens.token("operator"), traceparent=PARENT) as client:
        for _ in range(ASKED_REQUESTS_MAX + 50):
            await client.get("/api/tiny/things/1")
    assert len(few.get_finished_spans()) <= ASKED_REQUESTS_MAX


def test_of_one_kind_of_line_only_so_many_are_written_and_the_next_one_says_how_many_were_not() -> None:
    now = [0.0]
    limit = LogLimit(lines=2, seconds=10, monotonic=lambda: now[0])

    def line(event: str, name: str = "plek.inbox") -> tuple[bool, Any]:
        record = logging.LogRecord(name, logging.WARNING, "", 0, {"event": event}, None, None)
        return limit.filter(record), record.msg.get("left_out") if isinstance(record.msg, dict) else None

    assert [line("gap")[0] for _ in range(5)] == [True, True, False, False, False]
    assert line("parked") == line("gap", "plek.other") == (True, None), "other kinds are written"
    now[0] = 10.0
    assert line("gap") == (True, 3)
    assert line("gap") == (True, None)
    library = logging.LogRecord("nats", logging.WARNING, "", 0, "lost %s", ("a",), None)
    assert limit.filter(library)
    assert library.getMessage() == "lost a"


def test_a_flood_of_lines_is_cut_off_where_they_are_written(log: io.StringIO) -> None:
    for number in range(LINES_MAX + 100):
        telemetry.logger("inbox").warning("gap", number=number)
    telemetry.logger("inbox").warning("parked")
    lines = [line["event"] for line in read_lines(log)]
    assert (lines.count("gap"), lines.count("parked")) == (LINES_MAX, 1)


def test_what_is_personal_refuses_to_be_printed_however_somebody_tries(log: io.StringIO) -> None:
    given = [Personal(name=SECRET, notes=SECRET), Card(alias=SECRET)]
    for one in given:
        assert SECRET not in f"{one} {one!r} {one!s} {[one]} {one:>40} {'%s %r' % (one, one)}"  # noqa: UP031
    telemetry.logger("desk").warning("a mistake of ours", client=given[0], cards=given)
    with pytest.raises(ValueError, match="Personal: withheld"):
        raise ValueError(given[0])
    assert "withheld" in log.getvalue()
    assert SECRET not in log.getvalue()
    assert SECRET.encode() in msgspec.json.encode(given[0]), "it is sealed as it is"


def test_every_part_of_a_file_refuses_to_be_printed() -> None:
    parts = [
        part for part in vars(file).values()
        if isinstance(part, type) and issubclass(part, msgspec.Struct) and part.__module__ == file.__name__
    ]  # fmt: skip
    assert len(parts) >= 10
    assert [part.__name__ for part in parts if not issubclass(part, Unspoken)] == []


def test_what_leaves_the_vault_refuses_to_be_printed_on_its_way_too(log: io.StringIO) -> None:
    sent = Outgoing("an id", SECRET, Written(SECRET, SECRET, ()), repeat=False, at=AT)
    carried = handover.Carried(Card(alias=SECRET), Personal(), handover.CarriedRequest(
        (SECRET,), (), 1, (SECRET,), file.Facts(()), AT.date(), counted=True))  # fmt: skip
    for one in (sent, carried, carried.request, ContactAnswered("known", alias=SECRET, address=SECRET)):
        assert SECRET not in f"{one} {one!r} {one!s} {[one]} {one:>40}"
        telemetry.logger("desk").warning("a mistake of ours", told=one, all=[one])
    assert "withheld" in log.getvalue()
    assert SECRET not in log.getvalue()


def test_switched_off_nothing_is_made() -> None:
    telemetry.shutdown()
    assert telemetry.span("one") is telemetry.span("two")
    with telemetry.span("one", traceparent=PARENT):
        assert telemetry.current_traceparent() is None


async def test_a_request_is_one_server_span_by_its_template(spans: InMemorySpanExporter) -> None:
    tokens = Tokens()
    async with caller(tiny_site(tokens), tokens.token("operator"), traceparent=PARENT) as client:
        answer = await client.get(f"/api/tiny/things/{SECRET}?kind={SECRET}")
    (span,) = spans.get_finished_spans()
    assert span.name == "GET /api/tiny/things/{thing_id}"
    assert span.attributes is not None
    assert span.attributes["http.route"] == "/api/tiny/things/{thing_id}"
    assert span.attributes["http.response.status_code"] == answer.status_code
    assert SECRET not in span.to_json()
    assert answer.json()["trace_id"] == PARENT.split("-")[1]


def test_a_log_line_is_one_object_with_site_and_trace(spans: InMemorySpanExporter, log: io.StringIO) -> None:
    with telemetry.span("append", traceparent=PARENT):
        telemetry.logger("store").warning("the database is slow", milliseconds=900)
    (line,) = read_lines(log)
    assert (line["event"], line["site"], line["level"]) == ("the database is slow", "west", "warning")
    assert line["milliseconds"] == 900
    assert line["trace_id"] == PARENT.split("-")[1]


@pytest.mark.parametrize("field", sorted(telemetry.WITHHELD))
def test_what_may_hold_a_person_or_a_secret_is_withheld(log: io.StringIO, field: str) -> None:
    telemetry.logger("http").info("asked", **{field: SECRET})
    logging.getLogger("plek.other").info("asked", extra={field: SECRET})
    assert SECRET not in log.getvalue()


def test_an_exception_is_told_by_type_and_place_and_by_text_only_when_it_is_ours(
    log: io.StringIO,
) -> None:
    store_log = telemetry.logger("store")
    for error in (ValueError(SECRET), StoreUnavailable("the database does not answer")):
        try:
            raise error
        except Exception as caught:
            store_log.error("failed", exc_info=caught)
    theirs, ours = (line for line in read_lines(log) if line["event"] == "failed")
    assert theirs["error"] == "ValueError"
    assert ours["error"] == "StoreUnavailable: the database does not answer"
    assert "test_an_exception" in theirs["at"][-1]
    assert SECRET not in json.dumps([theirs, ours])


def test_a_library_speaks_through_the_same_lines(log: io.StringIO) -> None:
    logging.getLogger("somebody.else").info("chatter")
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    (line,) = read_lines(log)
    assert line["event"] == "Task exception was never retrieved"
    assert line["error"] == "ValueError"


def test_a_collector_that_never_answers_does_not_keep_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        telemetry.setup(service="tiny", site="west", otlp_endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with telemetry.span("lost"):
            pass
        telemetry.shutdown(timeout_seconds=0.2)
    assert not telemetry.enabled()
