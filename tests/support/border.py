"""A tiny application behind the real border, and callers of every role: what the tests of the border talk to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
from fastapi import FastAPI, Query
from joserfc.jwk import KeySet, OKPKey
from starlette.responses import HTMLResponse, Response

from shared.http import Claim, IfMatch, Streams, new_app, service_api, wait_caught_up
from shared.http_access import EVERYBODY, allow, open_to_all
from shared.http_border import Border
from shared.http_models import Body, Moment, Page, PageQuery, Slug, paginate
from shared.http_problems import rejected
from shared.kernel import Rejected
from shared.ports import OriginHalted, StoreUnavailable, VersionConflict
from shared.security import Actor, Role, issue_token, verify_token

SITE = "west"
SECRET = "canary-7f3a"
"""Stands for whatever must never be shown: it is in exception texts and queries of these tests."""


class Tokens:
    """Signs tokens of one site and verifies them, like an embedded network does."""

    def __init__(self) -> None:
        self._key = OKPKey.generate_key("Ed25519", parameters={"use": "sig", "alg": "Ed25519"}, auto_kid=True)
        self._keys = KeySet([self._key])

    def token(self, role: Role, site: str = SITE, subject: str = "someone", now: datetime | None = None) -> str:
        return issue_token(self._key, subject, role, site, now or datetime.now(UTC))

    def verify(self, token: str) -> Actor:
        return verify_token(self._keys, token, SITE, datetime.now(UTC))


class ThingBody(Body):
    name: Slug
    count: int = 1
    observed_at: Moment | None = None


class ThingQuery(PageQuery):
    kind: Slug | None = None


async def _never(position: int) -> None:
    await asyncio.Event().wait()


def tiny_api(streams: Streams) -> FastAPI:
    """One route for everything the border does."""
    api = service_api("tiny", "A tiny service", asyncapi={"asyncapi": "3.0.0"})

    @api.post("/things", status_code=201)
    @allow("operator", "caseworker")
    async def make(body: ThingBody, claim: Claim, version: IfMatch) -> dict[str, Any]:
        seen = None if claim is None else [claim.scope, claim.key, claim.body_hash.hex()]
        return {"name": body.name, "claim": seen, "if_match": version, "observed_at": body.observed_at}

    @api.get("/things")
    @allow(*EVERYBODY)
    async def things(query: Annotated[ThingQuery, Query()]) -> Page[str]:
        return Page[str](**paginate([f"{n:03}" for n in range(250)], str, query))

    @api.get("/things/{thing_id}")
    @allow(*EVERYBODY)
    async def thing(thing_id: str) -> dict[str, str]:
        raise rejected(Rejected(thing_id, {"asked": 1}), frozenset({"size-invalid"}))

    @api.get("/behind")
    @allow("coordinator")
    async def behind(after: int) -> None:
        await wait_caught_up(after, _never, seconds_max=0.01)

    @api.get("/broken/{how}")
    @allow("coordinator")
    async def broken(how: str) -> None:
        errors: dict[str, Exception] = {
            "bug": RuntimeError(SECRET),
            "store": StoreUnavailable(SECRET),
            "halted": OriginHalted(SECRET),
            "conflict": VersionConflict(SECRET),
        }
        raise errors[how]

    @api.get("/stream")
    @allow(*EVERYBODY)
    async def stream() -> Response:
        return streams.answer(_ticks())

    return api


async def _ticks() -> Any:
    from shared.http import StreamMessage

    yield StreamMessage({"position": 1})
    await asyncio.Event().wait()


def tiny_site(tokens: Tokens, streams: Streams | None = None) -> Border:
    """The tiny service at `/api/tiny`, with an open page in front of it."""
    app = new_app("tiny site")

    @app.get("/healthz")
    @open_to_all
    async def healthz() -> dict[str, bool]:
        return {"well": True}

    @app.post("/sign-in")
    @open_to_all
    async def sign_in() -> dict[str, bool]:
        return {"signed_in": True}

    @app.get("/board")
    @allow("operator")
    async def board() -> Response:
        return HTMLResponse("<p>board</p>")

    app.mount("/api/tiny", tiny_api(streams or Streams()))
    return Border(app, verify=tokens.verify, sign_in="/sign-in")


def caller(app: Border, token: str | None = None, **headers: str) -> httpx.AsyncClient:
    """A client of an application in this process. `token`: sent as a bearer token."""
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://west.test", headers=headers)
