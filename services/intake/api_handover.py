"""HTTP: handing a file over to another desk, and taking one. What is in it travels between the desks, and is in no
answer here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from services.intake import commands_handover as cmd
from services.intake.api_desk import Asked, Intake, accepted, base
from services.intake.api_reads import Reads
from services.intake.views_handover import hand_overs, takings
from shared.handling import Handled
from shared.http import Claim
from shared.http_access import CurrentActor
from shared.http_models import Body, CommandAnswer, Moment, Page, PageQuery, Slug, Uuid, is_id
from shared.http_problems import Problem
from shared.logbook import noted


class HandOverBody(Body):
    """site: whose desk is to have the file."""

    site: Slug


class HandOverView(BaseModel):
    """A file of this desk that another one is to have, or has. status: `under_way`, `calling_off`, or how it ended:
    `taken`, `declined`, `called_off`, `site_left`; `erased` when the file's key was destroyed before."""

    id: str
    client_id: str
    site: str
    status: str
    begun_at: Moment


class HandOverAnswer(CommandAnswer):
    """id: of the hand-over: tell the other desk its beginning, so that they know which one it is."""

    client_id: str
    site: str
    status: str


class TakingView(BaseModel):
    """A file of another desk. status: `asked`, `agreed`, `taken`, `declined`, `called_off`. client_id: whose file it is
    here; null until it was taken."""

    id: str
    site: str
    status: str
    client_id: str | None
    since: Moment


class TakingAnswer(CommandAnswer):
    """How it stands now. It comes when the other desk asks again: within minutes."""

    site: str
    status: str
    client_id: str | None


class HandOversQuery(PageQuery):
    client_id: Uuid | None = None
    status: Slug | None = None


class TakingsQuery(PageQuery):
    status: Slug | None = None


class HandOvers:
    """Both sides of it."""

    def __init__(self, intake: Intake, reads: Reads) -> None:
        self._intake, self._reads = intake, reads

    async def begin(self, client_id: str, body: HandOverBody, actor: CurrentActor, claim: Claim) -> HandOverAnswer:
        """Freeze the file and ask the other desk. Refused: 404 `site-unknown`, 409 `site-not-live` (a hand-over needs
        both), `slot-unanswered`, `slot-taken`, `client-housed`, `hand-over-under-way`; 410 `client-erased`."""
        intake, site = self._intake, str(body.site)
        if site not in intake.desks() or not intake.can_write_to(site):
            raise Problem(404, "site-unknown")
        if not intake.live(site):
            raise Problem(409, "site-not-live", facts={"site": site})
        handled = await intake.do(
            client_id, Asked(actor, claim), cmd.HandOver, hand_over_id=intake.ids.random_id(), site=site
        )
        return await self._answer(client_id, handled)

    async def call_off(self, client_id: str, actor: CurrentActor, claim: Claim) -> HandOverAnswer:
        """The file is to stay. It is frozen until the other desk has said that it has not taken it; if it has, it is
        theirs. Refused: `hand-over-unknown`."""
        handled = await self._intake.do(client_id, Asked(actor, claim), cmd.CallOffHandOver)
        return await self._answer(client_id, handled)

    async def list_given(self, query: Annotated[HandOversQuery, Query()]) -> Page[HandOverView]:
        """Files of this desk that others were to have, and how it ended."""
        where = {"client_id": query.client_id, "status": query.status}
        given = {name: value for name, value in where.items() if value is not None}
        return await self._reads.page(HandOverView, hand_overs, query, _as_it_is, given)

    async def list_taken(self, query: Annotated[TakingsQuery, Query()]) -> Page[TakingView]:
        """Files of other desks that this one was to have."""
        where = {} if query.status is None else {"status": query.status}
        return await self._reads.page(TakingView, takings, query, _as_it_is, where)

    async def agree(self, hand_over_id: str, actor: CurrentActor, claim: Claim) -> TakingAnswer:
        """This desk takes it. Refused: `hand-over-unknown`, `hand-over-ended`."""
        return await self._decide(hand_over_id, cmd.AgreeToTake, Asked(actor, claim))

    async def decline(self, hand_over_id: str, actor: CurrentActor, claim: Claim) -> TakingAnswer:
        """This desk does not. Refused: `hand-over-unknown`, `hand-over-ended`."""
        return await self._decide(hand_over_id, cmd.DeclineToTake, Asked(actor, claim))

    async def _decide(
        self, hand_over_id: str, command: type[cmd.AgreeToTake | cmd.DeclineToTake], asked: Asked
    ) -> TakingAnswer:
        intake = self._intake
        if not is_id(hand_over_id):
            raise Problem(404, "hand-over-unknown")
        await intake.takings.load_settled(hand_over_id)  # what it is decided on may have been stored with a file
        made = command(at=intake.now(), role=asked.actor.role, hand_over_id=hand_over_id)
        handled = await intake.takings.handle(hand_over_id, made, intake.context(asked))
        accepted(handled.rejected)
        row = await intake.row(takings, hand_over_id, "hand-over")
        shown = {name: row[name] for name in ("site", "status", "client_id")}
        return TakingAnswer(**base(hand_over_id, handled), **shown)

    async def _answer(self, client_id: str, handled: Handled) -> HandOverAnswer:
        """As it stands: where nothing happened, of the newest; it may be over by now."""
        noted(client_id)
        ids = [getattr(event, "hand_over_id", None) for _, event in handled.events]
        rows = await self._intake.store.rows(hand_overs, client_id=client_id)
        row = max((row for row in rows if not ids or row["id"] in ids), key=lambda row: (row["begun_at"], row["id"]))
        return HandOverAnswer(
            **base(row["id"], handled), client_id=client_id, site=row["site"], status=row["status"]
        )  # fmt: skip


async def _as_it_is(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return row
