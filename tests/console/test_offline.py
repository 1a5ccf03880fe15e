"""What a device may keep: the worker, whom a page was made for, and when."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.console.api_offline import SCRIPTS, worker
from services.console.api_screens import HERE, NOW_HEADER
from services.console.board import DESK_ROLES
from shared.http_access import PERSON_HEADER
from tests.console.test_pages import CLOCK, Pages


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    return Pages(tmp_path)


async def test_the_worker_is_for_the_whole_site_and_asks_nobody_else(pages: Pages) -> None:
    async with pages.browser() as browser:
        answer = await browser.get("/worker.js")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["cache-control"] == "no-cache"
        assert "connect-src 'self'" in answer.headers["content-security-policy"]
        files = re.search(r"const FILES = (\[.*?\]);", answer.text)
        assert files is not None
        for address in re.findall(r'"([^"]+)"', files[1]):
            assert (await browser.get(address)).status_code == 200, address


def test_the_worker_keeps_every_script_the_board_loads() -> None:
    wanted, found = {"taps.js", "notes.js", "since.js"}, set()
    while wanted:
        name = wanted.pop()
        found.add(name)
        wanted |= set(re.findall(r'from "\./([\w.]+)"', (HERE / "static" / name).read_text("utf-8"))) - found
    assert found == set(SCRIPTS)
    assert "const HOURS = 12;" in worker()


async def test_a_page_says_whom_it_was_made_for_and_when(pages: Pages) -> None:
    async with pages.browser(signed_in=True) as browser:
        before = CLOCK.now().timestamp() * 1000
        answer = await browser.get("/")
        person = answer.headers[PERSON_HEADER]
        assert re.fullmatch(r"[0-9a-f]{24}", person)
        assert f'data-person="{person}"' in answer.text
        assert before <= int(answer.headers[NOW_HEADER]) <= CLOCK.now().timestamp() * 1000 + 1
        assert "someone" not in answer.text
    async with pages.browser() as stranger:
        assert (await stranger.get("/sign-in")).headers[PERSON_HEADER] == ""


@pytest.mark.parametrize("role", ["operator", "caseworker", "coordinator", "finance", "oncall", "auditor"])
async def test_only_a_board_of_who_taps_is_kept(pages: Pages, role: str) -> None:
    async with pages.browser() as browser:
        token = pages.token(role)  # type: ignore[arg-type]
        answer = await browser.get("/", headers={"Authorization": f"Bearer {token}"})
        assert ("data-keep=" in answer.text) == (role in DESK_ROLES)
        found = await browser.get("/find", headers={"Authorization": f"Bearer {token}"})
        assert "data-keep=" not in found.text
