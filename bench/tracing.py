"""What tracing costs a command: with it and without, by turns on the same desks, so that whatever else the
machine does falls on both.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from bench import desk
from bench.command import IN_FLIGHT
from bench.ground import Ground, Line, median_ratio, workers
from services.console.api_spans import add_spans
from services.console.views_spans import SPAN_TABLES, Spans
from services.placement.commands import LocationCommand
from shared import telemetry
from shared.clock import SystemClock
from shared.handling import Handled
from shared.http import new_app, service_api
from shared.http_border import Border
from shared.settings import SiteSettings
from shared.tracing import PATH
from tests.support.border import Tokens

KEPT_MIN = 0.9
"""Of the commands a second without tracing so many are left with it."""
RATIO: float = SiteSettings.model_fields["trace_sample_ratio"].default
TURNS = 11
"""With and without, each: an odd number, so that one of them is the middle."""

Setup = Callable[[], None]


def run(ground: Ground) -> list[Line]:
    """As a site does it, then with as many spans as there could be."""
    return ground.run(_by_default(ground)) + ground.run(_one_in_ten(ground))


async def _by_default(ground: Ground) -> list[Line]:
    """Each command in a request of its own; spans go over OTLP to a console in the same process, which stores them."""
    async with ground.store(SPAN_TABLES, "console") as kept, _console(Spans(kept)) as (address, token):

        def setup() -> None:
            telemetry.setup(service="west", site="west", own_store=(address, token), sample_ratio=RATIO)

        lines = await _by_turns(ground, "commands, traced as by default", 1.2, setup, AsRequest)
        stored = await kept.query(lambda pool: pool.fetchval("select count(*) from spans"))
        assert stored, "no span was kept: nothing was measured"
        return lines


async def _one_in_ten(ground: Ground) -> list[Line]:
    """One in ten, where a site keeps no more than some a second. Sent nowhere: what is measured is making them."""

    def setup() -> None:
        telemetry.setup(service="placement", site="west", processors=[BatchSpanProcessor(_Gone())])

    return await _by_turns(ground, "commands, one in 10 traced whatever their number", 1.2, setup, OneInTen)


async def _by_turns(ground: Ground, name: str, seconds: float, setup: Setup, kind: type[desk.Desk]) -> list[Line]:
    """Which of the two comes first changes from turn to turn: what grows meanwhile falls on both. seconds: a turn."""
    length = 0.3 if ground.quick else seconds
    traced: list[float] = []
    bare: list[float] = []
    async with ground.store(desk.TABLES) as store:
        handler = desk.handler(store)
        desks = [kind(handler, number) for number in range(IN_FLIGHT)]
        for each in desks:
            await each.open()
        for turn in range(TURNS):
            for with_spans in (True, False) if turn % 2 else (False, True):
                if with_spans:
                    setup()
                rate = await _turn(desks, length)
                (traced if with_spans else bare).append(rate)
    return [
        Line(name, statistics.median(traced), "commands/s", "untraced", statistics.median(bare),
             median_ratio(traced, bare), KEPT_MIN)
    ]  # fmt: skip


async def _turn(desks: Sequence[desk.Desk], seconds: float) -> float:
    """Commands a second. Spans that are left when it ends are sent in its time, too."""
    began = time.perf_counter()
    rate = await workers(len(desks), seconds, lambda number, go_on: desks[number].work(go_on))
    given = rate * (time.perf_counter() - began)
    await asyncio.to_thread(telemetry.shutdown)  # what takes them may be a server on this loop
    return given / (time.perf_counter() - began)


@asynccontextmanager
async def _console(spans: Spans) -> AsyncIterator[tuple[str, Callable[[], str]]]:
    """What takes spans of a site, behind its border on a port of its own: its address, and what makes tokens for it."""
    tokens, app = Tokens(), new_app("site")
    api = service_api("console", "The console", asyncapi={"asyncapi": "3.0.0"})
    add_spans(api, spans, SystemClock(), RATIO)
    app.mount("/api/console", api)
    border = Border(app, verify=tokens.verify)
    server = uvicorn.Server(uvicorn.Config(border, host="127.0.0.1", port=0, lifespan="off", log_config=None))
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}{PATH}", lambda: tokens.token("oncall")
    finally:
        server.should_exit = True
        await task


class AsRequest(desk.Desk):
    """A desk whose commands come over HTTP: each in the span of a request, which begins a trace."""

    async def give(self, command: LocationCommand) -> Handled:
        with telemetry.request_span("POST", None):
            return await super().give(command)

    def traceparent(self) -> str | None:
        return telemetry.current_traceparent()


class OneInTen(desk.Desk):
    """A desk of whose commands one in ten comes with a trace that is kept."""

    given = 0

    def traceparent(self) -> str | None:
        self.given += 1
        return desk.TRACEPARENT if self.given % 10 == 0 else desk.TRACEPARENT[:-2] + "00"


class _Gone(SpanExporter):
    """Where finished spans go that nobody collects."""

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        return SpanExportResult.SUCCESS
