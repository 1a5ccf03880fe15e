"""docs/tour.md walks one command through the code; a real one takes that walk here, and its trace is held to it."""

from __future__ import annotations

import importlib
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.network import Network, eventually, running_network
from tests.support.otlp import Collector, collecting

TOUR = Path(__file__).resolve().parents[2] / "docs" / "tour.md"
ROW = re.compile(
    r"^\|\s*(\d)\s*\|[^|]*`(?P<file>[\w/]+\.py)`[^|]*`(?P<function>[\w.]+)`[^|]*"
    r"\|\s*`(?P<span>[^`]+)`\s*\|\s*(?P<site>\w+)\s*\|"
)


class Hop(NamedTuple):
    """One line of the tour's table."""

    file: str
    function: str
    span: str
    site: str


def hops() -> list[Hop]:
    found = [ROW.match(line) for line in TOUR.read_text("utf-8").splitlines()]
    return [Hop(m["file"], m["function"], m["span"], m["site"]) for m in found if m]


def test_the_tour_has_eight_hops_and_each_is_in_the_code() -> None:
    assert len(hops()) == 8
    for hop in hops():
        target: object = importlib.import_module(hop.file.removesuffix(".py").replace("/", "."))
        for name in hop.function.split("."):
            target = getattr(target, name)
        assert callable(target), hop


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


async def test_a_hold_at_west_takes_the_tour_in_one_trace(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "1")
    with running_network() as network:
        trace_id = await _hold(network)

        async def arrived() -> bool:
            seen = {(span.site, span.name) for span in collector.trace(trace_id)}
            return {(hop.site, hop.span) for hop in hops()} <= seen

        try:
            await eventually("every hop of the tour to show in the trace", arrived, 15)
        except AssertionError as late:
            seen = sorted({(span.site, span.name) for span in collector.trace(trace_id)})
            raise AssertionError(f"{late}; the trace has {seen}") from None
    spans = collector.trace(trace_id)
    first = {(hop.site, hop.span): min(s.start_nanoseconds for s in spans if (s.site, s.name) == (hop.site, hop.span))
             for hop in hops()}  # fmt: skip
    order = [first[hop.site, hop.span] for hop in hops()]
    assert order == sorted(order), "the tour tells the hops in another order than they happen"


async def _hold(network: Network) -> str:
    """Holds a place at west under a trace of our own; returns the trace's id."""
    trace_id = secrets.token_hex(16)
    async with network.client("west") as client, network.client("stad", "coordinator") as city:
        location, _ = await network.new_location(client, 1)

        async def known() -> bool:
            rows = (await city.get("/api/placement/capacity", params={"location": location})).json()["rows"]
            return [row["total"] for row in rows] == [1]

        # Else the hold may come to stad in one batch with the place, and a batch has one trace for a parent.
        await eventually("stad to know the place", known)
        answer = await client.post(
            "/api/placement/holds",
            json={"location": location, "kind": "shelter_24h", "household_size": 1},
            headers={"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"},
        )
        assert answer.status_code == 201, answer.text
    return trace_id
