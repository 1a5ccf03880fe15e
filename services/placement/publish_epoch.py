"""What a new epoch begins with: everything others need to know of this origin, told anew.

To everybody the full figures of every location; to the services of this site every place, block, hold and stay there
is. With it a reader that has forgotten the old epoch knows as much as one that heard all of the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, TypeVar

from services.placement.decider_location import Location, Place, Stay
from services.placement.publish import Telling, figures, offer_mode
from services.placement.publish_sessions import attendance, session_figures
from shared.contracts import placement as told
from shared.contracts.base import Contract

PLACES_A_MESSAGE = 500
"""Places or stays named in one message: far below what a message may hold."""

T = TypeVar("T")
Key = TypeVar("Key", bound=tuple[Any, ...])


def epoch(states: Sequence[Location], at: datetime) -> list[Telling]:
    """The first rows of both logs, in order. states: every location of the site. at: when the epoch begins."""
    begun = told.EpochBegan.written(at=at), told.SiteEpochBegan.written(at=at)
    tellings = [Telling(event, "epoch", None) for event in begun]
    for state in states:
        tellings.append(Telling(figures(state), state.name, None))
        tellings += [Telling(sessions, state.name, None) for sessions in session_figures(state)]
        tellings += [Telling(week, state.name, None) for week in attendance(state)]
        if state.offer_mode != "automatic":
            tellings.append(offer_mode(state))
        tellings += _places(state, at)
        tellings += _uses(state, at)
    return tellings


def _places(state: Location, at: datetime) -> Iterator[Telling]:
    """Places by their make, then those that are out of use by reason."""

    def make(place: Place) -> tuple[str, int, tuple[str, ...], bool]:
        return (place.kind, place.sleeps, place.features, place.overflow)

    for (kind, sleeps, features, overflow), places in _grouped(state.places.values(), make):
        yield _telling(
            told.PlacesOpened, state, state.name, place_ids=_ids(places), kind=kind,
            rooms=tuple(place.room for place in places), sleeps=sleeps, features=features, overflow=overflow, at=at,
        )  # fmt: skip
    blocked = [place for place in state.places.values() if place.block is not None]
    for (reason, until), places in _grouped(blocked, _block):
        until_at = None if until == "" else datetime.fromisoformat(until)
        yield _telling(
            told.PlacesBlocked, state, state.name, place_ids=_ids(places), reason=reason, until=until_at, at=at
        )


def _uses(state: Location, at: datetime) -> Iterator[Telling]:
    """Holds that are open, stays that people began, and those that night reports counted."""
    for hold in state.holds.values():
        yield _telling(
            told.PlaceHeld, state, hold.id, hold_id=hold.id, place_ids=hold.place_ids, kind=hold.kind,
            household_size=hold.household_size, expires_at=hold.expires_at, at=at,
        )  # fmt: skip
    for stay in state.stays.values():
        if stay.programme is None:
            yield _telling(
                told.StayBegan, state, stay.id, stay_id=stay.id, place_ids=stay.place_ids, kind=stay.kind,
                household_size=stay.household_size, began_at=stay.began_at, hold_id=stay.hold_id, at=at,
            )  # fmt: skip

    def report(stay: Stay) -> tuple[str, str, str]:
        return (stay.programme or "", stay.kind, stay.began_at.isoformat())

    reported = [stay for stay in state.stays.values() if stay.programme is not None]
    for (programme, kind, began_at), stays in _grouped(reported, report):
        yield _telling(
            told.StaysBegan, state, state.name, programme=programme, kind=kind,
            stays=tuple((stay.id, stay.place_ids[0]) for stay in stays), began_at=datetime.fromisoformat(began_at),
            at=at,
        )  # fmt: skip


def _block(place: Place) -> tuple[str, str]:
    assert place.block is not None
    return (place.block.reason, "" if place.block.until is None else place.block.until.isoformat())


def _ids(places: Sequence[Place]) -> tuple[str, ...]:
    return tuple(place.id for place in places)


def _grouped(things: Iterable[T], key: Callable[[T], Key]) -> Iterator[tuple[Key, list[T]]]:
    """Things of one key together, at most `PLACES_A_MESSAGE` at a time, in an order that is always the same."""
    for same, group in groupby(sorted(things, key=key), key=key):
        listed = list(group)
        for start in range(0, len(listed), PLACES_A_MESSAGE):
            yield same, listed[start : start + PLACES_A_MESSAGE]


def _telling(contract: type[Contract], state: Location, subject: str, **fields: object) -> Telling:
    return Telling(contract.written(location=state.name, **fields), subject, None)
