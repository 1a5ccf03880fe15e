"""How a pay run differs from the one before it, and why: what whoever approves it looks at. Pure.

A run's total is what its lines come to for its own period, for earlier ones (corrections), and what is carried over
from one run to the next. So the difference of two totals is the sum of five: who is new, who is gone, who gets another
amount, and what more or less there is of the other two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Line = Mapping[str, Any]
"""A line of a run as it is stored: `services.allowance.events_payroll.Line`."""


class Change(NamedTuple):
    """households: how many it concerns. cents: by how much the run is more than the one before, because of them."""

    households: int
    cents: int


class Explained(NamedTuple):
    """new, gone: paid for this run's period and not for the last one's, or the other way round. other: another amount.
    corrections, carried: of earlier periods, and from run to run: those in this run, and what that is more than in the
    last one."""

    new: Change
    gone: Change
    other: Change
    corrections: Change
    carried: Change

    @property
    def cents(self) -> int:
        """All of it: by how much the totals differ."""
        return sum(change.cents for change in self)


class _Sums(NamedTuple):
    own: dict[str, int]
    corrections: dict[str, int]
    carried: dict[str, int]


def explained(period: str, lines: Iterable[Line], last_period: str, last_lines: Iterable[Line]) -> Explained:
    """Why a run comes to another total than the one before it; what was before the first is nothing."""
    now, before = _sums(period, lines), _sums(last_period, last_lines)
    new = {id_: cents for id_, cents in now.own.items() if id_ not in before.own}
    gone = {id_: -cents for id_, cents in before.own.items() if id_ not in now.own}
    other = {id_: now.own[id_] - before.own[id_] for id_ in now.own.keys() & before.own.keys()}
    changed = {id_: cents for id_, cents in other.items() if cents}
    return Explained(
        *(Change(len(some), sum(some.values())) for some in (new, gone, changed)),
        *(
            Change(len(mine), sum(mine.values()) - sum(theirs.values()))
            for mine, theirs in ((now.corrections, before.corrections), (now.carried, before.carried))
        ),
    )  # fmt: skip


def households(period: str, lines: Iterable[Line]) -> int:
    """How many are paid for this period."""
    return len(_sums(period, lines).own)


def twice(lines: Iterable[Line]) -> int:
    """Entitlements with more than one line: there are none, or the run is wrong."""
    ids = [line["entitlement_id"] for line in lines]
    return len(ids) - len(set(ids))


def _sums(period: str, lines: Iterable[Line]) -> _Sums:
    sums = _Sums({}, {}, {})
    for line in lines:
        id_, parts = line["entitlement_id"], dict(line["parts"])
        own = parts.pop(period, 0)
        earlier = sum(parts.values())
        for found, cents in zip(sums, (own, earlier, line["cents"] - own - earlier), strict=True):
            if cents:
                found[id_] = cents
    return sums
