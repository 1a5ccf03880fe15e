"""One published programme-night made true: afterwards occupied, free and blocked places of the programme are as
reported.

Only what earlier reports made is undone: anonymous stays that a report began, blocks that a report set. Holds,
stays and blocks made by people stand; where they leave no way to the published figures the whole night is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from services.placement import commands as cmd
from services.placement import decider_limits as limits
from services.placement import events as ev
from services.placement.decider_fold import evolve
from services.placement.decider_location import BLOCKED, FREE, OCCUPIED, Location, Place, group_key
from services.placement.decider_places import Outcome
from shared.ids import derived_id
from shared.kernel import Rejected

REPORT_BLOCK_REASON = "other"
"""A report says how many places are unavailable, not why."""
REPORT_END_REASON = "moved_on"
"""A report says how many people are there, not why others are not."""


def record_night(state: Location, command: cmd.RecordNight) -> Outcome:
    """Refused: `kind-unknown`, `kind-without-beds`, `feature-unknown`, `programme-invalid`, `sleeps-out-of-range`,
    `figures-impossible`, `words-invalid`, `too-many-places`, `too-many-programmes`, `too-many-groups`,
    `time-without-zone`, `observed-in-future`, `night-in-future`, `night-superseded` (a newer one is recorded),
    `night-differs` (this one is, with other figures), `night-conflict` (holds, stays or blocks made by people are in
    the way)."""
    refused = _refused(state, command)
    if refused:
        return refused
    features = tuple(sorted(set(command.features)))
    figures = (
        command.kind,
        features,
        command.sleeps,
        command.total,
        command.blocked,
        command.occupied,
        command.overflow,
    )
    published = (command.funded, command.unavailable, command.service_users)
    last = state.nights.get(command.programme)
    if last is not None:
        if command.night == last.night:
            same = (figures, published, command.words) == (last.figures, last.published, last.words)
            return () if same else Rejected("night-differs", {"night": command.night.isoformat()})
        if command.night < last.night or command.observed_at < last.observed_at:
            return Rejected(
                "night-superseded",
                {
                    "night": command.night.isoformat(),
                    "recorded": last.night.isoformat(),
                },
            )
    refused = limits.groups_refused(state.groups, len(state.groups), group_key(command.kind, command.sleeps, features))
    if refused:
        return refused
    plan = _Plan(state, command, features)
    conflict = plan.make()
    if conflict:
        facts = {
            "programme": command.programme,
            "night": command.night.isoformat(),
            "because": conflict,
        }
        return Rejected("night-conflict", facts)
    if state.places_there_are + len(plan.opened) + len(plan.extra) > limits.PLACES_A_LOCATION_MAX:
        return Rejected("too-many-places", {"places_max": limits.PLACES_A_LOCATION_MAX})
    return plan.events()


def record_nights(state: Location, command: cmd.RecordNights) -> Outcome:
    """Refused: `too-many-nights`. A night that alone would be refused is left out."""
    if len(command.nights) > limits.NIGHTS_A_COMMAND_MAX:
        return Rejected("too-many-nights", {"nights_max": limits.NIGHTS_A_COMMAND_MAX})
    events: list[ev.LocationEvent] = []
    for night in command.nights:
        outcome = record_night(state, night) if night.location == state.name else ()
        if not isinstance(outcome, Rejected):
            for event in outcome:
                state = evolve(state, event)
            events.extend(outcome)
    return events


def _refused(state: Location, command: cmd.RecordNight) -> Rejected | None:
    refused = (
        limits.kind_refused(command.kind)
        or limits.features_refused(command.features)
        or limits.label_refused("programme-invalid", command.programme)
    )
    if refused:
        return refused
    if not 1 <= command.sleeps <= limits.SLEEPS_MAX:
        return Rejected("sleeps-out-of-range", {"sleeps_min": 1, "sleeps_max": limits.SLEEPS_MAX})
    if command.observed_at.tzinfo is None:
        return Rejected("time-without-zone", {})
    if command.observed_at - command.at > limits.AHEAD_MAX:
        return Rejected("observed-in-future", {"observed_at": command.observed_at.isoformat()})
    if command.night > command.at.date() + timedelta(days=1):
        return Rejected("night-in-future", {"night": command.night.isoformat()})
    in_use = command.total - command.blocked
    possible = command.blocked >= 0 and in_use >= 0 and command.occupied >= 0
    if not possible or command.overflow != max(0, command.occupied - in_use):
        return Rejected("figures-impossible", {"night": command.night.isoformat()})
    refused = _published_refused(command)
    if refused:
        return refused
    if command.total + command.overflow > limits.NIGHT_PLACES_MAX:
        return Rejected("too-many-places", {"places_max": limits.NIGHT_PLACES_MAX})
    if command.programme not in state.nights and len(state.nights) >= limits.PROGRAMMES_A_LOCATION_MAX:
        return Rejected("too-many-programmes", {"programmes_max": limits.PROGRAMMES_A_LOCATION_MAX})
    return None


def _published_refused(command: cmd.RecordNight) -> Rejected | None:
    """Refused: `figures-impossible` (a figure that is none, or blocked places that are not the unavailable ones),
    `words-invalid`."""
    published = (command.funded, command.unavailable, command.service_users)
    if any(figure is not None and abs(figure) > limits.PUBLISHED_MAX for figure in published) or (
        command.unavailable is not None and command.blocked != max(0, command.unavailable)
    ):
        return Rejected("figures-impossible", {"night": command.night.isoformat()})
    return limits.words_refused(command.words)


@dataclass
class _Plan:
    """The steps from the places as they are to the figures as published, worked out on lists in the order of
    opening."""

    state: Location
    command: cmd.RecordNight
    features: tuple[str, ...]
    free: list[Place] = field(default_factory=list)
    blocked: list[Place] = field(default_factory=list)  # by reports
    stays: list[Place] = field(default_factory=list)  # by reports, oldest first
    extra_stays: list[Place] = field(default_factory=list)  # likewise, in overflow places
    kept_blocked: int = 0  # made by people, like all that is kept
    kept_occupied: int = 0
    kept_extra: int = 0
    kept_held: int = 0
    ended: list[Place] = field(default_factory=list)
    closed: list[Place] = field(default_factory=list)
    newly_blocked: list[str] = field(default_factory=list)
    unblocked: list[str] = field(default_factory=list)
    planned_blocks: list[Place] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    filled: list[str] = field(default_factory=list)

    def make(self) -> str | None:
        """Fills the plan; returns what is in the way when there is no way."""
        command = self.command
        conflict = self._sort()
        if conflict:
            return conflict
        self._end(self.extra_stays, len(self.extra_stays) + self.kept_extra - command.overflow)
        self._end(
            self.stays,
            len(self.stays) + self.kept_occupied - (command.occupied - command.overflow),
        )
        conflict = self._match_total() or self._match_blocked()
        if conflict:
            return conflict
        wanted = command.occupied - command.overflow - len(self.stays) - self.kept_occupied
        usable = [p for p in self.free if p.free_since is None or p.free_since <= command.observed_at]
        if wanted < 0 or wanted > len(usable):
            return "occupied"
        self.filled = [place.id for place in usable[:wanted]]
        more = command.overflow - len(self.extra_stays) - self.kept_extra
        if more < 0:
            return "overflow"
        self.extra = self._new_place_ids(more, len(self.opened))
        # What is free now is as published, less what is held: total, blocked and occupied leave nothing else.
        return None

    def _sort(self) -> str | None:
        """Deals the programme's places over the lists. Places of another make than reported are replaced."""
        command = self.command
        make = (command.kind, command.sleeps, self.features)
        by_age = {stay.place_ids[0]: n for n, stay in enumerate(self.state.stays.values()) if stay.programme}
        for place in self.state.places.values():
            if place.programme != command.programme:
                continue
            reported_stay = place.status == OCCUPIED and place.id in by_age
            reported_block = place.status == BLOCKED and place.block is not None and place.block.reported
            if (
                place.kind,
                place.sleeps,
                place.features,
            ) != make and not place.overflow:
                if reported_stay:
                    self.ended.append(place)
                elif not (place.status == FREE or reported_block):
                    return "make"
                self.closed.append(place)
            elif reported_stay:
                (self.extra_stays if place.overflow else self.stays).append(place)
            elif place.status == OCCUPIED:
                self.kept_extra += place.overflow
                self.kept_occupied += not place.overflow
            elif place.status == BLOCKED:
                if reported_block:
                    self.blocked.append(place)
                else:
                    self.kept_blocked += 1
            elif place.status == FREE:
                self.free.append(place)
            else:
                self.kept_held += 1
        self.stays.sort(key=lambda place: by_age[place.id])
        self.extra_stays.sort(key=lambda place: by_age[place.id])
        return None

    def _end(self, stays: list[Place], many: int) -> None:
        """Ends the oldest `many` stays; their places become what people or the overflow rule said they would."""
        for place in stays[: max(0, many)]:
            self.ended.append(place)
            if place.overflow or place.closing:
                self.closed.append(place)
            elif place.block_next is not None:
                self.planned_blocks.append(place)
                self.kept_blocked += 1
            else:
                self.free.append(place)
        del stays[: max(0, many)]

    def _match_total(self) -> str | None:
        kept = self.kept_occupied + self.kept_blocked + self.kept_held + len(self.stays)
        many = kept + len(self.free) + len(self.blocked) - self.command.total
        if many > len(self.free) + len(self.blocked):
            return "total"
        for _ in range(many):
            self.closed.append((self.free or self.blocked).pop())
        if many < 0:
            self.opened = self._new_place_ids(-many, 0)
            self.free.extend(self._fresh(place_id) for place_id in self.opened)
        return None

    def _match_blocked(self) -> str | None:
        many = self.command.blocked - len(self.blocked) - self.kept_blocked
        if many > len(self.free) or -many > len(self.blocked):
            return "blocked"
        for _ in range(many):
            self.newly_blocked.append(self.free.pop().id)
        for _ in range(-many):
            place = self.blocked.pop()
            self.unblocked.append(place.id)
            self.free.append(place)
        return None

    def _fresh(self, place_id: str) -> Place:
        command = self.command
        return Place(place_id, command.kind, "", command.sleeps, self.features, "", 0)

    def _new_place_ids(self, many: int, after: int) -> list[str]:
        made = self.state.places_made + after
        return [self._id("place", made + n) for n in range(many)]

    def _id(self, what: str, number: int) -> str:
        return derived_id(
            what,
            self.state.name,
            self.command.programme,
            self.command.kind,
            str(number),
        )

    def events(self) -> list[ev.LocationEvent]:
        command, at = self.command, self.command.at
        seen = command.observed_at
        events: list[ev.LocationEvent] = []
        if self.ended:
            pairs = tuple(ev.InPlace(place.holder or "", place.id) for place in self.ended)
            events.append(ev.StaysEnded(command.programme, pairs, REPORT_END_REASON, seen, at))
        if self.closed:
            events.append(ev.PlacesClosed(_ids(self.closed), at, seen))
        for place in self.planned_blocks:
            block = place.block_next
            if block is not None:
                events.append(ev.PlacesBlocked((place.id,), block.reason, block.until, at, seen))
        events.extend(self._opening(self.opened, overflow=False))
        if self.unblocked:
            events.append(ev.PlacesUnblocked(tuple(self.unblocked), at, seen))
        if self.newly_blocked:
            events.append(ev.PlacesBlocked(tuple(self.newly_blocked), REPORT_BLOCK_REASON, None, at, seen, True))
        events.extend(self._opening(self.extra, overflow=True))
        in_places = [*self.filled, *self.extra]
        if in_places:
            first = self.state.stays_made
            stays = tuple(ev.InPlace(self._id("stay", first + n), id_) for n, id_ in enumerate(in_places))
            events.append(ev.StaysBegan(command.programme, command.kind, stays, seen, at))
        events.append(self._recorded())
        return events

    def _opening(self, place_ids: list[str], overflow: bool) -> Iterable[ev.PlacesOpened]:
        if not place_ids:
            return
        command = self.command
        numbered_from = None
        if command.own_rooms:
            numbered_from = self.state.places_made + 1 + (len(self.opened) if overflow else 0)
        yield ev.PlacesOpened(
            tuple(place_ids),
            command.kind,
            command.programme,
            command.sleeps,
            self.features,
            command.at,
            command.observed_at,
            command.programme,
            overflow,
            numbered_from,
        )

    def _recorded(self) -> ev.NightRecorded:
        command = self.command
        last = self.state.nights.get(command.programme)
        return ev.NightRecorded(
            command.programme,
            command.kind,
            self.features,
            command.sleeps,
            command.night,
            command.total,
            command.blocked,
            command.occupied,
            command.overflow,
            command.observed_at,
            command.at,
            command.funded,
            command.unavailable,
            command.service_users,
            None if command.words == (last.words if last else ()) else command.words,
        )


def _ids(places: Iterable[Place]) -> tuple[str, ...]:
    return tuple(place.id for place in places)
