"""A running network gets a site more, or one less: the steps, each of which may be done again.

What is wanted is in `members.json` (`infra/members.py`); what runs is the supervisor's. Whatever is interrupted begins
again from the first of its steps, and finds what is done already. The others go on meanwhile: the hub's server takes
its new configuration without letting go of a link, and their processes read who belongs to the network as it changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from infra.members import Members, set_aside
from infra.network import Network, NetworkError
from infra.platform import make_databases
from infra.processes import PlatformError
from infra.running import links_cut, replace_json
from shared.settings import SettingsError
from shared.streams import StreamsError, apply

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.parts import Part
    from infra.supervisor import Supervisor

AGAIN_SECONDS = 3.0
"""After a step that failed."""
READY_SECONDS_MAX = 60.0
STREAMS_SECONDS_MAX = 10.0


class Changing:
    """Brings the sites that run to those that are wanted. told: what it is at now, for `network.json`."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._all = supervisor
        self._stamp: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._again_at = 0.0
        self._epochs: dict[str, int] = {}
        self.told: Mapping[str, str] | None = None

    def begin_with(self, members: Members) -> None:
        """All sites that are wanted run: what was decided until now is done."""
        self._epochs = {site.name: members.first_epoch(site.name) for site in self._all.network.sites}

    def look(self, now: float) -> None:
        """Begins whatever is left to do, or was decided since; one thing at a time. now: of the monotonic clock."""
        if self._task is not None and self._task.done():
            self._task = None
        with suppress(FileNotFoundError):
            stamp = self._all.files.members.stat().st_mtime_ns
            if self._task is None and (stamp != self._stamp or (self.told is not None and now >= self._again_at)):
                self._task = asyncio.create_task(self._follow(stamp, now))

    async def stop(self) -> None:
        """Leave it where it is; the next start goes on from there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self, stamp: int, now: float) -> None:
        self._stamp = stamp
        try:
            members = Members.load(self._all.files.members)
            network = members.over(self._all.given)
            wanted = {site.name: members.first_epoch(site.name) for site in network.sites}
            for name in self._gone(wanted):
                await self._dismiss(name, self._without(name, network), members)
            set_aside(self._all.files, members)
            for name in [name for name in wanted if name not in self._epochs]:
                await self._admit(name, network, members)
            self.told = None
        except (PlatformError, NetworkError, StreamsError, SettingsError, OSError) as error:
            self._kept_by(str(error) or type(error).__name__, now)
        except Exception as error:  # its text may hold an address with a password
            self._kept_by(f"{type(error).__name__}, which nobody foresaw", now)

    def _kept_by(self, trouble: str, now: float) -> None:
        """Says what keeps it, once; it is tried again."""
        if self.told is None or self.told["trouble"] != trouble:
            self._all.say(trouble)
        self.told = {"site": "", "step": "", **(self.told or {}), "trouble": trouble}
        self._again_at = now + AGAIN_SECONDS

    def _gone(self, wanted: Mapping[str, int]) -> list[str]:
        """What runs and is not wanted, or not as the site it was: that one left, and another has its name."""
        there = list(self._all.buses.servers)
        return [
            name for name in there if wanted.get(name) is None or self._epochs.get(name, wanted[name]) != wanted[name]
        ]

    def _step(self, site: str, step: str) -> None:
        self.told = {"site": site, "step": step, "trouble": ""}
        self._all.say(f"{site}: {step}")
        self._all.tell()

    @staticmethod
    def _without(name: str, network: Network) -> Network:
        return network.model_copy(update={"sites": [site for site in network.sites if site.name != name]})

    async def _admit(self, name: str, network: Network, members: Members) -> None:
        """Its servers first, then its streams, then everybody is told of it; its process last."""
        all_of_it, topology = self._all, network.topology
        self._step(name, "starting PostgreSQL and nats-server")
        all_of_it.buses.admit(name, topology)
        servers = await self._launch(name, ("nats", "postgres"), lambda: all_of_it.servers_of(network.site(name)))
        await all_of_it.until_ready(servers, READY_SECONDS_MAX)
        await all_of_it.wait_for_links()
        self._step(name, "applying streams and schemas")
        admins = all_of_it.buses.admins()
        await apply(topology, admins, deadline_seconds=STREAMS_SECONDS_MAX, only={name})
        # Only now: the hub's keeper begins to gather a log once it is told of it, and a log has to be there by then.
        all_of_it.publish(network, members)
        await apply(topology, admins, deadline_seconds=STREAMS_SECONDS_MAX, only={topology.hub})
        await make_databases(all_of_it.databases[name], network.site(name).services)
        await all_of_it.migrate(name)
        self._step(name, "starting the site")
        service = await self._launch(name, ("service",), lambda: [all_of_it.service_of(name)])
        await all_of_it.until_ready(service, READY_SECONDS_MAX)
        all_of_it.network = network
        self._epochs[name] = members.first_epoch(name)
        all_of_it.say(f"{name} belongs to the network")

    async def _dismiss(self, name: str, network: Network, members: Members) -> None:
        """Its process first, so that nothing is decided there any more; then everybody is told; its servers last."""
        all_of_it, topology = self._all, network.topology
        self._step(name, "stopping the site")
        self._stop(name, ("service",))
        all_of_it.network = self._without(name, all_of_it.network)
        all_of_it.urls.pop(name, None)
        self._step(name, "telling the others")
        all_of_it.publish(network, members)
        await apply(topology, all_of_it.buses.admins(), deadline_seconds=STREAMS_SECONDS_MAX, only={topology.hub})
        self._step(name, "stopping PostgreSQL and nats-server")
        self._stop(name, ("nats", "postgres"))
        all_of_it.buses.dismiss(name, topology)
        all_of_it.databases.pop(name, None)
        if name in (cut := links_cut(all_of_it.data)):  # the link of a later site of this name is another one
            replace_json(all_of_it.files.links, {"cut": sorted(cut - {name})})
        self._epochs.pop(name, None)
        all_of_it.say(f"{name} has left the network")

    async def _launch(self, site: str, kinds: tuple[str, ...], make: Callable[[], list[Part]]) -> list[Part]:
        """The parts of these kinds, which an earlier try may have launched already."""
        there = [part for part in self._all.parts if part.site == site and part.kind in kinds]
        if not there:
            there = make()
            await self._all.launch(there)
        return there

    def _stop(self, site: str, kinds: tuple[str, ...]) -> None:
        for part in [part for part in self._all.parts if part.site == site and part.kind in kinds]:
            part.wanted = False
            part.server.stop()
            self._all.parts.remove(part)
