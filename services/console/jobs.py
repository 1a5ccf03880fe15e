"""The accounts of a site's people as `plek accounts` looks after them: run on the site's machine, on its own database.

There is no account that may make accounts: whoever may run this on the machine may.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from services.console.signing import NAME_CHARS_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, name_of, weakness
from services.console.views_accounts import Account, Accounts, Passwords
from shared.clock import Clock
from shared.ids import Ids
from shared.ports import StoreUnavailable
from shared.security import ROLES
from shared.writer import unreachable

T = TypeVar("T")

WORDS = {
    "account-unknown": "there is no such account at this site",
    "account-taken": "there is an account of this name already",
    "name-invalid": f"a name is at most {NAME_CHARS_MAX} of a-z, 0-9, dot, dash, underscore; first a letter or digit",
    "role-unknown": f"there is no such role: there is {', '.join(ROLES)}",
    "password-too-short": f"a password has at least {PASSWORD_CHARS_MIN} characters",
    "password-too-long": f"a password has at most {PASSWORD_CHARS_MAX} characters",
    "password-too-plain": "this password is too easily guessed: it holds the name, or few different characters",
}


class AccountRefused(Exception):
    """Why nothing was done. code: one of `WORDS`; the text is that code's line."""

    def __init__(self, code: str) -> None:
        super().__init__(WORDS[code])
        self.code = code


class AccountDesk:
    """What may be done with the accounts of one site. All of it raises `AccountRefused` and `StoreUnavailable`."""

    def __init__(self, accounts: Accounts, clock: Clock, ids: Ids, passwords: Passwords) -> None:
        self._accounts, self._clock, self._ids, self._passwords = accounts, clock, ids, passwords

    async def all(self) -> list[Account]:
        return await self._accounts.all()

    async def add(self, typed: str, role: str, password: str) -> Account:
        """A new account."""
        known = next((one for one in ROLES if one == role), None)
        if known is None:
            raise AccountRefused("role-unknown")
        name, hashed = await self._hashed(typed, password)
        if not await self._accounts.add(name, known, hashed, self._clock.now(), self._ids.random_id()):
            raise AccountRefused("account-taken")
        return await self._found(name)

    async def password(self, typed: str, password: str) -> Account:
        """Another password; all sessions of the account end."""
        name, hashed = await self._hashed(typed, password)
        if not await self._accounts.set_password(name, hashed):
            raise AccountRefused("account-unknown")
        return await self._found(name)

    async def disable(self, typed: str, *, disabled: bool) -> Account:
        """Nobody signs in with it any more, and its sessions end; or it counts again."""
        name = name_of(typed)
        if name is None or not await self._accounts.disable(name, self._clock.now() if disabled else None):
            raise AccountRefused("account-unknown")
        return await self._found(name)

    async def sign_out(self, typed: str) -> int:
        """How many sessions of an account were ended."""
        account = await self._found(name_of(typed) or "")
        return await self._accounts.sign_out(account.name)

    async def _hashed(self, typed: str, password: str) -> tuple[str, str]:
        name = name_of(typed)
        if name is None:
            raise AccountRefused("name-invalid")
        weak = weakness(name, password)
        if weak is not None:
            raise AccountRefused(weak)
        return name, await self._passwords.hash(password)

    async def _found(self, name: str) -> Account:
        account = await self._accounts.find(name)
        if account is None:
            raise AccountRefused("account-unknown")
        return account


@asynccontextmanager
async def account_desk(dsn: str, clock: Clock, ids: Ids) -> AsyncIterator[AccountDesk]:
    """The accounts in one console's database. Raises `StoreUnavailable`, also later, when that does not answer."""

    async def query(work: Callable[[Any], Awaitable[T]]) -> T:
        try:
            return await work(pool)
        except Exception as error:
            if unreachable(error):
                raise StoreUnavailable(type(error).__name__) from error
            raise

    try:
        pool = await asyncpg.create_pool(dsn, min_size=1, max_size=1, timeout=5, command_timeout=30)
    except Exception as error:
        if unreachable(error):
            raise StoreUnavailable(type(error).__name__) from error
        raise
    try:
        yield AccountDesk(Accounts(query), clock, ids, Passwords())
    finally:
        pool.terminate()
