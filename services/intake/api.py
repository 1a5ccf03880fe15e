"""HTTP: request -> command -> answer, and who may call what.

What describes a person is checked and sealed here, before anything else sees it (`file.py`). An answer is built from
what the command led to; what is personal in it is opened anew each time, and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from msgspec.structs import replace

from services.intake import api_models as m
from services.intake import commands as cmd
from services.intake import events as ev
from services.intake.api_alias import AliasWrites, alias_routes
from services.intake.api_desk import DESK, SAME_LOOK, Asked, Intake, Route, accepted, base, event_of, vault_problems
from services.intake.api_guidance import Guidance, GuidanceReads
from services.intake.api_handover import HandOvers
from services.intake.api_likeness import Likenesses
from services.intake.api_lists import Lists
from services.intake.api_needs import NeedWrites
from services.intake.api_offers import OfferWrites
from services.intake.api_reads import Reads, complete_at
from services.intake.api_rules import RulesReads
from services.intake.commands_flows import NoteSeat
from services.intake.decider_file import File
from services.intake.file import (
    CARD,
    FACTS,
    PERSONAL,
    Card,
    Contact,
    Facts,
    Member,
    Personal,
    address_refused,
    card_refused,
    made_alias,
    personal_refused,
)
from services.intake.priority import placed
from shared.handling import Handled, KeyReused
from shared.http import Claim, IfMatch, service_api
from shared.http_access import CurrentActor, allow
from shared.http_logbook import logged_route
from shared.http_models import CommandAnswer
from shared.http_problems import Problem
from shared.http_repair import Bench, add_repair
from shared.kernel import Rejected
from shared.ports import OriginHalted
from shared.security import Role

__all__ = ["Intake", "build", "routes"]

SEEKERS: tuple[Role, ...] = ("caseworker", "operator")
"""Who looks for a place for somebody."""
CHECKERS: tuple[Role, ...] = ("caseworker", "auditor")
"""Who may see that something was done with files, without seeing into them."""
CONSULTATION = "consultation-v1"
"""What a desk does with files that it opens and leaves as they are, in the register of processing activities."""

KEEPERS: tuple[Role, ...] = ("oncall", "auditor")

TRIES_MAX = 4
"""How often a correction is made anew because the file moved on."""


def routes(
    writes: Writes,
    offering: OfferWrites,
    reads: Reads,
    guidance: Guidance,
    guided: GuidanceReads,
    lists: Lists,
    needs: NeedWrites,
    likenesses: Likenesses,
    handing: HandOvers,
    rules: RulesReads,
    aliases: AliasWrites,
) -> list[Route]:
    """Every path of the service and who may call it, beside those a service shares with others."""
    return [
        ("GET", "/clients", reads.list_clients, 200, DESK),
        ("POST", "/clients", writes.register, 201, DESK),
        ("GET", "/clients/{client_id}", reads.show_client, 200, DESK),
        ("POST", "/clients/{client_id}/correct", writes.correct, 200, DESK),
        ("POST", "/clients/{client_id}/read-personal", writes.read_personal, 200, DESK),
        ("POST", "/clients/{client_id}/look-alikes", likenesses.look, 200, DESK),
        ("GET", "/clients/{client_id}/look-alikes", likenesses.show, 200, DESK),
        ("GET", "/checks", likenesses.list_replies, 200, CHECKERS),
        ("POST", "/clients/{client_id}/hand-over", handing.begin, 200, DESK),
        ("POST", "/clients/{client_id}/hand-over/call-off", handing.call_off, 200, DESK),
        ("GET", "/hand-overs", handing.list_given, 200, CHECKERS),
        ("GET", "/takings", handing.list_taken, 200, CHECKERS),
        ("POST", "/takings/{hand_over_id}/agree", handing.agree, 200, DESK),
        ("POST", "/takings/{hand_over_id}/decline", handing.decline, 200, DESK),
        ("POST", "/clients/{client_id}/erase", writes.erase, 200, DESK),
        ("POST", "/clients/{client_id}/requests", writes.open_request, 201, DESK),
        ("POST", "/clients/{client_id}/requests/{request_id}/prioritize", writes.prioritize, 200, DESK),
        ("POST", "/clients/{client_id}/requests/{request_id}/withdraw", writes.withdraw, 200, DESK),
        ("POST", "/clients/{client_id}/offers/{offer_id}/accept", offering.accept, 200, DESK),
        ("POST", "/clients/{client_id}/stays", offering.claim, 200, DESK),
        ("POST", "/clients/{client_id}/offers/{offer_id}/decline", offering.decline, 200, DESK),
        *alias_routes(aliases),
        ("POST", "/unmet-needs", needs.note, 200, SEEKERS),
        ("POST", "/rules/preview", rules.preview, 200, DESK),
        ("GET", "/requests", reads.list_requests, 200, DESK),
        ("GET", "/requests/{request_id}", reads.show_request, 200, DESK),
        ("GET", "/trajectories", guided.list_trajectories, 200, DESK),
        ("POST", "/clients/{client_id}/trajectories", guidance.start, 201, DESK),
        ("GET", "/trajectories/{trajectory_id}", guided.show_trajectory, 200, DESK),
        ("POST", "/clients/{client_id}/trajectories/{trajectory_id}/milestones", guidance.reach, 201, DESK),
        ("POST", "/clients/{client_id}/trajectories/{trajectory_id}/end", guidance.end, 200, DESK),
        ("GET", "/referrals", guided.list_referrals, 200, DESK),
        ("POST", "/clients/{client_id}/referrals", guidance.refer, 201, DESK),
        ("GET", "/referrals/{referral_id}", guided.show_referral, 200, DESK),
        ("POST", "/clients/{client_id}/referrals/{referral_id}/follow", guidance.follow, 200, DESK),
        *list_routes(lists, writes),
        ("GET", "/personal-reads", reads.list_personal_reads, 200, CHECKERS),
        ("GET", "/clients/{client_id}/looks", reads.show_looks, 200, CHECKERS),
        ("GET", "/retention", reads.list_retention, 200, CHECKERS),
        ("GET", "/vault", reads.show_vault, 200, KEEPERS),
        ("GET", "/stream", reads.stream, 200, DESK),
    ]


def list_routes(lists: Lists, writes: Writes) -> list[Route]:
    """Of what a desk has to look after, and what it does about it."""
    return [
        ("GET", "/lists/children-without-referral", lists.children, 200, DESK),
        ("GET", "/lists/first-appointments", lists.first_appointments, 200, DESK),
        ("GET", "/lists/registrations", lists.registrations, 200, DESK),
        ("GET", "/lists/stay-limits", lists.stay_limits, 200, DESK),
        ("GET", "/lists/seats", lists.seats, 200, DESK),
        ("POST", "/clients/{client_id}/seats/{entitlement_id}/give-up", writes.give_up_seat, 200, DESK),
    ]


def build(intake: Intake, bench: Bench, asyncapi: Mapping[str, Any]) -> FastAPI:
    """The service's application, to be mounted at `/api/intake`. asyncapi: the document of what it tells and hears."""
    api = service_api("intake", "Intake: clients, requests, the vault", asyncapi=asyncapi)
    api.router.route_class = logged_route(intake.openings, CONSULTATION)
    reads = Reads(intake)
    guidance, lists = Guidance(intake), Lists(intake, reads)
    guided, needs = GuidanceReads(intake, reads), NeedWrites(intake)
    likenesses, handing = Likenesses(intake, reads), HandOvers(intake, reads)
    every = routes(
        Writes(intake), OfferWrites(intake), reads, guidance, guided, lists, needs, likenesses, handing,
        RulesReads(intake), AliasWrites(intake),
    )  # fmt: skip
    for method, path, endpoint, status, roles in every:
        allow(*roles)(getattr(endpoint, "__func__", endpoint))
        api.add_api_route(path, endpoint, methods=[method], status_code=status)
    add_repair(api, bench)
    return api


