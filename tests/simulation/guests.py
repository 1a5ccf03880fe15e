"""Aliases in the simulated network: who lets the house they live in know theirs, and who looks at that house's list."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from services.intake import commands_alias as ac
from services.intake.api_alias import new_say_so
from services.intake.api_desk import Told
from shared.ports import OriginHalted, StoreUnavailable, VersionConflict
from shared.vault import VaultProblem
from tests.simulation.judging import Violation
from tests.simulation.oracle_intake import Known

if TYPE_CHECKING:
    from tests.simulation.intake import IntakeProcess
    from tests.simulation.world import Site, World


QUIET = (StoreUnavailable, OriginHalted, VersionConflict, VaultProblem)
"""What keeps a house from looking for a while."""

Make = Callable[[datetime], ac.AliasCommand]


def tells(world: World, there: Sequence[str], files: Mapping[str, Known]) -> Make | None:
    """Somebody lets the house they live in know their alias, or takes that back, now and then twice or too late. there:
    whose file is there."""
    stands, chance = world.oracle.intake.aliases.said, world.chance
    homes = {id_: files[id_].slot.home for id_ in there if files[id_].slot.home is not None}
    if not homes:
        return None
    client_id = chance.choice(sorted(homes))
    offer_id = str(homes[client_id])
    if chance.random() < (0.4 if offer_id in stands else 0.1):
        say_so = stands.get(offer_id, new_say_so(offer_id, ()))
        return lambda at: ac.TakeAliasBack(
            at=at, role="caseworker", client_id=client_id, offer_id=offer_id, say_so=say_so
        )  # fmt: skip
    return lambda at: ac.HandAliasOver(at=at, role="caseworker", client_id=client_id, offer_id=offer_id, say_so="")


async def said(intake: IntakeProcess, command: ac.AliasCommand) -> ac.AliasCommand:
    """What the API does with either before the file decides: an id that was never taken back, or onto the list."""
    if isinstance(command, ac.HandAliasOver):
        return replace(command, say_so=new_say_so(command.offer_id, intake.vault.destroyed()))
    offer = (await intake.handlers["client"].load(command.client_id))[0].offers.get(command.offer_id)
    if offer is not None and offer.say_so == command.say_so:
        await intake.vault.destroy(command.say_so, command.at)
    return command


class Houses:
    """Whoever works where people live. open: until they go home."""

    def __init__(self, world: World) -> None:
        self._world, self.open = world, True

    async def look(self, site: Site) -> None:
        """Whoever works at a house looks at its list, now and then, and sees who let it know their alias."""
        world = self._world
        while self.open and not world.failed.is_set():
            await asyncio.sleep(self._world.chance.uniform(0.0, 4 * world.plan.think_seconds))
            oracle = world.oracle.intake
            guests, began = oracle.guests(site.name), oracle.aliases.now
            told = await self._looks(site, guests)
            if told is not None:
                self._judge(partial(oracle.aliases.heard, began, guests, told, oracle.gone()))

    async def look_at_rest(self, site: Site) -> None:
        """Nothing happens any more: everybody is shown who said so."""
        guests = self._world.oracle.intake.guests(site.name)
        told = await self._looks(site, guests)
        if told is None:
            self._world.fail(Violation(f"{site.name} cannot look at its list at rest"))
            return
        oracle = self._world.oracle.intake
        self._judge(partial(oracle.aliases.rest, guests, told, oracle.gone()))

    def _judge(self, look: Callable[[], None]) -> None:
        self._world.judge(lambda _: look())

    async def _looks(self, site: Site, guests: Mapping[str, Sequence[str]]) -> Told | None:
        """What one look shows; None when nobody answers."""
        process = site.process
        if process is None or process.intake is None or not process.intake.ready.is_set():
            return None
        task = process.spawn(process.intake.listener.aliases(guests, "operator"))
        await asyncio.wait([task])
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, QUIET):
            self._world.fail(error, f"a house of {site.name} failed to look")
        return None if task.cancelled() or error is not None else task.result()
