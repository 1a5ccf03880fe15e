"""A code in an address is in nothing that we keep of a request: no log line, no span, no metric, no answer."""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import metrics, telemetry
from tests.allowance.test_vouchers import issued, voucher
from tests.support.allowance_desk import AllowanceNetwork, open_allowance

WRONG = "7Q7Q-7Q7Q-7Q7Q-7Q7Q"
PATHS = (
    "/vouchers/{}/redeem",
    "/vouchers/{}/redeemed",
    "/vouchers/{}",
    "/vouchers/{}/redeem/",
    "/vouchers/{}%00/redeem",
)
"""The first is an address of the service; the others are what somebody may mistype."""


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    telemetry.setup(service="allowance", site="west", processors=[SimpleSpanProcessor(exporter)])
    yield exporter
    telemetry.shutdown()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Where this process's log lines go, every one of them; those of the test's own HTTP client are not ours."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    strangers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    telemetry.configure_logs(site="west", level="debug", stream=stream)
    for one in strangers:
        one.disabled = True
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("plek").setLevel(logging.NOTSET)
    for one in (*strangers, logging.getLogger("uvicorn.access")):
        one.disabled = False


@pytest.fixture
async def network() -> AsyncIterator[AllowanceNetwork]:
    async with open_allowance() as opened:
        yield opened


async def test_a_code_in_an_address_is_kept_in_no_log_span_metric_or_answer(
    network: AllowanceNetwork, spans: InMemorySpanExporter, log: io.StringIO
) -> None:
    _, id_, _ = await voucher(network)
    code = (await issued(network, id_))["code"]
    answers = []
    for number, given in enumerate((WRONG, code, code)):  # unknown, paid, and paid already
        for path in PATHS:
            answers.append(await network.west.post(path.format(given), role="operator", key=f"{number}{given}{path}"))
            answers.append(await network.west.get(path.format(given), role="operator"))
    statuses = {answer.status_code for answer in answers}
    assert {200, 404, 405, 409} <= statuses <= {200, 404, 405, 409, 422}
    finished = spans.get_finished_spans()
    redeems = [span for span in finished if "redeem" in span.name]
    assert redeems, "requests are traced, by the template of their address"
    assert "redeem" in log.getvalue(), "and logged, in the same way"
    kept = [log.getvalue(), metrics.exposition().decode(), *(answer.text for answer in answers)]
    kept += [span.to_json() for span in finished]
    for given in (WRONG, code):
        for written in (given, given.lower(), given.replace("-", "")):
            assert not [where for where in kept if written in where]
