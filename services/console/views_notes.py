"""What one shift leaves for the next: notes about places, sealed, of this site only, and gone after fourteen days.

They are rows, not events: nothing about them is told, nothing is decided on them, and none outlives its time. Each is
sealed under the key of its day (`shared/vault.py`); that key is destroyed when the last note of the day is over, and
with it every copy of them in a backup.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from services.console.views_accounts import Query
from shared.clock import Clock
from shared.ports import StoreUnavailable
from shared.schema import NAME, TIME, metadata
from shared.telemetry import logger
from shared.vault import Vault, VaultProblem

log = logger("notes")

KEPT_DAYS = 14
"""How long a note is there at most (the domain, at the desk)."""
NOTES_MAX, SITE_NOTES_MAX = 200, 5_000
"""Of one house at a time: more than anybody reads at the start of a shift; and of all houses of a site together."""
PRUNE_EVERY_SECONDS, RETRY_SECONDS = 600.0, 15.0
"""How often what is over is taken away; how soon keys that could not be read are looked for again."""
DAYS_LOOKED_BACK = 60
"""How far back a key may have been forgotten by a site that stood still: its notes were over long before."""

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", pg.UUID, primary_key=True),
    sa.Column("location", NAME, nullable=False, index=True),
    sa.Column("place", NAME),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("role", NAME, nullable=False),
    sa.Column("written_at", TIME, nullable=False),
    sa.Column("goes_at", TIME, nullable=False, index=True),
    sa.Column("done_at", TIME),
)
"""place: None for the whole house. day: whose key it is sealed with. done_at: since when nobody has to read it."""

NOTE_TABLES = (notes,)


class Note(NamedTuple):
    """text: None where it does not open. place: the place's id; None for the whole house."""

    id: str
    place: str | None
    text: str | None
    role: str
    written_at: datetime
    goes_at: datetime


class NotesFull(Exception):
    """The house has `NOTES_MAX` notes already."""


class KeyUsedOtherwise(Exception):
    """Another text was written under this idempotency key."""


class Notes:
    """What is asked of and done with the notes of one site. All of it raises `StoreUnavailable`."""

    def __init__(self, query: Query, vault: Vault, site: str) -> None:
        self._query, self._vault, self._site = query, vault, site

    async def write(self, id_: str, location: str, place: str | None, text: str, role: str, now: datetime) -> bool:
        """Seals and keeps one. False: it was written before, under the same id.

        Raises `VaultProblem`, `NotesFull`, and `KeyUsedOtherwise` where something else stands under that id.
        """
        day = now.astimezone(UTC).date()
        key = await self._key(day)
        sealed = await self._vault.seal(key, _name(id_), json.dumps([location, place, text]).encode())
        goes_at = now + timedelta(days=KEPT_DAYS)
        values = (id_, location, place, day, sealed, role, now, goes_at, NOTES_MAX, SITE_NOTES_MAX)
        if await self._fetch(_WRITE, *values):
            return True
        there = await self._fetch(f"{_READ} where id = $1", id_)
        if not there:
            raise NotesFull
        if await self._open(there[0]) != text or (there[0]["location"], there[0]["place"]) != (location, place):
            raise KeyUsedOtherwise
        return False

    async def of(self, location: str, now: datetime) -> list[Note]:
        """What a house's next shift should know, the newest first."""
        wanted = f"{_READ} where location = $1 and goes_at > $2 and done_at is null order by written_at desc, id"
        rows = await self._fetch(wanted, location, now)
        return [
            Note(str(row["id"]), row["place"], await self._open(row), row["role"], row["written_at"], row["goes_at"])
            for row in rows
        ]

    async def settle(self, id_: str, now: datetime | None) -> bool:
        """Nobody has to read it any more; now: None puts it back. False: there is no such note (any more)."""
        return bool(await self._fetch("update notes set done_at = $2 where id = $1 returning id", id_, now))

    async def keep_young(self, clock: Clock) -> None:
        """Opens the vault, and takes away what is over, for ever."""
        while True:
            try:
                if self._vault.shut is not None:
                    await self._vault.open()
                await self.prune(clock.now())
            except VaultProblem as problem:  # its detail names keys, and a key its day and site: the code is enough
                log.warning("notes were not looked through", because=problem.code)
            except StoreUnavailable:
                log.warning("notes were not looked through", because="store-unavailable")
            await clock.sleep(PRUNE_EVERY_SECONDS if self._vault.shut is None else RETRY_SECONDS)

    async def prune(self, now: datetime) -> None:
        """Takes away notes that are over, then destroys the keys of days all of whose notes are. Raises `VaultProblem`.

        The rows go first: a key that is destroyed while a row is there would leave something nobody can read.
        """
        await self._fetch("delete from notes where goes_at <= $1", now)
        last = now.astimezone(UTC).date() - timedelta(days=KEPT_DAYS + 1)
        gone = self._vault.destroyed()
        for back in range(DAYS_LOOKED_BACK):
            key = key_of(self._site, last - timedelta(days=back))
            if key not in gone and await self._vault.knows(key):
                await self._vault.destroy(key, now)

    async def _key(self, day: date) -> str:
        key = key_of(self._site, day)
        if not await self._vault.knows(key):
            try:
                await self._vault.create(key)
            except VaultProblem as problem:
                if problem.code != "vault-key-used":  # somebody else made it a moment ago
                    raise
        return key

    async def _open(self, row: asyncpg.Record) -> str | None:
        try:
            opened = await self._vault.unseal(key_of(self._site, row["day"]), _name(str(row["id"])), row["sealed"])
        except VaultProblem as problem:
            log.warning("a note does not open", code=problem.code)
            return None
        location, place, text = json.loads(opened)
        return str(text) if (location, place) == (row["location"], row["place"]) else None

    async def _fetch(self, sql: str, *values: Any) -> Sequence[asyncpg.Record]:
        async def work(pool: asyncpg.Pool[asyncpg.Record]) -> list[asyncpg.Record]:
            return await pool.fetch(sql, *values)

        return await self._query(work)


def key_of(site: str, day: date) -> str:
    """The id of the key of one day's notes at one site."""
    return str(uuid5(NAMESPACE_URL, f"urn:nld:plek:{site}:notes:{day.isoformat()}"))


def _name(id_: str) -> str:
    return f"note {id_}"


_READ = "select id, location, place, day, sealed, role, written_at, goes_at from notes"
_WRITE = (
    "insert into notes (id, location, place, day, sealed, role, written_at, goes_at)"
    " select $1::uuid, $2::text, $3::text, $4::date, $5::text, $6::text, $7::timestamptz, $8::timestamptz"
    " where (select count(*) from notes where location = $2::text and goes_at > $7::timestamptz and done_at is null)"
    " < $9::int and (select count(*) from notes) < $10::int on conflict (id) do nothing returning id"
)
