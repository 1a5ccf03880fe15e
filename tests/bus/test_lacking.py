"""What a site's CITY lacks, or a reader has come by, is found by how far origins say they go; and nothing else is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from shared import schema
from shared.clock import SystemClock
from shared.envelope import Origin, bus_subject, to_headers
from shared.heard import Mark
from shared.inbox import Follow, Reader, View
from shared.lacking import LOOKS, Ends, Reached, Watch, tail_of
from shared.parked import GAP
from shared.ports import Append, Put
from tests.support.buses import row
from tests.support.memory_bus import CITY, MemoryBus
from tests.support.memory_store import Disk, MemoryStore
from tests.support.network import eventually

pytestmark = pytest.mark.asyncio

NOORD = Origin("noord", "placement", 1)
EVERYTHING = View("everything", (), {}, lambda _message, _contract: ())
AT = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)


class Site:
    """west, whose CITY holds so many of noord's messages; `told` is how many noord says there are."""

    def __init__(self, copied: int, told: int) -> None:
        self.bus = MemoryBus("stad", {"stad": (), "west": ()}, SystemClock(), random.Random(1))
        self.store = MemoryStore(Disk(), "west", "placement")
        self.reader = Reader(self.store, EVERYTHING, SystemClock())
        self.remade = self.asked = 0
        self.hub: Reached | None = (1, told)
        self.copied, self.at_rest = copied, True
        self.told = told
        self.watch = Watch([self.reader], lambda: [(NOORD, self.told)], self.ends, self.remake, SystemClock())

    async def ends(self, origin: Origin, told: int) -> Ends | None:
        self.asked += 1
        return None if self.hub is None else Ends((1, self.copied), self.copied, self.hub, self.at_rest)

    def remake(self) -> None:
        self.remade += 1

    async def reads(self) -> None:
        async def read() -> bool:
            return self.reader.checkpoint(NOORD.key) == (1, self.copied)

        await eventually("the copy to be read", read)

    async def looks(self, times: int) -> None:
        for _ in range(times):
            await self.watch.look()


@asynccontextmanager
async def following(site: Site, cursor: int = 0, reader: Reader | None = None) -> AsyncIterator[None]:
    """cursor: up to there the reader (default: the site's) believes to have read."""
    source, reader = site.bus.source("west", CITY), reader or site.reader
    for sequence in range(len(site.bus.stream("west", CITY).messages) + 1, site.copied + 1):
        message = row(sequence, NOORD)
        site.bus.put("west", CITY, bus_subject(message), to_headers(message), message.data)
    if cursor:
        known = (reader.view.name, CITY, await source.incarnation(), cursor)
        await site.store.append(Append(AT, rows=[Put(schema.cursors, known)]))
    task = asyncio.create_task(reader.run(Follow(source, "west")))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_copy_that_ends_before_the_hubs_is_taken_anew_once() -> None:
    site = Site(copied=3, told=5)
    async with following(site):
        await site.reads()
        await site.looks(LOOKS - 1)
        assert site.remade == 0
        await site.looks(LOOKS * 2)
        assert site.remade == 1


async def test_what_is_on_its_way_is_waited_for() -> None:
    site = Site(copied=3, told=5)
    async with following(site):
        await site.reads()
        site.at_rest = False
        await site.looks(LOOKS * 2)
        site.at_rest, site.hub = True, (1, 3)  # not gathered yet
        await site.looks(LOOKS * 2)
        assert site.remade == 0


async def test_a_hub_that_does_not_answer_is_asked_once_a_look() -> None:
    site = Site(copied=3, told=5)
    site.hub = None
    site.watch = Watch([site.reader], lambda: [(NOORD, 5), (Origin("oost", "placement", 1), 5)], site.ends, site.remake,
                       SystemClock())  # fmt: skip
    await site.looks(LOOKS)
    assert (site.asked, site.remade) == (LOOKS, 0)


async def test_who_has_read_all_that_was_told_asks_nobody() -> None:
    site = Site(copied=3, told=3)
    async with following(site):
        await site.reads()
        await site.looks(LOOKS)
        assert site.asked == 0


