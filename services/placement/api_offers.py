"""HTTP: the offers of this site's locations, and the code somebody says at the door."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from msgspec.structs import replace
from pydantic import BaseModel, Field

from services.placement.api_desk import INPUT_CODES, Asked, Placement, base
from services.placement.api_models import CheckInBody
from services.placement.commands_offers import (
    AgreeToOffer,
    OfferCommand,
    PutOffOffer,
    RefuseOffer,
    TurnOffers,
    WithdrawOffer,
)
from services.placement.decider_location import Location
from services.placement.decider_offers import TRIES_MAX
from services.placement.views_offers import offer_questions, offers
from shared.arrival import hashed
from shared.contracts.vocabulary import OfferMode, OfferWord, WithdrawReason
from shared.handling import Handled, KeyClaim
from shared.http import Claim, IfMatch, wait_caught_up
from shared.http_access import CurrentActor
from shared.http_models import Body, CommandAnswer, Moment, Page, PageQuery, decode_cursor, encode_cursor
from shared.http_problems import Problem, rejected
from shared.kernel import Rejected
from shared.security import Role

__all__ = ["OfferReads", "OfferWrites", "offer_routes"]

Roles = tuple[Role, ...]
QuestionStatus = Literal["asked", "yes", "no", "later", "none"]
OfferStatus = Literal["open", "accepted", "declined", "withdrawn", "lapsed"]


class OffersQuery(PageQuery):
    """status: how it ended, or `open`. word: how it stands since (`expected`, `housed`, ...)."""

    location: Annotated[str, Field(max_length=80)] | None = None
    status: OfferStatus | None = None
    word: OfferWord | None = None


class OfferView(BaseModel):
    """An offer this site has made. site: its own; desk: the site of the request.

    word: how it stands since (`expected`, `housed`, `left`, `no_show`, ...). possible_double: whoever accepted may be,
    or be expected, somewhere else as well. refusals: wrong codes at the door.
    """

    id: str
    hold_id: str
    request_id: str
    site: str
    location: str
    desk: str
    sleeps: int
    status: str
    word: str
    reason: str | None
    expires_at: Moment
    expected_by: Moment | None
    possible_double: bool
    refusals: int
    stay_id: str | None
    version: int


class WithdrawBody(Body):
    reason: WithdrawReason


class QuestionsQuery(PageQuery):
    """status: what was answered; those nobody has answered yet unless it says otherwise."""

    location: Annotated[str, Field(max_length=80)] | None = None
    status: QuestionStatus = "asked"


class QuestionView(BaseModel):
    """A choice this site's operator is asked about. site: its own; desk: the site of the request. household_size: the
    most it may be. status: `asked`, or what was said: `yes`, `no`, `later`, `none` in time."""

    id: str
    request_id: str
    site: str
    location: str
    desk: str
    kind: str
    household_size: int
    features: list[str]
    status: str
    answer_by: Moment


class OfferModeBody(Body):
    """offers: by itself (`automatic`), or after the operator has said yes (`ask`)."""

    offers: OfferMode


class QuestionBody(Body):
    """location: whose question it is."""

    location: Annotated[str, Field(max_length=80)]


class OfferReads:
    """What was offered, to whom in terms of a request, and what came of it."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement

    async def list_offers(self, query: Annotated[OffersQuery, Query()]) -> Page[OfferView]:
        """This site's offers, ended ones included unless `status` says otherwise."""
        await self._written(query.after)
        given = {"location": query.location, "status": query.status, "word": query.word}
        where = {name: value for name, value in given.items() if value is not None}
        rows = await self._placement.store.page(offers, decode_cursor(query.cursor), query.limit + 1, **where)
        items = [self._shown(row) for row in rows[: query.limit]]
        more = encode_cursor(items[-1].id) if len(rows) > query.limit else None
        return Page[OfferView](items=items, next=more)

    async def list_questions(self, query: Annotated[QuestionsQuery, Query()]) -> Page[QuestionView]:
        """Requests this site's locations were chosen for, about which their operator has to say yes, no or later."""
        await self._written(query.after)
        where = {"status": query.status} | ({} if query.location is None else {"location": query.location})
        store = self._placement.store
        rows = await store.page(offer_questions, decode_cursor(query.cursor), query.limit + 1, **where)
        items = [QuestionView.model_validate(row | {"site": self._placement.site}) for row in rows[: query.limit]]
        return Page[QuestionView](items=items, next=encode_cursor(items[-1].id) if len(rows) > query.limit else None)

    async def show_offer(self, offer_id: str, query: Annotated[PageQuery, Query()], answer: Response) -> OfferView:
        """One offer, with its version as `ETag`."""
        await self._written(query.after)
        view = self._shown(await self._placement.row(offers, offer_id, "offer"))
        answer.headers["ETag"] = f'"{view.version}"'
        return view

    def _shown(self, row: dict[str, object]) -> OfferView:
        named = {name: row[name] for name in OfferView.model_fields if name in row}
        return OfferView.model_validate({**named, "hold_id": row["id"], "site": self._placement.site})

    async def _written(self, after: int | None) -> None:
        async def stored(position: int) -> None:
            store = self._placement.store
            while True:
                seen = store.appended.count
                if await store.last_position() >= position:
                    return
                await store.appended.wait(seen)

        await wait_caught_up(after, stored)


