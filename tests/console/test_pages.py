"""The pages without a browser: who may see them, what they refuse, what they say when there is nothing to show."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from infra.keys import ensure_token_key
from services.console.api_entrance import Entrance
from services.console.api_pages import HERE, Places, Screens, build
from services.console.views_accounts import Accounts
from shared.clock import SystemClock
from shared.http_access import check_routes, session_cookie
from shared.http_border import PAGE_POLICY, Border
from shared.ids import SystemIds
from shared.ports import StoreUnavailable
from shared.security import Role, issue_token, load_public_keys, load_signing_key, verify_token
from shared.settings import SiteSettings

CLOCK = SystemClock()
COOKIE = session_cookie("west")
HTML = {"Accept": "text/html"}
ENGLISH = {"Accept-Language": "en"}


async def _no_database(work: object) -> Any:
    raise StoreUnavailable("none")


class Pages:
    """The screens of west, whose places service and database do not answer."""

    def __init__(self, directory: Path, *, demo: bool = True) -> None:
        signing, public = ensure_token_key(directory)
        self.settings = SiteSettings(
            site="west",
            hub="stad",
            sites=["stad", "west"],
            services=["console"],
            port=1,
            databases={"console": SecretStr("")},
            nats_url="",
            credentials={},
            token_keys=public,
            seal_keys=public,
            network_keys=public,
            token_signing_key=signing,
            demo=demo,
        )
        keys = load_public_keys(public)
        nobody = httpx.AsyncClient(base_url="http://127.0.0.1:9", timeout=1, trust_env=False)
        self.entrance = Entrance(Accounts(_no_database), keys, "west", CLOCK, SystemIds(), demo, lambda: None)
        self.screens = Screens(self.settings, Places(nobody), CLOCK, COOKIE)
        self.app = build(self.screens, self.entrance)
        self.border = Border(
            self.app,
            verify=lambda token: verify_token(keys, token, "west", CLOCK.now()),
            sign_in="/sign-in",
            cookie=COOKIE,
        )

    def token(self, role: Role = "operator", site: str = "west") -> str:
        assert self.settings.token_signing_key is not None
        return issue_token(load_signing_key(self.settings.token_signing_key), "someone", role, site, CLOCK.now())

    @asynccontextmanager
    async def browser(
        self, headers: Mapping[str, str] = HTML, *, signed_in: bool = False
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A client that keeps cookies, as a browser does."""
        transport = httpx.ASGITransport(app=self.border)
        cookies = {COOKIE: self.token()} if signed_in else None
        async with httpx.AsyncClient(
            transport=transport, base_url="http://west.test", headers={**HTML, **headers}, cookies=cookies
        ) as client:
            yield client


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    return Pages(tmp_path)


def test_every_page_says_who_may_see_it(pages: Pages) -> None:
    open_to_all = {route for route, access in check_routes(pages.app.routes).items() if access.roles is None}
    assert open_to_all == {"GET /sign-in", "POST /sign-in", "POST /sign-out", "POST /language", "MOUNT /static",
                            "GET /worker.js", "GET /offline"}  # fmt: skip


