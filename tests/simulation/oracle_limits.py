"""What a client is to be told of the day on which their stay has to end, by other means than the product: of every stay
that goes on in a kind of place with a limit one message, with the day that its owner's newest word comes to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.intake import events as intake
from services.intake import events_offers as offers
from services.notifications.decider import planned_id
from services.notifications.policy import CITY_ZONE, message_id_of
from services.notifications.policy_clients import LIMIT_NEAR
from shared.contracts.vocabulary import STAY_DAYS_MAX

TURNS_MAX = 40
"""More messages of one stay than that no life of a seed leads to."""

OVER = ("declined", "withdrawn", "lapsed", "called_off", "no_show")
"""Words for an offer that led to no stay."""


@dataclass
class _Lives:
    client: str
    kind: str
    word: str = ""
    since: datetime | None = None
    stay: offers.StayHeard | None = None
    given_up: bool = False

    def day(self) -> str | None:
        """The day that their stay ends at the latest; None: it has ended, never began, or may go on for ever."""
        kind, since = self.kind, self.since
        if self.stay is not None:
            kind, since = self.stay.lived[-1]
        over = self.given_up or self.word != "housed" or (self.stay is not None and self.stay.ended_at is not None)
        if over or since is None or kind not in STAY_DAYS_MAX:
            return None
        return (since + timedelta(days=STAY_DAYS_MAX[kind])).astimezone(CITY_ZONE).date().isoformat()


class LimitsToldOf:
    """A site's, out of intake's events."""

    def __init__(self) -> None:
        self._lives: dict[str, _Lives] = {}
        self._erased: set[str] = set()

    def follow(self, event: object) -> None:
        """One event more of a file."""
        match event:
            case intake.ClientErased():
                self._erased.add(event.client_id)
            case offers.OfferReceived() | offers.StayClaimed():
                self._lives.setdefault(event.offer_id, _Lives(event.client_id, event.kind))
            case offers.PlaceGivenUp():
                self._lives[event.offer_id].given_up = True
            case offers.StayHeard():
                self._lives[event.offer_id].stay = event
            case offers.OfferWordHeard():
                one = self._lives[event.offer_id]
                if one.word == "housed" and event.word in OVER:
                    return  # a house put back to before they came knows nobody: that ends no stay, for days neither
                one.given_up = one.given_up and one.word != "left"  # its owner knew, and somebody lives there again
                if event.word == "housed" != one.word:
                    one.since = event.said_at or event.at
                one.word = event.word

    def may(self) -> set[str]:
        """Ids of all that may ever be told of them."""
        return {id_ for offer_id in self._lives for id_ in self._ids(offer_id)}

    def wrong(self, said: Mapping[str, str], gone: set[str]) -> Iterator[object]:
        """Stays of which something else waits, or was told last, than should. said: the day that each message names, in
        the order they were chosen. gone: messages that nobody is told."""
        for offer_id, one in self._lives.items():
            days = [said[id_] for id_ in self._ids(offer_id) if id_ in said and id_ not in gone]
            day = None if one.client in self._erased else one.day()
            if days != ([] if day is None else [day]):
                yield offer_id, day, days

    def _ids(self, offer_id: str) -> list[str]:
        plan_id = message_id_of(self._lives[offer_id].client, LIMIT_NEAR, offer_id)
        return [planned_id(plan_id, turn) for turn in range(1, TURNS_MAX + 1)]
