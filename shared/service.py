"""What a service hands to the process that runs it: its HTTP side, how to start and stop it, and how it is doing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from fastapi import FastAPI

from shared.clock import Clock
from shared.http import Streams
from shared.ids import Ids
from shared.roster import Roster
from shared.sessions import Sessions
from shared.settings import SiteSettings
from shared.together import Lenders, ReadTogether

CHECK_SECONDS_MAX = 1.0


@dataclass(frozen=True)
class Host:
    """What a process gives each of its services. streams: end when the process stops.

    ending: set with the reason when the process has to end, so that whoever keeps it running starts it anew.
    roster: the network's sites as they are now. remake_city: set when this site's CITY lacks what the hub's has.
    sessions: of the people at this site; None where it has no console. lenders: services whose connection `CITY` can be
    read over.
    """

    settings: SiteSettings
    clock: Clock
    ids: Ids
    streams: Streams
    ending: asyncio.Future[str]
    roster: Roster
    remake_city: asyncio.Event = field(default_factory=asyncio.Event)
    sessions: Sessions | None = None
    lenders: Lenders = field(default_factory=Lenders)

    @cached_property
    def city(self) -> ReadTogether:
        """The one reading of `CITY` for every reader of every service of this process."""
        return ReadTogether(self.lenders, self.clock, self.lenders.goes)


class Check(NamedTuple):
    """One thing `/readyz` asks about: `ask` returns None when it is well, else what is wrong in a few words."""

    name: str
    ask: Callable[[], Awaitable[str | None]]


@dataclass(frozen=True)
class ServiceApp:
    """One service of a site's process.

    name: `placement`. api: mounted at `/api/<name>`. pages: mounted at `/`, for the console only.
    start: opens the store and the bus connection and begins to work; raises when it cannot. stop: ends all of it, once.
    checks: for readiness.
    """

    name: str
    api: FastAPI
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    checks: Sequence[Check] = ()
    pages: FastAPI | None = None


async def ask_all(checks: Sequence[Check], seconds_max: float = CHECK_SECONDS_MAX) -> dict[str, str]:
    """What is wrong, by check; empty when all is well. A check that does not answer in time, or fails, is wrong
    itself."""

    async def ask(check: Check) -> str | None:
        try:
            async with asyncio.timeout(seconds_max):
                return await check.ask()
        except TimeoutError:
            return f"no answer within {seconds_max:g} seconds"
        except Exception as error:
            return f"the check failed: {type(error).__name__}"

    answers = await asyncio.gather(*(ask(check) for check in checks))
    return {check.name: answer for check, answer in zip(checks, answers, strict=True) if answer is not None}
