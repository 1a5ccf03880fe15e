"""What a repeated request is known by is kept as long as was promised, and no longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.intake.app import INLINE_TABLES, migrate
from services.intake.app_keeper import (
    CHECKS_KEPT,
    HAND_OVERS_KEPT,
    KEYS_KEPT,
    forget_checks_before,
    forget_hand_overs_before,
    forget_keys_before,
)
from services.intake.views_handover import hand_overs, takings
from services.intake.views_likeness import check_replies, checks
from shared.ports import Append, KeyRecord, Put
from shared.store import PgStore

NOW = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)


async def test_a_request_is_known_again_for_a_week_and_not_for_ever(database: str) -> None:
    await migrate(database)
    store = PgStore(database, "west", "intake", INLINE_TABLES)
    await store.open(NOW - timedelta(days=30), 1)
    try:
        for key, days in (("old", 9), ("kept", 7)):
            record = KeyRecord("somebody", key, b"fingerprint", "client/x", 1, 0)
            await store.append(Append(NOW - timedelta(days=days), keys=[record]))
        await forget_keys_before(store, NOW - KEYS_KEPT)
        assert await store.find_key("somebody", "old") is None
        assert await store.find_key("somebody", "kept") is not None
    finally:
        await store.close()


async def test_checks_are_taken_off_the_lists_after_three_months(database: str) -> None:
    await migrate(database)
    store = PgStore(database, "west", "intake", INLINE_TABLES)
    await store.open(NOW - timedelta(days=200), 1)
    try:
        for id_, days in (("old", 91), ("kept", 89)):
            at = NOW - timedelta(days=days)
            asked = Put(checks, (id_, "client", "noord", "unknown", at))
            replied = Put(check_replies, (id_, "noord", at.date().isoformat(), "known", True, ["client"], at))
            await store.append(Append(at, rows=[asked, replied]))
        await forget_checks_before(store, NOW - CHECKS_KEPT)
        assert [[row["id"] for row in await store.rows(table)] for table in (checks, check_replies)] == [["kept"]] * 2
    finally:
        await store.close()


async def test_hand_overs_that_are_over_leave_the_lists_after_three_months_and_no_other_does(database: str) -> None:
    await migrate(database)
    store = PgStore(database, "west", "intake", INLINE_TABLES)
    await store.open(NOW - timedelta(days=200), 1)
    given, taken = ("under_way", "calling_off", "taken", "declined"), ("asked", "agreed", "taken", "called_off")
    try:
        for days in (91, 89):
            at = NOW - timedelta(days=days)
            rows = [Put(hand_overs, (f"{how} {days}", "client", "noord", how, at)) for how in given]
            rows += [Put(takings, (f"{how} {days}", "noord", how, None, at)) for how in taken]
            await store.append(Append(at, rows=rows))
        await forget_hand_overs_before(store, NOW - HAND_OVERS_KEPT)
        for table, every, open_ in ((hand_overs, given, given[:2]), (takings, taken, taken[:2])):
            left = {f"{how} {days}" for how in every for days in (91, 89) if days == 89 or how in open_}
            assert {row["id"] for row in await store.rows(table)} == left
    finally:
        await store.close()
