"""A report is read by somebody who knows every tariff, takes sums and counts off each other, and tries every city that
would look the same: no small count is the same in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product

import pytest
from msgspec.structs import replace

from services.allowance.events_payroll import Line
from services.allowance.ledger import PAID, REFUSED, RESERVED, Posting, postings
from services.allowance.reports import Household, Part, Report, households, report
from tests.allowance.sample import DRAFTED, SEAT, SEAT_2, SEAT_3, SEAT_4

Cell = tuple[str, str, int]
"""A site, a way to pay, an amount."""
City = tuple[int, ...]
"""How many households there are of every cell."""
Make = Callable[[list[Household], int], Report]

THREE_SITES = tuple(product("abc", "v", (1, 100)))
"""Amounts of which every sum says how many there are of each: no reader knows more."""
TWO_WAYS = tuple(product("ab", "vc", (1, 100)))
ONE_AMOUNT = tuple(product("ab", "vc", (100,)))
BELOW = 3
"""Of two, a total that is left out would be one, whatever is shown."""


def people(cells: tuple[Cell, ...], city: City) -> list[Household]:
    return [
        Household(site, method, "paid", cents)
        for (site, method, cents), count in zip(cells, city, strict=True)
        for _ in range(count)
    ]


def figures(shown: Report) -> dict[object, int | None]:
    """Every count and sum a reader has in hand, by where it stands."""
    lists = {"sites": shown.sites, "methods": shown.methods, "outcomes": shown.outcomes}
    found: dict[object, int | None] = {"households": shown.households, "cents": shown.cents}
    for name, parts in lists.items():
        for word, part in parts.items():
            found |= {(name, word, "households"): part.households, (name, word, "cents"): part.cents}
    return found


def everything(those: list[Household]) -> dict[object, int]:
    """The same of a report that leaves nothing out."""
    return {where: figure for where, figure in figures(report(those, 0)).items() if figure is not None}


def counts(cells: tuple[Cell, ...], city: City) -> Mapping[tuple[object, ...], int]:
    """Every count of a part, and of an amount within it where that is not all there are."""
    found: dict[tuple[object, ...], int] = {}
    for column in (0, 1):
        words = {cell[column] for cell, count in zip(cells, city, strict=True) if count}
        for cell, count in zip(cells, city, strict=True):
            for key in [(column, cell[column]), *([(column, cell[column], cell[2])] if len(words) > 1 else [])]:
                found[key] = found.get(key, 0) + count
    return found


def cities(cells: int, most: int) -> Iterator[City]:
    """Every city of up to so many households. A total that is shown is exact, so no larger one could look the same."""
    if cells == 1:
        yield from ((count,) for count in range(most + 1))
        return
    for first in range(most + 1):
        yield from ((first, *others) for others in cities(cells - 1, most - first))


def given_away(make: Make, cells: tuple[Cell, ...], most: int) -> Iterator[tuple[City, object]]:
    """What is small and certain: a city, and which of its counts. Whoever reads its report tries every city of which
    all that is shown is true, and in which what is left out is somebody."""
    whole = {city: everything(people(cells, city)) for city in cities(len(cells), most)}
    fitting: dict[frozenset[object], dict[object, list[City]]] = {}
    for city in whole:
        shown = figures(make(people(cells, city), BELOW))
        told = frozenset(where for where, figure in shown.items() if figure is not None)
        if told not in fitting:
            fitting[told] = {}
            for other, real in whole.items():
                fitting[told].setdefault(_seen(real, told), []).append(other)
        those = fitting[told][_seen(whole[city], told)]
        values: dict[object, set[int]] = {}
        for other in those:
            for key, count in counts(cells, other).items():
                values.setdefault(key, set()).add(count)
        for key, count in counts(cells, city).items():
            if 0 < count < BELOW and values[key] == {count}:
                yield city, key


def _seen(real: Mapping[object, int], told: frozenset[object]) -> object:
    """What is told of a city, and whom its lists name where there are any."""
    return frozenset((where, real.get(where)) for where in told), frozenset(real) if len(told) > 0 else None


@pytest.mark.parametrize(("cells", "most"), [(THREE_SITES, 8), (TWO_WAYS, 5), (ONE_AMOUNT, 12)])
def test_no_reader_can_tell_a_small_count_by_taking_off_what_is_shown(cells: tuple[Cell, ...], most: int) -> None:
    assert next(given_away(report, cells, most), None) is None


def small_only(those: list[Household], below: int) -> Report:
    """Leaves out small counts, and nothing to cover them."""

    def part(of: list[Household]) -> Part:
        return Part(len(of) if len(of) >= below else None, None)

    def by(column: str) -> dict[str, Part]:
        return {word: part([one for one in those if getattr(one, column) == word])
                for word in sorted({getattr(one, column) for one in those})}  # fmt: skip

    return Report(len(those), sum(one.cents for one in those), by("site"), by("method"), by("outcome"))


def with_sums(those: list[Household], below: int, few: int) -> Report:
    """Shows the sum of every part whose count it shows and in which no amount has fewer than `few`."""
    shown = report(those, below)

    def by(column: str, parts: Mapping[str, Part]) -> dict[str, Part]:
        found = {}
        for word, part in parts.items():
            cents = [one.cents for one in those if getattr(one, column) == word]
            enough = part.households is not None and min(map(cents.count, cents)) >= few
            found[word] = Part(part.households, sum(cents) if enough else None)
        return found

    return shown._replace(sites=by("site", shown.sites), methods=by("method", shown.methods))


def every_sum(those: list[Household], below: int) -> Report:
    return with_sums(those, below, 1)


def no_look_at_the_rest(those: list[Household], below: int) -> Report:
    """Looks at each part by itself, and not at what is left of the total without it."""
    return with_sums(those, below, below)


@pytest.mark.parametrize("make", [small_only, every_sum, no_look_at_the_rest])
def test_a_reader_finds_what_a_worse_report_gives_away(make: Make) -> None:
    assert next(given_away(make, THREE_SITES, 8), None) is not None


def test_by_hand() -> None:
    """Sixteen at west, of whom nobody stands alone; noord has one large household, which its sum and zuid's would tell
    apart."""
    those = [
        *(Household("west", "voucher", "paid", 450) for _ in range(16)),
        *(Household("noord", "voucher", "paid", 450) for _ in range(8)), Household("noord", "voucher", "paid", 900),
        *(Household("zuid", "prepaid_card", "paid", 450) for _ in range(6)),
        *(Household("zuid", "prepaid_card", "waiting", 900) for _ in range(5)),
    ]  # fmt: skip
    shown = report(those, 5)
    assert (shown.households, shown.cents) == (36, 30 * 450 + 6 * 900)
    assert shown.sites == {"noord": Part(9, None), "west": Part(16, 7_200), "zuid": Part(11, None)}
    assert shown.methods == {"prepaid_card": Part(11, None), "voucher": Part(25, None)}
    assert shown.outcomes == {"paid": Part(31, None), "waiting": Part(5, None)}


def test_two_looks_while_some_wait_do_not_tell_what_one_household_came_for() -> None:
    def outcomes(waiting: int) -> Mapping[str, Part]:
        large = [Household("west", "voucher", "waiting" if n < waiting else "paid", 900) for n in range(16)]
        small = [Household("west", "voucher", "waiting" if waiting and n < 20 else "paid", 450) for n in range(40)]
        return report([*small, *large], 5).outcomes

    assert outcomes(8) == {"paid": Part(28, None), "waiting": Part(28, None)}
    assert outcomes(7) == {"paid": Part(29, None), "waiting": Part(27, None)}
    assert outcomes(0) == {"paid": Part(56, 40 * 450 + 16 * 900)}


def test_what_waits_with_a_rest_of_an_earlier_run_waits() -> None:
    """More is taken off for earlier periods than this one comes to; the rest of what did not fit on a card is paid."""
    line = Line(SEAT, "west", "voucher", (("2026-01", -500), ("2026-02", 450)), 200, 150, 0)
    run = replace(DRAFTED, period="2026-02", lines=(line,), total_cents=150)
    told = list(postings(run, {SEAT}))
    assert households([line], "2026-02", told) == [Household("west", "voucher", "waiting", 450)]
    about = ("west", "voucher", "2026-02", SEAT)
    told += [Posting(RESERVED, *about, 150), Posting(PAID, *about, -150)]
    assert households([line], "2026-02", told) == [Household("west", "voucher", "paid", 450)]


def test_whom_a_run_paid_for_its_own_period_and_what_became_of_it() -> None:
    def line(id_: str, site: str, *parts: tuple[str, int]) -> Line:
        return Line(id_, site, "voucher", parts, 0, sum(cents for _, cents in parts), 0)

    def posted(account: str, id_: str, cents: int, period: str = "2026-02") -> Posting:
        return Posting(account, "west", "voucher", period, id_, cents)

    lines = [
        line(SEAT, "west", ("2026-01", 50), ("2026-02", 450)), line(SEAT_2, "west", ("2026-02", 450)),
        line(SEAT_3, "noord", ("2026-02", 900)), line(SEAT_4, "noord", ("2026-01", 70)),
    ]  # fmt: skip
    told = [
        posted(RESERVED, SEAT, -500), posted(RESERVED, SEAT, 500), posted(PAID, SEAT, -500),
        posted(RESERVED, SEAT_2, -450), posted(RESERVED, SEAT_2, 450), posted(REFUSED, SEAT_2, -450),
        posted(RESERVED, SEAT_3, -900), posted(RESERVED, SEAT_4, -70), posted(REFUSED, SEAT, -1, "2026-01"),
    ]  # fmt: skip
    assert households(lines, "2026-02", told) == [
        Household("west", "voucher", "paid", 450), Household("west", "voucher", "not_fetched", 450),
        Household("noord", "voucher", "waiting", 900),
    ]  # fmt: skip
