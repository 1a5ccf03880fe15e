"""Offers in the simulated network: how a site looks at the waiting list, and what desks do about offers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from services.placement.app_offers import LOOK_SECONDS, Offering
from services.placement.capacity import SiteLink
from services.placement.views_capacity import NetworkCapacity
from services.placement.views_waiting import WaitingList
from shared.inbox import Reader

if TYPE_CHECKING:
    from tests.simulation.process import Process

SHOWS_WITHIN_SECONDS = 1.5
"""A minute is longer than a seed lasts: here the next best is chosen sooner, so that several offer at once."""
ANSWERS_WITHIN_SECONDS = 4.0
"""As much longer for a location that asks first."""


AHEAD = 0.3
"""How often a site is ahead of the others."""


class _Everybody(dict[str, frozenset[str]]):
    """The same locations for whatever request is looked up."""

    def __init__(self, locations: frozenset[str]) -> None:
        super().__init__()
        self._locations = locations

    def get(self, key: object, default: object = None) -> Any:
        return self._locations


def arrival_of(turn_id: str) -> str:
    """What stands for salt and hash of a code: another one for each id."""
    digits = turn_id.replace("-", "")
    return f"{digits}.{digits}{digits[::-1]}"


class SimOffering(Offering):
    """As `services/placement/app.py` wires it; a link is live while the bus reaches the site."""

    def __init__(self, process: Process, capacity: Reader, waiting: Reader) -> None:
        world, site, store = process.world, process.site, process.store

        def link(other: str) -> SiteLink:
            if other in world.left:
                return SiteLink("retired", None)
            return SiteLink("live" if world.bus.reachable(site.name, other) else "silent", None)

        figures: Any = NetworkCapacity(store, capacity, link, site.clock)  # type: ignore[arg-type]
        listed = WaitingList(store, waiting, link, figures.current)
        super().__init__(
            site.name,
            store,
            listed,
            process.handlers["location"],
            site.clock,
            world.ids,
            SHOWS_WITHIN_SECONDS,
            ANSWERS_WITHIN_SECONDS,
        )
        self._world, self._process = world, process

    def _not_there(self, now: float) -> Mapping[str, frozenset[str]]:
        """Now and then a site is ahead of the others, and thinks that nobody else offers: then several do."""
        if self._world.chance.random() < AHEAD:
            others = (name for site in self._world.sites if site is not self._process.site for name in site.locations)
            return _Everybody(frozenset(others))
        return super()._not_there(now)

    async def run(self) -> None:
        """Until the world is asked to come to rest."""
        await self._process.ready.wait()
        while self._world.offering:
            await self.try_to_look()
            await asyncio.sleep(LOOK_SECONDS * self._world.chance.uniform(0.3, 0.9))
