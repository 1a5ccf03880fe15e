"""What another service knows of a client opens only after the client's file says who looked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from services.allowance import app as allowance
from services.notifications import app as notifications
from shared.archive import Archive, Look
from shared.http_looks import PATH, IntakeLooks
from shared.http_problems import Problem

CLIENT = "11111111-1111-4111-8111-111111111111"
LOOK = Look("auditor", "trouble", "a token")
OPENED = {"steps": [{"where": "request"}, {"where": f"client/{CLIENT}"}]}


def intake(status: int, said: dict[str, Any], asked: list[httpx.Request]) -> IntakeLooks:
    """One whose intake answers this."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, json=said)

    return IntakeLooks("http://site.example", httpx.MockTransport(answer))


async def test_intake_is_asked_in_the_name_of_whoever_looks() -> None:
    asked: list[httpx.Request] = []
    await intake(200, OPENED, asked).record(CLIENT, LOOK)
    [request] = asked
    assert (request.method, request.url.path) == ("POST", PATH)
    assert request.headers["authorization"] == "Bearer a token"
    assert request.content == b'{"about":"%s","purpose":"trouble"}' % CLIENT.encode()


@pytest.mark.parametrize(
    ("status", "said", "refused"),
    [
        (410, {"code": "client-erased"}, (410, "client-erased")),
        (422, {"code": "read-purpose-unknown"}, (422, "read-purpose-unknown")),
        (403, {"code": "role-not-allowed"}, (503, "look-not-recorded")),
        (404, {"code": "not-found"}, (503, "look-not-recorded")),
        (200, {"steps": []}, (503, "look-not-recorded")),
        (200, {"steps": [{"where": "client/another"}]}, (503, "look-not-recorded")),
    ],
)
async def test_what_is_not_written_down_is_not_shown(status: int, said: Any, refused: tuple[int, str]) -> None:
    with pytest.raises(Problem) as problem:
        await intake(status, said, []).record(CLIENT, LOOK)
    assert (problem.value.status_code, problem.value.code) == refused


async def test_nor_while_nobody_answers() -> None:
    def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there")

    with pytest.raises(Problem) as problem:
        await IntakeLooks("http://site.example", httpx.MockTransport(lost)).record(CLIENT, LOOK)
    assert problem.value.code == "look-not-recorded"


class _Rows:
    """A store with one row in every table."""

    async def rows(self, table: object, **where: object) -> list[dict[str, str]]:
        return [{"client_id": CLIENT}] if where == {"id": "of-anna"} else []


async def test_messages_and_entitlements_of_clients_are_files() -> None:
    store: Any = _Rows()
    record = IntakeLooks("http://site.example").record
    told = Archive(store, (), files=notifications.files_of(record))
    assert told.is_file(f"recipient/{CLIENT}")
    assert not any(told.is_file(f"recipient/{role}") for role in ("operator", "oncall", "coordinator"))
    files = allowance.files_of(store, record)
    assert Archive(store, (), files=files).is_file("entitlement/of-anna")
    assert not Archive(store, (), files=files).is_file("programme/of-anna")
    assert [await files.client_of(key) for key in ("of-anna", "unknown")] == [CLIENT, ""]
