"""HTTP: whether the house somebody lives in may know their alias; and at that house, who has let it.

A say-so has an id, which goes onto the list of destroyed keys when it is taken back, before anything else: no backup of
the database gives a house an alias again that its client took back (decision 79).
"""

from __future__ import annotations

from collections.abc import Container
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from services.intake import commands_alias as ac
from services.intake.api_desk import DESK, Asked, Intake, Route, base, vault_problems
from services.intake.decider_file import File
from services.intake.decider_slot import Offer
from shared.http import Claim
from shared.http_access import CurrentActor
from shared.http_models import Body, CommandAnswer, Slug, Uuid, is_id
from shared.ids import derived_id
from shared.security import Role
from shared.unspoken import Withheld

GUESTS_MAX = 500
"""Of so many may be asked at once: more than a house has places."""


class HandAliasBody(Body):
    """agreed: that the client has said so. Nobody hands it over without."""

    offer_id: Uuid
    agreed: Literal[True]


class TakeAliasBody(Body):
    """say_so: the one that is taken back, as the answer to handing over and `home` have it."""

    offer_id: Uuid
    say_so: Uuid


class AliasAnswer(CommandAnswer):
    """say_so: what stands now; null when nobody there may know the alias."""

    offer_id: str
    say_so: str | None


class HomeView(BaseModel):
    """Where the client lives, as far as this desk knows. say_so: of the alias being told there; null when it is not."""

    offer_id: str
    site: str
    location: str
    kind: str
    say_so: str | None


class HomeAnswer(BaseModel):
    """home: null of somebody who lives nowhere."""

    home: HomeView | None


class GuestBody(Body):
    """Somebody who lives here. site: of the desk that accepted the offer."""

    offer_id: Uuid
    site: Slug


class GuestsBody(Body):
    guests: Annotated[list[GuestBody], Field(max_length=GUESTS_MAX)]


class GuestView(Withheld, BaseModel):
    offer_id: str
    alias: str


class GuestsAnswer(Withheld, BaseModel):
    """Only of those who handed it over. unheard: the desks that did not answer now; of theirs what
    they said last, for some hours."""

    items: list[GuestView]
    unheard: list[str]


def new_say_so(offer_id: str, destroyed: Container[str]) -> str:
    """The id of the next say-so about a stay: the first that was never taken back. The same for two who ask at once."""
    number = 1
    while (say_so := derived_id("alias-say-so", offer_id, str(number))) in destroyed:
        number += 1
    return say_so


def standing(offer: Offer, destroyed: Container[str]) -> str | None:
    """The say-so that counts; None where none does."""
    return offer.say_so if offer.say_so and offer.say_so not in destroyed else None


class AliasWrites:
    """The desk's half, and the house's."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def home(self, client_id: str, actor: CurrentActor) -> HomeAnswer:
        """Where the client lives, and whether that house is told their alias. Refused: 404 `client-unknown`, 410
        `client-erased`."""
        home = (await self._file(client_id)).home
        if home is None:
            return HomeAnswer(home=None)
        return HomeAnswer(home=HomeView(
            offer_id=home.id, site=home.site, location=home.location, kind=home.kind_now, say_so=self._standing(home)
        ))  # fmt: skip

    async def hand_over(self, client_id: str, body: HandAliasBody, actor: CurrentActor, claim: Claim) -> AliasAnswer:
        """Those who work where the client lives may know their alias, until the stay ends or it is taken back. Refused:
        404 `offer-unknown`, 409 `client-not-housed` (nobody there knows of them)."""
        intake = self._intake
        with vault_problems():
            say_so = new_say_so(body.offer_id, intake.vault.destroyed())
        handled = await intake.do(
            client_id, Asked(actor, claim), ac.HandAliasOver, offer_id=body.offer_id, say_so=say_so
        )  # fmt: skip
        return await self._answer(client_id, body.offer_id, base(client_id, handled))

    async def take_back(self, client_id: str, body: TakeAliasBody, actor: CurrentActor, claim: Claim) -> AliasAnswer:
        """They may not, any more. 503 when that cannot be written down; then nothing has happened. Refused: 404
        `offer-unknown`."""
        intake = self._intake
        offer = (await self._file(client_id)).offers.get(body.offer_id)
        if offer is not None and offer.say_so == body.say_so:
            with vault_problems():
                await intake.vault.destroy(offer.say_so, intake.now())
        handled = await intake.do(
            client_id, Asked(actor, claim), ac.TakeAliasBack, offer_id=body.offer_id, say_so=body.say_so
        )
        return await self._answer(client_id, body.offer_id, base(client_id, handled))

    async def guests(self, body: GuestsBody, actor: CurrentActor) -> GuestsAnswer:
        """The aliases of those who live here and handed theirs over, for a list of this house. Nothing of it is kept
        but who looked, and when. 503 while nobody can say what was taken back."""
        intake, asked = self._intake, dict[str, list[str]]()
        for guest in body.guests:
            asked.setdefault(guest.site, []).append(guest.offer_id)
        silent = [site for site in asked if site != intake.site and not intake.live(site)]
        with vault_problems():
            told = await intake.listener.aliases(asked, actor.role, silent)
        items = [GuestView(offer_id=offer_id, alias=alias) for offer_id, alias in told.aliases.items()]
        return GuestsAnswer(items=items, unheard=list(told.unheard))

    async def _answer(self, client_id: str, offer_id: str, given: dict[str, object]) -> AliasAnswer:
        offer = (await self._file(client_id)).offers.get(offer_id)
        say_so = None if offer is None else self._standing(offer)
        return AliasAnswer.model_validate(given | {"offer_id": offer_id, "say_so": say_so})

    async def _file(self, client_id: str) -> File:
        """The file as the store has it: what owners of places write, and what another process does, is in no memory
        here. Raises as `Intake.file`."""
        if is_id(client_id):
            await self._intake.handler.load_settled(client_id)
        return await self._intake.file(client_id)

    def _standing(self, offer: Offer) -> str | None:
        with vault_problems():
            return standing(offer, self._intake.vault.destroyed())


HOUSE: tuple[Role, ...] = ("operator", "caseworker")
"""Who works where people live."""


def alias_routes(aliases: AliasWrites) -> list[Route]:
    """Of whether the house somebody lives in knows their alias, at their desk and at that house."""
    return [
        ("GET", "/clients/{client_id}/home", aliases.home, 200, DESK),
        ("POST", "/clients/{client_id}/hand-alias-over", aliases.hand_over, 200, DESK),
        ("POST", "/clients/{client_id}/take-alias-back", aliases.take_back, 200, DESK),
        ("POST", "/guests", aliases.guests, 200, HOUSE),
    ]
