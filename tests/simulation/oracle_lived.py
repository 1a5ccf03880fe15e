"""In which kind of place people live since when, by other means than the product: by a house's own moves, one on top of
the other, and by looking at every calendar day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from services.intake import events_offers as oe
from services.placement import events as ev
from shared.money import day_of


@dataclass
class Life:
    """One stay at its house. moves: kind and since when, the newest last; undone by taking the last one off."""

    began_at: datetime
    kind: str
    moves: list[tuple[datetime, str]] = field(default_factory=list)
    ended_at: datetime | None = None

    def lived(self) -> list[tuple[str, datetime]]:
        """Kinds in the order of time: a move that was seen earlier than one before it overrules that."""
        rows = [(self.kind, self.began_at)]
        for moved_at, kind in self.moves:
            rows = [row for row in rows if row[1] < moved_at]
            if not rows or rows[-1][0] != kind:
                rows.append((kind, moved_at if rows else self.began_at))
        return rows

    def as_told(self, at: datetime) -> tuple[list[tuple[str, datetime]], datetime | None]:
        """As a desk hears it whose clock says `at`."""
        rows = [(kind, min(since, at)) for kind, since in self.lived()]
        return rows, self.ended_at and min(self.ended_at, at)


def live(lives: dict[str, Life], event: ev.LocationEvent) -> None:
    """Takes one event of a house in."""
    match event:
        case ev.StayBegan():
            lives[event.stay_id] = Life(event.began_at, event.kind)
        case ev.StayCorrected() if event.stay_id in lives:
            lives[event.stay_id].began_at = event.began_at
        case ev.StayMoved() if event.stay_id in lives:
            moves = lives[event.stay_id].moves
            if event.undo:
                moves.pop()
            else:
                moves.append((event.moved_at, event.kind))
        case ev.StayEnded() if event.stay_id in lives:
            lives[event.stay_id].ended_at = event.ended_at
        case ev.StayResumed() if event.stay_id in lives:
            lives[event.stay_id].ended_at = None
        case _:
            pass


def days_with_meals(stay: oe.StayHeard, horizon: Iterable[date]) -> set[date]:
    """The days on whose evening they live in a kind of place that cooks."""
    found: set[date] = set()
    for day in horizon:
        kinds = [kind for kind, since in stay.lived if day_of(since) <= day]
        gone = stay.ended_at is not None and day_of(stay.ended_at) <= day
        if kinds and kinds[-1] != "night_shelter" and not gone:
            found.add(day)
    return found
