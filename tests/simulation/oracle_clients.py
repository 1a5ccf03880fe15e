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
class Facts:
    """A client's life by their site's intake. stays: by offer, the day they came and the day they left."""

    stays: dict[str, tuple[date, date | None]] = field(default_factory=dict)
    erased_from: date | None = None

    def not_paid(self) -> set[tuple[date, str]]:
        """Days with meals elsewhere, and all days from an erasure on, at whatever size."""
        return {
            (day, size)
            for size in SIZE_CLASSES for day in HORIZON
            if (self.erased_from is not None and self.erased_from <= day)
            or any(first <= day and (until is None or day < until) for first, until in self.stays.values())
        }  # fmt: skip


def told_of_clients(intake: Disk | None) -> dict[str, Facts]:
    """What an intake's own events say of each client, up to their erasure."""
    found: dict[str, Facts] = {}
    with_meals: set[str] = set()
    moved_on: set[str] = set()
    for stored in () if intake is None else intake.events:
        if not stored.stream.startswith(FILES):
            continue
        event = CLIENT.codec.decode(stored.data)
        facts = found.setdefault(stored.stream.removeprefix(FILES), Facts())
        if isinstance(event, oe.OfferReceived | oe.StayClaimed) and event.kind != "night_shelter":
            with_meals.add(event.offer_id)
        if isinstance(event, ClientErased):
            facts.erased_from = day_of(event.at)
        if facts.erased_from is not None or not isinstance(event, oe.OfferWordHeard | oe.PlaceGivenUp):
            continue
        if event.offer_id not in with_meals:
            continue
        known = facts.stays.get(event.offer_id)
        if isinstance(event, oe.PlaceGivenUp):
            day, word = day_of(event.moved_at), "left"
            moved_on.add(event.offer_id)
        else:
            day, word = day_of(event.said_at or event.at), event.word
            if word == "left":  # what is said after that counts again
                moved_on.discard(event.offer_id)
        if word == "housed" and event.offer_id not in moved_on:
            facts.stays[event.offer_id] = (day if known is None else min(day, known[0]), None)
        elif word == "left" and known is not None and known[1] is None:
            facts.stays[event.offer_id] = (known[0], max(day, known[0]))
    return found
