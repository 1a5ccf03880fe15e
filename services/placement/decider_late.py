"""How a location changes when a stay is put right, moved or taken back, heads are counted, or the house says something
of itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec.structs import replace

from services.placement import events as ev
from services.placement.decider_attendance import over
from services.placement.decider_location import (
    COUNTS_KEPT,
    FREE,
    OCCUPIED,
    TAPS_KEPT,
    Location,
    Night,
    Stay,
    Tap,
    group_key,
)
from services.placement.decider_seats import BACK_KEPT, Seats, Session
from shared.contracts.vocabulary import LIVED_MAX

if TYPE_CHECKING:
    from services.placement.decider_fold import _Change

_PEOPLE = 5

Lived: TypeAlias = tuple[tuple[str, datetime], ...]


def fold_stay(change: _Change, event: ev.StayMoved | ev.AwayNoted | ev.StayCorrected | ev.StayResumed) -> Location:
    """The location after one of these."""
    match event:
        case ev.StayMoved():
            return _moved(change, event)
        case ev.StayResumed():
            return _resumed(change, event)
        case ev.StayCorrected():
            stay = change.state.stays[event.stay_id]
            people = change.delta(change.places[stay.place_ids[0]].group)
            people[_PEOPLE] += event.household_size - stay.household_size
            right = replace(
                stay, household_size=event.household_size, began_at=event.began_at, version=change.version,
                kinds=_since(event.began_at, stay.kinds),
            )  # fmt: skip
            return change.done(None, stays=change.state.stays | {stay.id: right})
        case ev.AwayNoted():
            stay = replace(change.state.stays[event.stay_id], away_until=event.until, version=change.version)
            return change.done(None, stays=change.state.stays | {stay.id: stay})


def _moved(change: _Change, event: ev.StayMoved) -> Location:
    stay = change.state.stays[event.stay_id]
    for place_id in event.from_ids:
        change.turn(place_id, FREE, free_since=min(event.moved_at, event.at))
    for place_id in event.place_ids:
        change.turn(place_id, OCCUPIED, stay.id)
    _people(change, stay, event.from_ids[0], -1)
    _people(change, stay, event.place_ids[0], 1)
    moved = replace(
        stay,
        place_ids=event.place_ids,
        kind=event.kind,
        version=change.version,
        tapped_at=event.at,
        moved_from=() if event.undo else event.from_ids,
        undone=event.undo,
        programme=None,  # by people now: no later report ends it
        kinds=_kinds(stay, event),
        kinds_before=stay.kinds,
    )
    return change.done(event.moved_at, stays=change.state.stays | {stay.id: moved})


def lived(stay: Stay) -> Lived:
    """In which kind of place they live since when; each until the next."""
    return stay.kinds or ((stay.kind, stay.began_at),)


def _kinds(stay: Stay, event: ev.StayMoved) -> Lived:
    """Where they are now counts from the move on, whatever was said of a later time before; a move that is taken back
    never was. Of more kinds than are told the oldest are forgotten: they count as what came next."""
    if event.undo:
        return _since(stay.began_at, stay.kinds_before)
    known = tuple(row for row in lived(stay) if row[1] < event.moved_at)
    if known and known[-1][0] == event.kind:
        return known
    return _since(stay.began_at, (*known, (event.kind, event.moved_at))[-LIVED_MAX:])


def _since(began_at: datetime, kinds: Lived) -> Lived:
    """The same kinds, the first of them from the beginning of the stay on: the one that they were in by then."""
    while len(kinds) > 1 and kinds[1][1] <= began_at:
        kinds = kinds[1:]
    return kinds and ((kinds[0][0], began_at), *kinds[1:])


def _resumed(change: _Change, event: ev.StayResumed) -> Location:
    state = change.state
    ended = state.ended_stays.get(event.stay_id)
    assert ended is not None  # only what is remembered can be undone
    stay = replace(ended.stay, version=change.version, undone=True)
    for place_id in event.place_ids:
        change.turn(place_id, OCCUPIED, stay.id)
    _people(change, stay, event.place_ids[0], 1)
    return change.done(None, stays=state.stays | {stay.id: stay}, ended_stays=state.ended_stays.without(stay.id))


def _people(change: _Change, stay: Stay, place_id: str, sign: int) -> None:
    change.delta(change.places[place_id].group)[_PEOPLE] += sign * stay.household_size


def fold_count(change: _Change, event: ev.HeadsCounted) -> Location:
    """A count is a look at every place of its kind; an older look than the newest changes nothing."""
    for key, group in change.state.groups.items():
        if group.kind == event.kind:
            change.delta(key)
    counts = change.state.counts | {event.count_id: count_key(event.kind, event.counted)}
    while len(counts) > COUNTS_KEPT:
        del counts[next(iter(counts))]
    return change.done(event.observed_at, counts=counts)


def fold_house(
    change: _Change,
    event: ev.RoomComposed | ev.LocationClosed | ev.SessionOpened | ev.SeatBooked | ev.SeatGivenBack,
) -> Location:
    """What holds for the house from now on."""
    if isinstance(event, ev.SessionOpened | ev.SeatBooked | ev.SeatGivenBack):
        fields = _sessions(change.state, event)
        return change.done(None, seats=seats_of(change.state, fields["sessions"]), **fields)
    if isinstance(event, ev.LocationClosed):
        return change.done(None, closed=True)
    return change.done(None, rooms={**change.state.rooms, event.room: event.composition})


def _sessions(state: Location, event: ev.SessionOpened | ev.SeatBooked | ev.SeatGivenBack) -> dict[str, Any]:
    """A session whose time is over is over when a new one opens, also where no timer said so."""
    match event:
        case ev.SessionOpened():
            past = [id_ for id_, session in state.sessions.items() if session.ends_at <= event.at]
            fields = over(state, past, event.at) if past else {"sessions": state.sessions}
            opened = Session(event.session_id, event.kind, event.starts_at, event.ends_at, event.seats)
            return fields | {"sessions": fields["sessions"] | {event.session_id: opened}}
        case ev.SeatBooked():
            session = state.sessions[event.session_id]
            session = replace(session, booked=(*session.booked, event.booking_id))
        case ev.SeatGivenBack():
            session = state.sessions[event.session_id]
            booked = tuple(id_ for id_ in session.booked if id_ != event.booking_id)
            session = replace(session, booked=booked, back=(*session.back, event.booking_id)[-BACK_KEPT:])
    return {"sessions": state.sessions | {event.session_id: session}}


def seats_of(state: Location, sessions: dict[str, Session]) -> dict[str, Seats]:
    """What sessions come to, by kind. A kind there are none of any more stays, with zeros."""
    sums = {kind: Seats(kind) for kind in state.seats}
    for session in sessions.values():
        so_far = sums.get(session.kind, Seats(session.kind))
        sums[session.kind] = Seats(
            session.kind, so_far.sessions + 1, so_far.seats + session.seats, so_far.booked + len(session.booked)
        )
    return sums


def count_key(kind: str, counted: int) -> str:
    """What a repeated count is known by."""
    return f"{kind}|{counted}"


def fold_night(change: _Change, event: ev.NightRecorded) -> Location:
    """The newest report of its programme is remembered."""
    figures = (
        event.kind, event.features, event.sleeps, event.total, event.blocked, event.occupied, event.overflow,
    )  # fmt: skip
    known = change.state.nights.get(event.programme)
    words = event.words if event.words is not None else known.words if known else ()
    published = (event.funded, event.unavailable, event.service_users)
    night = Night(event.night, event.observed_at, figures, published, words)
    group = group_key(event.kind, event.sleeps, event.features)
    if group in change.state.groups:
        change.delta(group)  # a report is a look at the group also when nothing moved
    return change.done(event.observed_at, nights={**change.state.nights, event.programme: night})


def tapped(change: _Change, event: ev.PlacesBlocked | ev.PlacesUnblocked | ev.BlockPlanned) -> dict[str, Tap]:
    """What can be taken back after an event about blocks; what a report said cannot.

    Look before the places are changed: the tap remembers what was.
    """
    if isinstance(event, ev.PlacesBlocked) and event.reported:
        return change.state.taps
    undo = isinstance(event, ev.PlacesBlocked | ev.PlacesUnblocked) and event.undo
    taps = dict(change.state.taps)
    for place_id in event.place_ids:
        place = change.places[place_id]
        taps.pop(place_id, None)
        taps[place_id] = Tap(place.block or place.block_next, event.at, undo)
    while len(taps) > TAPS_KEPT:
        del taps[next(iter(taps))]
    return taps
