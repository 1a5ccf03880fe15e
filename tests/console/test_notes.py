"""What one shift leaves for the next: sealed, of this house only, settled with a tap, and gone after fourteen days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio

from services.console import views_notes
from services.console.api_notes import add_notes
from services.console.app import migrate
from services.console.notes import notes_shown
from services.console.views_notes import KEPT_DAYS, KeyUsedOtherwise, Notes, NotesFull, key_of
from services.console.words import LANGUAGES, words
from shared.http import new_app, service_api
from shared.http_border import Border
from shared.ids import SystemIds
from shared.security import Role
from shared.store import PgStore
from shared.vault import KeyStore, Vault, VaultProblem
from shared.vault_files import FileKeys
from tests.console.sample import uid
from tests.console.test_accounts import StillClock
from tests.console.test_board import NOW, place
from tests.support.border import Tokens, caller
from tests.support.memory_keys import SITE_KEY, MemoryKeys, open_vault

TEXT = "Canary: the key of 101 is lost"


class Shift:
    """The notes of west on a database of their own. keys: where theirs are."""

    def __init__(self, dsn: str, store: PgStore, keys: KeyStore) -> None:
        self.dsn, self.clock, self.vault = dsn, StillClock(), Vault([SITE_KEY], keys)
        self.notes = Notes(store.query, self.vault, "west")

    async def writes(
        self, text: str = TEXT, number: int = 1, *, house: str = "house", about: str | None = None
    ) -> bool:
        return await self.notes.write(uid(number), house, about, text, "operator", self.clock.now())

    async def reads(self, house: str = "house") -> list[str | None]:
        return [note.text for note in await self.notes.of(house, self.clock.now())]

    async def rows(self) -> list[str]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return [str(row) for row in await connection.fetch("select * from notes")]
        finally:
            await connection.close()


@pytest_asyncio.fixture(params=["files", "memory"])
async def shift(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Shift]:
    await migrate(database)
    store = PgStore(database, "west", "console")
    await store.open(StillClock().now())
    keys = FileKeys(tmp_path / "keys", tmp_path / "list") if request.param == "files" else MemoryKeys()
    made = Shift(database, store, keys)
    await made.vault.open()
    yield made
    await store.close()


async def test_what_is_left_is_read_at_its_own_house_the_newest_first(shift: Shift) -> None:
    await shift.writes()
    shift.clock.move(60)
    await shift.writes("Second", 2, about=uid(7))
    await shift.writes("Elsewhere", 3, house="other")
    assert await shift.reads() == ["Second", TEXT]
    first, _ = await shift.notes.of("house", shift.clock.now())
    assert (first.place, first.role, first.goes_at - first.written_at) == (uid(7), "operator", timedelta(days=14))


async def test_in_the_database_nobody_reads_it(shift: Shift) -> None:
    await shift.writes()
    (row,) = await shift.rows()
    assert "Canary" not in row


async def test_after_fourteen_days_it_is_gone_and_its_key_with_it(shift: Shift) -> None:
    await shift.writes()
    (sealed,) = await shift.rows()
    key = key_of("west", shift.clock.now().astimezone(UTC).date())
    shift.clock.move(KEPT_DAYS * 86400 - 1)
    assert await shift.reads() == [TEXT]
    shift.clock.move(1)
    assert await shift.reads() == []
    await shift.notes.prune(shift.clock.now())
    assert await shift.rows() == []
    assert key not in shift.vault.destroyed()  # another note of that day may be an hour younger
    shift.clock.move(86400)
    await shift.notes.prune(shift.clock.now())
    assert key in shift.vault.destroyed()
    with pytest.raises(VaultProblem, match="vault-key-destroyed"):
        await shift.vault.unseal(key, f"note {uid(1)}", sealed)


async def test_a_site_that_stood_still_forgets_what_is_over_when_it_is_back(shift: Shift) -> None:
    await shift.writes()
    key = key_of("west", shift.clock.now().astimezone(UTC).date())
    shift.clock.move(40 * 86400)
    await shift.notes.prune(shift.clock.now())
    assert (await shift.rows(), key in shift.vault.destroyed()) == ([], True)


async def test_one_that_is_settled_is_put_back_within_reach(shift: Shift) -> None:
    await shift.writes()
    assert await shift.notes.settle(uid(1), shift.clock.now())
    assert await shift.reads() == []
    assert await shift.notes.settle(uid(1), None)
    assert await shift.reads() == [TEXT]
    assert not await shift.notes.settle(uid(9), shift.clock.now())


async def test_the_same_again_is_written_once_and_another_text_is_refused(shift: Shift) -> None:
    assert await shift.writes()
    assert not await shift.writes()
    with pytest.raises(KeyUsedOtherwise):
        await shift.writes("something else")
    with pytest.raises(KeyUsedOtherwise):
        await shift.writes(house="other")
    assert await shift.reads() == [TEXT]


async def test_a_row_that_was_moved_to_another_house_or_note_does_not_open(shift: Shift) -> None:
    await shift.writes()
    await shift.writes("Second", 2)
    connection = await asyncpg.connect(shift.dsn)
    await connection.execute("update notes set location = 'other' where id = $1", uid(1))
    await connection.execute("update notes set sealed = (select sealed from notes where id = $1) where id = $2",
                             uid(1), uid(2))  # fmt: skip
    await connection.close()
    assert (await shift.reads(), await shift.reads("other")) == ([None], [None])


async def test_there_is_an_end_to_how_many_a_house_has(shift: Shift, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views_notes, "NOTES_MAX", 2)
    for number in (1, 2):
        await shift.writes(number=number)
    with pytest.raises(NotesFull):
        await shift.writes(number=3)
    await shift.writes(number=3, house="other")
    monkeypatch.setattr(views_notes, "SITE_NOTES_MAX", 3)
    with pytest.raises(NotesFull):
        await shift.writes(number=4, house="third")


async def test_over_http_for_the_desk_only_and_under_one_key_once(shift: Shift) -> None:
    tokens = Tokens()
    api = service_api("console", "Notes", asyncapi={})
    add_notes(api, shift.notes, shift.clock, SystemIds())
    app = new_app("west")
    app.mount("/api/console", api)
    site = Border(app, verify=tokens.verify, sign_in="/sign-in")
    body = {"location": "house", "text": f"  {TEXT}  "}

    async def asks(method: str, path: str, role: Role = "operator", **more: object) -> httpx.Response:
        async with caller(site, tokens.token(role)) as client:
            return await client.request(method, f"/api/console/notes{path}", **more)  # type: ignore[arg-type]

    key = {"Idempotency-Key": "0123456789abcdef"}
    first, again = [await asks("POST", "", headers=key, json=body) for _ in range(2)]
    assert (first.status_code, first.json()["id"]) == (201, again.json()["id"])
    other = await asks("POST", "", headers=key, json=body | {"text": "other"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    (item,) = (await asks("GET", "?location=house", "caseworker")).json()["items"]
    assert (item["text"], item["place_id"]) == (TEXT, None)
    for role in ("coordinator", "finance", "oncall", "auditor"):
        assert (await asks("GET", "?location=house", role)).status_code == 403
        assert (await asks("POST", "", role, json=body)).status_code == 403
    for wrong in ({"text": ""}, {"text": "x" * 501}, {"text": "\x00"}, {"location": "NO WAY"}, {"more": 1}):
        refused = await asks("POST", "", json=body | wrong)
        assert refused.status_code == 422
        assert "Canary" not in refused.text
    assert (await asks("POST", f"/{item['id']}/done")).status_code == 200
    assert (await asks("GET", "?location=house")).json()["items"] == []
    assert (await asks("POST", f"/{item['id']}/put-back")).status_code == 200
    gone = await asks("POST", f"/{uid(9)}/done")
    assert (gone.status_code, gone.json()["code"]) == (404, "note-unknown")


async def test_while_keys_cannot_be_read_nothing_is_written(shift: Shift) -> None:
    shift.vault.shut = "vault-damaged"
    with pytest.raises(VaultProblem, match="vault-damaged"):
        await shift.writes()
    assert await shift.rows() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_what_it_is_about_who_wrote_it_and_when_it_goes(language: str) -> None:
    spoken = words(language)
    at = NOW - timedelta(hours=1)

    def note(id_: str, about: str | None, text: str | None = "x") -> views_notes.Note:
        return views_notes.Note(id_, about, text, "operator", at, datetime(2026, 1, 24, tzinfo=UTC))

    house = [place("p1"), place("p2")]
    first, whole, closed = notes_shown([note("a", "p2"), note("b", None), note("c", "gone", None)], house, NOW, spoken)
    assert first.where == spoken("board.name", room=spoken("board.room", room="101"), n=2)
    assert first.about == " · ".join(
        [spoken("role.operator"), "20:00", spoken("notes.goes", day=spoken.day(datetime(2026, 1, 24, tzinfo=UTC)))]
    )
    assert (whole.where, closed.where, closed.text) == (spoken("notes.house"), spoken("notes.gone_place"), None)
    assert (first.tap.path, first.tap.undo) == ("/api/console/notes/a/done", "/api/console/notes/{id}/put-back")


async def test_the_memory_vault_is_what_the_files_are() -> None:
    vault = await open_vault()
    assert not await vault.knows(uid(1))
    await vault.create(uid(1))
    assert await vault.knows(uid(1))
