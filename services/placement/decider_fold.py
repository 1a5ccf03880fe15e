"""How each event changes a location. Nothing is refused here: what is stored has happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from services.placement import events as ev
from services.placement import events_offers as oe
from services.placement.decider_hours import fold_rules
from services.placement.decider_late import fold_count, fold_house, fold_night, fold_stay, tapped
from services.placement.decider_location import (
    BLOCKED,
    FREE,
    HELD,
    OCCUPIED,
    Block,
    EndedHold,
    EndedStay,
    Group,
    Guest,
    Hold,
    Location,
    Order,
    Place,
    Stay,
    group_key,
)
from services.placement.decider_offers import fold_offers
from services.placement.decider_standby import fold_standby, wait
from services.placement.events_regimes import RegimeBegan, RegimeEnded, RegimeNoted, StandbyClosed, StandbyOpened
from shared.paged import Paged

V = TypeVar("V")

_TOTAL, _OVERFLOW, _PEOPLE = 0, 1, 5
_COLUMN = {OCCUPIED: 2, HELD: 3, BLOCKED: 4}


def evolve(state: Location, event: ev.LocationEvent) -> Location:
    """The location after `event`."""
    if type(event) in oe.OF_OFFERS:
        return fold_offers(state, event, replace(state, version=state.version + 1))
    after = _evolve(_Change(state), cast("ev.HouseEvent", event))
    return fold_offers(state, event, after) if state.offers else after


def _evolve(change: _Change, event: ev.HouseEvent) -> Location:
    match event:
        case ev.PlaceHeld():
            return _held(change, event)
        case ev.StayBegan():
            return _stay_began(change, event)
        case ev.StayEnded():
            return _stay_ended(change, event)
        case ev.HoldCancelled() | ev.HoldLapsed() | ev.NoShowNoted():
            return _hold_ended(change, event)
        case ev.HoldAsked() | ev.HoldRefused() | ev.HoldCalledOff() | ev.AnswerRepeated():
            return _answered(change, event)
        case ev.LocationOpened():
            return change.done(None, name=event.name, title=event.title, district=event.district, site=event.site)
        case ev.PlacesOpened():
            return _opened(change, event)
        case ev.PlacesBlocked() | ev.PlacesUnblocked():
            return _blocked(change, event)
        case ev.BlockPlanned() | ev.ClosingPlanned():
            return _planned(change, event)
        case ev.PlacesClosed():
            return _closed(change, event)
        case ev.StaysBegan() | ev.StaysEnded():
            return _stays_began(change, event) if isinstance(event, ev.StaysBegan) else _stays_ended(change, event)
        case ev.NightRecorded():
            return fold_night(change, event)
        case ev.StayMoved() | ev.AwayNoted() | ev.StayCorrected() | ev.StayResumed() | ev.HeadsCounted():
            return fold_count(change, event) if isinstance(event, ev.HeadsCounted) else fold_stay(change, event)
        case ev.RoomComposed() | ev.LocationClosed() | ev.SessionOpened() | ev.SeatBooked() | ev.SeatGivenBack():
            return fold_house(change, event)
        case RegimeNoted() | RegimeBegan() | RegimeEnded() | StandbyOpened() | StandbyClosed():
            return fold_standby(change, event)
        case _:
            return fold_rules(change, event)


class _Change:
    """The next state in the making: its places, what they change in the counts, and which became free or taken.

    anew: kinds of which places came or went.
    """

    __slots__ = ("anew", "deltas", "freed", "places", "state", "taken", "version")

    def __init__(self, state: Location) -> None:
        self.state = state
        self.version = state.version + 1
        self.places = state.places.edit()
        self.deltas: dict[str, list[int]] = {}
        self.anew: tuple[str, ...] = ()
        self.freed: list[Place] = []
        self.taken: list[Place] = []

    def delta(self, key: str) -> list[int]:
        """Changes of one group: total, overflow, occupied, held, blocked, people."""
        found = self.deltas.get(key)
        if found is None:
            found = self.deltas[key] = [0, 0, 0, 0, 0, 0]
        return found

    def turn(
        self,
        place_id: str,
        status: str,
        holder: str | None = None,
        block: Block | None = None,
        free_since: datetime | None = None,
    ) -> Place:
        """Gives a place another use; a planned block stays planned. `free_since` None leaves it as it was."""
        place = self.places[place_id]
        delta = self.delta(place.group)
        if place.status != FREE:
            delta[_COLUMN[place.status]] -= 1
        if status != FREE:
            delta[_COLUMN[status]] += 1
        new = self.places[place_id] = Place(
            place.id,
            place.kind,
            place.room,
            place.sleeps,
            place.features,
            place.group,
            self.version,
            status,
            holder,
            block,
            None if block else place.block_next,
            place.closing,
            place.overflow,
            place.programme,
            free_since or place.free_since,
            place.standby,
        )
        if place.status == FREE:
            if status != FREE:
                self.taken.append(new)
        elif status == FREE:
            self.freed.append(new)
        return new

    def add(self, place: Place) -> None:
        self.places[place.id] = place
        self.anew += (place.kind,)
        self.delta(place.group)[_OVERFLOW if place.overflow else _TOTAL] += 1

    def remove(self, place_id: str) -> None:
        place = self.places.pop(place_id)
        delta = self.delta(place.group)
        delta[_OVERFLOW if place.overflow else _TOTAL] -= 1
        self.anew += (place.kind,)
        if place.status != FREE:
            delta[_COLUMN[place.status]] -= 1

    def done(self, observed_at: datetime | None, **fields: Any) -> Location:
        """The next state. observed_at: when a person saw the groups touched; an older look never replaces a newer."""
        places = self.places.done()
        if self.deltas:
            fields["groups"] = self._groups(observed_at)
        if self.anew:
            fields["orders"], fields["free"] = self._ordered_anew(places)
        elif self.freed or self.taken:
            fields["free"] = self._free()
        return replace(self.state, version=self.version, places=places, **fields)

    def _groups(self, observed_at: datetime | None) -> dict[str, Group]:
        groups = dict(self.state.groups)
        for key, (total, overflow, occupied, held, blocked, people) in self.deltas.items():
            old = groups.get(key) or _new_group(key)
            seen = old.observed_at
            if observed_at is not None and (seen is None or observed_at > seen):
                seen = observed_at
            groups[key] = Group(
                old.kind,
                old.size_class,
                old.feature_class,
                old.total + total,
                old.overflow + overflow,
                old.occupied + occupied,
                old.held + held,
                old.blocked + blocked,
                old.people + people,
                seen,
            )
        return groups

    def _free(self) -> dict[str, int]:
        free, orders = dict(self.state.free), self.state.orders
        for place in self.taken:
            free[place.kind] &= ~(1 << orders[place.kind].ranks[place.id])
        for place in self.freed:
            free[place.kind] |= 1 << orders[place.kind].ranks[place.id]
        return free

    def _ordered_anew(self, places: Paged[Place]) -> tuple[dict[str, Order], dict[str, int]]:
        """Places came or went. Of the other kinds some may have been used in the same event."""
        orders, free = dict(self.state.orders), dict(self.state.free)
        for kind in {*self.anew, *(place.kind for place in (*self.taken, *self.freed))}:
            order = orders[kind] = Order.of([place for place in places.values() if place.kind == kind])
            free[kind] = sum([1 << rank for rank, id_ in enumerate(order.ids) if places[id_].status == FREE])
        return orders, free


def _new_group(key: str) -> Group:
    kind, size, features = key.split("|")
    return Group(kind, size, features)


def _without(things: dict[str, V], ids: Iterable[str]) -> dict[str, V]:
    new = dict(things)
    for id_ in ids:
        del new[id_]
    return new


def _held(change: _Change, event: ev.PlaceHeld) -> Location:
    for place_id in event.place_ids:
        change.turn(place_id, HELD, event.hold_id)
    hold = Hold(
        event.hold_id,
        event.place_ids,
        event.kind,
        event.household_size,
        event.features,
        event.hold_minutes,
        event.expires_at,
        change.version,
    )
    return change.done(None, holds={**change.state.holds, hold.id: hold})


def _hold_ended(change: _Change, event: ev.HoldCancelled | ev.HoldLapsed | ev.NoShowNoted) -> Location:
    for place_id in event.place_ids:
        change.turn(place_id, FREE)
    return change.done(None, **_ended_hold(change, event.hold_id, ENDS_AS[type(event)], None, event.at))


ENDS_AS: Mapping[type, str] = {
    ev.HoldCancelled: "cancelled", ev.HoldLapsed: "lapsed", ev.NoShowNoted: "no_show",
}  # fmt: skip


def _ended_hold(
    change: _Change, hold_id: str, how: str, stay_id: str | None, tapped_at: datetime | None = None
) -> dict[str, Any]:
    state = change.state
    ended = EndedHold(state.holds[hold_id], how, stay_id, change.version, tapped_at)
    guest = state.guests.get(hold_id)
    fields: dict[str, Any] = {}
    if guest is not None:
        fields["guests"] = {**state.guests, hold_id: replace(guest, status=how)}
    return fields | {
        "holds": _without(state.holds, [hold_id]),
        "ended_holds": state.ended_holds.with_news([(hold_id, ended)]),
    }


def _answered(change: _Change, event: ev.HoldAsked | ev.HoldRefused | ev.HoldCalledOff | ev.AnswerRepeated) -> Location:
    """What another site is told of its hold from now on. Whoever nobody can ask for any more is forgotten here."""
    known = change.state.guests
    match event:
        case ev.HoldAsked():
            guest = Guest(event.site, event.expires_at, "active")
        case ev.HoldRefused():
            how = "lapsed" if event.code == "hold-lapsed" else "refused"
            guest = replace(known[event.hold_id], status=how, code=event.code)
        case ev.HoldCalledOff():
            guest = Guest(event.site, event.expires_at, "cancelled")
        case ev.AnswerRepeated():
            guest = known[event.hold_id]
    return change.done(None, guests={**change.state.guests_at(event.at), event.hold_id: guest})


def _stay_began(change: _Change, event: ev.StayBegan) -> Location:
    for place_id in event.place_ids:
        change.turn(place_id, OCCUPIED, event.stay_id)
    change.delta(change.places[event.place_ids[0]].group)[_PEOPLE] += event.household_size
    stay = Stay(
        event.stay_id,
        event.place_ids,
        event.kind,
        event.household_size,
        event.began_at,
        change.version,
        event.hold_id,
        None,
        event.at,
    )
    hold = {} if event.hold_id is None else _ended_hold(change, event.hold_id, "checked_in", stay.id)
    return change.done(event.began_at, stays={**change.state.stays, stay.id: stay}, **hold)


def _stay_ended(change: _Change, event: ev.StayEnded) -> Location:
    state = change.state
    stay = state.stays[event.stay_id]
    for place_id in event.place_ids:
        change.turn(place_id, FREE, free_since=min(event.ended_at, event.at))
    change.delta(change.places[event.place_ids[0]].group)[_PEOPLE] -= stay.household_size
    ended = EndedStay(stay, event.reason, event.ended_at, change.version, event.at)
    return change.done(
        None if event.by_itself else event.ended_at,
        stays=_without(state.stays, [stay.id]),
        ended_stays=state.ended_stays.with_news([(stay.id, ended)]),
    )


def _opened(change: _Change, event: ev.PlacesOpened) -> Location:
    group = group_key(event.kind, event.sleeps, event.features)
    places = [
        Place(
            place_id, event.kind, event.room_of(index), event.sleeps, event.features, group, change.version,
            overflow=event.overflow, programme=event.programme, standby=event.standby,
        )
        for index, place_id in enumerate(event.place_ids)
    ]  # fmt: skip
    if event.standby:
        return wait(change, places)
    for place in places:
        change.add(place)
    return change.done(event.observed_at, places_made=change.state.places_made + len(event.place_ids))


def _blocked(change: _Change, event: ev.PlacesBlocked | ev.PlacesUnblocked) -> Location:
    block = Block(event.reason, event.until, event.reported) if isinstance(event, ev.PlacesBlocked) else None
    taps = tapped(change, event)
    for place_id in event.place_ids:
        place = change.places[place_id]
        if place.status in (FREE, BLOCKED):
            change.turn(place_id, BLOCKED if block else FREE, block=block)
        else:  # a planned block of a place in use, called off
            change.delta(place.group)
            change.places[place_id] = replace(place, version=change.version, block_next=None)
    return change.done(event.observed_at, taps=taps)


def _planned(change: _Change, event: ev.BlockPlanned | ev.ClosingPlanned) -> Location:
    taps = tapped(change, event) if isinstance(event, ev.BlockPlanned) else change.state.taps
    for place_id in event.place_ids:
        place = change.places[place_id]
        if isinstance(event, ev.BlockPlanned):
            place = replace(place, version=change.version, block_next=Block(event.reason, event.until))
        else:
            place = replace(place, version=change.version, closing=True)
        change.places[place_id] = place
    return change.done(None, taps=taps)


def _closed(change: _Change, event: ev.PlacesClosed) -> Location:
    waiting = change.state.standby
    for place_id in event.place_ids:
        if place_id not in waiting:
            change.remove(place_id)
    gone = [place_id for place_id in event.place_ids if place_id in waiting]
    closed = [(place_id, change.version) for place_id in event.place_ids]
    return change.done(event.observed_at, closed_places=change.state.closed_places.with_news(closed),
                       standby=_without(waiting, gone) if gone else waiting)  # fmt: skip


def _stays_began(change: _Change, event: ev.StaysBegan) -> Location:
    stays = dict(change.state.stays)
    for stay_id, place_id in event.stays:
        place = change.turn(place_id, OCCUPIED, stay_id)
        change.delta(place.group)[_PEOPLE] += 1
        stays[stay_id] = Stay(
            stay_id, (place_id,), event.kind, 1, event.began_at, change.version, None, event.programme
        )
    return change.done(event.began_at, stays=stays, stays_made=change.state.stays_made + len(event.stays))


def _stays_ended(change: _Change, event: ev.StaysEnded) -> Location:
    state = change.state
    ended = []
    for stay_id, place_id in event.stays:
        stay = state.stays[stay_id]
        place = change.turn(place_id, FREE, free_since=min(event.ended_at, event.at))
        change.delta(place.group)[_PEOPLE] -= stay.household_size
        ended.append((stay_id, EndedStay(stay, event.reason, event.ended_at, change.version)))
    return change.done(
        event.ended_at,
        stays=_without(state.stays, [stay_id for stay_id, _ in event.stays]),
        ended_stays=state.ended_stays.with_news(ended),
    )
