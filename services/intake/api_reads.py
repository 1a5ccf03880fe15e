"""HTTP: what can be looked at. Cards are opened for the desk that asks; what is personal is in none of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, TypeVar

import sqlalchemy as sa
from fastapi import Query, Response
from pydantic import BaseModel

from services.intake import api_models as m
from services.intake import views
from services.intake.api_checks import LIKENESS
from services.intake.api_desk import Intake, vault_problems
from services.intake.api_offers import shown_offer
from services.intake.api_stream import changes
from services.intake.priority import placed
from services.intake.views_offers import client_offers
from shared.envelope import SYSTEM_ROLE
from shared.http import wait_caught_up
from shared.http_models import Moment, Page, PageQuery, decode_cursor, encode_cursor
from shared.http_problems import Problem
from shared.logbook import openings
from shared.ports import GIVEN
from shared.schema import key_columns
from shared.vault import KEY_BACKUP_DAYS_MAX

View = TypeVar("View", bound=BaseModel)
Row = Mapping[str, Any]


LOOKS_MAX = 200
"""Looks into one file that are shown; nobody reads more."""


class LookView(BaseModel):
    """One time that somebody looked into a file. why: the purpose they gave, or else what they were doing: the id of an
    entry of the register of processing activities."""

    at: Moment
    role: str
    why: str


class LooksAnswer(BaseModel):
    """Who looked into a file, the newest first. more: there were others before."""

    client_id: str
    looks: list[LookView]
    more: bool


class Reads:
    """Every question that comes over HTTP, one method each."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def list_clients(self, query: Annotated[m.ClientsQuery, Query()]) -> Page[m.ClientView]:
        """This desk's files, or those named; erased ones included unless `erased` says otherwise."""
        where: dict[str, Any] = {} if query.erased is None else {"erased_at": GIVEN if query.erased else None}
        if query.id:
            where["id"] = query.id
        return await self.page(m.ClientView, views.clients, query, self._client, where)

    async def show_client(
        self, client_id: str, query: Annotated[m.AfterQuery, Query()], answer: Response
    ) -> m.ClientView:
        """One file, with its version as `ETag`."""
        await self.written(query.after)
        view = m.ClientView(**await self._client(await self._intake.row(views.clients, client_id, "client")))
        answer.headers["ETag"] = f'"{view.version}"'
        return view

    async def list_requests(self, query: Annotated[m.RequestsQuery, Query()]) -> Page[m.RequestView]:
        """This desk's requests with their reasons in words, ended ones included unless `status` says otherwise."""
        where = {"client_id": query.client_id, "status": query.status}
        given = {name: value for name, value in where.items() if value is not None}
        return await self.page(m.RequestView, views.requests, query, self._request, given)

    async def show_request(
        self, request_id: str, query: Annotated[m.AfterQuery, Query()], answer: Response
    ) -> m.RequestView:
        """One request, with the version of its file when it last moved as `ETag`."""
        await self.written(query.after)
        view = m.RequestView(**await self._request(await self._intake.row(views.requests, request_id, "request")))
        answer.headers["ETag"] = f'"{view.version}"'
        return view

    async def list_personal_reads(self, query: Annotated[m.ReadsQuery, Query()]) -> Page[m.ReadView]:
        """Every time somebody opened what is personal: which role, which file, for what purpose."""
        where = {} if query.client_id is None else {"client_id": query.client_id}
        return await self.page(m.ReadView, views.personal_reads, query, _as_it_is, where)

    async def show_looks(self, client_id: str) -> LooksAnswer:
        """Who looked into a client's file, when, and why: for whoever asks it of their own. Also of one that was
        erased. Looks that only showed what the desk works with are kept for 90 days. That a file was compared because
        other desks asked is one line a day: it would hide the people who looked."""
        store = self._intake.store
        row = await self._intake.row(views.clients, client_id, "client")
        read = await store.rows(views.personal_reads, client_id=row["id"])
        seen = _once_a_day(await store.rows(openings, subject=row["id"]))
        looks = [LookView(at=each["at"], role=each["role"], why=each["purpose"]) for each in read]
        looks += [LookView(at=each["at"], role=each["role"], why=each["activity"]) for each in seen]
        looks.sort(key=lambda look: look.at, reverse=True)
        return LooksAnswer(client_id=row["id"], looks=looks[:LOOKS_MAX], more=len(looks) > LOOKS_MAX)

    async def list_retention(self, query: Annotated[PageQuery, Query()]) -> Page[m.RetentionView]:
        """One line a day, also when nothing was erased."""
        return await self.page(m.RetentionView, views.retention_days, query, _as_it_is, {})

    async def stream(self) -> Response:
        """Server-sent events: which files changed, and by what kinds of events. 503 `too-many-streams`."""
        return self._intake.streams.answer(changes(self._intake.store))

    async def show_vault(self) -> m.VaultView:
        """How the vault is doing: whether it is open, how many keys, how many still under an older site key."""
        return m.VaultView(**(await self._intake.vault.state())._asdict())

    # --- rows ---------------------------------------------------------------------------------------------------------

    async def page(
        self,
        view: type[View],
        table: sa.Table,
        query: PageQuery,
        shape: Callable[[Row], Awaitable[Mapping[str, Any]]],
        where: Mapping[str, Any],
    ) -> Page[View]:
        await self.written(query.after)
        rows = await self._intake.store.page(table, decode_cursor(query.cursor), query.limit + 1, **where)
        [key] = key_columns(table)
        shown = rows[: query.limit]
        following = encode_cursor(str(shown[-1][key])) if len(rows) > query.limit else None
        return Page[View](items=[view(**await shape(row)) for row in shown], next=following)

    async def written(self, after: int | None) -> None:
        """Views are written with their events: they show a position as soon as the store has it."""

        async def stored(position: int) -> None:
            store = self._intake.store
            while True:
                seen = store.appended.count
                if await store.last_position() >= position:
                    return
                await store.appended.wait(seen)

        await wait_caught_up(after, stored)

    async def _client(self, row: Row) -> dict[str, Any]:
        copied: dict[str, Any] = {
            name: row[name] for name in ("id", "registered_at", "active_at", "erased_at", "version")
        }
        copied |= {"requests": list(row["requests"]), "has_personal": row["has_personal"]}
        # Of a file that an older backup brought back, the key is gone all the same.
        with vault_problems():
            gone_at = row["key_gone_at"] or self._intake.vault.destroyed().get(row["id"])
        copied["erased_at"] = row["erased_at"] or gone_at
        copied["erasure_complete_at"] = None if gone_at is None else complete_at(gone_at)
        if copied["erased_at"] is not None:
            return copied | _NOTHING_LEFT
        try:
            card = await self._intake.card(row["id"], row["card"])
        except Problem as problem:  # one file that cannot be opened does not hide the others
            return copied | _NOTHING_LEFT | {"unreadable": problem.code}
        return copied | {
            "unreadable": None,
            "alias": card.alias, "languages": list(card.languages), "needs": list(card.needs),
            "accessibility": list(card.accessibility), "case_manager": card.case_manager,
            "registration": card.registration,
            "household": [{"id": each.id, "age_band": each.age_band} for each in card.household],
            "contact": {"channel": card.contact.channel, "explicit": card.contact.explicit},
        }  # fmt: skip

    async def _request(self, row: Row) -> dict[str, Any]:
        try:
            facts = (await self._intake.facts(row["client_id"], row["facts"])).facts
        except Problem:  # the row says so of its client
            facts = ()
        offers = await self._intake.store.rows(client_offers, request_id=row["id"])
        return {
            **row,
            "offers": [shown_offer(offer) for offer in sorted(offers, key=lambda one: one["id"])],
            "reasons": list(placed(facts).reasons),
            "waiting_since": date.fromisoformat(row["waiting_since"]),
        }


_NOTHING_LEFT: dict[str, Any] = {
    "alias": None, "languages": [], "household": [], "needs": [], "accessibility": [], "contact": None,
    "case_manager": None, "registration": None, "unreadable": None,
}  # fmt: skip


def complete_at(key_destroyed_at: datetime) -> datetime:
    """When no backup of the keys has this one any more."""
    return key_destroyed_at + timedelta(days=KEY_BACKUP_DAYS_MAX)


def _once_a_day(seen: Sequence[Row]) -> list[Row]:
    """The rows; of those that say a file was compared for another desk the newest of each day."""
    ours = [row for row in seen if (row["activity"], row["role"]) != (LIKENESS, SYSTEM_ROLE)]
    theirs = [row for row in seen if (row["activity"], row["role"]) == (LIKENESS, SYSTEM_ROLE)]
    newest = {row["at"].date(): row for row in sorted(theirs, key=lambda row: row["at"])}
    return [*ours, *newest.values()]


async def _as_it_is(row: Row) -> Row:
    return row
