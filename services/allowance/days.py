"""The days somebody is entitled to an allowance, and what they come to. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import zip_longest

import msgspec

from shared.contracts.vocabulary import SizeClass
from shared.money import Part, Period, prorated

SPANS_MAX = 60
"""Pieces the days of one entitlement may be in: a change every week for more than a year."""


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


def entitled_cents(period: Period, spans: Spans, tariffs: Iterable[Tariff]) -> int:
    """What these days come to in a period. A day before the first tariff of its class comes to nothing."""
    starts = sorted(tariffs, key=lambda tariff: tariff.valid_from)
    parts: list[Part] = []
    for span in spans:
        first, until = max(span.first, period.first), min(span.until or period.until, period.until)
        mine = [tariff for tariff in starts if tariff.size_class == span.size_class]
        ends_at = [tariff.valid_from for tariff in mine[1:]]
        for tariff, following in zip_longest(mine, ends_at):
            begins = max(first, tariff.valid_from)
            ends = until if following is None else min(until, following)
            if begins < ends:
                parts.append(Part((ends - begins).days, tariff.cents))
    return prorated(period, parts)
