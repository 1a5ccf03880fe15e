"""HTTP: what can be looked at. The board is this site's own and exact; the capacity view is the network's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
import sqlalchemy as sa
from fastapi import Query, Response
from pydantic import BaseModel

from services.placement import api_models as m
from services.placement import api_shapes as sh
from services.placement import views
from services.placement.absences import Absence, absences
from services.placement.api_calls import shown
from services.placement.api_desk import ORGANISERS, Placement
from services.placement.api_regimes import RegimesQuery, RegimeView, shown_regime
from services.placement.api_stream import Changes
from services.placement.decider_attendance import countable
from services.placement.decider_location import Location
from services.placement.decider_seats import Session
from services.placement.views_calls import remote_holds
from services.placement.views_house import house_rules
from services.placement.views_regimes import regimes
from shared.http import wait_caught_up
from shared.http_access import CurrentActor
from shared.http_models import Page, PageQuery, decode_cursor, encode_cursor
from shared.http_problems import Problem
from shared.ports import GIVEN
from shared.schema import key_columns
from shared.security import Actor

View = TypeVar("View", bound=BaseModel)
Row = Mapping[str, Any]
NOTHING: Mapping[str, Any] = {}


class Reads:
    """Every question that comes over HTTP, one method each."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._changes = Changes(placement.store, placement.capacity.changed)

    async def list_locations(self, query: Annotated[m.LocationsQuery, Query()]) -> Page[sh.LocationView]:
        """This site's locations, and how each is kept."""
        rules = {row["location"]: row for row in await self._placement.store.rows(house_rules)}

        def shape(row: Row) -> dict[str, Any]:
            return self._location(row, rules.get(row["name"]))

        return await self._page(sh.LocationView, views.locations, query, shape, {})

    async def list_places(self, query: Annotated[m.PlacesQuery, Query()]) -> Page[m.PlaceView]:
        """This site's places, closed ones included."""
        where = {"location": query.location, "kind": query.kind, "status": query.status}
        return await self._page(m.PlaceView, views.places, query, self._place, where)

    async def show_place(self, place_id: str, query: Annotated[m.AfterQuery, Query()], answer: Response) -> m.PlaceView:
        """One place, with its version as `ETag`."""
        return _tagged(m.PlaceView(**self._place(await self._row(views.places, place_id, "place", query))), answer)

    async def list_holds(self, query: Annotated[m.HoldsQuery, Query()]) -> Page[m.HoldView]:
        """This site's holds and those it asked for at other sites, ended ones included."""
        where = {"location": query.location, "kind": query.kind, "status": query.status}
        own = await self._page(m.HoldView, views.holds, query, self._hold, where)
        remote = await self._page(m.HoldView, remote_holds, query, shown, where)
        if not remote.items:
            return own
        both = sorted([*own.items, *remote.items], key=lambda hold: hold.id)
        items = both[: query.limit]
        more = len(both) > query.limit or own.next or remote.next
        return Page[m.HoldView](items=items, next=encode_cursor(items[-1].id) if more else None)

    async def show_hold(self, hold_id: str, query: Annotated[m.AfterQuery, Query()], answer: Response) -> m.HoldView:
        """One hold, here or asked for at another site, with its version as `ETag`."""
        await self._written(query.after)
        own = await self._placement.find(views.holds, hold_id)
        if own is not None:
            return _tagged(m.HoldView(**self._hold(own)), answer)
        remote = await self._placement.find(remote_holds, hold_id)
        if remote is None:
            raise Problem(404, "hold-unknown")
        return _tagged(m.HoldView(**shown(remote)), answer)

    async def list_stays(self, query: Annotated[m.StaysQuery, Query()]) -> Page[m.StayView]:
        """This site's stays, ended ones included unless `present` says otherwise."""
        where = {"location": query.location}
        ended = {} if query.present is None else {"ended_at": None if query.present else GIVEN}
        return await self._page(m.StayView, views.stays, query, self._stay, where, ended)

    async def show_stay(self, stay_id: str, query: Annotated[m.AfterQuery, Query()], answer: Response) -> m.StayView:
        """One stay, with its version as `ETag`."""
        return _tagged(m.StayView(**self._stay(await self._row(views.stays, stay_id, "stay", query))), answer)

    async def list_head_counts(self, query: Annotated[sh.HeadCountsQuery, Query()]) -> Page[sh.HeadCountView]:
        """This site's head counts."""
        where = {"location": query.location, "kind": query.kind}
        return await self._page(sh.HeadCountView, views.head_counts, query, self._head_count, where)

    async def show_head_count(self, count_id: str, query: Annotated[m.AfterQuery, Query()]) -> sh.HeadCountView:
        """One head count, with the places that differ."""
        return sh.HeadCountView(**self._head_count(await self._row(views.head_counts, count_id, "head-count", query)))

    async def list_absences(self, query: Annotated[sh.AbsencesQuery, Query()]) -> sh.AbsencesAnswer:
        """Stays whose people were not seen for some nights, by the places that night walks noted: each a proposal to
        end it. Nothing ends by itself."""
        now, items = self._placement.clock.now(), []
        for row in await self._placement.store.rows(views.locations):
            if query.location in (None, row["name"]):
                state, _ = await self._placement.handler.load(row["name"])
                counts = await self._placement.store.rows(views.head_counts, location=row["name"])
                found = absences(state.stays.values(), counts, now, query.nights)
                items += [self._absence(row["name"], absence) for absence in found]
        items.sort(key=lambda item: (-item.nights, item.last_seen_at, item.stay_id))
        return sh.AbsencesAnswer(items=items)

    async def list_sessions(
        self, query: Annotated[sh.SessionsQuery, Query()], actor: CurrentActor
    ) -> Page[sh.SessionView]:
        """This site's sessions, those that are over included unless only `recent` ones are asked for."""
        if query.recent:
            found = await self._recent(query)
        else:
            where = {"location": query.location, "kind": query.kind}
            found = await self._page(sh.SessionView, views.sessions, query, self._with_site, where)
        return found.model_copy(update={"items": [_shown_to(actor, one) for one in found.items]})

    async def _recent(self, query: sh.SessionsQuery) -> Page[sh.SessionView]:
        await self._written(query.after)
        found = []
        for row in await self._placement.store.rows(views.locations):
            if query.location in (None, row["name"]):
                state, _ = await self._placement.handler.load(row["name"])
                known = (*state.sessions.values(), *countable(state, self._placement.clock.now()))
                found += [self._session(state, one) for one in known if query.kind in (None, one.kind)]
        return Page[sh.SessionView](items=sorted(found, key=lambda one: (one.starts_at, one.id)), next=None)

    def _session(self, state: Location, session: Session) -> sh.SessionView:
        return sh.SessionView(
            id=session.id, site=self._placement.site, location=state.name, kind=session.kind,
            starts_at=session.starts_at, ends_at=session.ends_at, seats=session.seats, booked=len(session.booked),
            attended=session.came, version=state.version,
        )  # fmt: skip

    async def show_session(
        self, session_id: str, query: Annotated[m.AfterQuery, Query()], actor: CurrentActor
    ) -> sh.SessionView:
        """One session, with how many of its seats are booked."""
        row = await self._row(views.sessions, session_id, "session", query)
        return _shown_to(actor, sh.SessionView(**self._with_site(row)))

    async def list_regimes(self, query: Annotated[RegimesQuery, Query()]) -> Page[RegimeView]:
        """Regimes this site knows of, those that are over included."""
        return await self._page(RegimeView, regimes, query, self._regime, {})

    async def show_regime(
        self, regime_id: str, query: Annotated[m.AfterQuery, Query()], answer: Response
    ) -> RegimeView:
        """One regime, with its version as `ETag`."""
        return _tagged(RegimeView(**self._regime(await self._row(regimes, regime_id, "regime", query))), answer)

    async def search(self, query: Annotated[sh.SearchQuery, Query()]) -> sh.SearchAnswer:
        """Where in the network there is room, the nearest match first; every line says how old it is."""
        found = await self._placement.capacity.search(
            kind=query.kind, household_size=query.household_size, features=query.features, district=query.district,
            limit=query.limit,
        )  # fmt: skip
        return sh.SearchAnswer(items=[sh.SearchItem(**msgspec.structs.asdict(item)) for item in found])

    async def list_nights(self, query: Annotated[sh.NightsQuery, Query()]) -> Page[sh.NightView]:
        """Reported nights of this site's locations, as published, by night, location and programme."""
        night = None if query.night is None else query.night.isoformat()
        where = {"location": query.location, "programme": query.programme, "night": night}
        return await self._page(sh.NightView, views.nights, query, self._night, where)

    async def capacity(self, query: Annotated[m.CapacityQuery, Query()]) -> m.CapacityAnswer:
        """The network's capacity as this site sees it, now or as it was `at`: every figure with its age and its
        bounds."""
        await wait_caught_up(query.after, self._placement.capacity.caught_up)
        found = await self._placement.capacity.capacity(
            at=query.at, site=query.site, location=query.location, kind=query.kind
        )
        rows = [m.CapacityRowView(**msgspec.structs.asdict(row)) for row in found["rows"]]
        return m.CapacityAnswer(as_of=found["as_of"], rows=rows, totals=found["totals"])

    async def digest(self, query: Annotated[m.DigestQuery, Query()]) -> m.DigestAnswer:
        """A fingerprint of every origin's figures at the sequence they show: two sites that agree have seen the same.

        With `origin`, `epoch` and `sequence`: of that origin as it was then.
        """
        asked = (query.origin, query.epoch, query.sequence)
        if None in asked and asked != (None, None, None):
            raise Problem(422, "invalid", "Name origin, epoch and sequence, or none of them.")
        await wait_caught_up(query.after, self._placement.capacity.caught_up)
        return m.DigestAnswer(**await self._placement.capacity.digest(*asked))

    async def stream(self) -> Response:
        """Server-sent events: one message for each change of this site, and one when the capacity view moved."""
        return self._placement.streams.answer(self._changes.follow())

    # --- rows ---------------------------------------------------------------------------------------------------------

    async def _page(
        self,
        view: type[View],
        table: sa.Table,
        query: PageQuery,
        shape: Callable[[Row], dict[str, Any]],
        where: Mapping[str, Any],
        always: Mapping[str, Any] = NOTHING,
    ) -> Page[View]:
        """One page of a table, read no further than it shows. where: left out where nothing was asked for."""
        await self._written(query.after)
        given = {name: value for name, value in where.items() if value is not None}
        rows = await self._placement.store.page(table, decode_cursor(query.cursor), query.limit + 1, **given, **always)
        [key] = key_columns(table)
        shown = rows[: query.limit]
        following = encode_cursor(str(shown[-1][key])) if len(rows) > query.limit else None
        return Page[View](items=[view(**shape(row)) for row in shown], next=following)

    async def _row(self, table: sa.Table, id_: str, noun: str, query: m.AfterQuery) -> dict[str, Any]:
        await self._written(query.after)
        return await self._placement.row(table, id_, noun)

    async def _written(self, after: int | None) -> None:
        """The board is written with its events: it shows a position as soon as the store has it."""

        async def stored(position: int) -> None:
            store = self._placement.store
            while True:
                seen = store.appended.count
                if await store.last_position() >= position:
                    return
                await store.appended.wait(seen)

        await wait_caught_up(after, stored)

    def _location(self, row: Row, rules: Row | None) -> dict[str, Any]:
        known = {"id": row["name"], **{name: row[name] for name in ("site", "title", "district", "version")}}
        if rules is None:
            return known | {"hours": None, "cleaned": []}
        hours = {name: rules[name] for name in ("in_from", "in_until", "out_by")}
        return known | {"hours": hours if rules["out_by"] is not None else None, "cleaned": list(rules["cleaned"])}

    def _place(self, row: Row) -> dict[str, Any]:
        reason = row["block_reason"]
        return {
            **{
                name: row[name]
                for name in ("id", "location", "room", "kind", "sleeps", "status", "overflow", "standby", "version")
            },
            "site": self._placement.site,
            "features": list(row["features"]),
            "block": None if reason is None else {"reason": reason, "until": row["block_until"]},
        }

    def _hold(self, row: Row) -> dict[str, Any]:
        copied = (
            "id", "location", "kind", "household_size", "status", "expires_at", "stay_id", "version", "expected_from",
            "offer_id",
        )  # fmt: skip
        return {
            **{name: row[name] for name in copied},
            "site": self._placement.site,
            "place_ids": list(row["place_ids"]),
            "code": None,
            "given_up": False,
        }

    def _regime(self, row: Row) -> dict[str, Any]:
        return shown_regime(row, self._placement.clock.now())

    def _with_site(self, row: Row) -> dict[str, Any]:
        return {**row, "site": self._placement.site}

    def _head_count(self, row: Row) -> dict[str, Any]:
        return {**row, "site": self._placement.site, "difference": row["counted"] - row["expected"]}

    def _absence(self, location: str, absence: Absence) -> sh.AbsenceView:
        stay = absence.stay
        return sh.AbsenceView(
            stay_id=stay.id, site=self._placement.site, location=location, place_ids=list(stay.place_ids),
            kind=stay.kind, household_size=stay.household_size, nights=absence.nights,
            last_seen_at=absence.last_seen_at, end_at=absence.end_at, version=stay.version,
        )  # fmt: skip

    def _night(self, row: Row) -> dict[str, Any]:
        return {**row, "site": self._placement.site, "words": list(row["words"])}

    def _stay(self, row: Row) -> dict[str, Any]:
        copied = ("id", "location", "kind", "household_size", "began_at", "ended_at", "end_reason", "version",
                  "away_until", "ends_at")  # fmt: skip
        return {
            **{name: row[name] for name in copied},
            "site": self._placement.site,
            "place_ids": list(row["place_ids"]),
        }


def _tagged(view: View, answer: Response) -> View:
    answer.headers["ETag"] = f'"{view.model_dump(include={"version"})["version"]}"'
    return view


def _shown_to(actor: Actor, session: sh.SessionView) -> sh.SessionView:
    """How many came is a small count of people: seen by whoever counts them. Others have the sums of the weeks."""
    return session if actor.role in ORGANISERS else session.model_copy(update={"attended": None})
