"""A thousand random stories can be told, with `python -m tests.simulation.stories`; here are some of them, and what is
said of one that cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import pytest

from shared.causes import policy_command
from shared.telemetry import span
from tests.simulation.judging import Violation
from tests.simulation.oracle_stories import POLICIES, Home, Known, Seen, no_orphans, tell, what_follows
from tests.simulation.run import run_seed
from tests.simulation.stories import every_span, stories_of
from tests.simulation.world import World

SEED, WITH_FILES = 2, 4
"""The second has what is told out of files."""


def test_every_event_leads_back_to_its_beginning_and_no_span_is_an_orphan() -> None:
    told = [stories_of(seed) for seed in (SEED, WITH_FILES)]
    assert sum(len(one.stories) for one in told) > 100
    assert sum(one.cuts for one in told) > 10


def test_a_seed_is_the_same_with_spans_and_without() -> None:
    with every_span(SEED):
        traced = run_seed(SEED)
    assert traced.trace_hash == run_seed(SEED).trace_hash


@pytest.mark.parametrize("left_out", ["timers", "policies"])
def test_what_cannot_be_told_is_missed(left_out: str) -> None:
    def worked_out(there: Iterable[Home], messages: AbstractSet[str]) -> Known:
        known = what_follows(there, messages)
        policies = {policy_command(id_, name) for id_ in messages for names in POLICIES.values() for name in names}
        kept = {id_: cause for id_, cause in known.causes.items() if (id_ in policies) == (left_out == "timers")}
        return Known(kept, known.itself)

    def look(world: World) -> None:
        with pytest.raises(Violation, match="an event nobody can say the cause of"):
            tell(world, worked_out)

    with every_span(WITH_FILES):
        assert run_seed(WITH_FILES, look=look).failure is None


def test_a_span_that_hangs_on_nothing_is_an_orphan() -> None:
    root = Seen(1, 1, None, "desk", ())
    no_orphans([root, Seen(1, 2, 1, "handle", ((1, 1),))], [])
    with pytest.raises(Violation, match="an orphan"):
        no_orphans([root, Seen(1, 2, 3, "handle", ())], [])
    with pytest.raises(Violation, match="an orphan"):
        no_orphans([root, Seen(2, 2, 1, "handle", ())], [])
    with pytest.raises(Violation, match="linked to one that is nowhere"):
        no_orphans([root, Seen(1, 2, 1, "handle", ((1, 9),))], [])


def test_spans_are_kept_with_whom_they_hang_on() -> None:
    with every_span(SEED) as spans, span("outer"), span("inner", links=(f"00-{1:032x}-{1:016x}-01",)):
        pass
    inner, outer = spans.seen
    assert (inner.name, inner.parent, inner.trace) == ("inner", outer.span, outer.trace)
    assert (outer.parent, inner.links) == (None, ((1, 1),))
