"""How an origin goes on after its store was restored older than what others have heard, in memory and on PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import pytest
import pytest_asyncio

from services.placement.publish import Telling
from shared.clock import SystemClock
from shared.contracts.placement import CapacityTold
from shared.envelope import LOGS, Log, Message, Origin, stream_name
from shared.epochs import begin_epoch, forked, repair_origin
from shared.ids import SystemIds
from shared.ports import BusUnavailable, Store
from tests.conformance.stores import Backend, MemoryBackend, PgBackend, append, told
from tests.support.memory_bus import MemoryBus

SITE, SERVICE = "west", "placement"
LOCATIONS = ("west", "de-haven")


class Repairs:
    """A store whose logs are on a bus, and the repair of both. fails: how often making a stream anew fails first."""

    def __init__(self, store: Store) -> None:
        self.store, self.fails = store, 0
        self.bus = MemoryBus("stad", {"stad": (), SITE: (SERVICE,)}, SystemClock(), random.Random(1))
        self.writers = {log: self.bus.log(SITE, SERVICE, log) for log in LOGS}
        self.remade: list[Log] = []

    async def tell(self, store: Store, count: int, log: Log = "pub") -> None:
        for _ in range(count):
            await store.append(append(told=[told(log=log)]))

    async def relay(self, store: Store, log: Log = "pub") -> None:
        await self.writers[log].publish(await store.read_outbox(log, 0, 100))

    async def heard(self, messages: Sequence[Message], log: Log = "pub") -> None:
        """The bus has these, whatever the store says."""
        await self.writers[log].publish(messages)

    async def repair(self) -> bool:
        return await repair_origin(self.store, self.writers, self._remake, self._figures, SystemIds(), SystemClock())

    def on_bus(self, log: Log = "pub") -> list[str]:
        return [stored.tail[0] for stored in self.bus.stream(SITE, stream_name(log, SITE, SERVICE)).messages]

    async def _remake(self, log: Log) -> None:
        if self.fails:
            self.fails -= 1
            raise BusUnavailable("the server went away")
        self.remade.append(log)
        self.bus.remake(SITE, stream_name(log, SITE, SERVICE))

    async def _figures(self) -> list[Telling]:
        return [
            Telling(CapacityTold(location=name, site=SITE, title=name, district="", rows=()), name, None)
            for name in LOCATIONS
        ]


@pytest_asyncio.fixture(params=["memory", "postgres"])
async def repairs(request: pytest.FixtureRequest) -> AsyncIterator[Repairs]:
    backend: Backend
    if request.param == "memory":
        backend = MemoryBackend()
    else:
        backend = await PgBackend.make(request.getfixturevalue("postgres"))
    yield Repairs(await backend.store())
    await backend.close()


def others(epoch: int, count: int, log: Log = "pub") -> list[Message]:
    """Rows that were lost with the store that told them."""
    ids, time = SystemIds(), datetime.fromisoformat("2026-01-05T22:00:00Z")
    origin, type_ = Origin(SITE, SERVICE, epoch), CapacityTold.type_name
    return [
        Message(origin, log, n, ids.event_id(), type_, "west", time, ids.event_id(), ids.event_id(), b"{}")
        for n in range(1, count + 1)
    ]


async def test_an_origin_whose_logs_are_its_outbox_needs_no_repair(repairs: Repairs) -> None:
    await repairs.tell(repairs.store, 3)
    assert not await repairs.repair()
    await repairs.relay(repairs.store)
    await repairs.tell(repairs.store, 2)
    assert not await repairs.repair()
    assert (repairs.store.origin.epoch, repairs.remade) == (1, [])


async def test_after_an_older_backup_a_new_epoch_begins_with_full_figures(repairs: Repairs) -> None:
    store = repairs.store
    await repairs.tell(store, 2)
    await repairs.heard(others(1, 5))
    await repairs.heard(others(1, 2, "loc"), "loc")
    store.halt("the bus is ahead")
    assert await repairs.repair()
    assert (store.origin.epoch, store.halted, repairs.remade) == (2, None, ["pub", "loc"])
    rows = await store.read_outbox("pub", 0, 10)
    assert [(row.sequence, row.origin.epoch, row.subject) for row in rows] == [(1, 2, "west"), (2, 2, "de-haven")]
    assert await store.outbox_last("loc") == 0
    await repairs.relay(store)
    assert repairs.on_bus() == [row.id for row in rows]
    assert not await repairs.repair()


async def test_as_many_rows_but_other_ones_are_a_fork_too(repairs: Repairs) -> None:
    await repairs.tell(repairs.store, 3)
    await repairs.heard(others(1, 3))
    assert await forked(repairs.store, repairs.writers)
    await repairs.repair()
    assert repairs.store.origin.epoch == 2


async def test_a_repair_that_crashed_half_way_is_done_again(repairs: Repairs) -> None:
    await repairs.heard(others(1, 3))
    repairs.fails = 1
    with pytest.raises(BusUnavailable):
        await repairs.repair()
    assert (repairs.store.origin.epoch, repairs.remade) == (2, [])
    assert await repairs.repair()
    assert (repairs.store.origin.epoch, repairs.remade) == (2, ["pub"])
    assert await repairs.store.outbox_last("pub") == len(LOCATIONS)


async def test_an_epoch_others_have_heard_of_is_not_begun_again(repairs: Repairs) -> None:
    await repairs.tell(repairs.store, 2)
    await repairs.heard(others(4, 3))
    await repairs.repair()
    assert repairs.store.origin.epoch == 5


async def test_an_epoch_that_tells_the_network_nothing_is_not_begun(repairs: Repairs) -> None:
    with pytest.raises(ValueError, match="begins with figures"):
        await begin_epoch(repairs.store, [], SystemIds(), SystemClock())
    assert repairs.store.origin.epoch == 1
