"""What was told and then lost with the store that told it: a list for operators, ticked off item by item.

An older backup was put back, so what happened after it is not in the store any more; others had heard of it. The
repair of the origin writes each such row down here, in the transaction that begins the new epoch, and people look at
what is true now: a stay that is not on the board, a place that is not blocked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol

import msgspec
import sqlalchemy as sa
from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from shared.envelope import Log
from shared.http_access import CurrentActor, allow
from shared.http_models import Moment, Page, PageQuery, decode_cursor, encode_cursor, without_seals
from shared.http_problems import Problem
from shared.ports import Put
from shared.schema import worklist
from shared.security import Role
from shared.store import PgStore

FACTS_BYTES_MAX = 8 * 1024
"""Of a lost message so much is kept; more is not shown."""

READERS: tuple[Role, ...] = ("operator", "caseworker", "coordinator", "oncall", "auditor")
TICKERS: tuple[Role, ...] = ("operator", "caseworker")
"""A lost stay or hold is for the desk to compare with the room itself."""

_COLUMNS = ", ".join(f'"{column.name}"' for column in worklist.columns)


class Lost(msgspec.Struct, frozen=True, gc=False):
    """A row others have heard and this store has lost. Where only its number is known, `type` and `id` are empty."""

    log: Log
    epoch: int
    sequence: int
    id: str
    type: str
    subject: str
    time: datetime | None
    data: bytes = b""

    def row(self, found_at: datetime) -> Put:
        """This as an open item of the worklist."""
        data = self.data if len(self.data) <= FACTS_BYTES_MAX else b""
        id_ = f"{self.epoch:09}-{self.log}-{self.sequence:018}"
        values = (id_, self.epoch, self.log, self.sequence, self.id, self.type, self.subject, self.time, data, found_at)
        return Put(worklist, (*values, None, ""))


class WorkItem(BaseModel):
    """One told event that is not in the store any more. facts: what it said; never a person.

    id: of the item. event_id: of what was told. Where only the number is known, `event_id` and `type` are empty.
    done_at, done_by: when it was ticked off, and by which role; null and empty while it is open.
    """

    id: str
    epoch: int
    log: str
    sequence: int
    event_id: str
    type: str
    subject: str
    time: Moment | None
    facts: dict[str, Any]
    found_at: Moment
    done_at: Moment | None
    done_by: str


class WorklistQuery(PageQuery):
    """state: `open` (default), `done` or `all`."""

    state: Annotated[Literal["open", "done", "all"], Field()] = "open"


class Worklist(Protocol):
    """Where the items are kept."""

    async def items(self, state: str, after: str | None, limit: int) -> list[WorkItem]: ...

    async def tick(self, id_: str, role: str, now: datetime) -> WorkItem | None: ...


class PgWorklist:
    """The worklist in a service's own database."""

    def __init__(self, store: PgStore) -> None:
        self._store = store

    async def items(self, state: str, after: str | None, limit: int) -> list[WorkItem]:
        """At most `limit` items behind the id `after`, in order of their ids, which is the order they were told in."""
        which = {"open": "done_at is null", "done": "done_at is not null", "all": "true"}[state]
        sql = f"select {_COLUMNS} from worklist where {which} and id > $1 order by id limit $2"  # noqa: S608
        rows = await self._store.query(lambda pool: pool.fetch(sql, after or "", limit))
        return [item_of(dict(row)) for row in rows]

    async def tick(self, id_: str, role: str, now: datetime) -> WorkItem | None:
        """Ticks an item off and returns it; one that was ticked off stays as it is. None: there is no such item."""
        sql = (
            "update worklist set done_at = coalesce(done_at, $2), done_by = case when done_at is null then $3"  # noqa: S608
            f" else done_by end where id = $1 returning {_COLUMNS}"
        )
        row = await self._store.query(lambda pool: pool.fetchrow(sql, id_, now, role))
        return None if row is None else item_of(dict(row))

    async def open_items(self) -> int:
        """How many nobody has ticked off."""
        sql = "select count(*) from worklist where done_at is null"
        return int(await self._store.query(lambda pool: pool.fetchval(sql)))


def item_of(row: Mapping[str, Any]) -> WorkItem:
    """A row of the table as it is shown."""
    try:
        facts = msgspec.json.decode(without_seals(row["data"])) if row["data"] else {}
    except msgspec.MsgspecError:
        facts = {}
    named = {name: row[name] for name in row if name != "data"}
    return WorkItem(**named, facts=facts if isinstance(facts, dict) else {})


async def worklist_page(worklist: Worklist, query: WorklistQuery) -> Page[WorkItem]:
    """One page. Raises 422 `cursor-invalid`."""
    found = await worklist.items(query.state, decode_cursor(query.cursor), query.limit + 1)
    shown = found[: query.limit]
    following = encode_cursor(shown[-1].id) if len(found) > query.limit else None
    return Page[WorkItem](items=shown, next=following)


async def tick_off(worklist: Worklist, id_: str, role: str, now: datetime) -> WorkItem:
    """The item, ticked off. Raises 404 `work-item-unknown`."""
    item = await worklist.tick(id_, role, now)
    if item is None:
        raise Problem(404, "work-item-unknown")
    return item


TABLES: tuple[sa.Table, ...] = (worklist,)
"""What a service that tells anything keeps beside the kernel's tables."""


def add_worklist(
    api: FastAPI, worklist: Worklist, now: Callable[[], datetime], readers: Sequence[Role] = READERS,
    tickers: Sequence[Role] = TICKERS,
) -> None:  # fmt: skip
    """Adds the worklist to a service's application: the site's people read it, the desk ticks it off.

    readers, tickers: fewer where what was told is of clients.
    """

    @api.get("/worklist")
    @allow(*readers)
    async def list_work(query: Annotated[WorklistQuery, Query()]) -> Page[WorkItem]:
        """What was told and then lost with the store that told it: compare it with what is true now."""
        return await worklist_page(worklist, query)

    @api.post("/worklist/{item_id}/tick")
    @allow(*tickers)
    async def tick(item_id: str, actor: CurrentActor) -> WorkItem:
        """Somebody has looked and put right what had to be. Refused: 404 `work-item-unknown`."""
        return await tick_off(worklist, item_id, actor.role, now())
