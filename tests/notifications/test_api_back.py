"""What a channel says back: a word that stops messages, a message that came back; and nobody else can say it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.notifications import api_back
from services.notifications.adapters.stops import Stops
from services.notifications.adapters.webhook import signature
from services.notifications.decider_recipient import RECENT_MAX
from services.notifications.views import messages
from services.notifications.wording import NEUTRAL
from services.notifications.words import say
from tests.notifications.test_api import Shown
from tests.support.gateway import SECRET, Gateway, open_gateway
from tests.support.intake_desk import open_intake
from tests.support.post_office import PostOffice, by_day, by_gateway

NUMBER = "+31 6 12345678"


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with open_gateway() as opened:
        yield opened


@pytest_asyncio.fixture
async def shown(gateway: Gateway) -> AsyncIterator[Shown]:
    async with open_intake(clock=by_day()) as desk:
        yield Shown(PostOffice(desk, by_gateway(gateway)))


async def told(shown: Shown) -> tuple[str, str]:
    """A client who has had a message, and its id."""
    contact, personal = {"channel": "sms", "explicit": True}, {"contact_details": NUMBER}
    client = await shown.office.desk.registered(languages=["nl"], contact=contact, personal=personal)
    message_id = await shown.office.choose(client, "a")
    await shown.office.work()
    return client, message_id


def said(shown: Shown, message_id: str, word: str = "answered", text: str = "", ago: timedelta = timedelta()) -> bytes:
    at = (shown.office.clock.now() - ago).isoformat()
    return json.dumps({"id": message_id, "at": at, "word": word, "text": text}).encode()


async def hear(shown: Shown, body: bytes, secret: str = SECRET, channel: str = "sms") -> tuple[int, Any]:
    answer = await shown.heard(channel, body, signature(secret, body))
    return answer.status_code, answer.json()["code"] if answer.content else None


@pytest.mark.parametrize("word", ["STOP", " stop. ", "Arrêt", "توقف", "ኣቁም", "አቁም", "Стоп", "durdur"])
async def test_after_a_word_that_stops_them_messages_are_told_at_the_desk_until_the_client_says_otherwise(
    shown: Shown, gateway: Gateway, word: str
) -> None:
    client, message_id = await told(shown)
    for _ in range(2):
        assert await hear(shown, said(shown, message_id, text=word)) == (204, None)
    stopped = await shown.office.choose(client, "b")
    await shown.office.work()
    row = (await shown.get(f"/messages/{stopped}")).json()
    assert (row["status"], row["because"], len(gateway.calls)) == ("desk", "stop-word", 1)
    answer = await shown.post(f"/clients/{client}/allow-messages", "caseworker")
    assert (answer.status_code, len(answer.json()["events"])) == (200, 1)
    allowed = await shown.office.choose(client, "c")
    await shown.office.work()
    assert await shown.office.status(allowed) == "delivered"


async def test_a_word_that_could_be_passed_on_only_days_later_stops_all_the_same_and_a_copy_of_it_nothing(
    shown: Shown, gateway: Gateway
) -> None:
    client, message_id = await told(shown)
    late = said(shown, message_id, text="stop", ago=api_back.KEPT - timedelta(minutes=1))
    assert await hear(shown, late) == (204, None)
    stopped = await shown.office.choose(client, "b")
    await shown.office.work()
    assert await shown.office.status(stopped) == "desk"
    assert (await shown.post(f"/clients/{client}/allow-messages", "caseworker")).status_code == 200
    assert await hear(shown, late) == (204, None)
    allowed = await shown.office.choose(client, "c")
    await shown.office.work()
    assert await shown.office.status(allowed) == "delivered"


async def test_after_an_older_backup_whoever_wanted_no_messages_gets_none_until_they_say_otherwise(
    shown: Shown, gateway: Gateway, tmp_path: Path
) -> None:
    stops, desk, settings = Stops(tmp_path / "west.stopped"), shown.office.desk, shown.office.settings
    before = PostOffice(desk, settings, stops=stops)
    client, message_id = await told(there := Shown(before))
    backup = before.disk.copy()
    assert await hear(there, said(there, message_id, text="stop")) == (204, None)
    restored = PostOffice(desk, settings, backup, stops=stops)
    stopped = await restored.choose(client, "b")
    await restored.work()
    [row] = await restored.store.rows(messages, id=stopped)
    assert (row["status"], row["because"], len(gateway.calls)) == ("desk", "stop-word", 1)
    answer = await Shown(restored).post(f"/clients/{client}/allow-messages", "caseworker")
    assert (answer.status_code, answer.json()["events"]) == (200, []), "the database knows of nothing to take back"
    allowed = await restored.choose(client, "c")
    await restored.work()
    assert (await restored.status(allowed), list(tmp_path.glob("*/*"))) == ("delivered", [])


async def test_another_answer_changes_nothing_and_is_not_kept(shown: Shown) -> None:
    client, message_id = await told(shown)
    assert await hear(shown, said(shown, message_id, text="Stop een kanarie erbij")) == (204, None)
    later = await shown.office.choose(client, "b")
    await shown.office.work()
    assert await shown.office.status(later) == "delivered"
    assert "kanarie" not in repr(shown.office.disk.events) + repr(shown.office.disk.tables)


async def test_a_message_that_came_back_is_told_at_the_desk_once(shown: Shown) -> None:
    client, message_id = await told(shown)
    for _ in range(2):
        assert await hear(shown, said(shown, message_id, "bounced")) == (204, None)
    [item] = (await shown.get("/desk", "operator")).json()["items"]
    assert (item["id"], item["recipient"], item["because"]) == (message_id, client, "bounced")
    assert (await shown.post(f"/messages/{message_id}/told")).status_code == 200
    assert await hear(shown, said(shown, message_id, "bounced")) == (204, None)
    assert (await shown.get("/desk", "operator")).json()["items"] == []


async def test_an_offer_that_came_back_is_told_as_long_as_there_is_one(shown: Shown) -> None:
    client, _ = await told(shown)
    until = shown.office.clock.now() + timedelta(hours=1)
    kept, over = [await shown.office.choose(client, a, "offer_waiting", time=until.isoformat()) for a in ("b", "c")]
    await shown.office.work()
    assert await hear(shown, said(shown, kept, "bounced")) == (204, None)
    [item] = (await shown.get("/desk", "operator")).json()["items"]
    assert (item["id"], datetime.fromisoformat(item["ends_at"])) == (kept, until)
    shown.office.clock.ahead += timedelta(hours=2)
    await shown.office.work()
    assert await hear(shown, said(shown, over, "bounced")) == (204, None)
    assert (await shown.get("/desk", "operator")).json()["items"] == []


async def test_what_the_desk_has_told_does_not_come_back(shown: Shown, gateway: Gateway) -> None:
    client, message_id = await told(shown)
    gateway.answers = [503]
    tried = await shown.office.choose(client, "b")
    await shown.office.work()
    assert await shown.office.status(tried) == "failed"
    assert await hear(shown, said(shown, message_id, text="stop")) == (204, None)
    await shown.office.work_on(0.1)
    row = (await shown.get(f"/messages/{tried}")).json()
    assert (row["status"], row["channel"]) == ("desk", "sms")
    assert (await shown.post(f"/messages/{tried}/told")).status_code == 200
    assert await hear(shown, said(shown, tried, "bounced")) == (204, None)
    assert (await shown.get("/desk", "operator")).json()["items"] == []


async def test_a_summary_that_came_back_says_that_there_is_news(shown: Shown, gateway: Gateway) -> None:
    client, _ = await told(shown)
    for number in range(RECENT_MAX + 1):
        await shown.office.choose(client, f"more {number}")
    await shown.office.work_on(1.5)
    summary = gateway.calls[-1]
    assert "2" in summary["texts"][0]["text"]
    for number in range(RECENT_MAX + 3):  # the next summary stands for others
        await shown.office.choose(client, f"yet more {number}")
    assert await hear(shown, said(shown, summary["id"], "bounced")) == (204, None)
    [item] = (await shown.get("/desk", "operator")).json()["items"]
    assert [text["text"] for text in item["texts"]] == [say(NEUTRAL, "nl")]


async def test_nobody_else_can_say_it(shown: Shown) -> None:
    client, message_id = await told(shown)
    stop = said(shown, message_id, text="stop")
    assert await hear(shown, stop, secret="another secret of sixteen") == (401, "signature-invalid")
    assert await hear(shown, stop, channel="email") == (401, "signature-invalid")  # it has no secret here
    assert (await shown.heard("sms", stop, "sha256=é")).status_code == 401
    for ago in (api_back.KEPT + timedelta(seconds=1), -api_back.FRESH - timedelta(seconds=9)):
        assert await hear(shown, said(shown, message_id, text="stop", ago=ago)) == (422, "word-invalid")
    assert await hear(shown, b"{") == (422, "word-invalid")
    assert await hear(shown, said(shown, client, text="stop")) == (422, "word-invalid")
    later = await shown.office.choose(client, "b")
    await shown.office.work()
    assert await shown.office.status(later) == "delivered"


async def test_what_is_for_those_who_work_here_is_not_stopped_by_a_channel(shown: Shown) -> None:
    message_id = await shown.office.choose("operator", "hold", "hold_lapsed", location="west")
    assert await hear(shown, said(shown, message_id, text="stop")) == (422, "word-invalid")
