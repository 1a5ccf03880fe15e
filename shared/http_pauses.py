"""HTTP, once for every service: its readers, and having one stand still and go on again."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, StringConstraints

from shared.http import Claim
from shared.http_access import CurrentActor, allow
from shared.http_models import Body, CommandAnswer, EventRef, Moment, Page, PageQuery, paginate
from shared.http_problems import Problem, rejected
from shared.pauses import ReaderPaused
from shared.repair import CODEC, Refused, Repair, Repaired, Who
from shared.security import Role
from shared.telemetry import current_traceparent

WATCHERS: tuple[Role, ...] = ("oncall", "auditor")
"""What is parked may name stays and places by id: only who repairs and who checks read it."""

REPAIRERS: tuple[Role, ...] = ("oncall",)

Reason = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{3,200}$", strip_whitespace=True)]
"""Why, in one line, for whoever reads it later; never about a person."""


class PauseBody(Body):
    reason: Reason


class ReaderState(BaseModel):
    """A reader. paused: somebody has it stand still, since paused_at, by role and for a reason; else those are null."""

    reader: str
    paused: bool
    paused_at: Moment | None
    role: str | None
    reason: str | None


class SwitchAnswer(CommandAnswer):
    """id: the reader. paused: whether it stands still now."""

    paused: bool


def add_pauses(api: FastAPI, repair: Repair) -> None:
    """Adds the routes to a service's application."""

    @api.get("/readers")
    @allow(*WATCHERS)
    async def list_readers(query: Annotated[PageQuery, Query()]) -> Page[ReaderState]:
        """The readers of this service: of its views, and of its policies."""
        states = [await _state(repair, name) for name in repair.readers]
        return Page[ReaderState](**paginate(states, lambda state: state.reader, query))

    @api.post("/readers/{reader}/pause")
    @allow(*REPAIRERS)
    async def pause(reader: str, body: PauseBody, actor: CurrentActor, claim: Claim) -> SwitchAnswer:
        """Has a reader stand still; what comes waits on the bus. Refused: 404 `reader-unknown`, 409 `reader-paused`."""
        who = Who(actor.role, claim, current_traceparent())
        try:
            return _answer(await repair.pause(_known(repair, reader), body.reason, who))
        except Refused as refused:
            raise rejected(refused.rejected) from None

    @api.post("/readers/{reader}/resume")
    @allow(*REPAIRERS)
    async def resume(reader: str, actor: CurrentActor, claim: Claim) -> SwitchAnswer:
        """Lets a reader go on from where it stands. Refused: 404 `reader-unknown`, 409 `reader-not-paused`."""
        try:
            return _answer(await repair.resume(_known(repair, reader), Who(actor.role, claim, current_traceparent())))
        except Refused as refused:
            raise rejected(refused.rejected) from None


def _known(repair: Repair, reader: str) -> str:
    if reader not in repair.readers:
        raise Problem(404, "reader-unknown", facts={"readers": repair.readers})
    return reader


async def _state(repair: Repair, name: str) -> ReaderState:
    stored = await repair.paused(name)
    event = None if stored is None else CODEC.decode(stored.data)
    if stored is None or not isinstance(event, ReaderPaused):
        return ReaderState(reader=name, paused=False, paused_at=None, role=None, reason=None)
    return ReaderState(
        reader=name, paused=True, paused_at=event.at, role=stored.meta.role, reason=event.reason
    )  # fmt: skip


def _answer(done: Repaired) -> SwitchAnswer:
    name = str(type(done.event).__struct_config__.tag)
    return SwitchAnswer(
        id=done.event.reader, version=done.version, position=done.position,
        events=[EventRef(id=done.event_id, type=name)], paused=isinstance(done.event, ReaderPaused),
    )  # fmt: skip
