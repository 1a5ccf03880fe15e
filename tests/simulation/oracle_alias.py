"""What must be true of aliases that houses hear, by other means than the product: only of those who said so, while they
live there, and no more once it is taken back; and of all of those, whenever their desk answers.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from services.intake import events as fe
from services.intake import events_alias as ae
from services.intake.api_desk import Told
from tests.simulation.judging import require
from tests.simulation.oracle_offers import Slot


@dataclass
class Aliases:
    """now: events of files so far. said: the say-so of each offer that stands. turns: of each offer, since which event
    it may be told, or may not. shown: how many aliases houses have heard; refused: how often none was told of somebody
    who lives there."""

    now: int = 0
    said: dict[str, str] = field(default_factory=dict)
    turns: dict[str, list[tuple[int, bool]]] = field(default_factory=dict)
    shown: int = 0
    refused: int = 0

    def file(self, event: fe.ClientEvent, slot: Slot, *, erased: bool) -> None:
        """Takes one event of a file in, which is as `slot` and `erased` say after it."""
        self.now += 1
        if isinstance(event, ae.AliasHandedOver):
            require(slot.home == event.offer_id and not erased, "an alias is told where nobody lives", event, slot)
            self.said[event.offer_id] = event.say_so
        elif isinstance(event, ae.AliasTakenBack):
            require(self.said.pop(event.offer_id, "") == event.say_so, "another word was taken back", event)
        for offer_id in slot.offers:
            told = offer_id in self.said and slot.home == offer_id and not erased
            turns = self.turns.setdefault(offer_id, [(0, False)])
            if turns[-1][1] != told:
                turns.append((self.now, told))

    def may_be_told(self, offer_id: str, gone: Container[str]) -> bool:
        """Whether it may now. gone: what is on the list of its desk."""
        turns = self.turns.get(offer_id, [(0, False)])
        return turns[-1][1] and self.said[offer_id] not in gone

    def heard(
        self, began: int, guests: Mapping[str, Sequence[str]], told: Told, gone: Mapping[str, Container[str]]
    ) -> None:
        """A house has asked. began: how many events there were then. gone: by desk, what is on its list by now."""
        asked = {offer_id for offers in guests.values() for offer_id in offers}
        require(told.aliases.keys() <= asked, "somebody was named who was not asked about", guests)
        for desk, offers in guests.items():
            for offer_id in offers:
                shown = offer_id in told.aliases
                self.shown, self.refused = self.shown + shown, self.refused + (not shown)
                if desk in told.unheard:
                    require(not shown or self._was(offer_id, True, 0), "an alias nobody ever told", offer_id)
                elif shown:
                    require(self._was(offer_id, True, began), "an alias that may not be told", desk, offer_id)
                else:
                    void = self.said.get(offer_id) in gone[desk] if offer_id in self.said else True
                    require(void or self._was(offer_id, False, began), "an alias is kept back", desk, offer_id)

    def rest(self, guests: Mapping[str, Sequence[str]], told: Told, gone: Mapping[str, Container[str]]) -> None:
        """A house has asked while nothing happened."""
        require(not told.unheard, "a desk does not answer at rest", told.unheard)
        wanted = {
            offer_id for desk, offers in guests.items() for offer_id in offers if self.may_be_told(offer_id, gone[desk])
        }
        require(told.aliases.keys() == wanted, "another alias than was said", guests, wanted)

    def _was(self, offer_id: str, what: bool, since: int) -> bool:
        """Whether it was so at any moment from `since` on."""
        turns = self.turns.get(offer_id, [(0, False)])
        at_first = [told for at, told in turns if at <= since][-1]
        return at_first == what or any(told == what for at, told in turns if at > since)
