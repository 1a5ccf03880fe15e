"""Which event is told to those who work here, in which message. None of them names a client: who it is about stands in
the lists of the desk, for those who may see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from services.notifications.commands import ChooseMessage, ReplaceMessages
from services.notifications.policy import (
    CASEWORKER,
    CITY_ZONE,
    COORDINATOR,
    FINANCE,
    NEWS,
    ONCALL,
    OPERATOR,
    RECIPIENT,
    SETTLES,
    choice,
    is_news,
    message_id_of,
    told,
)
from shared.contracts import allowance, intake, placement
from shared.contracts.base import Contract, Opened
from shared.envelope import SYSTEM_ROLE, Message
from shared.kernel import Reaction

LISTENS: Mapping[str, type[Contract]] = {
    contract.type_name: contract
    for contract in (
        intake.OfferReceived,
        intake.OfferAccepted,
        intake.OfferDeclined,
        intake.OfferEnded,
        placement.HoldEnded,
        placement.HeadsCounted,
        placement.QuestionTold,
        placement.RegimeTold,
        allowance.PayRunDrafted,
        allowance.PayRunDecided,
    )
}
"""What is heard: of this site's intake, placement and allowance, and the regimes everybody is told of."""

ANSWER_DUE, OFFER_LAPSED, OFFER_MISSED = "answer_due", "offer_lapsed", "offer_missed"
ENDED = {"lapsed": OFFER_LAPSED, "no_show": OFFER_MISSED}
"""What is told of an offer that ended so: its request waits again."""

QUESTION_WAITS = "question_waits"
COUNT_DIFFERS, COUNT_DUE, RUN_WAITS = "count_differs", "count_due", "run_waits"
COUNTED_AGAIN = timedelta(hours=30)
"""Where people were counted they are counted every night: after so long without, a night was left out."""
COUNT_OF_USE = timedelta(days=2)
"""A house that is not counted any more is reminded once, and not for ever."""
NOON = 12
COUNTS_BEFORE = 8
"""Halves of days whose reminders end with a count: all that may still wait."""

OfferSaid: TypeAlias = intake.OfferReceived | intake.OfferAccepted | intake.OfferDeclined | intake.OfferEnded


