"""Random stories, each told from its beginning: seeds of the simulation with every span kept.

`.venv/bin/python -m tests.simulation.stories 1000` lives seeds until so many stories were told.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator

from shared import telemetry
from tests.simulation.oracle_stories import Seen, Told, homes, no_orphans, tell
from tests.simulation.run import replay_command, run_seed
from tests.simulation.world import World


class Spans(SpanProcessor):
    """Every span that ended."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def on_end(self, span: ReadableSpan) -> None:
        context = span.context
        assert context is not None
        links = tuple((link.context.trace_id, link.context.span_id) for link in span.links)
        parent = None if span.parent is None else span.parent.span_id
        self.seen.append(Seen(context.trace_id, context.span_id, parent, span.name, links))


class SeededSpans(IdGenerator):
    """Ids of traces and spans out of a seed of their own: what a seed does is the same with spans and without."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def generate_trace_id(self) -> int:
        return self._chance.getrandbits(128) or 1

    def generate_span_id(self) -> int:
        return self._chance.getrandbits(64) or 1


@contextmanager
def every_span(seed: int) -> Iterator[Spans]:
    """While it lasts every span is kept."""
    spans = Spans()
    telemetry.setup(service="simulation", site="everywhere", processors=[spans], ids=SeededSpans(seed))
    try:
        yield spans
    finally:
        telemetry.shutdown()


def stories_of(seed: int) -> Told:
    """Lives one seed. Raises `Violation` when it does not hold, or one of its stories cannot be told."""
    found: list[Told] = []
    with every_span(seed) as spans:

        def look(world: World) -> None:
            found.append(tell(world))
            no_orphans(spans.seen, homes(world))

        outcome = run_seed(seed, look=look)
    assert outcome.failure is None, f"{outcome.failure}\nreplay it with: {replay_command(seed)}"
    return found[0]


def main() -> int:
    """Exit 0 when every story was told."""
    wanted, told, cuts, seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000, 0, 0, 0
    while told < wanted:
        seed += 1
        one = stories_of(seed)
        told, cuts = told + len(one.stories), cuts + one.cuts
        print(f"seed {seed}: {len(one.stories)} stories, {told} of {wanted}", file=sys.stderr, flush=True)
    print(f"{told} stories of {seed} seeds: each leads back to its beginning, no span is an orphan,"
          f" {cuts} messages say nothing of the file they are from")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
