"""What of a decision is told, and to whom: figures to everybody, site events to the services of this site, and letters
to the site that asked for a hold.

The only place that builds a contract. The store reads each back before it stores anything: one that no reader would
accept is a failure here, and not a halt at every other site.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec

from services.placement import events as ev
from services.placement.decider_fold import evolve
from services.placement.decider_location import Group, Location, Place
from services.placement.events_offers import OperatorAsked, QuestionAnswered, WordRepeated
from services.placement.events_regimes import StandbyClosed, StandbyOpened
from services.placement.publish_offers import letters, question
from services.placement.publish_sessions import attendance, session_figures
from shared.contracts import hold_letters
from shared.contracts import placement as told
from shared.contracts.base import Contract, Draft, Written


class Telling(msgspec.Struct, frozen=True, gc=False):
    """subject: what it is about; of a letter the addressee. observed_at: when a person saw it, if that is known."""

    event: Written[Any] | Draft
    subject: str
    observed_at: datetime | None

    @property
    def contract(self) -> Contract | Draft:
        """The event as any reader has it. Raises `ValidationError`."""
        return self.event.read()


def tell(before: Location, events: Sequence[ev.LocationEvent], after: Location) -> list[Telling]:
    """Everything others may hear of one decision; of several nights at once each night's own, for the past is asked by
    the night. What several programmes report of one night is told once."""
    if len(events) == 1:
        return _tell(before, events, after)
    recorded = ((number, event) for number, event in enumerate(events, 1) if isinstance(event, ev.NightRecorded))
    nights = [(number, event.observed_at) for number, event in recorded]
    ends = [number for (number, observed_at), (_, following) in pairwise(nights) if observed_at != following]
    if not ends:
        return _tell(before, events, after)
    tellings: list[Telling] = []
    for start, end in pairwise((0, *ends, len(events))):
        then = before
        for event in events[start:end]:
            then = evolve(then, event)
        tellings += _tell(before, events[start:end], then)
        before = then
    return tellings


def _tell(before: Location, events: Sequence[ev.LocationEvent], after: Location) -> list[Telling]:
    """Everything others may hear of one decision: each event as its site event, then the changed figures in one
    message.

    before, after: the location around the decision. Figures are told when a count or the newest observation changed.
    """
    tellings: list[Telling] = []
    for event in events:
        if type(event) in _ABOUT_MORE:
            tellings += _told(before, event, after)
        else:
            tellings += _site_events(after.name, event)
    if before.offer_mode != after.offer_mode:
        tellings.append(offer_mode(after))
    if before.groups is not after.groups:
        known, changed = before.groups, []
        for key, group in after.groups.items():
            was = known.get(key)
            if group is not was and group != was:
                changed.append(group)
        if changed:
            tellings.append(_figures(after, changed, events))
    if before.seats is not after.seats:
        tellings += [Telling(told_, after.name, None) for told_ in session_figures(after, before.seats)]
    if before.session_weeks is not after.session_weeks or before.week_told != after.week_told:
        tellings += [Telling(told_, after.name, None) for told_ in attendance(after, before)]
    if after.guests:
        tellings += _answers(after, events)
    if after.offers or (events and isinstance(events[0], WordRepeated)):
        tellings += [Telling(letter.draft, letter.to, None) for letter in letters(before, events, after)]
    return tellings


_ABOUT_MORE = frozenset({StandbyOpened, OperatorAsked, QuestionAnswered})
"""Events that say less than is told of them: the rest is in the states around them."""


def _told(before: Location, event: ev.LocationEvent, after: Location) -> list[Telling]:
    """The site events of one of these. Standby places come into being for others when they open, and are gone again."""
    match event:
        case StandbyOpened():
            places = [after.places.get(id_) or before.standby[id_] for id_ in event.place_ids]
            return _opened(after.name, places, event)
        case OperatorAsked() | QuestionAnswered():
            return [Telling(question(event, after), event.offer_id, None)]
        case _:
            return []


def _opened(location: str, places: Sequence[Place], event: StandbyOpened) -> list[Telling]:
    """Of each make one."""
    makes: dict[tuple[str, int, tuple[str, ...]], list[Place]] = {}
    for place in places:
        makes.setdefault((place.kind, place.sleeps, place.features), []).append(place)
    return [
        Telling(told.PlacesOpened.written(
            location=location, place_ids=tuple(place.id for place in same), kind=kind, sleeps=sleeps,
            rooms=tuple(place.room for place in same), features=features, overflow=True, at=event.at,
        ), location, None)
        for (kind, sleeps, features), same in makes.items()
    ]  # fmt: skip


def _answers(after: Location, events: Sequence[ev.LocationEvent]) -> list[Telling]:
    """A letter for each hold of another site that these events say something of: how it stands with it now."""
    about = dict.fromkeys(
        event.hold_id
        for event in events
        if isinstance(event, ev.PlaceHeld | ev.HoldCancelled | ev.HoldLapsed | ev.NoShowNoted | ev.StayBegan
                      | ev.HoldRefused | ev.HoldCalledOff | ev.AnswerRepeated)
    )  # fmt: skip
    tellings = []
    for hold_id in about:
        guest = after.guests.get(hold_id or "")
        if hold_id is not None and guest is not None:
            hold = after.holds.get(hold_id)
            expires_at = None if hold is None else hold.expires_at
            body = hold_letters.HoldAnsweredBody.model_validate(
                {"status": guest.status, "code": guest.code, "expires_at": expires_at}
            )
            tellings.append(Telling(Draft(told.HoldAnswered, guest.site, hold_id, body), guest.site, None))
    return tellings


def offer_mode(state: Location) -> Telling:
    """Whether a location offers by itself: others wait longer for one that asks first."""
    mode = told.OfferModeTold.written(location=state.name, site=state.site, mode=state.offer_mode)
    return Telling(mode, state.name, None)


def figures(state: Location) -> Written[told.CapacityTold]:
    """The figures of all groups of a location: what an epoch begins with."""
    return _capacity(state, state.groups.values())


def _figures(after: Location, changed: Sequence[Group], events: Sequence[ev.LocationEvent]) -> Telling:
    """changed: the groups that differ.

    A hold placed now says nothing of what was seen an hour ago, and a late report nothing of now: this is an
    observation only if a group's newest look is one of these events'.
    """
    looks = [look for event in events if (look := _look(event)) is not None]
    seen = [group.observed_at for group in changed if group.observed_at in looks and group.observed_at] if looks else ()
    return Telling(_capacity(after, changed), after.name, max(seen, default=None))


_UNSEEN = frozenset({ev.PlaceHeld, ev.HoldCancelled, ev.HoldLapsed})
"""What nobody looked for. They are among the most frequent: asked first, and by their class alone."""


def _look(event: ev.LocationEvent) -> datetime | None:
    """When a person saw what an event tells; None when nobody looked."""
    if type(event) in _UNSEEN:
        return None
    match event:
        case ev.StayBegan() | ev.StaysBegan():
            return event.began_at
        case ev.StayMoved():
            return event.moved_at
        case ev.StayEnded() | ev.StaysEnded():
            return None if isinstance(event, ev.StayEnded) and event.by_itself else event.ended_at
        case ev.PlacesOpened() | ev.PlacesBlocked() | ev.PlacesUnblocked() | ev.PlacesClosed() | ev.NightRecorded():
            return event.observed_at
        case ev.HeadsCounted() | StandbyClosed():
            return event.observed_at
        case _:
            return None


def _capacity(state: Location, groups: Iterable[Group]) -> Written[told.CapacityTold]:
    return told.CapacityTold.written(
        location=state.name,
        site=state.site,
        title=state.title,
        district=state.district,
        rows=tuple([_row(group) for group in groups]),
    )


def _row(group: Group) -> dict[str, object]:
    return {
        "kind": group.kind,
        "size_class": group.size_class,
        "feature_class": group.feature_class,
        "total": group.total,
        "overflow": group.overflow,
        "occupied": group.occupied,
        "held": group.held,
        "blocked": group.blocked,
        "people": group.people,
        "observed_at": group.observed_at,
    }


def _site_events(location: str, event: ev.LocationEvent) -> list[Telling]:
    match event:
        case ev.PlaceHeld():
            return [_held(location, event)]
        case ev.StayBegan():
            began = _stay_began(location, event)
            if event.hold_id is None:
                return [began]
            ended = _hold_ended(
                location,
                event.hold_id,
                event.place_ids,
                "checked_in",
                event.at,
                event.stay_id,
            )
            return [ended, began]
        case ev.StayEnded():
            return [_stay_ended(location, event)]
        case ev.HoldCancelled():
            return [_hold_ended(location, event.hold_id, event.place_ids, "cancelled", event.at)]
        case ev.NoShowNoted():
            return [_hold_ended(location, event.hold_id, event.place_ids, "no_show", event.at)]
        case ev.HoldLapsed():
            return [_hold_ended(location, event.hold_id, event.place_ids, "lapsed", event.at)]
        case ev.PlacesOpened() if event.standby:
            return []  # nobody can have them yet
        case ev.PlacesOpened() | ev.PlacesBlocked() | ev.PlacesUnblocked() | ev.PlacesClosed() | StandbyClosed():
            return [_places(location, event)]
        case ev.StaysBegan() | ev.StaysEnded():
            return [_night(location, event)]
        case ev.StayMoved() | ev.StayCorrected() | ev.StayResumed():
            return [_stay_changed(location, event)]
        case ev.HeadsCounted():
            return [_counted(location, event)]
        case _:  # LocationOpened, plans and NightRecorded change no place by themselves
            return []


def _held(location: str, event: ev.PlaceHeld) -> Telling:
    contract = told.PlaceHeld.written(
        location=location,
        hold_id=event.hold_id,
        place_ids=event.place_ids,
        kind=event.kind,
        household_size=event.household_size,
        expires_at=event.expires_at,
        at=event.at,
    )
    return Telling(contract, event.hold_id, None)


def _hold_ended(
    location: str,
    hold_id: str,
    place_ids: tuple[str, ...],
    how: str,
    at: datetime,
    stay_id: str | None = None,
) -> Telling:
    contract = told.HoldEnded.written(
        location=location,
        hold_id=hold_id,
        place_ids=place_ids,
        how=how,
        stay_id=stay_id,
        at=at,
    )
    return Telling(contract, hold_id, None)


def _stay_began(location: str, event: ev.StayBegan) -> Telling:
    contract = told.StayBegan.written(
        location=location,
        stay_id=event.stay_id,
        place_ids=event.place_ids,
        kind=event.kind,
        household_size=event.household_size,
        began_at=event.began_at,
        hold_id=event.hold_id,
        at=event.at,
    )
    return Telling(contract, event.stay_id, event.began_at)


def _stay_ended(location: str, event: ev.StayEnded) -> Telling:
    contract = told.StayEnded.written(
        location=location,
        stay_id=event.stay_id,
        place_ids=event.place_ids,
        reason=event.reason,
        ended_at=event.ended_at,
        at=event.at,
    )
    return Telling(contract, event.stay_id, _look(event))


def _stay_changed(location: str, event: ev.StayMoved | ev.StayCorrected | ev.StayResumed) -> Telling:
    facts: dict[str, object] = {
        "location": location,
        "stay_id": event.stay_id,
        "place_ids": event.place_ids,
        "at": event.at,
    }
    match event:
        case ev.StayMoved():
            moved = told.StayMoved.written(**facts, kind=event.kind, moved_at=event.moved_at)
            return Telling(moved, event.stay_id, event.moved_at)
        case ev.StayCorrected():
            right = told.StayCorrected.written(**facts, household_size=event.household_size, began_at=event.began_at)
            return Telling(right, event.stay_id, None)
        case ev.StayResumed():
            return Telling(told.StayResumed.written(**facts), event.stay_id, None)


def _counted(location: str, event: ev.HeadsCounted) -> Telling:
    contract = told.HeadsCounted.written(
        location=location, count_id=event.count_id, kind=event.kind, counted=event.counted, expected=event.expected,
        superseded=event.superseded, observed_at=event.observed_at, at=event.at,
    )  # fmt: skip
    return Telling(contract, event.count_id, event.observed_at)


def _places(
    location: str,
    event: ev.PlacesOpened | ev.PlacesBlocked | ev.PlacesUnblocked | ev.PlacesClosed | StandbyClosed,
) -> Telling:
    contract: Written[Any]
    match event:
        case ev.PlacesOpened():
            contract = told.PlacesOpened.written(
                location=location,
                place_ids=event.place_ids,
                kind=event.kind,
                rooms=tuple(event.room_of(index) for index in range(len(event.place_ids))),
                sleeps=event.sleeps,
                features=event.features,
                overflow=event.overflow,
                at=event.at,
            )
        case ev.PlacesBlocked():
            contract = told.PlacesBlocked.written(
                location=location,
                place_ids=event.place_ids,
                reason=event.reason,
                until=event.until,
                at=event.at,
            )
        case ev.PlacesUnblocked():
            contract = told.PlacesUnblocked.written(
                location=location,
                place_ids=event.place_ids,
                at=event.at,
            )
        case ev.PlacesClosed() | StandbyClosed():
            contract = told.PlacesClosed.written(
                location=location,
                place_ids=event.place_ids,
                at=event.at,
            )
    return Telling(contract, location, event.observed_at)


def _night(location: str, event: ev.StaysBegan | ev.StaysEnded) -> Telling:
    contract: Written[Any]
    pairs = tuple((stay_id, place_id) for stay_id, place_id in event.stays)
    if isinstance(event, ev.StaysBegan):
        contract = told.StaysBegan.written(
            location=location,
            programme=event.programme,
            kind=event.kind,
            stays=pairs,
            began_at=event.began_at,
            at=event.at,
        )
        return Telling(contract, location, event.began_at)
    contract = told.StaysEnded.written(
        location=location,
        programme=event.programme,
        stays=pairs,
        reason=event.reason,
        ended_at=event.ended_at,
        at=event.at,
    )
    return Telling(contract, location, event.ended_at)
