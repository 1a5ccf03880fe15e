"""What a request may carry: idempotency keys, preconditions, pages, traces; and what every answer carries."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.border import SECRET, Tokens, caller, tiny_site

THINGS = "/api/tiny/things"


@pytest_asyncio.fixture
async def operator() -> AsyncIterator[httpx.AsyncClient]:
    tokens = Tokens()
    async with caller(tiny_site(tokens), tokens.token("operator")) as client:
        yield client


async def claim(client: httpx.AsyncClient, key: str = "k-1", path: str = THINGS, **body: object) -> list[str]:
    answer = await client.post(path, json={"name": "a", **body}, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    found: list[str] = answer.json()["claim"]
    return found


@pytest.mark.asyncio
async def test_a_key_belongs_to_person_method_and_path(operator: httpx.AsyncClient) -> None:
    scope, key, _ = await claim(operator)
    assert (scope, key) == ("someone POST /api/tiny/things", "k-1")


@pytest.mark.asyncio
async def test_no_key_is_no_claim(operator: httpx.AsyncClient) -> None:
    assert (await operator.post(THINGS, json={"name": "a"})).json()["claim"] is None


@pytest.mark.asyncio
async def test_the_same_request_written_differently_has_the_same_fingerprint(operator: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    one = await operator.post(THINGS, content=b'{"name":"a","count":2}', headers=headers)
    two = await operator.post(THINGS, content=b'{ "count": 2,\n "name": "a" }', headers=headers)
    assert one.json()["claim"] == two.json()["claim"]


@pytest.mark.asyncio
async def test_another_body_or_query_has_another_fingerprint(operator: httpx.AsyncClient) -> None:
    prints = {
        (await claim(operator))[2],
        (await claim(operator, count=2))[2],
        (await claim(operator, path=f"{THINGS}?x=1"))[2],
        (await claim(operator, path=f"{THINGS}?x=2"))[2],
    }
    assert len(prints) == 4


@pytest.mark.asyncio
@pytest.mark.parametrize("key", ["", "a b", "a" * 129, "\x7f", "é"])
async def test_a_key_that_is_none_is_refused(operator: httpx.AsyncClient, key: str) -> None:
    answer = await operator.post(THINGS, json={"name": "a"}, headers=[(b"Idempotency-Key", key.encode())])
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency-key-invalid")


@pytest.mark.asyncio
async def test_if_match_names_one_version(operator: httpx.AsyncClient) -> None:
    for value, version in (('"7"', 7), ("*", None)):
        answer = await operator.post(THINGS, json={"name": "a"}, headers={"If-Match": value})
        assert answer.json()["if_match"] == version
    for value in ("7", 'W/"7"', '"seven"', '"1", "2"', '"-1"', '"99999999999999999999"', ""):
        answer = await operator.post(THINGS, json={"name": "a"}, headers={"If-Match": value})
        assert (answer.status_code, answer.json()["code"]) == (422, "if-match-invalid"), value


@pytest.mark.asyncio
async def test_pages_follow_each_other_without_a_gap(operator: httpx.AsyncClient) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = (await operator.get(THINGS, params={"limit": 100} | ({"cursor": cursor} if cursor else {}))).json()
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"{n:03}" for n in range(250)]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=-1",
        "limit=x",
        "cursor=x",
        "cursor=%00",
        "cursor=W10",
        "page=2",
        "kind=A%00",
        "after=-1",
    ],
)
async def test_a_list_asked_for_nonsense_says_so(operator: httpx.AsyncClient, query: str) -> None:
    answer = await operator.get(f"{THINGS}?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"]


@pytest.mark.asyncio
async def test_every_answer_carries_the_protecting_headers(operator: httpx.AsyncClient) -> None:
    for path in (THINGS, "/nowhere", "/board", "/healthz", "/api/tiny/docs"):
        headers = (await operator.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.asyncio
async def test_a_callers_trace_goes_on(operator: httpx.AsyncClient) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await operator.get("/nowhere", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
    assert answer.json()["trace_id"] == trace_id
    assert answer.headers["traceresponse"].startswith(f"00-{trace_id}-")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "value",
    ["nonsense", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "00-" + "g" * 32 + "-" + "1" * 16 + "-01", "-" * 55],
)
async def test_a_broken_trace_starts_a_new_one(operator: httpx.AsyncClient, value: str) -> None:
    trace_id = (await operator.get("/nowhere", headers={"traceparent": value})).json()["trace_id"]
    assert len(trace_id) == 32
    assert set(trace_id) != {"0"}


@pytest.mark.asyncio
async def test_the_documents_need_nothing_from_outside(operator: httpx.AsyncClient) -> None:
    document = (await operator.get("/api/tiny/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]["/things"]["post"]["responses"]) >= {"201", "401", "403", "409", "422"}
    assert "Problem" in document["components"]["schemas"]
    assert (await operator.get("/api/tiny/asyncapi.json")).json() == {"asyncapi": "3.0.0"}
    page = (await operator.get("/api/tiny/docs")).text
    assert "http://" not in page
    assert "https://" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert (await operator.get(f"/api/tiny/docs/assets/{asset}")).status_code == 200
        assert f"/api/tiny/docs/assets/{asset}" in page


HEADER_NAMES = st.sampled_from([
    "Authorization", "Cookie", "Idempotency-Key", "If-Match", "Content-Type", "traceparent", "Origin", "Sec-Fetch-Site",
    "Host", "Accept", "Content-Length", "X-Forwarded-For",
])  # fmt: skip
HEADER_VALUES = st.binary(max_size=80).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"").replace(b"\0", b""))


@pytest.mark.asyncio
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    headers=st.lists(st.tuples(HEADER_NAMES, HEADER_VALUES), max_size=6),
    body=st.binary(max_size=60),
    signed_in=st.booleans(),
)
async def test_no_header_and_no_body_breaks_the_border(
    headers: list[tuple[str, bytes]], body: bytes, signed_in: bool
) -> None:
    tokens = Tokens()
    async with caller(tiny_site(tokens), tokens.token("operator") if signed_in else None) as client:
        given_headers = [(name.encode(), value) for name, value in headers]
        for method, path in (("POST", THINGS), ("GET", THINGS), ("GET", f"/api/tiny/broken/{SECRET}")):
            answer = await client.request(
                method, path, headers=given_headers, content=body if method == "POST" else None
            )
            assert 200 <= answer.status_code < 500
