"""Pages of caseworkers, the municipality and finance without a browser: who may see them, and what they say when there
is nothing to show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from starlette.responses import JSONResponse

from services.console.api_pages import HERE, Places, Screens, build
from services.console.api_screens import PLACES_MAX
from shared.http_border import PAGE_POLICY, Border
from shared.security import Role, load_public_keys, verify_token
from tests.console.sample import uid
from tests.console.test_city import answer, row
from tests.console.test_pages import CLOCK, COOKIE, ENGLISH, HTML, Pages

PATHS = ("/clients", "/clients/live", f"/clients/{uid(1)}", f"/clients/{uid(1)}/live")


class Desk:
    """The screens of a site with every service and every duty, none of which answers, but for what does: `answers` for
    all of them, `asked` for this site's own."""

    def __init__(
        self, pages: Pages, *, municipality: bool = True, answers: httpx.AsyncBaseTransport | None = None,
        asked: httpx.AsyncClient | None = None,
    ) -> None:  # fmt: skip
        services = ["intake", "placement", "allowance", "console"]
        settings = pages.settings.model_copy(update={"services": services, "municipality": municipality})
        nobody = httpx.AsyncClient(base_url="http://127.0.0.1:9", timeout=1, trust_env=False, transport=answers)
        keys = load_public_keys(settings.token_keys)
        self._pages = pages
        self.border = Border(
            build(Screens(settings, Places(asked or nobody), CLOCK, COOKIE), pages.entrance),
            verify=lambda token: verify_token(keys, token, "west", CLOCK.now()), sign_in="/sign-in", cookie=COOKIE,
        )  # fmt: skip

    async def get(self, path: str, role: Role = "caseworker") -> httpx.Response:
        transport = httpx.ASGITransport(app=self.border)
        cookies = {COOKIE: self._pages.token(role)}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://west.test", headers=HTML | ENGLISH, cookies=cookies
        ) as client:
            return await client.get(path)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(Pages(tmp_path))


@pytest.mark.parametrize("path", PATHS)
async def test_when_intake_does_not_answer_the_page_says_so(desk: Desk, path: str) -> None:
    answer = await desk.get(path)
    assert answer.status_code == 503
    assert "cannot be read at this moment" in answer.text
    assert answer.headers["content-security-policy"].encode() == PAGE_POLICY


async def test_a_form_that_cannot_be_made_says_so_in_its_dialog(desk: Desk) -> None:
    answer = await desk.get(f"/clients/{uid(1)}/form?about=correct")
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)


async def test_what_is_no_id_is_asked_of_nobody(desk: Desk) -> None:
    answer = await desk.get("/clients/%3Cscript%3E")
    assert answer.status_code == 404
    assert "no such client" in answer.text
    assert "<script>alert" not in answer.text
    for form in ("nobody/form?about=read", f"{uid(1)}/form?about=milestone&of=../../../placement/stays"):
        assert (await desk.get(f"/clients/{form}")).status_code == 404


@pytest.mark.parametrize("path", PATHS)
async def test_a_site_without_intake_says_where_clients_are_known(tmp_path: Path, path: str) -> None:
    pages = Pages(tmp_path)
    async with pages.browser(ENGLISH) as browser:
        browser.cookies.set(COOKIE, pages.token("caseworker"))
        answer = await browser.get(path)
    assert (answer.status_code, "There is no desk here" in answer.text) == (404, True)


@pytest.mark.parametrize("role", ["operator", "coordinator", "finance", "oncall", "auditor"])
async def test_nobody_else_sees_a_file(desk: Desk, role: Role) -> None:
    for path in (*PATHS, "/clients/form", f"/clients/{uid(1)}/form"):
        assert (await desk.get(path, role)).status_code == 403, path


