"""HTTP: what a desk does about an offer. The code somebody will say at the door is made here and kept nowhere: it
follows from the vault's secret, so that the same request gives the same answer again."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from services.intake import api_models as m
from services.intake import commands_offers as oc
from services.intake import events_offers as oe
from services.intake.api_desk import Asked, Intake, base, vault_problems
from services.intake.views_offers import client_offers
from shared.arrival import code_of, hashed
from shared.handling import Handled
from shared.http import Claim, IfMatch
from shared.http_access import CurrentActor
from shared.http_problems import Problem

TRIES_MAX = 4
"""How often an acceptance is made anew because something else was said of the offer first."""


class OfferWrites:
    """Accepting and declining."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def accept(
        self, client_id: str, offer_id: str, body: m.AcceptBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> m.AcceptAnswer:
        """Take an offer; its owner is told, and asked until it has answered. Once more it gives another code, or
        another time. Refused: 404 `offer-unknown` (also another client's), 409 `offer-lapsed`, `offer-ended`,
        `slot-taken`, `slot-unanswered`."""
        again = None if claim is None else replace(claim, unkept=frozenset({"version-stale"}))
        asked, left = Asked(actor, again if version is None else claim), TRIES_MAX
        while True:
            try:
                handled = await self._accept(client_id, offer_id, body, asked, version)
                break
            except Problem as problem:  # a code is made for one word of the file: somebody else said one meanwhile
                left -= 1
                if version is not None or problem.code != "version-stale" or not left:
                    raise
        accepted = [event for _, event in handled.events if isinstance(event, oe.OfferAccepted)]
        code = self._code(offer_id, accepted[0].turn)
        return m.AcceptAnswer(**await self._answer(offer_id, handled), arrival_code=code)

    async def _accept(
        self, client_id: str, offer_id: str, body: m.AcceptBody, asked: Asked, version: int | None
    ) -> Handled:
        intake = self._intake
        offer = (await intake.file(client_id)).offers.get(offer_id)
        turn = 1 if offer is None else offer.turn + 1
        return await intake.do(
            client_id, asked, oc.AcceptOffer, offer_id=offer_id, expected_by=body.expected_by, turn=turn,
            arrival=await self._arrival(offer_id, turn, intake.ids.random_id()), override=body.override,
            if_version=version,
        )  # fmt: skip

    async def decline(
        self, client_id: str, offer_id: str, body: m.DeclineBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> m.OfferAnswer:
        """Do not take it; or nobody comes after all, and the slot is free when its owner has said so. Refused:
        `offer-unknown`, `offer-ended`, `client-housed`."""
        handled = await self._intake.do(
            client_id, Asked(actor, claim), oc.DeclineOffer, offer_id=offer_id, reason=body.reason, if_version=version
        )
        return m.OfferAnswer(**await self._answer(offer_id, handled))

    async def claim(self, client_id: str, body: m.StayBody, actor: CurrentActor, claim: Claim) -> m.OfferAnswer:
        """Somebody who walked in is this client: their stay's owner is asked, and `word` is `housed` when it has said
        so, `withdrawn` when the stay is not there, not of this kind, or somebody's already. Refused: 404
        `site-unknown` (nobody there would ever answer, and only an answer frees the slot), `slot-taken`."""
        intake = self._intake
        site = body.site or intake.site
        if not intake.can_write_to(site):
            raise Problem(404, "site-unknown")
        with vault_problems():
            secret = intake.vault.fingerprint(
                f"claim/{client_id}/{body.stay_id}/{site}/{body.location}/{body.kind}".encode()
            )
        claim_id = str(UUID(bytes=secret[:16], version=4))
        handled = await intake.do(
            client_id, Asked(actor, claim), oc.ClaimStay, claim_id=claim_id, stay_id=body.stay_id, site=site,
            location=body.location, kind=body.kind, override=body.override,
        )  # fmt: skip
        return m.OfferAnswer(**await self._answer(claim_id, handled))

    async def _answer(self, offer_id: str, handled: Handled) -> dict[str, Any]:
        row = await self._intake.row(client_offers, offer_id, "offer")
        shown = m.OfferView(**shown_offer(row)).model_dump(exclude={"id", "version"})
        return base(offer_id, handled) | shown

    def _code(self, offer_id: str, turn: int) -> str:
        with vault_problems():
            return code_of(self._intake.vault.fingerprint(f"arrival/{offer_id}/{turn}".encode()))

    async def _arrival(self, offer_id: str, turn: int, salt: str) -> str:
        code = self._code(offer_id, turn)
        return await asyncio.to_thread(hashed, code, salt.replace("-", ""))


def shown_offer(row: dict[str, Any]) -> dict[str, Any]:
    """An offer as its desk sees it."""
    return {name: row[name] for name in m.OfferView.model_fields if name in row} | {"hold_id": row["id"]}
