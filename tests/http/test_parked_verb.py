"""`plek parked retry` and `discard` over several messages: one that is refused, or a site that falls silent, neither
keeps the others waiting nor hides what was done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from infra.verbs import parked
from infra.verbs.asking import NoAnswer
from infra.verbs.common import No

IDS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(4)]
ROWS = [
    {"site": "west", "service": "placement", "id": IDS[0]}, {"site": "west", "service": "placement", "id": IDS[1]},
    {"site": "west", "service": "placement", "id": IDS[2]}, {"site": "oost", "service": "intake", "id": IDS[3]},
]  # fmt: skip


def sites(answer: Callable[[str, httpx.Request], httpx.Response]) -> Callable[[str], httpx.Client]:
    def client(site: str) -> httpx.Client:
        transport = httpx.MockTransport(lambda request: answer(site, request))
        return httpx.Client(base_url=f"http://{site}.example", transport=transport)

    return client


def told(request: httpx.Request) -> str:
    return request.url.path.split("/")[-2]


@pytest.mark.parametrize("dry_run", [True, False])
def test_one_that_is_refused_keeps_no_other_and_hides_nothing(dry_run: bool) -> None:
    def answer(_: str, request: httpx.Request) -> httpx.Response:
        if told(request) == IDS[1]:
            return httpx.Response(
                409, json={"title": "An earlier one is parked", "code": "earlier-parked", "errors": []}
            )
        return httpx.Response(404 if told(request) == IDS[2] else 200, json={"id": told(request)})

    silent: dict[str, str] = {}
    done, refused = parked.act_on(sites(answer), ROWS, "discard", {"reason": "why"}, silent, dry_run=dry_run)
    assert [row["id"] for row in done] == [IDS[0], IDS[3]], "what is parked no longer is passed over"
    assert refused == [f"{IDS[1]}: west says no: an earlier one is parked (earlier-parked)"]
    with pytest.raises(No, match=IDS[1]):
        parked.say_no(refused, silent)


def test_a_site_that_falls_silent_is_asked_no_more_and_the_others_are() -> None:
    asked: list[Any] = []

    def answer(site: str, request: httpx.Request) -> httpx.Response:
        asked.append(told(request))
        if told(request) == IDS[1]:
            raise httpx.ConnectError("gone")
        return httpx.Response(200, json={"id": told(request)})

    silent: dict[str, str] = {}
    done, refused = parked.act_on(sites(answer), ROWS, "retry", None, silent, dry_run=False)
    assert (asked, [row["id"] for row in done], refused) == ([IDS[0], IDS[1], IDS[3]], [IDS[0], IDS[3]], [])
    with pytest.raises(NoAnswer, match="west does not answer: ConnectError"):
        parked.say_no(refused, silent)
