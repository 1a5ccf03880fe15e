"""What one location must look like by its private events: an independent and much simpler fold, which also refuses
what must never happen (`domain.md`, invariants 1, 2, 3, 5 and 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.placement import events as ev
from services.placement import events_house as eh
from services.placement import events_offers as oe
from services.placement import events_regimes as rg
from services.placement.decider_location import GUEST_KEPT
from tests.simulation.judging import Violation, require
from tests.simulation.oracle_kept import Kept
from tests.simulation.oracle_lived import Life, live
from tests.simulation.oracle_offers import Made, check_in, owner_takes, stay_turned

__all__ = ["House", "Violation", "require"]

Group = tuple[str, str, str]
"""kind, size class, feature class"""

Counts = tuple[int, int, int, int, int, int, datetime | None]
"""total, overflow, occupied, held, blocked, people, observed_at"""


@dataclass
class Bed:
    kind: str
    sleeps: int
    room: str
    group: Group
    overflow: bool
    programme: str | None
    user: str | None = None
    blocked: bool = False
    standby: bool = False

    def status(self, house: House) -> str:
        if self.user is not None:
            return "occupied" if self.user in house.stays else "held"
        return "blocked" if self.blocked else "free"


@dataclass
class Followed:
    """A regime as a location follows it: the newest word, and how far it has come."""

    kinds: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    revision: int
    status: str = "waiting"


@dataclass
class House:
    """One location: its beds, who uses them, and how every hold ended."""

    name: str = ""
    version: int = 0
    beds: dict[str, Bed] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    holds: dict[str, tuple[tuple[str, ...], datetime]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    stays: dict[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    seats: dict[str, int] = field(default_factory=dict)
    booked: dict[str, set[str]] = field(default_factory=dict)
    rooms: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    people: dict[str, int] = field(default_factory=dict)
    seen: dict[Group, datetime | None] = field(default_factory=dict)
    guests: dict[str, tuple[str, str]] = field(default_factory=dict)
    waiting: dict[str, Bed] = field(default_factory=dict)
    regimes: dict[str, Followed] = field(default_factory=dict)
    offers: dict[str, Made] = field(default_factory=dict)
    asks: bool = False
    questions: dict[str, tuple[str, str]] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)
    lives: dict[str, Life] = field(default_factory=dict)

    @property
    def unanswered(self) -> list[str]:
        """What the operator has still to say something about."""
        return [id_ for id_, (_, answer) in self.questions.items() if answer == ""]

    def take(self, event: ev.LocationEvent) -> None:
        """Takes one event in, and refuses what must not be."""
        self.version += 1
        self.kept.take(self, event)
        live(self.lives, event)
        if isinstance(event, eh.RuleEvent):
            return
        if isinstance(event, ev.LocationOpened):
            require(self.name == "", "a location opened twice", event.name)
            self.name = event.name
        elif isinstance(event, ev.StayEnded | ev.StaysBegan | ev.StaysEnded | ev.StayBegan):
            self._stay(event)
        elif isinstance(event, ev.StayMoved | ev.StayCorrected | ev.StayResumed | ev.AwayNoted):
            self._stay_goes_on(event)
        elif isinstance(event, ev.HeadsCounted):
            self._counted(event)
        elif isinstance(event, ev.SessionOpened | ev.SeatBooked | ev.SeatGivenBack):
            self._seat(event)
        elif isinstance(event, ev.RoomComposed):
            self.rooms[event.room] = event.composition
        elif isinstance(event, ev.LocationClosed):
            require(not self.holds, "a closed house promises places", self.name)
        elif isinstance(event, ev.PlaceHeld | ev.HoldCancelled | ev.HoldLapsed | ev.NoShowNoted):
            self._hold(event)
        elif isinstance(event, ev.HoldAsked | ev.HoldRefused | ev.HoldCalledOff | ev.AnswerRepeated):
            self._guest(event)
        elif isinstance(event, oe.OfferEvent):
            owner_takes(self, event)
        elif isinstance(event, rg.RegimeNoted | rg.RegimeBegan | rg.RegimeEnded):
            self._regime(event)
        elif isinstance(event, rg.StandbyOpened | rg.StandbyClosed):
            self._standby(event)
        else:
            self._place(event)

    def answer(self, hold_id: str) -> str | None:
        """How it stands with a hold of another site; None when that site has never been heard of it."""
        if hold_id in self.holds:
            return "active"
        return self.ended.get(hold_id) or self.guests.get(hold_id, ("", None))[1]

    def _guest(self, event: ev.HoldAsked | ev.HoldRefused | ev.HoldCalledOff | ev.AnswerRepeated) -> None:
        used = event.hold_id in self.holds or event.hold_id in self.ended
        match event:
            case ev.HoldAsked():
                require(not used and event.hold_id not in self.guests, "another site's ask was decided twice", event)
                self.guests[event.hold_id] = (event.site, "asked")
            case ev.HoldRefused():
                require(not used and self.guests[event.hold_id][1] == "asked", "a hold refused that was given", event)
                how = "lapsed" if event.code == "hold-lapsed" else "refused"
                self.guests[event.hold_id] = (self.guests[event.hold_id][0], how)
            case ev.HoldCalledOff():
                forgotten = event.expires_at + GUEST_KEPT <= event.at  # a site that was cut off for a week
                known = used or (event.hold_id in self.guests and not forgotten)
                require(not known, "called off what is known already", event)
                self.guests[event.hold_id] = (event.site, "cancelled")
            case ev.AnswerRepeated():
                require(event.hold_id in self.guests, "an answer to a site that never asked", event)

    def _place(
        self,
        event: ev.PlacesOpened
        | ev.PlacesBlocked
        | ev.PlacesUnblocked
        | ev.BlockPlanned
        | ev.ClosingPlanned
        | ev.PlacesClosed
        | ev.NightRecorded,
    ) -> None:
        match event:
            case ev.PlacesOpened():
                self._opened(event)
            case ev.PlacesBlocked():
                for bed in self._beds(event.place_ids):
                    require(bed.user is None and not bed.blocked, "a place that is not free was blocked", event)
                    bed.blocked = True
                self._look(event.place_ids, event.observed_at)
            case ev.PlacesUnblocked():
                for bed in self._beds(event.place_ids):
                    bed.blocked = False
                self._look(event.place_ids, event.observed_at)
            case ev.BlockPlanned() | ev.ClosingPlanned():
                for bed in self._beds(event.place_ids):
                    require(bed.user is not None, "a plan for a place nobody uses", event)
            case ev.PlacesClosed():
                self._closed(event)
            case ev.NightRecorded():
                self._night(event)

    def _regime(self, event: rg.RegimeNoted | rg.RegimeBegan | rg.RegimeEnded) -> None:
        known = self.regimes.get(event.regime_id)
        if isinstance(event, rg.RegimeNoted):
            older = known is None or (known.status != "over" and known.revision < event.revision)
            require(older, "a regime was noted that was known", event, known)
            status = "waiting" if known is None else known.status
            self.regimes[event.regime_id] = Followed(
                event.kinds, event.starts_at, event.ends_at, event.revision, status
            )
            return
        require(known is not None, "a regime nobody noted", event)
        assert known is not None
        if isinstance(event, rg.RegimeBegan):
            require(known.status == "waiting", "a regime began twice", event)
            require(known.starts_at <= event.at < known.ends_at, "a regime began outside its time", event, known)
            known.status = "running"
        else:
            require(known.status != "over", "a regime ended twice", event)
            require(event.at >= known.ends_at or known.ends_at <= known.starts_at, "a regime ended early", event)
            known.status = "over"

    def opened_by(self, kind: str) -> bool:
        """Whether a regime that runs opens places of this kind."""
        return any(known.status == "running" and kind in known.kinds for known in self.regimes.values())

    def _standby(self, event: rg.StandbyOpened | rg.StandbyClosed) -> None:
        for place_id in event.place_ids:
            if isinstance(event, rg.StandbyOpened):
                require(place_id in self.waiting, "a place opened that was not on standby", event)
                bed = self.beds[place_id] = self.waiting.pop(place_id)
                require(self.opened_by(bed.kind), "a place opened without a regime", event)
                bed.overflow = True
            else:
                self._look([place_id], event.observed_at)
                bed = self.waiting[place_id] = self.beds.pop(place_id)
                empty = bed.standby and bed.user is None and not bed.blocked
                require(empty, "a place was put on standby that is in use", event, bed)
                require(not self.opened_by(bed.kind), "a place was put on standby while a regime runs", event)
                bed.overflow = False

    def _hold(self, event: ev.PlaceHeld | ev.HoldCancelled | ev.HoldLapsed | ev.NoShowNoted) -> None:
        match event:
            case ev.PlaceHeld():
                require(
                    event.hold_id not in self.holds and event.hold_id not in self.ended, "a hold id used twice", event
                )
                self._give(event.hold_id, event.place_ids, event.household_size)
                self.holds[event.hold_id] = (event.place_ids, event.expires_at)
                asked = self.guests.get(event.hold_id, ("", "asked"))
                require(asked[1] == "asked", "a hold was given that had been refused or called off", event)
            case ev.HoldCancelled():
                self._end_hold(event.hold_id, "cancelled", event.place_ids)
            case ev.NoShowNoted():
                self._end_hold(event.hold_id, "no_show", event.place_ids)
            case ev.HoldLapsed():
                require(event.at >= self.holds[event.hold_id][1], "a hold lapsed before its time", event)
                self._end_hold(event.hold_id, "lapsed", event.place_ids)

    def _stay(self, event: ev.StayBegan | ev.StayEnded | ev.StaysBegan | ev.StaysEnded) -> None:
        match event:
            case ev.StayBegan():
                if event.hold_id is not None:
                    require(event.at < self.holds[event.hold_id][1], "a check-in after the hold's time", event)
                    self._end_hold(event.hold_id, "checked_in", event.place_ids)
                self._begin_stay(event.stay_id, event.place_ids, event.household_size)
                check_in(self, event.hold_id, event.stay_id)
                self._look(event.place_ids, event.began_at)
            case ev.StayEnded():
                self._end_stay(event.stay_id, event.place_ids)
                stay_turned(self, event.stay_id, "left")
                self._look(event.place_ids, None if event.by_itself else event.ended_at)
            case ev.StaysBegan():
                for stay_id, place_id in event.stays:
                    self._begin_stay(stay_id, (place_id,), 1)
                self._look([place_id for _, place_id in event.stays], event.began_at)
            case ev.StaysEnded():
                for stay_id, place_id in event.stays:
                    self._end_stay(stay_id, (place_id,))
                self._look([place_id for _, place_id in event.stays], event.ended_at)

    def _stay_goes_on(self, event: ev.StayMoved | ev.StayCorrected | ev.StayResumed | ev.AwayNoted) -> None:
        match event:
            case ev.StayMoved():
                require(event.stay_id in self.stays, "a stay moved that is not there", event.stay_id)
                old, people = self.stays[event.stay_id]
                require(old == event.from_ids, "a stay moved from where it was not", event)
                self._free(event.stay_id, old)
                self._give(event.stay_id, event.place_ids, people)
                self.stays[event.stay_id] = (event.place_ids, people)
                self._look((*event.from_ids, *event.place_ids), event.moved_at)
            case ev.StayCorrected():
                require(event.stay_id in self.stays, "a stay corrected that is not there", event.stay_id)
                sleeps = sum(bed.sleeps for bed in self._beds(event.place_ids))
                require(sleeps >= event.household_size, "a household without enough places to sleep", event)
                self.stays[event.stay_id] = (event.place_ids, event.household_size)
            case ev.StayResumed():
                stay_turned(self, event.stay_id, "housed")
                require(event.stay_id in self.left, "a stay resumed that had not ended", event.stay_id)
                self.left.discard(event.stay_id)
                people = self.people[event.stay_id]
                self._give(event.stay_id, event.place_ids, people)
                self.stays[event.stay_id] = (event.place_ids, people)
            case ev.AwayNoted():
                require(event.stay_id in self.stays, "somebody away who is not there", event.stay_id)

    def _seat(self, event: ev.SessionOpened | ev.SeatBooked | ev.SeatGivenBack) -> None:
        match event:
            case ev.SessionOpened():
                require(event.session_id not in self.seats, "a session opened twice", event.session_id)
                self.seats[event.session_id], self.booked[event.session_id] = event.seats, set()
            case ev.SeatBooked():
                booked = self.booked[event.session_id]
                require(event.booking_id not in booked, "a seat booked twice", event)
                booked.add(event.booking_id)
                require(len(booked) <= self.seats[event.session_id], "more booked than there are seats", event)
            case ev.SeatGivenBack():
                require(event.booking_id in self.booked[event.session_id], "a seat given back twice", event)
                self.booked[event.session_id].discard(event.booking_id)

    def _counted(self, event: ev.HeadsCounted) -> None:
        people = sum(people for place_ids, people in self.stays.values() if self.beds[place_ids[0]].kind == event.kind)
        require(event.expected == people, "a head count expected others than there were", event.expected, people)
        for group in self.seen:
            if group[0] == event.kind:
                self._newer(group, event.observed_at)

    def counts(self) -> dict[Group, Counts]:
        """A recount of every group, place by place."""
        rows = {group: [0, 0, 0, 0, 0, 0] for group in self.seen}
        for bed in self.beds.values():
            row = rows[bed.group]
            row[1 if bed.overflow else 0] += 1
            status = bed.status(self)
            if status != "free":
                row[{"occupied": 2, "held": 3, "blocked": 4}[status]] += 1
        for place_ids, people in self.stays.values():
            rows[self.beds[place_ids[0]].group][5] += people
        for group, row in rows.items():
            require(
                row[0] + row[1] - row[2] - row[3] - row[4] >= 0, "fewer free places than none", self.name, group, row
            )
        return {
            group: (row[0], row[1], row[2], row[3], row[4], row[5], self.seen[group]) for group, row in rows.items()
        } | self.kept.counts(self)

    def _opened(self, event: ev.PlacesOpened) -> None:
        size = "5+" if event.sleeps >= 5 else "3-4" if event.sleeps >= 3 else str(event.sleeps)
        group = (event.kind, size, "+".join(sorted(event.features)))
        self.seen.setdefault(group, None)
        for index, place_id in enumerate(event.place_ids):
            used = place_id in self.beds or place_id in self.gone or place_id in self.waiting
            require(not used, "a place id used twice", place_id)
            beds = self.waiting if event.standby else self.beds
            beds[place_id] = Bed(
                event.kind, event.sleeps, event.room_of(index), group, event.overflow, event.programme,
                standby=event.standby,
            )  # fmt: skip
        if not event.standby:
            self._look(event.place_ids, event.observed_at)

    def _closed(self, event: ev.PlacesClosed) -> None:
        waiting = [place_id for place_id in event.place_ids if place_id in self.waiting]
        for place_id in waiting:
            del self.waiting[place_id]
            self.gone.add(place_id)
        open_ = [place_id for place_id in event.place_ids if place_id not in waiting]
        self._look(open_, event.observed_at)
        for place_id, bed in zip(open_, self._beds(open_), strict=True):
            require(bed.user is None, "a place in use was closed", place_id)
            del self.beds[place_id]
            self.gone.add(place_id)

    def _give(self, user: str, place_ids: Sequence[str], people: int) -> None:
        """A household gets places: free ones of one room that together sleep it, and a family unit whole."""
        beds = self._beds(place_ids)
        for bed in beds:
            require(bed.user is None and not bed.blocked, "a place that is not free was given away", place_ids, bed)
            bed.user = user
        require(len({bed.room for bed in beds}) == 1, "a household split over rooms", place_ids)
        require(sum(bed.sleeps for bed in beds) >= people, "a household without enough places to sleep", place_ids)
        require(beds[0].kind != "family_shelter" or len(beds) == 1, "a family split over units", place_ids)

    def _free(self, user: str, place_ids: Sequence[str]) -> None:
        for bed in self._beds(place_ids):
            require(bed.user == user, "a place was freed that somebody else uses", place_ids, bed.user, user)
            bed.user = None

    def _end_hold(self, hold_id: str, how: str, place_ids: Sequence[str]) -> None:
        require(hold_id in self.holds, "a hold ended that is not open", hold_id, how, self.ended.get(hold_id))
        require(self.holds.pop(hold_id)[0] == tuple(place_ids), "a hold ended with other places", hold_id)
        self.ended[hold_id] = how
        self._free(hold_id, place_ids)

    def _begin_stay(self, stay_id: str, place_ids: tuple[str, ...], people: int) -> None:
        require(stay_id not in self.stays and stay_id not in self.left, "a stay id used twice", stay_id)
        self._give(stay_id, place_ids, people)
        self.stays[stay_id] = (place_ids, people)

    def _end_stay(self, stay_id: str, place_ids: Sequence[str]) -> None:
        require(stay_id in self.stays, "a stay ended that is not open", stay_id)
        known, self.people[stay_id] = self.stays.pop(stay_id)
        require(known == tuple(place_ids), "a stay ended with other places", stay_id)
        self.left.add(stay_id)
        self._free(stay_id, place_ids)

    def _night(self, event: ev.NightRecorded) -> None:
        beds = [bed for bed in self.beds.values() if bed.programme == event.programme]
        status = [(bed.status(self), bed.overflow) for bed in beds]
        as_it_is = (
            sum(not bed.overflow for bed in beds),
            sum(word == "blocked" for word, _ in status),
            sum(word == "occupied" for word, _ in status),
            sum(overflow for _, overflow in status),
        )
        published = (event.total, event.blocked, event.occupied, event.overflow)
        require(as_it_is == published, "a night's figures were not adopted", as_it_is, published)
        for group in self.seen:
            if group[0] == event.kind and group == self._group_of(event):
                self._newer(group, event.observed_at)

    @staticmethod
    def _group_of(event: ev.NightRecorded) -> Group:
        size = "5+" if event.sleeps >= 5 else "3-4" if event.sleeps >= 3 else str(event.sleeps)
        return (event.kind, size, "+".join(sorted(event.features)))

    def _look(self, place_ids: Iterable[str], observed_at: datetime | None) -> None:
        for bed in self._beds(place_ids):
            self._newer(bed.group, observed_at)

    def _newer(self, group: Group, observed_at: datetime | None) -> None:
        known = self.seen[group]
        if observed_at is not None and (known is None or observed_at > known):
            self.seen[group] = observed_at

    def _beds(self, place_ids: Iterable[str]) -> list[Bed]:
        for place_id in place_ids:
            require(place_id in self.beds, "an event names a place that is not there", place_id)
        return [self.beds[place_id] for place_id in place_ids]
