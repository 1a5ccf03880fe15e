"""What may be handed on about a pay run: how many households it paid, and how much, without what is small. Pure.

A sum gives away as much as a count: tariffs are public, so the exact sum of a few households says who is among them.
The sum of a part is shown only where nobody in it stands almost alone, and where nobody does in what a reader has left
after taking all the sums that are shown off the total (`docs/decisions/0061-reports.md`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from services.allowance.events_payroll import Line
from services.allowance.ledger import REFUSED, RESERVED, Posting
from shared.suppression import Shown, suppress

Outcome = Literal["paid", "waiting", "not_fetched"]


class Household(NamedTuple):
    """One household that had something due in a run for its own period. cents: of that period."""

    site: str
    method: str
    outcome: Outcome
    cents: int


class Part(NamedTuple):
    """None: left out."""

    households: int | None
    cents: int | None


class Report(NamedTuple):
    """households, cents: of all; None where there are few, and nothing else is told then. sites, methods, outcomes: the
    same households by each."""

    households: int | None
    cents: int | None
    sites: Mapping[str, Part]
    methods: Mapping[str, Part]
    outcomes: Mapping[str, Part]


Groups = Mapping[str, list[Household]]


def report(households: Iterable[Household], below: int) -> Report:
    """below: counts of 1 up to this one, without it, are small. The order of the households changes nothing."""
    those = list(households)
    lists = [_grouped(those, column) for column in ("site", "method", "outcome")]
    tables = [suppress({word: len(some) for word, some in groups.items()}, below) for groups in lists]
    if any(table.count is None for table in tables):  # what one list has to leave out, another would tell
        return Report(None, None, {}, {}, {})  # and who is in a list of few, is there once
    sites, methods, outcomes = (_parts(groups, table, below) for groups, table in zip(lists, tables, strict=True))
    if "waiting" in outcomes and len(outcomes) > 1:  # who comes meanwhile is what two looks differ by, to the cent
        outcomes = {word: part._replace(cents=None) for word, part in outcomes.items()}
    return Report(len(those), _cents(those), sites, methods, outcomes)


def _grouped(households: Iterable[Household], column: str) -> Groups:
    groups: dict[str, list[Household]] = {}
    for one in sorted(households):
        groups.setdefault(getattr(one, column), []).append(one)
    return dict(sorted(groups.items()))


def _parts(groups: Groups, table: Shown, below: int) -> dict[str, Part]:
    left = _left_out(groups, table, below)
    return {
        word: Part(table[word].count, None if word in left else _cents(some)) for word, some in groups.items()
    }  # fmt: skip


def _left_out(groups: Groups, table: Shown, below: int) -> set[str]:
    """The parts whose sum is not shown. Together they are what is left of the total: more are left out until nobody in
    that stands almost alone either."""
    left = {word for word, some in groups.items() if table[word].count is None or not _many(some, below)}
    while left and left != groups.keys() and not _many([one for word in left for one in groups[word]], below):
        left.add(min(groups.keys() - left, key=lambda word: (len(groups[word]), word)))
    return left


def _many(households: Iterable[Household], below: int) -> bool:
    """Whether there are enough of every amount: whoever knows the tariffs knows a household's size by it."""
    return all(count >= below for count in Counter(one.cents for one in households).values())


def _cents(households: Iterable[Household]) -> int:
    return sum(one.cents for one in households)


def households(lines: Sequence[Line], period: str, posted: Iterable[Posting]) -> list[Household]:
    """Whom a run paid for its own period, and what became of it; who they are is never another one, whatever is
    corrected later. posted: all the run has posted so far."""
    # What was reserved of earlier runs and is paid with this one was posted to them; here only that it is taken over.
    accounts = {(line.entitlement_id, RESERVED): -max(0, line.before) for line in lines}
    for one in posted:
        if one.period == period:
            key = (one.entitlement_id, one.account)
            accounts[key] = accounts.get(key, 0) + one.cents
    return [
        Household(line.site, line.method, _outcome(line.entitlement_id, accounts), cents)
        for line in lines
        if (cents := dict(line.parts).get(period, 0)) > 0
    ]


def _outcome(entitlement_id: str, accounts: Mapping[tuple[str, str], int]) -> Outcome:
    if accounts.get((entitlement_id, RESERVED), 0) < 0:
        return "waiting"
    return "not_fetched" if accounts.get((entitlement_id, REFUSED), 0) < 0 else "paid"
