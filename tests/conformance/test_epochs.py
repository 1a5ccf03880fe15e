"""How an origin goes on after its store was restored older than what others have heard, in memory and on PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import pytest
import pytest_asyncio

from services.placement.publish import Telling
from shared.clock import SystemClock
from shared.contracts.placement import CapacityTold, EpochBegan, SiteEpochBegan
from shared.envelope import LOGS, Log, Message, Origin, stream_name
from shared.epochs import Examined, begin_epoch, repair_origin
from shared.heard import Mark, doubted_at, settle
from shared.ids import SystemIds
from shared.ports import BusUnavailable, Store, VersionConflict
from shared.schema import worklist
from shared.worklist import Lost
from tests.conformance.stores import NOW, TABLES, Backend, MemoryBackend, PgBackend, append, told
from tests.support.memory_bus import MemoryBus

SITE, SERVICE = "west", "placement"
LOCATIONS = ("west", "de-haven")


class Repairs:
    """A store whose logs are on a bus, and the repair of both. fails: how often making a stream anew fails first.

    backend: where another process's store comes from. marks: how far others say they have heard. kept: what a journal
    keeps of the `pub` log.
    """

    def __init__(self, store: Store, backend: Backend) -> None:
        self.store, self.backend, self.fails = store, backend, 0
        self.bus = MemoryBus("stad", {"stad": (), SITE: (SERVICE,)}, SystemClock(), random.Random(1))
        self.writers = {log: self.bus.log(SITE, SERVICE, log) for log in LOGS}
        self.remade: list[Log] = []
        self.marks: list[Mark] = []
        self.kept: list[Message] = []
        self.meanwhile = 0

    async def tell(self, store: Store, count: int, log: Log = "pub") -> None:
        for _ in range(count):
            await store.append(append(told=[told(log=log)]))

    async def relay(self, store: Store, log: Log = "pub") -> None:
        await self.writers[log].publish(await store.read_outbox(log, 0, 100))

    async def heard(self, messages: Sequence[Message], log: Log = "pub") -> None:
        """The bus has these, whatever the store says."""
        await self.writers[log].publish(messages)

    async def repair(self) -> Examined:
        return await repair_origin(
            self.store, self.writers, self._remake, self._first, SystemIds(), SystemClock(), self.marks, self._keeps
        )

    async def listed(self) -> list[tuple[str, int, int, str]]:
        """The worklist: log, epoch, sequence and event of each item."""
        rows = await self.store.rows(worklist)
        return [(row["log"], row["epoch"], row["sequence"], row["event_id"]) for row in rows]

    def on_bus(self, log: Log = "pub") -> list[str]:
        return [stored.tail[0] for stored in self.bus.stream(SITE, stream_name(log, SITE, SERVICE)).messages]

    async def _remake(self, log: Log) -> None:
        if self.fails:
            self.fails -= 1
            raise BusUnavailable("the server went away")
        self.remade.append(log)
        self.bus.remake(SITE, stream_name(log, SITE, SERVICE))

    async def _first(self) -> list[Telling]:
        if self.meanwhile:
            self.meanwhile -= 1
            await self.store.append(append(f"a/{self.meanwhile}"))
        at = datetime.fromisoformat("2026-01-05T23:00:00Z")
        began = [Telling(first.written(at=at), "epoch", None) for first in (EpochBegan, SiteEpochBegan)]
        return began + [
            Telling(CapacityTold.written(location=name, site=SITE, title=name, district="", rows=()), name, None)
            for name in LOCATIONS
        ]

    async def _keeps(self, log: Log, epoch: int, after: int) -> list[Lost]:
        """A page of two, so that more than one is asked for."""
        found = [row for row in self.kept if (row.log, row.origin.epoch) == (log, epoch) and row.sequence > after][:2]
        return [
            Lost(log, epoch, row.sequence, row.id, row.type, row.subject, row.time, row.data)
            for row in found
            if found[0].sequence == after + 1
        ]


@pytest_asyncio.fixture(params=["memory", "postgres"])
async def repairs(request: pytest.FixtureRequest) -> AsyncIterator[Repairs]:
    backend: Backend
    if request.param == "memory":
        backend = MemoryBackend()
    else:
        backend = await PgBackend.make(request.getfixturevalue("postgres"), (*TABLES, worklist))
    yield Repairs(await backend.store(), backend)
    await backend.close()


def others(epoch: int, count: int, log: Log = "pub", first: int = 1) -> list[Message]:
    """Rows that were lost with the store that told them."""
    ids, time = SystemIds(), datetime.fromisoformat("2026-01-05T22:00:00Z")
    origin, type_ = Origin(SITE, SERVICE, epoch), CapacityTold.type_name
    return [
        Message(origin, log, n, ids.event_id(), type_, "west", time, ids.event_id(), ids.event_id(), b"{}")
        for n in range(first, count + 1)
    ]


async def test_an_origin_whose_logs_are_its_outbox_needs_no_repair(repairs: Repairs) -> None:
    await repairs.tell(repairs.store, 3)
    assert not (await repairs.repair()).forked
    await repairs.relay(repairs.store)
    await repairs.tell(repairs.store, 2)
    last = (await repairs.store.read_outbox("pub", 2, 1))[0]
    repairs.marks = [Mark("pub", 1, 3, last.id), Mark("loc", 1, 0)]
    found = await repairs.repair()
    assert {log: at.condition for log, at in found.logs.items()} == {"pub": "sound", "loc": "empty"}
    assert (repairs.store.origin.epoch, repairs.remade) == (1, [])


async def test_after_an_older_backup_a_new_epoch_begins_on_both_logs(repairs: Repairs) -> None:
    store = repairs.store
    await repairs.tell(store, 2)
    lost = [*others(1, 5), *others(1, 2, "loc")]
    await repairs.heard(lost[:5])
    await repairs.heard(lost[5:], "loc")
    store.halt("the bus is ahead")
    assert (await repairs.repair()).forked
    assert (store.origin.epoch, store.halted, repairs.remade) == (2, None, ["pub", "loc"])
    rows = await store.read_outbox("pub", 0, 10)
    assert [(row.sequence, row.origin.epoch, row.subject) for row in rows] == [
        (1, 2, "epoch"), (2, 2, "west"), (3, 2, "de-haven"),
    ]  # fmt: skip
    assert [row.type for row in await store.read_outbox("loc", 0, 10)] == [SiteEpochBegan.type_name]
    await repairs.relay(store)
    assert repairs.on_bus() == [row.id for row in rows]
    assert not (await repairs.repair()).forked


async def test_what_was_lost_is_a_worklist_and_what_both_have_is_not(repairs: Repairs) -> None:
    await repairs.tell(repairs.store, 2)
    await repairs.relay(repairs.store)
    lost = others(1, 5, first=3)
    await repairs.heard(lost)
    await repairs.repair()
    assert await repairs.listed() == [("pub", 1, row.sequence, row.id) for row in lost]


async def test_what_only_others_keep_is_on_the_worklist_too(repairs: Repairs) -> None:
    """The stream was lost with the store: only a journal elsewhere has the rows, and of the rest only their number."""
    await repairs.tell(repairs.store, 2)
    shared = await repairs.store.read_outbox("pub", 0, 2)
    lost = others(1, 6, first=3)
    repairs.kept = [*shared, *lost]
    repairs.marks = [Mark("pub", 1, 8)]
    found = await repairs.repair()
    assert (found.logs["pub"].condition, found.logs["pub"].heard, repairs.remade) == ("forked", 8, [])
    assert await repairs.listed() == [("pub", 1, row.sequence, row.id) for row in lost] + [("pub", 1, 7, "")]
    assert [row["subject"] for row in await repairs.store.rows(worklist)][-1] == "7 to 8"


async def test_an_outbox_that_has_grown_over_what_others_heard_is_found_out(repairs: Repairs) -> None:
    """The numbers are used twice by now; the row where the two part is found by the ids others keep."""
    await repairs.tell(repairs.store, 2)
    shared = await repairs.store.read_outbox("pub", 0, 2)
    await repairs.store.doubt("pub")
    await repairs.tell(repairs.store, 5)
    lost = others(1, 4, first=3)
    repairs.kept = [*shared, *lost]
    repairs.marks = [Mark("pub", 1, 4)]
    assert (await repairs.repair()).forked
    assert [item[3] for item in await repairs.listed()] == [row.id for row in lost]


async def test_of_processes_that_start_together_the_first_knows_where_a_log_stood(repairs: Repairs) -> None:
    """The others may see what it has told since; were that taken for old, the repair would not look for lost rows
    there."""
    processes = [repairs.store, *[await repairs.backend.store() for _ in range(3)]]

    async def begin(process: Store, after: int) -> None:
        for _ in range(after):
            await process.last_position()
        await process.doubt("pub")
        await repairs.tell(process, 2)

    for round_ in range(20):
        await asyncio.gather(*(begin(process, after) for after, process in enumerate(processes)))
        assert await doubted_at(repairs.store, "pub") == 8 * round_
        await settle(repairs.store, "pub", NOW)


async def test_a_doubt_is_lifted_row_by_row_and_never_comes_back(repairs: Repairs) -> None:
    store = repairs.store
    await repairs.tell(store, 5)
    await store.doubt("pub")
    await store.lift_doubt("pub", 7)
    await store.lift_doubt("pub", 6)
    assert (await doubted_at(store, "pub"), await doubted_at(store, "loc")) == (7, None)
    await settle(store, "pub", NOW)
    await store.lift_doubt("pub", 9)
    assert await doubted_at(store, "pub") is None


async def test_a_process_of_an_epoch_that_is_over_doubts_nothing(repairs: Repairs) -> None:
    late = await repairs.backend.store()
    await repairs.backend.begin_epoch(2)
    store = await repairs.backend.store()
    await store.doubt("pub")
    await repairs.tell(store, 3)
    await late.doubt("pub")
    await late.lift_doubt("pub", 4)
    assert (await doubted_at(store, "pub"), await doubted_at(late, "pub")) == (1, None)


async def test_as_many_rows_but_other_ones_are_a_fork_too(repairs: Repairs) -> None:
    await repairs.tell(repairs.store, 3)
    await repairs.heard(others(1, 3))
    assert (await repairs.repair()).forked
    assert repairs.store.origin.epoch == 2


async def test_a_foreign_message_has_used_a_number_and_ends_the_epoch(repairs: Repairs) -> None:
    await repairs.tell(repairs.store, 1)
    await repairs.relay(repairs.store)
    repairs.bus.put(SITE, "PUB_west_placement", "plek.west.pub.placement.x", None, b"not ours")
    assert (await repairs.repair()).logs["pub"].condition == "forked"
    assert (repairs.store.origin.epoch, repairs.remade) == (2, ["pub"])


async def test_a_repair_that_crashed_half_way_is_done_again(repairs: Repairs) -> None:
    lost = others(1, 3)
    await repairs.heard(lost)
    repairs.fails = 1
    with pytest.raises(BusUnavailable):
        await repairs.repair()
    assert (repairs.store.origin.epoch, repairs.remade) == (2, [])
    found = await repairs.repair()
    assert (found.forked, found.logs["pub"].condition) == (False, "old")
    assert (repairs.store.origin.epoch, repairs.remade) == (2, ["pub"])
    assert await repairs.store.outbox_last("pub") == 1 + len(LOCATIONS)
    assert len(await repairs.listed()) == len(lost)


async def test_what_was_stored_while_the_first_rows_were_made_is_not_left_out(repairs: Repairs) -> None:
    await repairs.heard(others(1, 3))
    repairs.meanwhile = 1
    with pytest.raises(VersionConflict):
        await repairs.repair()
    assert repairs.store.origin.epoch == 1
    await repairs.repair()
    assert repairs.store.origin.epoch == 2


async def test_an_epoch_others_have_heard_of_is_not_begun_again(repairs: Repairs) -> None:
    await repairs.tell(repairs.store, 2)
    await repairs.heard(others(4, 3))
    repairs.marks = [Mark("loc", 6, 1)]
    await repairs.repair()
    assert repairs.store.origin.epoch == 7


async def test_an_epoch_that_tells_nobody_on_one_of_its_logs_is_not_begun(repairs: Repairs) -> None:
    first = [Telling(EpochBegan.written(at=NOW), "epoch", None)]
    with pytest.raises(ValueError, match="begins on both logs"):
        await begin_epoch(repairs.store, first, SystemIds(), SystemClock())
    assert repairs.store.origin.epoch == 1
