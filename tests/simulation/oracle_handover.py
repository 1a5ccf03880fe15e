"""What must be true of files that go from one desk to another, by other means than the product: one desk owns a file at
any moment, what one has taken the other has forgotten, and nobody works with a file while it is under way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from services.intake import events as fe
from services.intake import events_handover as ev
from services.intake.decider_handover import TAKING
from shared.envelope import Recorded
from tests.simulation.judging import require

TAKINGS = TAKING.stream("")
HEARD = (fe.PersonalRead, fe.KeyDestroyed, *ev.HandOverEvent.__args__)
"""What may happen in a file that is under way, beside what owners of places say."""


@dataclass
class Way:
    """One hand-over as its judge knows it. how: as it ended for the desk that had the file."""

    site: str
    client_id: str
    to: str
    how: str = ""


@dataclass
class HandOvers:
    """begun: by id. taken: whose file each is at the desk that took it. over: those that were not taken, and how.
    files: by site and client, the hand-over that file came by. frozen: by client, what is under way."""

    begun: dict[str, Way] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    files: dict[tuple[str, str], str] = field(default_factory=dict)
    frozen: dict[str, str] = field(default_factory=dict)

    def file(self, site: str, event: fe.ClientEvent) -> None:
        """Takes one event of a file in."""
        client_id = event.client_id
        if isinstance(event, ev.HandOverBegun):
            require(event.hand_over_id not in self.begun, "a hand-over began twice", event)
            require(client_id not in self.frozen, "a file goes to two desks", event)
            self.begun[event.hand_over_id] = Way(site, client_id, event.site)
            self.frozen[client_id] = event.hand_over_id
        elif isinstance(event, ev.HandOverEnded):
            require(self.frozen.pop(client_id, None) == event.hand_over_id, "what is not under way ended", event)
            self.begun[event.hand_over_id].how = event.how
            taken = event.hand_over_id in self.taken
            require((event.how == "taken") == taken, "two desks own a file, or none", event, self.taken)
            if event.how in ("declined", "called_off"):
                require(self.over.get(event.hand_over_id) == event.how, "a word nobody said", event)
        elif isinstance(event, ev.FileTakenOver):
            self.files[site, client_id] = event.hand_over_id
        elif client_id in self.frozen and type(event).__module__ == fe.__name__:
            require(isinstance(event, HEARD), "somebody works with a file that is under way", site, event)

    def take(self, site: str, event: Recorded) -> None:
        """Takes one event of a taking in."""
        if not event.stream.startswith(TAKINGS):
            return
        happened = TAKING.codec.decode(event.data)
        way = self.begun.get(happened.hand_over_id)
        require(way is not None and way.to == site, "a file nobody hands over", site, happened)
        assert way is not None
        if isinstance(happened, ev.TakingFinished):
            require(happened.hand_over_id not in self.taken, "a file was taken twice", happened)
            require(not way.how, "a file was taken that another desk works with", happened, way)
            self.taken[happened.hand_over_id] = happened.client_id
        elif isinstance(happened, ev.TakingEnded):
            require(happened.hand_over_id not in {*self.taken, *self.over}, "decided twice", happened)
            self.over[happened.hand_over_id] = happened.how

    def stored(self) -> None:
        """After every append: a file that was taken is there, and no other is."""
        there = {(hand_over_id, client_id) for (_, client_id), hand_over_id in self.files.items()}
        require(there == set(self.taken.items()), "a file without its taking, or the other way round", self.files)

    def first_of(self, client_id: str) -> str:
        """The file that this one was at first, at whatever desk."""
        known = {new: self.begun[hand_over_id].client_id for hand_over_id, new in self.taken.items()}
        while client_id in known:
            client_id = known[client_id]
        return client_id

    def rest(self) -> None:
        """Nothing is under way."""
        require(not self.frozen, "a hand-over never ends", self.frozen)
        require(all(way.how for way in self.begun.values()), "a hand-over never ended", self.begun)
