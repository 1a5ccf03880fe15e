"""Who in a simulated network can say how far an origin was heard: what `shared/heard.py` asks over the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.envelope import Log
from shared.heard import Mark, Unanswered, heard_here
from shared.ports import StoreUnavailable
from tests.simulation.oracle import CONSOLE, PLACEMENT
from tests.support.memory_bus import CITY, Io
from tests.support.memory_store import MemoryStore

if TYPE_CHECKING:
    from tests.simulation.world import Site, World


class Asked:
    """Asks the other service of the own site, and the hub; the hub asks everybody. io: awaited around each question."""

    def __init__(self, world: World, site: str, io: Io) -> None:
        self._world, self._site, self._io = world, site, io

    async def marks(self, which: Log) -> list[Mark]:
        hub = self._world.bus.hub
        marks = [] if CONSOLE not in self._disks(self._site) else await self._of(self._site, CONSOLE)
        if which == "loc":
            return marks
        others = [site.name for site in self._world.sites if site.name != hub]
        far = others if self._site == hub else [hub]
        answered = 0
        for site in far:
            try:
                for service in self._disks(site):
                    marks += await self._of(site, service)
                answered += 1
            except Unanswered:
                continue
        if far and not answered:
            raise Unanswered(f"nobody but {self._site} answers")
        await self._io("asked CITY")
        for site in [*far, self._site] if self._site == hub else far:
            if self._world.bus.reachable(self._site, site):
                marks += self._tail(site)
        return marks

    def _disks(self, site: str) -> list[str]:
        return list(self._there(site).disks)

    def _there(self, site: str) -> Site:
        """Raises `Unanswered` when it has left meanwhile."""
        for other in self._world.sites:
            if other.name == site:
                return other
        raise Unanswered(f"{site} has left")

    async def _of(self, site: str, service: str) -> list[Mark]:
        await self._io(f"ask {service} of {site}")
        there = self._there(site)
        if there.process is None or there.store_down or not self._world.bus.reachable(self._site, site):
            raise Unanswered(f"no answer from {service} of {site}")
        try:
            marks = await heard_here(MemoryStore(there.disks[service], site, service), f"{self._site}/{PLACEMENT}")
        except StoreUnavailable:
            raise Unanswered(f"no answer from {service} of {site}") from None
        await self._io(f"asked {service} of {site}")
        return marks

    def _tail(self, site: str) -> list[Mark]:
        for stored in reversed(self._world.bus.stream(site, CITY).messages):
            message = stored.read.message
            if message is not None and message.origin.key == f"{self._site}/{PLACEMENT}":
                return [Mark("pub", message.origin.epoch, message.sequence, message.id)]
        return []
