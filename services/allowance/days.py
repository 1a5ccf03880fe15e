"""The days somebody is entitled to an allowance, and what they come to. Pure."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from shared.contracts.vocabulary import SizeClass
from shared.money import Part, Period, prorated

SPANS_MAX = 400
"""Pieces the days of one entitlement may be in: meals elsewhere every other day for more than the two years that days
can be corrected back, and for longer than any stay may last. So many fit into one letter."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """Days in a row at one size of the household. until: the first day after them; None: until further notice."""

    first: date
    until: date | None
    size_class: SizeClass


class Tariff(msgspec.Struct, frozen=True, gc=False):
    """What a period is worth to a household of one size class, from a day on until the next tariff of that class."""

    size_class: SizeClass
    cents: int
    valid_from: date


Spans = tuple[Span, ...]


def without(spans: Spans, first: date, until: date | None) -> Spans:
    """The days but for those from `first` to before `until`."""
    left: list[Span] = []
    for span in spans:
        if (until is not None and span.first >= until) or (span.until is not None and span.until <= first):
            left.append(span)
            continue
        if span.first < first:
            left.append(Span(span.first, first, span.size_class))
        if until is not None and (span.until is None or span.until > until):
            left.append(Span(until, span.until, span.size_class))
    return tuple(left)


def without_all(spans: Spans, days: Iterable[tuple[date, date | None]]) -> Spans:
    """The days but for all of those, each from its first to before its last (None: until further notice)."""
    for first, until in days:
        if until is None or until > first:
            spans = without(spans, first, until)
    return spans


Days = tuple[tuple[date, date | None], ...]
"""Days in a row, each from its first to before its last; None: until further notice."""


def but(days: Days, first: date, until: date | None) -> Days:
    """The days but for those from `first` to before `until`."""
    spans = without(tuple(Span(*row, "1") for row in days), first, until)
    return tuple((span.first, span.until) for span in spans)


def but_all(days: Days, others: Days) -> Days:
    """The days but for all of those others."""
    for first, until in others:
        days = but(days, first, until)
    return days


def put(spans: Spans, first: date, until: date | None, size_class: SizeClass) -> Spans:
    """The days with those from `first` to before `until` at this size; what touches at the same size is one span."""
    laid: list[Span] = []
    for span in sorted((*without(spans, first, until), Span(first, until, size_class)), key=lambda one: one.first):
        if laid and laid[-1].until == span.first and laid[-1].size_class == span.size_class:
            laid[-1] = Span(laid[-1].first, span.until, span.size_class)
        else:
            laid.append(span)
    return tuple(laid)


def in_order(spans: Sequence[Span]) -> bool:
    """Whether spans follow each other without a day twice, and only the last is open."""
    ends = all(span.until is not None and span.until > span.first for span in spans[:-1])
    last = not spans or spans[-1].until is None or spans[-1].until > spans[-1].first
    return (
        ends
        and last
        and all(one.until is not None and one.until <= other.first for one, other in itertools.pairwise(spans))
    )


class Rate(NamedTuple):
    """What a whole period is worth on the days from `first` to before `until` (None: until further notice)."""

    first: date
    until: date | None
    cents: int


def rates(tariffs: Iterable[Tariff]) -> dict[SizeClass, list[Rate]]:
    """Tariffs as days in a row, by size class."""
    found: dict[SizeClass, list[Rate]] = {}
    for tariff in sorted(tariffs, key=lambda tariff: tariff.valid_from):
        mine = found.setdefault(tariff.size_class, [])
        if mine:
            mine[-1] = mine[-1]._replace(until=tariff.valid_from)
        mine.append(Rate(tariff.valid_from, None, tariff.cents))
    return found


def worth(
    periods: Sequence[Period], spans: Spans, by_class: Mapping[SizeClass, Sequence[Rate]]
) -> list[tuple[str, int]]:
    """What these days come to in each of these periods, which follow each other: names and cents; what comes to nothing
    is left out, as a day before the first tariff of its class does. by_class: what `rates` gives."""
    cents: dict[int, int] = {}
    parts: dict[int, list[Part]] = {}
    for span in spans:
        for rate in by_class.get(span.size_class, ()):
            first = max(span.first, rate.first, periods[0].first)
            until = min(each for each in (span.until, rate.until, periods[-1].until) if each is not None)
            number = bisect_right(periods, first, key=_first) - 1
            while first < until:
                period = periods[number]
                ends = min(until, period.until)
                if first == period.first and ends == period.until:
                    cents[number] = rate.cents
                else:
                    parts.setdefault(number, []).append(Part((ends - first).days, rate.cents))
                first, number = ends, number + 1
    for number, some in parts.items():
        cents[number] = prorated(periods[number], some)
    return [(periods[number].name, cents[number]) for number in sorted(cents) if cents[number]]


def _first(period: Period) -> date:
    return period.first
