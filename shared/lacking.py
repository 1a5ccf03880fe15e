"""Finds what a site's CITY lacks of what it should hold, so that it can be taken from the hub anew.

The hub's CITY is not synced message by message. After a crash of its server the last messages are gathered again, and
there is no order between origins: a copy that had read the first order goes on behind it and may lack a message that
stands elsewhere now (`docs/decisions/0024-the-hub-does-not-sync-city.md`). Nothing is missed for good by that, because
every origin's messages are numbered and every beat says how many there are: what is told and not read shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import msgspec
from nats.aio.client import Client

from shared.bus_connection import Refused, ask
from shared.clock import Clock
from shared.envelope import Origin
from shared.heard import Mark, ask_heard, city_last
from shared.inbox import Reader
from shared.parked import GAP, Row
from shared.ports import BusUnavailable, StoreUnavailable
from shared.settings import SiteSettings
from shared.streams import CITY
from shared.telemetry import logger

LOOK_SECONDS = 2.0
LOOKS = 3
"""So often in a row the same has to be found before anything is done: what is under way arrives in between."""

SILENT_NANOSECONDS = 2_500_000_000
"""A source that works is told something at least every second."""

log = logger("lacking")

Reached = tuple[int, int]
"""Epoch and sequence."""


class Ends(NamedTuple):
    """How far an origin's log goes: in this site's CITY, and in the hub's. position: where that is in this site's.

    at_rest: whether this site's CITY has taken all that the hub's holds now, as its server says.
    """

    here: Reached
    position: int
    hub: Reached
    at_rest: bool


class Watch:
    """Looks again and again whether a reader stands still where there is more to read.

    told: every origin that was heard, and how far it says it goes. ends: asked when somebody is behind that; None while
    nobody answers. remake: this site's CITY has to be taken from the hub anew; None at the hub, which has no copy.
    """

    def __init__(
        self,
        readers: Sequence[Reader],
        told: Callable[[], Sequence[tuple[Origin, int]]],
        ends: Callable[[Origin, int], Awaitable[Ends | None]],
        remake: Callable[[], None] | None,
        clock: Clock,
    ) -> None:
        self._readers, self._told, self._ends, self._remake, self._clock = readers, told, ends, remake, clock
        self._found: dict[tuple[str, str, str], tuple[str, Reached, int]] = {}
        self._done: set[tuple[str, str, str, Reached | None]] = set()

    async def run(self) -> None:
        """Looks for ever."""
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            with suppress(BusUnavailable, StoreUnavailable):  # the next look will tell
                await self.look()

    async def look(self) -> None:
        """One look at every origin and reader; acts on what was found `LOOKS` times in a row."""
        for origin, sequence in self._told():
            if not sequence:
                continue  # there is nothing yet that could be missing
            told = (origin.epoch, sequence)
            holes = {reader: self._hole(reader, origin) for reader in self._readers}
            behind = [reader for reader in self._readers if holes[reader] or reader.checkpoint(origin.key) < told]
            ends = await self._ends(origin, sequence) if behind else None
            if behind and ends is None:
                return  # the hub does not answer: nor would it for the next
            for reader, hole in holes.items():
                at = reader.checkpoint(origin.key)
                what = None if ends is None or at >= told else _missed(reader, origin, at, ends)
                await self._note("at", reader, origin, at, what)
                await self._note("hole", reader, origin, hole or at, None if hole is None else "copy")

    def _hole(self, reader: Reader, origin: Origin) -> Reached | None:
        """Before the last hole that a person let a reader go on with in an origin; None when the copy was made anew for
        it. Apart from where the reader stands now: what it lacks beside that is to be found all the same.
        """
        if (origin.key, "pub") in reader.aside.halted:
            return None
        last = max(((row["epoch"], row["from_sequence"] - 1) for row in _let_go(reader, origin)), default=None)
        return None if ("copy", "", origin.key, last) in self._done else last

    async def _note(self, kind: str, reader: Reader, origin: Origin, at: Reached, what: str | None) -> None:
        key = (kind, reader.view.name, origin.key)
        if what is None:
            self._found.pop(key, None)
            return
        before = self._found.get(key)
        times = before[2] + 1 if before is not None and before[:2] == (what, at) else 1
        self._found[key] = (what, at, times)
        # A copy is everybody's; what a reader has come by, each has to search for itself.
        once = (what, "" if what == "copy" else reader.view.name, origin.key, at)
        if times < LOOKS or once in self._done:
            return
        if what == "read":
            # The copy has it, behind where the reader is: it stood elsewhere when the reader came by.
            async with reader.resting():
                reader.begin_again(back=True)
        elif self._remake is not None:
            self._remake()
        # Once for each place: what is missing at the hub, too, comes no sooner by that.
        self._done.add(once)
        log.warning("something is missing", what=what, reader=reader.view.name, origin=origin.key, after=at[1])


def _let_go(reader: Reader, origin: Origin) -> list[Row]:
    """The holes in an origin that a person let a view go on with: it is rebuilt once the copy has what was missing.
    Those of epochs that are over, too: the view's history still does without it, and no rebuild could fill it.
    """
    holes = [row for row in reader.aside.discarded if row["code"] == GAP and row["log"] == "pub"]
    return [row for row in holes if row["origin"] == origin.key and row["epoch"] <= origin.epoch]


def _missed(reader: Reader, origin: Origin, at: Reached, ends: Ends) -> str | None:
    """`read`: this site's CITY has more, where the reader has come by. `copy`: the hub's has more, or there is a hole
    that was searched for. None: it stands still for another reason, or what it waits for is on its way.
    """
    if (origin.key, "pub") in reader.aside.halted:
        return None
    if (origin.key, "pub") in reader.aside.missing:
        return "copy"
    if at < ends.here:
        return "read" if reader.looked_at(CITY)[1] >= ends.position else None
    return "copy" if ends.here < ends.hub and ends.at_rest else None


def tail_of(marks: Sequence[Mark]) -> Reached:
    """The furthest of the marks that name their message: the end of a CITY."""
    return max(((mark.epoch, mark.sequence) for mark in marks if mark.id and mark.log == "pub"), default=(0, 0))


class _Source(msgspec.Struct):
    lag: int = 0
    active: int = -1


class _City(msgspec.Struct):
    sources: list[_Source] = []


_city = msgspec.json.Decoder(_City)


class BusEnds:
    """How far logs go, asked as the service `service` of this site on its connection."""

    def __init__(self, client: Client, settings: SiteSettings, service: str) -> None:
        self._client, self._settings, self._service = client, settings, service

    async def __call__(self, origin: Origin, told: int) -> Ends | None:
        """told: how far the origin says it goes. None when the hub does not answer. Raises `BusUnavailable`."""
        settings, client = self._settings, self._client
        found = await city_last(client, origin.site, origin.service)
        position, here = (0, (0, 0)) if found is None else (found[0], tail_of([found[1]]))
        if settings.is_hub:
            return Ends(here, position, here, at_rest=True)
        at_rest = await self._at_rest()
        if origin.site == settings.hub:
            return Ends(here, position, (origin.epoch, told), at_rest)
        marks = await ask_heard(client, origin.site, origin.service, settings.hub, self._service)
        return None if marks is None else Ends(here, position, tail_of(marks), at_rest)

    async def _at_rest(self) -> bool:
        try:
            info = _city.decode(await ask(self._client, f"$JS.API.STREAM.INFO.{CITY}"))
        except Refused as no:
            raise BusUnavailable(f"{CITY}: {no}") from None
        return all(source.lag == 0 and 0 <= source.active < SILENT_NANOSECONDS for source in info.sources)
