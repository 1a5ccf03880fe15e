"""The network's capacity as this site knows it: every origin's figures, now and ever, fed by a reader.

A site hears itself the same way as the others (from its own outbox), so that two sites that heard the same have the
same rows.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.placement.capacity import (
    CapacityRow,
    Found,
    Room,
    SiteLink,
    Wanted,
    capacity,
    rooms,
    search,
    totals,
    without_room,
)
from services.placement.views_weeks import SESSION_WEEK_TABLES, session_week_rows
from shared.clock import Clock
from shared.contracts import placement as told
from shared.contracts.allowance import SeatsTold
from shared.contracts.base import Contract
from shared.contracts.placement import SessionWeekTold
from shared.contracts.vocabulary import BED_KINDS
from shared.envelope import Message
from shared.inbox import Reader, View
from shared.ports import Put, RowChange, Wake
from shared.schema import ADDED_TO, NAME, TIME, metadata
from shared.store import PgStore

_COUNTS = ("total", "overflow", "occupied", "held", "blocked", "people")
_GROUP = ("location", "kind", "size_class", "feature_class")


SEATS = "allowance"
"""The kind of place that is a seat in a programme."""

RETIRED = SiteLink("retired", None)

SEARCH_SECONDS = 0.25
"""How old the figures of a search may be. It is a hint either way: the location decides when it is asked."""

ANSWERS_MAX = 500
"""Different questions whose answers are kept until the figures are read again: many desks ask the same at once."""


def _figure_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("site", NAME, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("district", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in _COUNTS),
        sa.Column("observed_at", TIME),
        sa.Column("effective_at", TIME, nullable=False),
    ]


figures = sa.Table(
    "figures",
    metadata,
    sa.Column("origin", NAME, primary_key=True),
    *(sa.Column(name, NAME, primary_key=True) for name in _GROUP),
    *_figure_columns(),
)
"""The last word of every origin about each of its groups."""

figure_history = sa.Table(
    "figure_history",
    metadata,
    sa.Column("series", pg.UUID, primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("teller", NAME, nullable=False),
    *(sa.Column(name, NAME, nullable=False) for name in _GROUP),
    *_figure_columns(),
    sa.Index("figure_history_effective", "series", "effective_at", "epoch", "sequence"),
    info=ADDED_TO,
)
"""Everything every origin ever told. Its column is `teller`, not `origin`: a new epoch ends what is current, not the
past. series: what one origin told about one of its groups (`series_of`).
"""

SERIES_SQL = (
    "encode(substring(sha256(convert_to(concat_ws(e'\\x1f', teller, location, kind, size_class, feature_class),"
    " 'UTF8')) from 1 for 16), 'hex')::uuid"
)
"""`series_of` in a statement, of the columns of a row."""

SERIES_KNOWN = 65_536
"""Series whose name is known by heart: as many groups as a city has, and more."""

offer_modes = sa.Table(
    "offer_modes",
    metadata,
    sa.Column("origin", NAME, primary_key=True),
    sa.Column("location", NAME, primary_key=True),
    sa.Column("site", NAME, nullable=False),
    sa.Column("mode", NAME, nullable=False, index=True),
)
"""The locations that have said whether they ask their operator before they offer."""

CAPACITY_TABLES = (figures, figure_history, offer_modes, *SESSION_WEEK_TABLES)


@lru_cache(SERIES_KNOWN)
def series_of(teller: str, location: str, kind: str, size_class: str, feature_class: str) -> str:
    """The name, as a UUID, of what one origin tells about one of its groups. Five texts in each of two indexes are most
    of what a line costs (`docs/decisions/0100-a-series-has-a-short-name.md`)."""
    told = f"{teller}\x1f{location}\x1f{kind}\x1f{size_class}\x1f{feature_class}"
    return str(uuid.UUID(bytes=hashlib.sha256(told.encode()).digest()[:16]))


def _line(message: Message, group: tuple[str, str, str, str], values: tuple[Any, ...]) -> Put:
    """One more line of history."""
    teller, epoch = message.origin.key, message.origin.epoch
    return Put(figure_history, (series_of(teller, *group), epoch, message.sequence, teller, *group, *values))


def capacity_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    """The figures one message tells: the last word now, and one more line of history. They are of the site whose log
    they are in, whatever name it gives itself."""
    if isinstance(contract, SeatsTold):
        yield from _seat_rows(message, contract)
        return
    if isinstance(contract, told.SessionsTold):
        yield from _session_rows(message, contract)
        return
    if isinstance(contract, SessionWeekTold):
        yield from session_week_rows(message, contract)
        return
    if isinstance(contract, told.OfferModeTold):
        yield Put(offer_modes, (message.origin.key, contract.location, message.origin.site, contract.mode))
        return
    assert isinstance(contract, told.CapacityTold)
    effective_at = message.observed_at or message.time
    for row in contract.rows:
        group = (contract.location, row.kind, row.size_class, row.feature_class)
        values = (
            message.origin.site, contract.title, contract.district, row.total, row.overflow, row.occupied, row.held,
            row.blocked, row.people, row.observed_at, effective_at,
        )  # fmt: skip
        yield Put(figures, (message.origin.key, *group, *values))
        yield _line(message, group, values)


def _seat_rows(message: Message, contract: SeatsTold) -> Iterable[RowChange]:
    """The seats of an allowance programme, beside the beds: the programme stands where a location does."""
    group = (contract.programme_id, SEATS, "", "")
    at, site = message.time, message.origin.site
    values = (site, contract.name, "", contract.total, 0, contract.occupied, contract.held, 0, 0, None, at)
    yield Put(figures, (message.origin.key, *group, *values))
    yield _line(message, group, values)


def _session_rows(message: Message, contract: told.SessionsTold) -> Iterable[RowChange]:
    """The seats of sessions, beside the beds of the same house: a booked one counts as occupied."""
    about = (message.origin.site, contract.title, contract.district)
    for row in contract.rows:
        group = (contract.location, row.kind, "", "")
        values = (*about, row.seats, 0, row.booked, 0, 0, 0, None, message.time)
        yield Put(figures, (message.origin.key, *group, *values))
        yield _line(message, group, values)


_TOLD: tuple[type[Contract], ...] = (
    told.CapacityTold, told.SessionsTold, SessionWeekTold, told.OfferModeTold, SeatsTold,
)  # fmt: skip
CAPACITY = View("capacity", CAPACITY_TABLES, {contract.type_name: contract for contract in _TOLD}, capacity_rows)


def digest(rows: Iterable[dict[str, Any]]) -> str:
    """A fingerprint of one origin's figures: facts only, in one order, so that two sites can compare without sending
    them.
    """
    facts = sorted(
        (*(row[name] for name in _GROUP), *(row[name] for name in _COUNTS),
         row["observed_at"].timestamp() if row["observed_at"] else 0.0)
        for row in rows
    )  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()


AS_IT_WAS = ("effective_at <= $1", "effective_at desc, epoch desc, sequence desc")


async def figures_at(store: PgStore, at: datetime) -> list[dict[str, Any]]:
    """Every group's figures as they were at `at`, as far as is known now: what was observed later is left out, what was
    reported late is in."""
    return await _history(store, *AS_IT_WAS, at)


async def figures_of(store: PgStore, origin: str, epoch: int, sequence: int) -> list[dict[str, Any]]:
    """One origin's figures when it had told exactly `sequence` messages of `epoch`."""
    where = "known.teller = $1 and epoch = $2 and sequence <= $3"
    return await _history(store, where, "sequence desc", origin, epoch, sequence)


