"""What is to be paid for a period is drafted."""

from __future__ import annotations

from datetime import date

import pytest

from services.allowance import commands_payroll as cp
from services.allowance import events_payroll as ep
from tests.allowance.sample import (
    APPROVED,
    DRAFTED,
    DRAWN,
    DROPPED,
    EXECUTED,
    LEEFGELD,
    RUN_2,
    SEAT,
    SEAT_2,
    T0,
    at_payroll,
    draft,
)


def due(*periods: tuple[str, int], seat: str = SEAT) -> cp.Due:
    return cp.Due(seat, "west", "voucher", periods)


def test_a_run_pays_what_no_run_has_settled() -> None:
    at_payroll.when(draft()).then(DRAFTED)


def test_a_correction_of_the_past_is_made_up_for_in_the_next_run() -> None:
    paid = at_payroll.given(DRAFTED, APPROVED, EXECUTED)
    at = T0.replace(month=2)
    more = draft(run_id=RUN_2, period="2026-01", due=(due(("2025-12", 46_000), ("2026-01", 45_000)),), at=at)
    line = ep.Line(SEAT, "west", "voucher", (("2025-12", 1_000), ("2026-01", 45_000)), 0, 46_000, 0)
    paid.when(more).then(ep.PayRunDrafted(RUN_2, LEEFGELD, "2026-01", date(2026, 1, 30), (line,), 46_000, DRAWN, at))


def test_what_was_paid_too_much_is_taken_off_and_never_asked_back() -> None:
    paid = at_payroll.given(DRAFTED, APPROVED, EXECUTED)
    at = T0.replace(month=2)
    less = draft(run_id=RUN_2, period="2026-01", due=(due(("2026-01", 5_000)),), at=at)
    line = ep.Line(SEAT, "west", "voucher", (("2025-12", -45_000), ("2026-01", 5_000)), 0, 0, -40_000)
    paid.when(less).then(ep.PayRunDrafted(RUN_2, LEEFGELD, "2026-01", date(2026, 1, 30), (line,), 0, DRAWN, at))


def test_who_gets_what_they_got_before_is_in_no_line() -> None:
    paid = at_payroll.given(DRAFTED, APPROVED, EXECUTED)
    at = T0.replace(month=2)
    same = draft(run_id=RUN_2, period="2026-01", due=(due(("2025-12", 45_000)), due(seat=SEAT_2)), at=at)
    paid.when(same).then(ep.PayRunDrafted(RUN_2, LEEFGELD, "2026-01", date(2026, 1, 30), (), 0, DRAWN, at))


def test_those_whose_entitlement_was_over_long_ago_are_no_lines_and_no_hindrance() -> None:
    over = tuple(due(seat=str(n)) for n in range(20_001))
    at_payroll.when(draft(due=(*draft().due, *over))).then(DRAFTED)


def test_the_same_again_changes_nothing() -> None:
    at_payroll.given(DRAFTED).when(draft()).then_nothing()


def test_a_run_that_was_dropped_makes_room_for_another() -> None:
    at_payroll.given(DRAFTED).when(draft(run_id=RUN_2)).then_rejected("pay-run-open")
    assert at_payroll.given(DRAFTED, DROPPED).after(draft(run_id=RUN_2)).state.draft is not None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"run_id": "x"}, "id-invalid"),
        ({"period": "2025-13"}, "period-unknown"),
        ({"period": "2025-W50"}, "period-unknown"),
        ({"period": "2026-01"}, "period-not-ended"),
        ({"due": (due(), due())}, "entitlement-twice"),
        ({"due": (due(("2025-12", -1)),)}, "amount-invalid"),
        ({"due": (due(("2025-12", 0.5)),)}, "amount-invalid"),  # type: ignore[arg-type]
        ({"due": tuple(due(("2025-12", 1), seat=str(n)) for n in range(20_001))}, "too-many-lines"),
    ],
)
def test_what_cannot_be_a_run_says_why(fields: dict[str, object], code: str) -> None:
    at_payroll.when(draft(**fields)).then_rejected(code)


def test_a_period_is_paid_once() -> None:
    paid = at_payroll.given(DRAFTED, APPROVED, EXECUTED)
    paid.when(draft(run_id=RUN_2)).then_rejected("period-paid", last="2025-12")
    paid.when(draft(run_id=RUN_2, period="2025-11")).then_rejected("period-paid")
