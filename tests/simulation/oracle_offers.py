"""What must be true of offers, by other means than the product: each ends once at its owner, a file has one slot, and
at rest desk and owner say the same of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.intake import events_offers as desk
from services.placement import events_offers as own
from tests.simulation.judging import require

if TYPE_CHECKING:
    from tests.simulation.oracle_house import House

OVER = frozenset({"declined", "withdrawn", "lapsed", "called_off", "no_show", "left"})


@dataclass
class Heard:
    """One offer as a file's events say."""

    site: str
    location: str
    request_id: str
    status: str = "open"
    word: str = ""
    turn: int = 0
    overridden: bool = False
    given_up: bool = False
    back: bool = False
    claim: bool = False
    stay: desk.StayHeard | None = None

    @property
    def over(self) -> bool:
        return self.word in OVER

    @property
    def unanswered(self) -> bool:
        return self.status == "accepted" and self.word in ("", "open")


@dataclass
class Slot:
    """What a file's one slot holds: the offers it has heard of, the one that fills it, and the one they move to. gone:
    where they lived before they were checked in there, until it is given up. moves: how often that was."""

    offers: dict[str, Heard]
    fills: str | None = None
    moves_to: str | None = None
    gone: str | None = None
    moves: int = 0

    def take(self, event: desk.OfferEvent) -> None:
        """Takes one event in, and refuses what must not be."""
        require(self.gone is None or not isinstance(event, desk.OfferAccepted), "a place is not given up", event)
        match event:
            case desk.PlaceGivenUp():
                require(self.gone == event.offer_id, "a place was given up by somebody who did not move", event)
                offer, self.gone = self.offers[event.offer_id], None
                offer.given_up, offer.turn, self.moves = True, event.turn, self.moves + 1
            case desk.StayClaimed():
                require(self.fills is None, "somebody who has a place claims another", event)
                self.fills = event.offer_id
                self.offers[event.offer_id] = Heard(
                    event.site, event.location, event.request_id, "accepted", turn=event.turn, claim=True
                )
            case desk.OfferReceived():
                require(event.offer_id not in self.offers, "an offer was received twice", event)
                self.offers[event.offer_id] = Heard(event.site, event.location, event.request_id)
            case desk.OfferAccepted():
                self._accepted(self.offers[event.offer_id], event)
            case desk.OfferDeclined():
                offer = self.offers[event.offer_id]
                require(not offer.over and event.turn == offer.turn + 1, "declined what is over", event, offer)
                offer.status, offer.turn = "declined", event.turn
                offer.overridden = offer.overridden or event.reason == "overridden"
            case desk.OfferLetterRepeated():
                self.offers[event.offer_id].turn = event.turn
            case desk.OfferWordHeard():
                self._heard(self.offers[event.offer_id], event)
            case desk.StayHeard():
                self.offers[event.offer_id].stay = event
            case desk.RequestPlaced():
                require(self.offers[event.offer_id].word == "housed", "placed by an offer nobody came by", event)

    def _heard(self, offer: Heard, event: desk.OfferWordHeard) -> None:
        offer.given_up, offer.back = offer.given_up and offer.word != "left", offer.back or offer.word == "left"
        offer.word, offer.turn = event.word, max(offer.turn, event.turn)
        home = self.home
        if event.word == "housed" and event.offer_id == self.moves_to and home is not None:
            self.gone, self.fills, self.moves_to = home, event.offer_id, None
        if event.word in OVER:
            self.fills = None if self.fills == event.offer_id else self.fills
            self.moves_to = None if self.moves_to == event.offer_id else self.moves_to
        if self.fills is None:
            lived_in = (id_ for id_, one in self.offers.items() if one.word == "housed" and not one.given_up)
            self.fills, self.moves_to = self.moves_to or next(lived_in, None), None

    @property
    def home(self) -> str | None:
        """The offer by which they live somewhere, as far as their desk knows."""
        return self.fills if self.fills is not None and self.offers[self.fills].word == "housed" else None

    def _accepted(self, offer: Heard, event: desk.OfferAccepted) -> None:
        require(not offer.over and offer.status != "declined", "accepted what is over", event, offer)
        require(event.turn == offer.turn + 1, "a turn was left out", event, offer)
        offer.status, offer.turn = "accepted", event.turn
        moves = self.home is not None and self.offers[self.home].request_id != event.request_id
        rival = self.moves_to if moves else self.fills
        if rival not in (None, event.offer_id):
            before = self.offers[rival or ""]
            require(before.overridden and event.override is not None, "a file has two slots", event, before)
        if moves:
            self.moves_to = event.offer_id
        else:
            self.fills, self.moves_to = event.offer_id, None


@dataclass
class Made:
    """One offer as its owner's events say. arrival: what stands for the code at the door."""

    request_id: str
    site: str
    word: str = "open"
    arrival: str = ""
    stay_id: str | None = None


