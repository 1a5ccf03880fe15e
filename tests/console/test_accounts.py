"""Accounts and sessions on a real database: what lets somebody in, and what ends it, at once and for good."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import SecretStr

from infra.keys import ensure_token_key
from services.console.api_entrance import Entrance, NotLetIn, device_cookie
from services.console.api_pages import Places, Screens, build
from services.console.app import migrate
from services.console.jobs import AccountDesk, AccountRefused, account_desk
from services.console.signing import DEMO_PASSWORD, TRIES_AT_ONCE, TRY_EVERY_SECONDS
from services.console.views_accounts import Accounts, Passwords
from shared.clock import SystemClock
from shared.http_access import allow, session_cookie
from shared.http_border import Border
from shared.ids import SystemIds
from shared.ports import StoreUnavailable
from shared.security import ROLES, Role, TokenError, issue_token, load_public_keys, load_signing_key, verify_token
from shared.sessions import FRESH_SECONDS, REMEMBERED_MAX, UNHEARD_SECONDS_MAX, Sessions
from shared.settings import SiteSettings
from shared.store import PgStore

COOKIE, DEVICE = session_cookie("west"), device_cookie("west")
PASSWORD = "correct horse battery"
HTML = {"Accept": "text/html", "Accept-Language": "en"}


class StillClock(SystemClock):
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self._now, self._monotonic = super().now(), 1_000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


class House:
    """The console of west on a database of its own, with a clock that moves when told."""

    def __init__(self, dsn: str, store: PgStore, directory: Path, *, demo: bool) -> None:
        self.clock = StillClock()
        signing, public = ensure_token_key(directory)
        self.signing, self.keys = load_signing_key(signing), load_public_keys(public)
        settings = SiteSettings(
            site="west", hub="stad", sites=["stad", "west"], services=["console"], port=1,
            databases={"console": SecretStr(dsn)}, nats_url="", credentials={}, token_keys=public, seal_keys=public,
            network_keys=public, demo=demo,
        )  # fmt: skip
        self.accounts = Accounts(store.query)
        cheap = Passwords(Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1))
        self.desk = AccountDesk(self.accounts, self.clock, SystemIds(), cheap)
        self.sessions = Sessions(dsn, "west", self.clock, demo=demo)
        self.entrance = Entrance(
            self.accounts, self.keys, "west", self.clock, SystemIds(), demo, self.sessions.forget, cheap
        )
        nobody = httpx.AsyncClient(base_url="http://127.0.0.1:9", timeout=1, trust_env=False)
        pages = build(Screens(settings, Places(nobody), self.clock, COOKIE), self.entrance)

        @pages.get("/who")
        @allow("operator", "auditor")
        async def who() -> dict[str, bool]:
            return {"there": True}

        self.border = Border(pages, verify=self._verify, sign_in="/sign-in", cookie=COOKIE, session=self.sessions)

    def _verify(self, token: str):  # type: ignore[no-untyped-def]
        return verify_token(self.keys, token, "west", self.clock.now())

    def token(self, role: Role = "operator", lifetime: timedelta = timedelta(hours=12), site: str = "west") -> str:
        return issue_token(self.signing, "someone", role, site, self.clock.now(), lifetime)

    @asynccontextmanager
    async def browser(self, agent: str = "Firefox/1 Linux") -> AsyncIterator[httpx.AsyncClient]:
        """A client that keeps cookies, as a browser does."""
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.border), base_url="http://west.test",
            headers=HTML | {"User-Agent": agent, "Sec-Fetch-Site": "same-origin"},
        ) as client:  # fmt: skip
            yield client


async def signs_in(browser: httpx.AsyncClient, name: str = "anna", password: str = PASSWORD) -> httpx.Response:
    return await browser.post("/sign-in", data={"name": name, "password": password})


async def is_in(browser: httpx.AsyncClient) -> bool:
    answer = await browser.get("/who")
    assert answer.status_code in (200, 303), answer.text
    return answer.status_code == 200


@pytest_asyncio.fixture
async def house(database: str, tmp_path: Path) -> AsyncIterator[House]:
    async for made in opened(database, tmp_path, demo=False):
        yield made


@pytest_asyncio.fixture
async def demo_house(database: str, tmp_path: Path) -> AsyncIterator[House]:
    async for made in opened(database, tmp_path, demo=True):
        await made.accounts.furnish(made.clock.now(), SystemIds().random_id)
        await made.accounts.furnish(made.clock.now(), SystemIds().random_id)  # a second start changes nothing
        yield made


async def opened(dsn: str, directory: Path, *, demo: bool) -> AsyncIterator[House]:
    await migrate(dsn)
    store = PgStore(dsn, "west", "console")
    made = House(dsn, store, directory, demo=demo)
    await store.open(made.clock.now())
    yield made
    made.sessions.close()
    await store.close()


async def test_a_name_and_its_password_begin_a_session_that_scripts_cannot_read(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        answer = await signs_in(browser, " Anna ")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        session, device = answer.headers.get_list("set-cookie")
        assert re.match(rf"{COOKIE}=session\.[\w-]+; HttpOnly; Max-Age=43200; Path=/; SameSite=strict$", session)
        assert re.match(rf"{DEVICE}=session\.[\w-]+; HttpOnly; Max-Age=7776000; Path=/; SameSite=strict$", device)
        assert await is_in(browser)


async def test_over_https_no_cookie_travels_in_the_open(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        answer = await browser.post("https://west.test/sign-in", data={"name": "anna", "password": PASSWORD})
        assert all("; Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))


async def test_what_is_stored_lets_nobody_in(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        await signs_in(browser)
        [session] = await house.accounts.of((await _id(house, "anna")), house.clock.now())
        account = await house.accounts.find("anna")
        assert account is not None
        assert account.password is not None
        assert account.password.startswith("$argon2id$")
        for stolen in (session.key, f"session.{session.key}", session.id):
            with pytest.raises(TokenError, match="session-ended"):
                await house.sessions(stolen)


@pytest.mark.parametrize(
    ("name", "password"), [("anna", "correct horse"), ("nobody", PASSWORD), ("", ""), ("a b", "zebra quagga okapi")]
)
async def test_a_wrong_password_is_refused_in_the_same_words_whoever_it_is(
    house: House, name: str, password: str
) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        answer = await signs_in(browser, name, password)
        assert answer.status_code == 422
        assert "do not belong together" in answer.text
        assert "set-cookie" not in answer.headers
        assert password not in answer.text or not password


async def test_whoever_tries_too_often_waits_and_is_let_in_afterwards(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        for _ in range(TRIES_AT_ONCE):
            assert (await signs_in(browser, password="wrong")).status_code == 422
        answer = await signs_in(browser)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= TRY_EVERY_SECONDS + 1
        assert "you are not locked out" in answer.text
        house.clock.move(TRY_EVERY_SECONDS)
        assert (await signs_in(browser)).status_code == 303


async def test_a_stranger_who_tries_for_ever_keeps_nobody_from_their_own_device(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as own, house.browser() as stranger:
        await signs_in(own)
        await own.post("/sign-out")
        for _ in range(TRIES_AT_ONCE + 1):
            last = await signs_in(stranger, password="wrong")
        assert last.status_code == 429
        assert (await signs_in(own)).status_code == 303


async def test_a_password_counts_however_a_keyboard_writes_it(house: House) -> None:
    one_sign, two_signs = "caf\u00e9 noir et bleu", "cafe\u0301 noir et bleu"
    await house.desk.add("anna", "operator", two_signs)
    await house.desk.add("bram", "operator", PASSWORD)
    older = house.entrance.passwords._hasher.hash(two_signs)  # as they were hashed before
    await house.accounts.set_password("bram", older)
    async with house.browser() as browser:
        assert (await signs_in(browser, "anna", one_sign)).status_code == 303
        assert (await signs_in(browser, "anna", two_signs)).status_code == 303
        assert (await signs_in(browser, "bram", two_signs)).status_code == 303


async def test_made_up_cookies_push_nobody_out(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        await signs_in(browser)
        assert await is_in(browser)
        for n in range(REMEMBERED_MAX + 1):
            with pytest.raises(TokenError):
                await house.sessions(f"session.made-up-{n}")
        house.sessions.close()
        house.sessions._pool, house.sessions._dsn = None, "postgresql://nobody@127.0.0.1:9/gone"
        house.clock.move(UNHEARD_SECONDS_MAX - 1)
        assert await is_in(browser)


async def test_whoever_pastes_another_token_of_the_same_role_is_somebody_else(house: House) -> None:
    async with house.browser() as one, house.browser() as same, house.browser() as other:
        token = house.token()
        house.clock.move(1)
        for browser, pasted in ((one, token), (same, token), (other, house.token())):
            await browser.post("/sign-in", data={"token": pasted})
        assert (await one.get("/account")).text.count('name="session"') == 2
        await other.post("/account/end-others")
        assert await is_in(one)
        await one.post("/account/end-others")
        assert (await is_in(same), await is_in(other)) == (False, True)


@pytest.mark.parametrize("session", ["\0", "a\0b", "x" * 40])
async def test_what_is_no_session_ends_nothing(house: House, session: str) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        await signs_in(browser)
        assert (await browser.post("/account/end", data={"session": session})).status_code == 422
        assert await is_in(browser)


async def test_signing_out_ends_the_session_for_whoever_copied_its_cookie(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser, house.browser() as thief:
        await signs_in(browser)
        thief.cookies.set(COOKIE, browser.cookies[COOKIE])
        assert await is_in(thief)
        answer = await browser.post("/sign-out")
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert not await is_in(thief)


async def test_signing_in_again_ends_what_the_browser_was_signed_in_as(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    await house.desk.add("bram", "auditor", PASSWORD)
    async with house.browser() as browser:
        await signs_in(browser)
        first = browser.cookies[COOKIE]
        await signs_in(browser, "bram")
        with pytest.raises(TokenError):
            await house.sessions(first)
        assert (await house.sessions(browser.cookies[COOKIE])).role == "auditor"


async def test_one_sees_and_ends_ones_own_sessions_and_nobody_elses(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    await house.desk.add("bram", "operator", PASSWORD)
    async with house.browser() as desk, house.browser("Chrome/1 Android") as phone, house.browser() as other:
        for browser, name in ((desk, "anna"), (phone, "anna"), (other, "bram")):
            await signs_in(browser, name)
        shown = (await desk.get("/account")).text
        assert "Chrome · Android" in shown
        assert shown.count("this one") == 1
        mine = {one.device: one.id for one in await house.accounts.of(await _id(house, "anna"), house.clock.now())}
        await other.post("/account/end", data={"session": mine["Chrome · Android"]})
        assert (await desk.post("/account/end", data={"session": "a\x00b"})).status_code == 422
        assert await is_in(phone)
        await desk.post("/account/end", data={"session": mine["Chrome · Android"]})
        assert not await is_in(phone)
        await signs_in(phone)
        await desk.post("/account/end-others")
        assert (await is_in(desk), await is_in(phone), await is_in(other)) == (True, False, True)


async def test_no_other_site_can_end_a_session(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        await signs_in(browser)
        for path in ("/account/end", "/account/end-others", "/sign-out"):
            answer = await browser.post(path, data={"session": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
            assert (answer.status_code, answer.json()["code"]) == (403, "cross-site")
        assert await is_in(browser)


async def test_a_session_is_over_after_a_shift(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        await signs_in(browser)
        house.clock.move(12 * 3600 - 60)
        assert await is_in(browser)
        house.clock.move(61)
        assert not await is_in(browser)
        await house.accounts.prune(house.clock.now())
        assert await house.accounts.of(await _id(house, "anna"), house.clock.now() - timedelta(days=1)) == []


async def test_a_disabled_account_is_out_at_once_and_told_so_only_with_its_password(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        await signs_in(browser)
        assert await is_in(browser)
        await house.desk.disable("anna", disabled=True)
        house.clock.move(FRESH_SECONDS)  # ended by another process: over within a second
        assert not await is_in(browser)
        assert "is disabled" in (await signs_in(browser)).text
        assert "is disabled" not in (await signs_in(browser, password="wrong")).text
        await house.desk.disable("anna", disabled=False)
        assert (await signs_in(browser)).status_code == 303


async def test_another_password_ends_all_sessions_and_the_old_one_counts_no_more(house: House) -> None:
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        await signs_in(browser)
        await house.desk.password("anna", "another horse battery")
        house.clock.move(FRESH_SECONDS)
        assert not await is_in(browser)
        assert (await signs_in(browser)).status_code == 422
        assert (await signs_in(browser, password="another horse battery")).status_code == 303


async def test_whoever_is_being_let_in_while_the_password_changes_stays_out(house: House) -> None:
    """A stolen password is tried and tried: one try is always under way when it is changed."""
    await house.desk.add("anna", "operator", PASSWORD)
    let_in = await house.entrance.with_password("anna", PASSWORD, "")
    await house.desk.password("anna", "another horse battery")
    with pytest.raises(NotLetIn, match="password-wrong"):
        await house.entrance.session(let_in, "")
    let_in = await house.entrance.with_password("anna", "another horse battery", "")
    await house.desk.disable("anna", disabled=True)
    with pytest.raises(NotLetIn):
        await house.entrance.session(let_in, "")
    await house.desk.disable("anna", disabled=False)
    assert await house.accounts.of(let_in.id, house.clock.now()) == []
    await house.entrance.session(let_in, "")
    assert len(await house.accounts.of(let_in.id, house.clock.now())) == 1


async def test_while_the_database_is_gone_whoever_was_there_stays(house: House) -> None:
    """Nobody can have ended a session in a database that does not answer."""
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        await signs_in(browser)
        assert await is_in(browser)
        house.sessions.close()
        house.sessions._pool, house.sessions._dsn = None, "postgresql://nobody@127.0.0.1:9/gone"
        house.clock.move(UNHEARD_SECONDS_MAX - 1)
        assert await is_in(browser)
        house.clock.move(2)
        answer = await browser.get("/who", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")


async def _unreachable(_work: object) -> Any:
    raise StoreUnavailable("gone")


async def test_while_the_database_is_gone_what_is_open_answers_and_a_shared_device_can_be_left(house: House) -> None:
    """The page to sign in on, its stylesheet, and signing out: a cookie nobody can look up takes none of it away."""
    await house.desk.add("anna", "operator", PASSWORD)
    async with house.browser() as browser:
        await signs_in(browser)
        house.clock.move(UNHEARD_SECONDS_MAX)
        house.sessions._dsn = "postgresql://nobody@127.0.0.1:9/gone"

        house.entrance.accounts = Accounts(_unreachable)
        for path, status in (("/sign-in", 200), ("/static/plek.css", 200), ("/who", 503), ("/nowhere", 503)):
            answer = await browser.get(path)
            assert answer.status_code == status, path
        answer = await browser.post("/sign-out")
        assert (answer.status_code, "does not reach its accounts" in answer.text) == (503, True)
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert COOKIE not in browser.cookies


async def test_a_token_begins_a_session_as_long_as_it_counts_itself(house: House) -> None:
    async with house.browser() as browser:
        answer = await browser.post("/sign-in", data={"token": house.token(lifetime=timedelta(minutes=10))})
        assert answer.status_code == 303
        assert await is_in(browser)
        house.clock.move(601)
        assert not await is_in(browser)


@pytest.mark.parametrize(("token", "said"), [("nonsense", "not a token of ours"), ("stad", "for another site")])
async def test_a_token_that_does_not_count_begins_nothing(house: House, token: str, said: str) -> None:
    pasted = house.token(site="stad") if token == "stad" else token
    async with house.browser() as browser:
        answer = await browser.post("/sign-in", data={"token": pasted})
        assert answer.status_code == 422
        assert said in answer.text
        assert "set-cookie" not in answer.headers


async def test_accounts_of_a_demonstration_are_chosen_or_typed(demo_house: House) -> None:
    async with demo_house.browser() as browser:
        page = (await browser.get("/sign-in")).text
        assert page.count('name="demo"') == 6
        assert DEMO_PASSWORD in page
        assert (await browser.post("/sign-in", data={"demo": "auditor"})).status_code == 303
        assert await is_in(browser)
        assert (await signs_in(browser, "operator", DEMO_PASSWORD)).status_code == 303
        assert (await browser.post("/sign-in", data={"demo": "king"})).status_code == 422


async def test_a_network_that_is_no_demonstration_any_more_lets_none_of_them_in(
    demo_house: House, tmp_path: Path
) -> None:
    async with demo_house.browser() as browser:
        await browser.post("/sign-in", data={"demo": "operator"})
        secret = browser.cookies[COOKIE]
    strict = House(demo_house.sessions._dsn, PgStore("", "west", "console"), tmp_path, demo=False)
    strict.entrance.accounts = demo_house.accounts
    try:
        async with strict.browser() as browser:
            assert 'name="demo"' not in (await browser.get("/sign-in")).text
            assert (await browser.post("/sign-in", data={"demo": "operator"})).status_code == 422
            assert (await signs_in(browser, "operator", DEMO_PASSWORD)).status_code == 422
            browser.cookies.set(COOKIE, secret)
            assert not await is_in(browser)
    finally:
        strict.sessions.close()


@pytest.mark.parametrize(
    ("name", "role", "password", "code"),
    [
        ("bram", "king", PASSWORD, "role-unknown"), ("b b", "operator", PASSWORD, "name-invalid"),
        ("bram", "operator", "short", "password-too-short"), ("ANNA", "operator", PASSWORD, "account-taken"),
    ],
)  # fmt: skip
async def test_an_account_that_cannot_be_is_not_opened(
    house: House, database: str, name: str, role: str, password: str, code: str
) -> None:
    async with account_desk(database, house.clock, SystemIds()) as desk:
        await desk.add("anna", "operator", PASSWORD)
        with pytest.raises(AccountRefused) as refused:
            await desk.add(name, role, password)
        assert refused.value.code == code
        assert [account.name for account in await desk.all()] == ["anna"]


async def test_nothing_is_done_to_an_account_there_is_not(house: House) -> None:
    for work in (
        house.desk.password("bram", PASSWORD), house.desk.disable("bram", disabled=True), house.desk.sign_out("bram")
    ):  # fmt: skip
        with pytest.raises(AccountRefused, match="no such account"):
            await work


async def _id(house: House, name: str) -> str:
    account = await house.accounts.find(name)
    assert account is not None
    return account.id


async def test_a_demonstration_offers_whoever_works_at_a_desk_first(demo_house: House) -> None:
    assert [one.role for one in await demo_house.entrance.demo_accounts()] == list(ROLES)
    assert ROLES[0] == "operator"
