"""Who gets in: tokens, cookies, roles, other sites' pages, and routes that forgot to say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import Message

from shared.http import StreamMessage, Streams, new_app
from shared.http_access import EVERYBODY, OPEN, SESSION_COOKIE, Guarded, RouteUndeclared, allow, check_routes, person_of
from shared.http_border import Border
from shared.security import ROLES, Actor, Role, TokenError
from shared.sessions import new_secret
from tests.support.border import Tokens, caller, tiny_api, tiny_site

THINGS = "/api/tiny/things"


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def site(tokens: Tokens) -> Border:
    return tiny_site(tokens)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


@pytest.mark.asyncio
async def test_without_a_token_only_what_is_open_answers(site: Border) -> None:
    async with caller(site) as stranger:
        assert (await stranger.get("/healthz")).status_code == 200
        assert (await stranger.post("/sign-in")).status_code == 200
        for path in (
            THINGS,
            "/board",
            "/nowhere",
            "/api/tiny/openapi.json",
            "/api/tiny/docs",
            "/api/tiny/docs/assets/favicon.png",
        ):
            answer = await stranger.get(path)
            assert code(answer) == (401, "not-signed-in"), path
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert code(await stranger.delete(THINGS)) == (401, "not-signed-in")
        assert code(await stranger.post(THINGS, content=b" " * 300_000)) == (401, "not-signed-in")


@pytest.mark.asyncio
async def test_a_token_that_does_not_count_says_why(site: Border, tokens: Tokens) -> None:
    old = datetime.now(UTC) - timedelta(days=2)
    for token, why in (
        (tokens.token("operator", site="noord"), "token-other-site"),
        (tokens.token("operator", now=old), "token-expired"),
        (Tokens().token("operator"), "token-invalid"),
        ("nonsense", "token-invalid"),
        ("x" * 10_000, "token-invalid"),
    ):
        async with caller(site, token) as client:
            assert code(await client.get(THINGS)) == (401, why)


@pytest.mark.asyncio
async def test_other_ways_to_authorize_do_not_count(site: Border, tokens: Tokens) -> None:
    token = tokens.token("operator")
    async with caller(site) as client:
        for value in (token, f"Basic {token}", "Bearer", "Bearer ", "bearer\t", f"Token {token}"):
            assert code(await client.get(THINGS, headers={"Authorization": value})) == (401, "token-invalid"), value
        twice = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
        assert code(await client.get(THINGS, headers=twice)) == (401, "token-invalid")
        assert (await client.get(THINGS, headers={"Authorization": f"bearer {token}"})).status_code == 200


@pytest.mark.asyncio
async def test_a_wrong_bearer_token_is_not_saved_by_a_good_cookie(site: Border, tokens: Tokens) -> None:
    async with caller(site, "nonsense", Cookie=f"{SESSION_COOKIE}={tokens.token('operator')}") as client:
        assert code(await client.get(THINGS)) == (401, "token-invalid")


@pytest.mark.asyncio
@pytest.mark.parametrize("role", ROLES)
async def test_exactly_the_declared_roles_pass(site: Border, tokens: Tokens, role: Role) -> None:
    async with caller(site, tokens.token(role)) as client:
        answer = await client.post(THINGS, json={"name": "a"})
        if role in ("operator", "caseworker"):
            assert answer.status_code == 201
        else:
            assert code(answer) == (403, "role-not-allowed")
            assert answer.json()["facts"] == {"role": role, "allowed": ["caseworker", "operator"]}


@pytest.mark.asyncio
async def test_a_role_is_asked_before_the_body_is_looked_at(site: Border, tokens: Tokens) -> None:
    async with caller(site, tokens.token("auditor")) as client:
        assert code(await client.post(THINGS, content=b"{")) == (403, "role-not-allowed")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://west.test"}, False),
        ({"Sec-Fetch-Site": ""}, False),
        ({"Origin": "http://west.test"}, True),
        ({"Origin": "http://WEST.test"}, True),
        ({"Origin": "http://west.test.evil.example"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "http://west.test:81"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "http://[evil"}, False),
        ({"Referer": "http://west.test/"}, False),
        ({}, False),
    ],
)
async def test_a_cookie_changes_something_only_from_our_own_pages(
    site: Border, tokens: Tokens, headers: dict[str, str], passes: bool
) -> None:
    async with caller(site, Cookie=f"{SESSION_COOKIE}={tokens.token('operator')}") as browser:
        answer = await browser.post(THINGS, json={"name": "a"}, headers=headers)
        if passes:
            assert answer.status_code == 201
        else:
            assert code(answer) == (403, "cross-site")
        assert (await browser.get(THINGS, headers=headers)).status_code == 200


@pytest.mark.asyncio
async def test_another_site_cannot_sign_a_browser_in(site: Border) -> None:
    async with caller(site) as browser:
        assert code(await browser.post("/sign-in", headers={"Sec-Fetch-Site": "cross-site"})) == (403, "cross-site")
        assert (await browser.post("/sign-in", headers={"Sec-Fetch-Site": "same-origin"})).status_code == 200


@pytest.mark.asyncio
async def test_a_browser_without_a_session_is_taken_to_the_sign_in_page(site: Border) -> None:
    async with caller(site, Accept="text/html,*/*") as browser:
        for path in ("/board", "/nowhere"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert code(await browser.get(THINGS)) == (401, "not-signed-in")


def test_a_route_that_declares_nothing_stops_the_start() -> None:
    app = new_app("undeclared")

    @app.get("/forgotten")
    async def forgotten() -> None: ...

    with pytest.raises(RouteUndeclared, match="/forgotten: every route declares who may call it"):
        check_routes(app.routes)


def test_a_route_of_a_mounted_application_counts_too() -> None:
    inner, outer = new_app("inner"), new_app("outer")

    @inner.post("/forgotten")
    async def forgotten() -> None: ...

    outer.mount("/api/inner", inner)
    with pytest.raises(RouteUndeclared, match="/api/inner/forgotten"):
        check_routes(outer.routes)


def test_a_mounted_application_needs_a_guard() -> None:
    app = new_app("mounts")

    async def files(scope: object, receive: object, send: object) -> None: ...

    app.mount("/files", files)
    with pytest.raises(RouteUndeclared, match="/files"):
        check_routes(app.routes)
    guarded = new_app("mounts")
    guarded.mount("/files", Guarded(files, OPEN))
    assert check_routes(guarded.routes) == {"MOUNT /files": OPEN}


def test_a_route_that_declares_but_has_no_guard_counts_as_open_and_is_refused() -> None:
    @allow("operator")
    async def declared(request: Request) -> Response:
        return Response()

    app = Starlette()
    app.add_route("/declared", declared)
    with pytest.raises(RouteUndeclared, match="/declared"):
        check_routes([Mount("/inner", app)])


def test_nobody_can_be_allowed_by_a_word_that_is_no_role() -> None:
    nobody: list[Any] = [[], ["admin"]]
    for roles in nobody:
        with pytest.raises(ValueError, match="roles"):
            allow(*roles)


def test_what_is_declared_can_be_listed() -> None:
    table = check_routes(tiny_api(Streams()).routes)
    assert table["POST /things"].roles == frozenset({"operator", "caseworker"})
    assert table["GET /openapi.json"].roles == EVERYBODY


@pytest.mark.asyncio
async def test_a_stream_ends_with_the_session_it_began_with() -> None:
    """A tablet that was lost and signed out elsewhere is told nothing more, however long its stream stays open."""
    app, streams = new_app("tiny site"), Streams()
    happens: asyncio.Queue[int] = asyncio.Queue()
    ended, told, heard = False, [], asyncio.Event()

    async def session(_secret: str) -> Actor:
        if ended:
            raise TokenError("session-ended")
        return Actor("anna", "operator", "west")

    async def all_that_happens() -> AsyncIterator[StreamMessage]:
        while True:
            yield StreamMessage({"position": await happens.get()})

    @app.get("/stream")
    @allow("operator")
    async def stream() -> Response:
        return streams.answer(all_that_happens())

    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        told.append(message)
        if b"position" in message.get("body", b""):
            heard.set()

    cookie = [(b"cookie", f"{SESSION_COOKIE}={new_secret()}".encode())]
    scope = {"type": "http", "method": "GET", "path": "/stream", "raw_path": b"/stream", "query_string": b"",
             "headers": cookie, "scheme": "http", "server": ("west.test", 80), "http_version": "1.1",
             "root_path": ""}  # fmt: skip
    border = Border(app, verify=Tokens().verify, session=session)
    following = asyncio.create_task(border(scope, receive, send))
    happens.put_nowait(1)
    await asyncio.wait_for(heard.wait(), 10)
    ended = True
    happens.put_nowait(2)
    await asyncio.wait_for(following, 10)
    assert told[0]["status"] == 200
    assert told[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    assert not any(b'"position":2' in message.get("body", b"") for message in told)


@pytest.mark.asyncio
async def test_a_page_of_somebody_else_on_the_same_device_sends_nothing(site: Border, tokens: Tokens) -> None:
    body, mine = {"name": "a"}, tokens.token("operator")
    async with caller(site, Cookie=f"{SESSION_COOKIE}={mine}", **{"Sec-Fetch-Site": "same-origin"}) as browser:
        own = person_of(tokens.verify(mine))
        assert (await browser.post(THINGS, json=body, headers={"Plek-Person": own})).status_code == 201
        assert (await browser.post(THINGS, json=body)).status_code == 201
        other = person_of(Actor("somebody-else", "operator", "west"))
        for person in (other, ""):
            answer = await browser.post(THINGS, json=body, headers={"Plek-Person": person})
            assert code(answer) == (409, "another-person")
        assert (await browser.get(THINGS, headers={"Plek-Person": other})).status_code == 200