def owner_takes(house: House, event: own.OfferEvent) -> None:
    """Takes one event of a location in, and refuses what must not be."""
    offers = house.offers
    match event:
        case own.OffersTurned():
            require((event.mode == "ask") != house.asks, "a location was turned to what it did already", event)
            house.asks = event.mode == "ask"
        case own.OperatorAsked():
            again = (event.request_id, "") in house.questions.values() or event.offer_id in house.questions
            require(house.asks and not again, "an operator was asked without need", event)
            house.questions[event.offer_id] = (event.request_id, "")
        case own.QuestionAnswered():
            request_id, answer = house.questions[event.offer_id]
            require(answer == "", "a question was answered twice", event)
            house.questions[event.offer_id] = (request_id, event.answer)
        case own.PlaceOffered():
            agreed = house.questions.get(event.offer_id) == (event.request_id, "yes")
            require(agreed or not house.asks, "a place was offered that nobody had said yes to", event)
            going = [one for one in offers.values() if one.request_id == event.request_id and one.word not in OVER]
            require(event.offer_id in house.holds and event.offer_id not in offers, "an offer without places", event)
            require(not going, "one request was offered two places by one location", event)
            offers[event.offer_id] = Made(event.request_id, event.site)
        case own.OfferAccepted():
            offer = offers[event.offer_id]
            require(offer.word in ("open", "expected"), "an offer was accepted that has ended", event, offer)
            place_ids, expires_at = house.holds[event.offer_id]
            require(offer.word == "expected" or event.expected_by >= expires_at, "accepting shortened a hold", event)
            sleeps = sum(house.beds[id_].sleeps for id_ in place_ids)
            require(event.household_size <= sleeps, "more people are expected than can sleep there", event)
            offer.word, offer.arrival = "expected", event.arrival
            house.holds[event.offer_id] = (place_ids, event.expected_by)
        case own.OfferEnded():
            offer = offers[event.offer_id]
            require(event.offer_id in house.ended, "an offer ended whose hold goes on", event)
            ends = {"open": ("declined", "withdrawn", "lapsed"), "expected": ("called_off", "no_show", "withdrawn")}
            require(event.how in ends.get(offer.word, ()), "an offer ended twice, or as it cannot", event, offer)
            offer.word = event.how
        case own.StayClaimed():
            known = [one for one in offers.values() if one.stay_id == event.stay_id]
            require(event.stay_id in house.stays and not known, "a stay was claimed that is somebody's", event)
            offers[event.offer_id] = Made(event.request_id, event.site, "housed", stay_id=event.stay_id)
        case own.DoubleNoted():
            require(offers[event.offer_id].word == "housed", "a double was noted of nobody", event)
        case own.ArrivalRefused():
            require(event.offer_id in house.holds, "somebody was refused where nobody is expected", event)
        case own.WordRepeated():
            pass


def check_in(house: House, hold_id: str | None, stay_id: str) -> None:
    """Somebody is checked in: of an offer only whoever was expected."""
    offer = house.offers.get(hold_id or "")
    if offer is not None:
        require(offer.word == "expected", "somebody was checked in who is not expected", hold_id, offer)
        offer.word, offer.stay_id = "housed", stay_id


def stay_turned(house: House, stay_id: str, word: str) -> None:
    """A stay ended, or goes on after all; so does what the desk of its offer hears."""
    for offer in house.offers.values():
        if offer.stay_id == stay_id:
            offer.word = word


def at_rest(
    site: str, slots: Mapping[str, Slot], houses: Mapping[str, Mapping[str, House]], unsure: set[str], *, let_go: bool
) -> None:
    """Desk and owner say the same; nobody lives in two places whose desk did not say so. unsure: sites that left, or
    whose store is older than what others heard of it: of those only nothing may be left unanswered. let_go: this desk
    let a letter go unread: of a stay that is over nobody asks again."""
    for client_id, slot in slots.items():
        housed = []
        for offer_id, heard in slot.offers.items():
            about = (site, client_id, offer_id, heard)
            if heard.site in unsure:
                require(heard.over or not heard.unanswered, "an acceptance is not answered at rest", *about)
                continue
            made = houses[heard.site][heard.location].offers.get(offer_id)
            if heard.claim and made is None:
                require(heard.over, "a claim of nobody's stay goes on", *about)
                continue
            require(made is not None, "a desk has an offer that nobody made", *about)
            assert made is not None
            require(made.word == heard.word, "desk and owner say otherwise of an offer", *about, made)
            require(not heard.given_up or made.word == "left", "a place was given up, and nobody left it", *about, made)
            same = not _lives_otherwise(heard, made, houses[heard.site]) or (let_go and heard.over)
            require(same, "a desk knows other days of a stay", *about)
            if made.word == "housed":
                housed.append(offer_id)
        # In spite of another one, or their desk took back that they left.
        twice = len(housed) > 1 and not any(offer.overridden or offer.back for offer in slot.offers.values())
        require(not twice, "one file lives in two places", site, client_id, housed)


def disagree(slots: Mapping[str, Slot], houses: Mapping[str, Mapping[str, House]], unsure: set[str]) -> bool:
    """Whether some desk has still to hear its owner's last word."""
    return any(
        heard.unanswered or (heard.site not in unsure and _otherwise(heard, houses[heard.site], offer_id))
        for slot in slots.values() for offer_id, heard in slot.offers.items()
    )  # fmt: skip


def _otherwise(heard: Heard, houses: Mapping[str, House], offer_id: str) -> bool:
    made = houses[heard.location].offers.get(offer_id)
    if made is None:
        return not heard.claim
    return heard.word != made.word or (not heard.over and _lives_otherwise(heard, made, houses))


def _lives_otherwise(heard: Heard, made: Made, houses: Mapping[str, House]) -> bool:
    """Whether a desk knows a stay otherwise than its house lived it."""
    life = houses[heard.location].lives.get(made.stay_id or "")
    if life is None or heard.stay is None:
        return life is not None
    return (list(heard.stay.lived), heard.stay.ended_at) != life.as_told(heard.stay.at)
