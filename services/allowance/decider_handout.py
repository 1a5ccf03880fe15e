"""What is decided about handing out one part of a pay run, at the client's site, with and without a link. Pure.

A payment is paid once, when its code is shown, or goes back when nobody has come in time; both by this site's clock.
The municipality is told how it stands, whole, under a number that only grows, until it says that it has heard.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from services.allowance import commands_handout as cmd
from services.allowance import decider_limits as limits
from services.allowance import events_handout as ev
from shared.contracts.allowance import TransferStatus
from shared.kernel import Decider, Rejected
from shared.timers import TimerCleared, TimerSet

REPEAT, EXPIRE, READY = "handout", "vouchers", "ready"
VOUCHER_DAYS = 21
"""How long a payment waits for its client."""
LATER: tuple[TransferStatus, ...] = ("sent", "paid", "returned")
"""What is said of a transfer, in order."""
STATED_MAX = 150
"""Payments of one handout at most: so many fit into the letter about it."""


class Slip(msgspec.Struct, frozen=True, gc=False):
    """One payment. hashed: of the code that was given last."""

    cents: int
    status: Literal["waiting", "paid", "refused"] = "waiting"
    hashed: str | None = None


class Handout(msgspec.Struct, frozen=True, gc=False):
    """slips: by entitlement. revision: words to the municipality so far; confirmed: up to which it has heard them.
    repeated: how often since there was something new. amended: whether the municipality has made the run
    anew, and is told how much was handed out, not only to whom. transfer: of money that comes to the organisation
    here by transfer, how it stands with it; nothing of that is decided at the desk."""

    id: str = ""
    run_id: str = ""
    programme_id: str = ""
    period: str = ""
    site: str = ""
    slips: dict[str, Slip] = {}
    expires_at: datetime | None = None
    revision: int = 0
    confirmed: int = 0
    again_at: datetime | None = None
    repeated: int = 0
    version: int = 0
    amended: bool = False
    transfer: TransferStatus | None = None

    @property
    def waits(self) -> bool:
        """Whether anybody has still to come."""
        return any(slip.status == "waiting" for slip in self.slips.values())

    @property
    def settled(self) -> bool:
        """Whether the municipality knows all there is to know."""
        return self.confirmed >= self.revision


Outcome: TypeAlias = Sequence[ev.HandoutEvent] | Rejected


def decide(state: Handout, command: cmd.HandoutCommand) -> Outcome:
    """The events that follow. Refused: `handout-unknown`, and what each command's function says."""
    match command:
        case cmd.HearPayments():
            return hear_payments(state, command)
        case cmd.HearTransfer():
            return hear_transfer(state, command)
        case _ if not state.id:
            return Rejected("handout-unknown", {})
        case cmd.IssueVoucher():
            return issue(state, command)
        case cmd.RedeemVoucher():
            return redeem(state, command)
        case cmd.ExpireVouchers():
            return expire(state, command)
        case cmd.HearHandoutAnswer():
            return hear_answer(state, command)
        case cmd.RepeatHandout():
            return repeat(state, command)
        case _:
            assert_never(command)


def hear_payments(state: Handout, command: cmd.HearPayments) -> Outcome:
    """Said again, the municipality has not heard of it: it is told how it stands. Said again by another making of the
    run, what still waits is worth what it says now, and it is told how much was handed out: also to whoever that
    making leaves out, whose cash nobody else would put into the books. Refused: `id-invalid`, `entitlement-twice`,
    `amount-invalid`, `too-many-payments`."""
    ids = [payment.entitlement_id for payment in command.payments]
    refused = limits.id_refused(command.handout_id, command.run_id, command.programme_id, *ids)
    if refused is None and len(set(ids)) != len(ids):
        refused = Rejected("entitlement-twice", {})
    for payment in command.payments:
        refused = refused or limits.cents_refused(payment.cents)
    if state.id:
        return refused or _said_again(state, command)
    return refused or [
        ev.PaymentsHeard(
            command.handout_id, command.run_id, command.programme_id, command.period, command.site, command.payments,
            command.at + timedelta(days=VOUCHER_DAYS), limits.again(command.at), command.at,
        )
    ]  # fmt: skip


