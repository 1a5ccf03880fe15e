"""A site has not said that it heard what it is to hand out."""

from __future__ import annotations

from datetime import timedelta

from services.allowance import commands_payroll as cp
from services.allowance import events_payroll as ep
from tests.allowance.sample import (  # fmt: skip
    APPROVED,
    DRAFTED,
    EXECUTE,
    EXECUTED,
    HANDED_OVER,
    LEEFGELD,
    RUN,
    SEAT,
    SOON,
    T0,
    asked,
    at_payroll,
)

REPEAT = asked(cp.RepeatPayments, handout_id=HANDED_OVER, at=SOON)


def test_it_is_told_again_and_later_each_time() -> None:
    repeated = ep.PaymentsRepeated(HANDED_OVER, LEEFGELD, SOON + timedelta(seconds=4), SOON)
    at_payroll.given(DRAFTED, APPROVED, EXECUTED).when(REPEAT).then(repeated)


def test_who_has_heard_is_told_every_day_while_somebody_has_still_to_come() -> None:
    """A desk that was restored takes it up again, or is answered what it has paid."""
    heard = ep.HandoutNoted(HANDED_OVER, RUN, LEEFGELD, 1, (), (), SOON, T0)
    repeated = ep.PaymentsRepeated(HANDED_OVER, LEEFGELD, SOON + timedelta(days=1), SOON)
    at_payroll.given(DRAFTED, APPROVED, EXECUTED, heard).when(REPEAT).then(repeated)


def test_when_everybody_came_nothing_is_told() -> None:
    paid = ep.HandoutNoted(HANDED_OVER, RUN, LEEFGELD, 2, (SEAT,), (), None, T0)
    at_payroll.given(DRAFTED, APPROVED, EXECUTED, paid).when(REPEAT).then_nothing()
    at_payroll.when(REPEAT).then_nothing()


def test_a_run_of_nobody_is_refused() -> None:
    at_payroll.when(EXECUTE).then_rejected("pay-run-unknown")
