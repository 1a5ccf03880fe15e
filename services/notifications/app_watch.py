"""What nobody tells and somebody has to hear of: that a site is silent, that there is little room, that a reader of
this site waits with a message it cannot read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta

from services.notifications import policy, policy_staff
from services.notifications.views_room import free_by_kind
from shared.beats import LATE_SECONDS, Links
from shared.handling import Context
from shared.ids import derived_id
from shared.inbox import Reader
from shared.kernel import Reaction
from shared.policies import Handlers
from shared.ports import OriginHalted, Store, StoreUnavailable, VersionConflict
from shared.runtime import Runtime
from shared.waiting import waiting_readers

PLACEMENT = "placement"
LOOK_SECONDS = 20.0
"""How often it is looked."""
UNHEARD_SECONDS = LATE_SECONDS
"""How long a site is waited for that has not been heard since this process began; then what is known of it counts."""
NOT_NOW = (StoreUnavailable, OriginHalted, VersionConflict)
"""What is told is told at the next look."""


class Watch:
    """Looks again and again, and has each thing told once a day to each role."""

    def __init__(
        self, runtime: Runtime, store: Store, deciding: Handlers, room_below: Mapping[str, int], room: Reader
    ) -> None:
        self._runtime, self._store, self._deciding, self._below = runtime, store, deciding, room_below
        self._room, self._began = room, runtime.host.clock.monotonic()
        self._told: set[str] = set()

    async def silence(self) -> None:
        """Whoever is on call, and the municipality, hear that a site is silent."""
        host = self._runtime.host
        while True:
            for site in host.roster:
                link = self._runtime.links.link(site, host.clock.monotonic())
                if site == host.settings.site or link.state != "silent" or link.silent_seconds is None:
                    continue
                now = host.clock.now()
                since = now - timedelta(seconds=link.silent_seconds)
                for recipient in (policy.ONCALL, policy.COORDINATOR):
                    await self._tell(policy_staff.silent(site, recipient, since, now))
            await host.clock.sleep(LOOK_SECONDS)

    async def room(self) -> None:
        """The municipality hears that there are fewer free places of a kind than it wants to know of; not while this
        site still hears how many there are."""
        host = self._runtime.host
        while True:
            found: Mapping[str, int] = {}
            others = [site for site in host.roster if site != host.settings.site]
            now = host.clock.monotonic()
            if caught_up(self._runtime.links, others, self._room.checkpoint, self._began, now):
                with suppress(StoreUnavailable):
                    found = await free_by_kind(self._store, host.roster)
            for kind, below in self._below.items():
                if found.get(kind, below) < below:
                    await self._tell(policy_staff.short(kind, below, host.clock.now()))
            await host.clock.sleep(LOOK_SECONDS)

    async def parked(self) -> None:
        """Whoever is on call hears that a reader of any service of this site waits, whichever process it runs in."""
        host = self._runtime.host
        while True:
            broker = self._runtime.broker
            client = None if broker is None else await broker.bus()
            for service, reader in await waiting_readers(client, host.settings):
                await self._tell(policy_staff.parked(host.settings.site, service, reader, host.clock.now()))
            await host.clock.sleep(LOOK_SECONDS)

    async def _tell(self, reaction: Reaction) -> None:
        message_id = reaction.command.message_id  # type: ignore[attr-defined]
        command_id = derived_id("watch", message_id)
        if command_id in self._told:
            return
        try:
            context = Context(command_id, command_id, command_id)
            await self._deciding[reaction.aggregate].handle(reaction.key, reaction.command, context)
        except NOT_NOW:
            return
        self._told.add(command_id)


def caught_up(
    links: Links, sites: Iterable[str], applied: Callable[[str], tuple[int, int]], began: float, now: float
) -> bool:
    """Whether the sum of what these sites have free is whole: all they said they told is applied. What a silent site
    told last may be on the other side of a cut: of that, what is known counts. applied: epoch and sequence of an
    origin's last message that is. began, now: by this process's clock, since when it listens and when it looks."""
    origins = {origin.site: origin for origin in links.origins() if origin.service == PLACEMENT}
    for site in sites:
        origin = origins.get(site)
        if origin is None:
            if now - began < UNHEARD_SECONDS:
                return False
            continue
        told, silent = links.told(origin), links.link(site, now, PLACEMENT).state == "silent"
        if told and not silent and applied(origin.key) < (origin.epoch, told):
            return False
    return True
