"""Counting on the real database: what is counted goes from the timers in the append that counts it, once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from services.intake import commands as cmd
from services.intake.app import INLINE_TABLES, handlers, migrate
from services.intake.app_weeks import WeekCounter
from services.intake.policy import COUNT
from shared import schema
from shared.contracts.intake import FlowsTold, UnmetTold, WeekTold
from shared.contracts.weeks import week_ends, week_of
from shared.handling import Context
from shared.ids import SystemIds
from shared.logbook import Openings
from shared.store import PgStore
from shared.vault import Vault
from tests.intake.sample import CARD
from tests.support.desk import MovedClock
from tests.support.letters import site_seals
from tests.support.memory_keys import SITE_KEY, MemoryKeys

SEALS = site_seals(("west",))["west"]
WEEKS_TOLD = [WeekTold.type_name, UnmetTold.type_name, FlowsTold.type_name]


async def test_what_many_count_at_once_is_counted_once(database: str) -> None:
    await migrate(database)
    store, clock, ids = PgStore(database, "west", "intake", INLINE_TABLES), MovedClock(), SystemIds()
    await store.open(clock.now())
    try:
        vault = Vault([SITE_KEY], MemoryKeys())
        await vault.open()
        deciding = handlers(store, clock, ids, SEALS, vault)
        everybody = [ids.random_id() for _ in range(7)]
        for id_ in everybody:
            command = cmd.RegisterClient(at=clock.now(), role="caseworker", client_id=id_, card=CARD)
            await deciding["client"].handle(id_, command, Context(ids.event_id(), ids.random_id(), ids.event_id()))
        week = week_of(clock.now())
        clock.ahead += week_ends(week) + timedelta(hours=2) - clock.now()
        openings = Openings(store, clock, ids.random_id)
        counters = [
            WeekCounter("west", store, vault, handlers(store, clock, ids, SEALS, vault), clock, openings)
            for _ in range(3)
        ]
        await counters[0].count_client(everybody[0])
        await asyncio.gather(*(counter.close(clock.now()) for counter in counters))
        counts = (await deciding["weeks"].load("west"))[0]
        assert (counts.weeks[week].registrations, counts.closed) == (7, week)
        assert await store.rows(schema.timers, kind=COUNT) == []
        assert [row.type for row in await store.read_outbox("pub", 0, 10)] == WEEKS_TOLD
    finally:
        await store.close()
