"""HTTP: the offers of this site's locations, and the code somebody says at the door."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated, Literal

from fastapi import Query, Response
from msgspec.structs import replace
from pydantic import BaseModel, Field

from services.placement.api_desk import INPUT_CODES, Asked, Placement, base
from services.placement.api_models import CheckInBody
from services.placement.commands_offers import WithdrawOffer
from services.placement.decider_location import Location
from services.placement.decider_offers import TRIES_MAX
from services.placement.views_offers import offers
from shared.arrival import hashed
from shared.contracts.vocabulary import WithdrawReason
from shared.handling import Handled, KeyClaim
from shared.http import Claim, IfMatch, wait_caught_up
from shared.http_access import CurrentActor
from shared.http_models import Body, CommandAnswer, Moment, Page, PageQuery, decode_cursor, encode_cursor
from shared.http_problems import Problem, rejected
from shared.kernel import Rejected

__all__ = ["OfferReads", "OfferWrites"]

OfferStatus = Literal["open", "accepted", "declined", "withdrawn", "lapsed"]


class OffersQuery(PageQuery):
    """status: how it ended, or `open`."""

    location: Annotated[str, Field(max_length=80)] | None = None
    status: OfferStatus | None = None


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


class OfferReads:
    """What was offered, to whom in terms of a request, and what came of it."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement

    async def list_offers(self, query: Annotated[OffersQuery, Query()]) -> Page[OfferView]:
        """This site's offers, ended ones included unless `status` says otherwise."""
        await self._written(query.after)
        given = {"location": query.location, "status": query.status}
        where = {name: value for name, value in given.items() if value is not None}
        rows = await self._placement.store.page(offers, decode_cursor(query.cursor), query.limit + 1, **where)
        items = [self._shown(row) for row in rows[: query.limit]]
        more = encode_cursor(items[-1].id) if len(rows) > query.limit else None
        return Page[OfferView](items=items, next=more)

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
        context = self._placement.context(Asked(actor, claim))
        handled: Handled = await self._placement.handler.handle(row["location"], made, context)
        if handled.rejected is not None:
            raise rejected(handled.rejected, INPUT_CODES)
        return CommandAnswer(**base(offer_id, handled))


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