async def test_of_an_origin_that_has_told_nothing_yet_nothing_is_missing() -> None:
    """As after the first start: its beat says that it is there, and nobody has heard a word of it."""
    site = Site(copied=0, told=0)
    await site.looks(LOOKS * 2)
    assert (site.asked, site.remade) == (0, 0)


async def test_what_a_reader_has_come_by_is_searched_for() -> None:
    """As at a hub whose CITY was gathered again in another order."""
    site = Site(copied=3, told=3)
    async with following(site, cursor=3):

        async def there() -> bool:
            return site.reader.looked_at(CITY)[1] == 3

        await eventually("the reader to be at its cursor", there)
        assert site.reader.checkpoint(NOORD.key) == (0, 0)
        await site.looks(LOOKS)
        await site.reads()
        assert site.remade == 0


async def test_every_reader_that_has_come_by_searches() -> None:
    """Several readers of a service follow one CITY, and stand at the same place of an origin."""
    site = Site(copied=3, told=3)
    other = Reader(site.store, View("another", (), {}, lambda _message, _contract: ()), SystemClock())
    site.watch = Watch([site.reader, other], lambda: [(NOORD, 3)], site.ends, site.remake, SystemClock())
    async with following(site, cursor=3), following(site, cursor=3, reader=other):

        async def there() -> bool:
            return all(reader.looked_at(CITY)[1] == 3 for reader in (site.reader, other))

        await eventually("both readers to be at their cursors", there)
        await site.looks(LOOKS)
        await site.reads()

        async def read() -> bool:
            return other.checkpoint(NOORD.key) == (1, 3)

        await eventually("the other one to have read as well", read)
        assert site.remade == 0


@pytest.mark.parametrize("epoch", [1, 2])
async def test_a_hole_that_a_person_let_go_is_fetched_also_when_its_epoch_is_over(epoch: int) -> None:
    """The copy lacks what came first in epoch 1: without that no rebuild could make the view whole."""
    site = Site(copied=3, told=3)
    noord = Origin("noord", "placement", epoch)
    site.watch = Watch([site.reader], lambda: [(noord, 3)], site.ends, site.remake, SystemClock())
    name = site.reader.view.name
    hole = (name, "a-hole", CITY, 2, NOORD.key, "pub", 1, 1, 1, "a-type", GAP, "never came", "oncall", AT)
    read = (name, NOORD.key, "pub", epoch, 3)
    await site.store.append(Append(AT, rows=[Put(schema.discarded, hole), Put(schema.checkpoints, read)]))
    async with following(site):

        async def loaded() -> bool:
            return bool(site.reader.aside.discarded)

        await eventually("the reader to know what it does without", loaded)
        await site.looks(LOOKS * 2)
        assert site.remade == 1


async def test_what_is_missing_beside_a_hole_that_was_let_go_is_found_too() -> None:
    """Nobody has what was let go. The hub's copy was taken for it once; then another message does not come."""
    site = Site(copied=3, told=3)
    name = site.reader.view.name
    hole = (name, "a-hole", CITY, 2, NOORD.key, "pub", 1, 1, 1, "a-type", GAP, "never came", "oncall", AT)
    read = (name, NOORD.key, "pub", 1, 3)
    await site.store.append(Append(AT, rows=[Put(schema.discarded, hole), Put(schema.checkpoints, read)]))
    async with following(site):

        async def loaded() -> bool:
            return bool(site.reader.aside.discarded)

        await eventually("the reader to know what it does without", loaded)
        await site.looks(LOOKS)
        assert (site.remade, site.asked) == (1, LOOKS)
        await site.looks(LOOKS)
        assert (site.remade, site.asked) == (1, LOOKS), "who has searched asks nobody any more"
        site.hub, site.told = (1, 5), 5
        await site.looks(LOOKS)
        assert site.remade == 2


async def test_the_end_of_a_city_is_the_mark_that_names_its_message() -> None:
    assert tail_of([Mark("pub", 1, 9), Mark("pub", 1, 7, "an-id"), Mark("loc", 2, 8, "an-id")]) == (1, 7)
    assert tail_of([]) == (0, 0)
