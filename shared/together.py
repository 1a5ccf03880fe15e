"""One reading of a stream for several readers of it: each message is asked for, sent and looked into once.

Every reader is where it is and goes at its own pace, a little ahead or behind the others; what the slowest has not
taken yet is kept, up to a bound. One that is further away, or holds the others up, reads the stream by itself until it
is near again. So nothing a reader does, or suffers, is felt by another for longer than `PATIENCE_SECONDS`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress

from shared.clock import Clock
from shared.ports import BusUnavailable, Delivery, Source, SourceRemade, Wake

KEPT_MAX = 2_000
"""Deliveries kept for readers that have not taken them."""

NEAR = 1_000
"""A reader so far behind the others is waited for: they pass by what they know. How far a policy has read is written
down every 500 messages only (`inbox.CURSOR_EVERY`), so after a start most are that near."""

TAKEN_MAX = 500
"""Deliveries a reader takes at a time."""

PATIENCE_SECONDS = 1.0
"""How long a reader that takes nothing may keep the others from going on."""


class _LeftBehind(Exception):
    """This reader has held the others up for too long."""


_Lender = tuple[Callable[[], Source], Callable[[], bool]]


class Lenders:
    """Those over whose connection a stream can be read for everybody in this process, whichever service they are of."""

    def __init__(self) -> None:
        self._lent: list[_Lender] = []
        self._asked: _Lender | None = None
        self._in_vain: list[_Lender] = []

    @contextmanager
    def lent(self, make: Callable[[], Source], connected: Callable[[], bool], *, last: bool = False) -> Iterator[None]:
        """Meanwhile it may be read over one more connection. make: a new source on it. last: it is in less of a hurry
        than others may be, so it is asked after them."""
        lender = (make, connected)
        self._lent.insert(len(self._lent) if last else 0, lender)
        try:
            yield
        finally:
            self._lent.remove(lender)

    def __call__(self) -> Source:
        """A new source on the first of them that is connected; one that was asked in vain comes after those that were
        not. Raises `BusUnavailable`."""
        self._asked = None
        connected = [lender for lender in self._lent if lender[1]()]
        if not connected:
            raise BusUnavailable("nobody is connected")
        self._asked = next((lender for lender in connected if lender not in self._in_vain), None)
        if self._asked is None:
            self._in_vain, self._asked = [], connected[0]
        return self._asked[0]()

    def goes(self, well: bool) -> None:
        """How it goes with the source that was given last. One whose connection is there and gives nothing must not
        keep everybody from those of the others."""
        if well:
            self._in_vain = []
        elif self._asked is not None and self._asked in self._lent:
            self._in_vain.append(self._asked)


class ReadTogether:
    """What the readers of one stream share. make: a new source of that stream, for all of them. goes: told whether it
    gives something, or has ended in trouble.

    Give each reader a source of its own (`source`); as long as one of them is read, so is the stream.
    """

    def __init__(self, make: Callable[[], Source], clock: Clock, goes: Callable[[bool], None] = lambda _: None) -> None:
        self.make, self._clock, self._goes = make, clock, goes
        self._spots: list[_Spot] = []
        self._kept: list[Delivery] = []
        self._read = 0
        self._incarnation: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._taken = Wake()

    def source(self, alone: Callable[[], Source] | None = None) -> Source:
        """A source for one more reader. alone: a new source for what it does by itself; None: as all do."""
        return _Shared(self, alone or self.make)

    # --- spots -------------------------------------------------------------------------------------------------------

    def near(self, position: int) -> bool:
        """Whether a reader that is here, and has seen the stream to be that long, can read with the others."""
        return self._task is not None and self._lowest() - NEAR <= position <= self._read + NEAR

    def join(self, position: int, incarnation: str | None) -> _Spot | None:
        """A spot at `position`, if that is where the others are: not one of them can vouch for what they have not
        read, so one that claims to be ahead of them reads by itself first (`near`)."""
        if self._task is not None and not self._lowest() - NEAR <= position <= self._read:
            return None
        return self.join_seen(position, incarnation)

    def join_seen(self, position: int, incarnation: str | None) -> _Spot:
        """A spot at `position`, which is in the stream."""
        spot = _Spot(self, position, incarnation)
        self._spots.append(spot)
        another = None not in (incarnation, self._incarnation) and incarnation != self._incarnation
        if self._task is None or another or position < self._lowest():
            self._begin(min(position, self._lowest()) if self._task is not None else position)
        return spot

    def leave(self, spot: _Spot) -> None:
        """Nobody reads here any more."""
        with suppress(ValueError):
            self._spots.remove(spot)
        self.after_taking()
        if not self._spots:
            self._stop()

    def after(self, position: int) -> list[Delivery]:
        """What was read after `position`, at most `TAKEN_MAX`. Positions have no holes."""
        first = position - self._lowest()
        assert first >= 0, "a reader behind what is kept has been told to begin anew"
        return self._kept[first : first + TAKEN_MAX]

    def after_taking(self) -> None:
        """Lets go of what everybody has taken."""
        slowest = min((spot.position for spot in self._spots), default=self._read)
        if (taken := slowest - self._lowest()) > 0:
            del self._kept[:taken]
        self._taken.set()

    def _lowest(self) -> int:
        """Everything after this is kept, or still to be read."""
        return self._kept[0].position - 1 if self._kept else self._read

    # --- reading ------------------------------------------------------------------------------------------------------

    def _begin(self, after: int) -> None:
        before = self._stop()
        self._read = after
        self._incarnation = None
        self._task = asyncio.create_task(self._follow(after, before), name="read-together")

    def _stop(self) -> asyncio.Task[None] | None:
        task, self._task = self._task, None
        self._kept.clear()
        if task is not None:
            task.cancel()
        return task

    async def _follow(self, after: int, before: asyncio.Task[None] | None) -> None:
        me = asyncio.current_task()
        try:
            if before is not None:
                await asyncio.wait([before])
            source = self.make()
            self._incarnation = await source.incarnation()
            self._expel_others()
            async with aclosing(source.batches(after)) as batches:
                async for batch in batches:
                    self._kept.extend(batch)
                    self._read = batch[-1].position
                    self._goes(True)
                    self.after_taking()
                    self._tell()
                    while len(self._kept) >= KEPT_MAX:
                        await self._wait_for_the_slowest()
        except BaseException as error:
            if self._task is me:  # not stopped from here
                self._task = None
                if not isinstance(error, SourceRemade):
                    self._goes(False)
                trouble = error if isinstance(error, Exception) else BusUnavailable("the reading was cancelled")
                for spot in self._spots:
                    spot.trouble = spot.trouble or trouble
                self._tell()
            if not isinstance(error, Exception):
                raise

    def _expel_others(self) -> None:
        """Whoever reads another stream of this name begins anew."""
        for spot in self._spots:
            if spot.incarnation not in (None, self._incarnation):
                spot.trouble = SourceRemade(str(self._incarnation))
        self._tell()

    async def _wait_for_the_slowest(self) -> None:
        slowest, seen = self._kept[0].position, self._taken.count
        until = self._clock.monotonic() + PATIENCE_SECONDS
        while self._kept and self._kept[0].position == slowest:
            left = until - self._clock.monotonic()
            if left <= 0:
                for spot in [spot for spot in self._spots if spot.position < slowest]:
                    spot.trouble = spot.trouble or _LeftBehind()
                    self._spots.remove(spot)
                self.after_taking()
                self._tell()
                return
            await self._taken.wait_at_most(seen, left, self._clock)
            seen = self._taken.count

    def _tell(self) -> None:
        for spot in self._spots:
            spot.news.set()


class _Spot:
    """Where one reader is."""

    def __init__(self, shared: ReadTogether, position: int, incarnation: str | None) -> None:
        self._shared, self.position, self.incarnation = shared, position, incarnation
        self.news = Wake()
        self.trouble: Exception | None = None

    async def take(self) -> list[Delivery]:
        """The next deliveries, as soon as there are any. Raises whatever ended the reading."""
        while True:
            seen = self.news.count
            if self.trouble is not None:
                raise self.trouble
            found = self._shared.after(self.position)
            if found:
                self.position = found[-1].position
                self._shared.after_taking()
                return found
            await self.news.wait(seen)


class _Shared:
    """One reader's source. It implements `shared.ports.Source`."""

    def __init__(self, shared: ReadTogether, make: Callable[[], Source]) -> None:
        self._shared, self._make, self.name = shared, make, make().name
        self._incarnation: str | None = None

    async def incarnation(self) -> str:
        self._incarnation = await self._make().incarnation()
        return self._incarnation

    async def batches(self, after: int) -> AsyncGenerator[Sequence[Delivery], None]:
        position = after
        spot = self._shared.join(position, self._incarnation)
        while True:
            if spot is not None:
                try:
                    while True:
                        batch: Sequence[Delivery] = await spot.take()
                        position = batch[-1].position
                        yield batch
                except _LeftBehind:
                    pass
                finally:
                    self._shared.leave(spot)
            async with aclosing(self._alone(position)) as batches:
                async for batch in batches:
                    position = batch[-1].position
                    yield batch
                    if self._shared.near(position):
                        break
            spot = self._shared.join_seen(position, self._incarnation)

    async def _alone(self, position: int) -> AsyncGenerator[Sequence[Delivery], None]:
        source = self._make()
        incarnation = await source.incarnation()
        if self._incarnation not in (None, incarnation):
            raise SourceRemade(self.name)
        async with aclosing(source.batches(position)) as batches:
            async for batch in batches:
                yield batch
