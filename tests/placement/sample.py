"""One location with a few places, and the words the placement tests are written in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement import events_regimes as rg
from services.placement.commands_regimes import NoteRegime, TurnRegime
from services.placement.decider import LOCATION
from services.placement.decider_location import FREE, HELD, OCCUPIED, Group, Hold, Location, Place, Stay, fit_order
from services.placement.publish import tell
from shared.contracts.base import Contract, Draft
from shared.contracts.placement import CONTRACTS
from tests.support.scenario import Scenario

AT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)


def after(**time: float) -> datetime:
    """So much later than `AT`."""
    return AT + timedelta(**time)


def uid(number: int) -> str:
    """The id this number stands for."""
    return f"00000000-0000-4000-8000-{number:012d}"


A1, A2, A3, B1, B2, C1 = (uid(n) for n in range(1, 7))
HOLD, HOLD2, STAY, STAY2 = uid(101), uid(102), uid(201), uid(202)

LOCATION_OPENED = ev.LocationOpened("west", "Huis West", "Nieuw-West", "west", AT)


def opened(
    *place_ids: str,
    room: str = "a",
    kind: str = "shelter_24h",
    sleeps: int = 1,
    features: tuple[str, ...] = (),
    programme: str | None = None,
) -> ev.PlacesOpened:
    return ev.PlacesOpened(place_ids, kind, room, sleeps, features, AT, AT, programme)


def held(*place_ids: str, hold_id: str = HOLD, size: int = 1, kind: str = "shelter_24h") -> ev.PlaceHeld:
    return ev.PlaceHeld("west", hold_id, place_ids, kind, size, (), 90, after(minutes=90), AT)


def began(*place_ids: str, stay_id: str = STAY, size: int = 1, kind: str = "shelter_24h") -> ev.StayBegan:
    return ev.StayBegan(stay_id, place_ids, kind, size, AT, AT)


def ended(*place_ids: str, stay_id: str = STAY, at: datetime = AT) -> ev.StayEnded:
    return ev.StayEnded(stay_id, place_ids, "moved_on", at, at)


def blocked(*place_ids: str, reason: str = "repair", until: datetime | None = None) -> ev.PlacesBlocked:
    return ev.PlacesBlocked(place_ids, reason, until, AT, AT)


def hold(
    *place_ids: str,
    hold_id: str = HOLD,
    kind: str | None = None,
    size: int = 1,
    minutes: int = 90,
    features: tuple[str, ...] = (),
    at: datetime = AT,
) -> cmd.HoldPlaces:
    return cmd.HoldPlaces(
        at=at,
        role="operator",
        location="west",
        hold_id=hold_id,
        place_ids=place_ids,
        kind=kind,
        household_size=size,
        features=features,
        hold_minutes=minutes,
    )


def begin(
    *place_ids: str,
    stay_id: str = STAY,
    kind: str | None = None,
    size: int = 1,
    features: tuple[str, ...] = (),
    observed_at: datetime | None = None,
    at: datetime = AT,
) -> cmd.BeginStay:
    return cmd.BeginStay(
        at=at,
        role="operator",
        location="west",
        stay_id=stay_id,
        place_ids=place_ids,
        kind=kind,
        household_size=size,
        features=features,
        observed_at=observed_at,
    )


def end(
    stay_id: str = STAY,
    reason: str = "moved_on",
    observed_at: datetime | None = None,
    at: datetime = AT,
    if_version: int | None = None,
) -> cmd.EndStay:
    return cmd.EndStay(
        at=at,
        role="operator",
        location="west",
        stay_id=stay_id,
        reason=reason,
        observed_at=observed_at,
        if_version=if_version,
    )


def asked(hold_id: str = HOLD, site: str = "noord") -> ev.HoldAsked:
    return ev.HoldAsked(hold_id, site, after(minutes=90), AT)


def asked_for(
    *,
    hold_id: str = HOLD,
    site: str = "noord",
    kind: str = "shelter_24h",
    size: int = 1,
    minutes: int = 90,
    features: tuple[str, ...] = (),
    at: datetime = AT,
    expires_at: datetime | None = None,
) -> cmd.HoldForSite:
    return cmd.HoldForSite(
        at=at,
        role="system",
        location="west",
        hold_id=hold_id,
        site=site,
        kind=kind,
        household_size=size,
        features=features,
        hold_minutes=minutes,
        expires_at=expires_at or after(minutes=90),
    )


def moved(
    *place_ids: str, away: tuple[str, ...], at: datetime = AT, kind: str = "shelter_24h", undo: bool = False
) -> ev.StayMoved:
    return ev.StayMoved(STAY, away, place_ids, kind, at, at, undo)


def how_ended(state: Location, hold_id: str = HOLD) -> str | None:
    """How a hold ended, if it has."""
    ended = state.ended_holds.get(hold_id)
    return None if ended is None else ended.how


def recount(state: Location) -> dict[str, Group]:
    """The counts of every group worked out from the places and stays alone, without a look at the carried ones."""
    counts: dict[str, Counter[str]] = {key: Counter() for key in state.groups}
    for place in state.places.values():
        counts[place.group]["overflow" if place.overflow else "total"] += 1
        counts[place.group][place.status] += 1
    for stay in state.stays.values():
        counts[state.places[stay.place_ids[0]].group]["people"] += stay.household_size
    return {
        key: msgspec.structs.replace(
            state.groups[key],
            **{name: count[name] for name in ("total", "overflow", "occupied", "held", "blocked", "people")},
        )
        for key, count in counts.items()
    }


def check(before: Location, events: Sequence[ev.LocationEvent], state: Location) -> None:
    """What holds after every decision: rules 1 to 3 and 5, and that everything told can be read strictly."""
    assert recount(state) == state.groups
    free: dict[str, list[Place]] = {kind: [] for kind in state.free}
    for place in state.places.values():
        assert (place.status == FREE) == (place.holder is None and place.block is None)
        if place.status == FREE:
            assert not place.closing, "it would have closed"
            assert not place.overflow or (place.standby and state.is_open_by_regime(place.kind)), "it would have closed"
            assert place.block_next is None, "it would be blocked"
            free[place.kind].append(place)
        holder: Stay | Hold | None = None
        if place.holder is not None:
            holder = (state.stays if place.status == OCCUPIED else state.holds)[place.holder]
        assert (place.status in (HELD, OCCUPIED)) == (holder is not None and place.id in holder.place_ids)
    assert not state.places.numbers.keys() & state.standby.keys()
    for place in state.standby.values():
        assert place.standby
        assert place.status == FREE
        assert place.holder is None
        assert not state.is_open_by_regime(place.kind), "a regime opens it"
    for kind, found in free.items():
        assert state.free_of(kind) == tuple(p.id for p in sorted(found, key=fit_order))
    assert state.orders.keys() == free.keys()
    assert sum(len(order.ids) for order in state.orders.values()) == len(state.places)
    uses: list[Stay | Hold] = [*state.stays.values(), *state.holds.values()]
    for use in uses:
        places = [state.places[place_id] for place_id in use.place_ids]
        assert {place.holder for place in places} == {use.id}
        assert len({place.room for place in places}) == 1
        assert sum(place.sleeps for place in places) >= use.household_size
        assert use.kind != "family_shelter" or len(places) == 1
    assert not any(id_ in state.ended_holds for id_ in state.holds)
    assert not any(id_ in state.ended_stays for id_ in state.stays)
    known: dict[str, type[Contract]] = {contract.type_name: contract for contract in CONTRACTS}
    for telling in tell(before, events, state):
        contract = telling.contract
        if isinstance(contract, Draft):
            body = contract.body.model_dump_json()
            assert contract.letter.body_type.model_validate_json(body) == contract.body
            assert not any(place_id in body for place_id in (*state.places, *before.places)), "a letter names a place"
        else:
            assert known[contract.type_name].model_validate_json(contract.encode()) == contract


REGIME = uid(701)
FROM, UNTIL = after(hours=2), after(days=4)


def standby(
    *place_ids: str, room: str = "s", kind: str = "shelter_24h", sleeps: int = 1, features: tuple[str, ...] = ()
) -> ev.PlacesOpened:
    return ev.PlacesOpened(place_ids, kind, room, sleeps, features, AT, standby=True)


def noted(
    *kinds: str, regime: str = REGIME, revision: int = 1, starts: datetime = FROM, ends: datetime = UNTIL,
    turns: datetime | None = None, at: datetime = AT,
) -> rg.RegimeNoted:  # fmt: skip
    return rg.RegimeNoted("west", regime, revision, kinds or ("shelter_24h",), starts, ends, turns or starts, at)


def note(
    *kinds: str, regime: str = REGIME, revision: int = 1, starts: datetime = FROM, ends: datetime = UNTIL,
    at: datetime = AT,
) -> NoteRegime:  # fmt: skip
    return NoteRegime(
        at=at, role="system", location="west", regime_id=regime, revision=revision, kinds=kinds or ("shelter_24h",),
        starts_at=starts, ends_at=ends,
    )  # fmt: skip


def turn(at: datetime, regime: str = REGIME) -> TurnRegime:
    return TurnRegime(at=at, role="system", location="west", regime_id=regime)


def regime_began(regime: str = REGIME, ends: datetime = UNTIL, at: datetime = FROM) -> rg.RegimeBegan:
    return rg.RegimeBegan("west", regime, ends, at)


at_place: Scenario[Location, cmd.LocationCommand, ev.LocationEvent] = Scenario(LOCATION, check)
west = at_place.given(LOCATION_OPENED)
"""A location without places."""
