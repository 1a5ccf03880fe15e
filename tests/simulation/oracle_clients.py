"""A client's life by their site's intake, by other means than the product: by it days are judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from services.intake import events_offers as oe
from services.intake.decider import CLIENT
from services.intake.events import ClientErased
from shared.contracts.vocabulary import SIZE_CLASSES
from shared.money import day_of
from tests.simulation.oracle_intake import FILES
from tests.simulation.oracle_lived import days_with_meals
from tests.support.memory_store import Disk

BEGAN = date(2026, 1, 5)
"""When a simulated city begins."""
HORIZON = [BEGAN + timedelta(days=day) for day in range(-120, 120)]
"""Days that are looked at one by one: nobody here names one further away."""


def days_of(spans: Iterable[Any]) -> set[tuple[date, str]]:
    """Each day with the household's size."""
    return {
        (day, span.size_class)
        for span in spans for day in HORIZON
        if span.first <= day and (span.until is None or day < span.until)
    }  # fmt: skip


@dataclass
class Lived:
    """The days with meals of one stay. first: since when. whole: as the owner of the place told it."""

    days: set[date]
    first: date
    open: bool = True
    whole: bool = False


@dataclass
class Facts:
    """A client's life by their site's intake. stays: by offer."""

    stays: dict[str, Lived] = field(default_factory=dict)
    erased_from: date | None = None

    def not_paid(self) -> set[tuple[date, str]]:
        """Days with meals elsewhere, and all days from an erasure on, at whatever size."""
        meals = {day for stay in self.stays.values() for day in stay.days}
        return {
            (day, size)
            for size in SIZE_CLASSES for day in HORIZON
            if (self.erased_from is not None and self.erased_from <= day) or day in meals
        }  # fmt: skip

    def housed(self, offer_id: str, day: date) -> None:
        """They live there since a day: the first word of it counts, until their owner tells all of the stay."""
        known = self.stays.get(offer_id)
        if known is None or not known.whole:
            first = day if known is None else min(day, known.first)
            self.stays[offer_id] = Lived({each for each in HORIZON if each >= first}, first)

    def left(self, offer_id: str, day: date) -> None:
        """They live there no longer."""
        known = self.stays.get(offer_id)
        if known is not None and known.open:
            known.days, known.open = {each for each in known.days if each < day}, False

    def told(self, event: oe.StayHeard, moved_on: date | None) -> None:
        """All of a stay, but for what came after they moved on."""
        days = {day for day in days_with_meals(event, HORIZON) if moved_on is None or day < moved_on}
        self.stays[event.offer_id] = Lived(days, HORIZON[0], bool(days) and max(days) == HORIZON[-1], whole=True)


def told_of_clients(intake: Disk | None) -> dict[str, Facts]:
    """What an intake's own events say of each client, up to their erasure."""
    found: dict[str, Facts] = {}
    with_meals: set[str] = set()
    moved_on: dict[str, date] = {}
    words: dict[str, str] = {}
    for stored in () if intake is None else intake.events:
        if not stored.stream.startswith(FILES):
            continue
        event = CLIENT.codec.decode(stored.data)
        facts = found.setdefault(stored.stream.removeprefix(FILES), Facts())
        if isinstance(event, oe.OfferReceived | oe.StayClaimed) and event.kind != "night_shelter":
            with_meals.add(event.offer_id)
        if isinstance(event, ClientErased):
            facts.erased_from = day_of(event.at)
        if facts.erased_from is not None:
            continue
        match event:
            case oe.PlaceGivenUp():
                moved_on[event.offer_id] = day_of(event.moved_at)
                facts.left(event.offer_id, day_of(event.moved_at))
            case oe.StayHeard():
                facts.told(event, moved_on.get(event.offer_id))
            case oe.OfferWordHeard():
                day, before = day_of(event.said_at or event.at), words.get(event.offer_id)
                words[event.offer_id] = event.word
                if before == "left":  # what is said after that counts again
                    moved_on.pop(event.offer_id, None)
                if event.word == "left" and event.offer_id not in moved_on:
                    facts.left(event.offer_id, day)
                if event.word == "housed" and event.offer_id in with_meals and event.offer_id not in moved_on:
                    facts.housed(event.offer_id, day)
            case _:
                pass
    return found
