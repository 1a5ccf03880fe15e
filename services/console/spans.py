"""The stretches of time a trace is made of, and how they hang on each other. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec


class Kept(msgspec.Struct, frozen=True, gc=False):
    """One span. parent_id: empty for the first of its trace. links: ids of the traces it follows from.

    service: whose process it was in, `plek-placement`. seconds: how long it took. failed: with which type of error, or
    empty.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    began_at: datetime
    seconds: float
    failed: str
    attributes: dict[str, str]
    links: tuple[str, ...]


NOWHERE = ("", "")


class Line(NamedTuple):
    """One span of a waterfall. depth: under how many others. after: seconds since the first of all began."""

    span: Kept
    depth: int
    after: float


def waterfall(spans: Sequence[Kept]) -> list[Line]:
    """The spans as they hang on each other, each under its parent, in time; one whose parent is not here stands by
    itself."""
    by_id = {(span.trace_id, span.span_id): span for span in spans}
    below: dict[tuple[str, str], list[Kept]] = defaultdict(list)
    for span in sorted(by_id.values(), key=lambda one: (one.began_at, one.span_id)):
        parent = (span.trace_id, span.parent_id)
        below[parent if parent in by_id and span.parent_id != span.span_id else NOWHERE].append(span)
    if not spans:
        return []
    start = min(span.began_at for span in spans)
    found: list[Line] = []
    waiting = [(0, span) for span in reversed(below[NOWHERE])]
    while waiting:
        depth, span = waiting.pop()
        found.append(Line(span, depth, (span.began_at - start).total_seconds()))
        waiting += [(depth + 1, child) for child in reversed(below.pop((span.trace_id, span.span_id), ()))]
    return found
