"""Who waited, week by week: counted back from what was told, and never when they are few."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from asyncpg import connect
from starlette.requests import Request as Asking

from services.console.api_screens import Places, Screens
from services.console.api_weeks import KEPT_SECONDS, _Desk
from services.console.app import migrate
from services.console.views_waiting import Request, Waiting
from services.console.waited import WEEKS, Point, file_rows, points, waited
from services.console.words import LANGUAGES, words
from shared.contracts.intake import RequestNoticed
from shared.security import Actor
from shared.store import PgStore
from tests.console.sample import AT, message, uid
from tests.console.test_accounts import StillClock
from tests.console.test_pages import COOKIE, Pages

NOW = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)
"""A Wednesday; the week before ended in the night to Monday the 16th."""


def asked(number: int, days: int, closed: int | None = None) -> Request:
    """days: before now it waits since; closed: so many days before now."""
    at = None if closed is None else NOW - timedelta(days=closed)
    return Request(uid(number), (NOW - timedelta(days=days)).date(), at)


def counts(told: list[Request], open_: list[dict[str, Any]] | None = None, below: int = 1) -> list[int | None]:
    return [point.waiting for point in points(told, open_ or [], NOW, below, 90)]


def test_a_request_counts_from_when_it_waits_until_it_is_closed() -> None:
    found = points([asked(1, 30, 10)], [], NOW, 1, 90)
    there = [point.at for point in found if point.waiting]
    assert there == [point.at for point in found if date(2026, 2, 16) < point.at.date() < date(2026, 3, 8)]
    assert len(found) == WEEKS + 1
    assert found[-1].at == NOW


def test_who_has_waited_longer_than_the_journal_remembers_stands_on_the_list() -> None:
    old = {"id": uid(2), "waiting_since": "2025-10-01"}
    assert counts([], [old]) == [1] * (WEEKS + 1)
    closed = asked(2, 200, 1)  # the list is a moment older than what the journal has heard
    assert counts([closed], [old])[-2:] == [1, 0]


def test_of_weeks_a_shorter_journal_has_forgotten_nothing_is_said() -> None:
    """Twenty waited seven weeks ago and stopped: a journal of thirty days knows none of them."""
    assert [point.at for point in points([], [], NOW, 5, 30) if NOW - point.at > timedelta(days=30)] == []
    assert len(points([], [], NOW, 5, 30)) == 5
    assert len(points([], [], NOW, 5, 1)) == 1


@pytest.mark.parametrize(("many", "shown"), [(0, 0), (1, None), (4, None), (5, 5)])
def test_few_are_not_counted(many: int, shown: int | None) -> None:
    last = points([asked(number, 100) for number in range(many)], [], NOW, 5, 90)[-1]
    assert last.waiting == shown
    assert (last.days is None) == (shown in (None, 0))


def test_half_of_them_waited_longer() -> None:
    assert points([asked(1, 4), asked(2, 10), asked(3, 90)], [], NOW, 1, 90)[-1].days == 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_picture_has_a_bar_a_week_and_says_when_there_is_none(language: str) -> None:
    spoken = words(language)
    found = [Point(NOW - timedelta(days=9), 10, 7), Point(NOW - timedelta(days=2), None, None), Point(NOW, 20, 9)]
    drawn = waited(found, 5, spoken)
    assert [bar.height for bar in drawn.bars] == [60, 0, 120]
    assert [bar.words for bar in drawn.bars] == ["10", spoken("waited.few", below=5), "20"]
    assert (drawn.bars[-1].week, drawn.bars[0].days) == (spoken("waited.now"), spoken("duration.days.other", n=7))
    assert [row["waiting"] for row in file_rows(found, "now")] == [10, None, 20]


async def test_the_journal_knows_since_when_and_until_when(database: str) -> None:
    await migrate(database)
    store = PgStore(database, "west", "console")
    await store.open(AT)

    def notice(number: int, status: str) -> RequestNoticed:
        return RequestNoticed(
            request_id=uid(number),
            kinds=("shelter_24h",),
            size_class="1",
            features=(),
            not_at=(),
            priority_band=1,
            rules_version=1,
            waiting_since=date(2026, 1, 2),
            status=status,  # type: ignore[arg-type]
        )

    told = [(1, notice(1, "waiting"), 0), (2, notice(1, "closed"), 30), (3, notice(2, "offered"), 40)]
    connection = await connect(database)
    for sequence, one, minutes in told:
        heard = message(one, sequence, minutes=minutes)
        await connection.execute(
            "insert into journal (teller, log, epoch, sequence, id, type, subject, time, correlation_id, causation_id,"
            " data) values ($1, $2, 1, $3, $4, $5, 'x', $6, $4, $4, $7)",
            heard.origin.key, heard.log, sequence, heard.id, heard.type, heard.time, heard.data,
        )  # fmt: skip
    await connection.close()
    found = sorted(await Waiting(store.query).requests())
    await store.close()
    assert found == [
        Request(uid(1), date(2026, 1, 2), AT + timedelta(minutes=30)), Request(uid(2), date(2026, 1, 2), None),
    ]  # fmt: skip


async def test_many_who_ask_at_once_have_the_journal_looked_through_once(tmp_path: Path) -> None:
    looked, clock = [], StillClock()

    async def look(_: object) -> Any:
        looked.append(1)
        await asyncio.sleep(0)
        return []

    answers = httpx.MockTransport(lambda _: httpx.Response(200, json={"items": []}))
    async with httpx.AsyncClient(base_url="http://west", transport=answers) as client:
        screens = Screens(Pages(tmp_path).settings, Places(client), clock, COOKIE, None, Waiting(look))
        desk, asking = _Desk(screens), Asking({"type": "http", "headers": []})
        actor = Actor("anna", "coordinator", "west")
        for times in (1, 2):
            found = await asyncio.gather(*(desk.waited(asking, actor) for _ in range(5)))
            assert len(looked) == times
            assert all(one is not None for one in found)
            clock.move(KEPT_SECONDS)
