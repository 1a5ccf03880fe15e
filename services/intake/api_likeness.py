"""HTTP: which other files of this desk may be the same person's. The marks they are compared by are made for the answer
and kept nowhere: there is nothing to forget when somebody is erased, and nothing of them in a backup."""

from __future__ import annotations

import asyncio
from typing import Any

from anyascii import anyascii

from services.intake import api_models as m
from services.intake import commands as cmd
from services.intake import events as ev
from services.intake import views
from services.intake.api_desk import SAME_LOOK, Asked, Intake, base, event_of
from services.intake.api_guidance import opened
from services.intake.file import CARD, PERSONAL, Card, Personal
from services.intake.likeness import Kept, alike, kept, marks_of
from shared.handling import Handled
from shared.http import Claim
from shared.http_access import CurrentActor
from shared.http_problems import Problem

PAGE = 200
PURPOSE = "identity"
"""For which what is personal in the file is read. Every file is opened then; shown is only which may be the same."""
SHOWN_MAX = 20


class Likenesses:
    """Looking for a second file of one person."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def look(self, client_id: str, actor: CurrentActor, claim: Claim) -> m.LikenessAnswer:
        """Compare a client's name and birth date with those of every other file here. Written down first, as any look
        at what is personal; a repeat that comes later is written down again. Refused: 409 `name-missing` (there is
        nothing to compare), 410 `client-erased`."""
        intake = self._intake
        file = await intake.file(client_id)
        mine = _kept(await intake.personal(client_id, file.personal))
        if not mine.names:
            raise Problem(409, "name-missing")
        handled = await self._write_down(client_id, Asked(actor, claim))
        if handled.replayed and abs(intake.now() - event_of(handled, ev.PersonalRead).at) > SAME_LOOK:
            await self._write_down(client_id, Asked(actor, None))
        found = await self._alike(client_id, mine)
        return m.LikenessAnswer(**base(client_id, handled), maybe_known=found[:SHOWN_MAX], more=len(found) > SHOWN_MAX)

    async def _write_down(self, client_id: str, asked: Asked) -> Handled:
        read_id = self._intake.ids.random_id()
        return await self._intake.do(client_id, asked, cmd.ReadPersonal, read_id=read_id, purpose=PURPOSE)

    async def _alike(self, client_id: str, mine: Kept) -> list[m.LikenessItem]:
        """Page by page, and compared beside the event loop: whoever asks keeps nobody waiting at the desk."""
        store, found, after = self._intake.store, list[m.LikenessItem](), None
        while rows := await store.page(views.clients, after, PAGE, erased_at=None):
            after = str(rows[-1]["id"])
            people = [
                (row, await self._personal(row)) for row in rows if row["has_personal"] and row["id"] != client_id
            ]
            found += [await self._item(row) for row in await asyncio.to_thread(_alike, mine, people)]
            if len(found) > SHOWN_MAX:
                break
        return found

    async def _personal(self, row: dict[str, Any]) -> Personal | None:
        """None of a file that cannot be opened, or was erased a moment ago: it is like nobody's."""
        file = (await self._intake.handler.load(row["id"]))[0]
        return await opened(self._intake, row["id"], PERSONAL, file.personal, Personal)

    async def _item(self, row: dict[str, Any]) -> m.LikenessItem:
        card = await opened(self._intake, row["id"], CARD, row["card"], Card)
        return m.LikenessItem(client_id=row["id"], alias=None if card is None else card.alias)


def _alike(mine: Kept, people: list[tuple[dict[str, Any], Personal | None]]) -> list[dict[str, Any]]:
    return [row for row, personal in people if personal is not None and alike(mine, _kept(personal))]


def _kept(personal: Personal) -> Kept:
    return kept(marks_of(anyascii(personal.name or ""), personal.birth_date))
