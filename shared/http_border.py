"""What surrounds every request: who asks, its trace, how much it may send, what is counted, which headers go out.

Pure ASGI, outermost, one for a whole site: whatever is mounted below cannot forget any of it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from opentelemetry.trace import Span, StatusCode
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import metrics, telemetry
from shared.http_access import BY_COOKIE, SESSION_COOKIE
from shared.http_problems import ACTOR, NOT_READ, REFUSAL, SIGN_IN, Problem, answer_problem, problem_of, stranger
from shared.ports import StoreUnavailable
from shared.security import Actor, TokenError
from shared.sessions import is_session

BODY_BYTES_MAX = 256 * 1024

Verify = Callable[[str], Actor]
"""Tells who a token speaks for, or raises `TokenError`."""
AskSession = Callable[[str], Awaitable[Actor]]
"""Tells who a session's secret speaks for, or raises `TokenError`."""

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_log = telemetry.logger("http")

API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    b"frame-ancestors 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"x-frame-options", b"DENY"),
)


class Border:
    """The outermost application of a site's process.

    verify: tells who a token speaks for. sign_in: where a browser without a session is sent; None: it gets a 401 like
    everybody. body_bytes_max: largest request body, also when its size was not announced. cookie: holds a browser's
    session, or a token. session: tells who a session speaks for; None: this site has none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        verify: Verify,
        sign_in: str | None = None,
        body_bytes_max: int = BODY_BYTES_MAX,
        cookie: str = SESSION_COOKIE,
        session: AskSession | None = None,
    ) -> None:
        self.app = app
        self._cookie = cookie
        self._verify = verify
        self._session = session
        self._sign_in = sign_in
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:  # nothing here speaks WebSocket
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        exchange = _Exchange(scope, receive, send, self._body_bytes_max)
        began, failed, token = telemetry.moment(), None, ""
        try:  # before there is a span: whether a caller's wish to be traced is heard depends on who it is
            token = await self._identify(request)
        except Exception as error:
            failed = error
        known, wish = request.scope.get(ACTOR) is not None, request.headers.get("traceparent")
        with telemetry.request_span(method, wish, known=known, began=began) as span:
            exchange.traceresponse = telemetry.current_traceparent()
            try:
                if failed is not None:
                    raise failed
                exchange.still = partial(self._counts, token) if token else None
                exchange.refuse_announced_size()
                await self.app(scope, exchange.receive, exchange.send)
            except ClientDisconnect:
                exchange.status = exchange.status or 499
            except Exception as error:
                if not exchange.over:
                    await self._answer_error(request, error, exchange)
            finally:
                _record(scope, method, exchange, span)

    async def _identify(self, request: Request) -> str:
        """Find out who asks. A token that does not count leaves the request without an actor, and the reason beside
        it; so does a session that cannot be looked up: what is open to all answers all the same.

        Comes back with the token that counts, or nothing.
        """
        scope = request.scope
        scope[ACTOR], scope[REFUSAL], scope[BY_COOKIE], scope[SIGN_IN] = None, None, False, self._sign_in
        given = request.headers.getlist("authorization")
        if given:
            scheme, _, token = given[0].partition(" ")
            if len(given) > 1 or scheme.lower() != "bearer":
                scope[REFUSAL] = "token-invalid"
                return ""
        else:
            token = request.cookies.get(self._cookie, "")
            scope[BY_COOKIE] = bool(token)
        token = token.strip()
        if not token:
            scope[REFUSAL] = "token-invalid" if given else None
            return ""
        try:
            scope[ACTOR] = await self._actor(token)
        except TokenError as error:
            scope[REFUSAL] = error.code
            return ""
        except StoreUnavailable:
            scope[REFUSAL] = NOT_READ
            return ""
        return token

    async def _actor(self, token: str) -> Actor:
        if self._session is not None and is_session(token):
            return await self._session(token)
        return self._verify(token)

    async def _counts(self, token: str) -> bool:
        """Whether a token still counts: a stream would outlast the session it began with."""
        try:
            await self._actor(token)
        except (TokenError, StoreUnavailable):
            return False
        return True

    async def _answer_error(self, request: Request, error: Exception, exchange: _Exchange) -> None:
        """The last resort: one log line, and an answer if there is none yet. A half-sent answer can only be cut off."""
        if problem_of(error).code == "internal":
            _log.error("request failed", exc_info=error, route=_route(request.scope))
        if not exchange.status:
            response = await answer_problem(request, error)
            await response(request.scope, exchange.receive, exchange.send)
        elif not exchange.complete:
            raise error


class _Exchange:
    """One request and its answer as they pass: counts what comes in, completes what goes out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, body_bytes_max: int) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._body_bytes_max = body_bytes_max
        self._body_bytes = 0
        self.began = time.perf_counter()
        self.status = 0
        self.complete = False
        self.streaming = False
        self.over = False
        self.still: Callable[[], Awaitable[bool]] | None = None
        self.traceresponse: str | None = None

    def refuse_announced_size(self) -> None:
        """A body that says it is too large is not read at all. Raises 413, or 401 when nobody is known to ask."""
        for name, value in self._scope["headers"]:
            if name == b"content-length" and (not value.isdigit() or int(value[:20]) > self._body_bytes_max):
                if self._scope[ACTOR] is None:
                    raise stranger(self._scope)
                raise self._too_large()

    def _too_large(self) -> Problem:
        return Problem(
            413, "body-too-large", facts={"bytes_max": self._body_bytes_max}, headers={"Connection": "close"}
        )

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._body_bytes += len(message.get("body", b""))
            if self._body_bytes > self._body_bytes_max:
                raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        if self.streaming:
            await self._end_if_over()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._completed(list(message.get("headers", ())))
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.complete = True
        await self._send(message)

    async def _end_if_over(self) -> None:
        """Ends a stream whose reader may not follow it any more, before it tells anything else. Raises
        `ClientDisconnect`: for who sends, nobody is there."""
        if not self.over:
            if self.still is None or await self.still():
                return
            self.over = self.complete = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
        raise ClientDisconnect

    def _completed(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        given = {name.lower(): value for name, value in headers}
        headers.extend(_HEADERS)
        if b"content-security-policy" not in given:
            is_page = given.get(b"content-type", b"").startswith(b"text/html")
            headers.append((b"content-security-policy", PAGE_POLICY if is_page else API_POLICY))
        if b"cache-control" not in given:
            headers.append((b"cache-control", b"no-store"))
        if self.traceresponse is not None:
            headers.append((b"traceresponse", self.traceresponse.encode()))
        self.streaming = given.get(b"content-type", b"").startswith(b"text/event-stream")
        return headers


def _route(scope: Scope) -> str:
    """The route's template: the only form of a path that is counted, traced or logged. `unmatched` when there is
    none."""
    route: Any = scope.get("route")
    effective = scope.get("fastapi", {}).get("effective_route_context")
    path = getattr(effective if effective is not None else route, "path_format", None)
    return f"{scope.get('root_path', '')}{path}" if path is not None else "unmatched"


def _record(scope: Scope, method: str, exchange: _Exchange, span: Span) -> None:
    route, seconds = _route(scope), time.perf_counter() - exchange.began
    status = exchange.status or 500
    metrics.HTTP_REQUESTS.labels(method, route, str(status)).inc()
    if not exchange.streaming:
        metrics.HTTP_REQUEST_SECONDS.labels(method, route).observe(seconds)
    if span.is_recording():
        span.update_name(f"{method} {route}")
        span.set_attributes(
            {
                "http.route": route,
                "http.response.status_code": status,
                "url.scheme": scope.get("scheme", "http"),
                "network.protocol.version": scope.get("http_version", "1.1"),
            }
        )
        if status >= 500:
            span.set_status(StatusCode.ERROR)
            span.set_attribute("error.type", str(status))
    _log.debug("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1))
