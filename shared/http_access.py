"""Who may call what. Every route declares it, and an application with a route that does not refuses to start."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from fastapi import Depends
from fastapi.params import Form
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http_problems import ACTOR, WWW_AUTHENTICATE, Problem, answer_problem, stranger
from shared.security import ROLES, Actor, Role

SESSION_COOKIE = "plek_session"
"""HttpOnly, SameSite=Strict; holds a session's secret (`shared/sessions.py`), or the token a script would send."""

BY_COOKIE = "plek.by_cookie"
"""Key of the ASGI scope: the actor is known by the session cookie; the browser may have been tricked into asking."""

PERSON_HEADER = "plek-person"
"""Whom a page was made for (`person_of`). A page says it with what it sends: on a shared device somebody else may be
signed in by then."""

JSON_DEPTH_MAX = 32
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ACCESS = "__plek_access__"


EVERYBODY: frozenset[Role] = frozenset(ROLES)
"""Whoever signed in, whatever their role."""


@dataclass(frozen=True)
class Access:
    """roles: who may call; None: everybody, signed in or not."""

    roles: frozenset[Role] | None


OPEN = Access(None)
F = TypeVar("F", bound=Callable[..., Any])
Respond = Callable[[Request], Awaitable[Response]]


def session_cookie(site: str) -> str:
    """The name of one site's session cookie. Browsers share cookies between the ports of a machine: with one name for
    all, signing in at one site of a demonstration network would sign out at the next."""
    return f"{SESSION_COOKIE}_{site}"


def allow(*roles: Role) -> Callable[[F], F]:
    """Declares who may call an endpoint: `@allow("operator")` or `@allow(*EVERYBODY)`, under its route's decorator."""
    if not roles or not set(roles) <= EVERYBODY:
        raise ValueError(f"allow() needs roles out of {', '.join(ROLES)}")
    named = frozenset(roles)

    def declare(endpoint: F) -> F:
        setattr(endpoint, _ACCESS, Access(named))
        return endpoint

    return declare


def open_to_all(endpoint: F) -> F:
    """Declares that an endpoint answers without a token: health, readiness, the sign-in page, and what is signed by a
    channel of messages; nothing else."""
    setattr(endpoint, _ACCESS, OPEN)
    return endpoint


def access_of(endpoint: object) -> Access | None:
    """What an endpoint declares, or None when it declares nothing."""
    found = getattr(endpoint, _ACCESS, None)
    return found if isinstance(found, Access) else None


def admit(request: Request, access: Access) -> None:
    """Lets a request through or raises the `Problem` it deserves.

    401 with why the token did not count, 503 while that is not known; 403 `cross-site` for an unsafe request a browser
    may have been tricked into; 409 `another-person` for one that somebody else's page sends; 403 `role-not-allowed`.
    """
    scope = request.scope
    unsafe = request.method not in SAFE_METHODS
    if access.roles is None:
        if unsafe and _has_site_headers(request):
            _refuse_cross_site(request)
        return
    actor: Actor | None = scope.get(ACTOR)
    if actor is None:
        raise stranger(scope)
    if unsafe and scope.get(BY_COOKIE):
        _refuse_cross_site(request)
        if PERSON_HEADER in request.headers and request.headers[PERSON_HEADER] != person_of(actor):
            raise Problem(409, "another-person")
    if actor.role not in access.roles:
        raise Problem(403, "role-not-allowed", facts={"role": actor.role, "allowed": sorted(access.roles)})


def _has_site_headers(request: Request) -> bool:
    return "sec-fetch-site" in request.headers or "origin" in request.headers


def _refuse_cross_site(request: Request) -> None:
    """No tokens in forms: the browser says where a request came from, and an old one at least names the origin."""
    fetch_site = request.headers.get("sec-fetch-site")
    if fetch_site is not None:
        same = fetch_site in ("same-origin", "none")
    else:
        origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
        same = bool(host) and _host_of(origin) == host.lower()
    if not same:
        raise Problem(403, "cross-site")


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def person_of(actor: Actor) -> str:
    """What a page of somebody's may know them by: the same for all their sessions at a site, and nobody's name."""
    return hashlib.sha256(f"{actor.site}\0{actor.subject}".encode()).hexdigest()[:24]


def current_actor(request: Request) -> Actor:
    """Who asks. Only for routes that are not open to all."""
    actor: Actor | None = request.scope.get(ACTOR)
    if actor is None:
        raise Problem(401, "not-signed-in", headers=WWW_AUTHENTICATE)
    return actor


async def _actor(request: Request) -> Actor:
    """FastAPI sends a dependency that is no coroutine through a thread, which costs more than the look itself."""
    return current_actor(request)


CurrentActor = Annotated[Actor, Depends(_actor)]


async def json_value(request: Request) -> tuple[Any] | None:
    """The request's body, or None when there is none. One that is not JSON is refused before anybody looks into it:
    415 `content-type-not-json`, 422 `body-not-json`.

    Stricter than Python's reader: no NaN, no broken UTF-8, no half surrogates, no nesting beyond 32 levels.
    """
    raw = await request.body()
    if not raw:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "content-type-not-json")
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise Problem(422, "body-not-json") from None
    if not _shallow(value, JSON_DEPTH_MAX):
        raise Problem(422, "body-not-json", "The body is nested too deeply.")
    return (value,)


def _shallow(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_shallow(each, levels - 1) for each in inner)


class GuardedRoute(APIRoute):
    """A route that asks `admit` before it reads the body or looks at a parameter. What a class of routes does beside
    answering it does in `around`, which both ways to an endpoint go through."""

    async def around(self, request: Request, answer: Respond) -> Response:
        """The answer, and what has to be done before it leaves."""
        return await answer(request)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        access = access_of(self.endpoint)
        takes_json = self.body_field is not None and not isinstance(self.body_field.field_info, Form)

        async def guarded(request: Request) -> Response:
            if access is None:  # `check_routes` stops this at start-up; a route must not be open for want of a check
                raise Problem(403, "role-not-allowed")
            admit(request, access)
            if takes_json:
                await json_value(request)
            return await self.around(request, answer)

        return guarded


class Guarded:
    """An ASGI application behind `admit`, for what is not made of routes: `Guarded(StaticFiles(...), OPEN)`."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            admit(request, self.access)
        except Problem as problem:
            await (await answer_problem(request, problem))(scope, receive, send)
            return
        await self.app(scope, receive, send)


class RouteUndeclared(Exception):
    """A route does not say who may call it; the text names it."""


def check_routes(routes: Iterable[BaseRoute]) -> dict[str, Access]:
    """What every route declares, by `METHOD /path`, mounted applications included.

    Raises `RouteUndeclared` for the first one that declares nothing, or that no guard stands in front of.
    """
    return dict(_declared("", routes))


def _declared(prefix: str, routes: Iterable[BaseRoute]) -> Iterator[tuple[str, Access]]:
    for context in iter_route_contexts(list(routes)):
        route, path = context.original_route, f"{prefix}{context.path or ''}"
        if isinstance(route, Mount):
            if isinstance(route.app, Guarded):
                yield f"MOUNT {path}", route.app.access
            elif (inner := getattr(route.app, "routes", None)) is not None:
                yield from _declared(path, inner)
            else:
                raise RouteUndeclared(f"{path}: a mounted application without a guard")
            continue
        access = access_of(context.endpoint)
        if access is None or not isinstance(route, GuardedRoute):
            raise RouteUndeclared(f"{path}: every route declares who may call it, or the application does not start")
        for method in sorted(context.methods or ()):
            yield f"{method} {path}", access
