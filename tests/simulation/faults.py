"""Trouble: one fault after the other, each of the kinds this seed knows, and the healing after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from services.placement.app import HEARD as LETTERS
from services.placement.views_capacity import CAPACITY
from services.placement.views_waiting import WAITING
from shared import schema
from shared.envelope import LOGS, stream_name
from tests.simulation.heard import HEARD
from tests.simulation.oracle import CONSOLE, PLACEMENT
from tests.support.memory_bus import CITY, Weather

if TYPE_CHECKING:
    from tests.simulation.world import Site, World

RESTORED_MAX = 2

READERS = {PLACEMENT: (CAPACITY.name, WAITING.name, LETTERS.name), CONSOLE: (HEARD.name, CAPACITY.name)}
"""What readers keep, or a policy follows."""


class Trouble:
    """Makes trouble until it is told to heal everything."""

    def __init__(self, world: World) -> None:
        self._world, self._chance = world, world.chance
        self.lost = 0
        self.made: dict[str, int] = {}
        self._kinds: dict[str, Callable[[Site], None]] = {
            "crash": self._crash,
            "cut": self._cut,
            "slow": self._slow,
            "bus-down": self._bus_down,
            "store-down": self._store_down,
            "city-remade": self._city_remade,
            "hub-city-lost": self._hub_city_lost,
            "hub-city-older": self._hub_city_older,
            "log-lost": self._log_lost,
            "leaf-lost": self._leaf_lost,
            "loss": self._loss,
            "backup": self._backup,
            "overlap": self._overlap,
            "skew": self._skew,
            "time-passes": self._time_passes,
            "poison": self._poison,
        }

    async def run(self) -> None:
        world, chance = self._world, self._chance
        while world.plan.faults:
            await asyncio.sleep(chance.uniform(0.0, world.plan.fault_seconds))
            fault, site = chance.choice(world.plan.faults), chance.choice(world.sites)
            self.made[fault] = self.made.get(fault, 0) + 1
            world.note(site.name, f"fault: {fault}")
            self._kinds[fault](site)

    def heal(self) -> None:
        """Every link whole, every server up, every clock left as it is; what was lost on the way is sent again."""
        world = self._world
        world.calm = True
        world.programs.upgrade()
        world.bus.weather = Weather((0.0, 0.01), 0.0)
        for site in world.sites:
            site.store_down = False
            site.single()
            world.bus.up(site.name)
            world.bus.heal(site.name)
            if site.process is not None:
                site.process.crash_in = None
        if self.lost:
            world.bus.remake_city()

    def _crash(self, site: Site) -> None:
        if site.process is not None and self._chance.random() < 0.7:
            site.process.crash_in = self._chance.randint(1, 40)
        else:
            site.crash()

    def _cut(self, site: Site) -> None:
        self._world.bus.cut(site.name)
        self._world.later(self._chance.uniform(0.1, 4.0), lambda: self._world.bus.heal(site.name))

    def _slow(self, site: Site) -> None:
        most = self._chance.choice((0.01, 0.2, 2.0))
        self._world.bus.weather = Weather((0.0, most), self._world.plan.duplicate)

    def _bus_down(self, site: Site) -> None:
        self._world.bus.down(site.name)
        self._world.later(self._chance.uniform(0.05, 1.5), lambda: self._world.bus.up(site.name))

    def _store_down(self, site: Site) -> None:
        def up() -> None:
            site.store_down = False

        site.store_down = True
        self._world.later(self._chance.uniform(0.05, 1.0), up)

    def _city_remade(self, site: Site) -> None:
        if self._hub_has_read():
            self._world.bus.remake_city()

    def _hub_has_read(self) -> bool:
        """Whether the hub's own services have read what others have. Were its CITY lost before that, nobody whom a site
        believes could say how far that site was heard, if it lost its store and its log at the same time (a known
        limit: `docs/decisions`). Nor can be gathered again what a site had told that has left since (another one).
        """
        if self._world.left:
            return False
        hub, *others = self._world.sites
        known = _read(hub)
        return all(known.get(origin, (0, 0)) >= at for other in others for origin, at in _read(other).items())

    def _hub_city_lost(self, site: Site) -> None:
        """The hub's CITY begins anew, in another order; each site copies it behind what it has of the old one."""
        if self._hub_has_read():
            self._world.bus.remake(self._world.bus.hub, CITY)

    def _hub_city_older(self, site: Site) -> None:
        """The hub's server crashes before the end of its CITY was on its disk; a link comes back later than the others,
        so that the order is another one.
        """
        if self._hub_has_read():
            self._cut(site)
            self._world.bus.lose_end(self._chance.randint(1, 12))

    def _loss(self, site: Site) -> None:
        """A message never arrives where it was going."""
        flows = [
            flow for flow in self._world.bus.flows
            if flow.source[1] != CITY and flow.cursor < len(self._world.bus.stream(*flow.source).messages)
        ]  # fmt: skip
        if flows and not self._world.left:
            flow = self._chance.choice(flows)
            flow.cursor += 1
            self.lost += 1
            self._world.note("bus", f"lost one of {flow.name}")

    def _backup(self, site: Site) -> None:
        """Takes a backup, or puts the last one back."""
        if site.backup is None or (site.restored and self._chance.random() < 0.5):
            if self._world.oracle.houses(site.name):
                site.backup = site.disks[PLACEMENT].copy()
        elif site.restored < RESTORED_MAX and not site.repairing:
            site.restore()

    def _log_lost(self, site: Site) -> None:
        """The site's bus lost a log, and has an empty one in its place; an older backup may be put back as well."""
        self._world.bus.remake(site.name, stream_name(self._chance.choice(LOGS), site.name, PLACEMENT))

    def _leaf_lost(self, site: Site) -> None:
        """The site's bus lost its whole disk: its logs and its copy of the network's."""
        for log in LOGS:
            self._world.bus.remake(site.name, stream_name(log, site.name, PLACEMENT))
        if site.name == self._world.bus.hub:
            self._hub_city_lost(site)
        else:
            self._world.bus.remake(site.name, CITY)

    def _overlap(self, site: Site) -> None:
        site.overlap()
        self._world.later(self._chance.uniform(0.1, 2.5), site.single)

    def _skew(self, site: Site) -> None:
        site.clock.skew_seconds += self._chance.choice((-45.0, -5.0, -0.5, 0.5, 5.0, 45.0))

    def _time_passes(self, site: Site) -> None:
        self._world.passed += timedelta(minutes=self._chance.choice((1, 10, 35, 100)))

    def _poison(self, site: Site) -> None:
        """A reader of the site meets a message it cannot digest; some time later comes a program that can."""
        reader = self._chance.choice([(service, view) for service in site.disks for view in READERS[service]])
        self._world.programs.poison((site.name, *reader))

        def upgrade() -> None:
            self._world.programs.upgrade(site.name)
            if self._chance.random() < 0.5:
                site.crash()

        self._world.later(self._chance.uniform(0.5, 4.0), upgrade)


def _read(site: Site) -> dict[str, tuple[int, int]]:
    """How far the services of a site have read each origin's `pub` log."""
    read: dict[str, tuple[int, int]] = {}
    for disk in site.disks.values():
        for (_, origin, log), row in disk.tables.get(schema.checkpoints.name, {}).items():
            if log == "pub" and not origin.startswith(f"{site.name}/"):
                read[origin] = max(read.get(origin, (0, 0)), (row[3], row[4]))
    return read
