"""What must be true of checks between desks, by other means than the product: one answer a check, the same at both
ends, and true by who the files are of.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from services.intake import events as fe
from services.intake import events_handover as over
from services.intake import events_likeness as ev
from services.intake.decider_likeness import CHECK, LAPSED, PENDING, REPLY
from shared.envelope import Recorded
from tests.simulation.judging import require

ASKS, REPLIES = CHECK.stream(""), REPLY.stream("")
PEOPLE = ("Fatima Khalidi", "Oksana Shevchenko", "Tesfaye Bekele", "Omar Diallo")


def person_of(client_id: str) -> str:
    """Who a file is of: of a few people, so that some are known at several desks."""
    return PEOPLE[int(client_id[-1], 16) % len(PEOPLE)]


@dataclass
class Asked:
    """One check as its judge knows it. began: when, counted in events."""

    site: str
    client_id: str
    to: str
    began: int
    status: str = PENDING


@dataclass
class Checks:
    """files: by site, since which event each is there; erased ones are not. people: of files that came from another
    desk, who they are of."""

    asked: dict[str, Asked] = field(default_factory=dict)
    given: dict[tuple[str, str], str] = field(default_factory=dict)
    files: dict[str, dict[str, int]] = field(default_factory=dict)
    seen: int = 0
    people: dict[str, str] = field(default_factory=dict)

    def file(self, site: str, event: fe.ClientEvent) -> None:
        """Takes one event of a file in."""
        self.seen += 1
        there = self.files.setdefault(site, {})
        if isinstance(event, fe.ClientRegistered | over.FileTakenOver):
            there[event.client_id] = self.seen
        elif isinstance(event, fe.ClientErased):
            there.pop(event.client_id, None)

    def person(self, client_id: str) -> str:
        return self.people.get(client_id) or person_of(client_id)

    def take(self, site: str, event: Recorded) -> None:
        """Takes one event of a check in."""
        self.seen += 1
        if event.stream.startswith(ASKS):
            self._ask(site, event.stream.removeprefix(ASKS), CHECK.codec.decode(event.data))
        elif event.stream.startswith(REPLIES):
            self._reply(site, event.stream.rpartition("/")[2], REPLY.codec.decode(event.data))

    def _ask(self, site: str, check_id: str, event: ev.CheckEvent) -> None:
        if isinstance(event, ev.CheckBegun):
            require(check_id not in self.asked, "a check began twice", event)
            self.asked[check_id] = Asked(site, event.client_id, event.site, self.seen)
            return
        check = self.asked[check_id]
        require(check.status == PENDING, "something happened to a check that is over", event)
        if isinstance(event, ev.CheckAnswered):
            require(self.given.get((check.to, check_id)) == event.answer, "an answer nobody gave", event)
            check.status = event.answer
        elif isinstance(event, ev.CheckEnded):
            check.status = event.because

    def _reply(self, site: str, check_id: str, event: ev.ReplyEvent) -> None:
        if not isinstance(event, ev.CheckReplied):
            return
        require((site, check_id) not in self.given, "a check was answered twice", event)
        check = self.asked[check_id]
        require((check.site, check.to) == (event.site, site), "a desk answered what it was not asked", event)
        self.given[site, check_id] = event.answer
        who = self.person(check.client_id)
        require(event.answer in ("known", "unknown"), "a desk was asked too much", event)
        require(all(self.person(id_) == who for id_ in event.clients), "somebody else is known", event)
        require((event.answer == "known") == bool(event.clients), "known, but nobody", event)
        long_there = [id_ for id_, since in self.files.get(site, {}).items() if since < check.began]
        missed = [id_ for id_ in long_there if self.person(id_) == who] if event.answer == "unknown" else []
        require(not missed, "somebody who was there is not known", event, missed)

    def rest(self, desks: Collection[str]) -> None:
        """Nothing is under way, and every desk that is there has answered."""
        for check_id, check in self.asked.items():
            require(check.status != PENDING, "a check never ends", check_id, check)
            require(check.to not in desks or check.status != LAPSED, "a desk that is there never answered", check)
