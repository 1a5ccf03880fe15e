"""What is handed out at the client's site of one part of a pay run: private events of the allowance service there.
Money is whole cents.

A part is up to 50 payments to entitlements of one site. `revision` counts what the municipality has to know of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias, get_args

import msgspec

from shared.contracts.allowance import TransferStatus
from shared.kernel import Codec, Event


class Payment(msgspec.Struct, frozen=True, gc=False):
    """So much for one entitlement."""

    entitlement_id: str
    cents: int


class PaymentsHeard(Event, frozen=True, tag="payments-heard.v1"):
    """The municipality says what is to be handed out, by voucher, before `expires_at`. site: the municipality's."""

    handout_id: str
    run_id: str
    programme_id: str
    period: str
    site: str
    payments: tuple[Payment, ...]
    expires_at: datetime
    again_at: datetime
    at: datetime


class PaymentsAmended(Event, frozen=True, tag="payments-amended.v1"):
    """The municipality says it again, with other amounts: it has made the run a second time. payments: those that wait
    with another amount now, and those it had not said before; what was handed out stays as it was."""

    handout_id: str
    run_id: str
    payments: tuple[Payment, ...]
    expires_at: datetime
    revision: int
    again_at: datetime
    at: datetime


class VoucherIssued(Event, frozen=True, tag="voucher-issued.v1"):
    """A code was given for one payment; one that was given before is worth nothing any more. hashed: all that is kept
    of the code."""

    handout_id: str
    entitlement_id: str
    hashed: str
    at: datetime


class VoucherRedeemed(Event, frozen=True, tag="voucher-redeemed.v1"):
    """Cash was handed out for a code, once."""

    handout_id: str
    entitlement_id: str
    revision: int
    again_at: datetime
    at: datetime


class VouchersExpired(Event, frozen=True, tag="vouchers-expired.v1"):
    """Nobody came for these; their cents go back."""

    handout_id: str
    entitlement_ids: tuple[str, ...]
    revision: int
    again_at: datetime
    at: datetime


class HandoutReminded(Event, frozen=True, tag="handout-reminded.v1"):
    """The municipality knows more of it than this store, which was restored: these were paid, and those went back."""

    handout_id: str
    paid: tuple[str, ...]
    refused: tuple[str, ...]
    revision: int
    again_at: datetime
    at: datetime


class HandoutRepeated(Event, frozen=True, tag="handout-repeated.v1"):
    """The municipality has not said that it heard, or asks: it is told again."""

    handout_id: str
    again_at: datetime
    at: datetime


class HandoutConfirmed(Event, frozen=True, tag="handout-confirmed.v1"):
    """The municipality has heard everything up to this revision."""

    handout_id: str
    revision: int
    at: datetime


class TransferHeard(Event, frozen=True, tag="transfer-heard.v1"):
    """The organisation that hands out cash here is sent money for these, was paid it, or the bank has sent it back.
    site: the municipality's. status: `sent`, `paid`, `returned`; what came back is paid with a later run."""

    handout_id: str
    run_id: str
    programme_id: str
    period: str
    site: str
    payments: tuple[Payment, ...]
    status: TransferStatus
    at: datetime


HandoutEvent: TypeAlias = (
    PaymentsHeard
    | PaymentsAmended
    | VoucherIssued
    | VoucherRedeemed
    | VouchersExpired
    | HandoutReminded
    | HandoutRepeated
    | HandoutConfirmed
    | TransferHeard
)

HANDOUT_CODEC: Codec[HandoutEvent] = Codec(get_args(HandoutEvent))
