"""What every entitlement of a programme comes to: what a pay run is drafted of. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from services.allowance import commands_payroll as cmd
from services.allowance import decider_limits as limits
from services.allowance.days import entitled_cents
from services.allowance.decider_programme import Programme
from shared.kernel import Rejected
from shared.money import Period, periods_between


def dues(programme: Programme, until: Period) -> tuple[cmd.Due, ...]:
    """What every entitlement of a programme comes to in each period up to one, as its days and tariffs are known now.
    One that is all corrected away comes to nothing, and is in it: something may have been paid for it."""
    found = []
    for id_, seat in programme.seats.items():
        if seat.method is None or seat.status == "reserved":
            continue
        first = min((span.first for span in seat.spans), default=until.until)
        periods = [
            (period.name, cents)
            for period in periods_between(programme.period, first, until.until)
            if (cents := entitled_cents(period, seat.spans, programme.tariffs))
        ]
        found.append(cmd.Due(id_, seat.site, seat.method, tuple(periods)))
    return tuple(found)


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
