"""Signing in and out, and one's own sessions: with an account and its password, an account of a demonstration, or a
token.

What a browser keeps is a session's secret in a cookie that scripts cannot read and other sites cannot send, and a
second one that says only that somebody has signed in here before (`Tries`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response
from joserfc.jwk import KeySet
from starlette.responses import HTMLResponse, RedirectResponse

from services.console.api_screens import Screens
from services.console.signing import (
    DEMO_PASSWORD,
    DEVICE_DAYS,
    NAME_CHARS_MAX,
    PASSWORD_CHARS_MAX,
    SESSION_LIFETIME,
    Tries,
    device_of,
    name_of,
)
from services.console.views_accounts import BUSY_SECONDS, Account, Accounts, Passwords, PasswordsBusy
from shared.clock import Clock
from shared.http_access import EVERYBODY, CurrentActor, allow, open_to_all
from shared.http_models import is_id
from shared.ids import Ids
from shared.ports import StoreUnavailable
from shared.security import ROLES, TOKEN_LENGTH_MAX, Role, TokenError, signed_claims
from shared.sessions import SECRET_LENGTH_MAX, is_session, key_of, new_secret

DEVICE_COOKIE = "plek_device"


class NotLetIn(Exception):
    """Why somebody is not signed in, as a code. wait_seconds: after how long the next try may be made."""

    def __init__(self, code: str, wait_seconds: float = 0.0) -> None:
        super().__init__(code)
        self.code, self.wait_seconds = code, wait_seconds


@dataclass
class Entrance:
    """How people come in. keys: of the tokens that count here. forget: called when a session was ended."""

    accounts: Accounts
    keys: KeySet
    site: str
    clock: Clock
    ids: Ids
    demo: bool
    forget: Callable[[], None]
    passwords: Passwords = field(default_factory=Passwords)
    tries: Tries = field(default_factory=Tries)

    async def with_password(self, typed: str, password: str, device: str) -> Account:
        """The account somebody has the password of. device: what the browser keeps. Raises `NotLetIn`."""
        name = name_of(typed)
        account = None if name is None else await self.accounts.find(name)
        known = account is not None and bool(device) and await self.accounts.knows(account, device)
        key = f"{name or ''} {key_of(device) if known else ''}"
        wait = self.tries.take(key, self.clock.monotonic())
        if wait > 0:
            raise NotLetIn("too-many-tries", wait)
        counts = account if account is not None and (self.demo or not account.demo) else None
        try:
            fits = await self.passwords.fits(password, counts, known=known)
        except PasswordsBusy:
            raise NotLetIn("too-many-tries", BUSY_SECONDS) from None
        if not fits or counts is None:
            raise NotLetIn("password-wrong")
        self.tries.succeeded(key)
        if counts.disabled_at is not None:  # said only to whoever knows the password
            raise NotLetIn("account-disabled")
        return counts

    async def session(self, account: Account, browser: str) -> tuple[str, datetime]:
        """A new session of an account: its secret, and until when it counts. Raises `NotLetIn` when the password that
        let somebody in is not the account's any more, or the account was disabled meanwhile."""
        now = self.clock.now()
        until = now + SESSION_LIFETIME
        return await self._begin(account, account.id, account.role, browser, until), until

    async def token_session(self, token: str, browser: str) -> tuple[str, datetime]:
        """A new session of whoever holds a token, for as long as that counts. Raises `NotLetIn`. Its subject is the
        token's own: those of scripts are all called after their role, and whoever pasted one is nobody else."""
        now = self.clock.now()
        try:
            claims = signed_claims(self.keys, token)
            actor = claims.actor(self.site, now)
        except TokenError as error:
            raise NotLetIn(error.code) from None
        until = min(now + SESSION_LIFETIME, datetime.fromtimestamp(claims.expires, UTC))
        subject = f"{actor.subject}.{key_of(token)[:16]}"
        return await self._begin(None, subject, actor.role, browser, until), until

    async def _begin(self, account: Account | None, subject: str, role: Role, browser: str, until: datetime) -> str:
        now, device = self.clock.now(), device_of(browser)
        secret = await self.accounts.begin(account, subject, role, device, now, until, self.ids.random_id())
        if secret is None:
            raise NotLetIn("password-wrong")
        return secret

    async def demo_accounts(self) -> list[Account]:
        """Those anybody may choose here, in the order of the roles."""
        if not self.demo:
            return []
        there = [one for one in await self.accounts.all() if one.demo and one.disabled_at is None]
        return sorted(there, key=lambda one: ROLES.index(one.role))


def device_cookie(site: str) -> str:
    """The name of the cookie by which one site knows a browser again."""
    return f"{DEVICE_COOKIE}_{site}"


def add_sign_in(pages: FastAPI, screens: Screens, entrance: Entrance) -> None:
    """Adds the pages of this module."""
    desk = _Desk(screens, entrance)
    _add_entrance(pages, desk)
    _add_account(pages, desk)


