"""Small counts are left out, and nothing shown gives one away: not to a reader who tries every table that fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.suppression import Shown, Table, suppress

BELOW = 4
counts = st.integers(0, 7)
names = st.sampled_from("abcd")
tables = st.dictionaries(
    names, st.one_of(counts, st.dictionaries(names, counts, min_size=1, max_size=3)), min_size=1, max_size=3
)


def leaves(table: Table, path: str = "") -> Iterator[tuple[str, int]]:
    """Every count that is no total, with its path."""
    if isinstance(table, int):
        yield path, table
    else:
        for name, inside in table.items():
            yield from leaves(inside, f"{path}/{name}")


def totals(shown: Shown, path: str = "") -> Iterator[tuple[str, int | None, bool]]:
    """Every count of what is shown: its path, what stands there, whether it is a total."""
    yield path, shown.count, bool(shown.parts)
    for name, inside in shown.parts.items():
        yield from totals(inside, f"{path}/{name}")


def under(path: str, leaf: str) -> bool:
    return leaf == path or leaf.startswith(f"{path}/")


def what_fits(shown: Shown) -> list[dict[str, int]]:
    """Every table that would look like this. A reader knows that what is left out is somebody."""
    cells = list(totals(shown))
    open_ = [path for path, count, total in cells if count is None and not total]
    known = {path: count for path, count, total in cells if count is not None and not total}
    # One more than any count there is: what only a total that is left out bounds goes on for ever.
    fitting = []
    for guess in product(range(1, 9), repeat=len(open_)):
        whole = known | dict(zip(open_, guess, strict=True))
        if all(
            count is None or count == sum(value for leaf, value in whole.items() if under(path, leaf))
            for path, count, total in cells
            if total
        ):
            fitting.append(whole)
    return fitting


def size(table: Table) -> int:
    return sum(1 for _ in leaves(table))


@settings(deadline=None, max_examples=150)
@given(tables.filter(lambda table: size(table) <= 5))
def test_no_reader_can_tell_a_small_count_from_what_is_shown(table: Mapping[str, Table]) -> None:
    shown, real = suppress(table, BELOW), dict(leaves(table))
    fitting = what_fits(shown)
    assert real in fitting
    for path, count, _ in totals(shown):
        true = sum(value for leaf, value in real.items() if under(path, leaf))
        assert count in (None, true)
        if 0 < true < BELOW:
            assert count is None
            possible = {sum(value for leaf, value in one.items() if under(path, leaf)) for one in fitting}
            assert len(possible) > 1, (path, shown)


@given(tables.filter(lambda table: size(table) <= 5))
def test_what_is_left_out_under_a_total_that_is_shown_is_not_small_together(table: Mapping[str, Table]) -> None:
    shown = suppress(table, BELOW)

    def look(node: Shown, path: str) -> None:
        if node.count is not None and node.parts:
            unknown = node.count - sum(known(part, f"{path}/{name}") for name, part in node.parts.items())
            assert unknown == 0 or unknown >= BELOW
        for name, part in node.parts.items():
            look(part, f"{path}/{name}")

    def known(node: Shown, path: str) -> int:
        if node.count is not None:
            return node.count
        return sum(known(part, f"{path}/{name}") for name, part in node.parts.items())

    look(shown, "")


@given(tables)
def test_where_nothing_is_small_everything_is_shown_and_nobody_is_shown_as_nobody(table: Mapping[str, Table]) -> None:
    real = [value for _, value in leaves(table)]
    shown = list(totals(suppress(table, 1)))
    assert None not in [count for _, count, _ in shown]
    zeros = [path for path, value in leaves(table) if value == 0]
    assert {path for path, count, _ in totals(suppress(table, BELOW)) if count == 0} >= set(zeros)
    assert shown[0][1] == sum(real)


@given(tables)
def test_the_same_table_is_shown_the_same_in_any_order(table: Mapping[str, Table]) -> None:
    turned = {
        name: inside if isinstance(inside, int) else dict(reversed(list(inside.items())))
        for name, inside in reversed(list(table.items()))
    }
    one, other = ({path: count for path, count, _ in totals(suppress(each, BELOW))} for each in (table, turned))
    assert one == other


def test_by_hand() -> None:
    shown = suppress({"stay": {"permit": 9, "deferral": 2, "again": 6}, "other": {"left": 12, "return": 0}})
    assert (shown.count, shown["stay"].count, shown["other"].count) == (29, 17, 12)
    # The 2 alone would be 17 - 9 - 6: the next smallest goes with it.
    assert {name: part.count for name, part in shown["stay"].parts.items()} == {
        "permit": 9, "deferral": None, "again": None,
    }  # fmt: skip
    assert {name: part.count for name, part in shown["other"].parts.items()} == {"left": 12, "return": 0}


def test_one_small_count_and_nothing_to_hide_it_behind_takes_the_total_along() -> None:
    shown = suppress({"permit": 3, "left": 0})
    assert (shown.count, shown["permit"].count, shown["left"].count) == (None, None, 0)


def test_ones_under_a_total_of_ones_are_no_secret_so_the_total_goes() -> None:
    shown = suppress({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1})
    assert [shown.count, *(part.count for part in shown.parts.values())] == [None] * 6


def test_a_count_below_nobody_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="never below zero"):
        suppress({"a": -1})
