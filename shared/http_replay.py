"""HTTP, once for every service: having a reader hear one origin again."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, Field, StringConstraints

from shared.http import Claim
from shared.http_access import CurrentActor, allow
from shared.http_models import Body, CommandAnswer, EventRef
from shared.http_pauses import REPAIRERS, Reason
from shared.http_problems import Problem, rejected
from shared.repair import Refused, Who
from shared.repair_events import OriginReplayed
from shared.replay import Found, Replays
from shared.telemetry import current_traceparent

OriginKey = Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z][a-z0-9-]*/[a-z][a-z0-9-]*$")]


class ReplayBody(Body):
    """origin: whose logs are read again, for example `west/placement`."""

    origin: OriginKey
    reason: Reason


class ReplayQuery(Body):
    origin: OriginKey


class ReplayFound(BaseModel):
    """What a replay would change, or has. messages: the origin's logs have so many, as far as the reader had read.

    changed: rows the view shows otherwise than they were told, or not at all. gone: rows it shows and nobody told.
    unmarked: messages somebody had let go, which it shows from then on.
    """

    reader: str
    origin: str
    messages: int = Field(ge=0)
    changed: int = Field(ge=0)
    gone: int = Field(ge=0)
    unmarked: int = Field(ge=0)


class ReplayAnswer(CommandAnswer, ReplayFound):
    """id: the reader."""


def add_replay(api: FastAPI, replays: Replays) -> None:
    """Adds the routes to a service's application."""

    @api.get("/readers/{reader}/replay")
    @allow(*REPAIRERS)
    async def look(reader: str, query: Annotated[ReplayQuery, Query()]) -> ReplayFound:
        """What a replay would change; nothing is stored. Refused as the replay itself."""
        try:
            found = await replays.look(reader, query.origin)
        except KeyError:
            raise _unknown(replays) from None
        except Refused as refused:
            raise rejected(refused.rejected) from None
        return ReplayFound(reader=reader, origin=query.origin, **found._asdict())

    @api.post("/readers/{reader}/replay")
    @allow(*REPAIRERS)
    async def replay(reader: str, body: ReplayBody, actor: CurrentActor, claim: Claim) -> ReplayAnswer:
        """Makes what a view shows of one origin anew, from that origin's logs, in one moment.

        Refused: 404 `reader-unknown`, 409 `reader-keeps-no-view`, `rebuild-running`, `origin-unheard`,
        `replay-incomplete`, `replay-undigestible`, `replay-too-large`.
        """
        try:
            who = Who(actor.role, claim, current_traceparent())
            done = await replays.replay(reader, body.origin, body.reason, who)
        except KeyError:
            raise _unknown(replays) from None
        except Refused as refused:
            raise rejected(refused.rejected) from None
        event = done.event
        assert isinstance(event, OriginReplayed)
        found = Found(event.messages, event.changed, event.gone, event.unmarked)
        name = str(type(event).__struct_config__.tag)
        return ReplayAnswer(
            id=reader, version=done.version, position=done.position, events=[EventRef(id=done.event_id, type=name)],
            reader=reader, origin=event.origin, **found._asdict(),
        )  # fmt: skip


def _unknown(replays: Replays) -> Problem:
    return Problem(404, "reader-unknown", facts={"readers": replays.readers})
