"""HTTP, once for every service that tells something: filling a log's stream on the bus anew from the outbox."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel, Field

from shared.envelope import LOGS, Log
from shared.http_access import CurrentActor, allow
from shared.http_pauses import REPAIRERS
from shared.http_problems import Problem, rejected
from shared.refill import Filling, Refills
from shared.repair import Refused


class RefillFound(BaseModel):
    """What filling a stream anew comes to. told: messages it will have. on_bus: messages it has, or had."""

    log: Log
    told: int = Field(ge=0)
    on_bus: int = Field(ge=0)


def add_refill(api: FastAPI, refills: Refills) -> None:
    """Adds the routes to a service's application."""

    @api.get("/logs/{log}/refill")
    @allow(*REPAIRERS)
    async def look(log: str) -> RefillFound:
        """What would come of it; nothing is done. Refused as the refill itself."""
        which = _known(log)
        try:
            return _answer(which, await refills.look(which))
        except KeyError:
            raise _unknown() from None
        except Refused as refused:
            raise rejected(refused.rejected) from None

    @api.post("/logs/{log}/refill")
    @allow(*REPAIRERS)
    async def refill(log: str, actor: CurrentActor) -> RefillFound:
        """Takes a damaged stream away; it is made and filled from the first row within seconds. Again does no harm.

        Refused: 404 `log-unknown`, 409 `refill-halted`, `refill-doubted`, `refill-unheard`, `refill-forked`, 503
        `bus-unavailable`.
        """
        which = _known(log)
        try:
            return _answer(which, await refills.refill(which, actor.role))
        except KeyError:
            raise _unknown() from None
        except Refused as refused:
            raise rejected(refused.rejected) from None


def _answer(which: Log, found: Filling) -> RefillFound:
    return RefillFound(log=which, told=found.told, on_bus=found.on_bus)


def _known(log: str) -> Log:
    for which in LOGS:
        if log == which:
            return which
    raise _unknown()


def _unknown() -> Problem:
    return Problem(404, "log-unknown", facts={"logs": list(LOGS)})