class Writes:
    """Every command that comes over HTTP, one method each."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def register(self, body: m.ClientBody, actor: CurrentActor, claim: Claim) -> m.ClientAnswer:
        """Somebody is here for the first time. Refused: `language-unknown`, `birth-date-impossible`, ..."""
        intake = self._intake
        if intake.store.halted is not None:
            raise OriginHalted(intake.store.halted)  # before a key is made for nobody
        client_id = intake.ids.random_id()
        card = Card(
            alias=body.alias or made_alias(intake.ids.random_id()), languages=tuple(body.languages),
            household=self._members(body.household, ()), needs=tuple(body.needs),
            accessibility=tuple(body.accessibility), contact=_contact(body.contact), case_manager=body.case_manager,
            registration=body.registration,
        )  # fmt: skip
        personal = Personal(**body.personal.model_dump())
        accepted(card_refused(card) or personal_refused(personal, intake.now().date()))
        accepted(address_refused(card.contact, personal.contact_details))
        with vault_problems():
            await intake.vault.create(client_id)
        handled = await self._registered(client_id, card, personal, Asked(actor, claim))
        event = event_of(handled, ev.ClientRegistered)
        alias = (await intake.card(event.client_id, event.card)).alias
        return m.ClientAnswer(**base(event.client_id, handled), alias=alias)

    async def _registered(self, client_id: str, card: Card, personal: Personal, asked: Asked) -> Handled:
        """The command. A key made for nothing, because the request came before, is taken back."""
        intake = self._intake
        sealed = None if personal == Personal() else await intake.seal(client_id, PERSONAL, personal)
        try:
            handled = await intake.do(
                client_id, asked, cmd.RegisterClient, card=await intake.seal(client_id, CARD, card), personal=sealed
            )
        except (Problem, KeyReused):  # whatever else went wrong, it may have been stored
            with vault_problems():
                await intake.vault.remove(client_id)
            raise
        if handled.replayed:
            with vault_problems():
                await intake.vault.remove(client_id)
        return handled

    async def correct(
        self, client_id: str, body: m.CorrectBody, actor: CurrentActor, claim: Claim, version: IfMatch
    ) -> m.ClientAnswer:
        """The file was wrong, or the world has changed. Parts that are left out stay as they are."""
        again = None if claim is None else replace(claim, unkept=frozenset({"version-stale"}))
        for left in reversed(range(TRIES_MAX)):
            file = await self._intake.file(client_id)
            before = await self._intake.card(client_id, file.card)
            card = self._corrected(before, body)
            sealed = await self._corrected_personal(file, card, body, card.contact.channel != before.contact.channel)
            seen = file.version if version is None else version
            asked = Asked(actor, again if version is None else claim)
            try:
                handled = await self._intake.do(
                    client_id, asked, cmd.CorrectClient, reason=body.reason, if_version=seen,
                    card=await self._intake.seal(client_id, CARD, card), personal=sealed,
                )  # fmt: skip
            except Problem as problem:
                if version is not None or problem.code != "version-stale" or not left:
                    raise
                continue  # somebody else was first: what they changed stays, too
            corrected = event_of(handled, ev.ClientCorrected)
            answered = await self._intake.card(client_id, corrected.card or file.card)
            return m.ClientAnswer(**base(client_id, handled), alias=answered.alias)
        raise AssertionError("unreachable")

    def _corrected(self, card: Card, body: m.CorrectBody) -> Card:
        given = body.model_fields_set
        parts: dict[str, Any] = {
            name: tuple(getattr(body, name))
            for name in ("languages", "needs", "accessibility")
            if getattr(body, name) is not None
        }
        if body.alias is not None:
            parts["alias"] = body.alias
        if body.household is not None:
            parts["household"] = self._members(body.household, card.household)
        if body.contact is not None:
            parts["contact"] = _contact(body.contact)
        if body.registration is not None:
            parts["registration"] = body.registration
        if "case_manager" in given:
            parts["case_manager"] = body.case_manager
        corrected = replace(card, **parts)
        accepted(card_refused(corrected))
        return corrected

    async def _corrected_personal(self, file: File, card: Card, body: m.CorrectBody, new_channel: bool) -> str | None:
        """Sealed, or None when nothing of it changed. A channel that is new has to suit the details that are there; one
        that is only said again, as a form does, holds nothing up."""
        given = {} if body.personal is None else body.personal.model_dump(exclude_unset=True)
        if not given and not new_channel:
            return None
        personal = replace(await self._intake.personal(file.id, file.personal), **given)
        accepted(personal_refused(personal, self._intake.now().date()))
        if new_channel or "contact_details" in given:
            accepted(address_refused(card.contact, personal.contact_details))
        if body.personal is None:
            return None
        return await self._intake.seal(file.id, PERSONAL, personal)

    def _members(self, household: list[m.MemberBody], known: tuple[Member, ...]) -> tuple[Member, ...]:
        """The household; whoever is new gets an id. Refused: `household-member-unknown`."""
        ids = {member.id for member in known}
        if any(member.id is not None and member.id not in ids for member in household):
            accepted(Rejected("household-member-unknown", {}))
        return tuple(Member(each.id or self._intake.ids.random_id(), each.age_band) for each in household)

    async def read_personal(
        self, client_id: str, body: m.ReadBody, actor: CurrentActor, claim: Claim
    ) -> m.PersonalAnswer:
        """Opens what is personal, once it is written down that it was, and why; a repeat that comes later is written
        down again. Refused: 410 `client-erased`."""
        handled = await self._intake.do(
            client_id, Asked(actor, claim), cmd.ReadPersonal, read_id=self._intake.ids.random_id(),
            purpose=body.purpose,
        )  # fmt: skip
        if handled.replayed and abs(self._intake.now() - event_of(handled, ev.PersonalRead).at) > SAME_LOOK:
            await self._intake.do(
                client_id, Asked(actor, None), cmd.ReadPersonal, read_id=self._intake.ids.random_id(),
                purpose=body.purpose,
            )  # fmt: skip
        file = await self._intake.file(client_id)
        personal = await self._intake.personal(client_id, file.personal)
        return m.PersonalAnswer(
            **base(client_id, handled), purpose=body.purpose, name=personal.name, birth_date=personal.birth_date,
            contact_details=personal.contact_details, documents=personal.documents, notes=personal.notes,
        )  # fmt: skip

    async def erase(self, client_id: str, actor: CurrentActor, claim: Claim, version: IfMatch) -> m.ErasureAnswer:
        """Forget this person. A second time gives the same receipt. 503 while the key cannot be destroyed: the file is
        shut by then, and it is tried again until it is."""
        intake = self._intake
        handled = await intake.do(
            client_id, Asked(actor, claim), cmd.EraseClient, because="asked_by_client", if_version=version
        )
        with vault_problems():
            since = await intake.destroy_key(client_id)
        file, _ = await intake.handler.load(client_id)
        assert file.erased_at is not None
        ended = [request.id for request in file.requests.values() if request.reason == "erased"]
        return m.ErasureAnswer(
            **base(client_id, handled), erased_at=file.erased_at, key_destroyed_at=since,
            complete_at=complete_at(since), ended_requests=ended,
        )  # fmt: skip

    async def open_request(
        self, client_id: str, body: m.RequestBody, actor: CurrentActor, claim: Claim
    ) -> m.RequestAnswer:
        """Ask for a place; whoever lives somewhere asks for a transfer. Refused: `request-open` (a file asks for one at
        a time), `client-housed`, `client-not-housed`, `client-erased`."""
        intake = self._intake
        file = await intake.file(client_id)
        size = body.household_size
        if size is None:
            size = max(1, len((await intake.card(client_id, file.card)).household))
        found = placed(body.priority_facts)
        handled = await intake.do(
            client_id, Asked(actor, claim), cmd.OpenRequest, request_id=intake.ids.random_id(),
            kinds=tuple(body.kinds), features=tuple(body.features), household_size=size, not_at=tuple(body.not_at),
            facts=await intake.seal(client_id, FACTS, Facts(tuple(body.priority_facts))),
            priority_band=found.band, rules_version=found.rules_version, transfer=body.transfer,
        )  # fmt: skip
        opened = event_of(handled, ev.RequestOpened)
        return await self._request(opened.request_id, client_id, handled, opened.facts, opened.waiting_since)

    async def prioritize(
        self,
        client_id: str,
        request_id: str,
        body: m.PrioritizeBody,
        actor: CurrentActor,
        claim: Claim,
        version: IfMatch,
    ) -> m.RequestAnswer:
        """What gives it priority is otherwise now; it waits since when it did. Refused: `request-ended`."""
        intake = self._intake
        file = await intake.file(client_id)
        found = placed(body.priority_facts)
        handled = await intake.do(
            client_id, Asked(actor, claim), cmd.PrioritizeRequest, request_id=request_id, if_version=version,
            facts=await intake.seal(client_id, FACTS, Facts(tuple(body.priority_facts))),
            priority_band=found.band, rules_version=found.rules_version,
        )  # fmt: skip
        event = event_of(handled, ev.RequestPrioritized)
        since = file.requests[request_id].waiting_since
        return await self._request(request_id, client_id, handled, event.facts, since)

    async def _request(
        self, request_id: str, client_id: str, handled: Handled, sealed: str, waiting_since: Any
    ) -> m.RequestAnswer:
        found = placed((await self._intake.facts(client_id, sealed)).facts)
        return m.RequestAnswer(
            **base(request_id, handled), client_id=client_id, priority_band=found.band, reasons=list(found.reasons),
            rules_version=found.rules_version, waiting_since=waiting_since, status="waiting",
        )  # fmt: skip

    async def withdraw(
        self,
        client_id: str,
        request_id: str,
        body: m.WithdrawBody,
        actor: CurrentActor,
        claim: Claim,
        version: IfMatch,
    ) -> m.WithdrawAnswer:
        """The client asks no longer. A second time changes nothing."""
        handled = await self._intake.do(
            client_id, Asked(actor, claim), cmd.WithdrawRequest, request_id=request_id, reason=body.reason,
            if_version=version,
        )  # fmt: skip
        request = (await self._intake.handler.load(client_id))[0].requests[request_id]
        return m.WithdrawAnswer(**base(request_id, handled), client_id=client_id, reason=request.reason or body.reason)

    async def give_up_seat(
        self, client_id: str, entitlement_id: str, actor: CurrentActor, claim: Claim
    ) -> CommandAnswer:  # fmt: skip
        """The file has this seat no more: allowance has lost it with an older backup. One that it knows after all is
        told again, and is in the file again. Refused: `seat-unknown`."""
        handled = await self._intake.do(
            client_id, Asked(actor, claim), NoteSeat, entitlement_id=entitlement_id, held=False
        )  # fmt: skip
        if not handled.events:
            raise Problem(404, "seat-unknown")
        return CommandAnswer(**base(entitlement_id, handled))


def _contact(body: m.ContactBody) -> Contact:
    return Contact(body.channel, body.explicit)
