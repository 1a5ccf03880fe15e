"""What follows from a heard event or a committed one: which message to whom, and when it is taken up.

What is too old to be told is not: whoever reads a log from its beginning again, or hears it anew in another epoch,
tells nobody the news of last month.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.notifications import events as ev
from services.notifications.commands import ChooseMessage, EraseRecipient
from shared.contracts import intake, placement
from shared.contracts.base import Contract, Opened
from shared.envelope import SYSTEM_ROLE, Message
from shared.ids import derived_id
from shared.kernel import Reaction
from shared.timers import TimerCleared, TimerSet

RECIPIENT = "recipient"
"""The aggregate that commands go to."""

SEND = "send"
"""The timer of every message that is not settled."""

OPERATOR, ONCALL, COORDINATOR = "operator", "oncall", "coordinator"
"""Recipients who are no clients: the roles of this site's people."""

NEWS = timedelta(days=1)
"""How old an event may be and still be news."""
WAITS = timedelta(days=14)
"""How long a message waits at the desk for somebody who does not come."""

CITY_ZONE = ZoneInfo("Europe/Amsterdam")
QUIET_FROM, QUIET_UNTIL = time(21), time(8)
"""By the city's clock. A phone that lights up at night may be seen by somebody it is not meant for, and wakes a room of
two."""

LISTENS: Mapping[str, type[Contract]] = {
    contract.type_name: contract
    for contract in (
        intake.RequestOpened,
        intake.RequestWithdrawn,
        intake.ClientErased,
        placement.HoldEnded,
        placement.RegimeTold,
    )
}
"""What is heard: of this site's intake and placement, and the regimes everybody is told of."""


def heard_by(site: str, municipality: str) -> Callable[[Message, Contract | Opened, datetime], Reaction | None]:
    """`heard`, at this site, where the municipality is that one."""

    def react(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
        whose = municipality if isinstance(said, placement.RegimeTold) else site
        return heard(message, said, at) if message.origin.site == whose else None

    return react


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
        case placement.HoldEnded() if said.how in ("lapsed", "no_show"):
            fields = {"location": said.location}
            return told(message, OPERATOR, "hold_lapsed", said.hold_id, said.at, at, fields)
        case placement.RegimeTold() if said.revision == 1 and said.ends_at > at:
            fields = {"name": said.name, "time": said.starts_at.isoformat()}
            return told(message, OPERATOR, "regime_told", said.regime_id, message.time, at, fields)
        case _:
            return None


def told(
    message: Message, recipient: str, template: str, about: str, happened_at: datetime, at: datetime,
    fields: Mapping[str, str] | None = None,
) -> Reaction | None:  # fmt: skip
    """One message: its id follows from whom it goes to, what it says and what it is about, however often that is
    told. None when it is no news any more."""
    if happened_at + NEWS <= at:
        return None
    command = ChooseMessage(
        at=at, role=SYSTEM_ROLE, recipient=recipient, message_id=message_id_of(recipient, template, about),
        cause_id=message.id, template=template, fields=dict(fields or {}), expires_at=at + WAITS,
    )  # fmt: skip
    return Reaction(RECIPIENT, recipient, command)


def silent(site: str, recipient: str, since: datetime, at: datetime) -> Reaction:
    """Another site has fallen silent: one message a site and day."""
    about = f"{site}/{since.astimezone(CITY_ZONE).date().isoformat()}"
    message_id = message_id_of(recipient, "site_silent", about)
    command = ChooseMessage(
        at=at, role=SYSTEM_ROLE, recipient=recipient, message_id=message_id, cause_id=message_id,
        template="site_silent", fields={"site": site, "time": since.isoformat()}, expires_at=at + NEWS,
    )  # fmt: skip
    return Reaction(RECIPIENT, recipient, command)


def message_id_of(recipient: str, template: str, about: str) -> str:
    """The id of the one message there is of this to them."""
    return derived_id("message", recipient, template, about)


def quiet_until(at: datetime) -> datetime | None:
    """When the night ends that `at` is in; None by day."""
    local = at.astimezone(CITY_ZONE)
    if QUIET_UNTIL <= local.time() < QUIET_FROM:
        return None
    day = local.date() if local.time() < QUIET_UNTIL else local.date() + timedelta(days=1)
    return datetime.combine(day, QUIET_UNTIL, CITY_ZONE).astimezone(at.tzinfo)


def timers(events: Sequence[ev.RecipientEvent]) -> list[TimerSet | TimerCleared]:
    """One for each message that is not settled, named `send/<message id>`: it is taken up then."""
    changes: list[TimerSet | TimerCleared] = []
    for event in events:
        match event:
            case ev.MessageChosen():
                changes.append(_due(event.message_id, event.send_at, event.recipient))
            case ev.MessageQueued() | ev.MessageLeftAtDesk():
                changes.append(_due(event.message_id, event.until, event.recipient))
            case ev.SendingBegan() | ev.SendingFailed():
                changes.append(_due(event.message_id, event.again_at, event.recipient))
            case ev.MessageSent() | ev.MessageDelivered() | ev.MessageSuppressed():
                changes.append(TimerCleared(send_timer(event.message_id)))
            case _:
                pass
    return changes


def _due(message_id: str, at: datetime, recipient: str) -> TimerSet:
    return TimerSet(send_timer(message_id), at, SEND, recipient)


def send_timer(message_id: str) -> str:
    """The timer of one message."""
    return f"{SEND}/{message_id}"


def message_of(timer_id: str) -> str:
    """Whose timer it is."""
    return timer_id.removeprefix(f"{SEND}/")
