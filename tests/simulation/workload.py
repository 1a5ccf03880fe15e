"""People at desks: they open, block, hold, check in, cancel and report at several locations at once, tap twice, try
again after a crash with the same key, and remember what they were answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.placement import commands as cmd
from services.placement import commands_house as ch
from services.placement import commands_offers as oc
from services.placement.commands_regimes import DeclareRegime, EndRegime, RegimeCommand
from services.placement.decider_regimes import REGIME
from shared.contracts.vocabulary import WITHDRAW_REASONS
from shared.forward import CALL, CallCommand, GiveUpCall, MakeCall
from shared.handling import Context, Handled, KeyClaim, KeyReused
from shared.kernel import Reaction
from shared.ports import OriginHalted, StoreUnavailable, VersionConflict
from shared.telemetry import current_traceparent, span
from tests.simulation import keepers
from tests.simulation.oracle import Ack
from tests.simulation.oracle_house import House, require
from tests.simulation.process import Lost

if TYPE_CHECKING:
    from tests.simulation.world import Site, World

Make = Callable[[datetime], cmd.LocationCommand | CallCommand | RegimeCommand]
"""Makes the command of one try: like the API, with ids and the clock of that moment."""

KINDS, TRIES_MAX = ("shelter_24h", "night_shelter", "family_shelter"), 6
REGIME_SHARE = 0.05
"""How much of what is asked is about regimes, at the municipality."""
WITHDRAWN_SHARE = 0.05
"""How often a house that has made offers takes one back."""


class Desks:
    """Everybody who uses this world. `answered` counts what they got, by outcome; `done` what happened, by command."""

    def __init__(self, world: World) -> None:
        self._world, self._chance = world, world.chance
        self.open = True
        self.answered: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self._nights = 0
        self._attempts: dict[tuple[str, str], list[str]] = {}

    async def set_up(self, site: Site) -> None:
        """The locations of a site and their first places."""
        for name in site.locations:
            await self._ask(site, name, self._open_location(site, name), patient=True)
            for room in range(self._chance.randint(1, 3)):
                await self._ask(site, name, self._open_places(name, str(room)), patient=True)

    async def work(self) -> None:
        """One desk, until it closes."""
        world, chance = self._world, self._chance
        while self.open:
            await asyncio.sleep(chance.uniform(0.0, world.plan.think_seconds))
            busy = [site for site in world.sites if site.locations]
            if not busy:
                continue
            if chance.random() < world.plan.remote:
                await self._elsewhere(busy)
                continue
            if chance.random() < REGIME_SHARE:
                await self._ask(world.sites[0], "", self._regime())
                continue
            site = chance.choice(busy)
            name = chance.choice(site.locations)
            house = world.oracle.houses(site.name).get(name, House())
            expected = [id_ for id_, offer in house.offers.items() if offer.word == "expected"]
            if house.offers and chance.random() < WITHDRAWN_SHARE:
                await self._ask(site, name, self._withdraw(name, chance.choice(list(house.offers))))
                continue
            if world.plan.movers and expected:
                await self._ask(site, name, self._check_in(name, house, chance.choice(expected)))
                continue
            draw = chance.random() if world.plan.movers else 1.0
            lived_in = [offer.stay_id for offer in house.offers.values() if offer.stay_id in house.stays]
            if draw < 0.3 and (draw < 0.15 or lived_in):
                make = self._asked_first(name, house) if draw < 0.15 else self._moves_on(name, chance.choice(lived_in))
                await self._ask(site, name, make)
                continue
            make = self._something(site, name, house)
            if chance.random() < 0.1:  # the same tap twice, or ten times, at once
                key = world.ids.random_id()
                await asyncio.gather(*(self._ask(site, name, make, key=key) for _ in range(chance.randint(2, 4))))
            else:
                await self._ask(site, name, make)

    async def _elsewhere(self, busy: list[Site]) -> None:
        """Asks another site for a hold, or gives up one that was asked for, perhaps at once."""
        world, chance = self._world, self._chance
        site = chance.choice(world.sites)
        calls = [id_ for id_, call in world.oracle.calls(site.name).items() if not call.settled]
        owners = [other for other in busy if other is not site]
        if calls and (not owners or chance.random() < 0.3):
            await self._ask(site, "", self._give_up(chance.choice(calls)))
        elif owners:
            owner = chance.choice(owners)
            name = chance.choice(owner.locations)
            house = world.oracle.houses(owner.name).get(name, House())
            await self._ask(site, "", self._call(owner.name, name, house))

    # --- one request --------------------------------------------------------------------------------------------------

    async def _ask(self, site: Site, name: str, make: Make, *, key: str | None = None, patient: bool = False) -> None:
        """Sends a request until it is answered, with one key; sometimes gives up, sometimes asks again later."""
        world, chance = self._world, self._chance
        claim = KeyClaim("desk", key or world.ids.random_id(), b"body")
        for _ in range(1_000 if patient else TRIES_MAX):
            answered = await self._try(site, name, make, claim)
            if answered:
                break
            if world.failed.is_set() or site.left or (not patient and not self.open):
                return
            await asyncio.sleep(chance.uniform(0.0, 0.8))
        else:
            return
        if chance.random() < 0.1:
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            await self._try(site, name, make, claim)
        if chance.random() < 0.02:
            await self._misuse(site, name, make, claim)

    async def _try(self, site: Site, name: str, make: Make, claim: KeyClaim) -> bool:
        """One try. Whether it was answered."""
        world = self._world
        process = self._chance.choice((site.process, site.twin)) if site.twin is not None else site.process
        if process is None:
            return False
        restored = site.restored
        command_id = world.ids.event_id()
        self._attempts.setdefault((claim.scope, claim.key), []).append(command_id)
        with span("desk", "server"):
            context = Context(command_id, world.ids.random_id(), command_id, current_traceparent(), claim)
        command = make(site.clock.now())
        if isinstance(command, CALL.commands):
            asked = Reaction("call", command.call_id, command)
        elif isinstance(command, REGIME.commands):
            asked = Reaction("regime", command.regime_id, command)
        else:
            asked = Reaction("location", name, command)
        try:
            handled = await process.call(asked, context)
        except (Lost, StoreUnavailable, OriginHalted, VersionConflict) as error:
            self._count(type(error).__name__)
            return False
        if restored == site.restored:
            world.judge(lambda _: self._note(site, claim, handled))
        if handled.events:
            name = type(command).__name__
            self.done[name] = self.done.get(name, 0) + 1
        return True

    def _note(self, site: Site, claim: KeyClaim, handled: Handled) -> None:
        """Remembers an answer; a second one under the same key has to be the same."""
        events = [(id_, str(type(event).__struct_config__.tag)) for id_, event in handled.events]
        rejected = handled.rejected
        self._count(rejected.code if rejected else "done" if events else "nothing")
        slot = (claim.scope, claim.key)
        known = self._world.oracle.acks.get(slot)
        if known is None:
            known = self._world.oracle.acks[slot] = Ack(site.name, slot, self._attempts[slot], events, rejected)
        require((known.events, known.rejected) == (events, rejected), "one key, two answers", known, events, rejected)
        self._world.note(site.name, f"answered {claim.key} {events} {rejected.code if rejected else ''}")

    async def _misuse(self, site: Site, name: str, make: Make, claim: KeyClaim) -> None:
        """The same key with another body is refused."""
        other = KeyClaim(claim.scope, claim.key, b"another body")
        known = (claim.scope, claim.key) in self._world.oracle.acks
        restored = site.restored
        try:
            answered = await self._try(site, name, make, other)
        except KeyReused:
            return
        if answered and known and site.restored == restored:
            self._world.fail(AssertionError("a key was taken with another body"))

    def _count(self, word: str) -> None:
        self.answered[word] = self.answered.get(word, 0) + 1

    # --- what to ask --------------------------------------------------------------------------------------------------

    def _something(self, site: Site, name: str, house: House) -> Make:
        chance = self._chance
        draw = chance.random()
        if draw < 0.24:
            return self._hold(name, house)
        if draw < 0.42 and house.holds:
            return self._check_in(name, house, chance.choice(list(house.holds)))
        if draw < 0.50 and house.holds:
            return self._end_hold(name, chance.choice(list(house.holds)))
        if draw < 0.63:
            return self._begin_stay(name, house)
        if draw < 0.76 and house.stays:
            return self._end_stay(name, chance.choice(list(house.stays)))
        if draw < 0.84 and (house.stays or house.left):
            return self._later(name, house)
        if draw < 0.87:
            return self._block(name, house)
        if draw < 0.895:
            return keepers.something(chance, name, house)
        if draw < 0.93 and house.beds:
            return self._unblock_or_close(name, chance.choice(list(house.beds)))
        if draw < 0.95:
            return self._night(name)
        if draw < 0.96:
            room = str(chance.randint(0, 3))
            composition = chance.choice(("mixed", "mixed", "mixed", "women"))
            return lambda at: cmd.ComposeRoom(at=at, role="operator", location=name, room=room, composition=composition)
        if draw < 0.97:
            return self._seat(name, house)
        if draw < 0.975:
            return lambda at: cmd.CloseLocation(at=at, role="coordinator", location=name)
        if draw < 0.98:
            return self._open_location(site, name)
        return self._open_places(name, str(chance.randint(0, 3)))

    def _withdraw(self, name: str, offer_id: str) -> Make:
        """The house takes an offer back, whatever has become of it: one that is open, taken, or over."""
        reason = self._chance.choice(WITHDRAW_REASONS)
        return lambda at: oc.WithdrawOffer(at=at, role="operator", location=name, offer_id=offer_id, reason=reason)

    def _asked_first(self, name: str, house: House) -> Make:
        """What an operator says who is asked before a place is offered; now and then a house begins or stops to ask."""
        chance = self._chance
        known = house.unanswered or sorted(house.questions)[-1:]
        if not known or chance.random() < 0.2:
            mode = chance.choice(("ask", "automatic", "automatic"))
            return lambda at: oc.TurnOffers(at=at, role="operator", location=name, mode=mode)
        command = chance.choice((oc.AgreeToOffer, oc.AgreeToOffer, oc.AgreeToOffer, oc.RefuseOffer, oc.PutOffOffer))
        offer_id = chance.choice(known)
        return lambda at: command(at=at, role="operator", location=name, offer_id=offer_id)

    def _regime(self) -> Make:
        """A regime for some kinds that begins now, soon or later; or the end of one, perhaps before it began."""
        chance, ids, hub = self._chance, self._world.ids, self._world.sites[0].name
        known = sorted(self._world.oracle.regimes(hub))
        if known and chance.random() < 0.4:
            which = chance.choice(known)
            return lambda at: EndRegime(at=at, role="coordinator", regime_id=which)
        kinds = tuple(chance.sample(KINDS, chance.choice((1, 1, 2))))
        wait, lasts = chance.choice((-60, 0, 2, 1800)), chance.choice((3, 3, 61, 3600))
        return lambda at: DeclareRegime(
            at=at, role="coordinator", regime_id=ids.random_id(), site=hub, name="Winter cold", kinds=kinds,
            starts_at=at + timedelta(seconds=wait), ends_at=at + timedelta(seconds=max(wait, 0) + lasts), reason="Cold",
        )  # fmt: skip

    def _open_location(self, site: Site, name: str) -> Make:
        return lambda at: cmd.OpenLocation(
            at=at, role="coordinator", location=name, title=name.title(), district="Centrum", site=site.name
        )

    def _open_places(self, name: str, room: str) -> Make:
        chance, ids = self._chance, self._world.ids
        kind, count, sleeps = chance.choice(KINDS), chance.randint(1, 4), chance.choice((1, 1, 2, 3))
        features = tuple(chance.sample(("step_free", "quiet", "pets"), chance.choice((0, 0, 1, 2))))
        standby = chance.random() < 0.3
        return lambda at: cmd.OpenPlaces(
            at=at, role="operator", location=name, place_ids=tuple(ids.random_id() for _ in range(count)), kind=kind,
            room=room, sleeps=sleeps, features=features, standby=standby,
        )  # fmt: skip

    def _some_places(self, house: House) -> tuple[str, ...]:
        """One or two places of one room, free or not."""
        chance = self._chance
        first = chance.choice(list(house.beds))
        same = [id_ for id_, bed in house.beds.items() if bed.room == house.beds[first].room and id_ != first]
        return (first, *chance.sample(same, min(len(same), chance.choice((0, 0, 1)))))

    def _hold(self, name: str, house: House) -> Make:
        chance, ids = self._chance, self._world.ids
        place_ids = self._some_places(house) if house.beds and chance.random() < 0.3 else ()
        kind = None if place_ids else chance.choice([bed.kind for bed in house.beds.values()] or KINDS)
        size, minutes = chance.choice((1, 1, 1, 2, 3)), chance.choice((30, 30, 60, 90, 240))
        return lambda at: cmd.HoldPlaces(
            at=at, role="caseworker", location=name, hold_id=ids.random_id(), place_ids=place_ids, kind=kind,
            household_size=size, hold_minutes=minutes,
        )  # fmt: skip

    def _call(self, owner: str, name: str, house: House) -> Make:
        """Like the API: another site is asked for a kind, never for a place."""
        like, ids = self._hold(name, house), self._world.ids
        kind = self._chance.choice([bed.kind for bed in house.beds.values()] or KINDS)

        def make(at: datetime) -> CallCommand:
            hold = like(at)
            assert isinstance(hold, cmd.HoldPlaces)
            body = {
                "location": name, "kind": kind, "household_size": hold.household_size, "features": [],
                "hold_minutes": hold.hold_minutes,
            }  # fmt: skip
            return MakeCall(
                at=at, role="caseworker", call_id=ids.random_id(), site=owner, body=body,
                expires_at=at + timedelta(minutes=hold.hold_minutes),
            )  # fmt: skip

        return make

    def _give_up(self, call_id: str) -> Make:
        return lambda at: GiveUpCall(at=at, role="caseworker", call_id=call_id)

    def _begin_stay(self, name: str, house: House) -> Make:
        ids, hold = self._world.ids, self._hold(name, house)
        seen, extra = self._age(), self._chance.random() < 0.2

        def make(at: datetime) -> cmd.LocationCommand:
            like = hold(at)
            assert isinstance(like, cmd.HoldPlaces)
            return cmd.BeginStay(
                at=at, role="operator", location=name, stay_id=ids.random_id(), place_ids=like.place_ids,
                kind=like.kind, household_size=like.household_size, observed_at=seen(at),
                extra=extra,
            )  # fmt: skip

        return make

    def _check_in(self, name: str, house: House, hold_id: str) -> Make:
        """Somebody comes; of an offer now and then with another code than was given."""
        ids, seen = self._world.ids, self._age()
        offer = house.offers.get(hold_id)
        arrival = None if offer is None else offer.arrival if self._chance.random() < 0.8 else "another"
        return lambda at: cmd.CheckInHold(
            at=at, role="operator", location=name, hold_id=hold_id, stay_id=ids.random_id(), observed_at=seen(at),
            arrival=arrival,
        )  # fmt: skip

    def _end_hold(self, name: str, hold_id: str) -> Make:
        """Nobody is coming: somebody said so, or the tap was wrong, or they were waited for."""
        ids, draw = self._world.ids, self._chance.random()
        if draw < 0.3:
            return lambda at: cmd.NoteNoShow(at=at, role="operator", location=name, hold_id=hold_id)
        if draw < 0.5:
            return lambda at: cmd.UndoHold(
                at=at, role="operator", location=name, hold_id=hold_id, again_id=ids.random_id()
            )
        return self._cancel(name, hold_id)

    def _cancel(self, name: str, hold_id: str) -> Make:
        return lambda at: cmd.CancelHold(at=at, role="caseworker", location=name, hold_id=hold_id)

    def _moves_on(self, name: str, stay_id: str) -> Make:
        """Somebody a desk sent is moved within the house, to a place of any kind."""
        kind, seen = self._chance.choice(KINDS), self._age()
        return lambda at: cmd.MoveStay(
            at=at, role="operator", location=name, stay_id=stay_id, kind=kind, observed_at=seen(at)
        )

    def _later(self, name: str, house: House) -> Make:
        """What is done about people who are there, or were: moved, put right, taken back, counted, gone together."""
        chance, seen = self._chance, self._age()
        stay_id = chance.choice(list(house.stays) or sorted(house.left))
        draw = chance.random()
        if draw < 0.3 and house.beds:
            to = self._some_places(house) if chance.random() < 0.5 else ()
            kind = None if to else chance.choice(KINDS)
            return lambda at: cmd.MoveStay(
                at=at, role="operator", location=name, stay_id=stay_id, place_ids=to, kind=kind, observed_at=seen(at)
            )
        if draw < 0.5:
            last = chance.choice([*sorted(house.left)[-5:], stay_id])
            return lambda at: cmd.UndoStay(at=at, role="operator", location=name, stay_id=last)
        if draw < 0.6:
            size = chance.choice((1, 2, 3))
            return lambda at: cmd.CorrectStay(
                at=at, role="operator", location=name, stay_id=stay_id, household_size=size,
                began_at=None if size == 1 else seen(at),
            )  # fmt: skip
        if draw < 0.7:
            hours = chance.choice((None, 12))
            return lambda at: cmd.NoteAway(
                at=at,
                role="operator",
                location=name,
                stay_id=stay_id,
                until=None if hours is None else at + timedelta(hours=hours),
            )
        if draw < 0.9:
            return self._count_heads(name, house)
        room = chance.choice([bed.room for bed in house.beds.values()] or ["0"])
        return lambda at: cmd.EndStays(
            at=at, role="operator", location=name, room=room, reason="moved_on", observed_at=seen(at)
        )

    def _seat(self, name: str, house: House) -> Make:
        chance, ids = self._chance, self._world.ids
        session_id = chance.choice(sorted(house.seats) or [None])
        if session_id is None or chance.random() < 0.2:
            seats, ahead = chance.randint(1, 2), timedelta(hours=chance.choice((0, 0, 30, 200)))
            return lambda at: cmd.OpenSession(
                at=at, role="operator", location=name, session_id=ids.random_id(), kind="consultation",
                starts_at=at + ahead, ends_at=at + ahead + timedelta(hours=2), seats=seats,
            )  # fmt: skip
        booked = sorted(house.booked[session_id])
        if chance.random() < 0.3:
            return self._came(name, session_id, len(booked))
        if booked and chance.random() < 0.3:
            back = chance.choice(booked)
            return lambda at: cmd.GiveSeatBack(
                at=at, role="caseworker", location=name, session_id=session_id, booking_id=back
            )
        return lambda at: cmd.BookSeat(
            at=at, role="caseworker", location=name, session_id=session_id, booking_id=ids.random_id()
        )

    def _came(self, name: str, session_id: str, booked: int) -> Make:
        """Somebody counts who came, or takes the last count back; a session that is long over too."""
        if self._chance.random() < 0.3:
            return lambda at: ch.UndoAttendance(at=at, role="operator", location=name, session_id=session_id)
        attended = self._chance.randint(0, booked + 1)
        return lambda at: ch.NoteAttendance(
            at=at, role="operator", location=name, session_id=session_id, attended=attended
        )

    def _count_heads(self, name: str, house: House) -> Make:
        ids, chance, seen = self._world.ids, self._chance, self._age()
        kind, people = chance.choice(KINDS), chance.randint(0, 5)
        beds = [id_ for id_, bed in house.beds.items() if bed.kind == kind]
        noted = tuple(chance.sample(beds, min(len(beds), 2))) if chance.random() < 0.5 else None
        return lambda at: cmd.CountHeads(
            at=at, role="operator", location=name, count_id=ids.random_id(), kind=kind, counted=people, seen=noted,
            observed_at=seen(at),
        )  # fmt: skip

    def _end_stay(self, name: str, stay_id: str) -> Make:
        seen = self._age()
        return lambda at: cmd.EndStay(
            at=at, role="operator", location=name, stay_id=stay_id, reason="moved_on", observed_at=seen(at)
        )

    def _block(self, name: str, house: House) -> Make:
        chance = self._chance
        count = chance.choice((1, 2)) if not house.beds or chance.random() < 0.5 else None
        place_ids = () if count else self._some_places(house)
        reason, after_stay = chance.choice(("cleaning", "repair", "safety")), chance.random() < 0.5
        return lambda at: cmd.BlockPlaces(
            at=at,
            role="operator",
            location=name,
            place_ids=place_ids,
            count=count,
            reason=reason,
            after_stay=after_stay,
        )

    def _unblock_or_close(self, name: str, place_id: str) -> Make:
        draw = self._chance.random()
        if draw < 0.2:
            return lambda at: cmd.UndoBlock(at=at, role="operator", location=name, place_id=place_id)
        if draw < 0.7:
            return lambda at: cmd.UnblockPlace(at=at, role="operator", location=name, place_id=place_id)
        after_stay = self._chance.random() < 0.5
        return lambda at: cmd.ClosePlace(
            at=at, role="operator", location=name, place_id=place_id, after_stay=after_stay
        )

    def _night(self, name: str) -> Make:
        first = self._one_night(name)
        if self._chance.random() < 0.6:
            return first
        second = self._one_night(name)

        def both(at: datetime) -> cmd.LocationCommand:
            nights = (first(at), second(at))
            made = tuple(night for night in nights if isinstance(night, cmd.RecordNight))
            return cmd.RecordNights(at=at, role="coordinator", location=name, nights=made)

        return both

    def _one_night(self, name: str) -> Make:
        chance = self._chance
        self._nights += 1
        total = chance.randint(0, 6)
        blocked = chance.randint(0, total)
        occupied = chance.randint(0, total - blocked + 1)
        overflow, own_rooms, days = max(0, occupied - (total - blocked)), chance.random() < 0.5, self._nights - 5

        def make(at: datetime) -> cmd.LocationCommand:
            observed_at = at - timedelta(minutes=30 * max(0, -days))
            return cmd.RecordNight(
                at=at, role="coordinator", location=name, programme="winter", kind="night_shelter", own_rooms=own_rooms,
                night=at.date() + timedelta(days=min(0, days)), observed_at=observed_at, total=total, blocked=blocked,
                occupied=occupied, overflow=overflow,
            )  # fmt: skip

        return make

    def _age(self) -> Callable[[datetime], datetime | None]:
        """When a tap was seen: mostly now, sometimes long ago (an offline device), sometimes by a clock ahead."""
        draw, minutes = self._chance.random(), self._chance.uniform(0.0, 180.0)
        if draw < 0.6:
            return lambda _: None
        if draw < 0.9:
            return lambda at: at - timedelta(minutes=round(minutes))
        return lambda at: at + timedelta(seconds=round(minutes))
