"""What an operator was asked is on the list as long as anybody may look back, and no longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.placement.app import INLINE_TABLES, migrate
from services.placement.app_offers import QUESTIONS_KEPT, forget_questions_before
from services.placement.views_offers import ASKED, offer_questions
from shared.ports import Append, Put
from shared.store import PgStore

NOW = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)


async def test_questions_are_taken_off_the_list_after_a_month_unless_nobody_has_answered(database: str) -> None:
    await migrate(database)
    store = PgStore(database, "west", "placement", INLINE_TABLES)
    await store.open(NOW - timedelta(days=90), 1)
    try:
        for id_, days, status in (("old", 31, "no"), ("kept", 29, "yes"), ("open", 31, ASKED)):
            at = NOW - timedelta(days=days)
            row = (id_, "west-1", "request", "noord", "shelter_24h", 3, ["cot"], status, at)
            await store.append(Append(at, rows=[Put(offer_questions, row)]))
        await forget_questions_before(store, NOW - QUESTIONS_KEPT)
        assert {row["id"] for row in await store.rows(offer_questions)} == {"kept", "open"}
    finally:
        await store.close()
