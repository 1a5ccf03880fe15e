"""Why a run comes to another total than the one before it: every cent of the difference has a reason."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.allowance.checking import Change, explained, households, twice

LAST, NOW = "2026-01", "2026-02"


def line(id_: str, cents: int | None = None, **parts: int) -> dict[str, Any]:
    named = {{"last": LAST, "now": NOW}.get(name, "2025-12"): amount for name, amount in parts.items()}
    return {
        "entitlement_id": id_,
        "parts": list(named.items()),
        "cents": sum(parts.values()) if cents is None else cents,
    }


def test_each_part_of_the_difference_has_its_reason() -> None:
    before = [line("stays", last=100), line("goes", last=70), line("moves", last=50), line("late", last=10, old=5)]
    now = [
        line("stays", now=100), line("comes", now=80), line("moves", now=40), line("late", now=10, old=-30),
        line("back", now=20, cents=65),
    ]  # fmt: skip
    why = explained(NOW, now, LAST, before)
    assert why.new == Change(2, 100)
    assert why.gone == Change(1, -70)
    assert why.other == Change(1, -10)
    assert why.corrections == Change(1, -35)
    assert why.carried == Change(1, 45)
    assert why.cents == sum(one["cents"] for one in now) - sum(one["cents"] for one in before)


def test_the_first_run_differs_from_nothing_and_all_of_it_is_new() -> None:
    why = explained(NOW, [line("a", now=5), line("b", now=6)], "", ())
    assert (why.new, why.cents) == (Change(2, 11), 11)


def test_who_is_only_put_right_is_not_paid_for_the_period() -> None:
    assert households(NOW, [line("a", now=5), line("b", old=-5, cents=0)]) == 1
    assert (twice([line("a"), line("b")]), twice([line("a"), line("a")])) == (0, 1)


LINES = st.dictionaries(
    st.sampled_from("abcde"),
    st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 150)),
)


@given(LINES, LINES)
def test_whatever_is_in_them_the_reasons_add_up_to_the_difference(
    before: dict[str, Any], now: dict[str, Any]
) -> None:  # fmt: skip
    runs = [
        [line(id_, cents, last=last, now=own, old=old) for id_, (last, own, old, cents) in some.items()]
        for some in (before, now)
    ]
    totals = [sum(one["cents"] for one in lines) for lines in runs]
    assert explained(NOW, runs[1], LAST, runs[0]).cents == totals[1] - totals[0]
