"""A reader at work, what it cannot digest, and whoever repairs that: for the tests of repair, over both stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from shared.clock import SystemClock
from shared.contracts.base import Contract
from shared.envelope import Message
from shared.ids import SystemIds
from shared.inbox import Follow, View
from shared.ports import Put, RowChange
from shared.projection import Tables, reader_tables, rebuild_reader
from shared.repair import CODEC, Repair, Who
from tests.conformance.stores import MemoryBackend
from tests.conformance.test_inbox import NOORD, VIEW, Counted, Desk, Shelf, _memory, _postgres, counts, message
from tests.support.memory_rebuild import memory_tables
from tests.support.processes import soon

ONCALL = Who("oncall")
OF_WEST = "west/placement"


def project_now(message: Message, contract: Contract) -> Iterable[RowChange]:
    """The next program: what was unlucky counts like everything else."""
    assert isinstance(contract, Counted)
    yield Put(counts, (message.origin.key, contract.name, contract.value, message.sequence))


NEXT_PROGRAM = replace(VIEW, project=project_now)
UNLUCKY = message(2, 50, name="unlucky")


class Workshop(Desk):
    """A reader at work, and whoever repairs what it has parked."""

    tables: Tables = memory_tables

    @property
    def repair(self) -> Repair:
        return Repair(self.store, [self.reader], SystemClock(), SystemIds())

    async def only(self) -> str:
        """The id of the one message that is parked."""
        [row] = await self.repair.parked()
        return str(row["id"])

    async def history(self) -> list[Any]:
        return [CODEC.decode(stored.data) for stored in await self.store.read_stream("reader/counts")]

    async def reached(self, sequence: int, epoch: int = 1) -> None:
        await soon(lambda: self.reader.checkpoint(OF_WEST) == (epoch, sequence), f"west is read up to {sequence}")

    async def restart(self, view: View | None = None) -> None:
        """The next process knows what was parked before anything new comes."""
        await super().restart(view)
        async with self.reader.resting():
            assert self.reader.checkpoints

    async def rebuild(self, shelf: Shelf | None = None) -> int:
        async with asyncio.timeout(30):
            follows = [Follow(shelf or self.shelf)]
            return await rebuild_reader(
                self.store, self.reader, follows, SystemClock(), lambda *_: None, type(self).tables
            )

    async def another(self) -> Workshop:
        other = type(self)(self._backend)
        other.shelf, other.view = self.shelf, self.view
        await other.start()
        return other


class OnPostgres(Workshop):
    tables: Tables = reader_tables


@pytest_asyncio.fixture(params=[_memory, _postgres], ids=["memory", "postgres"])
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Workshop]:
    backend = await request.param(request)
    shop = (Workshop if isinstance(backend, MemoryBackend) else OnPostgres)(backend)
    await shop.start()
    yield shop
    await shop.stop()
    await backend.close()


async def poisoned(shop: Workshop) -> str:
    """Noord flows; west stands still before its second message. Returns the id of what is parked."""
    shop.shelf.put(message(1), UNLUCKY, message(1, 6, NOORD), message(3, 70), message(4, 80))
    await shop.read()
    assert shop.reader.incomplete == {OF_WEST: "handler-failed"}
    return await shop.only()