async def test_a_stranger_is_sent_to_sign_in_and_a_script_is_told(pages: Pages) -> None:
    async with pages.browser() as browser:
        for path in ("/", "/live", "/no-such-page"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in"), path
        script = await browser.get("/", headers={"Accept": "application/json"})
        assert (script.status_code, script.json()["code"]) == (401, "not-signed-in")


async def test_a_person_whose_page_cannot_be_shown_reads_words_and_a_script_reads_json(pages: Pages) -> None:
    """Wrong address, wrong role, an address with nonsense in it: status and code are one, whoever asks."""
    refused = [
        ("/no-such-page", 404, "not-found", "There is no such page"),
        ("/clients", 403, "role-not-allowed", "This page is not for your role"),
        ("/list?location=west&evacuation=perhaps", 422, "invalid", "This address is wrong"),
    ]
    async with pages.browser(ENGLISH, signed_in=True) as browser:
        for path, status, code, words in refused:
            person = await browser.get(path)
            assert (person.status_code, person.headers["content-type"][:9]) == (status, "text/html"), path
            assert words in person.text
            assert code in person.text
            assert 'href="/"' in person.text
            for script in ({"Accept": "application/json"}, {"Sec-Fetch-Mode": "cors"}):
                told = await browser.get(path, headers=script)
                assert (told.status_code, told.headers["content-type"]) == (status, "application/problem+json"), path
                assert told.json()["code"] == code
        posted = await browser.post("/", headers={"Sec-Fetch-Mode": "navigate"})
        assert (posted.status_code, posted.headers["allow"]) == (405, "GET")
    async with pages.browser({"Accept-Language": "nl"}, signed_in=True) as browser:
        assert "Deze pagina is niet voor uw rol" in (await browser.get("/clients")).text


async def test_when_the_places_service_does_not_answer_the_page_says_so(pages: Pages) -> None:
    async with pages.browser(ENGLISH, signed_in=True) as browser:
        for path in ("/", "/live", "/find", "/find/live", "/count?location=west", "/sheet?location=west&place=x"):
            answer = await browser.get(path)
            assert answer.status_code == 503, path
            assert "cannot be read at this moment" in answer.text
            assert answer.headers["content-type"].startswith("text/html")


async def test_when_the_accounts_cannot_be_read_the_page_says_so_in_words(pages: Pages) -> None:
    async with pages.browser(ENGLISH) as browser:
        for answer in (
            await browser.get("/sign-in"),
            await browser.post("/sign-in", data={"name": "a", "password": "b"}),
        ):
            assert answer.status_code == 503
            assert "Nobody can sign in at this moment" in answer.text


async def test_no_other_site_can_sign_a_browser_in_or_out(pages: Pages) -> None:
    async with pages.browser({"Sec-Fetch-Site": "cross-site"}) as browser:
        for path in ("/sign-in", "/sign-out", "/language"):
            answer = await browser.post(path, data={"demo": "operator", "language": "en"})
            assert (answer.status_code, answer.json()["code"]) == (403, "cross-site"), path


@pytest.mark.parametrize(
    ("back", "goes_to"),
    [
        ("/?location=west", "/?location=west"),
        ("/", "/"),
        ("//elsewhere.example", "/"),
        ("/\\elsewhere.example", "/"),
        ("https://elsewhere.example", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        ("", "/"),
    ],
)
async def test_switching_the_language_goes_back_to_a_page_of_ours_only(pages: Pages, back: str, goes_to: str) -> None:
    async with pages.browser() as browser:
        answer = await browser.post("/language", data={"language": "en", "back": back})
        assert (answer.status_code, answer.headers["location"]) == (303, goes_to)


async def test_a_language_nobody_speaks_here_is_not_remembered(pages: Pages) -> None:
    async with pages.browser() as browser:
        answer = await browser.post("/language", data={"language": "tlh"})
        assert "set-cookie" not in answer.headers


async def test_the_page_speaks_the_readers_language_and_says_which(pages: Pages) -> None:
    async with pages.browser() as browser:
        for accepted, language, title in (("nl", "nl", "Aanmelden"), ("en", "en", "Sign in")):
            answer = await browser.get("/sign-in", headers={"Accept-Language": accepted})
            assert f'<html lang="{language}">' in answer.text
            assert f">{title}</h1>" in answer.text
            assert "Accept-Language" in answer.headers["vary"]


async def test_pages_carry_a_strict_policy_and_nothing_inline(pages: Pages) -> None:
    async with pages.browser(signed_in=True) as browser:
        for path in ("/", "/sign-in", "/find?feature=quiet", "/count?location=west", "/list?location=west", "/sheet"):
            answer = await browser.get(path)
            assert answer.headers["content-security-policy"].encode() == PAGE_POLICY
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=|javascript:", answer.text)
            outside = re.findall(r'(?:src|href|action)="(?!/[^/]|#)([^"]*)"', answer.text)
            assert [address for address in outside if address != "/"] == []


async def test_assets_are_kept_until_they_change_and_nothing_else_is_served(pages: Pages) -> None:
    async with pages.browser() as browser:
        page = (await browser.get("/sign-in")).text
        addresses = re.findall(r'"(/static/[^"]+)"', page)
        assert len(addresses) >= 3
        for address in addresses:
            answer = await browser.get(address)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
        assert (await browser.get("/static/plek.css")).headers["cache-control"] == "no-cache"
        for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/nothing.css"):
            assert (await browser.get(path)).status_code in (303, 401, 404), path


async def test_pages_and_files_are_packed_for_who_can_unpack_them(pages: Pages) -> None:
    async with pages.browser() as browser:
        for path in ("/sign-in", "/static/plek.css"):
            packed, plain = [await browser.get(path, headers={"Accept-Encoding": way}) for way in ("gzip", "identity")]
            assert packed.headers["content-encoding"] == "gzip"
            assert "Accept-Encoding" in packed.headers["vary"]
            assert "content-encoding" not in plain.headers
            assert packed.text == plain.text
        small = await browser.get("/static/icon.svg", headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in small.headers


def loaded(name: str) -> set[str]:
    """Every file a page loads: what its templates name, and what those scripts import."""
    text = (HERE / "templates" / name).read_text("utf-8")
    found = set(re.findall(r"asset\('([^']+)'\)", text))
    for script in [name for name in found if name.endswith(".js")]:
        code = (HERE / "static" / script).read_text("utf-8")
        found |= set(re.findall(r'from "\./([^"]+)"', code))
    for other in re.findall(r'{% (?:extends|include) "([^"]+)"', text):
        found |= loaded(other)
    return found


@pytest.mark.parametrize("page", sorted(path.name for path in (HERE / "templates").iterdir()))
def test_the_first_load_of_a_page_is_light(page: str) -> None:
    sizes = {name: (HERE / "static" / name).stat().st_size for name in loaded(page)}
    assert sum(sizes.values()) < 100_000, sizes


def test_what_a_page_loads_is_found_through_its_templates_and_scripts() -> None:
    assert {"plek.css", "taps.js", "live.js", "send.js"} <= loaded("home.html")


def test_scripts_and_styles_name_no_other_server() -> None:
    found: list[Any] = []
    for path in [*(HERE / "static").iterdir(), *(HERE / "templates").iterdir()]:
        found += re.findall(r"(?:https?:)?//(?!www\.w3\.org)[a-z0-9-]+\.[a-z]{2,}", path.read_text("utf-8"))
    assert found == []
