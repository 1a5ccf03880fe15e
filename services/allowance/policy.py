"""What follows from a letter that was heard, or from a due timer: commands to this service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from services.allowance import decider_entitlement, decider_handout, decider_payroll
from services.allowance.commands import HearEntitlement
from services.allowance.commands_client import NoteErased, NoteHoused, NoteLeft, NoteStay
from services.allowance.commands_entitlement import FollowClient, HearSeat, NotePayment, RepeatEntitlement
from services.allowance.commands_handout import (
    ExpireVouchers,
    HearHandoutAnswer,
    HearPayments,
    HearTransfer,
    RepeatHandout,
)  # fmt: skip
from services.allowance.commands_payroll import HearHandout, RepeatPayments
from services.allowance.days import Days, Span
from services.allowance.decider_client import Client
from services.allowance.decider_handout import Handout
from services.allowance.events_handout import Payment
from shared.contracts import allowance as told
from shared.contracts import intake
from shared.contracts.base import Contract, Opened
from shared.contracts.vocabulary import KINDS_WITH_MEALS
from shared.envelope import SYSTEM_ROLE, Message
from shared.kernel import Reaction
from shared.money import day_of

PROGRAMME, ENTITLEMENT, CLIENT, PAYROLL, HANDOUT = "programme", "entitlement", "client", "payroll", "handout"
"""The aggregates that commands go to."""

React = Callable[[Message, Contract | Opened, datetime], Reaction | None]


def heard_by(site: str, municipality: str) -> React:
    """What a letter leads to at a site: only the municipality's has seats to give and money to pay, and only it has a
    word about them."""
    here = site == municipality

    def react(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
        if not isinstance(said, Opened):
            return None
        match said.body:
            case told.EntitlementStatedBody() | told.EntitlementStatedV2Body() as stated if here:
                return _stated(said, stated, at)
            case told.HandoutStatedBody() | told.HandoutStatedV2Body() as handout if here:
                return Reaction(PAYROLL, handout.programme_id, _handed_out(said, handout, at))
            case told.PaymentsToldBody() as paid if said.sender == municipality:
                return _payments(said, paid, at)
            case told.TransferToldBody() as transfer if said.sender == municipality:
                return Reaction(HANDOUT, said.request_id, _transfer(said, transfer, at))
            case told.HandoutAnsweredBody() as answer:
                known = HearHandoutAnswer(
                    at=at, role=SYSTEM_ROLE, handout_id=said.request_id, site=said.sender, revision=answer.revision,
                    paid=answer.paid, refused=answer.refused,
                )  # fmt: skip
                return Reaction(HANDOUT, said.request_id, known)
            case told.SeatAnsweredBody() as answered:
                word = HearSeat(
                    at=at, role=SYSTEM_ROLE, entitlement_id=said.request_id, site=said.sender,
                    revision=answered.revision, status=answered.status, code=answered.code,
                )  # fmt: skip
                return Reaction(ENTITLEMENT, said.request_id, word)
            case _:
                return None

    return react


def _handed_out(
    said: Opened, stated: told.HandoutStatedBody | told.HandoutStatedV2Body, at: datetime
) -> HearHandout:  # fmt: skip
    """The first version says who was paid; how much is what they were told to pay."""
    amounts = stated.paid if isinstance(stated, told.HandoutStatedV2Body) else ()
    paid = stated.paid if isinstance(stated, told.HandoutStatedBody) else tuple(id_ for id_, _ in stated.paid)
    return HearHandout(
        at=at, role=SYSTEM_ROLE, programme_id=stated.programme_id, handout_id=said.request_id, site=said.sender,
        revision=stated.revision, paid=paid, refused=stated.refused, amounts=amounts,
    )  # fmt: skip


def _payments(said: Opened, paid: told.PaymentsToldBody, at: datetime) -> Reaction:
    command = HearPayments(
        at=at, role=SYSTEM_ROLE, handout_id=said.request_id, run_id=paid.run_id, programme_id=paid.programme_id,
        period=paid.period, site=said.sender, payments=tuple(Payment(*one) for one in paid.payments),
    )  # fmt: skip
    return Reaction(HANDOUT, said.request_id, command)


def _transfer(said: Opened, transfer: told.TransferToldBody, at: datetime) -> HearTransfer:
    return HearTransfer(
        at=at, role=SYSTEM_ROLE, handout_id=said.request_id, run_id=transfer.run_id,
        programme_id=transfer.programme_id, period=transfer.period, site=said.sender, status=transfer.status,
        payments=tuple(Payment(*one) for one in transfer.payments),
    )  # fmt: skip


def _stated(
    said: Opened, stated: told.EntitlementStatedBody | told.EntitlementStatedV2Body, at: datetime
) -> Reaction:  # fmt: skip
    word = HearEntitlement(
        at=at, role=SYSTEM_ROLE, programme_id=stated.programme_id, seat_id=said.request_id, site=said.sender,
        revision=stated.revision, status=stated.status, method=stated.method,
        spans=tuple(Span(*days) for days in stated.spans),
    )  # fmt: skip
    return Reaction(PROGRAMME, stated.programme_id, word)


LISTENS: Mapping[str, type[Contract]] = {
    contract.type_name: contract
    for contract in (intake.ClientHoused, intake.ClientLeft, intake.ClientStayTold, intake.ClientErased)
}
"""What is heard of this site's intake."""


