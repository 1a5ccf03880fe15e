"""HTTP: who may be in two files, of this desk or of another one. The marks files are compared by are made for the
answer and kept nowhere: there is nothing to forget when somebody is erased, and nothing of them in a backup."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from anyascii import anyascii
from fastapi import Query

from services.intake import api_checks as m
from services.intake import commands as cmd
from services.intake import events as ev
from services.intake import views
from services.intake.api_checks import LIKENESS
from services.intake.api_desk import SAME_LOOK, Asked, ClientHandler, Intake, base, event_of, vault_problems
from services.intake.api_guidance import opened
from services.intake.api_models import AfterQuery
from services.intake.api_reads import Reads
from services.intake.commands_likeness import BeginCheck
from services.intake.decider_likeness import PENDING
from services.intake.file import CARD, PERSONAL, Card, Personal
from services.intake.likeness import Kept, alike, kept, marks_of
from services.intake.views_likeness import check_replies, checks
from shared.handling import Context, Handled
from shared.http import Claim
from shared.http_access import CurrentActor
from shared.http_models import Page, PageQuery
from shared.http_problems import Problem
from shared.ports import Store
from shared.vault import Vault, VaultProblem

PAGE = 200
PURPOSE = "identity"
"""For which what is personal in the file is read. Every file is opened then; shown is only which may be the same."""
SHOWN_MAX = 20
ASKED_FOR = timedelta(days=7)
"""How long another desk's answer is waited for, and how long one will do: until then it is not asked again about the
same client, and after that it is not shown any more."""
REFUSED_FOR = timedelta(days=1)
"""How long a desk that was asked too much is left alone."""
STANDING = frozenset({PENDING, "known", "unknown"})


class Files:
    """Every file of this desk that has a name, opened one after the other to be compared. Whoever has them compared
    writes down that they were opened (`Openings.noting`)."""

    def __init__(self, store: Store, vault: Vault, clients: ClientHandler) -> None:
        self._store, self._vault, self._clients = store, vault, clients

    async def gone(self, client_id: str) -> bool:
        """Whether there is nobody any more to ask about, with what another process has stored meanwhile."""
        file = (await self._clients.load_settled(client_id))[0]
        return not file.id or file.erased_at is not None or client_id in self._vault.destroyed()

    async def kept(self, client_id: str) -> Kept | None:
        """The marks of one; None when it cannot be opened, or was erased a moment ago. Raises `VaultProblem` while the
        vault is shut."""
        sealed = (await self._clients.load(client_id))[0].personal
        if not sealed:
            return None
        try:
            text = await self._vault.unseal(client_id, PERSONAL, sealed)
            return kept_of(msgspec.json.decode(text, type=Personal))
        except (VaultProblem, msgspec.MsgspecError):
            if self._vault.shut is not None:
                raise VaultProblem(self._vault.shut) from None
            return None  # one file that cannot be opened is like nobody's

    async def alike(self, is_alike: Callable[[Kept], bool], but: str = "") -> list[Mapping[str, Any]]:
        """Rows of the files that are, until there are more than are shown. After each file everybody else at the desk
        has a turn. but: one that is left out. Raises `VaultProblem` as `kept`."""
        found, after = list[Mapping[str, Any]](), None
        while rows := await self._store.page(views.clients, after, PAGE, erased_at=None):
            after = str(rows[-1]["id"])
            for row in rows:
                marks = await self.kept(row["id"]) if row["has_personal"] and row["id"] != but else None
                if marks is not None and is_alike(marks):
                    found.append(row)
                await asyncio.sleep(0)
            if len(found) > SHOWN_MAX:
                break
        return found


class Likenesses:
    """Looking for a second file of one person."""

    def __init__(self, intake: Intake, reads: Reads) -> None:
        self._intake, self._reads = intake, reads
        self._files = Files(intake.store, intake.vault, intake.handler)

    async def look(self, client_id: str, actor: CurrentActor, claim: Claim) -> m.LikenessAnswer:
        """Compare a client's name and birth date with those of every other file here, and ask other desks, each once in
        seven days. Written down first, as any look at what is personal; a repeat that comes later is written down
        again. Refused: 409 `name-missing` (there is nothing to compare), 410 `client-erased`."""
        intake = self._intake
        file = await intake.file(client_id)
        mine = kept_of(await intake.personal(client_id, file.personal))
        if not mine.names:
            raise Problem(409, "name-missing")
        handled = await self._write_down(client_id, Asked(actor, claim))
        if handled.replayed and abs(intake.now() - event_of(handled, ev.PersonalRead).at) > SAME_LOOK:
            await self._write_down(client_id, Asked(actor, None))
        asked = await self._ask(client_id, actor.role)
        async with intake.openings.noting(LIKENESS, actor.role):
            with vault_problems():
                found = await self._files.alike(lambda other: alike(mine, other), client_id)
            items = [await self._item(row) for row in found[:SHOWN_MAX]]
        return m.LikenessAnswer(
            **base(client_id, handled), maybe_known=items, more=len(found) > SHOWN_MAX, asked=asked
        )  # fmt: skip

    async def show(self, client_id: str, query: Annotated[AfterQuery, Query()]) -> m.LookAlikesView:
        """What other desks answered about a client in the last seven days, and which of them asked about somebody like
        this one."""
        await self._reads.written(query.after)
        await self._intake.file(client_id)
        since = self._intake.now() - ASKED_FOR
        mine = [row for row in await self._intake.store.rows(checks, client_id=client_id) if row["begun_at"] > since]
        days = [(since + timedelta(days=each)).date().isoformat() for each in range(ASKED_FOR.days + 1)]
        theirs = [row for day in days for row in await self._intake.store.rows(check_replies, day=day, answer="known")]
        maybe = {row["site"] for row in mine if row["status"] == "known"}
        maybe |= {row["site"] for row in theirs if client_id in row["clients"] and row["since"] > since}
        intake = self._intake
        desks = [site for site in intake.desks() if intake.can_write_to(site) and intake.live(site)]
        newest = sorted(mine, key=lambda row: (row["begun_at"], row["id"]))
        return m.LookAlikesView(
            maybe_known_at=sorted(maybe),
            checks=[m.CheckView(site=row["site"], status=row["status"], begun_at=row["begun_at"]) for row in newest],
            desks=desks,
        )

    async def list_replies(self, query: Annotated[PageQuery, Query()]) -> Page[m.CheckReplyView]:
        """What other desks asked here and what they were told; about whom is in no line."""
        return await self._reads.page(m.CheckReplyView, check_replies, query, _line, {})

    async def _write_down(self, client_id: str, asked: Asked) -> Handled:
        read_id = self._intake.ids.random_id()
        return await self._intake.do(client_id, asked, cmd.ReadPersonal, read_id=read_id, purpose=PURPOSE)

    async def _ask(self, client_id: str, role: str) -> list[str]:
        """Begins a check at every desk that was not asked about this client lately. Returns which."""
        intake, asked, now = self._intake, list[str](), self._intake.now()
        known = await intake.store.rows(checks, client_id=client_id)
        lately = {row["site"] for row in known if row["begun_at"] > now - _pause_after(row["status"])}
        for site in intake.desks():
            if site in lately or not intake.can_write_to(site):
                continue
            check_id, command_id = intake.ids.random_id(), intake.ids.event_id()
            command = BeginCheck(
                at=now, role=role, check_id=check_id, client_id=client_id, site=site, until=now + ASKED_FOR
            )
            # Under a correlation of its own: the look that led to it is in the client's file.
            await intake.checks.handle(check_id, command, Context(command_id, intake.ids.random_id(), command_id))
            asked.append(site)
        return asked

    async def _item(self, row: Mapping[str, Any]) -> m.LikenessItem:
        card = await opened(self._intake, row["id"], CARD, row["card"], Card)
        return m.LikenessItem(client_id=row["id"], alias=None if card is None else card.alias)


def kept_of(personal: Personal) -> Kept:
    """The marks of one person."""
    return kept(marks_of(anyascii(personal.name or ""), personal.birth_date))


def _pause_after(status: str) -> timedelta:
    if status in STANDING:
        return ASKED_FOR
    return REFUSED_FOR if status == "refused" else timedelta()


async def _line(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: row[name] for name in m.CheckReplyView.model_fields} | {"id": row["id"].rpartition("/")[2]}