def hear_transfer(state: Handout, command: cmd.HearTransfer) -> Outcome:
    """What is told again, or late, is no news. Refused: `id-invalid`, `entitlement-twice`, `amount-invalid`."""
    ids = [payment.entitlement_id for payment in command.payments]
    refused = limits.id_refused(command.handout_id, command.run_id, command.programme_id, *ids)
    if refused is None and len(set(ids)) != len(ids):
        refused = Rejected("entitlement-twice", {})
    for payment in command.payments:
        refused = refused or limits.cents_refused(payment.cents)
    if refused:
        return refused
    if state.id and (state.transfer is None or LATER.index(command.status) <= LATER.index(state.transfer)):
        return ()
    return [
        ev.TransferHeard(
            command.handout_id, command.run_id, command.programme_id, command.period, command.site, command.payments,
            command.status, command.at,
        )
    ]  # fmt: skip


def _said_again(state: Handout, command: cmd.HearPayments) -> Outcome:
    known = {id_: slip.cents for id_, slip in state.slips.items()}
    other = [payment for payment in command.payments if known.get(payment.entitlement_id) != payment.cents]
    wait = tuple(
        payment for payment in other
        if payment.entitlement_id not in known or state.slips[payment.entitlement_id].status == "waiting"
    )  # fmt: skip
    made_anew = bool(other) or command.run_id != state.run_id  # also where it only leaves somebody out
    if not wait and (state.amended or not made_anew):
        return [ev.HandoutRepeated(state.id, limits.again(command.at), command.at)]
    if len(known.keys() | {payment.entitlement_id for payment in wait}) > STATED_MAX:
        return Rejected("too-many-payments", {"payments_max": STATED_MAX})
    expires_at = command.at + timedelta(days=VOUCHER_DAYS) if wait else state.expires_at
    assert expires_at is not None
    again_at = limits.again(command.at)
    return [
        ev.PaymentsAmended(state.id, command.run_id, wait, expires_at, state.revision + 1, again_at, command.at)
    ]  # fmt: skip


def issue(state: Handout, command: cmd.IssueVoucher) -> Outcome:
    """Refused: `payment-unknown`, `voucher-redeemed`, `voucher-expired`."""
    slip = state.slips.get(command.entitlement_id)
    if slip is None:
        return Rejected("payment-unknown", {})
    refused = _over(state, slip, command.at)
    if refused:
        return refused
    if slip.hashed == command.hashed:
        return ()
    return [ev.VoucherIssued(state.id, command.entitlement_id, command.hashed, command.at)]


def redeem(state: Handout, command: cmd.RedeemVoucher) -> Outcome:
    """Refused: `voucher-unknown`, `voucher-redeemed`, `voucher-expired`."""
    found = [(id_, slip) for id_, slip in state.slips.items() if slip.hashed == command.hashed]
    if not found:
        return Rejected("voucher-unknown", {})
    [(entitlement_id, slip)] = found
    return _over(state, slip, command.at) or [
        ev.VoucherRedeemed(
            state.id, entitlement_id, state.revision + 1, limits.again(command.at), command.at
        )
    ]  # fmt: skip


def _over(state: Handout, slip: Slip, at: datetime) -> Rejected | None:
    if slip.status == "paid":
        return Rejected("voucher-redeemed", {})
    assert state.expires_at is not None
    return Rejected("voucher-expired", {}) if slip.status == "refused" or at >= state.expires_at else None


def expire(state: Handout, command: cmd.ExpireVouchers) -> Outcome:
    """Also when everybody came: then nobody is waited for any more. Never refused: a timer may fire late, early or
    twice."""
    if state.expires_at is None or command.at < state.expires_at:
        return ()
    waiting = tuple(id_ for id_, slip in state.slips.items() if slip.status == "waiting")
    revision = state.revision + bool(waiting)
    return [ev.VouchersExpired(state.id, waiting, revision, limits.again(command.at), command.at)]


def hear_answer(state: Handout, command: cmd.HearHandoutAnswer) -> Outcome:
    """What the municipality knows as paid is not paid again by a store that has forgotten it. Refused:
    `answer-of-another-site`."""
    if command.site != state.site:
        return Rejected("answer-of-another-site", {"site": command.site})
    waiting = {id_ for id_, slip in state.slips.items() if slip.status == "waiting"}
    paid = tuple(id_ for id_ in command.paid if id_ in waiting)
    refused = tuple(id_ for id_ in command.refused if id_ in waiting)
    if paid or refused or command.revision > state.revision:
        revision = max(state.revision, command.revision) + 1
        return [ev.HandoutReminded(state.id, paid, refused, revision, limits.again(command.at), command.at)]
    if command.revision == state.revision and not state.settled:
        return [ev.HandoutConfirmed(state.id, command.revision, command.at)]
    return ()


def repeat(state: Handout, command: cmd.RepeatHandout) -> Outcome:
    """One that was told again though it had been heard is waited for no more. Never refused: a timer may fire late,
    early or twice."""
    if state.again_at is None or command.at < state.again_at:
        return ()
    if state.settled:
        return [ev.HandoutConfirmed(state.id, state.confirmed, command.at)]
    return [ev.HandoutRepeated(state.id, limits.again(command.at, state.repeated + 1), command.at)]


