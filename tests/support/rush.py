"""An hour of messages at one site, with a clock that passes the time in which nothing is due: a real courier, a real
mail server and a real gateway, each of which fails one call in five.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage

from services.notifications import app, policy
from services.notifications.adapters.settings import ChannelSettings
from services.notifications.app_courier import Courier
from services.notifications.commands import ChooseMessage
from services.notifications.decider_recipient import RECENT_MAX
from services.notifications.views import messages
from services.notifications.wording import REPEATED
from services.notifications.words import say
from shared import metrics
from shared.handling import Context
from shared.ids import SystemIds
from shared.ports import Store
from tests.support.gateway import Gateway
from tests.support.intake_desk import IntakeDesk
from tests.support.mailbox import Mailbox
from tests.support.post_office import Asking, OfficeClock, by_gateway, by_mail

HOUR = timedelta(hours=1)
HANDFUL = 14
"""Messages that are chosen at once; of 5,000 in an hour that is every ten seconds, and so far the clock is moved. What
falls due in between is late by that much at most."""
FAILS = 0.2
CODES = (503, 500, 429, 0)
"""How the gateway fails: busy, broken, too much at once; or it takes the message and hangs up."""
WORDS = ("451 later", "452 full", "421 busy", "silent")
"""How the mail server does."""
REPEAT = say(REPEATED, "nl")
SEED = 1
A_MINUTE = 120
"""What each channel takes: what a site has that says nothing else."""
FAR = timedelta(days=1)
"""Later than anything that may still go out; what is at the desk is due when it is over."""
LOOK_SECONDS = 0.005


class RushClock(OfficeClock):
    """One whose sleepers wake when it is moved past their time."""

    def __init__(self) -> None:
        super().__init__()
        self._moved = asyncio.Event()

    def move(self, by: timedelta) -> None:
        """Passes time in which nothing happens."""
        self.ahead += by
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def sleep(self, seconds: float) -> None:
        until = self.monotonic() + seconds
        while (left := until - self.monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._moved.wait()


def rush_clock() -> RushClock:
    """At an hour at which messages go out, and go out for some hours more."""
    clock = RushClock()
    while policy.quiet_until(clock.now()) or policy.quiet_until(clock.now() + timedelta(hours=6)):
        clock.ahead += timedelta(hours=1)
    return clock


@dataclass
class Outcome:
    """lag_seconds: the highest that was shown. took: by the moved clock, from the first message to the last."""

    statuses: dict[str, str]
    lag_seconds: float
    took: timedelta


async def rush(
    store: Store, desk: IntakeDesk, clock: RushClock, mailbox: Mailbox, gateway: Gateway, count: int
) -> Outcome:
    """So many messages, chosen in the course of an hour, until each has gone out or is at the desk. Half of their
    clients read mail."""
    fail_some(mailbox, gateway, count)
    settings = ChannelSettings(email=by_mail(mailbox, A_MINUTE).email, sms=by_gateway(gateway, A_MINUTE).sms)
    recipients = app.handlers(store, clock, SystemIds())[policy.RECIPIENT]
    courier = Courier(store, recipients, Asking(desk), app.channels_of(settings), settings, clock)
    clients = [await client_of(desk, number) for number in range(0, count, RECENT_MAX)]
    step = HOUR * HANDFUL / count
    began, chosen, highest = clock.now(), 0, 0.0
    work = asyncio.create_task(courier.run())
    try:
        while True:
            wanted = min(count, int(count * ((clock.now() - began) / HOUR)) + 1)
            await asyncio.gather(
                *(choose(courier, clients[number % len(clients)], number) for number in range(chosen, wanted))
            )
            chosen = wanted
            highest = max(highest, await settled(courier, work))
            due = [timer.due_at for timer in await store.due_timers(clock.now() + FAR, 1)]
            if chosen == count and not due:
                break
            ahead = due[0] - clock.now() if due and chosen == count else step
            clock.move(max(ahead, step))
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        mailbox.answers.clear()
        gateway.answers.clear()
    rows = await store.rows(messages)
    return Outcome({row["id"]: row["status"] for row in rows}, highest, clock.now() - began)


async def settled(courier: Courier, work: asyncio.Task[None]) -> float:
    """Waits until nothing is due and nothing is under way; the highest lag meanwhile, in seconds."""
    highest = 0.0
    while not courier.idle or await courier.store.due_timers(courier.clock.now(), 1):
        assert not work.done(), "the courier ended while messages were due"
        await asyncio.sleep(LOOK_SECONDS)
        [shown] = metrics.MESSAGES_LAG_SECONDS.collect()
        highest = max(highest, *(sample.value for sample in shown.samples))
    return highest


def fail_some(mailbox: Mailbox, gateway: Gateway, count: int) -> None:
    """One call in five, of each."""
    chance = random.Random(SEED)
    gateway.answers += [chance.choice(CODES) if chance.random() < FAILS else 200 for _ in range(3 * count)]
    mailbox.answers += [chance.choice(WORDS) if chance.random() < FAILS else "250 taken" for _ in range(3 * count)]


async def client_of(desk: IntakeDesk, number: int) -> str:
    by_post = number // RECENT_MAX % 2 == 0
    contact = {"channel": "email" if by_post else "sms", "explicit": True}
    details = f"client-{number}@example.org" if by_post else "+31 6 12345678"
    return await desk.registered(languages=["ti"], contact=contact, personal={"contact_details": details})


async def choose(courier: Courier, client: str, number: int) -> None:
    now, message_id = courier.clock.now(), policy.message_id_of(client, "request_ended", str(number))
    command = ChooseMessage(
        at=now, role="system", recipient=client, message_id=message_id, cause_id=message_id, template="request_ended",
        fields={}, expires_at=now + policy.WAITS,
    )  # fmt: skip
    await courier.recipients.handle(client, command, Context(message_id, message_id, message_id))


def faults(outcome: Outcome, mailbox: Mailbox, gateway: Gateway) -> list[str]:
    """What must not be: a message that is lost, or that came twice and does not say so."""
    came = [(str(mail["Message-ID"])[1:].partition("@")[0], REPEAT in said_in(mail)) for _, mail in mailbox.mails]
    mailed, marked = Counter(id_ for id_, _ in came), Counter(id_ for id_, repeat in came if repeat)
    statuses, taken = outcome.statuses, {*mailed, *gateway.taken}
    return [
        *(f"{id_} is {status}" for id_, status in statuses.items() if status not in ("sent", "delivered", "desk")),
        *(f"{id_} is lost" for id_ in statuses if statuses[id_] != "desk" and id_ not in taken),
        *(f"{id_} came again unmarked" for id_ in mailed if mailed[id_] > 2 or mailed[id_] - marked[id_] > 1),
        *["a call that nobody signed"] * gateway.unsigned,
    ]


def said_in(mail: EmailMessage) -> str:
    """The plain text of a mail."""
    text = mail.get_body(("plain",))
    assert text is not None
    return str(text.get_content())
