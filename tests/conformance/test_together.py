"""Several readers of one stream share one reading of it, and feel as little of each other as if each had its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence

import pytest

from shared import together
from shared.clock import SystemClock
from shared.ports import BusUnavailable, Delivery, Source, SourceRemade
from shared.together import Lenders, ReadTogether
from tests.support.buses import SERVICE, SITE, STREAM, Reader, rows
from tests.support.memory_bus import MemoryBus
from tests.support.processes import soon


class Counted:
    """A source that tells how often, and from where, it is read now, and what it has given away."""

    def __init__(self, source: Source, shelf: Shelf) -> None:
        self._source, self._shelf, self.name = source, shelf, source.name

    async def incarnation(self) -> str:
        return await self._source.incarnation()

    async def batches(self, after: int) -> AsyncGenerator[Sequence[Delivery], None]:
        shelf = self._shelf
        shelf.begun.append(after)
        shelf.open += 1
        batches = self._source.batches(after)
        try:
            async for batch in batches:
                if shelf.trouble is not None:
                    raise shelf.trouble
                shelf.given += len(batch)
                yield batch
        finally:
            await batches.aclose()
            shelf.open -= 1


class Shelf:
    """A stream in memory, and how it is read."""

    def __init__(self) -> None:
        self.bus = MemoryBus(SITE, {SITE: [SERVICE]}, SystemClock(), random.Random(1))
        self.log = self.bus.log(SITE, SERVICE, "pub")
        self.begun: list[int] = []
        self.open = self.given = self.told = 0
        self.trouble: Exception | None = None
        self.together = ReadTogether(lambda: Counted(self.bus.source(SITE, STREAM), self), SystemClock())

    async def tell(self, count: int) -> None:
        while count:
            some = min(count, 15)
            await self.log.publish(rows(self.told + 1, self.told + some))
            self.told += some
            count -= some

    def reader(self, after: int = 0) -> Reader:
        return Reader(self.together.source(), after)


def positions(reader: Reader) -> list[int]:
    return [delivery.position for delivery in reader.got]


async def test_a_message_is_read_once_for_all(shelf: Shelf) -> None:
    async with shelf.reader() as first, shelf.reader() as second, shelf.reader() as third:
        await shelf.tell(200)
        for reader in (first, second, third):
            await reader.until(200)
            assert positions(reader) == list(range(1, 201))
        assert (shelf.open, shelf.given, shelf.begun) == (1, 200, [0])
    await soon(lambda: shelf.open == 0, "nobody reads, nothing is read")


async def test_one_that_is_a_little_behind_is_waited_for(shelf: Shelf) -> None:
    await shelf.tell(100)
    async with shelf.reader(100) as first:
        await soon(lambda: shelf.begun == [100], "the first reads")
        async with shelf.reader(30) as second:
            await second.until(70)
            await shelf.tell(20)
            await first.until(20)
            await second.until(90)
            assert (shelf.open, shelf.begun) == (1, [100, 30])
        assert positions(first) == list(range(101, 121))
        assert positions(second) == list(range(31, 121))


async def test_one_that_is_far_behind_reads_by_itself_until_it_is_near(shelf: Shelf) -> None:
    await shelf.tell(3_000)
    async with shelf.reader(3_000) as first:
        await soon(lambda: shelf.begun == [3_000], "the first reads")
        async with shelf.reader(0) as second:
            await second.until(3_000)
            await shelf.tell(5)
            await first.until(5)
            await second.until(3_005)
            await soon(lambda: shelf.open == 1, "it has joined the first")
            assert positions(first) == list(range(3_001, 3_006))
            assert positions(second) == list(range(1, 3_006))


async def test_one_that_takes_nothing_keeps_the_others_for_a_moment_only(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "PATIENCE_SECONDS", 0.05)
    stuck = shelf.together.source()
    await stuck.incarnation()
    batches = stuck.batches(0)
    async with shelf.reader() as other:
        await shelf.tell(1)
        seen = [delivery.position for delivery in await anext(batches)]
        await shelf.tell(2 * together.KEPT_MAX)
        await other.until(shelf.told)
        while len(seen) < shelf.told:
            seen += [delivery.position for delivery in await anext(batches)]
        assert seen == positions(other) == list(range(1, shelf.told + 1))
    await batches.aclose()


async def test_what_ends_the_reading_is_told_to_all_and_they_begin_again(shelf: Shelf) -> None:
    async with shelf.reader() as first, shelf.reader() as second:
        await shelf.tell(10)
        await first.until(10)
        await second.until(10)
        shelf.trouble = BusUnavailable("as a test wants it")
        await shelf.tell(1)
        await soon(lambda: first.began_again > 0 and second.began_again > 0, "both were told")
        shelf.trouble = None
        await shelf.tell(9)
        for reader in (first, second):
            await reader.until(20)
            assert positions(reader) == list(range(1, 21))
    await soon(lambda: shelf.open == 0, "nothing is read any more")


async def test_two_that_read_different_streams_of_one_name_never_share(shelf: Shelf) -> None:
    """The stream is made anew, and one reader has noticed before the other."""
    await shelf.tell(10)
    first, second = shelf.together.source(), shelf.together.source()
    await first.incarnation()
    old = first.batches(0)
    assert (await anext(old))[0].position == 1
    shelf.bus.remake(SITE, STREAM)
    shelf.told = 0
    shelf.log = shelf.bus.log(SITE, SERVICE, "pub")
    await shelf.tell(4)
    await second.incarnation()
    new = second.batches(0)
    seen: list[int] = []
    while len(seen) < 4:
        seen += [delivery.position for delivery in await anext(new)]
    assert seen == [1, 2, 3, 4]
    with pytest.raises(SourceRemade):
        while True:
            await anext(old)
    await old.aclose()
    await new.aclose()


async def test_in_any_order_of_coming_and_going_each_sees_everything_once(shelf: Shelf) -> None:
    chance = random.Random(7)

    async def comes_and_goes(start: int) -> list[int]:
        source, seen = shelf.together.source(), list(range(1, start + 1))
        await source.incarnation()
        while len(seen) < 6_000:
            batches = source.batches(len(seen))
            for _ in range(chance.randint(1, 12)):
                seen += [delivery.position for delivery in await anext(batches)]
                for _ in range(chance.randint(0, 3)):
                    await asyncio.sleep(0)
                if len(seen) >= 6_000:
                    break
            await batches.aclose()
        return seen

    await shelf.tell(3_000)
    readers = [asyncio.create_task(comes_and_goes(start)) for start in (0, 900, 1_000, 2_950, 3_000)]
    await shelf.tell(3_000)
    async with asyncio.timeout(30):
        for seen in await asyncio.gather(*readers):
            assert seen == list(range(1, len(seen) + 1))
    await soon(lambda: shelf.open == 0, "nothing is read any more")


class Service:
    """One service of a process: its own way to the stream, and whether it is connected."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf, self.made, self.connected = shelf, 0, True

    def make(self) -> Source:
        self.made += 1
        return Counted(self._shelf.bus.source(SITE, STREAM), self._shelf)


