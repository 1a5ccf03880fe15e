"""The short way to an endpoint answers exactly as the framework does, whatever is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI, Query
from fastapi.routing import APIRoute
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.intake import api as intake_api
from services.placement import api
from shared.http import Claim, IfMatch, new_app
from shared.http_access import CurrentActor, GuardedRoute, allow
from shared.http_border import Border
from shared.http_direct import DirectApi, direct_of
from shared.http_logbook import logged_route
from shared.http_models import Body, CommandAnswer, EventRef, Moment, Page, PageQuery, Slug
from shared.http_problems import Problem
from shared.http_repair import bench_of
from shared.ids import SystemIds
from shared.logbook import Openings, opened, openings
from shared.ports import StoreUnavailable
from tests.support.border import SITE, Tokens, caller
from tests.support.desk import MovedClock, open_desk
from tests.support.intake_desk import open_intake
from tests.support.memory_store import Disk, MemoryStore

pytestmark = pytest.mark.asyncio

ID = "6f1ed002-ab5a-4c1b-9d0c-1f1a3a2b4c5d"


class Make(Body):
    name: Slug
    count: int = 1
    observed_at: Moment | None = None


class Note(Body):
    words: str


class Find(PageQuery):
    name: Slug | None = None
    features: Annotated[list[Slug], Field(default_factory=list)]
    seen: Moment | None = None


def things() -> FastAPI:
    """Two commands as a service writes them: one must have a body, one may."""
    app = new_app("things")

    @app.post("/things", status_code=201)
    @allow("operator")
    async def make(body: Make, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        if body.name == "full":
            raise Problem(409, "no-place-free", facts={"name": body.name})
        if body.name == "broken":
            raise RuntimeError("a secret")
        seen = "" if claim is None else f"{claim.scope} {claim.key} {claim.body_hash.hex()}"
        events = [EventRef(id=seen, type=actor.role), EventRef(id=str(body.observed_at), type="é ∞ \x1f")]
        return CommandAnswer(id=body.name, version=body.count, position=2**53, events=events)

    @app.get("/things")
    @allow("operator")
    async def find(query: Annotated[Find, Query()], actor: CurrentActor) -> Page[CommandAnswer]:
        events = [EventRef(id=str(query.seen), type=feature) for feature in query.features]
        item = CommandAnswer(id=query.name or actor.role, version=query.limit, position=1, events=events)
        return Page(items=[item], next=query.cursor)

    @app.get("/things/{thing_id}")
    @allow("operator")
    async def show(thing_id: str, query: Annotated[Find, Query()]) -> CommandAnswer:
        return CommandAnswer(id=thing_id, version=query.limit, position=query.after or 0, events=[])

    @app.post("/things/{thing_id}/note")
    @allow("operator", "coordinator")
    async def note(thing_id: str, version: IfMatch, body: Note | None = None) -> CommandAnswer:
        words = "nothing" if body is None else body.words
        return CommandAnswer(id=thing_id, version=version or 0, position=1, events=[EventRef(id=words, type="t")])

    return app


class Framework:
    """The same application without its short way."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await FastAPI.__call__(self.app, scope, receive, send)


@pytest_asyncio.fixture
async def both() -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """A caller that goes the short way, and one that does not."""
    app, tokens = things(), Tokens()
    borders = [Border(one, verify=tokens.verify) for one in (app, Framework(app))]
    direct, framework = (caller(border, tokens.token("operator")) for border in borders)
    async with direct, framework:
        yield direct, framework


