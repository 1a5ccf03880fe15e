"""Notifications in the simulated network: its process's pieces, as `services/notifications/app.py` wires them, over
channels that take a message and may not say so.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from services.notifications.adapters.contacts import ContactsUnavailable
from services.notifications.adapters.port import Channel, ChannelProblem, Outgoing
from services.notifications.adapters.settings import ChannelSettings
from services.notifications.app import handlers, heard, heard_by_staff
from services.notifications.app_courier import Courier
from services.notifications.policy import RECIPIENT
from shared.contracts.contact import ContactAnswered, ContactAsked
from shared.envelope import stream_name
from shared.inbox import Follow
from shared.policies import Policy, PolicyReader
from shared.ports import BusUnavailable, DueTimer, OriginHalted, StoreUnavailable, VersionConflict
from tests.simulation.oracle import PLACEMENT
from tests.simulation.oracle_allowance import ALLOWANCE
from tests.simulation.oracle_intake import INTAKE
from tests.simulation.oracle_post import NOTIFICATIONS

if TYPE_CHECKING:
    from tests.simulation.process import Process

CHANNELS = ("email", "sms", "none")
"""What clients have chosen, by their ids; the first does not know messages by id, the second does."""


SILENT = 0.2
"""How often a channel takes a message and does not say so, while things go wrong."""


class SimChannel:
    """A channel of one process. It may fail before it takes a message, and after."""

    per_minute = 60_000

    def __init__(self, process: Process, *, keyed: bool) -> None:
        self._process, self.keyed, self.confirms, self._knows = process, keyed, keyed, keyed

    async def send(self, outgoing: Outgoing) -> None:
        process, site = self._process, self._process.site.name
        try:
            await process.io("channel")
        except BusUnavailable:
            raise ChannelProblem("channel-unreachable") from None
        process.world.judge(
            lambda oracle: oracle.post.arrived(
                site, outgoing.message_id, repeat=outgoing.repeat, keyed=self._knows
            )
        )  # fmt: skip
        try:
            await process.io("channel-done")
            if not process.world.calm and process.world.chance.random() < SILENT:
                raise BusUnavailable("the simulation says so")
        except BusUnavailable:
            raise ChannelProblem("channel-silent", known=False) from None


class SimContacts:
    """The question to the site's intake; the cards of simulated files are no real seals."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def ask(self, asked: ContactAsked) -> ContactAnswered:
        assert self._process.intake is not None
        try:
            await self._process.io("ask the vault")
            file = (await self._process.intake.handlers["client"].load(asked.client_id))[0]
        except (BusUnavailable, StoreUnavailable):
            raise ContactsUnavailable from None
        if not file.id or file.erased_at is not None:
            return ContactAnswered("gone")
        channel = CHANNELS[int(asked.client_id[:2], 16) % len(CHANNELS)]
        address = "somewhere" if channel in asked.channels else None
        return ContactAnswered("known", channel, True, ("ti",), "alias", address)


class SimCourier(Courier):
    """In production a message that fails is tried again; nothing should ever make it fail."""

    process: Process

    async def take_up(self, timer: DueTimer) -> None:
        try:
            await super().take_up(timer)
        except (StoreUnavailable, OriginHalted, VersionConflict):
            raise
        except Exception as error:
            self.process.world.fail(error, f"a message of {self.process.site.name} failed")
            raise


class NotificationsProcess:
    """The part of the service in one life of a site's process."""

    courier: type[Courier] = SimCourier

    def __init__(self, process: Process) -> None:
        self.process = process
        self.store = process.watched(NOTIFICATIONS)
        site, world = process.site, process.world
        self.handlers = handlers(self.store, site.clock, world.ids)
        seals = world.seals[site.name]
        self.readers = [
            PolicyReader(self.store, policy, site.clock, self.handlers, seals)
            for policy in (self.for_clients(), heard_by_staff(site.name, world.bus.hub))
        ]
        for reader in self.readers:
            for service in self._tellers():
                source = world.bus.source(site.name, stream_name("loc", site.name, service), process.io)
                process.keep(f"notifications {reader.view.name} {service}", partial(reader.run, Follow(source)))
        process.keep("notifications courier", self._courier().run)

    def _courier(self) -> Courier:
        courier = self.courier(
            self.store, self.handlers[RECIPIENT], SimContacts(self.process), self.channels(), ChannelSettings(),
            self.process.site.clock,
        )  # fmt: skip
        assert isinstance(courier, SimCourier)
        courier.process = self.process
        return courier

    def for_clients(self) -> Policy:
        """Broken on purpose by a test, like the channels."""
        return heard(self.process.site.name)

    def channels(self) -> dict[str, Channel]:
        """Broken on purpose by a test, like the courier."""
        return {"email": SimChannel(self.process, keyed=False), "sms": SimChannel(self.process, keyed=True)}

    def _tellers(self) -> list[str]:
        """Whom it hears of its own site."""
        return [PLACEMENT, INTAKE] if self.process.site.allowance is None else [PLACEMENT, INTAKE, ALLOWANCE]

    def heard(self) -> dict[str, tuple[int, int]]:
        """How far the slower of its readers has come with what each service of its site told."""
        site = self.process.site.name
        return {
            service: min(reader.checkpoint(f"{site}/{service}", "loc") for reader in self.readers)
            for service in self._tellers()
        }