def of_clients(site: str) -> React:
    """What intake's word about a client leads to. The day of check-in is one with meals, the day they leave is not."""

    def react(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
        if message.origin.site != site:
            return None
        about: dict[str, Any] = {"at": at, "role": SYSTEM_ROLE}
        match said:
            case intake.ClientHoused() if said.kind in KINDS_WITH_MEALS:
                first = day_of(min(said.at, at))
                housed = NoteHoused(**about, client_id=said.client_id, stay_id=said.offer_id, first=first)
                return Reaction(CLIENT, said.client_id, housed)
            case intake.ClientLeft():
                until = day_of(min(said.at, at))
                left = NoteLeft(**about, client_id=said.client_id, stay_id=said.offer_id, until=until)
                return Reaction(CLIENT, said.client_id, left)
            case intake.ClientStayTold():
                days = with_meals(said.lived, said.ended_at, at)
                stay = NoteStay(**about, client_id=said.client_id, stay_id=said.offer_id, days=days)
                return Reaction(CLIENT, said.client_id, stay)
            case intake.ClientErased():
                erased = NoteErased(**about, client_id=said.client_id, from_day=day_of(min(said.at, at)))
                return Reaction(CLIENT, said.client_id, erased)
            case _:
                return None

    return react


def with_meals(lived: Sequence[tuple[str, datetime]], ended_at: datetime | None, at: datetime) -> Days:
    """The days with meals of a stay, by the kinds of place it was in since when: the day somebody comes to a kind with
    meals is one, the day they leave it is not. at: the owner's clock; nothing begins after it."""
    ends = None if ended_at is None else day_of(min(ended_at, at))
    cuts: list[date | None] = [day_of(min(since, at)) for _, since in lived]
    days: list[tuple[date, date | None]] = []
    for (kind, _), first, until in zip(lived, cuts, [*cuts[1:], ends], strict=True):
        last = min((day for day in (until, ends) if day is not None), default=None)
        if kind not in KINDS_WITH_MEALS or first is None or (last is not None and last <= first):
            continue
        if days and days[-1][1] == first:
            days[-1] = (days[-1][0], last)
        else:
            days.append((first, last))
    return tuple(days)


def followed(client: Client, entitlement_id: str, at: datetime) -> Reaction:
    """What is known of a client, to one of their entitlements."""
    command = FollowClient(
        at=at, role=SYSTEM_ROLE, entitlement_id=entitlement_id, followed=client.revision, meals=client.days,
        forgotten_from=client.forgotten_from,
    )  # fmt: skip
    return Reaction(ENTITLEMENT, entitlement_id, command)


def ready(handout: Handout, entitlement_id: str, at: datetime) -> Reaction:
    """That cash waits, to the entitlement it is for."""
    assert handout.expires_at is not None
    command = NotePayment(
        at=at, role=SYSTEM_ROLE, entitlement_id=entitlement_id, handout_id=handout.id, until=handout.expires_at
    )  # fmt: skip
    return Reaction(ENTITLEMENT, entitlement_id, command)


def due(timer_id: str, kind: str, key: str, at: datetime) -> Reaction:
    """The command for a timer that has come due. at: the owner's clock, UTC. Raises `ValueError` for a kind no timer of
    this service has."""
    match kind:
        case decider_entitlement.TIMER:
            return Reaction(ENTITLEMENT, key, RepeatEntitlement(at=at, role=SYSTEM_ROLE, entitlement_id=key))
        case decider_handout.REPEAT:
            return Reaction(HANDOUT, key, RepeatHandout(at=at, role=SYSTEM_ROLE, handout_id=key))
        case decider_handout.EXPIRE:
            return Reaction(HANDOUT, key, ExpireVouchers(at=at, role=SYSTEM_ROLE, handout_id=key))
        case decider_payroll.PAYMENTS:
            handout_id = timer_id.partition("/")[2]
            command = RepeatPayments(at=at, role=SYSTEM_ROLE, programme_id=key, handout_id=handout_id)
            return Reaction(PAYROLL, key, command)
        case _:
            raise ValueError(f"no timer of kind {kind}")
