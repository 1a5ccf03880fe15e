"""Every error answer has one shape: problem+json (RFC 9457) with our codes, so that screens, scripts and tests read
one thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from shared import telemetry
from shared.handling import KeyReused
from shared.kernel import Rejected
from shared.ports import BusUnavailable, OriginHalted, StoreUnavailable, VersionConflict

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 20
"""A body with more mistakes than this gets the first of them."""
FIELD_CHARACTERS_MAX = 100

ACTOR = "plek.actor"
"""Key of the ASGI scope: who asks (`shared.security.Actor`), or None. Set by the border on every request."""
REFUSAL = "plek.refusal"
"""Key of the ASGI scope: why there is no actor, as a code."""
NOT_READ = "store-unavailable"
"""The refusal of a session that could not be looked up: whose it is, is not known."""
SIGN_IN = "plek.sign_in"
"""Key of the ASGI scope: the path of the page a browser signs in on, or None."""
WWW_AUTHENTICATE = {"WWW-Authenticate": 'Bearer realm="plek"'}

_BY_STATUS = {
    400: "invalid",
    401: "not-signed-in",
    403: "role-not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "content-type-not-json",
    422: "invalid",
    503: "unavailable",
}
_TITLES = {
    "another-person": "The page was made for somebody else",
    "body-not-json": "The body is not JSON",
    "body-too-large": "The body is too large",
    "content-type-not-json": "The content type is not application/json",
    "cross-site": "The request comes from another site",
    "earlier-parked": "An earlier message of this log is parked too",
    "idempotency-key-reused": "This idempotency key came with another request before",
    "internal": "Something went wrong here",
    "invalid": "The request is not valid",
    "method-not-allowed": "This path does not know this method",
    "not-found": "There is nothing here",
    "log-unknown": "This service has no such log",
    "not-signed-in": "Sign in first",
    "origin-unheard": "This reader has heard nothing of this origin",
    "parked-unknown": "No such message is parked",
    "reader-keeps-no-view": "This reader keeps no view that could be made anew",
    "reader-not-paused": "This reader is not paused",
    "reader-paused": "This reader is paused already",
    "reader-unknown": "This service has no such reader",
    "rebuild-running": "A view of this service is being rebuilt",
    "refill-doubted": "It is not known yet whether others have heard more than is stored here",
    "refill-forked": "Others have heard more than is stored here: the origin has to be repaired",
    "refill-halted": "This origin is halted: it has to be repaired first",
    "refill-unheard": "Who would say how far this log was heard does not answer",
    "replay-incomplete": "Not all that was read of this origin is on the bus now",
    "replay-too-large": "This is too much for one moment: rebuild the view",
    "replay-undigestible": "A message the view shows now could not be read again",
    "role-not-allowed": "Your role may not do this",
    "session-ended": "You are no longer signed in",
    "time-without-zone": "A time needs a zone",
    "version-conflict": "Too many others changed this at the same time",
    "version-stale": "This has changed since you read it",
    "view-behind": "This view has not caught up yet",
    "view-unknown": "This service has no such view",
}
_CODE = re.compile(r"[^a-z0-9]+")


class Problem(HTTPException):
    """An error answer on its way to the caller.

    status: of the response. code: kebab-case, the same in API, docs, screens and tests. detail: one sentence for a
    person.
    facts: plain JSON values that explain it. errors: what is wrong with which field. None of it is personal data.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        facts: Mapping[str, Any] | None = None,
        errors: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.code = code
        self.facts = dict(facts or {})
        self.errors = list(errors)[:ERRORS_MAX]


def title_of(code: str) -> str:
    """What a code says to a person, the same wherever it shows up."""
    return _TITLES.get(code) or code.replace("-", " ").capitalize()


def problem_response(problem: Problem) -> Response:
    """The answer itself; its trace id is what a caller hands to the on-call engineer."""
    body = {
        "type": f"urn:nld:plek:problem:{problem.code}",
        "title": title_of(problem.code),
        "status": problem.status_code,
        "code": problem.code,
        "detail": problem.detail,
        "facts": problem.facts,
        "errors": [{"field": field, "code": code} for field, code in problem.errors],
        "trace_id": telemetry.current_trace_id() or "",
    }
    return Response(
        msgspec.json.encode(body), problem.status_code, headers=dict(problem.headers or {}), media_type=MEDIA_TYPE
    )


