"""From which kind of place households go to which, week by week: by these words it is counted, and nobody is in it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import NamedTuple

from shared.contracts.vocabulary import FLOW_ENDS

ALLOWANCE, OUT = "allowance", "out"
"""The two words of `FLOW_ENDS` that are no kind of bed."""


class Flow(NamedTuple):
    """came_from, went_to: words of `FLOW_ENDS`; the same twice of a household that was back where it was."""

    came_from: str
    went_to: str

    @property
    def word(self) -> str:
        """The flow in one word, as counts of a week are kept by."""
        return f"{self.came_from}>{self.went_to}"


def read_flow(word: str) -> Flow | None:
    """A flow by its word again; None when it is none that is counted."""
    came_from, _, went_to = word.partition(">")
    return Flow(came_from, went_to) if came_from in FLOW_ENDS and went_to in FLOW_ENDS else None


def every_flow(counts: Mapping[str, int]) -> list[tuple[Flow, int]]:
    """Every flow that leads somewhere else, with its count, also those nobody went. counts: by the words of flows."""
    ways = (Flow(came_from, went_to) for came_from, went_to in permutations(FLOW_ENDS, 2))
    return [(flow, counts.get(flow.word, 0)) for flow in ways]
