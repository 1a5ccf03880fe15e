"""Building blocks of every service's HTTP side: the application, idempotency keys, preconditions, waiting reads,
streams.

api = service_api("placement", "Places, holds, stays", asyncapi=document)

@api.post("/holds", status_code=201)
@allow("operator", "caseworker")
async def hold(body: HoldBody, claim: Claim, ...) -> HoldAnswer: ...
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Annotated, Any, NamedTuple

import msgspec
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from fastapi.staticfiles import StaticFiles
from sse_starlette import EventSourceResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from shared import metrics
from shared.handling import KeyClaim, KeyReused
from shared.http_access import EVERYBODY, Access, Guarded, GuardedRoute, access_of, allow, current_actor
from shared.http_direct import DirectApi
from shared.http_problems import MEDIA_TYPE, Problem, answer_problem
from shared.ports import BusUnavailable, OriginHalted, StoreUnavailable, VersionConflict

KEY_LENGTH_MAX = 128
STREAMS_MAX = 256
"""Event streams one process keeps open; the next one is asked to come back later."""
CAUGHT_UP_SECONDS_MAX = 2.0

_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH_MAX}}}")
_ETAG = re.compile(r'"(\d{1,18})"')
EXPECTED: tuple[type[Exception], ...] = (
    HTTPException,
    RequestValidationError,
    KeyReused,
    VersionConflict,
    StoreUnavailable,
    OriginHalted,
    BusUnavailable,
    Exception,
)
"""What an application has an answer for: everything, and the expected by name, which is not logged as a fault."""
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
"""FastAPI would put paths and queries into spans of its own; ours hold route templates only."""


def new_app(title: str, version: str = "1", description: str = "") -> FastAPI:
    """An application whose errors are problem+json and whose routes are guarded; it documents itself nowhere."""
    app = DirectApi(
        title=title,
        version=version,
        description=description,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        responses=_PROBLEMS,
    )
    app.router.route_class = GuardedRoute
    for expected in EXPECTED:
        app.add_exception_handler(expected, answer_problem)
    return app


def service_api(
    service: str, title: str, *, asyncapi: Mapping[str, Any], version: str = "1", description: str = ""
) -> FastAPI:
    """A service's application, to be mounted at `/api/<service>`: with `/openapi.json`, `/asyncapi.json` and `/docs`.

    All three answer whoever is signed in, and need nothing from outside.
    """
    app = new_app(title, version, description)
    document: dict[str, Any] = {}

    @app.get("/openapi.json", include_in_schema=False)
    @allow(*EVERYBODY)
    async def openapi_document() -> Response:
        if not document:
            document.update(_openapi(app, service))
        return JSONResponse(document)

    @app.get("/asyncapi.json", include_in_schema=False)
    @allow(*EVERYBODY)
    async def asyncapi_document() -> Response:
        return JSONResponse(dict(asyncapi))

    @app.get("/docs", include_in_schema=False)
    @allow(*EVERYBODY)
    async def docs() -> Response:
        return HTMLResponse(_DOCS_PAGE.format(service=service), headers={"Content-Security-Policy": _DOCS_POLICY})

    @app.get("/docs/start.js", include_in_schema=False)
    @allow(*EVERYBODY)
    async def docs_start() -> Response:
        return Response(_DOCS_START, media_type="text/javascript")

    assets = StaticFiles(directory=str(files("fastapi_offline") / "static"))
    app.mount("/docs/assets", Guarded(assets, Access(EVERYBODY)))
    return app


_PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457, with a code that is the same in screens, scripts and tests.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "facts", "errors", "trace_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "pattern": "^[a-z0-9-]+$"},
        "detail": {"type": "string"},
        "facts": {"type": "object"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code"],
                "properties": {"field": {"type": "string"}, "code": {"type": "string"}},
            },
        },
        "trace_id": {"type": "string"},
    },
}
_MEANINGS = {
    401: "No token, or one that does not count here",
    403: "The role may not do this, or the request comes from another site",
    404: "Unknown",
    405: "Unknown method",
    409: "Refused, with the reason as a code",
    410: "It was erased, for good",
    412: "`If-Match` names another version",
    413: "The body is larger than 256 KiB",
    415: "The content type is not application/json",
    422: "The request is not valid",
    503: "Try again later",
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": meaning, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status, meaning in _MEANINGS.items()
}


def _openapi(app: FastAPI, service: str) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, openapi_version="3.1.0"
    )
    for context in iter_route_contexts(app.routes):
        access = access_of(context.endpoint)
        for method in context.methods or ():
            operation = document["paths"].get(context.path, {}).get(method.lower())
            if operation is not None and access is not None:
                operation["x-roles"] = sorted(access.roles or EVERYBODY)
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM_SCHEMA
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    document["security"] = [{"bearer": []}]
    document["servers"] = [{"url": f"/api/{service}"}]
    return document


_DOCS_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{service}: API</title>
<link rel="stylesheet" href="/api/{service}/docs/assets/swagger-ui.css"></head>
<body><div id="ui" data-document="/api/{service}/openapi.json"></div>
<script src="/api/{service}/docs/assets/swagger-ui-bundle.js"></script>
<script src="/api/{service}/docs/start.js"></script></body>
</html>
"""
_DOCS_START = """const ui = document.getElementById("ui");
SwaggerUIBundle({ domNode: ui, url: ui.dataset.document, validatorUrl: null, deepLinking: true });
"""
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


