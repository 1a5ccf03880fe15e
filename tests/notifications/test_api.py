"""What is shown over HTTP, to whom: the log without texts, the desk with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.notifications import api, api_back
from services.notifications.adapters.settings import ChannelSettings, load_channels
from services.notifications.wording import LANGUAGES
from shared.http import new_app
from shared.http_border import Border
from shared.http_repair import bench_of
from shared.ids import SystemIds
from shared.security import ROLES, Role
from shared.settings import SettingsError
from tests.support.border import Tokens, caller
from tests.support.intake_desk import open_intake
from tests.support.post_office import PostOffice, by_day

BASE = "/api/notifications"


class Shown:
    """The service over HTTP, and what it stands on."""

    def __init__(self, office: PostOffice) -> None:
        self.office, self._tokens = office, Tokens()
        ids = SystemIds()
        secrets = api_back.secrets_of(office.settings)
        service = api.Notifications(
            office.store, office.recipients, office.contacts, office.clock, ids, secrets, office.stops
        )
        bench = bench_of("notifications", office.store, [], {}, lambda _: [], office.clock, ids)
        site = new_app("post")
        site.mount(BASE, api.build(service, bench, {"asyncapi": "3.0.0"}))
        self._border = Border(site, verify=self._tokens.verify)

    async def get(self, path: str, role: Role = "caseworker", **params: Any) -> httpx.Response:
        async with caller(self._border, self._tokens.token(role)) as client:
            return await client.get(f"{BASE}{path}", params=params)

    async def heard(self, channel: str, body: bytes, signed: str) -> httpx.Response:
        """What a channel says back, without a token."""
        async with caller(self._border) as client:
            headers = {b"Plek-Signature": signed.encode()}
            return await client.post(f"{BASE}/channels/{channel}/word", content=body, headers=headers)

    async def post(
        self, path: str, role: Role = "operator", key: str | None = None, body: Any = None
    ) -> httpx.Response:
        async with caller(
            self._border, self._tokens.token(role), **({} if key is None else {"Idempotency-Key": key})
        ) as client:
            return await client.post(f"{BASE}{path}", json=body)


@pytest_asyncio.fixture
async def shown() -> AsyncIterator[Shown]:
    async with open_intake(clock=by_day()) as desk:
        yield Shown(PostOffice(desk, ChannelSettings()))


async def left_at_desk(shown: Shown, languages: tuple[str, ...] = ("ti",), channel: str = "none") -> tuple[str, str]:
    client = await shown.office.desk.registered(alias="amber fox 1", languages=languages, contact={"channel": channel})
    message_id = await shown.office.choose(client, "a")
    await shown.office.work()
    return client, message_id


async def test_the_desk_is_shown_whom_to_tell_what_in_their_language(shown: Shown) -> None:
    client, message_id = await left_at_desk(shown)
    [item] = (await shown.get("/desk", "operator")).json()["items"]
    assert (item["id"], item["recipient"], item["alias"], item["because"]) == (
        message_id, client, "amber fox 1", "channel-none",
    )  # fmt: skip
    assert [text["language"] for text in item["texts"]] == ["ti", "nl"]
    assert [text["reviewed"] for text in item["texts"]] == [False, True]


async def test_without_a_channel_of_that_sort_everything_is_told_at_the_desk(shown: Shown) -> None:
    for channel in ("email", "sms", "chat", "phone", "post"):
        _, message_id = await left_at_desk(shown, channel=channel)
        assert (await shown.get(f"/messages/{message_id}")).json()["because"] == "no-channel"
    await shown.office.choose("operator", "hold", "hold_lapsed", location="west")
    await shown.office.work()
    items = (await shown.get("/desk")).json()["items"]
    [own] = [item for item in items if item["recipient"] == "operator"]
    assert "west" in own["texts"][0]["text"]


async def test_what_was_told_is_off_the_desk_and_told_once(shown: Shown) -> None:
    _, message_id = await left_at_desk(shown)
    told = await shown.post(f"/messages/{message_id}/told", key="tap")
    assert [event["type"] for event in told.json()["events"]] == ["message-delivered.v1"]
    assert (await shown.post(f"/messages/{message_id}/told", key="tap")).json() == told.json()
    assert (await shown.post(f"/messages/{message_id}/told")).json()["events"] == []
    assert (await shown.get("/desk")).json()["items"] == []
    row = (await shown.get(f"/messages/{message_id}", "oncall")).json()
    assert (row["status"], row["because"]) == ("delivered", "operator")


async def test_only_what_is_at_the_desk_is_told_there(shown: Shown) -> None:
    client = await shown.office.desk.registered()
    message_id = await shown.office.choose(client, "a")
    early = await shown.post(f"/messages/{message_id}/told")
    assert (early.status_code, early.json()["code"]) == (409, "message-not-at-desk")
    for nobody in ("00000000-0000-4000-8000-000000000000", "x"):
        assert (await shown.post(f"/messages/{nobody}/told")).status_code == 404


async def test_whoever_is_erased_is_not_on_the_desk_even_before_it_is_heard_here(shown: Shown) -> None:
    client, _ = await left_at_desk(shown)
    assert (await shown.office.desk.post(f"/clients/{client}/erase")).status_code == 200
    assert (await shown.get("/desk")).json()["items"] == []


async def test_while_the_vault_does_not_answer_the_desk_reads_its_own_language(shown: Shown) -> None:
    for _ in range(3):
        await left_at_desk(shown)
    shown.office.contacts.down, asked = True, len(shown.office.contacts.asked)
    items = (await shown.get("/desk")).json()["items"]
    assert len(shown.office.contacts.asked) == asked + 1, "nobody waits for an answer a line"
    assert len(items) == 3
    for item in items:
        assert (item["alias"], [text["language"] for text in item["texts"]]) == (None, ["nl"])


async def test_on_call_finds_a_message_without_reading_it(shown: Shown) -> None:
    client, message_id = await left_at_desk(shown)
    found = {"because": "channel-none", "template": "request_ended"}
    for query in ({"status": "desk"}, {}, found):
        answer = await shown.get("/messages", "oncall", **query)
        assert [row["id"] for row in answer.json()["items"]] == [message_id]
        assert client not in answer.text, "two messages of one client lead to no file"
        assert not {"text", "texts", "fields", "alias", "language"} & answer.json()["items"][0].keys()
    assert (await shown.get("/messages", "oncall", status="sent")).json()["items"] == []
    for other in ({"channel": "sms"}, {"because": "expired"}, {"template": "offer_waiting"}):
        assert (await shown.get("/messages", "oncall", **other)).json()["items"] == []
    first = (await shown.get("/messages", "oncall", limit=1)).json()
    assert first["next"] is None


async def test_only_a_caseworker_asks_for_one_clients_messages(shown: Shown) -> None:
    client, message_id = await left_at_desk(shown)
    await shown.office.choose("operator", "hold", "hold_lapsed", location="west")
    [own] = (await shown.get("/messages", recipient=client)).json()["items"]
    assert (own["id"], own["recipient"]) == (message_id, client)
    for role in ("oncall", "auditor"):
        refused = await shown.get("/messages", role, recipient=client)
        assert (refused.status_code, refused.json()["code"]) == (403, "role-not-allowed")
        assert (await shown.get(f"/messages/{message_id}", role)).json()["recipient"] == "client"
        [to_role] = (await shown.get("/messages", role, recipient="operator")).json()["items"]
        assert to_role["recipient"] == "operator"


async def test_a_page_ends_where_the_next_begins(shown: Shown) -> None:
    ids = {(await left_at_desk(shown))[1] for _ in range(5)}
    seen: list[str] = []
    cursor = None
    while True:
        page = (await shown.get("/messages", limit=2, **({} if cursor is None else {"cursor": cursor}))).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert (len(seen), set(seen)) == (5, ids)


async def test_a_flood_is_one_line_at_the_desk(shown: Shown) -> None:
    for number in range(25):
        await shown.office.choose("operator", f"{number}", "hold_lapsed", location="west")
    await shown.office.work_on(1.2)
    items = (await shown.get("/desk")).json()["items"]
    assert len(items) == 11
    [summary] = [item for item in items if item["template"] == "summary"]
    assert "15" in summary["texts"][0]["text"]


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("/messages", {"oncall", "auditor", "caseworker"}),
        ("/desk", {"operator", "caseworker", "coordinator", "finance", "oncall"}),
        ("/preview", set(ROLES)),
    ],
)
async def test_each_role_sees_what_is_its_own(shown: Shown, path: str, roles: set[str]) -> None:
    assert {role for role in ROLES if (await shown.get(path, role)).status_code == 200} == roles


async def test_at_the_desk_each_role_reads_what_is_for_it_and_a_sheet_is_between_caseworker_and_client(
    shown: Shown,
) -> None:
    client, of_client = await left_at_desk(shown)
    sheet = await shown.office.choose(client, "sheet", "sheet_care")
    run = await shown.office.choose("finance", "run", "run_waits", period="2026-W02")
    lapsed = await shown.office.choose("operator", "hold", "hold_lapsed", location="West")
    await shown.office.work()
    wanted: dict[Role, set[str]] = {
        "caseworker": {of_client, sheet, lapsed}, "operator": {of_client, lapsed}, "finance": {run},
        "coordinator": set(), "oncall": set(),
    }  # fmt: skip
    for role, ids in wanted.items():
        assert {item["id"] for item in (await shown.get("/desk", role)).json()["items"]} == ids
    refused = await shown.post(f"/messages/{sheet}/told", "operator")
    assert (refused.status_code, refused.json()["code"]) == (404, "message-unknown")
    assert (await shown.post(f"/messages/{run}/told", "caseworker")).status_code == 404
    assert (await shown.post(f"/messages/{run}/told", "finance")).status_code == 200


async def test_the_preview_is_a_page(shown: Shown) -> None:
    answer = await shown.get("/preview", "coordinator")
    assert answer.headers["content-type"].startswith("text/html")
    assert "መልእኽቲ" in answer.text
    for language, name in (("ti", "Tigrinya"), ("uk", "Ukrainian (українська)")):
        assert f"<a href='#{language}'>{name}" in answer.text
        assert f"<h2 id='{language}'>{name}" in answer.text
    assert answer.text.count("<h2 ") == len(LANGUAGES)
    assert "<main>" in answer.text
    assert "<th scope='row'>appointment_near</th>" in answer.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[email]\nhost = 'x'\nsender = 'nobody'\n", "email.sender"),
        ("[email]\nhost = 'x'\nsender = 'a@b.example'\ntls = 'none'\n", "email.tls"),
        ("[sms]\nurl = 'https://x.example'\nsecret = 'geheim'\n", "sms.secret"),
        (
            "[sms]\nurl = 'http://geheim.example'\nsecret = 'geheim-geheim-geheim'\n",
            "sms.url: value error",
        ),
        ("[sms]\nurl = 'geheim'\nsecret = 'geheim-geheim-geheim'\n", "sms.url"),
        ("[staff.oncall]\nchannel = 'webhook'\n", "webhook, which is not configured"),
        ("[room_below]\nsofa = 3\n", "room_below.sofa"),
        ("[room_below]\nshelter_24h = 0\n", "room_below.shelter_24h"),
        ("not toml", "is not TOML"),
    ],
)
def test_channels_that_cannot_be_read_say_where_and_not_what(tmp_path: Any, text: str, says: str) -> None:
    path = tmp_path / "channels.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=says) as wrong:
        load_channels(path)
    assert "geheim" not in str(wrong.value)


async def test_a_caseworker_sends_a_sheet_once_a_day_and_an_invitation_once(shown: Shown) -> None:
    client = await shown.office.desk.registered(languages=("am",), contact={"channel": "none"})
    evening = (shown.office.clock.now() + timedelta(days=9)).isoformat()
    for wanted in ({"template": "sheet_care"}, {"template": "evening", "starts_at": evening}):
        body = {"client_id": client} | wanted
        first, again = [await shown.post("/messages", "caseworker", body=body) for _ in range(2)]
        assert (first.status_code, len(first.json()["events"])) == (201, 1), first.text
        assert (again.json()["id"], again.json()["events"]) == (first.json()["id"], [])
    await shown.office.work()
    items = (await shown.get("/desk")).json()["items"]
    told = {(one["template"], one["texts"][0]["language"]) for one in items}
    assert told == {("sheet_care", "am"), ("evening", "am")}


@pytest.mark.parametrize(
    ("change", "role", "status", "code"),
    [
        ({"client_id": "99999999-9999-4999-8999-999999999999"}, "caseworker", 404, "client-unknown"),
        ({"template": "evening"}, "caseworker", 422, "evening-time-invalid"),
        ({"template": "evening", "starts_at": "2020-01-01T18:00:00Z"}, "caseworker", 422, "evening-time-invalid"),
        ({"template": "offer_waiting"}, "caseworker", 422, "invalid"),
        ({}, "operator", 403, "role-not-allowed"),
    ],
)
async def test_what_cannot_be_sent_is_refused(
    shown: Shown, change: dict[str, str], role: Role, status: int, code: str
) -> None:
    client = await shown.office.desk.registered(languages=("am",), contact={"channel": "none"})
    body = {"client_id": client, "template": "sheet_care"} | change
    answer = await shown.post("/messages", role, body=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_while_the_vault_does_not_answer_nothing_is_sent_to_somebody_nobody_knows(shown: Shown) -> None:
    shown.office.contacts.down = True
    body = {"client_id": "99999999-9999-4999-8999-999999999999", "template": "sheet_care"}
    answer = await shown.post("/messages", "caseworker", body=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "vault-unavailable")