def rejected(refusal: Rejected, input_codes: frozenset[str] = frozenset()) -> Problem:
    """The problem a refusal becomes: 404 for `*-unknown`, 410 for `*-erased`, 412 for `version-stale`, 422 for
    `input_codes`, else 409."""
    if refusal.code == "version-stale":
        status = 412
    elif refusal.code in input_codes:
        status = 422
    elif refusal.code.endswith("-unknown"):
        status = 404
    elif refusal.code.endswith("-erased"):
        status = 410
    else:
        status = 409
    return Problem(status, refusal.code, facts=refusal.facts)


def problem_of(error: Exception) -> Problem:
    """The problem any exception becomes. Nothing of an unexpected one is shown but that it happened."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            code = _BY_STATUS.get(error.status_code, "invalid" if error.status_code < 500 else "internal")
            status = 422 if error.status_code == 400 else error.status_code
            allowed = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
            return Problem(status, code, headers=allowed)
        case KeyReused():
            return Problem(422, "idempotency-key-reused")
        case VersionConflict():
            return Problem(409, "version-conflict", headers={"Retry-After": "1"})
        case OriginHalted():
            return Problem(503, "origin-halted", "This service takes no commands until it is repaired.")
        case StoreUnavailable():
            return Problem(503, "store-unavailable", headers={"Retry-After": "1"})
        case BusUnavailable():
            return Problem(503, "bus-unavailable", headers={"Retry-After": "1"})
        case _:
            return Problem(500, "internal")


def _invalid(error: RequestValidationError) -> Problem:
    found = [(_field(each["loc"]), code_of(str(each["type"]))) for each in error.errors()[:ERRORS_MAX]]
    codes = {code for _, code in found}
    if codes & {"json-invalid", "model-attributes-type"} and len(found) == 1:
        return Problem(422, "body-not-json" if "json-invalid" in codes else "invalid", errors=found)
    # One field, one word of ours for it: that word is the problem's. Anything else is `invalid` with a list.
    only = next(iter(codes)) if len(codes) == 1 else ""
    return Problem(422, only if only in _TITLES else "invalid", errors=found)


def _field(location: Iterable[str | int]) -> str:
    parts = [str(part) for part in location]
    if len(parts) > 1 and parts[0] in ("body", "query", "path", "header", "cookie"):
        parts = parts[1:]
    return ".".join(parts)[:FIELD_CHARACTERS_MAX]


def code_of(kind: str) -> str:
    """A validator's word for a mistake as one of our codes: `extra_forbidden` is `unknown-field`."""
    if kind == "extra_forbidden":
        return "unknown-field"
    return _CODE.sub("-", kind.lower()).strip("-") or "invalid"


def stranger(scope: Scope) -> Problem:
    """Why a request without an actor is refused: 401 with why the token did not count; 503 while that is not known."""
    refusal: str | None = scope.get(REFUSAL)
    if refusal == NOT_READ:
        return Problem(503, NOT_READ, headers={"Retry-After": "1"})
    return Problem(401, refusal or "not-signed-in", headers=WWW_AUTHENTICATE)


async def answer_problem(request: Request, error: Exception) -> Response:
    """The exception handler of every app. A browser that has to sign in first is taken there; the border logs the
    unexpected."""
    problem = problem_of(error)
    if problem.status_code in (404, 405) and request.scope.get(ACTOR) is None and ACTOR in request.scope:
        known = request.scope.get(REFUSAL) != NOT_READ  # strangers do not learn what there is
        problem = Problem(401, "not-signed-in", headers=WWW_AUTHENTICATE) if known else stranger(request.scope)
    if problem.status_code == 401 and (sign_in := _sign_in_page(request)) is not None:
        return RedirectResponse(sign_in, 303)
    return problem_response(problem)


def _sign_in_page(request: Request) -> str | None:
    """Where this request should sign in, if it is a person looking at a screen."""
    page: str | None = request.scope.get(SIGN_IN)
    path = request.scope["path"]
    if page is None or request.method != "GET" or path == page or path.startswith("/api/"):
        return None
    return page if "text/html" in request.headers.get("accept", "") else None
