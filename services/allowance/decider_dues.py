"""What every entitlement of a programme comes to: what a pay run is drafted of. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.allowance import commands_payroll as cmd
from services.allowance import decider_limits as limits
from services.allowance.days import rates, worth
from services.allowance.decider_programme import Programme
from shared.kernel import Rejected
from shared.money import Period, periods_between


def dues(programme: Programme, until: Period) -> tuple[cmd.Due, ...]:
    """What every entitlement of a programme comes to in each period up to one, as its days and tariffs are known now.
    One that is all corrected away comes to nothing, and is in it: something may have been paid for it."""
    seats = [(id_, seat) for id_, seat in programme.seats.items() if seat.method and seat.status != "reserved"]
    first = min((span.first for _, seat in seats for span in seat.spans), default=until.first)
    periods = list(periods_between(programme.period, min(first, until.first), until.until))
    by_class = rates(programme.tariffs)
    return tuple(
        cmd.Due(id_, seat.site, seat.method, tuple(worth(periods, seat.spans, by_class)))
        for id_, seat in seats
        if seat.method
    )


def dues_refused(dues: Sequence[cmd.Due]) -> Rejected | None:
    """Refused: `entitlement-twice`, `amount-invalid`."""
    if len({due.entitlement_id for due in dues}) != len(dues):
        return Rejected("entitlement-twice", {})
    for due in dues:
        for _, cents in due.periods:
            refused = limits.cents_refused(cents)
            if refused:
                return refused
    return None