class _Desk:
    """What the routes have in common."""

    def __init__(self, screens: Screens, entrance: Entrance) -> None:
        self.screens, self.entrance = screens, entrance
        self.device = device_cookie(screens.settings.site)

    async def form(self, request: Request, wrong: NotLetIn | None = None, name: str = "") -> HTMLResponse:
        """The sign-in page, with what was wrong with the last try."""
        try:
            demo = await self.entrance.demo_accounts()
        except StoreUnavailable:
            demo, wrong = [], NotLetIn("no-answer")
        status = 200 if wrong is None else {"too-many-tries": 429, "no-answer": 503}.get(wrong.code, 422)
        wait = None if wrong is None or not wrong.wait_seconds else int(wrong.wait_seconds) + 1
        answer = self.screens.page(
            request, "sign_in.html", status, demo=demo, demo_password=DEMO_PASSWORD, name=name,
            wrong=wrong and wrong.code, wait=wait and self.screens.language(request).duration(wait),
        )  # fmt: skip
        if wait is not None:
            answer.headers["Retry-After"] = str(wait)
        return answer

    async def enter(self, request: Request, secret: str, until: datetime, account: Account | None) -> Response:
        """Signed in: the cookies, and on to the live page. What this browser was signed in as before is over."""
        await self.leave(request)
        answer = RedirectResponse("/", 303)
        now = self.screens.clock.now()
        self._keep(request, answer, self.screens.cookie, secret, int((until - now).total_seconds()))
        if account is not None and not account.demo:
            device = request.cookies.get(self.device, "")[:SECRET_LENGTH_MAX] or new_secret()
            await self.entrance.accounts.remember(account, device, now)
            self._keep(request, answer, self.device, device, DEVICE_DAYS * 86400)
        return answer

    async def leave(self, request: Request) -> None:
        """Ends the session of this browser."""
        secret = request.cookies.get(self.screens.cookie, "")
        if is_session(secret):
            await self.entrance.accounts.end(secret)
            self.entrance.forget()

    def _keep(self, request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
        secure = request.url.scheme == "https"
        answer.set_cookie(name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="strict")


def _add_entrance(pages: FastAPI, desk: _Desk) -> None:
    entrance = desk.entrance

    @pages.get("/sign-in")
    @open_to_all
    async def sign_in_page(request: Request) -> HTMLResponse:
        """A name and a password; the accounts of a demonstration where it is one; a field for a token."""
        return await desk.form(request)

    @pages.post("/sign-in")
    @open_to_all
    async def sign_in(
        request: Request,
        name: Annotated[str, Form(max_length=NAME_CHARS_MAX + 20)] = "",
        password: Annotated[str, Form(max_length=PASSWORD_CHARS_MAX)] = "",
        token: Annotated[str, Form(max_length=TOKEN_LENGTH_MAX)] = "",
        demo: Annotated[str, Form(max_length=NAME_CHARS_MAX)] = "",
    ) -> Response:
        """Begins a session. 422 with the form again when what was given does not count, 429 when it came too often."""
        browser, account = request.headers.get("user-agent", ""), None
        try:
            if token.strip():
                secret, until = await entrance.token_session(token.strip(), browser)
            else:
                if demo:
                    account = next((one for one in await entrance.demo_accounts() if one.name == demo), None)
                    if account is None:
                        raise NotLetIn("not-a-demo")
                else:
                    device = request.cookies.get(desk.device, "")
                    account = await entrance.with_password(name, password, device)
                secret, until = await entrance.session(account, browser)
            return await desk.enter(request, secret, until, account)
        except NotLetIn as error:
            return await desk.form(request, error, name.strip())
        except StoreUnavailable:
            return await desk.form(request, NotLetIn("no-answer"), name.strip())

    @pages.post("/sign-out")
    @open_to_all
    async def sign_out(request: Request) -> Response:
        """Ends the session, here and for everybody who holds its cookie. While the database does not answer this
        device forgets it, and says so."""
        answer: Response = RedirectResponse("/sign-in", 303)
        try:
            await desk.leave(request)
        except StoreUnavailable:
            answer = await desk.form(request, NotLetIn("no-answer"))
        answer.delete_cookie(desk.screens.cookie, path="/", httponly=True, samesite="strict")
        return answer


def _add_account(pages: FastAPI, desk: _Desk) -> None:
    screens, accounts = desk.screens, desk.entrance.accounts

    @pages.get("/account")
    @allow(*EVERYBODY)
    async def account(request: Request, actor: CurrentActor) -> HTMLResponse:
        """Where somebody is signed in, and since when."""
        now, spoken = screens.clock.now(), screens.language(request)
        secret = request.cookies.get(screens.cookie, "")
        sessions = [
            {"id": one.id, "device": one.device, "began": spoken.moment(one.began_at, now),
             "until": spoken.moment(one.expires_at, now), "here": one.key == key_of(secret)}
            for one in await accounts.of(actor.subject, now)
        ]  # fmt: skip
        facts: dict[str, Any] = {"role": actor.role, "sessions": sessions}
        return screens.page(request, "account.html", **facts)

    @pages.post("/account/end")
    @allow(*EVERYBODY)
    async def end(actor: CurrentActor, session: Annotated[str, Form(pattern=r"^[0-9a-f-]{36}$")]) -> Response:
        """Ends one of one's own sessions; one of somebody else's stays as it is."""
        if is_id(session):
            await accounts.end_one(actor.subject, session)
            desk.entrance.forget()
        return RedirectResponse("/account", 303)

    @pages.post("/account/end-others")
    @allow(*EVERYBODY)
    async def end_others(request: Request, actor: CurrentActor) -> Response:
        """Ends all of one's own sessions but this one."""
        await accounts.end_others(actor.subject, request.cookies.get(screens.cookie, ""))
        desk.entrance.forget()
        return RedirectResponse("/account", 303)
