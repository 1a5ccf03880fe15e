"""What the logbook is told of this desk: which entry of the register each event of a file falls under."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from services.intake import events as ev
from services.intake.api_checks import LIKENESS
from services.intake.decider import CLIENT
from services.intake.decider_likeness import CHECK, REPLY
from services.intake.events_alias import AliasEvent
from services.intake.events_flows import SeatNoted
from services.intake.events_guidance import GuidanceEvent
from services.intake.events_handover import HandOverEvent
from services.intake.events_likeness import CheckReplied
from services.intake.events_offers import OfferEvent
from services.intake.views_likeness import checks
from shared.envelope import Recorded
from shared.kernel import Event
from shared.logbook import Concern, Concerns
from shared.ports import Store

_BY_CLASS: dict[type[Event], str] = {
    ev.ClientRegistered: "registration-v1",
    ev.ClientCorrected: "registration-v1",
    ev.PersonalRead: "personal-v1",
    ev.RequestOpened: "request-v1",
    ev.RequestPrioritized: "request-v1",
    ev.RequestWithdrawn: "request-v1",
    ev.RequestUnmet: "request-v1",
    SeatNoted: "statistics-v1",
    ev.ClientErased: "erasure-v1",
    ev.KeyDestroyed: "erasure-v1",
    **dict.fromkeys(get_args(AliasEvent), "alias-v1"),
    **dict.fromkeys(get_args(OfferEvent), "request-v1"),
    **dict.fromkeys(get_args(GuidanceEvent), "guidance-v1"),
    **dict.fromkeys(get_args(HandOverEvent), "hand-over-v1"),
}
ACTIVITIES = {name: _BY_CLASS[cls] for name, cls in ev.CODEC.names().items()}
"""The entry of the register, by the name under which an event is stored."""

_FILES, _CHECKS, _REPLIES = CLIENT.stream(""), CHECK.stream(""), REPLY.stream("")


def concerns_of(store: Store) -> Concerns:
    """Whom an event of this service concerns: the client whose file it is in; the one another desk is asked about, and
    those that one was told of. What a week or a day adds up to is nobody's. store: knows whom a check is about."""

    async def concerns(event: Recorded) -> Sequence[Concern]:
        if event.stream.startswith(_FILES):
            return [Concern(event.stream.removeprefix(_FILES), ACTIVITIES[event.type])]
        found: Iterable[str] = ()
        if event.stream.startswith(_CHECKS):
            rows = await store.rows(checks, id=event.stream.removeprefix(_CHECKS))
            found = [row["client_id"] for row in rows]
        elif event.stream.startswith(_REPLIES):
            said = REPLY.codec.decode(event.data)
            found = dict.fromkeys(said.clients) if isinstance(said, CheckReplied) else ()
        return [Concern(subject, LIKENESS) for subject in found]

    return concerns
