"""HTTP: request -> command -> answer, and who may call what.

An answer is built from what the command led to (`Handled`) and from nothing else, so that the same `Idempotency-Key`
gives the same answer again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from msgspec.structs import replace

from services.placement import api_models as m
from services.placement import commands as cmd
from services.placement import events as ev
from services.placement import views
from services.placement.api_calls import LATER, Elsewhere
from services.placement.api_desk import (
    INPUT_CODES,
    ORGANISERS,
    TRY_ELSEWHERE,
    Asked,
    Placement,
    base,
    event_of,
    location_of_stream,
    refs,
)  # fmt: skip
from services.placement.api_offers import (
    OfferReads,
    OfferWrites,
    offer_routes,
    said_at_the_door,
    without_code,
    wrong_code,
)
from services.placement.api_reads import Reads
from services.placement.api_regimes import RegimeWrites
from services.placement.api_stays import HouseWrites, rule_routes
from services.placement.api_waiting import WaitingReads
from services.placement.api_weeks import WeekReads
from services.placement.decider_limits import NIGHTS_A_COMMAND_MAX
from services.placement.events_offers import ArrivalRefused
from shared.handling import Handled
from shared.http import Claim, IfMatch, service_api
from shared.http_access import EVERYBODY, CurrentActor, allow
from shared.http_models import CommandAnswer
from shared.http_problems import Problem, rejected
from shared.http_repair import Bench, add_repair
from shared.security import Role

__all__ = ["Placement", "build", "routes"]

Route = tuple[str, str, Callable[..., Any], int, tuple[Role, ...]]
"""Method, path, endpoint, status of success, who may call."""

DESK: tuple[Role, ...] = ("operator", "caseworker")
OPENERS: tuple[Role, ...] = ("operator", "coordinator")
COORDINATOR: tuple[Role, ...] = ("coordinator",)
BOARD_READERS: tuple[Role, ...] = ("operator", "caseworker", "coordinator", "oncall", "auditor")
HOUSEHOLD_READERS: tuple[Role, ...] = ("operator", "caseworker", "auditor")
"""A hold or stay is one household: only the desk looks at those, and who checks what the desk did."""
ALL: tuple[Role, ...] = tuple(sorted(EVERYBODY))


def routes(
    writes: Writes, house: HouseWrites, regimes: RegimeWrites, offering: OfferWrites, reads: Reads,
    waiting: WaitingReads, offers: OfferReads, weeks: WeekReads,
) -> list[Route]:  # fmt: skip
    """Every path of the service and who may call it, beside those a service shares with others: `/parked` and `/views`
    (`shared/http_repair.py`), `/health` and `/worklist` (`shared/health.py`, `shared/worklist.py`).
    """
    return [
        ("GET", "/locations", reads.list_locations, 200, ALL),
        ("POST", "/locations", writes.open_location, 201, OPENERS),
        ("POST", "/locations/{name}/close", house.close_location, 200, OPENERS),
        ("GET", "/places", reads.list_places, 200, BOARD_READERS),
        ("POST", "/places", writes.open_places, 201, DESK),
        ("POST", "/places/block", house.block, 200, DESK),
        ("POST", "/rooms", house.compose_room, 200, DESK),
        ("GET", "/places/{place_id}", reads.show_place, 200, BOARD_READERS),
        ("POST", "/places/{place_id}/block", writes.block, 200, DESK),
        ("POST", "/places/{place_id}/unblock", writes.unblock, 200, DESK),
        ("POST", "/places/{place_id}/close", writes.close, 200, DESK),
        ("POST", "/places/{place_id}/undo", house.undo_block, 200, DESK),
        ("GET", "/holds", reads.list_holds, 200, HOUSEHOLD_READERS),
        ("POST", "/holds", writes.hold, 201, DESK),
        ("GET", "/holds/{hold_id}", reads.show_hold, 200, HOUSEHOLD_READERS),
        ("POST", "/holds/{hold_id}/check-in", writes.check_in, 200, DESK),
        ("POST", "/holds/{hold_id}/cancel", writes.cancel, 200, DESK),
        ("POST", "/holds/{hold_id}/no-show", house.no_show, 200, DESK),
        ("POST", "/holds/{hold_id}/undo", house.undo_hold, 200, DESK),
        ("GET", "/stays", reads.list_stays, 200, HOUSEHOLD_READERS),
        ("POST", "/stays", writes.begin_stay, 201, DESK),
        ("POST", "/stays/end", house.end_stays, 200, DESK),
        ("GET", "/stays/{stay_id}", reads.show_stay, 200, HOUSEHOLD_READERS),
        ("POST", "/stays/{stay_id}/end", writes.end_stay, 200, DESK),
        ("POST", "/stays/{stay_id}/move", house.move, 200, DESK),
        ("POST", "/stays/{stay_id}/away", house.away, 200, DESK),
        ("POST", "/stays/{stay_id}/correct", house.correct, 200, DESK),
        ("POST", "/stays/{stay_id}/undo", house.undo, 200, DESK),
        ("GET", "/head-counts", reads.list_head_counts, 200, BOARD_READERS),
        ("POST", "/head-counts", house.count_heads, 201, DESK),
        ("GET", "/head-counts/{count_id}", reads.show_head_count, 200, BOARD_READERS),
        ("GET", "/absences", reads.list_absences, 200, HOUSEHOLD_READERS),
        ("GET", "/sessions", reads.list_sessions, 200, ALL),
        ("POST", "/sessions", house.open_session, 201, ORGANISERS),
        ("GET", "/sessions/{session_id}", reads.show_session, 200, ALL),
        ("POST", "/sessions/{session_id}/book", house.book, 200, ORGANISERS),
        ("POST", "/sessions/{session_id}/give-back", house.give_back, 200, ORGANISERS),
        ("GET", "/regimes", reads.list_regimes, 200, ALL),
        ("POST", "/regimes", regimes.declare, 201, COORDINATOR),
        ("GET", "/regimes/{regime_id}", reads.show_regime, 200, ALL),
        ("POST", "/regimes/{regime_id}/end", regimes.end, 200, COORDINATOR),
        ("GET", "/search", reads.search, 200, ALL),
        *rule_routes(house, OPENERS, DESK, ORGANISERS),
        *offer_routes(offering, offers, HOUSEHOLD_READERS, DESK, OPENERS),
        ("GET", "/waiting-list", waiting.waiting_list, 200, ALL),
        ("GET", "/weeks", weeks.weeks, 200, ALL),
        ("POST", "/imports/overnight", writes.import_overnight, 200, COORDINATOR),
        ("GET", "/nights", reads.list_nights, 200, ALL),
        ("GET", "/capacity", reads.capacity, 200, ALL),
        ("GET", "/capacity/digest", reads.digest, 200, ALL),
        ("GET", "/stream", reads.stream, 200, ALL),
    ]


def build(placement: Placement, bench: Bench, asyncapi: Mapping[str, Any]) -> FastAPI:
    """The service's application, to be mounted at `/api/placement`. asyncapi: the document of what it tells and
    hears."""
    api = service_api("placement", "Placement: places, holds, stays, capacity", asyncapi=asyncapi)
    writes = Writes(placement), HouseWrites(placement), RegimeWrites(placement), OfferWrites(placement)
    weeks = WeekReads(placement.store, placement.waiting, placement.clock, placement.small_counts_below)
    reads = Reads(placement), WaitingReads(placement.waiting), OfferReads(placement), weeks
    for method, path, endpoint, status, roles in routes(*writes, *reads):
        allow(*roles)(getattr(endpoint, "__func__", endpoint))
        later = LATER.get(path) if method == "POST" else None
        api.add_api_route(path, endpoint, methods=[method], status_code=status, responses=later)
    add_repair(api, bench)
    return api


class Writes:
    """Every command that comes over HTTP, one method each."""

    def __init__(self, placement: Placement) -> None:
        self._placement, self._elsewhere = placement, Elsewhere(placement)

    # --- locations and places -----------------------------------------------------------------------------------------

    async def open_location(self, body: m.LocationBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Make a location of this site known. Refused: `location-differs` when it is open with other words."""
        handled = await self._placement.do(
            body.name, Asked(actor, claim), cmd.OpenLocation,
            title=body.title, district=body.district, site=self._placement.site,
        )  # fmt: skip
        return CommandAnswer(**base(body.name, handled))

    async def open_places(self, body: m.PlacesBody, actor: CurrentActor, claim: Claim) -> m.PlacesAnswer:
        """Open `count` places of one make in one room, free."""
        handled = await self._placement.do(
            body.location, Asked(actor, claim), cmd.OpenPlaces,
            place_ids=tuple(self._placement.ids.random_id() for _ in range(body.count)), kind=body.kind, room=body.room,
            sleeps=body.sleeps, features=tuple(body.features), standby=body.standby,
        )  # fmt: skip
        opened = event_of(handled, ev.PlacesOpened)
        return m.PlacesAnswer(**base(opened.place_ids[0], handled), place_ids=list(opened.place_ids))

    async def block(
        self, place_id: str, body: m.BlockBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """Take a place out of use. Refused: `place-not-free` unless `after_stay`."""
        handled = await self._placement.do(
            await self._placement.location_of(views.places, place_id, "place"), Asked(actor, claim), cmd.BlockPlaces,
            place_ids=(place_id,), reason=body.reason, until=body.until, after_stay=body.after_stay, if_version=version,
        )  # fmt: skip
        return CommandAnswer(**base(place_id, handled))

    async def unblock(self, place_id: str, actor: CurrentActor, claim: Claim, version: IfMatch) -> CommandAnswer:
        """Put a blocked place back into use, or call off a planned block."""
        handled = await self._placement.do(
            await self._placement.location_of(views.places, place_id, "place"), Asked(actor, claim), cmd.UnblockPlace,
            place_id=place_id, if_version=version,
        )  # fmt: skip
        return CommandAnswer(**base(place_id, handled))

    async def close(
        self, place_id: str, actor: CurrentActor, claim: Claim, version: IfMatch, body: m.CloseBody | None = None
    ) -> CommandAnswer:
        """A place exists no more. Refused: `place-occupied` while it is in use, unless `after_stay`."""
        handled = await self._placement.do(
            await self._placement.location_of(views.places, place_id, "place"), Asked(actor, claim), cmd.ClosePlace,
            place_id=place_id, after_stay=body is not None and body.after_stay, if_version=version,
        )  # fmt: skip
        return CommandAnswer(**base(place_id, handled))

    # --- holds --------------------------------------------------------------------------------------------------------

    async def hold(self, body: m.HoldBody, actor: CurrentActor, claim: Claim) -> m.HoldAnswer:
        """Keep places for a household on its way. At another site: 202 `pending`, and GET shows what comes of it.
        Refused: `no-place-free`, `place-not-free`, `remote-hold-not-possible`."""
        elsewhere = await self._elsewhere.site_of(body)
        if elsewhere is not None:
            return await self._elsewhere.hold(elsewhere, body, Asked(actor, claim))
        fields = {
            "hold_id": self._placement.ids.random_id(),
            "place_ids": tuple(body.place_ids or ()),
            "kind": body.kind,
            "household_size": body.household_size,
            "features": tuple(body.features),
            "hold_minutes": body.hold_minutes,
            "composition": body.composition,
        }
        location, asked = body.location, Asked(actor, claim)
        if location is None and body.place_ids:
            location = await self._placement.location_of(views.places, body.place_ids[0], "place")
        if location is not None:
            handled = await self._placement.do(location, asked, cmd.HoldPlaces, **fields)
        elif body.kind is not None:
            handled = await self._hold_anywhere(asked, **fields)
        else:
            raise Problem(422, "places-missing", "Name places, a kind or a location.")
        held = event_of(handled, ev.PlaceHeld)
        return m.HoldAnswer(
            **base(held.hold_id, handled), site=self._placement.site, location=held.location,
            place_ids=list(held.place_ids), kind=held.kind, household_size=held.household_size, status="active",
            expires_at=held.expires_at,
        )  # fmt: skip

    async def _hold_anywhere(self, asked: Asked, **fields: Any) -> Handled:
        """Hold at the own location that has most places free of the kind; when it refuses, at the next one.

        Only the last refusal is the answer: those before it are not kept under the key, and what was held under it is
        found again whatever is free by then.
        """
        names = await self._own_locations(fields["kind"])
        if not names:
            raise Problem(409, "no-place-free", facts={"kind": fields["kind"]})
        claim = asked.claim
        going_on = asked if claim is None else asked._replace(claim=replace(claim, unkept=TRY_ELSEWHERE))
        for name in names[:-1]:
            handled = await self._placement.handle(name, going_on, cmd.HoldPlaces, **fields)
            if handled.rejected is None or handled.replayed or handled.rejected.code not in TRY_ELSEWHERE:
                return _accepted(handled)
        return await self._placement.do(names[-1], asked, cmd.HoldPlaces, **fields)

    async def _own_locations(self, kind: str) -> list[str]:
        """The site's own locations, the one with most places free of `kind` first."""
        ranked = []
        for row in await self._placement.store.rows(views.locations, site=self._placement.site):
            state, _ = await self._placement.handler.load(row["name"])
            groups = [group for group in state.groups.values() if group.kind == kind]
            free = sum(g.total + g.overflow - g.occupied - g.held - g.blocked for g in groups)
            ranked.append((-free, str(row["name"])))
        return [name for _, name in sorted(ranked)]

    async def check_in(
        self, hold_id: str, actor: CurrentActor, claim: Claim, version: IfMatch, body: m.CheckInBody | None = None
    ) -> m.CheckInAnswer:
        """The household has arrived. Refused: `hold-lapsed`, `hold-ended`, `remote-hold-not-possible` (it is checked in
        where it is held); of an offer `offer-not-accepted`, and `arrival-code-missing`, `-wrong`, `-blocked`."""
        location = await self._location_of_hold(hold_id)
        if location is None:
            raise Problem(409, "remote-hold-not-possible")
        state, _ = await self._placement.handler.load(location)
        handled = await self._placement.do(
            location, Asked(actor, await without_code(claim, hold_id, body)), cmd.CheckInHold,
            hold_id=hold_id, stay_id=self._placement.ids.random_id(), if_version=version,
            observed_at=None if body is None else body.observed_at,
            arrival=await said_at_the_door(state, hold_id, None if body is None else body.arrival_code),
        )  # fmt: skip
        if any(isinstance(event, ArrivalRefused) for _, event in handled.events):
            raise wrong_code(hold_id, (await self._placement.handler.load(location))[0].offers[hold_id].refusals)
        return m.CheckInAnswer(**base(hold_id, handled), stay_id=event_of(handled, ev.StayBegan).stay_id)

    async def cancel(
        self, hold_id: str, actor: CurrentActor, claim: Claim, version: IfMatch, body: m.CancelBody | None = None
    ) -> m.CancelAnswer:
        """Nobody is coming. At another site: 202 `pending` until that site has said so. Refused: `hold-ended`,
        `hold-lapsed`."""
        location = await self._location_of_hold(hold_id)
        if location is None:
            return await self._elsewhere.give_up(hold_id, Asked(actor, claim), version)
        handled = await self._placement.do(
            location, Asked(actor, claim), cmd.CancelHold, hold_id=hold_id, if_version=version
        )
        return m.CancelAnswer(**base(hold_id, handled), status="cancelled")

    async def _location_of_hold(self, hold_id: str) -> str | None:
        """The own location a hold is at; None for one that was asked for at another site. Raises 404 `hold-unknown`."""
        try:
            return await self._placement.location_of(views.holds, hold_id, "hold")
        except Problem:
            if await self._elsewhere.row(hold_id) is None:
                raise
            return None

    # --- stays --------------------------------------------------------------------------------------------------------

    async def begin_stay(self, body: m.StayBody, actor: CurrentActor, claim: Claim) -> m.StayAnswer:
        """Somebody walked in. Refused: `no-place-free`, `place-not-free`."""
        location = body.location
        if location is None and body.place_ids:
            location = await self._placement.location_of(views.places, body.place_ids[0], "place")
        if location is None:
            code = "places-missing" if body.kind is None else "location-missing"
            raise Problem(422, code, "Name places, or a kind and a location.")
        handled = await self._placement.do(
            location, Asked(actor, claim), cmd.BeginStay,
            stay_id=self._placement.ids.random_id(), place_ids=tuple(body.place_ids or ()), kind=body.kind,
            household_size=body.household_size, features=tuple(body.features), observed_at=body.observed_at,
            extra=body.extra, composition=body.composition,
        )  # fmt: skip
        began = event_of(handled, ev.StayBegan)
        return m.StayAnswer(
            **base(began.stay_id, handled), site=self._placement.site, location=location_of_stream(handled),
            place_ids=list(began.place_ids), household_size=began.household_size, began_at=began.began_at,
        )  # fmt: skip

    async def end_stay(
        self, stay_id: str, body: m.EndStayBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """The household has left. Refused: `stay-ended`."""
        handled = await self._placement.do(
            await self._placement.location_of(views.stays, stay_id, "stay"), Asked(actor, claim), cmd.EndStay,
            stay_id=stay_id, reason=body.reason, observed_at=body.observed_at, if_version=version,
        )  # fmt: skip
        return CommandAnswer(**base(stay_id, handled))

    # --- import -------------------------------------------------------------------------------------------------------

    async def import_overnight(self, body: m.NightsBody, actor: CurrentActor, claim: Claim) -> m.NightsAnswer:
        """Adopt published figures of one location, night by night in the order given; each is accepted, ignored or
        refused."""
        results, events, version, position = [], [], 0, 0
        for first in range(0, len(body.nights), NIGHTS_A_COMMAND_MAX):
            part = body.nights[first : first + NIGHTS_A_COMMAND_MAX]
            together = await self._record(body.location, part, _asked(actor, claim, f"{first}-"))
            adopted = {(e.programme, e.night) for _, e in together.events if isinstance(e, ev.NightRecorded)}
            version, position = max(version, together.version), max(position, together.position)
            events += refs(together)
            for number, night in enumerate(part, first):
                if (night.programme, night.night) in adopted:
                    adopted.discard((night.programme, night.night))  # the same once more is asked for itself
                    results.append(m.NightResult(programme=night.programme, night=night.night, result="accepted"))
                    continue
                handled = await self._placement.handle(
                    body.location, _asked(actor, claim, str(number)), cmd.RecordNight, **_night_fields(night)
                )
                known = await self._is_kept(body.location, night, handled)
                results.append(_night_result(night, handled, known=known))
        return m.NightsAnswer(id=body.location, version=version, position=position, events=events, results=results)

    async def _record(self, location: str, nights: Sequence[m.NightBody], asked: Asked) -> Handled:
        """Several nights in one append: those that can be adopted are."""
        at, role = self._placement.clock.now(), asked.actor.role
        made = (cmd.RecordNight(at=at, role=role, location=location, **_night_fields(night)) for night in nights)
        return await self._placement.handle(location, asked, cmd.RecordNights, nights=tuple(made))

    async def _is_kept(self, location: str, night: m.NightBody, handled: Handled) -> bool:
        """Whether a night that later ones have followed was recorded as it comes now: an import that begins again."""
        if handled.rejected is None or handled.rejected.code != "night-superseded":
            return False
        rows = await self._placement.store.rows(views.nights, id=f"{night.night}/{location}/{night.programme}")
        return any(all(row[name] == value for name, value in night if name in KEPT) for row in rows)


def _accepted(handled: Handled) -> Handled:
    """What was decided; a refusal is raised as the `Problem` it becomes."""
    if handled.rejected is not None:
        raise rejected(handled.rejected, INPUT_CODES)
    return handled


KEPT = frozenset(
    {"kind", "total", "blocked", "occupied", "overflow", "funded", "unavailable", "service_users", "words"}
)


def _asked(actor: CurrentActor, claim: Claim, part: str) -> Asked:
    """A part of a request has a key of its own, made of the request's."""
    return Asked(actor, None if claim is None else replace(claim, key=f"{claim.key}/{part}"))


def _night_fields(night: m.NightBody) -> dict[str, Any]:
    fields = {name: getattr(night, name) for name in m.NightBody.model_fields}
    return fields | {"features": tuple(night.features), "words": tuple(night.words)}


def _night_result(night: m.NightBody, handled: Handled, *, known: bool) -> m.NightResult:
    refusal = handled.rejected
    if refusal is not None and not known:
        return m.NightResult(
            programme=night.programme, night=night.night, result="refused", code=refusal.code, facts=refusal.facts
        )
    return m.NightResult(
        programme=night.programme, night=night.night, result="accepted" if handled.events else "ignored"
    )
