"""Whatever became of a message leads back to what chose it, on a real database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.notifications import app, events, policy
from services.notifications.adapters.settings import ChannelSettings, StaffSettings
from services.notifications.app_courier import FOLLOWS, Courier
from services.notifications.commands import ChooseMessage
from shared.archive import Archive, Look, Wanted
from shared.causes import Step, lines, merged, trees
from shared.handling import Context
from shared.ids import SystemIds
from shared.store import PgStore
from tests.support.border import SITE
from tests.support.gateway import Gateway, open_gateway
from tests.support.intake_desk import open_intake
from tests.support.post_office import Asking, by_day, by_gateway


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with open_gateway() as opened:
        yield opened


async def nobody(client_id: str, look: Look) -> None:
    raise AssertionError("no client's file is looked into here")


async def whole(archive: Archive, id_: str) -> list[Step]:
    """All that is found, asked on as the console does."""
    found: list[Step] = []
    asked: set[str] = set()
    while ids := [id_, *(step.id for step in found if step.kind == "event")]:
        new = [one for one in ids if one not in asked]
        if not new:
            return found
        asked |= set(new)
        found = merged(found, (await archive.look_up(Wanted(ids=new))).steps)
    return found


async def test_that_it_was_sent_follows_from_its_attempt_and_that_from_its_time_however_often_it_was_put_off(
    database: str, gateway: Gateway
) -> None:
    await app.migrate(database)
    webhook = by_gateway(gateway, per_minute=6_000).sms
    settings = ChannelSettings(webhook=webhook, staff={"oncall": StaffSettings(channel="webhook")})
    async with open_intake(clock=by_day()) as desk:
        store = PgStore(database, SITE, app.NAME, app.INLINE_TABLES)
        await store.open(desk.clock.now())
        try:
            recipients = app.handlers(store, desk.clock, SystemIds())[policy.RECIPIENT]
            courier = Courier(store, recipients, Asking(desk), app.channels_of(settings), settings, desk.clock)
            now = desk.clock.now()
            message_id = policy.message_id_of("oncall", "site_silent", "noord")
            command = ChooseMessage(
                at=now, role="system", recipient="oncall", message_id=message_id, cause_id=message_id,
                template="site_silent", fields={"site": "noord", "time": now.isoformat()},
                expires_at=now + policy.WAITS,
            )  # fmt: skip
            await recipients.handle("oncall", command, Context(message_id, message_id, message_id))
            [timer] = await store.due_timers(desk.clock.now(), 10)
            await courier._put_off(timer, policy.SETTLES)
            desk.clock.ahead += 2 * policy.SETTLES
            [later] = await store.due_timers(desk.clock.now(), 10)
            assert later.due_at > timer.due_at
            await courier.take_up(later)
            stored = await store.read_all(0, 100)
            told = [str(event.type) for event in stored]
            assert told == ["message-chosen.v1", "sending-began.v1", "message-sent.v1", "message-delivered.v1"]
            archive = Archive(
                store, (app.RECIPIENTS,), app.INLINE_TABLES, [app.NEWS, app.DUTY], files=app.files_of(nobody),
                follows=FOLLOWS,
            )  # fmt: skip
            [story] = trees(await whole(archive, stored[-1].id))
        finally:
            await store.close()
    assert isinstance(app.RECIPIENTS.decider.codec.decode(stored[0].data), events.MessageChosen)
    assert [(branch.step.kind, branch.step.name if branch.step.kind == "event" else branch.step.where)
            for _, branch in lines([story])] == [
        ("command", "system"), ("event", "message-chosen.v1"), ("command", "timer"), ("event", "sending-began.v1"),
        ("command", "system"), ("event", "message-sent.v1"), ("event", "message-delivered.v1"),
    ]  # fmt: skip
