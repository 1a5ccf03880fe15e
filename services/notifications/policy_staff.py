"""Which event is told to those who work here, in which message. None of them names a client: who it is about stands in
the lists of the desk, for those who may see them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from services.notifications.commands import ChooseMessage, ReplaceMessages
from services.notifications.policy import (
    CASEWORKER,
    CITY_ZONE,
    NEWS,
    OPERATOR,
    RECIPIENT,
    SETTLES,
    choice,
    is_news,
    message_id_of,
    told,
)
from shared.contracts import intake, placement
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
        placement.RegimeTold,
    )
}
"""What is heard: of this site's intake and placement, and the regimes everybody is told of."""

ANSWER_DUE, OFFER_LAPSED, OFFER_MISSED = "answer_due", "offer_lapsed", "offer_missed"
ENDED = {"lapsed": OFFER_LAPSED, "no_show": OFFER_MISSED}
"""What is told of an offer that ended so: its request waits again."""

OfferSaid: TypeAlias = intake.OfferReceived | intake.OfferAccepted | intake.OfferDeclined | intake.OfferEnded


def heard(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
    """The command that follows from an event, or None when nobody has to be told."""
    match said:
        case intake.OfferReceived() | intake.OfferAccepted() | intake.OfferDeclined() | intake.OfferEnded():
            return Reaction(RECIPIENT, CASEWORKER, of_offer(message, said, at))
        case placement.HoldEnded() if said.how in ("lapsed", "no_show"):
            fields = {"location": said.location}
            return told(message, OPERATOR, "hold_lapsed", said.hold_id, said.at, at, fields)
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


def silent(site: str, recipient: str, since: datetime, at: datetime) -> Reaction:
    """Another site has fallen silent: one message a site and day."""
    about = f"{site}/{since.astimezone(CITY_ZONE).date().isoformat()}"
    message_id = message_id_of(recipient, "site_silent", about)
    command = ChooseMessage(
        at=at, role=SYSTEM_ROLE, recipient=recipient, message_id=message_id, cause_id=message_id,
        template="site_silent", fields={"site": site, "time": since.isoformat()}, expires_at=at + NEWS,
    )  # fmt: skip
    return Reaction(RECIPIENT, recipient, command)
