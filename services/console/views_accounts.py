"""The accounts of a site's people and their sessions: rows of the console's own database, and nobody else's.

They are not events: nothing about them is told, and a session that is over leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeVar

import asyncpg
import sqlalchemy as sa
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.dialects import postgresql as pg

from services.console.signing import DEMO_PASSWORD, DEVICE_DAYS, as_typed
from shared.clock import Clock
from shared.schema import NAME, TIME, metadata
from shared.security import ROLES, Role
from shared.sessions import key_of, new_secret

T = TypeVar("T")

DEMO_ACCOUNTS: dict[str, Role] = {role: role for role in ROLES}
"""One account for each role, of networks that are a demonstration; its name is the role."""

HASHES_AT_ONCE = 2
"""One takes 64 MiB and a tenth of a second of a core: whoever floods the page waits, and the site does not. Half of
them are for browsers that are known: a flood of strangers makes nobody wait at their own device."""
HASHES_WAITING_MAX = 50
"""Who comes when so many wait already is sent away at once: each of them is a request that stays open."""
BUSY_SECONDS = 5.0
"""About how long so many take."""

PRUNE_EVERY_SECONDS = 3600.0

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("name", NAME, primary_key=True),
    sa.Column("id", pg.UUID, nullable=False, unique=True),
    sa.Column("role", NAME, nullable=False),
    sa.Column("password", sa.Text),
    sa.Column("demo", sa.Boolean, nullable=False),
    sa.Column("opened_at", TIME, nullable=False),
    sa.Column("disabled_at", TIME),
)
"""password: its hash; None for an account of a demonstration."""

sign_ins = sa.Table(
    "sign_ins",
    metadata,
    sa.Column("key", NAME, primary_key=True),
    sa.Column("id", pg.UUID, nullable=False, unique=True),
    sa.Column("account", pg.UUID),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("role", NAME, nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("began_at", TIME, nullable=False),
    sa.Column("expires_at", TIME, nullable=False),
    sa.Index("sign_ins_subject", "subject"),
)
"""Sessions, under the hash of what the cookie holds. account: None for one that began with a token."""

devices = sa.Table(
    "devices",
    metadata,
    sa.Column("key", NAME, primary_key=True),
    sa.Column("account", pg.UUID, primary_key=True),
    sa.Column("seen_at", TIME, nullable=False),
)
"""Browsers somebody has signed in with, under the hash of what their cookie holds."""

ACCOUNT_TABLES = (accounts, sign_ins, devices)


class Account(NamedTuple):
    """One person's account at this site. password: its hash."""

    name: str
    id: str
    role: Role
    password: str | None
    demo: bool
    opened_at: datetime
    disabled_at: datetime | None


class SignIn(NamedTuple):
    """One session, as its owner sees it."""

    id: str
    device: str
    began_at: datetime
    expires_at: datetime
    key: str


class Query(Protocol):
    """Runs some work on the console's database: `PgStore.query`, or a connection of a verb."""

    def __call__(self, work: Callable[[Any], Awaitable[T]], /) -> Awaitable[T]: ...


class PasswordsBusy(Exception):
    """Too many passwords wait to be compared."""


