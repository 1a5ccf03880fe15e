"""Which event is told to a client, in which message.

Of an offer a client hears twice at most while it waits, that their place is sure, and that it is kept no longer; the
last only if they had heard of it. No message says where: whoever reads along would know where somebody sleeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, TypeAlias

from services.notifications.commands import ChooseMessage, EraseRecipient, PlanMessage, ReplaceMessages
from services.notifications.policy import CITY_ZONE, RECIPIENT, SETTLES, choice, is_news, message_id_of, told
from services.notifications.policy_appointments import of_appointment
from shared.contracts import allowance, intake
from shared.contracts.base import Contract, Opened
from shared.contracts.vocabulary import STAY_DAYS_MAX
from shared.envelope import SYSTEM_ROLE, Message
from shared.kernel import Reaction

LISTENS: Mapping[str, type[Contract]] = {
    contract.type_name: contract
    for contract in (
        intake.RequestOpened,
        intake.RequestWithdrawn,
        intake.ClientErased,
        intake.OfferReceived,
        intake.OfferAccepted,
        intake.OfferDeclined,
        intake.OfferConfirmed,
        intake.OfferEnded,
        intake.ClientHoused,
        intake.ClientLeft,
        intake.ClientStayTold,
        intake.AppointmentMade,
        intake.AppointmentEnded,
        allowance.AllowanceReady,
    )
}
"""What is heard of this site's intake and allowance."""

WAITING, LAPSING, CONFIRMED, OVER = "offer_waiting", "offer_lapsing", "offer_confirmed", "offer_over"
REMINDED = timedelta(minutes=45)
"""So long before an offer lapses its client is told once more; not when there was not twice as long to answer."""
READY = "allowance_ready"
LIMIT_NEAR = "stay_limit_near"
TOLD_BEFORE = timedelta(days=30)
"""So long before the limit its client is told."""
GONE = frozenset({"withdrawn", "lapsed", "no_show"})
"""How an offer ends without its client having said no."""

OfferSaid: TypeAlias = (
    intake.OfferReceived
    | intake.OfferAccepted
    | intake.OfferDeclined
    | intake.OfferConfirmed
    | intake.OfferEnded
    | intake.ClientHoused
    | intake.ClientLeft
)


