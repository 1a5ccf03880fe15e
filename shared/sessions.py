"""Who a browser's session speaks for: a row of the site's own database that can be ended at any moment.

A session is a random secret in a cookie. The console begins and ends sessions (`services/console/views_accounts.py`);
every process of the site reads them here, so that one that was ended is over for all of its services within a second.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from typing import Any, NamedTuple, cast

import asyncpg

from shared.clock import Clock
from shared.ports import StoreUnavailable
from shared.security import Actor, Role, TokenError
from shared.writer import unreachable

PREFIX = "session."
"""What a session's secret begins with: no signed token does."""
SECRET_BYTES = 32
SECRET_LENGTH_MAX = 100

FRESH_SECONDS = 1.0
"""How long an answer is good for: one that was ended in another process is over after so long."""
UNHEARD_SECONDS_MAX = 300.0
"""How long it is good for while the database does not answer: nobody can end a session there meanwhile."""
REMEMBERED_MAX = 1_000
"""Of those that count, and as many that do not: made-up cookies push nobody out who is signed in."""
ANSWER_SECONDS_MAX = 5.0

_FIND = (
    "select s.subject, s.role, extract(epoch from s.expires_at)::float8 from sign_ins s"
    " left join accounts a on a.id = s.account"
    " where s.key = $1 and a.disabled_at is null and ($2 or a.demo is not true)"
)


class _Found(NamedTuple):
    """subject, role, until: seconds since 1970; None when there is no such session. at: on the monotonic clock."""

    session: tuple[str, Role, float] | None
    at: float


def new_secret() -> str:
    """What a new session's cookie holds."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def key_of(secret: str) -> str:
    """Under which a secret is kept: whoever reads the database cannot sign in with it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_session(token: str) -> bool:
    """Whether this is a session's secret, and no signed token."""
    return token.startswith(PREFIX)


class Sessions:
    """The sessions of one site, as each of its processes reads them.

    dsn: of the console's database. site: where they count. demo: whether accounts of a demonstration count.
    """

    def __init__(self, dsn: str, site: str, clock: Clock, *, demo: bool = False) -> None:
        self._dsn, self._site, self._clock, self._demo = dsn, site, clock, demo
        self._known: OrderedDict[str, _Found] = OrderedDict()
        self._nobodys: OrderedDict[str, _Found] = OrderedDict()
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    async def __call__(self, secret: str) -> Actor:
        """Who a secret speaks for now. Raises `TokenError`: `session-ended`; `StoreUnavailable`."""
        if len(secret) > SECRET_LENGTH_MAX:
            raise TokenError("session-ended")
        found = await self._session(key_of(secret))
        if found is None or found[2] <= self._clock.now().timestamp():
            raise TokenError("session-ended")
        return Actor(found[0], found[1], self._site)

    def forget(self) -> None:
        """Asks for all of them anew: some were ended here."""
        self._known.clear()
        self._nobodys.clear()

    def close(self) -> None:
        """Lets go of its connections."""
        if self._pool is not None:
            self._pool.terminate()

    async def _session(self, key: str) -> tuple[str, Role, float] | None:
        now, known = self._clock.monotonic(), self._known.get(key) or self._nobodys.get(key)
        if known is not None and now - known.at < FRESH_SECONDS:
            return known.session
        try:
            row = await self._row(key)
        except StoreUnavailable:
            if known is not None and now - known.at < UNHEARD_SECONDS_MAX:
                return known.session
            raise
        session = None if row is None else (row[0], cast("Role", row[1]), row[2])
        self._known.pop(key, None)
        kept = self._known if session is not None else self._nobodys
        kept[key] = _Found(session, now)
        kept.move_to_end(key)
        if len(kept) > REMEMBERED_MAX:
            kept.popitem(last=False)
        return session

    async def _row(self, key: str) -> Any:
        for attempt in (1, 2):
            try:
                return await (await self._opened()).fetchrow(_FIND, key, self._demo)
            except Exception as error:
                if not unreachable(error):
                    raise
                if attempt == 2:
                    raise StoreUnavailable(type(error).__name__) from error
        raise AssertionError("unreachable")

    async def _opened(self) -> asyncpg.Pool[asyncpg.Record]:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn, min_size=0, max_size=2, command_timeout=ANSWER_SECONDS_MAX, timeout=ANSWER_SECONDS_MAX
                )
            return self._pool
