"""What the logbook is told of allowances: whose they are, also where many are paid at once."""

from __future__ import annotations

from collections.abc import Sequence

from services.allowance import events_handout as ho
from services.allowance.decider_handout import HANDOUT
from shared.archive import Files
from shared.envelope import Recorded
from shared.logbook import Concern, Concerns

ACTIVITY = "allowance-v1"
_PARTS = HANDOUT.stream("")


def concerns_of(files: Files) -> Concerns:
    """Whom an event of this service concerns. files: whose each entitlement is."""

    async def concerns(event: Recorded) -> Sequence[Concern]:
        if event.stream.startswith(_PARTS):
            found = [await files.client_of(id_) for id_ in paid(HANDOUT.codec.decode(event.data))]
        elif files.includes(event.stream):
            found = [await files.whose(event.stream)]
        else:
            found = []
        return [Concern(subject, ACTIVITY) for subject in dict.fromkeys(found) if subject]

    return concerns


def paid(event: ho.HandoutEvent) -> Sequence[str]:
    """The entitlements an event of a part of a run is about."""
    match event:
        case ho.PaymentsHeard() | ho.PaymentsAmended() | ho.TransferHeard():
            return [payment.entitlement_id for payment in event.payments]
        case ho.VoucherIssued() | ho.VoucherRedeemed():
            return [event.entitlement_id]
        case ho.VouchersExpired():
            return event.entitlement_ids
        case ho.HandoutReminded():
            return [*event.paid, *event.refused]
        case ho.HandoutRepeated() | ho.HandoutConfirmed():  # of nobody in particular
            return ()
