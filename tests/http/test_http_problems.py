"""Every error has one shape, and none says more than it should."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from shared.http_border import BODY_BYTES_MAX
from tests.support.border import SECRET, Tokens, caller, tiny_site

pytestmark = pytest.mark.asyncio
THINGS = "/api/tiny/things"
JSON = {"Content-Type": "application/json"}


@pytest_asyncio.fixture
async def operator() -> AsyncIterator[httpx.AsyncClient]:
    tokens = Tokens()
    async with caller(tiny_site(tokens), tokens.token("operator")) as client:
        yield client


@pytest_asyncio.fixture
async def coordinator() -> AsyncIterator[httpx.AsyncClient]:
    tokens = Tokens()
    async with caller(tiny_site(tokens), tokens.token("coordinator")) as client:
        yield client


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = response.json()
    assert set(body) == {"type", "title", "status", "code", "detail", "facts", "errors", "trace_id"}
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == f"urn:nld:plek:problem:{code}"
    assert body["title"]
    assert len(str(body["trace_id"])) == 32
    assert str(body["trace_id"]) in response.headers["traceresponse"]
    return body


async def test_a_refusal_becomes_the_status_its_code_stands_for(operator: httpx.AsyncClient) -> None:
    for code, status in {
        "place-unknown": 404,
        "version-stale": 412,
        "size-invalid": 422,
        "no-place-free": 409,
    }.items():
        body = assert_problem(await operator.get(f"{THINGS}/{code}"), status, code)
        assert body["facts"] == {"asked": 1}


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"nonsense",
        b'{"name": NaN}',
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b"[" * 100 + b"]" * 100,
        b"\x00",
    ],
)
async def test_what_is_not_json_is_body_not_json(operator: httpx.AsyncClient, raw: bytes) -> None:
    assert_problem(await operator.post(THINGS, content=raw, headers=JSON), 422, "body-not-json")


async def test_json_of_another_shape_is_invalid(operator: httpx.AsyncClient) -> None:
    for raw in ("[]", "3", '"text"', "null"):
        answer = await operator.post(THINGS, content=raw, headers=JSON)
        assert_problem(answer, 422, "invalid")


async def test_every_wrong_field_is_named(operator: httpx.AsyncClient) -> None:
    body = assert_problem(await operator.post(THINGS, json={"count": "2", "colour": "red"}), 422, "invalid")
    assert body["errors"] == [
        {"field": "name", "code": "missing"},
        {"field": "count", "code": "int-type"},
        {"field": "colour", "code": "unknown-field"},
    ]


async def test_a_time_needs_a_zone(operator: httpx.AsyncClient) -> None:
    answer = await operator.post(THINGS, json={"name": "a", "observed_at": "2021-01-01T10:00:00"})
    body = assert_problem(answer, 422, "time-without-zone")
    assert body["errors"] == [{"field": "observed_at", "code": "time-without-zone"}]


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2021-02-30T10:00:00Z",
        "0001-01-01T00:00:00+23:00",
        1609459200,
        "20210101T100000Z",
        "",
        "2021-01-01",
    ],
)
async def test_what_is_no_time_is_invalid(operator: httpx.AsyncClient, text: object) -> None:
    body = assert_problem(await operator.post(THINGS, json={"name": "a", "observed_at": text}), 422, "invalid")
    assert body["errors"] == [{"field": "observed_at", "code": "time-invalid"}]


async def test_a_time_with_any_zone_is_kept_in_utc(operator: httpx.AsyncClient) -> None:
    answer = await operator.post(THINGS, json={"name": "a", "observed_at": "2021-01-01T10:00:00.5+02:00"})
    assert answer.json()["observed_at"] == "2021-01-01T08:00:00.500000Z"


async def test_control_characters_in_a_name_are_refused(operator: httpx.AsyncClient) -> None:
    for name in ("a\x00b", "a\n", "", "A", "a" * 64):
        assert_problem(await operator.post(THINGS, json={"name": name}), 422, "invalid")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
async def test_another_content_type_is_415(operator: httpx.AsyncClient, kind: str) -> None:
    answer = await operator.post(THINGS, content=b'{"name": "a"}', headers={"Content-Type": kind})
    assert_problem(answer, 415, "content-type-not-json")


async def test_json_with_a_charset_is_json(operator: httpx.AsyncClient) -> None:
    kind = "application/json; charset=utf-8"
    answer = await operator.post(THINGS, content=b'{"name": "a"}', headers={"Content-Type": kind})
    assert answer.status_code == 201


async def test_no_body_where_one_is_needed_is_invalid(operator: httpx.AsyncClient) -> None:
    body = assert_problem(await operator.post(THINGS), 422, "invalid")
    assert body["errors"] == [{"field": "body", "code": "missing"}]


async def test_a_body_that_says_it_is_too_large_is_413(operator: httpx.AsyncClient) -> None:
    answer = await operator.post(THINGS, content=b" " * (BODY_BYTES_MAX + 1), headers=JSON)
    assert_problem(answer, 413, "body-too-large")


async def test_a_body_that_turns_out_too_large_is_413(operator: httpx.AsyncClient) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * (BODY_BYTES_MAX // 10)

    assert_problem(await operator.post(THINGS, content=chunks(), headers=JSON), 413, "body-too-large")


async def test_the_largest_allowed_body_is_read(operator: httpx.AsyncClient) -> None:
    body = b'{"name": "a"}'
    answer = await operator.post(THINGS, content=body + b" " * (BODY_BYTES_MAX - len(body)), headers=JSON)
    assert answer.status_code == 201


async def test_an_unknown_path_is_404_and_an_unknown_method_405(operator: httpx.AsyncClient) -> None:
    for path in (
        "/nowhere",
        "/api/nowhere",
        "/api/tiny/nowhere",
        "/api/tiny",
        "/api/tiny/things/",
        "/%00",
        "/api//tiny",
    ):
        assert_problem(await operator.get(path), 404, "not-found")
    for method in ("DELETE", "PUT", "PATCH", "OPTIONS", "HEAD", "BREW"):
        answer = await operator.request(method, THINGS)
        assert answer.status_code == 405
        assert answer.headers["allow"] in ("GET", "POST", "POST, GET", "GET, POST")


async def test_a_view_that_stays_behind_is_503(coordinator: httpx.AsyncClient) -> None:
    answer = await coordinator.get("/api/tiny/behind?after=7")
    body = assert_problem(answer, 503, "view-behind")
    assert body["facts"] == {"after": 7}
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("bug", 500, "internal"),
        ("store", 503, "store-unavailable"),
        ("halted", 503, "origin-halted"),
        ("conflict", 409, "version-conflict"),
    ],
)
async def test_what_goes_wrong_inside_is_not_told(
    coordinator: httpx.AsyncClient, capfd: pytest.CaptureFixture[str], how: str, status: int, code: str
) -> None:
    answer = await coordinator.get(f"/api/tiny/broken/{how}")
    assert_problem(answer, status, code)
    assert SECRET not in answer.text
    captured = capfd.readouterr()
    assert SECRET not in captured.out + captured.err
