"""Who went from one kind of place to another in a week, by other means than the product: by it counts are judged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from services.intake import events as ev
from services.intake import events_offers as oe
from services.intake.events_flows import SeatNoted
from shared.contracts.weeks import week_of
from tests.simulation.judging import require

if TYPE_CHECKING:
    from tests.simulation.oracle_offers import Slot


@dataclass
class Household:
    """Where one file's household lives, and where it lived at either end of each week in which that changed."""

    kinds: dict[str, str] = field(default_factory=dict)
    seats: set[str] = field(default_factory=set)
    lives: str = "out"
    weeks: dict[date, tuple[str, str]] = field(default_factory=dict)
    erased: bool = False

    def take(self, event: ev.ClientEvent, slot: Slot) -> None:
        """Takes one event in. slot: of the file after it."""
        if isinstance(event, oe.OfferReceived | oe.StayClaimed):
            self.kinds[event.offer_id] = event.kind
        if isinstance(event, oe.StayHeard):
            self.kinds[event.offer_id], _ = event.lived[-1]
        if isinstance(event, SeatNoted):
            require(event.held != (event.entitlement_id in self.seats), "a seat was noted twice", event)
            (self.seats.add if event.held else self.seats.remove)(event.entitlement_id)
        self.erased = self.erased or isinstance(event, ev.ClientErased)
        home = slot.home
        lives = self.kinds[home] if home is not None else "allowance" if self.seats else "out"
        if lives != self.lives and not self.erased:
            week = week_of(event.at)
            self.weeks[week] = (self.weeks.get(week, (self.lives, ""))[0], lives)
        self.lives = lives


@dataclass
class Flows:
    """The households of a desk, and what it has counted of them. counted: by week, as the newest event says."""

    households: dict[str, Household] = field(default_factory=dict)
    counted: dict[date, dict[str, int]] = field(default_factory=dict)
    told: dict[str, dict[str, int]] = field(default_factory=dict)

    def rest(self, site: str) -> None:
        """Everybody was counted, once, and what is told is what was counted of those who are elsewhere now."""
        expected: Counter[tuple[date, str]] = Counter()
        for household in self.households.values():
            expected.update((week, f"{came}>{went}") for week, (came, went) in household.weeks.items())
        counted = {(week, word): count for week, words in self.counted.items() for word, count in words.items()}
        require(dict(expected) == counted, "households went elsewhere than was counted", site, expected, counted)
        for week, words in self.counted.items():
            stayed = {word for word in words if word.partition(">")[0] == word.partition(">")[2]}
            elsewhere = {word: count for word, count in words.items() if word not in stayed}
            require(
                self.told.get(week.isoformat(), {}) == elsewhere, "other flows were told than counted", site, week
            )  # fmt: skip

    @property
    def moved(self) -> int:
        """How many households were elsewhere at the end of a week than when it began."""
        return sum(came != went for each in self.households.values() for came, went in each.weeks.values())
