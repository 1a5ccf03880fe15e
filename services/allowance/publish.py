"""What of a decision is told: seats to everybody as counts, how it stands with one of them to its site or to the
municipality's by letter, and who is entitled to the services of the client's site. The only place that builds a
contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from services.allowance import events as ev
from services.allowance import events_entitlement as en
from services.allowance import events_handout as eh
from services.allowance import events_payroll as ep
from services.allowance.decider_entitlement import Entitlement
from services.allowance.decider_handout import Handout
from services.allowance.decider_payroll import Payroll, in_parts
from services.allowance.decider_programme import Programme
from shared.contracts import allowance as told
from shared.contracts.base import Contract, Draft, Written
from shared.ids import derived_id


class Telling(NamedTuple):
    """subject: what it is about; of a letter the addressee. observed_at: nobody observes a seat."""

    event: Written[Any] | Draft
    subject: str
    observed_at: None = None

    @property
    def contract(self) -> Contract | Draft:
        """The event as any reader has it. Raises `ValidationError`."""
        return self.event.read()


# --- the municipality -------------------------------------------------------------------------------------------------


def tell(before: Programme, events: Sequence[ev.ProgrammeEvent], after: Programme) -> list[Telling]:
    """An answer for every seat that was spoken of, and the counts where they moved."""
    spoken = dict.fromkeys(
        event.seat_id
        for event in events
        if isinstance(event, ev.SeatReserved | ev.SeatRefused | ev.SeatGranted | ev.SeatEnded | ev.SeatWordRepeated)
    )
    tellings = [answer(after, programme_id(events), seat_id) for seat_id in spoken]
    moved = (before.opened, _counts(before)) != (after.opened, _counts(after))
    return [*tellings, seats(after)] if moved and after.id else tellings


def programme_id(events: Sequence[ev.ProgrammeEvent]) -> str:
    """The programme these events are of: it need not exist, where a seat of it was refused."""
    return events[0].programme_id


def answer(programme: Programme, programme_id: str, seat_id: str) -> Telling:
    """How it stands with a seat, to its site."""
    seat = programme.seats[seat_id]
    body = told.SeatAnsweredBody(programme_id=programme_id, revision=seat.revision, status=seat.status, code=seat.code)
    return Telling(Draft(told.SeatAnswered, seat.site, seat_id, body), seat.site)


def _counts(programme: Programme) -> tuple[int, int, int]:
    """total, occupied, held. More than the ceiling are taken only after a store was restored (decision 31)."""
    return max(programme.ceiling, programme.taken), programme.granted, programme.reserved


def seats(programme: Programme) -> Telling:
    """The seats of a programme as they are."""
    opened = programme.opened
    assert opened is not None
    total, occupied, held = _counts(programme)
    contract = told.SeatsTold.written(
        programme_id=opened.programme_id, site=opened.site, name=opened.name, period=opened.period,
        methods=opened.methods, total=total, occupied=occupied, held=held,
    )  # fmt: skip
    return Telling(contract, opened.programme_id)


# --- the client's site ------------------------------------------------------------------------------------------------


def tell_entitlement(
    before: Entitlement, events: Sequence[en.EntitlementEvent], after: Entitlement
) -> list[Telling]:  # fmt: skip
    """The municipality is told how it stands; the services of this site hear who has a seat, and who has it no more."""
    tellings = [telling for event in events for telling in site_events(after, event)]
    unsaid = (en.EntitlementConfirmed, en.EntitlementRefused, en.PaymentNoted)
    if any(not isinstance(event, unsaid) for event in events):
        tellings.append(stated(after))
    return tellings


def stated(entitlement: Entitlement) -> Telling:
    """How it stands with an entitlement, to the municipality: all of it, without whose it is."""
    status = entitlement.status if entitlement.status in ("asked", "ended") else "granted"
    many = len(entitlement.paid) > told.SPANS_MAX
    letter, body_type = (
        (told.EntitlementStatedV2, told.EntitlementStatedV2Body)
        if many
        else (told.EntitlementStated, told.EntitlementStatedBody)
    )
    body = body_type.model_validate({
        "programme_id": entitlement.programme_id, "revision": entitlement.revision, "status": status,
        "method": entitlement.method,
        "spans": tuple((span.first, span.until, span.size_class) for span in entitlement.paid),
    })  # fmt: skip
    return Telling(Draft(letter, entitlement.site, entitlement.id, body), entitlement.site)


def site_events(entitlement: Entitlement, event: en.EntitlementEvent) -> list[Telling]:
    """What the services of this site hear of one event."""
    about = {"entitlement_id": entitlement.id, "client_id": entitlement.client_id, "at": event.at}
    match event:
        case en.EntitlementGranted():
            granted = told.EntitlementGranted.written(**about, programme_id=entitlement.programme_id)
            return [Telling(granted, entitlement.id)]
        case en.EntitlementRefused():
            return [Telling(told.EntitlementRefused.written(**about, code=event.code), entitlement.id)]
        case en.EntitlementForgotten():  # of whoever is erased nobody is told anything more
            return []
        case en.EntitlementEnded():
            ended = told.EntitlementEnded.written(**about, from_day=event.from_day, reason=event.reason)
            return [Telling(ended, entitlement.id)]
        case en.PaymentNoted():
            ready = told.AllowanceReady.written(**about, handout_id=event.handout_id, until=event.until)
            return [Telling(ready, entitlement.id)]
        case _:  # days are between the desk and whoever pays
            return []


def tell_handout(before: Handout, events: Sequence[eh.HandoutEvent], after: Handout) -> list[Telling]:
    """The municipality is told how it stands with what is handed out, whenever there is something to say."""
    if all(isinstance(event, eh.HandoutConfirmed | eh.VoucherIssued | eh.TransferHeard) for event in events):
        return []
    paid, refused = _standing(after, "paid"), _standing(after, "refused")
    about: dict[str, Any] = {"programme_id": after.programme_id, "revision": after.revision, "refused": refused}
    tellings: list[Telling] = []
    if after.amended:  # first: whoever knows it takes who was paid with how much
        amounts = tuple((id_, after.slips[id_].cents) for id_ in paid)
        whole = told.HandoutStatedV2Body(**about, paid=amounts)
        tellings.append(Telling(Draft(told.HandoutStatedV2, after.site, after.id, whole), after.site))
    if max(len(paid), len(refused)) <= told.HANDOUT_MAX:
        body = told.HandoutStatedBody(**about, paid=paid)
        tellings.append(Telling(Draft(told.HandoutStated, after.site, after.id, body), after.site))
    return tellings


def _standing(handout: Handout, status: str) -> tuple[str, ...]:
    return tuple(id_ for id_, slip in handout.slips.items() if slip.status == status)


def tell_payroll(before: Payroll, events: Sequence[ep.PayrollEvent], after: Payroll) -> list[Telling]:
    """Each site is told what it is to hand out, and answered what it says of it. Who is paid how much is between the
    municipality, its ledger and that site; the municipality's own services hear that a run waits for somebody."""
    tellings: list[Telling] = []
    for event in events:
        match event:
            case ep.PayRunDrafted():
                tellings.append(Telling(told.PayRunDrafted.written(**_run(event), period=event.period), event.run_id))
            case ep.PayRunApproved():
                tellings.append(Telling(told.PayRunDecided.written(**_run(event), how="approved"), event.run_id))
            case ep.PayRunDropped():
                tellings.append(Telling(told.PayRunDecided.written(**_run(event), how="dropped"), event.run_id))
            case ep.PayRunExecuted():
                tellings += [payments(event.programme_id, handed.handout_id, after) for handed in event.handouts]
                tellings += _transfers(event.programme_id, [order.order_id for order in event.orders], after)
            case ep.OrdersNoted():
                tellings += _transfers(event.programme_id, [answer.order_id for answer in event.answered], after)
            case ep.PaymentsRepeated():
                tellings.append(payments(event.programme_id, event.handout_id, after))
            case ep.HandoutNoted():
                waiting = after.waiting[event.handout_id]
                body = told.HandoutAnsweredBody(
                    revision=waiting.revision, paid=waiting.paid, refused=tuple(waiting.refused)
                )  # fmt: skip
                answer = Draft(told.HandoutAnswered, waiting.site, event.handout_id, body)
                tellings.append(Telling(answer, waiting.site))
            case _:
                pass
    return tellings