def heard(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
    """The command that follows from an event, or None when nobody has to be told."""
    match said:
        case intake.ClientErased():
            command = EraseRecipient(at=at, role=SYSTEM_ROLE, recipient=said.client_id)
            return Reaction(RECIPIENT, said.client_id, command)
        case intake.RequestOpened():
            fields = {"date": said.waiting_since.isoformat()}
            return told(message, said.client_id, "request_noted", said.request_id, said.at, at, fields)
        case intake.RequestWithdrawn() if said.reason not in ("erased", "mistake"):
            return told(message, said.client_id, "request_ended", said.request_id, said.at, at)
        case intake.AppointmentMade() | intake.AppointmentEnded():
            return Reaction(RECIPIENT, said.client_id, of_appointment(message, said, at))
        case intake.ClientStayTold():
            return Reaction(RECIPIENT, said.client_id, of_stay(message, said, at))
        case allowance.AllowanceReady():
            return Reaction(RECIPIENT, said.client_id, ready(message, said, at))
        case (
            intake.OfferReceived()
            | intake.OfferAccepted()
            | intake.OfferDeclined()
            | intake.OfferConfirmed()
            | intake.OfferEnded()
            | intake.ClientHoused()
            | intake.ClientLeft()
        ):
            return Reaction(RECIPIENT, said.client_id, of_offer(message, said, at))
        case _:
            return None


def ready(message: Message, said: allowance.AllowanceReady, at: datetime) -> ChooseMessage:
    """Cash waits for weeks: that is news as long as it does. They are to come before the day on which it goes back."""
    day = said.until.astimezone(CITY_ZONE).date()
    about, fields = f"{said.handout_id}/{said.entitlement_id}", {"date": day.isoformat()}
    return choice(message, said.client_id, READY, about, at, fields, expires_at=said.until)


class Plan(NamedTuple):
    """over: templates whose messages of this offer are over. wanted: what is told instead. if_told: only to whoever has
    heard of one of those. limit: the end of the stay is settled by this word too."""

    over: tuple[str, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    if_told: bool = False
    limit: bool = False


class Wanted(NamedTuple):
    """until: when the place is gone, which the message says and after which it is of no use. send_at: not before."""

    template: str
    until: datetime | None = None
    send_at: datetime | None = None

    @property
    def fields(self) -> dict[str, str]:
        """What the message says of it."""
        return {} if self.until is None else {"time": self.until.isoformat()}


def of_offer(message: Message, said: OfferSaid, at: datetime) -> ReplaceMessages:
    """What is said of an offer now, and what said before is over."""
    client, about, plan = said.client_id, said.offer_id, planned(said, at)
    chosen = [
        choice(
            message, client, one.template, about, at, one.fields, expires_at=one.until, send_at=one.send_at,
        )
        for one in plan.wanted
        if is_news(said.at, at)
    ]  # fmt: skip
    return ReplaceMessages(
        at=at, role=SYSTEM_ROLE, recipient=client, instead=tuple(chosen),
        over=tuple(message_id_of(client, template, about) for template in plan.over), only_if_told=plan.if_told,
        plan=_limit_by_word(message, said, at) if plan.limit else None,
    )  # fmt: skip


def planned(said: OfferSaid, at: datetime) -> Plan:
    """Which messages an offer leads to now."""
    waits, all_of_it = (WAITING, LAPSING), (WAITING, LAPSING, CONFIRMED)
    match said:
        case intake.OfferReceived(expires_at=until):
            waiting, remind_at = Wanted(WAITING, until, at + SETTLES), until - REMINDED
            again = [Wanted(LAPSING, until, remind_at)] if at + REMINDED <= remind_at else []
            return Plan((), (waiting, *again))
        case intake.OfferConfirmed():
            return Plan(waits, (Wanted(CONFIRMED, said.expected_by),))
        case intake.OfferDeclined(reason="not_reached"):
            return Plan(waits, (Wanted(OVER),), if_told=True)
        case intake.OfferEnded() if said.how in GONE:
            return Plan(all_of_it, (Wanted(OVER),), if_told=True)
        case intake.ClientHoused():
            return Plan(all_of_it, limit=True)
        case intake.ClientLeft():
            return Plan(limit=True)
        case intake.OfferEnded():
            return Plan(all_of_it)
        case _:  # they have answered
            return Plan(waits)


def of_stay(message: Message, said: intake.ClientStayTold, at: datetime) -> PlanMessage:
    """What is told of the end of a stay, by all that its owner knows of it: the newest counts, also of when it began
    and that it has not ended after all."""
    kind, since = said.lived[-1]
    return limit_of(message, said.client_id, said.offer_id, None if said.ended_at else (kind, since), at, whole=True)


def _limit_by_word(message: Message, said: OfferSaid, at: datetime) -> PlanMessage:
    """By the word about its offer: that they came, or left. When they came is its moment where nobody knows better."""
    lives = (said.kind, said.at) if isinstance(said, intake.ClientHoused) else None
    return limit_of(message, said.client_id, said.offer_id, lives, at, whole=False)


def limit_of(
    message: Message, client: str, offer_id: str, lives: tuple[str, datetime] | None, at: datetime, *, whole: bool
) -> PlanMessage:
    """lives: in which kind of place they live since when; None: not any more. Nothing is told where there is no limit.
    It is about a day weeks ahead: that is news however long ago it was settled."""
    days, wanted = None if lives is None else STAY_DAYS_MAX.get(lives[0]), None
    if lives is not None and days is not None:
        until = lives[1] + timedelta(days=days)
        fields = {"date": until.astimezone(CITY_ZONE).date().isoformat()}
        wanted = choice(
            message, client, LIMIT_NEAR, offer_id, at, fields, expires_at=until, send_at=max(at, until - TOLD_BEFORE)
        )
    return PlanMessage(
        at=at, role=SYSTEM_ROLE, recipient=client, plan_id=message_id_of(client, LIMIT_NEAR, offer_id), wanted=wanted,
        whole=whole,
    )  # fmt: skip


def of_use_until(template: str, fields: Mapping[str, str]) -> datetime | None:
    """When there is nothing left to tell of what a client's message says; None when it speaks of no time to come."""
    if template in (READY, LIMIT_NEAR):
        return datetime.combine(date.fromisoformat(fields["date"]), time(), CITY_ZONE).astimezone(UTC)
    return datetime.fromisoformat(fields["time"]) if "time" in fields else None