class OfferWrites:
    """What an operator may do about an offer."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement

    async def withdraw(
        self, offer_id: str, body: WithdrawBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> CommandAnswer:
        """Take an offer back, also one that was accepted; its desk is told. Refused: `offer-ended`."""
        row = await self._placement.row(offers, offer_id, "offer")
        made = WithdrawOffer(
            at=self._placement.clock.now(), role=actor.role, location=row["location"], offer_id=offer_id,
            reason=body.reason, if_version=version,
        )  # fmt: skip
        return await self._do(offer_id, made, actor, claim)

    async def turn(self, name: str, body: OfferModeBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Whether a location offers by itself, or asks its operator first; the others wait longer for it then."""
        made = TurnOffers(at=self._placement.clock.now(), role=actor.role, location=name, mode=body.offers)
        return await self._do(name, made, actor, claim)

    async def yes(self, offer_id: str, body: QuestionBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Hold a place and offer it. Refused: `question-over`, `no-place-free`, ..."""
        return await self._answer(AgreeToOffer, offer_id, body, actor, claim)

    async def no(self, offer_id: str, body: QuestionBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Not this request: it is not put to this location again within a day. Refused: `question-over`."""
        return await self._answer(RefuseOffer, offer_id, body, actor, claim)

    async def later(self, offer_id: str, body: QuestionBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Not now: it is not put to this location again within an hour. Refused: `question-over`."""
        return await self._answer(PutOffOffer, offer_id, body, actor, claim)

    async def _answer(
        self, command: type[AgreeToOffer | RefuseOffer | PutOffOffer], offer_id: str, body: QuestionBody,
        actor: CurrentActor, claim: Claim,
    ) -> CommandAnswer:  # fmt: skip
        made = command(at=self._placement.clock.now(), role=actor.role, location=body.location, offer_id=offer_id)
        return await self._do(offer_id, made, actor, claim)

    async def _do(self, id_: str, made: OfferCommand, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        context = self._placement.context(Asked(actor, claim))
        handled: Handled = await self._placement.handler.handle(made.location, made, context)
        if handled.rejected is not None:
            raise rejected(handled.rejected, INPUT_CODES)
        return CommandAnswer(**base(id_, handled))


def offer_routes(
    offering: OfferWrites, offers: OfferReads, readers: Roles, desk: Roles, openers: Roles
) -> list[tuple[str, str, Callable[..., Any], int, Roles]]:
    """Every path about offers, and who may call it."""
    return [
        ("GET", "/offers", offers.list_offers, 200, readers),
        ("GET", "/offers/{offer_id}", offers.show_offer, 200, readers),
        ("POST", "/offers/{offer_id}/withdraw", offering.withdraw, 200, desk),
        ("POST", "/locations/{name}/offers", offering.turn, 200, openers),
        ("GET", "/offer-questions", offers.list_questions, 200, readers),
        ("POST", "/offer-questions/{offer_id}/yes", offering.yes, 200, desk),
        ("POST", "/offer-questions/{offer_id}/no", offering.no, 200, desk),
        ("POST", "/offer-questions/{offer_id}/later", offering.later, 200, desk),
    ]


async def said_at_the_door(state: Location, hold_id: str, code: str | None) -> str | None:
    """A code as the location compares it: with the salt that came for this offer. None where no code is asked for."""
    offer = state.offers.get(hold_id)
    if code is None or offer is None or not offer.arrival:
        return None
    return await asyncio.to_thread(hashed, code, offer.arrival.partition(".")[0])


async def without_code(claim: KeyClaim | None, hold_id: str, body: CheckInBody | None) -> KeyClaim | None:
    """A request to check in as its key remembers it: for some days, and by a quick hash, under which a code of 40 bits
    is found in minutes. So the code is hashed before, as slowly as the location's own, with the hold's id for salt:
    that stays what it is when the desk gives another code."""
    if claim is None or body is None or body.arrival_code is None:
        return claim
    kept = await asyncio.to_thread(hashed, body.arrival_code, hold_id.replace("-", ""))
    rest = body.model_dump_json(exclude={"arrival_code"})
    return replace(claim, body_hash=hashlib.sha256(f"{kept} {rest}".encode()).digest())


def wrong_code(hold_id: str, refusals: int) -> Problem:
    """The answer to a wrong code: it was counted."""
    left = max(0, TRIES_MAX - refusals)
    return rejected(Rejected("arrival-code-wrong", {"hold_id": hold_id, "tries_left": left}))
