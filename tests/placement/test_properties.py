"""Any commands in any order, repeated and nonsensical ones too: the rules of a location hold after each. Every command
of a location is among them.

Rule 2 (every place counts once), rule 3 (one household a place, one room a household), rule 5 (a hold ends exactly
once); and the figures as told, applied one after the other, are the figures as they are.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.placement import commands as cmd
from services.placement import commands_house as ch
from services.placement import commands_offers as oc
from services.placement import events as ev
from services.placement.commands_regimes import NoteRegime, TurnRegime
from services.placement.decider import LOCATION, decide
from services.placement.decider_location import Location
from services.placement.events_regimes import RegimeBegan, RegimeEnded
from services.placement.policy import STAYS_DUE, timers
from services.placement.publish import figures, tell
from services.placement.publish_sessions import session_figures
from shared.contracts.figures import CapacityRow, SessionSeats
from shared.contracts.placement import CapacityTold, SessionsTold
from shared.contracts.vocabulary import BLOCK_REASONS, STAY_END_REASONS
from shared.contracts.weeks import WEEK, week_of
from shared.kernel import Rejected
from shared.timers import TimerSet
from tests.placement.sample import AT, LOCATION_OPENED, check, uid

ids = st.integers(0, 11)
some_places = st.lists(ids, max_size=3).map(lambda ns: tuple(uid(n) for n in ns))
kinds = st.sampled_from(["shelter_24h", "shelter_24h", "shelter_24h", "family_shelter", "night_shelter", "hotel", None])
features = st.sampled_from([(), (), (), (), ("pets",), ("sauna",)])
sizes = st.sampled_from([1, 1, 1, 1, 2, 2, 3, 5, 0, -1])
HOUR = timedelta(hours=1)
CODE = "a" * 32 + "." + "1" * 64
OFFERS_FROM = 901
OFFERS = st.integers(OFFERS_FROM, OFFERS_FROM + 5)
minutes_ago = st.sampled_from([None, None, None, 0, 1, 30, 90, -1, -3])


class AnyCommands(RuleBasedStateMachine):
    """One location, and somebody who taps everything."""

    def __init__(self) -> None:
        super().__init__()
        self.state: Location = LOCATION.fold(LOCATION.initial, [LOCATION_OPENED])
        self.now = AT
        self.night = 0
        self.told: dict[tuple[str, str, str], CapacityRow] = {}
        self.told_seats: dict[str, SessionSeats] = {}
        self.hold_ends: Counter[str] = Counter()
        self.held: set[str] = set()
        self.regimes: Counter[tuple[type, str]] = Counter()
        self.timers: set[datetime] = set()

    def do(self, make: type[cmd.LocationCommand], /, **fields: Any) -> None:
        command = make(at=self.now, role=fields.pop("role", "operator"), location="west", **fields)
        outcome = decide(self.state, command)
        assert outcome == decide(self.state, command)
        if isinstance(outcome, Rejected):
            return
        before, self.state = self.state, LOCATION.fold(self.state, outcome)
        check(before, outcome, self.state)
        for event in outcome:
            assert LOCATION.codec.decode(LOCATION.codec.encode(event)) == event
            if isinstance(event, RegimeBegan | RegimeEnded):
                self.regimes[type(event), event.regime_id] += 1
            elif isinstance(event, ev.PlaceHeld):
                assert event.hold_id not in self.held
                self.held.add(event.hold_id)
            elif isinstance(event, ev.HoldCancelled | ev.HoldLapsed | ev.NoShowNoted | ev.StayBegan) and event.hold_id:
                self.hold_ends[event.hold_id] += 1
        if make is ch.EndDueStays:
            self.timers = {due_at for due_at in self.timers if due_at > self.now}
        due = [timer for timer in timers(outcome) if isinstance(timer, TimerSet) and timer.kind == STAYS_DUE]
        self.timers |= {timer.due_at for timer in due}
        for telling in tell(before, outcome, self.state):
            if isinstance(telling.contract, CapacityTold):
                self.told |= {(r.kind, r.size_class, r.feature_class): r for r in telling.contract.rows}
            elif isinstance(telling.contract, SessionsTold):
                self.told_seats |= {row.kind: row for row in telling.contract.rows}

    def seen(self, ago: int | None) -> datetime | None:
        return None if ago is None else self.now - timedelta(minutes=ago)

    @initialize()
    def some_beds(self) -> None:
        self.do(cmd.OpenPlaces, place_ids=tuple(uid(n) for n in range(4)), kind="shelter_24h", room="a")
        self.do(cmd.OpenPlaces, place_ids=(uid(4),), kind="family_shelter", room="b", sleeps=4, features=("pets",))
        self.do(cmd.OpenPlaces, place_ids=(uid(5), uid(6)), kind="night_shelter", room="n")

    @rule(minutes=st.sampled_from([1, 30, 95, 600]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(places=some_places, kind=kinds, room=st.sampled_from("ab"), sleeps=st.integers(0, 4), features=features)
    def open_places(self, places: tuple[str, ...], kind: str | None, room: str, sleeps: int, features: Any) -> None:
        self.do(
            cmd.OpenPlaces,
            place_ids=places,
            kind=kind or "x",
            room=room,
            sleeps=sleeps,
            features=features,
            programme="p",
        )

    @rule(
        places=some_places,
        room=st.sampled_from(["a", "b", None]),
        count=st.one_of(st.none(), st.integers(0, 3)),
        reason=st.sampled_from(BLOCK_REASONS),
        after_stay=st.booleans(),
    )
    def block(self, places: Any, room: str | None, count: int | None, reason: str, after_stay: bool) -> None:
        self.do(cmd.BlockPlaces, place_ids=places, room=room, count=count, reason=reason, after_stay=after_stay)

    @rule(place=ids)
    def unblock(self, place: int) -> None:
        self.do(cmd.UnblockPlace, place_id=self.one_of(self.state.places, place))

    @rule(place=ids, after_stay=st.booleans(), role=st.sampled_from(["operator", "system"]))
    def close(self, place: int, after_stay: bool, role: str) -> None:
        self.do(cmd.ClosePlace, place_id=self.one_of(self.state.places, place), after_stay=after_stay, role=role)

    @rule(
        hold=ids,
        places=some_places,
        kind=kinds,
        size=sizes,
        features=features,
        minutes=st.sampled_from([20, 30, 90, 90]),
    )
    def hold(self, hold: int, places: Any, kind: str | None, size: int, features: Any, minutes: int) -> None:
        self.do(
            cmd.HoldPlaces,
            hold_id=uid(hold),
            place_ids=places,
            kind=kind,
            household_size=size,
            features=features,
            hold_minutes=minutes,
        )

    def one_of(self, there: Iterable[str], which: int) -> str:
        """Mostly one that is there, sometimes one that was or never will be."""
        live = list(there)
        return live[which] if which < len(live) else uid(which)

    @rule(stay=ids, size=st.integers(1, 3), at_once=st.booleans())
    def hold_by_kind(self, stay: int, size: int, at_once: bool) -> None:
        fields = {"kind": "shelter_24h", "household_size": size}
        if at_once:
            self.do(cmd.BeginStay, stay_id=uid(100 + len(self.held) * 20 + stay), **fields)
        else:
            self.do(cmd.HoldPlaces, hold_id=uid(100 + len(self.held)), **fields)

    @rule(hold=ids, stay=ids, ago=minutes_ago)
    def check_in(self, hold: int, stay: int, ago: int | None) -> None:
        self.do(
            cmd.CheckInHold, hold_id=self.one_of(self.state.holds, hold), stay_id=uid(stay), observed_at=self.seen(ago)
        )

    @rule(hold=ids)
    def no_show(self, hold: int) -> None:
        self.do(cmd.NoteNoShow, hold_id=self.one_of(self.state.holds, hold))

    @rule(hold=ids, ended=st.booleans())
    def undo_hold(self, hold: int, ended: bool) -> None:
        hold_id = self.one_of(self.state.ended_holds if ended else self.state.holds, hold)
        self.do(cmd.UndoHold, hold_id=hold_id, again_id=uid(200 + len(self.held)))

    @rule(place=ids)
    def undo_block(self, place: int) -> None:
        self.do(cmd.UndoBlock, place_id=self.one_of(self.state.taps, place))

    @rule(hold=ids)
    def cancel(self, hold: int) -> None:
        self.do(cmd.CancelHold, hold_id=self.one_of(self.state.holds, hold))

    @rule(hold=ids)
    def lapse(self, hold: int) -> None:
        self.do(cmd.LapseHold, hold_id=self.one_of(self.state.holds, hold), role="system")

    @rule(stay=ids, places=some_places, kind=kinds, size=sizes, features=features, ago=minutes_ago)
    def begin(self, stay: int, places: Any, kind: str | None, size: int, features: Any, ago: int | None) -> None:
        self.do(
            cmd.BeginStay,
            stay_id=uid(stay),
            place_ids=places,
            kind=kind,
            household_size=size,
            features=features,
            observed_at=self.seen(ago),
        )

    @rule(stay=ids, reason=st.sampled_from(STAY_END_REASONS), ago=minutes_ago)
    def end(self, stay: int, reason: str, ago: int | None) -> None:
        stay_id = self.one_of(self.state.stays, stay)
        self.do(cmd.EndStay, stay_id=stay_id, reason=reason, observed_at=self.seen(ago))

    @rule(places=some_places, kind=kinds, ago=minutes_ago, stay=ids)
    def move(self, stay: int, places: Any, kind: str | None, ago: int | None) -> None:
        stay_id = self.one_of(self.state.stays, stay)
        self.do(cmd.MoveStay, stay_id=stay_id, place_ids=places, kind=kind, observed_at=self.seen(ago))

    @rule(places=some_places, kind=kinds, room=st.sampled_from("ab"))
    def open_on_standby(self, places: tuple[str, ...], kind: str | None, room: str) -> None:
        self.do(cmd.OpenPlaces, place_ids=places, kind=kind or "x", room=room, standby=True)

    @rule(
        regime=st.integers(701, 703), revision=st.integers(1, 3), starts=st.sampled_from([-120, 0, 30]),
        minutes=st.sampled_from([-60, 0, 60, 600]), kinds=st.sampled_from([("shelter_24h",), ("family_shelter",)]),
    )  # fmt: skip
    def note_regime(self, regime: int, revision: int, starts: int, minutes: int, kinds: tuple[str, ...]) -> None:
        starts_at = self.now + timedelta(minutes=starts)
        times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=minutes)}
        self.do(NoteRegime, role="system", regime_id=uid(regime), revision=revision, kinds=kinds, **times)

    @rule(regime=st.integers(701, 704))
    def turn_regime(self, regime: int) -> None:
        self.do(TurnRegime, role="system", regime_id=uid(regime))

    @rule(session=st.integers(601, 603), seats=st.integers(0, 2), hours=st.sampled_from([-1, 1, 30]))
    def open_session(self, session: int, seats: int, hours: int) -> None:
        times = {"starts_at": self.now, "ends_at": self.now + timedelta(hours=hours)}
        self.do(cmd.OpenSession, session_id=uid(session), kind="consultation", seats=seats, **times)

    @rule(session=st.integers(601, 603), booking=ids, back=st.booleans())
    def book(self, session: int, booking: int, back: bool) -> None:
        make = cmd.GiveSeatBack if back else cmd.BookSeat
        self.do(make, session_id=uid(session), booking_id=uid(booking))
        assert all(len(session.booked) <= session.seats for session in self.state.sessions.values())

    @rule(session=st.integers(601, 603))
    def end_session(self, session: int) -> None:
        self.do(ch.EndSession, role="system", session_id=uid(session))
        assert uid(session) not in self.state.sessions or self.state.sessions[uid(session)].ends_at > self.now

    @rule(session=st.integers(601, 603), attended=st.integers(-1, 2), undo=st.booleans())
    def count_who_came(self, session: int, attended: int, undo: bool) -> None:
        made = (ch.UndoAttendance, {}) if undo else (ch.NoteAttendance, {"attended": attended})
        self.do(made[0], session_id=uid(session), **made[1])
        there = [*self.state.sessions.values(), *self.state.past.values()]
        assert all((session.came or 0) <= len(session.booked) for session in there)

    @rule()
    def end_week(self) -> None:
        self.do(ch.EndSessionWeek, role="system", week=week_of(self.now) - WEEK)

    @invariant()
    def the_weeks_are_a_recount_of_their_sessions(self) -> None:
        for row in self.state.session_weeks.values():
            if row.week == week_of(self.now):  # all of its sessions are remembered
                ended = (one for one in self.state.past.values() if one.kind == row.kind)
                over = [session for session in ended if week_of(session.ends_at) == row.week]
                came = [session.came for session in over if session.came is not None]
                counts = len(over), len(came), sum(len(session.booked) for session in over), sum(came)
                assert counts == (row.sessions, row.counted, row.booked, row.attended)
                assert row.full == sum(len(session.booked) == session.seats for session in over)

    @rule(
        out_by=st.sampled_from([time(9, 30), time(21, 30), time(3, 0, 30), None]),
        whole=st.sampled_from([True, True, False]),
    )
    def declare_hours(self, out_by: time | None, whole: bool) -> None:
        others = None if out_by is None else time(16, 30)
        self.do(ch.DeclareHours, in_from=others, in_until=others if whole else time(22), out_by=out_by)

    @rule(stay=ids, minutes=st.sampled_from([None, None, 30, 3000, -1]))
    def extend(self, stay: int, minutes: int | None) -> None:
        until = None if minutes is None else self.now + timedelta(minutes=minutes)
        self.do(ch.ExtendStay, stay_id=self.one_of(self.state.stays, stay), until=until)

    @rule()
    def end_due(self) -> None:
        self.do(ch.EndDueStays, role="system")
        assert all(stay.ends_at is None or stay.ends_at > self.now for stay in self.state.stays.values())

    @rule(kind=st.sampled_from(["shelter_24h", "night_shelter", "hotel"]), cleaned=st.booleans())
    def declare_cleaning(self, kind: str, cleaned: bool) -> None:
        self.do(ch.DeclareCleaning, kind=kind, cleaned=cleaned)

    @rule(room=st.sampled_from("abz"), composition=st.sampled_from(["men", "mixed", "cats"]))
    def compose(self, room: str, composition: str) -> None:
        self.do(cmd.ComposeRoom, room=room, composition=composition)

    @rule(stay=ids, size=sizes, ago=minutes_ago)
    def correct(self, stay: int, size: int, ago: int | None) -> None:
        stay_id = self.one_of(self.state.stays, stay)
        self.do(cmd.CorrectStay, stay_id=stay_id, household_size=size, began_at=self.seen(ago))

    @rule(stay=ids, ended=st.booleans())
    def undo(self, stay: int, ended: bool) -> None:
        self.do(cmd.UndoStay, stay_id=self.one_of(self.state.ended_stays if ended else self.state.stays, stay))

    @rule(stay=ids, hours=st.sampled_from([None, 1, -1]))
    def away(self, stay: int, hours: int | None) -> None:
        until = None if hours is None else self.now + timedelta(hours=hours)
        self.do(cmd.NoteAway, stay_id=self.one_of(self.state.stays, stay), until=until)

    @rule(room=st.sampled_from(["a", "b", None]), kind=kinds, ago=minutes_ago)
    def end_many(self, room: str | None, kind: str | None, ago: int | None) -> None:
        self.do(cmd.EndStays, room=room, kind=kind, reason="moved_on", observed_at=self.seen(ago))

    @rule(stay=st.integers(300, 340), size=sizes, features=features)
    def begin_extra(self, stay: int, size: int, features: Any) -> None:
        fields = {"kind": "shelter_24h", "household_size": size, "features": features, "extra": True}
        self.do(cmd.BeginStay, stay_id=uid(stay), **fields)

    @rule(count=st.integers(400, 430), people=st.integers(-1, 3), places=some_places, ago=minutes_ago)
    def count_heads(self, count: int, people: int, places: Any, ago: int | None) -> None:
        before = self.state
        fields = {"kind": "shelter_24h", "counted": people, "seen": places}
        self.do(cmd.CountHeads, count_id=uid(count), observed_at=self.seen(ago), **fields)
        assert (self.state.stays, self.state.places) == (before.stays, before.places)

    @precondition(lambda self: self.now - AT > timedelta(hours=8))
    @rule()
    def close_the_house(self) -> None:
        self.do(cmd.CloseLocation, role="coordinator")
        assert not self.state.holds
        assert all(place.closing or place.overflow for place in self.state.places.values())

    @rule(
        total=st.integers(0, 8),
        blocked=st.integers(0, 3),
        occupied=st.integers(0, 10),
        kind=st.sampled_from(["shelter_24h", "family_shelter"]),
        features=features,
        days=st.sampled_from([1, 1, 1, 0, -1]),
        programme=st.sampled_from("pq"),
    )
    def record_night(
        self, total: int, blocked: int, occupied: int, kind: str, features: Any, days: int, programme: str
    ) -> None:
        before = self.state
        self.night += days
        self.do(
            cmd.RecordNight,
            role="system",
            programme=programme,
            kind=kind,
            features=features,
            sleeps=1,
            night=date(2025, 1, 7) + timedelta(days=self.night),
            observed_at=AT - timedelta(days=300 - self.night),
            total=total,
            blocked=blocked,
            occupied=occupied,
            overflow=max(0, occupied - (total - blocked)),
        )
        if self.state is not before:
            found = Counter(p.status for p in self.state.places.values() if p.programme == programme)
            assert (found["occupied"], found["blocked"]) == (occupied, blocked)
            assert found["free"] + found["held"] == max(0, total - blocked - occupied)

    @rule(
        figures=st.lists(
            st.tuples(st.sampled_from("pq"), st.integers(0, 8), st.integers(0, 3), st.integers(0, 10)), max_size=4
        ),
        days=st.sampled_from([1, 1, 0, -1]),
    )  # fmt: skip
    def record_nights(self, figures: list[tuple[str, int, int, int]], days: int) -> None:
        """Together they are what they are one by one; who is refused alone leaves nothing behind."""
        self.night += days
        nights = tuple(
            cmd.RecordNight(
                at=self.now, role="system", location="west", programme=programme, kind="shelter_24h",
                night=date(2025, 1, 7) + timedelta(days=self.night + number // 2),
                observed_at=AT - timedelta(days=300 - self.night - number // 2), total=total, blocked=blocked,
                occupied=occupied, overflow=max(0, occupied - (total - blocked)),
            )
            for number, (programme, total, blocked, occupied) in enumerate(figures)
        )  # fmt: skip
        one_by_one = self.state
        for night in nights:
            outcome = decide(one_by_one, night)
            if not isinstance(outcome, Rejected):
                one_by_one = LOCATION.fold(one_by_one, outcome)
        self.do(cmd.RecordNights, role="system", nights=nights)
        assert self.state == one_by_one
        self.night += len(nights) // 2

    @rule(title=st.sampled_from(["Huis West", "Anders"]), site=st.sampled_from(["west", "noord"]))
    def open_again(self, title: str, site: str) -> None:
        before = self.state
        self.do(cmd.OpenLocation, role="coordinator", title=title, district="Nieuw-West", site=site)
        assert self.state is before or self.state == before

    @rule(hold=st.integers(801, 806), size=sizes, kind=kinds, off=st.booleans(), hours=st.sampled_from([-1, 1, 3]))
    def another_site_asks(self, hold: int, size: int, kind: str | None, off: bool, hours: int) -> None:
        asked = {"role": "system", "hold_id": uid(hold), "site": "noord", "expires_at": self.now + hours * HOUR}
        if off:
            self.do(cmd.CallOffForSite, **asked)
        else:
            self.do(cmd.HoldForSite, **asked, kind=kind or "x", household_size=size)

    @rule(offer=OFFERS, request=st.integers(1, 3), size=st.integers(0, 3), features=features)
    def offer(self, offer: int, request: int, size: int, features: Any) -> None:
        self.do(oc.OfferPlace, **self.about(offer, request), kind="shelter_24h", household_size=size, features=features)

    @rule(offer=OFFERS, request=st.integers(1, 3), turn=st.integers(1, 3), size=sizes, hours=st.sampled_from([-1, 9]))
    def take_offer(self, offer: int, request: int, turn: int, size: int, hours: int) -> None:
        said = {"turn": turn, "household_size": size, "expected_by": self.now + hours * HOUR, "arrival": CODE}
        self.do(oc.TakeOffer, **self.about(offer, request), **said)

    @rule(offer=OFFERS, request=st.integers(1, 3), turn=st.integers(1, 3), hours=st.sampled_from([None, -9, 0, 9]))
    def leave_offer(self, offer: int, request: int, turn: int, hours: int | None) -> None:
        if hours is None:
            self.do(oc.DropOffer, **self.about(offer, request), turn=turn, reason="too_far")
        else:
            moved_at = self.now + hours * HOUR
            self.do(oc.GiveUpPlace, **self.about(offer, request), turn=turn, moved_at=moved_at)

    @rule(offer=OFFERS, request=st.integers(1, 3), stay=ids, kind=st.sampled_from(["shelter_24h", "family_shelter"]))
    def claim(self, offer: int, request: int, stay: int, kind: str) -> None:
        stay_id = self.one_of(self.state.stays, stay)
        self.do(oc.ClaimStay, **self.about(offer, request), turn=1, stay_id=stay_id, kind=kind)

    @rule(offer=OFFERS, stay=ids, right=st.booleans())
    def arrive_by_offer(self, offer: int, stay: int, right: bool) -> None:
        offer_id = self.one_of(self.state.offers, offer - OFFERS_FROM)
        stay_id = uid(100 + len(self.held) * 20 + stay)
        self.do(cmd.CheckInHold, hold_id=offer_id, stay_id=stay_id, arrival=CODE if right else None)

    @rule(offer=OFFERS, what=st.sampled_from([oc.AgreeToOffer, oc.RefuseOffer, oc.PutOffOffer, oc.LapseQuestion]))
    def answer_a_question(self, offer: int, what: type[oc.OfferCommand]) -> None:
        self.do(what, offer_id=self.one_of(self.state.questions, offer - OFFERS_FROM))

    @rule(mode=st.sampled_from(["automatic", "ask", "never"]), offer=OFFERS, withdraw=st.booleans())
    def the_house_decides(self, mode: str, offer: int, withdraw: bool) -> None:
        if withdraw:
            offer_id = self.one_of(self.state.offers, offer - OFFERS_FROM)
            self.do(oc.WithdrawOffer, offer_id=offer_id, reason="place_needed")
        else:
            self.do(oc.TurnOffers, role="coordinator", mode=mode)

    def about(self, offer: int, request: int) -> dict[str, Any]:
        return {"role": "system", "offer_id": uid(offer), "request_id": uid(950 + request), "site": "noord"}

    @invariant()
    def every_place_counts_once(self) -> None:
        for group in self.state.groups.values():
            free = group.total + group.overflow - group.occupied - group.held - group.blocked
            assert free >= 0
            assert min(group.total, group.overflow, group.occupied, group.held, group.blocked, group.people) >= 0

    @invariant()
    def every_hold_ends_once(self) -> None:
        assert set(self.hold_ends.values()) <= {1}
        assert self.held == self.hold_ends.keys() | self.state.holds.keys()
        assert not self.hold_ends.keys() & self.state.holds.keys()

    @invariant()
    def a_regime_begins_and_ends_once_and_keeps_its_own_places_open(self) -> None:
        assert set(self.regimes.values()) <= {1}
        for place in self.state.places.values():
            if place.standby and place.status == "free":
                assert self.state.is_open_by_regime(place.kind)

    @invariant()
    def what_was_told_is_what_is(self) -> None:
        now = {(r.kind, r.size_class, r.feature_class): r for r in figures(self.state).read().rows}
        assert self.told == now
        seats = {row.kind: row for told in session_figures(self.state) for row in told.read().rows}
        assert self.told_seats == seats

    @invariant()
    def nobody_who_has_to_be_out_is_forgotten(self) -> None:
        """Whoever lives in a night shelter with hours has an end that a timer was set for; nobody else has."""
        for stay in self.state.stays.values():
            ends = self.state.hours is not None and stay.kind == "night_shelter" and stay.programme is None
            assert (stay.ends_at is not None) == ends
            assert stay.ends_at is None or stay.ends_at in self.timers

    def teardown(self) -> None:
        encoded = msgspec.json.encode(self.state)
        assert msgspec.json.encode(msgspec.json.decode(encoded, type=Location)) == encoded


AnyCommands.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyCommands = AnyCommands.TestCase


def test_every_command_is_among_them() -> None:
    words = set(re.findall(r"\w+", inspect.getsource(AnyCommands)))
    assert {command.__name__ for command in cmd.COMMANDS} <= words
