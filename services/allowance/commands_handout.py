"""What may be asked about handing out one part of a pay run, at the client's site."""

from __future__ import annotations

from typing import TypeAlias, get_args

from services.allowance.events_handout import Payment
from shared.contracts.allowance import TransferStatus
from shared.kernel import Command


class HearPayments(Command, frozen=True, kw_only=True):
    """The municipality says what is to be handed out. It says so until it has heard that it was heard."""

    handout_id: str
    run_id: str
    programme_id: str
    period: str
    site: str
    payments: tuple[Payment, ...]


class IssueVoucher(Command, frozen=True, kw_only=True):
    """Give a code for one payment, instead of any that was given. hashed: of the code (`vouchers.hashed`)."""

    handout_id: str
    entitlement_id: str
    hashed: str


class RedeemVoucher(Command, frozen=True, kw_only=True):
    """Somebody shows a code and wants the cash."""

    handout_id: str
    hashed: str


class ExpireVouchers(Command, frozen=True, kw_only=True):
    """Its timer fired: whatever nobody came for goes back."""

    handout_id: str


class HearHandoutAnswer(Command, frozen=True, kw_only=True):
    """The municipality has heard everything up to `revision`, and knows these as paid and those as refused."""

    handout_id: str
    site: str
    revision: int
    paid: tuple[str, ...]
    refused: tuple[str, ...]


class RepeatHandout(Command, frozen=True, kw_only=True):
    """Its timer fired: tell the municipality again. Nothing happens before its time, or when it has heard."""

    handout_id: str


class HearTransfer(Command, frozen=True, kw_only=True):
    """The municipality says for whom a transfer is, and how it stands with it."""

    handout_id: str
    run_id: str
    programme_id: str
    period: str
    site: str
    payments: tuple[Payment, ...]
    status: TransferStatus


HandoutCommand: TypeAlias = (
    HearPayments | IssueVoucher | RedeemVoucher | ExpireVouchers | HearHandoutAnswer | RepeatHandout | HearTransfer
)

HANDOUT_COMMANDS: tuple[type[HandoutCommand], ...] = get_args(HandoutCommand)
