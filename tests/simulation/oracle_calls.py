"""What must be true of calls: each is answered once, and at rest both sites say the same of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared import forward as fw
from tests.simulation.oracle_house import House, require

NOTHING = {"refused", "cancelled", "lapsed", "no_show"}


@dataclass
class Asked:
    """One call as its events say: what its own site shows, and whether it still waits for the owner's word."""

    site: str
    location: str
    expires_at: datetime
    status: str = "pending"
    given_up: bool = False
    settled: bool = False
    version: int = 1

    def take(self, event: fw.CallEvent) -> None:
        """Takes one event in, and refuses what must not be."""
        self.version += 1
        match event:
            case fw.CallAccepted():
                require(not self.settled and not self.given_up, "a call was accepted that nobody wants", event)
                self.status = event.status
            case fw.CallLapsed():
                require(self.status == "pending", "a call lapsed that was answered", event, self)
                require(event.at >= self.expires_at, "a call lapsed before its time", event)
                self.status, self.given_up = "lapsed", True
            case fw.CallGivenUp():
                require(not self.settled or self.status in NOTHING, "a call given up that gave something", event)
                self.given_up, self.settled = True, False
            case fw.CallEnded():
                require(not self.settled, "a call ended twice", event)
                gave = self.status in NOTHING and event.how != self.status
                require(not (gave and event.how in NOTHING), "a call that came to nothing did so in two ways", event)
                self.status, self.settled = event.how, True
            case fw.CallRepeated():
                require(not self.settled, "a call was asked again that is settled", event)
            case fw.CallMade():
                require(False, "a call was made twice", event)


def agree(call_id: str, asked: Asked, house: House | None) -> None:
    """At rest: the owner's word is what the caller shows, or both mean that it came to nothing."""
    owner = None if house is None else house.answer(call_id)
    require(asked.settled, "a call is not settled at rest", call_id, asked, owner)
    same = asked.status == owner or (asked.status in NOTHING and owner in NOTHING | {None})
    require(same, "two sites say otherwise of one hold", call_id, asked, owner)