async def _claim(request: Request) -> KeyClaim | None:
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise Problem(
            422, "idempotency-key-invalid", facts={"characters_max": KEY_LENGTH_MAX},
            errors=[("Idempotency-Key", "idempotency-key-invalid")],
        )  # fmt: skip
    path = f"{request.scope.get('root_path', '')}{_below_root(request)}"
    return KeyClaim(
        scope=f"{current_actor(request).subject} {request.method} {path}",
        key=given[0],
        body_hash=_fingerprint(await request.body(), request.query_params.multi_items()),
    )


def _below_root(request: Request) -> str:
    root, path = str(request.scope.get("root_path", "")), str(request.scope["path"])
    return path[len(root) :] if path.startswith(root) else path


def _fingerprint(raw: bytes, query: list[tuple[str, str]]) -> bytes:
    """The same request gives the same fingerprint however its fields are ordered or spaced."""
    try:
        body = msgspec.json.encode(msgspec.json.decode(raw), order="sorted") if raw else b""
    except msgspec.MsgspecError:
        body = raw
    return hashlib.sha256(msgspec.json.encode([body, sorted(query)])).digest()


Claim = Annotated[KeyClaim | None, Depends(_claim)]
"""The request's `Idempotency-Key` with whom and what it belongs to. Raises 422 `idempotency-key-invalid`."""


async def _if_match(request: Request) -> int | None:
    given = request.headers.getlist("if-match")
    if not given or given == ["*"]:
        return None
    written = _ETAG.fullmatch(given[0].strip()) if len(given) == 1 else None
    if written is None:
        raise Problem(422, "if-match-invalid", errors=[("If-Match", "if-match-invalid")])
    return int(written[1])


IfMatch = Annotated[int | None, Depends(_if_match)]
"""The version of `If-Match: "<version>"`; None without it or with `*`. Raises 422 `if-match-invalid`."""

CaughtUp = Callable[[int], Awaitable[None]]
"""Returns once a view shows the store's position."""


async def wait_caught_up(after: int | None, caught_up: CaughtUp, seconds_max: float = CAUGHT_UP_SECONDS_MAX) -> None:
    """Serves `?after=<position>`: waits until the view shows that position. Raises 503 `view-behind` after
    `seconds_max`."""
    if after is None:
        return
    try:
        async with asyncio.timeout(seconds_max):
            await caught_up(after)
    except TimeoutError:
        raise Problem(503, "view-behind", facts={"after": after}, headers={"Retry-After": "1"}) from None


class StreamMessage(NamedTuple):
    """One server-sent event: `data` is JSON, `event` a name (None: plain message), `id` what a client resumes from."""

    data: Any
    event: str | None = None
    id: str | None = None


class Streams:
    """The event streams of one process: bounded, and all gone as soon as the process stops."""

    def __init__(self, streams_max: int = STREAMS_MAX) -> None:
        self._streams_max = streams_max
        self._open: set[asyncio.Event] = set()
        self._closed = False

    def close(self) -> None:
        """End every stream now and open no more: an open one would keep the server from stopping."""
        self._closed = True
        for stop in self._open:
            stop.set()

    def answer(self, messages: AsyncIterator[StreamMessage]) -> Response:
        """Stream `messages` until they end, the reader leaves or the process stops. Raises 503 `too-many-streams`."""
        if self._closed or len(self._open) >= self._streams_max:
            raise Problem(503, "too-many-streams", headers={"Retry-After": "5"})
        return EventSourceResponse(self._until_closed(messages), ping=15, send_timeout=20, sep="\n")

    async def _until_closed(self, messages: AsyncIterator[StreamMessage]) -> AsyncIterator[dict[str, str]]:
        stop = asyncio.Event()
        self._open.add(stop)
        metrics.HTTP_STREAMS_OPEN.inc()
        stopped = asyncio.ensure_future(stop.wait())
        coming: asyncio.Future[StreamMessage] | None = None
        try:
            while not self._closed:
                coming = asyncio.ensure_future(anext(messages))
                await asyncio.wait((coming, stopped), return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    return
                yield _sse(coming.result())
        except StopAsyncIteration:
            return
        finally:
            for task in (stopped, coming):
                if task is not None and not task.done():
                    task.cancel()
            self._open.discard(stop)
            metrics.HTTP_STREAMS_OPEN.dec()


def _sse(message: StreamMessage) -> dict[str, str]:
    text = msgspec.json.encode(message.data).decode()
    named = {"event": message.event, "id": message.id}
    return {"data": text} | {name: value for name, value in named.items() if value is not None}