def heard(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
    """The command that follows from an event, or None when nobody has to be told."""
    match said:
        case intake.OfferReceived() | intake.OfferAccepted() | intake.OfferDeclined() | intake.OfferEnded():
            return Reaction(RECIPIENT, CASEWORKER, of_offer(message, said, at))
        case placement.HoldEnded() if said.how in ("lapsed", "no_show"):
            fields = {"location": said.location}
            return told(message, OPERATOR, "hold_lapsed", said.hold_id, said.at, at, fields)
        case placement.HeadsCounted() if not said.superseded:
            return Reaction(RECIPIENT, OPERATOR, counted(message, said, at))
        case placement.QuestionTold():
            return Reaction(RECIPIENT, OPERATOR, asked(message, said, at))
        case allowance.PayRunDrafted():
            fields = {"period": said.period}
            return told(message, FINANCE, RUN_WAITS, said.run_id, said.at, at, fields)
        case allowance.PayRunDecided():
            over = (message_id_of(FINANCE, RUN_WAITS, said.run_id),)
            return Reaction(RECIPIENT, FINANCE, ReplaceMessages(
                at=at, role=SYSTEM_ROLE, recipient=FINANCE, over=over, instead=(),
            ))  # fmt: skip
        case placement.RegimeTold() if said.revision == 1 and said.ends_at > at:
            fields = {"name": said.name, "time": said.starts_at.isoformat()}
            return told(message, OPERATOR, "regime_told", said.regime_id, message.time, at, fields)
        case _:
            return None


def of_offer(message: Message, said: OfferSaid, at: datetime) -> ReplaceMessages:
    """An answer is due; or it is not any more, and why."""
    about, wanted = said.offer_id, list[ChooseMessage]()
    over: tuple[str, ...] = (message_id_of(CASEWORKER, ANSWER_DUE, about),)
    if isinstance(said, intake.OfferReceived):
        until = said.expires_at
        over, fields = (), {"time": until.isoformat()}
        wanted = [
            choice(message, CASEWORKER, ANSWER_DUE, about, at, fields, expires_at=until, send_at=at + SETTLES)
        ]  # fmt: skip
    elif isinstance(said, intake.OfferEnded) and said.how in ENDED:
        wanted = [choice(message, CASEWORKER, ENDED[said.how], about, at)]
    instead = tuple(wanted) if is_news(said.at, at) else ()
    return ReplaceMessages(at=at, role=SYSTEM_ROLE, recipient=CASEWORKER, over=over, instead=instead)


def asked(message: Message, said: placement.QuestionTold, at: datetime) -> ReplaceMessages:
    """An operator is asked before a place is offered; or is not any more."""
    about, fields = said.question_id, {"location": said.location, "time": said.answer_by.isoformat()}
    if said.open:
        wanted = choice(message, OPERATOR, QUESTION_WAITS, about, at, fields, expires_at=said.answer_by)
        return ReplaceMessages(at=at, role=SYSTEM_ROLE, recipient=OPERATOR, over=(), instead=(wanted,))
    over = (message_id_of(OPERATOR, QUESTION_WAITS, about),)
    return ReplaceMessages(at=at, role=SYSTEM_ROLE, recipient=OPERATOR, over=over, instead=())


def counted(message: Message, said: placement.HeadsCounted, at: datetime) -> ReplaceMessages:
    """A night was counted: whoever has to look is told if it is not what the board says, and the next count is due. By
    halves of days: one night is counted after midnight and the next before it, both on one date."""
    local, where = said.observed_at.astimezone(CITY_ZONE), f"{said.location}/{said.kind}"
    half = 2 * local.toordinal() + (local.hour >= NOON)
    due = said.observed_at + COUNTED_AGAIN
    wanted = []
    if said.counted != said.expected and is_news(said.at, at):
        fields = {"location": said.location, "counted": str(said.counted), "expected": str(said.expected)}
        wanted.append(choice(message, OPERATOR, COUNT_DIFFERS, said.count_id, at, fields))
    if due + COUNT_OF_USE > at:
        fields = {"location": said.location, "time": said.observed_at.isoformat()}
        about = f"{where}/{half}"
        wanted.append(choice(
            message, OPERATOR, COUNT_DUE, about, at, fields, expires_at=due + COUNT_OF_USE, send_at=max(at, due)
        ))  # fmt: skip
    before = [f"{where}/{half - number}" for number in range(1, COUNTS_BEFORE + 1)]
    over = tuple(message_id_of(OPERATOR, COUNT_DUE, about) for about in before)
    return ReplaceMessages(at=at, role=SYSTEM_ROLE, recipient=OPERATOR, over=over, instead=tuple(wanted))


def silent(site: str, recipient: str, since: datetime, at: datetime) -> Reaction:
    """Another site has fallen silent: one message a site and day."""
    fields = {"site": site, "time": since.isoformat()}
    return seen(recipient, "site_silent", f"{site}/{_day(since)}", fields, at)


def short(kind: str, below: int, at: datetime) -> Reaction:
    """There is little room of a kind in the city: one message a kind and day."""
    return seen(COORDINATOR, "room_short", f"{kind}/{_day(at)}", {"kind": kind, "below": str(below)}, at)


def parked(site: str, service: str, reader: str, at: datetime) -> Reaction:
    """A reader waits with a message it cannot read: one message a reader and day."""
    fields = {"reader": reader, "service": service, "site": site}
    return seen(ONCALL, "message_parked", f"{site}/{service}/{reader}/{_day(at)}", fields, at)


def seen(recipient: str, template: str, about: str, fields: Mapping[str, str], at: datetime) -> Reaction:
    """A message of what nobody told and somebody has looked after."""
    message_id = message_id_of(recipient, template, about)
    command = ChooseMessage(
        at=at, role=SYSTEM_ROLE, recipient=recipient, message_id=message_id, cause_id=message_id, template=template,
        fields=dict(fields), expires_at=at + NEWS,
    )  # fmt: skip
    return Reaction(RECIPIENT, recipient, command)


def _day(at: datetime) -> str:
    return at.astimezone(CITY_ZONE).date().isoformat()
