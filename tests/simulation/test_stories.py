"""A thousand random stories can be told, with `python -m tests.simulation.stories`; here are some of them, and what is
said of one that cannot be told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.intake import RequestNoticed
from shared.telemetry import span
from tests.simulation import oracle_stories
from tests.simulation.judging import Violation
from tests.simulation.oracle_stories import Seen, no_orphans
from tests.simulation.run import run_seed
from tests.simulation.stories import every_span, stories_of

SEED, WITH_FILES = 2, 4
"""The second has what is told out of files."""


@pytest.mark.parametrize(("seed", "stories", "cuts"), [(SEED, 40, 0), (WITH_FILES, 90, 20)])
def test_every_event_leads_back_to_its_beginning_and_no_span_is_an_orphan(seed: int, stories: int, cuts: int) -> None:
    told = stories_of(seed)
    assert len(told.stories) > stories
    assert told.cuts >= cuts


def test_a_seed_is_the_same_with_spans_and_without() -> None:
    with every_span(SEED):
        traced = run_seed(SEED)
    assert traced.trace_hash == run_seed(SEED).trace_hash


def _timers_set(*_: Any) -> list[Any]:
    return []


@pytest.mark.parametrize(
    ("part", "instead", "said"),
    [
        ("timers_set", _timers_set, "an event nobody can say the cause of"),
        ("policy_command", lambda id_, name: f"{id_}{name}", "an event nobody can say the cause of"),
    ],
)
def test_what_cannot_be_told_is_missed(
    monkeypatch: pytest.MonkeyPatch, part: str, instead: Callable[..., Any], said: str
) -> None:
    monkeypatch.setattr(oracle_stories, part, instead)
    with pytest.raises(Violation, match=said):
        stories_of(WITH_FILES)


def test_a_notice_that_says_which_file_it_is_from_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RequestNoticed, "cut", False)
    with pytest.raises((Violation, AssertionError), match="a notice says more"):
        stories_of(WITH_FILES)


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
