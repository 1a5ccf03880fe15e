"""What follows from a letter that was heard, or from a due timer: commands to this service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.allowance.commands import HearEntitlement
from services.allowance.commands_entitlement import HearSeat, RepeatEntitlement
from services.allowance.days import Span
from services.allowance.decider_entitlement import TIMER
from shared.contracts import allowance as told
from shared.contracts.base import Contract, Opened
from shared.envelope import SYSTEM_ROLE, Message
from shared.kernel import Reaction

PROGRAMME, ENTITLEMENT = "programme", "entitlement"
"""The aggregates that commands go to."""

React = Callable[[Message, Contract | Opened, datetime], Reaction | None]


def heard_by(*, municipality: bool) -> React:
    """What a letter leads to here: only the municipality has seats to give, and only it has a word about them."""

    def react(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
        if not isinstance(said, Opened):
            return None
        match said.body:
            case told.EntitlementStatedBody() as stated if municipality:
                return _stated(said, stated, at)
            case told.SeatAnsweredBody() as answered:
                word = HearSeat(
                    at=at, role=SYSTEM_ROLE, entitlement_id=said.request_id, site=said.sender,
                    revision=answered.revision, status=answered.status, code=answered.code,
                )  # fmt: skip
                return Reaction(ENTITLEMENT, said.request_id, word)
            case _:
                return None

    return react


def _stated(said: Opened, stated: told.EntitlementStatedBody, at: datetime) -> Reaction:
    word = HearEntitlement(
        at=at, role=SYSTEM_ROLE, programme_id=stated.programme_id, seat_id=said.request_id, site=said.sender,
        revision=stated.revision, status=stated.status, method=stated.method,
        spans=tuple(Span(*days) for days in stated.spans),
    )  # fmt: skip
    return Reaction(PROGRAMME, stated.programme_id, word)


def due(kind: str, key: str, at: datetime) -> Reaction:
    """The command for a timer that has come due. at: the owner's clock, UTC. Raises `ValueError` for a kind no timer of
    this service has."""
    if kind == TIMER:
        return Reaction(ENTITLEMENT, key, RepeatEntitlement(at=at, role=SYSTEM_ROLE, entitlement_id=key))
    raise ValueError(f"no timer of kind {kind}")
