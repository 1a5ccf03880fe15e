"""What the placement service shows.

The board (`locations`, `places`, `holds`, `stays`, `nights`, `head_counts`) is written inline, in the append of the
events it follows from, so whoever changed something sees it at once. The network's capacity is in `views_capacity`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, assert_never

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.placement import events as ev
from services.placement import events_house as eh
from services.placement import events_offers as oe
from services.placement.decider_location import Location, Place, Stay
from services.placement.events_regimes import RegimeBegan, RegimeEnded, RegimeNoted, StandbyClosed, StandbyOpened
from shared.ports import Put, RowChange
from shared.schema import NAME, TIME, metadata

locations = sa.Table(
    "locations",
    metadata,
    sa.Column("name", NAME, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("district", sa.Text, nullable=False),
    sa.Column("site", NAME, nullable=False),
    sa.Column("opened_at", TIME, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

places = sa.Table(
    "places",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("location", NAME, nullable=False, index=True),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("room", sa.Text, nullable=False),
    sa.Column("sleeps", sa.Integer, nullable=False),
    sa.Column("features", ARRAY(sa.Text), nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("block_reason", sa.Text),
    sa.Column("block_until", TIME),
    sa.Column("overflow", sa.Boolean, nullable=False),
    sa.Column("programme", sa.Text),
    sa.Column("holder", NAME),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("standby", sa.Boolean, nullable=False),
)

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("location", NAME, nullable=False, index=True),
    sa.Column("place_ids", ARRAY(sa.Text), nullable=False),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("household_size", sa.Integer, nullable=False),
    sa.Column("features", ARRAY(sa.Text), nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("expires_at", TIME, nullable=False),
    sa.Column("stay_id", NAME),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("expected_from", NAME),
    sa.Column("offer_id", NAME),
)

stays = sa.Table(
    "stays",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("location", NAME, nullable=False, index=True),
    sa.Column("place_ids", ARRAY(sa.Text), nullable=False),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("household_size", sa.Integer, nullable=False),
    sa.Column("began_at", TIME, nullable=False),
    sa.Column("ended_at", TIME),
    sa.Column("end_reason", sa.Text),
    sa.Column("hold_id", NAME),
    sa.Column("programme", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("away_until", TIME),
    sa.Column("ends_at", TIME),
)

nights = sa.Table(
    "nights",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("location", NAME, nullable=False, index=True),
    sa.Column("programme", NAME, nullable=False),
    sa.Column("night", NAME, nullable=False),
    sa.Column("kind", NAME, nullable=False),
    *(sa.Column(name, sa.Integer, nullable=False) for name in ("total", "blocked", "occupied", "overflow")),
    *(sa.Column(name, sa.Integer) for name in ("funded", "unavailable", "service_users")),
    sa.Column("words", ARRAY(sa.Text), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
"""Every reported night of every programme, as published. Its key `<night>/<location>/<programme>` is its order."""

head_counts = sa.Table(
    "head_counts",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("location", NAME, nullable=False, index=True),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("counted", sa.Integer, nullable=False),
    sa.Column("expected", sa.Integer, nullable=False),
    sa.Column("missing", ARRAY(sa.Text), nullable=False),
    sa.Column("unexpected", ARRAY(sa.Text), nullable=False),
    sa.Column("superseded", sa.Boolean, nullable=False),
    sa.Column("observed_at", TIME, nullable=False),
    sa.Column("recorded_at", TIME, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("location", NAME, nullable=False, index=True),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("starts_at", TIME, nullable=False),
    sa.Column("ends_at", TIME, nullable=False),
    sa.Column("seats", sa.Integer, nullable=False),
    sa.Column("booked", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("attended", sa.Integer),
)
"""attended: null where nobody has counted who came."""

BOARD_TABLES = (locations, places, holds, stays, nights, head_counts, sessions)


_STAY_AT = {column.name: index for index, column in enumerate(stays.columns)}


def project(before: Location, events: Sequence[ev.LocationEvent], after: Location, at: datetime) -> list[RowChange]:
    """The board's rows that these events change; each row as it is after the last of them.

    The events may be one decision's or a whole page of a rebuild's: rows come from the events and the states around
    them.
    """
    board = _Board(before, after)
    for version, event in enumerate(events, before.version + 1):
        board.take(version, event)
    return board.rows()


_HOW: Mapping[type, str] = {ev.HoldCancelled: "cancelled", ev.HoldLapsed: "lapsed", ev.NoShowNoted: "no_show"}


_Rare: TypeAlias = (
    ev.NightRecorded | ev.StaysBegan | ev.StaysEnded | ev.HeadsCounted | ev.SessionOpened | ev.SeatBooked
    | ev.SeatGivenBack | eh.AttendanceNoted | ev.PlacesOpened | ev.PlacesClosed | ev.LocationOpened | StandbyOpened
    | StandbyClosed
)  # fmt: skip


class _Board:
    """Gathers what a run of events touches, so that each row is written once."""

    def __init__(self, before: Location, after: Location) -> None:
        self._before, self._after = before, after
        self._location: Put | None = None
        self._touched: dict[str, None] = {}
        self._opened: dict[str, Place] = {}
        self._closed: dict[str, int] = {}
        self._holds: dict[str, tuple[Any, ...]] = {}
        self._stays: dict[str, tuple[Any, ...]] = {}
        self._asked_by: dict[str, str] = {}
        self._nights: dict[str, tuple[Any, ...]] = {}
        self._counts: dict[str, tuple[Any, ...]] = {}
        self._sessions: dict[str, tuple[Any, ...]] = {}
        self._words: dict[str, tuple[str, ...]] = {}

    def take(self, version: int, event: ev.LocationEvent) -> None:
        """What happens most often comes first: each case that does not fit costs a look."""
        match event:
            case ev.PlaceHeld():
                asked_by = self._asked_by.get(event.hold_id)
                self._holds[event.hold_id] = _hold_row(self._after.name, event, version, asked_by)
                self._touch(event.place_ids)
            case ev.StayBegan():
                self._stay_began(event, version)
            case ev.StayEnded():
                self._stay_ended(event.stay_id, event.ended_at, event.reason, version)
                self._touch(event.place_ids)
            case ev.HoldCancelled() | ev.HoldLapsed() | ev.NoShowNoted():
                self._hold_ended(event.hold_id, _HOW[type(event)], None, version)
                self._touch(event.place_ids)
            case ev.HoldAsked():
                self._asked_by[event.hold_id] = event.site
            case eh.EndsPlanned():
                for stay_id in event.stay_ids:
                    self._edit(stay_id, version, ends_at=event.ends_at)
            case ev.StayMoved() | ev.AwayNoted() | ev.StayCorrected() | ev.StayResumed():
                self._stay_changed(event, version)
            case oe.PlaceOffered() | oe.OfferAccepted():
                self._offer(event, version)
            case ev.PlacesBlocked() | ev.PlacesUnblocked() | ev.BlockPlanned() | ev.ClosingPlanned():
                self._touch(event.place_ids)
            case (
                ev.LocationClosed() | ev.RoomComposed() | ev.HoldRefused() | ev.HoldCalledOff() | ev.AnswerRepeated()
                | RegimeNoted() | RegimeBegan() | RegimeEnded()
                | eh.HoursDeclared() | eh.CleaningDeclared() | eh.SessionEnded() | eh.SessionWeekEnded()
                | oe.OfferEnded() | oe.DoubleNoted() | oe.WordRepeated() | oe.ArrivalRefused() | oe.StayClaimed()
                | oe.OffersTurned() | oe.OperatorAsked() | oe.QuestionAnswered()
            ):  # fmt: skip
                pass  # nothing that the board shows
            case _:
                self._take_rest(version, event)

    def _take_rest(self, version: int, event: _Rare) -> None:
        match event:
            case ev.NightRecorded():
                self._night(event, version)
            case ev.StaysBegan():
                for stay_id, place_id in event.stays:
                    self._stays[stay_id] = (
                        stay_id, self._after.name, [place_id], event.kind, 1, event.began_at, None, None, None,
                        event.programme, version, None, None,
                    )  # fmt: skip
                    self._touched[place_id] = None
            case ev.StaysEnded():
                for stay_id, place_id in event.stays:
                    self._stay_ended(stay_id, event.ended_at, event.reason, version)
                    self._touched[place_id] = None
            case ev.HeadsCounted():
                self._counted(event, version)
            case ev.SessionOpened() | ev.SeatBooked() | ev.SeatGivenBack() | eh.AttendanceNoted():
                self._session(event, version)
            case ev.PlacesOpened():
                for index, place_id in enumerate(event.place_ids):
                    self._opened[place_id] = Place(
                        place_id, event.kind, event.room_of(index), event.sleeps, event.features, "", version,
                        overflow=event.overflow, programme=event.programme, standby=event.standby,
                    )  # fmt: skip
                self._touch(event.place_ids)
            case ev.PlacesClosed():
                self._closed.update(dict.fromkeys(event.place_ids, version))
                self._touch(event.place_ids)
            case StandbyOpened() | StandbyClosed():
                self._touch(event.place_ids)
            case ev.LocationOpened():
                self._location = Put(
                    locations, (event.name, event.title, event.district, event.site, event.at, version)
                )
            case _:
                assert_never(event)

    def _touch(self, place_ids: Sequence[str]) -> None:
        self._touched.update(dict.fromkeys(place_ids))

    def _stay_began(self, event: ev.StayBegan, version: int) -> None:
        if event.hold_id is not None:
            self._hold_ended(event.hold_id, "checked_in", event.stay_id, version)
        self._stays[event.stay_id] = (
            event.stay_id, self._after.name, list(event.place_ids), event.kind, event.household_size,
            event.began_at, None, None, event.hold_id, None, version, None, None,
        )  # fmt: skip
        self._touch(event.place_ids)

    def rows(self) -> list[RowChange]:
        rows: list[RowChange] = [] if self._location is None else [self._location]
        name, now = self._after.name, self._after.places
        for place_id in self._touched:
            place = now.get(place_id)
            if place is not None:
                rows.append(Put(places, _place_row(name, place, place.status, place.version)))
            elif (waiting := self._after.standby.get(place_id)) is not None:
                rows.append(Put(places, _place_row(name, waiting, "closed", waiting.version)))
            else:
                before = self._before
                gone = before.places.get(place_id) or before.standby.get(place_id) or self._opened[place_id]
                rows.append(Put(places, _place_row(name, gone, "closed", self._closed[place_id])))
        if self._holds:
            rows += [Put(holds, row) for row in self._holds.values()]
        if self._stays:
            rows += [Put(stays, row) for row in self._stays.values()]
        for table, changed in ((nights, self._nights), (head_counts, self._counts), (sessions, self._sessions)):
            if changed:
                rows += [Put(table, row) for row in changed.values()]
        return rows

    def _night(self, event: ev.NightRecorded, version: int) -> None:
        if event.words is not None:
            self._words[event.programme] = event.words
        known = self._before.nights.get(event.programme)
        words = self._words.get(event.programme, known.words if known else ())
        name, night = self._after.name, event.night.isoformat()
        key = f"{night}/{name}/{event.programme}"
        self._nights[key] = (
            key, name, event.programme, night, event.kind, event.total, event.blocked,
            event.occupied, event.overflow, event.funded, event.unavailable, event.service_users,
            list(words), version,
        )  # fmt: skip

    def _hold_ended(self, hold_id: str, status: str, stay_id: str | None, version: int) -> None:
        row = self._holds.get(hold_id) or _open_hold_row(self._before, hold_id)
        self._holds[hold_id] = (*row[:6], status, row[7], stay_id, version, *row[10:])

    def _offer(self, event: oe.PlaceOffered | oe.OfferAccepted, version: int) -> None:
        """What an offer changes of its hold: whom it is for, and until when."""
        if isinstance(event, oe.PlaceOffered):
            row = self._holds[event.offer_id]
            self._holds[event.offer_id] = (*row[:10], event.site, event.offer_id)
        else:
            row = self._holds.get(event.offer_id) or _open_hold_row(self._before, event.offer_id)
            changed = (event.household_size, *row[5:7], event.expected_by, row[8], version)
            self._holds[event.offer_id] = (*row[:4], *changed, *row[10:])

    def _stay_ended(self, stay_id: str, ended_at: datetime, reason: str, version: int) -> None:
        self._edit(stay_id, version, ended_at=ended_at, end_reason=reason)

    def _edit(self, stay_id: str, version: int, **columns: Any) -> None:
        row = self._stays.get(stay_id)
        if row is None:
            row = _open_stay_row(self._after.name, _known_stay(self._before, stay_id))
        edited = list(row)
        edited[_STAY_AT["version"]] = version
        for name, value in columns.items():
            edited[_STAY_AT[name]] = value
        self._stays[stay_id] = tuple(edited)

    def _stay_changed(
        self, event: ev.StayMoved | ev.AwayNoted | ev.StayCorrected | ev.StayResumed, version: int
    ) -> None:
        match event:
            case ev.StayMoved():
                self._edit(event.stay_id, version, place_ids=list(event.place_ids), kind=event.kind, programme=None)
                self._touched.update(dict.fromkeys((*event.from_ids, *event.place_ids)))
            case ev.AwayNoted():
                self._edit(event.stay_id, version, away_until=event.until)
            case ev.StayCorrected():
                self._edit(event.stay_id, version, household_size=event.household_size, began_at=event.began_at)
            case ev.StayResumed():
                self._edit(event.stay_id, version, ended_at=None, end_reason=None)
                self._touched.update(dict.fromkeys(event.place_ids))

    def _session(
        self, event: ev.SessionOpened | ev.SeatBooked | ev.SeatGivenBack | eh.AttendanceNoted, version: int
    ) -> None:
        id_, name, before = event.session_id, self._after.name, self._before
        if isinstance(event, ev.SessionOpened):
            about: tuple[Any, ...] = (id_, name, event.kind, event.starts_at, event.ends_at, event.seats)
            self._sessions[id_] = (*about, 0, version, None)
            return
        known = self._sessions.get(id_)
        if known is None:
            there = before.sessions.get(id_) or before.past[id_]
            about = (id_, name, there.kind, there.starts_at, there.ends_at, there.seats)
            known = (*about, len(there.booked), version, there.came)
        if isinstance(event, eh.AttendanceNoted):
            self._sessions[id_] = (*known[:7], version, event.attended)
        else:
            more = 1 if isinstance(event, ev.SeatBooked) else -1
            self._sessions[id_] = (*known[:6], known[6] + more, version, known[8])

    def _counted(self, event: ev.HeadsCounted, version: int) -> None:
        self._counts[event.count_id] = (
            event.count_id, self._after.name, event.kind, event.counted, event.expected, list(event.missing),
            list(event.unexpected), event.superseded, event.observed_at, event.at, version,
        )  # fmt: skip


def _place_row(location: str, place: Place, status: str, version: int) -> tuple[Any, ...]:
    block = place.block if status == "blocked" else None
    return (
        place.id, location, place.kind, place.room, place.sleeps, list(place.features), status,
        block.reason if block else None, block.until if block else None,
        place.overflow and not (place.standby and status == "closed"), place.programme,
        place.holder if status != "closed" else None, version, place.standby,
    )  # fmt: skip


def _hold_row(location: str, event: ev.PlaceHeld, version: int, asked_by: str | None) -> tuple[Any, ...]:
    return (event.hold_id, location, list(event.place_ids), event.kind, event.household_size, list(event.features),
            "active", event.expires_at, None, version, asked_by, None)  # fmt: skip


def _open_hold_row(location: Location, hold_id: str) -> tuple[Any, ...]:
    hold, guest = location.holds[hold_id], location.guests.get(hold_id) or location.offers.get(hold_id)
    return (hold.id, location.name, list(hold.place_ids), hold.kind, hold.household_size, list(hold.features), "active",
            hold.expires_at, None, hold.version, guest.site if guest else None,
            hold_id if hold_id in location.offers else None)  # fmt: skip


def _open_stay_row(location: str, stay: Stay) -> tuple[Any, ...]:
    return (stay.id, location, list(stay.place_ids), stay.kind, stay.household_size, stay.began_at, None, None,
            stay.hold_id, stay.programme, stay.version, stay.away_until, stay.ends_at)  # fmt: skip


def _known_stay(state: Location, stay_id: str) -> Stay:
    """A stay somebody decided about: it goes on, or its end is remembered."""
    ended = state.ended_stays.get(stay_id)
    return state.stays[stay_id] if ended is None else ended.stay
