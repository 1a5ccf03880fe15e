"""What must be true of messages, by other means than the product: one for all a client should hear of, none twice
unmarked, none lost, none without having been written down before.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from services.intake import events as intake
from services.intake.decider import CLIENT
from services.notifications import events as ev
from services.notifications.decider import RECIPIENT
from services.notifications.decider_recipient import SUMMARY
from services.notifications.policy import message_id_of
from tests.simulation.oracle_house import require
from tests.support.memory_store import Disk

NOTIFICATIONS = "notifications"
ENDS = (ev.MessageSent, ev.MessageSuppressed, ev.MessageGathered, ev.MessageLeftAtDesk)
FILES = CLIENT.stream("")


@dataclass
class Post:
    """One site's. chosen, begun, ended: by message id. arrivals: whether each was marked as a repeat, by message id."""

    disk: Disk
    intake: Disk
    events: int = 0
    chosen: Counter[str] = field(default_factory=Counter)
    begun: Counter[str] = field(default_factory=Counter)
    ended: dict[str, set[str]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    summaries: set[str] = field(default_factory=set)
    arrivals: dict[str, list[bool]] = field(default_factory=dict)


class PostOracle:
    """The part of the judge that looks at messages."""

    def __init__(self) -> None:
        self._sites: dict[str, Post] = {}

    def begin(self, site: str, disk: Disk, of_intake: Disk) -> None:
        self._sites[site] = Post(disk, of_intake)

    def stored(self, site: str) -> None:
        """After every append of the service."""
        known = self._sites[site]
        for stored in known.disk.events[known.events :]:
            known.events += 1
            if not stored.stream.startswith(RECIPIENT.stream("")):
                continue
            event = RECIPIENT.codec.decode(stored.data)
            if isinstance(event, ev.RecipientErased):
                known.erased.add(event.recipient)
                continue
            if isinstance(event, ev.MessageChosen | ev.MessageGathered):
                require(event.recipient not in known.erased, "a message to whoever is erased", site, event)
                known.chosen[event.message_id] += 1
                if isinstance(event, ev.MessageChosen) and event.template == SUMMARY:
                    known.summaries.add(event.message_id)
            if isinstance(event, ev.SendingBegan):
                require(event.recipient not in known.erased, "sending to whoever is erased", site, event)
                known.begun[event.message_id] += 1
            if isinstance(event, ENDS):
                known.ended.setdefault(event.message_id, set()).add(type(event).__name__)

    def arrived(self, site: str, message_id: str, *, repeat: bool, keyed: bool) -> None:
        """A channel has taken a message."""
        known = self._sites[site]
        seen = known.arrivals.setdefault(message_id, [])
        seen.append(repeat)
        require(len(seen) <= known.begun[message_id], "sent without being written down before", site, message_id)
        if not keyed:
            require(len(seen) <= 2 and seen.count(False) <= 1, "a message came again unmarked", site, message_id, seen)

    def waiting(self, site: str) -> list[str]:
        """Messages of a site that are neither settled nor at the desk."""
        known = self._sites.get(site)
        return [] if known is None else [id_ for id_ in known.chosen if id_ not in known.ended]

    def unheard(self, site: str, at: tuple[int, int]) -> list[str]:
        """What a site's own intake has told and this service has not read. at: epoch and sequence."""
        known = self._sites.get(site)
        told = 0 if known is None else len(known.intake.outbox.get((1, "loc"), ()))
        return [f"{site}/notifications has heard {at} of {told}"] if told and at != (1, told) else []

    def rest(self) -> None:
        """Exactly one message for every request that was opened, or ended by anybody but an erasure."""
        for site, known in self._sites.items():
            wanted = set()
            for stored in known.intake.events:
                if stored.stream.startswith(FILES):
                    event = CLIENT.codec.decode(stored.data)
                    if isinstance(event, intake.RequestOpened):
                        wanted.add(message_id_of(event.client_id, "request_noted", event.request_id))
                    if isinstance(event, intake.RequestWithdrawn) and event.reason not in ("erased", "mistake"):
                        wanted.add(message_id_of(event.client_id, "request_ended", event.request_id))
            require(set(known.chosen) - known.summaries == wanted, "not one message for each thing", site,
                    wanted ^ (set(known.chosen) - known.summaries))  # fmt: skip
            require(set(known.chosen.values()) <= {1}, "two messages for one thing", site, known.chosen)
            sent = {id_ for id_, how in known.ended.items() if "MessageSent" in how}
            require(sent <= known.arrivals.keys(), "a message counts as sent and is lost", site, sent)