def history_sql(where: str, newest_first: str) -> str:
    """The newest line of every series that meets a condition: from series to series and from there to its one line,
    each found by index, so that the length of history does not matter.
    """
    return f"""
with recursive known as (
  (select series, teller from figure_history order by series limit 1)
  union all
  select following.* from known cross join lateral (
    select series, teller from figure_history as line where line.series > known.series order by series limit 1
  ) as following
)
select newest.*, newest.teller as origin from known cross join lateral (
  select * from figure_history as line where line.series = known.series and {where} order by {newest_first} limit 1
) as newest
"""  # noqa: S608


async def _history(store: PgStore, where: str, newest_first: str, *arguments: Any) -> list[dict[str, Any]]:
    sql = history_sql(where, newest_first)
    return [dict(row) for row in await store.query(lambda pool: pool.fetch(sql, *arguments))]


Counts = Callable[[str, int, datetime | None], bool]


def always(_site: str, _epoch: int, _at: datetime | None) -> bool:
    return True


class NetworkCapacity:
    """Answers what the network's capacity is. `changed` wakes when a figure moved.

    link: how a site is heard now, with whether all it told has been applied here. counts: whether what a site told in
    an epoch counts at a time (None: now): not once it has left the network.
    """

    def __init__(
        self, store: PgStore, reader: Reader, link: Callable[[str], SiteLink], clock: Clock, counts: Counts = always
    ) -> None:
        self._store, self._reader, self._link, self._clock, self._counts = store, reader, link, clock, counts
        self.changed: Wake = reader.applied
        self._rooms: Mapping[str, Sequence[Room]] = {}
        self._answers: dict[tuple[str | None, Wanted, int], Sequence[Found]] = {}
        self._read_at = -math.inf
        self._reading = asyncio.Lock()

    async def capacity(
        self,
        *,
        at: datetime | None = None,
        site: str | None = None,
        location: str | None = None,
        kind: str | None = None,
    ) -> Mapping[str, Any]:
        """`{as_of, rows[], totals}`. at: as it was then, as far as is known now; links and bounds are those of now.

        A site that had left by then is in no total; its lines are shown to whoever names it or its location.
        """
        rows = await self._figures() if at is None else await figures_at(self._store, at)
        wanted = [
            row for row in rows
            if site in (None, row["site"]) and location in (None, row["location"]) and kind in (None, row["kind"])
        ]  # fmt: skip
        as_of = at or self._clock.now()
        counted = [row for row in wanted if self._counts(row["site"], row["epoch"], at)]
        lines = capacity(counted, as_of, self._link, self._reader.incomplete)
        gone: list[CapacityRow] = []
        if (site, location) != (None, None):
            left = [row for row in wanted if not self._counts(row["site"], row["epoch"], at)]
            gone = [without_room(line) for line in capacity(left, as_of, lambda _: RETIRED)]
        # A seat is no bed: the two are never one number.
        seats = kind is not None and kind not in BED_KINDS
        summed = lines if seats else [line for line in lines if line.kind in BED_KINDS]
        return {"as_of": as_of, "rows": lines + gone, "totals": totals(summed)}

    async def current(self) -> list[dict[str, Any]]:
        """Everybody's last word about beds, but for those that left the network."""
        return [
            row for row in await self._figures()
            if row["kind"] in BED_KINDS and self._counts(row["site"], row["epoch"], None)
        ]  # fmt: skip

    async def _figures(self) -> list[dict[str, Any]]:
        """Everybody's last word, each with the epoch it is of."""
        rows = await self._store.rows(figures)
        return [row | {"epoch": self._reader.checkpoint(row["origin"])[0]} for row in rows]

    async def search(
        self, *, kind: str | None, household_size: int, features: Sequence[str], district: str | None, limit: int
    ) -> Sequence[Found]:
        """Where there is room for a household, by the figures as they are known now; the nearest match first."""
        known = await self._lately()
        wanted = Wanted(household_size, frozenset(features), district)
        answer = self._answers.get((kind, wanted, limit))
        if answer is None:
            there = chain.from_iterable(known.values()) if kind is None else known.get(kind, ())
            answer = search(there, wanted, self._clock.now(), self._link, self._reader.incomplete, limit)
            if len(self._answers) < ANSWERS_MAX:
                self._answers[kind, wanted, limit] = answer
        return answer

    async def _lately(self) -> Mapping[str, Sequence[Room]]:
        """Who has room of each kind, as it is or was `SEARCH_SECONDS` ago at most: many search, one reads."""
        if self._clock.monotonic() - self._read_at > SEARCH_SECONDS:
            async with self._reading:
                began = self._clock.monotonic()
                if began - self._read_at > SEARCH_SECONDS:
                    by_kind: dict[str, list[Room]] = {}
                    for room in rooms(await self.current()):
                        by_kind.setdefault(room.kind, []).append(room)
                    self._rooms, self._read_at = by_kind, began
                    self._answers = {}
        return self._rooms

    async def digest(
        self, origin: str | None = None, epoch: int | None = None, sequence: int | None = None
    ) -> Mapping[str, Any]:
        """`{origins: {"west/placement": {epoch, sequence, digest, incomplete}}, digest}`: of what is current, or of one
        origin as it was when it had told `sequence` messages of `epoch`. incomplete: why this view does not show that
        origin in full. An origin of a site that has left is not current.
        """
        if origin is not None and epoch is not None and sequence is not None:
            rows = await figures_of(self._store, origin, epoch, sequence)
            origins = {origin: {"epoch": epoch, "sequence": sequence, "digest": digest(rows)}}
        else:
            origins = await self._current()
        for name, facts in origins.items():
            facts["incomplete"] = self._reader.incomplete.get(name)
        both = hashlib.sha256(msgspec.json.encode(sorted((name, facts["digest"]) for name, facts in origins.items())))
        return {"origins": origins, "digest": both.hexdigest()}

    async def _current(self) -> dict[str, dict[str, Any]]:
        """Digests of the rows as they are, each with the sequence they stand at."""
        async with self._reader.still:
            # Of all who tell the network, those who tell figures: what an intake says is no part of this view, nor
            # what the allowance service says where it has no programmes.
            told = self._reader.checkpoints.items()
            figured = f"/{self._store.origin.service}"
            rows = await self._store.rows(figures)
            tells = {row["origin"] for row in rows}
            checkpoints = {
                key: at for (key, log), at in told if log == "pub" and (key.endswith(figured) or key in tells)
            }
        told_by: dict[str, list[dict[str, Any]]] = {name: [] for name in checkpoints}
        for row in rows:
            told_by.setdefault(row["origin"], []).append(row)
        return {
            name: {"epoch": checkpoints[name][0], "sequence": checkpoints[name][1], "digest": digest(told_by[name])}
            for name in sorted(checkpoints)
            if self._counts(name.partition("/")[0], checkpoints[name][0], None)
        }

    async def caught_up(self, position: int) -> None:
        """Returns once this view shows what this site's own store held at `position`."""
        while await self._store.last_position() < position:
            await self._store.appended.wait_at_most(self._store.appended.count, 0.1, self._clock)
        target = await self._store.outbox_last("pub")
        while self._reader.checkpoint(self._store.origin.key)[1] < target:
            await self._reader.applied.wait_at_most(self._reader.applied.count, 0.1, self._clock)