async def test_the_form_that_registers_carries_nobody_and_names_every_language(desk: Desk) -> None:
    answer = await desk.get("/clients/form")
    assert answer.status_code == 200
    assert 'data-path="/api/intake/clients"' in answer.text
    assert "Tigrinya" in answer.text
    assert " required" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/city",
        "/city/live",
        "/city/capacity.csv",
        "/city/capacity.parquet",
        "/city/map.svg",
        "/city/nights",
        "/city/nights.csv",
        "/city/nights.parquet",
        "/city/nights.svg",
        "/city/weeks.csv",
        "/city/sessions.svg",
        "/city/waiting.csv",
        "/city/flows",
        "/city/flows.csv",
        "/city/flows.parquet",
        "/city/flows.svg",
        "/money",
        "/money/live",
    ],
)
async def test_when_figures_and_books_cannot_be_read_the_page_says_so(desk: Desk, path: str) -> None:
    answer = await desk.get(path, "finance")
    assert answer.status_code == 503
    assert "cannot be read at this moment" in answer.text
    assert answer.headers["content-security-policy"].encode() == PAGE_POLICY
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize("role", ["operator", "caseworker", "oncall"])
async def test_the_books_are_for_who_keeps_and_who_checks_them(desk: Desk, role: Role) -> None:
    for path in ("/money", "/money/live", "/money/form?about=open"):
        assert (await desk.get(path, role)).status_code == 403, path


async def test_a_form_of_the_books_is_for_the_role_that_may_send_it(desk: Desk) -> None:
    for role, about, status in (
        ("finance", "open", 200), ("auditor", "open", 404), ("coordinator", "regime", 200), ("finance", "regime", 404),
        ("coordinator", "end_regime&of=nonsense", 404), ("finance", "approve&of=nonsense", 404),
        ("finance", f"ceiling&of={uid(1)}", 503),
    ):  # fmt: skip
        answer = await desk.get(f"/money/form?about={about}", role)  # type: ignore[arg-type]
        assert answer.status_code == status, (role, about)


async def test_the_books_are_at_the_municipality(tmp_path: Path) -> None:
    pages = Pages(tmp_path)
    async with pages.browser(ENGLISH) as browser:
        browser.cookies.set(COOKIE, pages.token("finance"))
        answer = await browser.get("/money")
    assert (answer.status_code, "decided at the municipality" in answer.text) == (404, True)


async def test_a_form_that_another_service_decides_says_so_or_its_page_would_wait_for_a_position_it_never_has(
    desk: Desk,
) -> None:
    """The page of the books is asked of the allowance service with the position of what was written last."""
    assert " data-elsewhere" in (await desk.get("/money/form?about=regime", "coordinator")).text
    assert " data-elsewhere" not in (await desk.get("/money/form?about=open", "coordinator")).text
    script = (HERE / "static" / "forms.js").read_text("utf-8")
    assert 'if (!("elsewhere" in form.dataset)) wrote(came.position);' in script


@pytest.mark.parametrize(("there", "more"), [(PLACES_MAX - 1, False), (PLACES_MAX, False), (PLACES_MAX + 1, True)])
async def test_a_list_that_is_longer_than_is_shown_says_that_there_is_more(there: int, more: bool) -> None:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        asked = dict(parse_qsl(scope["query_string"].decode()))
        first = int(asked.get("cursor", "0"))
        last = min(first + int(asked["limit"]), there)
        found = {"items": [{"id": n} for n in range(first, last)], "next": str(last) if last < there else None}
        await JSONResponse(found)(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=answer), base_url="http://west.test") as client:
        shown = await Places(client, "intake").first("token", "clients")
    assert (len(shown[0]), shown[1]) == (min(there, PLACES_MAX), more)


@pytest.mark.parametrize(("occupied", "shown"), [(60, "free none"), (59, "free")])
async def test_a_house_where_nothing_is_free_does_not_look_as_if_there_were_room(
    tmp_path: Path, occupied: int, shown: str
) -> None:
    told = answer(row(occupied=occupied, held=0, blocked=0, district="West"))
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=told))
    asked = httpx.AsyncClient(base_url="http://127.0.0.1:9", transport=transport)
    page = await Desk(Pages(tmp_path), asked=asked).get("/city?district=West", "coordinator")
    assert page.status_code == 200
    assert set(re.findall(r'<td class="(free[^"]*)"', page.text)) == {shown}