def evolve(state: Handout, event: ev.HandoutEvent) -> Handout:
    """The handout after `event`. What comes to nothing is paid as soon as it is heard of."""
    state = replace(state, version=state.version + 1)
    match event:
        case ev.PaymentsHeard():
            slips = {
                payment.entitlement_id: Slip(payment.cents, "waiting" if payment.cents else "paid")
                for payment in event.payments
            }
            return replace(
                state, id=event.handout_id, run_id=event.run_id, programme_id=event.programme_id, period=event.period,
                site=event.site, slips=slips, expires_at=event.expires_at, revision=1, again_at=event.again_at,
            )  # fmt: skip
        case ev.TransferHeard():
            return replace(
                state, id=event.handout_id, run_id=event.run_id, programme_id=event.programme_id, period=event.period,
                site=event.site, transfer=event.status,
            )  # fmt: skip
        case ev.PaymentsAmended():
            return _amended(state, event)
        case ev.VoucherIssued():
            slip = replace(state.slips[event.entitlement_id], hashed=event.hashed)
            return replace(state, slips=state.slips | {event.entitlement_id: slip})
        case ev.VoucherRedeemed():
            return _news(state, event, paid=[event.entitlement_id])
        case ev.VouchersExpired():
            return _news(state, event, refused=event.entitlement_ids)
        case ev.HandoutReminded():
            return _news(state, event, event.paid, event.refused)
        case ev.HandoutRepeated():
            return replace(state, again_at=event.again_at, repeated=state.repeated + 1)
        case ev.HandoutConfirmed():
            return replace(state, confirmed=event.revision, again_at=None, repeated=0)
        case _:
            assert_never(event)


def _amended(state: Handout, event: ev.PaymentsAmended) -> Handout:
    """A code that was given is still good, for the amount of now."""
    slips = dict(state.slips)
    for payment in event.payments:
        known = slips.get(payment.entitlement_id, Slip(0))
        slips[payment.entitlement_id] = replace(
            known, cents=payment.cents, status="waiting" if payment.cents else "paid"
        )  # fmt: skip
    return replace(
        state, run_id=event.run_id, slips=slips, expires_at=event.expires_at, revision=event.revision,
        again_at=event.again_at, repeated=0, amended=True,
    )  # fmt: skip


def _news(
    state: Handout, event: ev.VoucherRedeemed | ev.VouchersExpired | ev.HandoutReminded,
    paid: Iterable[str] = (), refused: Iterable[str] = (),
) -> Handout:  # fmt: skip
    slips = dict(state.slips)
    slips |= {id_: replace(slips[id_], status="paid") for id_ in paid}
    slips |= {id_: replace(slips[id_], status="refused") for id_ in refused}
    return replace(state, slips=slips, revision=event.revision, again_at=event.again_at, repeated=0)


def timers(events: Sequence[ev.HandoutEvent]) -> list[TimerSet | TimerCleared]:
    """`handout/<id>` while the municipality does not know all of it, `vouchers/<id>` for when nobody may come any
    more; `ready/<id>`, at once: the clients are told."""
    found: dict[str, TimerSet | TimerCleared] = {}
    for event in events:
        again, expires = f"{REPEAT}/{event.handout_id}", f"{EXPIRE}/{event.handout_id}"
        if isinstance(event, ev.PaymentsHeard | ev.PaymentsAmended):
            found[expires] = TimerSet(expires, event.expires_at, EXPIRE, event.handout_id)
            found[f"{READY}/{event.handout_id}"] = TimerSet(
                f"{READY}/{event.handout_id}", event.at, READY, event.handout_id
            )
        if isinstance(event, ev.VouchersExpired):
            found[expires] = TimerCleared(expires)
        if isinstance(event, ev.HandoutConfirmed):
            found[again] = TimerCleared(again)
        elif not isinstance(event, ev.VoucherIssued | ev.TransferHeard):
            found[again] = TimerSet(again, event.again_at, REPEAT, event.handout_id)
    return list(found.values())


HANDOUT: Decider[Handout, cmd.HandoutCommand, ev.HandoutEvent] = Decider(
    name="handout",
    initial=Handout(),
    decide=decide,
    evolve=evolve,
    codec=ev.HANDOUT_CODEC,
    state_type=Handout,
    state_version=2,
    commands=cmd.HANDOUT_COMMANDS,
)
"""Stream `handout/<id>`."""