class Mute(Service):
    """It is connected, and may read nothing."""

    def make(self) -> Source:
        self.made += 1
        return Refused(self._shelf.bus.source(SITE, STREAM), self._shelf)


class Refused(Counted):
    async def incarnation(self) -> str:
        raise BusUnavailable("it may not read that")


async def test_what_all_share_is_read_over_whoever_is_connected(shelf: Shelf) -> None:
    lenders = Lenders()
    together, first, second = ReadTogether(lenders, SystemClock()), Service(shelf), Service(shelf)
    with pytest.raises(BusUnavailable):
        lenders()
    with lenders.lent(first.make, lambda: first.connected), lenders.lent(second.make, lambda: second.connected):
        async with Reader(together.source(first.make)) as one, Reader(together.source(second.make)) as other:
            await shelf.tell(10)
            await one.until(10)
            await other.until(10)
            assert (shelf.open, shelf.given) == (1, 10), "read once, for both services"
            second.connected = False  # and with it whoever reads over it
            made = first.made
            shelf.trouble = BusUnavailable("the connection was lost")
            await shelf.tell(1)
            await soon(lambda: one.began_again > 0 and other.began_again > 0, "both were told")
            shelf.trouble = None
            await shelf.tell(9)
            for reader in (one, other):
                await reader.until(20)
                assert positions(reader) == list(range(1, 21))
            assert first.made > made
    await soon(lambda: shelf.open == 0, "nothing is read any more")
    with pytest.raises(BusUnavailable):
        lenders()


async def test_one_that_is_connected_and_gives_nothing_keeps_nobody_from_the_others(shelf: Shelf) -> None:
    lenders, mute, good = Lenders(), Mute(shelf), Service(shelf)
    together = ReadTogether(lenders, SystemClock(), lenders.goes)
    with lenders.lent(good.make, lambda: True), lenders.lent(mute.make, lambda: True):
        async with Reader(together.source(good.make)) as one:
            await shelf.tell(10)
            await one.until(10)
            assert positions(one) == list(range(1, 11))
            assert mute.made == 1
            shelf.trouble = BusUnavailable("the connection was lost")
            await shelf.tell(1)
            await soon(lambda: mute.made > 1, "the others are asked again when trouble comes")
            shelf.trouble = None
            await shelf.tell(1)
            await one.until(12)


async def test_who_is_in_no_hurry_is_asked_last(shelf: Shelf) -> None:
    lenders, patient, quick = Lenders(), Service(shelf), Service(shelf)
    with lenders.lent(quick.make, lambda: quick.connected), lenders.lent(patient.make, lambda: True, last=True):
        lenders()
        assert (quick.made, patient.made) == (1, 0)
        quick.connected = False
        lenders()
        assert (quick.made, patient.made) == (1, 1)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()
