"""A site's notifications and its intake in this process and in memory, with real channels: real handlers, a real vault,
a real courier whose process can be killed at any step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from services.intake.app_contacts import Contacts
from services.notifications import app, policy
from services.notifications.adapters.begun import Begun
from services.notifications.adapters.contacts import ContactsUnavailable
from services.notifications.adapters.settings import ChannelSettings, EmailSettings, WebhookSettings
from services.notifications.adapters.stops import Stops
from services.notifications.app_courier import Courier
from services.notifications.commands import ChooseMessage
from services.notifications.views import messages
from shared.contracts.contact import ContactAnswered, ContactAsked
from shared.handling import Context
from shared.ids import SystemIds, derived_id
from tests.support.border import SITE
from tests.support.desk import MovedClock
from tests.support.gateway import SECRET, Gateway
from tests.support.intake_desk import IntakeDesk
from tests.support.mailbox import HOST, Mailbox
from tests.support.memory_store import Disk, MemoryStore


class Killed(BaseException):
    """The process is gone."""


class Asking:
    """The question to the vault without a bus in between. down: nobody answers."""

    def __init__(self, desk: IntakeDesk) -> None:
        self._contacts = Contacts(desk.intake.handler, desk.vault, desk.clock, desk.openings)
        self.down = False
        self.asked: list[ContactAsked] = []

    async def ask(self, asked: ContactAsked) -> ContactAnswered:
        self.asked.append(asked)
        if self.down:
            raise ContactsUnavailable
        return await self._contacts.answer(asked)


class OfficeClock(MovedClock):
    """One whose seconds that never go back go ahead with it."""

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead.total_seconds()


def by_day() -> OfficeClock:
    """A clock at an hour at which messages go out, and go out for some hours more."""
    clock = OfficeClock()
    while policy.quiet_until(clock.now()) or policy.quiet_until(clock.now() + timedelta(hours=6)):
        clock.ahead += timedelta(hours=1)
    return clock


@dataclass
class PostOffice:
    """dies_at: the process dies at the so manyth step on its disk from now on. begun: the folder that says what may
    have been sent."""

    desk: IntakeDesk
    settings: ChannelSettings
    disk: Disk = field(default_factory=Disk)
    dies_at: int | None = None
    channels: Mapping[str, Any] | None = None
    stops: Stops = field(default_factory=Stops)
    begun: Path | None = None

    def __post_init__(self) -> None:
        self.clock = self.desk.clock
        self.contacts = Asking(self.desk)
        self.start()

    def start(self) -> None:
        """A new process on the same disk."""
        self.store = MemoryStore(self.disk, SITE, "notifications", self._step)
        self.recipients = app.handlers(self.store, self.clock, SystemIds())[policy.RECIPIENT]
        channels = app.channels_of(self.settings) if self.channels is None else self.channels
        self.courier = Courier(
            self.store,
            self.recipients,
            self.contacts,
            channels,
            self.settings,
            self.clock,
            self.stops,
            Begun(self.begun),
        )

    async def _step(self, what: str) -> None:
        if self.dies_at is not None and what.startswith("append"):
            self.dies_at -= 1
            if self.dies_at == 0:
                self.dies_at = None
                raise Killed

    async def choose(self, recipient: str, about: str, template: str = "request_ended", **fields: str) -> str:
        """A message; returns its id."""
        message_id = policy.message_id_of(recipient, template, about)
        now, command_id = self.clock.now(), derived_id("test", message_id)
        command = ChooseMessage(
            at=now, role="system", recipient=recipient, message_id=message_id, cause_id=command_id, template=template,
            fields=fields, expires_at=now + policy.WAITS,
        )  # fmt: skip
        await self.recipients.handle(recipient, command, Context(command_id, command_id, command_id))
        return message_id

    async def work(self) -> None:
        """Takes up what is due now, one after the other; the process may die on the way."""
        for timer in await self.store.due_timers(self.clock.now(), 1_000):
            await self.courier.take_up(timer)

    async def work_on(self, hours: float = 8.0) -> None:
        """The next hours."""
        for _ in range(int(hours * 20)):
            await self.work()
            self.clock.ahead += timedelta(minutes=3)

    async def status(self, message_id: str) -> str:
        [row] = await self.store.rows(messages, id=message_id)
        return str(row["status"])


def by_mail(mailbox: Mailbox, per_minute: int = 6_000, **more: Any) -> ChannelSettings:
    email = EmailSettings(
        host=HOST, port=mailbox.port, sender="desk@west.example", ca_file=mailbox.ca_file, per_minute=per_minute
    )
    return ChannelSettings(email=email, **more)


def by_gateway(gateway: Gateway, per_minute: int = 60_000) -> ChannelSettings:
    sms = WebhookSettings(url=SecretStr(gateway.url), secret=SecretStr(SECRET), per_minute=per_minute)
    return ChannelSettings(sms=sms)