JSON = {"content-type": "application/json"}
ASKED: dict[str, tuple[str, str, dict[str, str], bytes]] = {
    "all is well": ("POST", "/things", JSON, b'{"name": "a", "count": 3, "observed_at": "2026-01-01T00:00:00+01:00"}'),
    "with a key": ("POST", "/things", JSON | {"idempotency-key": "k1"}, b'{"count": 1, "name": "a"}'),
    "a bad key": ("POST", "/things", JSON | {"idempotency-key": "k 1"}, b'{"name": "a"}'),
    "a bad key and a bad body": ("POST", "/things", JSON | {"idempotency-key": "k 1"}, b"{}"),
    "no body": ("POST", "/things", {}, b""),
    "an empty body of JSON": ("POST", "/things", JSON, b""),
    "null": ("POST", "/things", JSON, b"null"),
    "a list": ("POST", "/things", JSON, b"[1]"),
    "a text": ("POST", "/things", JSON, b'"x"'),
    "not JSON": ("POST", "/things", JSON, b"{"),
    "not a number": ("POST", "/things", JSON, b'{"name": "a", "count": NaN}'),
    "not UTF-8": ("POST", "/things", JSON, b'{"name": "\xff"}'),
    "nested": ("POST", "/things", JSON, b"[" * 40 + b"]" * 40),
    "another type": ("POST", "/things", {"content-type": "text/plain"}, b'{"name": "a"}'),
    "a form": ("POST", "/things", {"content-type": "application/x-www-form-urlencoded"}, b"name=a"),
    "no type": ("POST", "/things", {}, b'{"name": "a"}'),
    "a charset": ("POST", "/things", {"content-type": "application/json; charset=utf-8"}, b'{"name": "a"}'),
    "fields missing": ("POST", "/things", JSON, b"{}"),
    "fields too many": ("POST", "/things", JSON, b'{"name": "a", "colour": 1}'),
    "fields wrong": ("POST", "/things", JSON, b'{"name": "A!", "count": "3", "observed_at": "now"}'),
    "a time without zone": ("POST", "/things", JSON, b'{"name": "a", "observed_at": "2026-01-01T00:00:00"}'),
    "a number too large": ("POST", "/things", JSON, b'{"name": "a", "count": 1e400}'),
    "a refusal": ("POST", "/things", JSON, b'{"name": "full"}'),
    "a bug": ("POST", "/things", JSON, b'{"name": "broken"}'),
    "a query nobody asked for": ("POST", "/things?x=1", JSON | {"idempotency-key": "k1"}, b'{"name": "a"}'),
    "a body that may be left out": ("POST", f"/things/{ID}/note", {}, b""),
    "a body that may be null": ("POST", f"/things/{ID}/note", JSON, b"null"),
    "a body all the same": ("POST", f"/things/{ID}/note", JSON, b'{"words": "hm"}'),
    "a body that is wrong": ("POST", f"/things/{ID}/note", JSON, b'{"words": 1}'),
    "a version": ("POST", f"/things/{ID}/note", {"if-match": '"3"'}, b""),
    "a bad version": ("POST", f"/things/{ID}/note", {"if-match": "3"}, b""),
    "two versions": ("POST", f"/things/{ID}/note", {"if-match": '"3", "4"'}, b""),
    "a strange id": ("POST", "/things/%00%C3%A9/note", {}, b""),
    "an id with a slash": ("POST", "/things/a%2Fb/note", {}, b""),
    "no such path": ("POST", f"/things/{ID}/knot", {}, b""),
    "a slash too many": ("POST", "/things/", JSON, b'{"name": "a"}'),
    "another method": ("PUT", "/things", JSON, b'{"name": "a"}'),
    "a look": ("GET", f"/things/{ID}/note", {}, b""),
    "a question without any": ("GET", "/things", {}, b""),
    "a question": ("GET", "/things?name=a&limit=5&features=b&features=c&seen=2026-01-01T00:00:00Z", {}, b""),
    "one of a list": ("GET", "/things?features=b", {}, b""),
    "a question twice": ("GET", "/things?name=a&name=b", {}, b""),
    "a question nobody answers": ("GET", "/things?colour=red", {}, b""),
    "a question left empty": ("GET", "/things?name=&limit=", {}, b""),
    "a question that is no number": ("GET", "/things?limit=many&after=-1", {}, b""),
    "a question out of bounds": ("GET", "/things?limit=501", {}, b""),
    "a time nobody knows": ("GET", "/things?seen=2026-01-01T00:00:00+01:00&name=A", {}, b""),
    "a question in another code": ("GET", "/things?name=%ff&cursor=%00", {}, b""),
    "a question with a body": ("GET", "/things?limit=3", JSON, b"{"),
    "a question about one": ("GET", f"/things/{ID}?after=7", {}, b""),
    "a wrong question about one": ("GET", f"/things/{ID}?after=x&y=1", {}, b""),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
async def test_both_ways_answer_the_same(
    both: tuple[httpx.AsyncClient, httpx.AsyncClient], asked: tuple[str, str, dict[str, str], bytes]
) -> None:
    method, path, headers, body = asked
    answers = [await client.request(method, path, headers=headers, content=body) for client in both]
    assert _told(answers[0]) == _told(answers[1])


def _told(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """What a caller sees: status, headers and body, without what names this one request."""
    told = answer.json() if answer.content else None
    if isinstance(told, dict):
        told.pop("trace_id", None)
    headers = {name: value for name, value in answer.headers.items() if name != "traceresponse"}
    headers.pop("content-length", None)  # the same JSON may be spaced another way
    return answer.status_code, headers, told


@pytest.mark.parametrize(("role", "status"), [("operator", 201), ("coordinator", 403), (None, 401)])
async def test_the_short_way_is_guarded(role: Any, status: int) -> None:
    app, tokens = things(), Tokens()
    async with caller(Border(app, verify=tokens.verify), role and tokens.token(role)) as client:
        answer = await client.post("/things", json={"name": "a"})
    assert answer.status_code == status


async def test_every_command_of_placement_goes_the_short_way() -> None:
    async with open_desk() as desk:
        routes = api.build(desk.placement, desk.bench, {}).routes
    commands = [route for route in routes if isinstance(route, APIRoute) and "POST" in (route.methods or ())]
    assert commands
    assert all(direct_of(route) is not None for route in commands)
    asked = {
        route.path: direct_of(route)
        for route in routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
    }
    assert None not in (asked["/search"], asked["/places"], asked["/capacity"], asked["/waiting-list"])


async def test_both_ways_write_down_what_an_answer_opened_before_it_leaves() -> None:
    """Opened and answered, opened and refused, nothing opened; and no answer when it cannot be written down."""
    store, clock, app, tokens = MemoryStore(Disk(), SITE, "things"), MovedClock(), new_app("things"), Tokens()
    app.router.route_class = logged_route(Openings(store, clock, SystemIds().random_id), "consultation-v1")

    @app.post("/things/{thing_id}/open")
    @allow("operator")
    async def open_thing(thing_id: str) -> CommandAnswer:
        if thing_id != "shut":
            opened(thing_id)
        if thing_id == "full":
            raise Problem(409, "no-place-free")
        return CommandAnswer(id=thing_id, version=0, position=1, events=[])

    [route] = [each for each in app.routes if isinstance(each, APIRoute) and each.path.endswith("/open")]
    assert direct_of(route) is not None
    for way in (app, Framework(app)):
        store.disk.tables.clear()
        async with caller(Border(way, verify=tokens.verify), tokens.token("operator")) as client:
            asked = [await client.post(f"/things/{each}/open") for each in ("one", "full", "shut")]
            assert [answer.status_code for answer in asked] == [200, 409, 200]
            rows = store.disk.tables[openings.name].values()
            assert sorted((row[1], row[2], row[3], row[6]) for row in rows) == [
                (each, "consultation-v1", "operator", "Unset") for each in ("full", "one")
            ]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(store, "hook", _full)
                assert (await client.post("/things/one/open")).status_code == 503
                assert (await client.post("/things/shut/open")).status_code == 200


async def _full(_: str) -> None:
    raise StoreUnavailable("the disk is full")


async def test_a_class_of_routes_that_does_more_than_both_ways_know_is_left_to_the_framework() -> None:
    class Other(GuardedRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            return super().get_route_handler()

    app = new_app("things")
    app.router.route_class = Other

    @app.post("/things")
    @allow("operator")
    async def make(body: Make) -> CommandAnswer:
        raise AssertionError

    [route] = [each for each in app.routes if isinstance(each, APIRoute) and each.path == "/things"]
    assert direct_of(route) is None


async def test_commands_of_intake_go_the_short_way_though_they_write_down_what_they_open() -> None:
    async with open_intake() as desk:
        bench = bench_of("intake", desk.store, [], {}, lambda _: [], desk.clock, desk.intake.ids)
        routes = intake_api.build(desk.intake, bench, {}).routes
    commands = [each for each in routes if isinstance(each, APIRoute) and "/clients" in each.path]
    posts = [each for each in commands if "POST" in (each.methods or ())]
    assert len(posts) > 10
    assert [each.path for each in posts if direct_of(each) is None] == []


async def test_a_route_that_declares_nothing_has_no_short_way() -> None:
    app = DirectApi()

    @app.post("/things")
    async def make(body: Make) -> CommandAnswer:
        raise AssertionError

    [route] = [route for route in app.routes if isinstance(route, APIRoute)]
    assert direct_of(route) is None
