"""Messages: 5,000 of one site, through a real HTTP gateway that fails one call in five. All of them arrive or are left
at the desk, and the lag is in the metrics meanwhile.

Pauses between attempts are skipped, the work is done in full: the vault asked twice a message, every step written to
PostgreSQL, every call signed. What is measured is how many messages a site gets done an hour.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from datetime import timedelta

from bench.ground import IDS, Ground, Line
from services.notifications import app, policy
from services.notifications.app_courier import Courier
from services.notifications.commands import ChooseMessage
from services.notifications.decider_recipient import RECENT_MAX
from services.notifications.views import messages
from shared import metrics
from shared.handling import Context
from shared.ports import Store
from tests.support.desk import MovedClock
from tests.support.gateway import Gateway, open_gateway
from tests.support.intake_desk import IntakeDesk, open_intake
from tests.support.post_office import Asking, by_day, by_gateway

MESSAGES = 5_000
AN_HOUR = 5_000.0
"""Messages a site has to get done in an hour."""
FAILS = 0.2
CODES = (503, 500, 429, 0)
"""How the gateway fails: busy, broken, too much at once; or it takes the message and hangs up."""
SEED = 1
WAITING = ("chosen", "queued", "sending", "failed")
LOOK_SECONDS = 0.5
"""Between two looks at what is left: each reads all of it."""
FAR = timedelta(days=1)


def run(ground: Ground) -> list[Line]:
    """All of them once."""
    count = 500 if ground.quick else MESSAGES
    an_hour, at_desk, lag = ground.run(delivered(ground, count))
    note = f"{at_desk} left at the desk, lag {lag:,.0f} s at most"
    return [
        Line(f"{count:,} messages, one call in five fails", an_hour, "messages/h", "wanted", AN_HOUR, an_hour / AN_HOUR,
             1.0, note=note)
    ]  # fmt: skip


async def delivered(ground: Ground, count: int) -> tuple[float, int, float]:
    """Messages an hour, those left at the desk, and the highest lag that was shown, in seconds."""
    async with ground.store(app.INLINE_TABLES, "notifications") as store, open_intake(clock=by_day()) as desk:
        with open_gateway() as gateway:
            chance = random.Random(SEED)
            gateway.answers += [chance.choice(CODES) if chance.random() < FAILS else 200 for _ in range(3 * count)]
            courier = courier_of(store, desk, gateway)
            await choose(courier, desk, count)
            began, lag = time.perf_counter(), await worked_off(courier, desk.clock)
            seconds = time.perf_counter() - began
            rows = await store.rows(messages)
            assert len(rows) == count
            assert {row["status"] for row in rows} <= {"delivered", "desk"}, "a message was lost"
            assert {row["id"] for row in rows if row["status"] == "delivered"} <= gateway.taken.keys()
            assert gateway.unsigned == 0
            return count / seconds * 3600, sum(row["status"] == "desk" for row in rows), lag


def courier_of(store: Store, desk: IntakeDesk, gateway: Gateway) -> Courier:
    """As `services/notifications/app.py` builds it; the vault is asked without a bus in between."""
    settings = by_gateway(gateway)
    recipients = app.handlers(store, desk.clock, IDS)[policy.RECIPIENT]
    return Courier(store, recipients, Asking(desk), app.channels_of(settings), settings, desk.clock)


async def choose(courier: Courier, desk: IntakeDesk, count: int) -> None:
    """As many clients as it takes for nothing to be gathered, and their messages."""
    for first in range(0, count, RECENT_MAX):
        contact = {"channel": "sms", "explicit": True}
        personal = {"contact_details": "+31 6 12345678"}
        client = await desk.registered(languages=["ti"], contact=contact, personal=personal)
        for number in range(first, min(first + RECENT_MAX, count)):
            now, message_id = desk.clock.now(), policy.message_id_of(client, "request_ended", str(number))
            command = ChooseMessage(
                at=now, role="system", recipient=client, message_id=message_id, cause_id=message_id,
                template="request_ended", fields={}, expires_at=now + policy.WAITS,
            )  # fmt: skip
            await courier.recipients.handle(client, command, Context(message_id, message_id, message_id))


async def worked_off(courier: Courier, clock: MovedClock) -> float:
    """Until every message has arrived or is at the desk; the time until the next one is due passes at once. Returns the
    highest lag the metrics showed, in seconds."""
    lag, work = 0.0, asyncio.create_task(courier.run())
    try:
        while waiting := await open_messages(courier.store):
            lag = max(lag, metrics.REGISTRY.get_sample_value("plek_messages_lag_seconds") or 0.0)
            due = [timer.due_at for timer in await courier.store.due_timers(clock.now() + FAR, 1)]
            if due and not waiting["sending"] and due[0] > clock.now():
                clock.ahead += due[0] - clock.now()
            assert not work.done(), f"the courier ended while messages waited: {waiting}"
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    return lag


async def open_messages(store: Store) -> Counter[str]:
    """How many are neither settled nor at the desk, by status; empty when there are none."""
    rows = [row for status in WAITING for row in await store.rows(messages, status=status)]
    return Counter(str(row["status"]) for row in rows)