def _run(event: ep.PayRunDrafted | ep.PayRunApproved | ep.PayRunDropped) -> dict[str, object]:
    return {"programme_id": event.programme_id, "run_id": event.run_id, "at": event.at}


def payments(programme_id: str, handout_id: str, payroll: Payroll) -> Telling:
    """What a site is to hand out."""
    waiting = payroll.waiting[handout_id]
    body = told.PaymentsToldBody(
        programme_id=programme_id, run_id=waiting.run_id, period=waiting.period,
        payments=tuple((id_, line.cents) for id_, line in waiting.lines.items()),
    )  # fmt: skip
    return Telling(Draft(told.PaymentsTold, waiting.site, handout_id, body), waiting.site)


def _transfers(programme_id: str, order_ids: Iterable[str], payroll: Payroll) -> Iterator[Telling]:
    """To each site for whom a transfer to its organisation is, and how it stands with it. A card is its client's."""
    for order_id in dict.fromkeys(order_ids):
        order = payroll.orders[order_id]
        cents = dict(order.shares)
        for shared, ids in in_parts(list(cents)) if order.method == "transfer" else ():
            body = told.TransferToldBody(
                programme_id=programme_id, run_id=order.run_id, period=order.period, status=order.status,
                payments=tuple((id_, cents[id_]) for id_ in ids),
            )  # fmt: skip
            part = derived_id("transfer-part", order_id, shared)
            yield Telling(Draft(told.TransferTold, order.site, part, body), order.site)


def tell_nothing(before: object, events: Sequence[object], after: object) -> list[Telling]:
    """What is known of a client stays here."""
    return []
