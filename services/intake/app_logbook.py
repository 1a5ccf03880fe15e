"""What the logbook is told of this desk: which entry of the register each event of a file falls under."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from services.intake import events as ev
from services.intake.decider import CLIENT
from services.intake.events_guidance import GuidanceEvent
from services.intake.events_offers import OfferEvent
from shared.envelope import Recorded
from shared.kernel import Event
from shared.logbook import Concern

_BY_CLASS: dict[type[Event], str] = {
    ev.ClientRegistered: "registration-v1",
    ev.ClientCorrected: "registration-v1",
    ev.PersonalRead: "personal-v1",
    ev.RequestOpened: "request-v1",
    ev.RequestPrioritized: "request-v1",
    ev.RequestWithdrawn: "request-v1",
    ev.RequestUnmet: "request-v1",
    ev.ClientErased: "erasure-v1",
    ev.KeyDestroyed: "erasure-v1",
    **dict.fromkeys(get_args(OfferEvent), "request-v1"),
    **dict.fromkeys(get_args(GuidanceEvent), "guidance-v1"),
}
ACTIVITIES = {name: _BY_CLASS[cls] for name, cls in ev.CODEC.names().items()}
"""The entry of the register, by the name under which an event is stored."""

_FILES = CLIENT.stream("")


async def concerns(event: Recorded) -> Sequence[Concern]:
    """The client whose file an event is in; what a week or a day adds up to is nobody's."""
    if not event.stream.startswith(_FILES):
        return ()
    return [Concern(event.stream.removeprefix(_FILES), ACTIVITIES[event.type])]
