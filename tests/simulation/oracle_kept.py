"""What must be true of how a house is kept, by other means than the product: whoever has to be out has a timer that
sees to it, nobody is put out early, places of a kind that is cleaned are not free when somebody has left them, and
sessions count until their time is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from services.placement import events as ev
from services.placement import events_house as eh
from shared.contracts.weeks import CITY, week_ends, week_of
from tests.simulation.judging import require

if TYPE_CHECKING:
    from tests.simulation.oracle_calls import Asked
    from tests.simulation.oracle_house import Counts, Group, House

LOOSE = ("out/", "session/", "session-week/")
"""Timers that may stand for nobody any more: they find nobody then."""
WeekKey = tuple[str, str]
"""Of a week and a kind."""
WeekRow = tuple[int, int, int, int, int, int | None]
"""Sessions, counted, booked, attended, full, and the days one waited for a seat."""


@dataclass
class Kept:
    """How one house is kept. ends: of present stays, those that end by themselves. counted: stays that only night
    reports know. sessions: kind, end and beginning of those that are not over; over: of those that are. came: who was
    counted. week_told: the last week whose sessions were told. waits: how long one waited for a seat then."""

    hours: bool = False
    cleaned: set[str] = field(default_factory=set)
    ends: dict[str, datetime] = field(default_factory=dict)
    ended: dict[str, datetime] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    sessions: dict[str, tuple[str, datetime, datetime]] = field(default_factory=dict)
    over: dict[str, tuple[str, datetime, datetime]] = field(default_factory=dict)
    came: dict[str, int | None] = field(default_factory=dict)
    week_told: date | None = None
    waits: dict[WeekKey, int | None] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)

    def take(self, house: House, event: ev.LocationEvent) -> None:
        """Takes one event in, before the house does, and refuses what must not be."""
        match event:
            case eh.HoursDeclared():
                self.hours = event.out_by is not None
            case eh.CleaningDeclared():
                require((event.kind in self.cleaned) != event.cleaned, "cleaning was declared as it was", event)
                self.cleaned ^= {event.kind}
            case eh.EndsPlanned():
                self._planned(house, event)
            case ev.StaysBegan():
                self.counted |= {stay_id for stay_id, _ in event.stays}
            case ev.StayEnded():
                self._left(house, event)
            case ev.StayResumed() if event.stay_id in self.ended:
                self.ends[event.stay_id] = self.ended.pop(event.stay_id)
            case ev.StayMoved():
                self.counted.discard(event.stay_id)
                if not event.undo:
                    self.left |= set(event.from_ids)
            case ev.SessionOpened():
                self.over |= {id_: it for id_, it in self.sessions.items() if it[1] <= event.at}
                self.sessions = {id_: it for id_, it in self.sessions.items() if it[1] > event.at}
                self.sessions[event.session_id] = (event.kind, event.ends_at, event.starts_at)
                self.kinds.add(event.kind)
            case eh.SessionEnded():
                require(event.session_id in self.sessions, "a session ended that was over", event)
                self.over[event.session_id] = self.sessions.pop(event.session_id)
                require(event.at >= self.over[event.session_id][1], "a session ended early", event)
            case eh.AttendanceNoted():
                self._came(house, event)
            case eh.SessionWeekEnded():
                require(week_of(event.at) > event.week, "a week was told before it was over", event)
                require(self.week_told is None or event.week > self.week_told, "a week ended twice", event)
                require(event.goes_on == bool(self.sessions), "nobody looks at the next week, or for nothing", event)
                self.week_told = event.week
                self._waited(house, event)
            case _:
                pass

    def _came(self, house: House, event: eh.AttendanceNoted) -> None:
        known = self.sessions.get(event.session_id) or self.over.get(event.session_id)
        require(known is not None, "who came to no session was counted", event)
        assert known is not None
        require(event.at <= known[1] + timedelta(days=7, minutes=1), "who came was counted long after", event, known)
        require((event.attended or 0) <= len(house.booked[event.session_id]), "more came than had a seat", event)
        require(self.came.get(event.session_id) != event.attended, "who came was counted as it was", event)
        self.came[event.session_id] = event.attended

    def _waited(self, house: House, event: eh.SessionWeekEnded) -> None:
        """Day by day from the end of the week on, until there is a session with a seat."""
        there = {**self.over, **self.sessions}
        for kind, days in event.waits:
            seats = [
                one[2].astimezone(CITY).date() for id_, one in there.items()
                if one[0] == kind and one[1] > week_ends(event.week) and len(house.booked[id_]) < house.seats[id_]
            ]  # fmt: skip
            first = next((n for n in range(400) if any(day <= event.week + timedelta(7 + n) for day in seats)), None)
            require(days == first, "one waited longer for a seat, or less long, than was told", event, first)
            self.waits[event.week.isoformat(), kind] = days
        missing = {one[0] for one in self.sessions.values()} - {kind for kind, _ in event.waits}
        require(not missing, "how long one waited was told of some kinds only", event, missing)

    def weeks(self, house: House) -> dict[WeekKey, WeekRow]:
        """What the sessions of every week that was told came to, session by session."""
        rows: dict[WeekKey, WeekRow] = {key: (0, 0, 0, 0, 0, wait) for key, wait in self.waits.items()}
        for session_id, (kind, ends_at, _) in self.over.items():
            key = week_of(ends_at).isoformat(), kind
            if self.week_told is not None and week_of(ends_at) <= self.week_told:
                sessions, counted, booked, attended, full, wait = rows.get(key, (0, 0, 0, 0, 0, None))
                came, seats = self.came.get(session_id), len(house.booked[session_id])
                more = (booked + seats, attended + (came or 0), full + (seats == house.seats[session_id]), wait)
                rows[key] = (sessions + 1, counted + (came is not None), *more)
        return rows

    def _planned(self, house: House, event: eh.EndsPlanned) -> None:
        for stay_id in event.stay_ids:
            require(stay_id in house.stays, "an end was planned for a stay that is not there", event)
            known = self.ends.pop(stay_id, None)
            require(known != event.ends_at, "an end was planned that was planned", event)
            if event.ends_at is not None:
                require(self.hours, "an end was planned in a house without hours", event)
                self.ends[stay_id] = event.ends_at

    def _left(self, house: House, event: ev.StayEnded) -> None:
        ends_at = self.ends.pop(event.stay_id, None)
        if ends_at is not None:
            self.ended[event.stay_id] = ends_at
        if event.by_itself:
            in_time = ends_at is not None and ends_at <= min(event.at, event.ended_at)
            require(in_time, "a stay ended by itself before its time", event, ends_at)
        if event.reason != "entered_in_error":
            self.left |= set(event.place_ids)

    def settled(self, house: House) -> None:
        """After a decision: what it left behind is as it must be."""
        for place_id in self.left & house.beds.keys():
            bed = house.beds[place_id]
            free = bed.kind in self.cleaned and bed.status(house) == "free"
            require(not free, "a place is free that has to be cleaned", house.name, place_id)
        self.left.clear()
        for stay_id, (place_ids, _) in house.stays.items():
            night = house.beds[place_ids[0]].kind == "night_shelter" and stay_id not in self.counted
            ends = stay_id in self.ends
            require(ends == (self.hours and night), "a stay that should end does not, or one does that should not",
                    house.name, stay_id, ends, night)  # fmt: skip

    def counts(self, house: House) -> dict[Group, Counts]:
        """The seats of each kind of session there ever was."""
        rows: dict[Group, Counts] = {(kind, "", ""): (0, 0, 0, 0, 0, 0, None) for kind in self.kinds}
        for session_id, (kind, *_) in self.sessions.items():
            seats, overflow, booked, *rest = rows[kind, "", ""]
            more = (seats + house.seats[session_id], overflow, booked + len(house.booked[session_id]))
            rows[kind, "", ""] = (*more, *rest)  # type: ignore[assignment]
        return rows


def every_timer(
    site: str, timers: Iterable[tuple[Any, ...]], houses: Mapping[str, House], calls: Mapping[str, Asked]
) -> None:
    """Every timer that must be there is, and no other, but for those that may find nobody."""
    waiting = {f"hold/{hold}" for house in houses.values() for hold in house.holds}
    waiting |= {f"question/{id_}" for house in houses.values() for id_ in house.unanswered}
    waiting |= {f"call/{call_id}" for call_id, call in calls.items() if not call.settled}
    waiting |= {
        f"regime/{name}/{id_}" for name, house in houses.items() for id_, regime in house.regimes.items()
        if regime.status != "over"
    }  # fmt: skip
    due = {f"out/{name}/{at.isoformat()}" for name, house in houses.items() for at in house.kept.ends.values()}
    due |= {f"session/{id_}" for house in houses.values() for id_ in house.kept.sessions}
    kept = {key[0] for key in timers if not key[0].startswith("spread/")}
    require({id_ for id_ in kept if not id_.startswith(LOOSE)} == waiting,
            "timers, open holds, unsettled calls and regimes differ", site)  # fmt: skip
    require(due <= kept, "somebody has to be out, or a session ends, and no timer is set", site, due - kept)
    looked_at = {id_.rpartition("/")[0] for id_ in kept if id_.startswith("session-week/")}
    weeks = {f"session-week/{name}" for name, house in houses.items() if house.kept.sessions}
    require(weeks <= looked_at, "nobody looks at the sessions of a week", site, weeks - looked_at)


def nobody_overstays(site: str, house: House) -> None:
    """At rest, long after the last of them."""
    require(not house.kept.ends, "a stay did not end when it was to", site, house.name, house.kept.ends)
    require(not house.kept.sessions, "a session never ended", site, house.name, house.kept.sessions)