class Passwords:
    """Hashes and compares passwords, beside the loop and a few at a time. hasher: what it costs."""

    def __init__(self, hasher: Argon2Hasher | None = None) -> None:
        self._hasher = PasswordHash((hasher or Argon2Hasher(),))
        self._turns = {known: asyncio.Semaphore(HASHES_AT_ONCE // 2) for known in (True, False)}
        self._waiting = dict.fromkeys((True, False), 0)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        return await asyncio.to_thread(self._hasher.hash, as_typed(password))

    async def fits(self, password: str, account: Account | None, *, known: bool = False) -> bool:
        """Whether this is the account's password. For no account it takes as long: nobody learns who has one. known:
        whether the browser is one the account was signed in with before. Raises `PasswordsBusy`."""
        if account is not None and account.demo:
            return password == DEMO_PASSWORD
        hashed = None if account is None else account.password
        if self._waiting[known] >= HASHES_WAITING_MAX:
            raise PasswordsBusy
        self._waiting[known] += 1
        try:
            async with self._turns[known]:
                if self._nobodys is None:
                    self._nobodys = await self.hash(new_secret())
                fits = await self._compare(password, hashed or self._nobodys)
        finally:
            self._waiting[known] -= 1
        return fits and hashed is not None

    async def _compare(self, password: str, hashed: str) -> bool:
        """A password that was set before passwords were normalized counts as it was typed then."""
        for counts in dict.fromkeys((as_typed(password), password)):
            if await asyncio.to_thread(self._hasher.verify, counts, hashed):
                return True
        return False


class Accounts:
    """What is asked of and done with the accounts. query: runs it on the console's database."""

    def __init__(self, query: Query) -> None:
        self._query = query

    async def find(self, name: str) -> Account | None:
        rows = await self._fetch(f"{_ACCOUNTS} where name = $1", name)
        return _account(rows[0]) if rows else None

    async def all(self) -> list[Account]:
        return [_account(row) for row in await self._fetch(f"{_ACCOUNTS} order by name")]

    async def add(self, name: str, role: Role, password: str | None, now: datetime, id_: str) -> bool:
        """password: its hash; None makes an account of a demonstration. False when the name is taken."""
        added = await self._fetch(
            "insert into accounts (name, id, role, password, demo, opened_at)"
            " values ($1, $2, $3, $4, $5, $6) on conflict (name) do nothing returning name",
            name, id_, role, password, password is None, now,
        )  # fmt: skip
        return bool(added)

    async def furnish(self, now: datetime, new_id: Callable[[], str]) -> None:
        """Adds the accounts of a demonstration that are not there yet."""
        for name, role in DEMO_ACCOUNTS.items():
            await self.add(name, role, None, now, new_id())

    async def disable(self, name: str, now: datetime | None) -> bool:
        """Ends all its sessions, until it is enabled again (now: None). False when there is no such account."""
        changed = await self._fetch("update accounts set disabled_at = $2 where name = $1 returning id", name, now)
        return bool(changed) and await self.sign_out(name) >= 0

    async def set_password(self, name: str, hashed: str) -> bool:
        """Ends all its sessions, and no device is known any more. False when there is no such account of a person.

        In one transaction: a password that was changed lets nobody stay who came in with the one before.
        """

        async def work(pool: asyncpg.Pool[asyncpg.Record]) -> bool:
            async with pool.acquire() as connection, connection.transaction():
                sql = "update accounts set password = $2 where name = $1 and not demo returning id"
                changed = await connection.fetchval(sql, name, hashed)
                await connection.execute("delete from devices where account = $1", changed)
                await connection.execute("delete from sign_ins where account = $1", changed)
                return changed is not None

        return await self._query(work)

    async def sign_out(self, name: str) -> int:
        """How many sessions of an account were ended."""
        sql = "delete from sign_ins where account in (select id from accounts where name = $1) returning id"
        return len(await self._fetch(sql, name))

    async def begin(
        self, account: Account | None, subject: str, role: Role, device: str, now: datetime, until: datetime, id_: str
    ) -> str | None:
        """A new session's secret. account: None when it begins with a token; None comes back when the account was
        disabled, or got another password, after it was read: the lock has either wait for the other."""
        secret = new_secret()
        values = [key_of(secret), id_, subject, role, device, now, until]
        if account is None:
            await self._fetch(_BEGIN, *values)
            return secret
        begun = await self._fetch(_BEGIN_WITH, *values, account.id, account.password)
        return secret if begun else None

    async def of(self, subject: str, now: datetime) -> list[SignIn]:
        """Somebody's sessions that are not over, the newest first."""
        sql = (
            "select id, device, began_at, expires_at, key from sign_ins where subject = $1 and expires_at > $2"
            " order by began_at desc, id limit 100"
        )
        return [SignIn(str(row[0]), *row[1:]) for row in await self._fetch(sql, subject, now)]

    async def end(self, secret: str) -> None:
        """Ends the session of a cookie."""
        await self._fetch("delete from sign_ins where key = $1", key_of(secret))

    async def end_one(self, subject: str, id_: str) -> None:
        """Ends one of somebody's own sessions; anybody else's is left alone."""
        await self._fetch("delete from sign_ins where subject = $1 and id::text = $2", subject, id_)

    async def end_others(self, subject: str, secret: str) -> None:
        """Ends all of somebody's sessions but the one of this cookie."""
        await self._fetch("delete from sign_ins where subject = $1 and key <> $2", subject, key_of(secret))

    async def knows(self, account: Account, device: str) -> bool:
        """Whether somebody has signed in to this account with this browser before."""
        sql = "select 1 from devices where key = $1 and account = $2"
        return bool(await self._fetch(sql, key_of(device), account.id))

    async def remember(self, account: Account, device: str, now: datetime) -> None:
        """Remembers the browser somebody signed in with."""
        await self._fetch(
            "insert into devices (key, account, seen_at) values ($1, $2, $3)"
            " on conflict (key, account) do update set seen_at = excluded.seen_at",
            key_of(device), account.id, now,
        )  # fmt: skip

    async def keep_young(self, clock: Clock) -> None:
        """Takes away what is over, every hour, for ever."""
        while True:
            await self.prune(clock.now())
            await clock.sleep(PRUNE_EVERY_SECONDS)

    async def prune(self, now: datetime) -> None:
        """Takes away sessions that are over and browsers nobody has come back with."""
        await self._fetch("delete from sign_ins where expires_at <= $1", now)
        await self._fetch("delete from devices where seen_at < $1", now - timedelta(days=DEVICE_DAYS))

    async def _fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        async def work(pool: asyncpg.Pool[asyncpg.Record]) -> list[asyncpg.Record]:
            return await pool.fetch(sql, *values)

        return await self._query(work)


_BEGIN = (
    "insert into sign_ins (key, id, subject, role, device, began_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7)"
)
_BEGIN_WITH = (
    "insert into sign_ins (key, id, subject, role, device, began_at, expires_at, account)"
    " select $1::text, $2::uuid, $3::text, $4::text, $5::text, $6::timestamptz, $7::timestamptz, id from accounts"
    " where id = $8 and disabled_at is null and password is not distinct from $9 for share returning id"
)
_ACCOUNTS = "select name, id, role, password, demo, opened_at, disabled_at from accounts"


def _account(row: asyncpg.Record) -> Account:
    return Account(row["name"], str(row["id"]), row["role"], row["password"], *row[4:])
