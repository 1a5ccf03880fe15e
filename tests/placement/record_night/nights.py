"""Reported nights, and what they come to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from services.placement import commands as cmd
from services.placement.decider_location import Location
from tests.placement.sample import AT

NIGHT = date(2025, 1, 1)


def night(
    total: int,
    blocked: int,
    occupied: int,
    *,
    days: int = 0,
    programme: str = "12251",
    kind: str = "shelter_24h",
    sleeps: int = 1,
    features: tuple[str, ...] = (),
    own_rooms: bool = False,
    funded: int | None = None,
    unavailable: int | None = None,
    words: tuple[str, ...] = (),
) -> cmd.RecordNight:
    """The report `days` after the first one."""
    return cmd.RecordNight(
        at=AT,
        role="system",
        location="west",
        programme=programme,
        kind=kind,
        features=features,
        sleeps=sleeps,
        own_rooms=own_rooms,
        night=NIGHT + timedelta(days=days),
        observed_at=seen(days),
        total=total,
        blocked=blocked,
        occupied=occupied,
        overflow=max(0, occupied - (total - blocked)),
        funded=funded,
        unavailable=unavailable,
        words=words,
    )


def seen(days: int = 0) -> datetime:
    """When the census of that night was taken."""
    return datetime(2025, 1, 2, 9, tzinfo=UTC) + timedelta(days=days)


def counts(state: Location, programme: str = "12251") -> dict[str, int]:
    """The programme's places by what they are, counted one by one."""
    found = {"total": 0, "overflow": 0, "occupied": 0, "held": 0, "blocked": 0, "free": 0}
    for place in state.places.values():
        if place.programme == programme:
            found["overflow" if place.overflow else "total"] += 1
            found[place.status] += 1
    return found


def published(total: int, blocked: int, occupied: int) -> dict[str, int]:
    """What `counts` must be after such a night."""
    overflow = max(0, occupied - (total - blocked))
    free = max(0, total - blocked - occupied)
    return {
        "total": total,
        "overflow": overflow,
        "occupied": occupied,
        "held": 0,
        "blocked": blocked,
        "free": free,
    }
