"""Channels that misbehave: a gateway that hangs, answers nonsense, for ever or elsewhere, or refuses; and how fast one
is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from services.notifications import app_courier
from services.notifications.adapters import webhook
from services.notifications.adapters.pace import FAILURES_MAX, REST_SECONDS, Pace
from services.notifications.adapters.port import ChannelProblem, Outgoing
from services.notifications.adapters.settings import ChannelSettings, WebhookSettings
from services.notifications.adapters.webhook import WebhookChannel
from services.notifications.words import write
from tests.support.intake_desk import open_intake
from tests.support.post_office import PostOffice, by_day

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WRITTEN = write("request_ended", {}, "nl", explicit=False)
OUTGOING = Outgoing("an id", "+31612345678", WRITTEN, repeat=False, at=datetime(2026, 1, 5, tzinfo=UTC))
SECRET = "geheim-geheim-geheim"
OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def listening(answering: Answering) -> AsyncIterator[WebhookSettings]:
    """A gateway of a few bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"}")
            await answering(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever asked has hung up
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield WebhookSettings(url=SecretStr(f"http://127.0.0.1:{port}/plek"), secret=SecretStr(SECRET))
    finally:
        server.close()


def saying(*parts: bytes) -> Answering:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(parts))
        await writer.drain()

    return answer


async def for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It has taken the message, and goes on talking."""
    writer.write(OK + b"Content-Type: text/plain\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until whoever asked has hung up."""
    await reader.read()


async def told_by(channel: WebhookChannel) -> tuple[str, bool, bool, bool] | None:
    """Its code, and whether it surely did not arrive, never will, and is the channel's own; None: it has it."""
    try:
        await channel.send(OUTGOING)
    except ChannelProblem as found:
        return found.code, found.known, found.lasting, found.ours
    return None


@pytest.mark.parametrize(
    ("answering", "problem"),
    [
        (saying(OK + b"Content-Length: 0\r\n\r\n"), None),
        (for_ever, None),
        (hangs, ("channel-silent", False, False, True)),
        (saying(b"\x16\x03\x01 nonsense\r\n\r\n"), ("channel-silent", False, False, True)),
        (saying(b""), ("channel-silent", False, False, True)),
        (saying(b"HTTP/1.1 302 No\r\nLocation: http://127.0.0.1:9/\r\n\r\n"), ("message-refused", True, False, False)),
        (saying(b"HTTP/1.1 429 Too Many\r\n\r\n"), ("message-refused", True, False, True)),
        (saying(b"HTTP/1.1 500 Oh\r\n\r\n"), ("message-refused", True, False, False)),
        (saying(b"HTTP/1.1 422 No\r\n\r\n"), ("message-refused", True, True, False)),
    ],
    ids=["takes it", "talks for ever", "hangs", "nonsense", "hangs up", "elsewhere", "too many", "fails", "refuses"],
)  # fmt: skip
async def test_whatever_a_gateway_does_somebody_knows_whether_it_may_have_arrived(
    answering: Answering, problem: tuple[str, bool, bool, bool] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if answering is hangs:
        monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.5)
    async with listening(answering) as settings, asyncio.timeout(60):
        assert await told_by(WebhookChannel(settings)) == problem


async def test_a_gateway_nobody_answers_for_surely_has_nothing() -> None:
    async with listening(hangs) as settings:
        pass
    with pytest.raises(ChannelProblem) as found:
        await WebhookChannel(settings).send(OUTGOING)
    assert (found.value.code, found.value.known, found.value.ours) == ("channel-unreachable", True, True)


async def test_a_channel_that_never_comes_back_is_let_go_and_the_message_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Never:
        keyed, confirms, per_minute = True, True, 600

        async def send(self, outgoing: Outgoing) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(app_courier, "SENDING_SECONDS_MAX", 0.05)
    async with open_intake(clock=by_day()) as desk:
        office = PostOffice(desk, ChannelSettings(), channels={"sms": Never()})
        contact, personal = {"channel": "sms", "explicit": True}, {"contact_details": "+31 6 12345678"}
        client = await desk.registered(languages=["nl"], contact=contact, personal=personal)
        message_id = await office.choose(client, "a")
        await office.work()
        assert await office.status(message_id) == "failed"
        await office.work_on(4)
        assert await office.status(message_id) == "desk"


def test_a_channel_is_used_no_faster_than_it_may_be() -> None:
    pace, now, sent = Pace(60), 1_000.0, 0
    while now < 1_060.0:
        wait = pace.wait_seconds(now)
        sent += not wait
        now += wait or 0.001
    assert 60 <= sent <= 60 + 10 + 1, "a minute's worth, and the sixth of one that may go at once"


def test_a_channel_that_fails_three_times_in_a_row_rests_and_one_that_works_in_between_does_not() -> None:
    pace = Pace(6_000)
    for _ in range(FAILURES_MAX - 1):
        pace.failed(10.0)
    pace.worked()
    for _ in range(FAILURES_MAX - 1):
        pace.failed(10.0)
    assert pace.wait_seconds(10.0) == 0.0
    pace.failed(10.0)
    assert pace.wait_seconds(10.0) == REST_SECONDS
    assert pace.wait_seconds(10.0 + REST_SECONDS) == 0.0
