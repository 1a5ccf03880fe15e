"""HTTP: what a caseworker sends somebody: an information sheet, or the invitation to an evening."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Protocol

from services.notifications import api_models as m
from services.notifications import commands as cmd
from services.notifications import events as ev
from services.notifications.adapters.contacts import Contacts, ContactsUnavailable
from services.notifications.adapters.stops import Stops
from services.notifications.decider_recipient import Recipient
from services.notifications.policy import CITY_ZONE, WAITS, message_id_of
from services.notifications.wording import EVENING
from shared import metrics
from shared.clock import Clock
from shared.contracts.contact import ContactAsked
from shared.handling import Context, Handled, Handler
from shared.http import Claim
from shared.http_access import CurrentActor
from shared.http_models import EventRef, Uuid
from shared.http_problems import Problem, rejected
from shared.ids import Ids
from shared.ports import Store
from shared.telemetry import current_traceparent

INPUT_CODES = frozenset({"message-fields-invalid"})
AHEAD = timedelta(days=180)
"""How far ahead somebody is invited at most."""


class Sending(Protocol):
    """What the routes work with."""

    @property
    def store(self) -> Store: ...
    @property
    def recipients(self) -> Handler[Recipient, cmd.RecipientCommand, ev.RecipientEvent]: ...
    @property
    def contacts(self) -> Contacts: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def ids(self) -> Ids: ...
    @property
    def stops(self) -> Stops: ...


class Sends:
    """The commands of a desk."""

    def __init__(self, sending: Sending) -> None:
        self._with = sending

    async def send(self, body: m.SendBody, actor: CurrentActor, claim: Claim) -> m.SendAnswer:
        """Chooses the message, which goes where all others of theirs do. The same sheet is sent once a day, the same
        evening once. Refused: `evening-time-invalid`; 404 `client-unknown`; 503 `vault-unavailable`."""
        deciding, now = self._with, self._with.clock.now()
        fields, about, until = dict[str, str](), now.astimezone(CITY_ZONE).date().isoformat(), now + WAITS
        if body.template == EVENING:
            if body.starts_at is None or not now < body.starts_at <= now + AHEAD:
                raise Problem(422, "evening-time-invalid", errors=[("starts_at", "evening-time-invalid")])
            about = body.starts_at.astimezone(now.tzinfo).isoformat()
            fields, until = {"time": about}, body.starts_at
        message_id = message_id_of(body.client_id, body.template, about)
        await self._there(body.client_id, message_id)
        command_id = deciding.ids.event_id()
        command = cmd.ChooseMessage(
            at=now, role=actor.role, recipient=body.client_id, message_id=message_id, cause_id=command_id,
            template=body.template, fields=fields, expires_at=until,
        )  # fmt: skip
        context = Context(command_id, deciding.ids.random_id(), command_id, current_traceparent(), claim)
        handled = await deciding.recipients.handle(body.client_id, command, context)
        metrics.COMMANDS.labels("notifications", "ChooseMessage", outcome_of(handled)).inc()
        if handled.rejected is not None:
            raise rejected(handled.rejected, INPUT_CODES)
        return m.SendAnswer(id=message_id, version=handled.version, position=handled.position, events=_refs(handled))

    async def allow(self, client_id: Uuid, actor: CurrentActor, claim: Claim) -> m.AllowAnswer:
        """They want messages again, after they had said stop. Refused: `client-erased`."""
        deciding, command_id = self._with, self._with.ids.event_id()
        command = cmd.AllowMessages(at=deciding.clock.now(), role=actor.role, recipient=client_id)
        context = Context(command_id, deciding.ids.random_id(), command_id, current_traceparent(), claim)
        handled = await deciding.recipients.handle(client_id, command, context)
        metrics.COMMANDS.labels("notifications", "AllowMessages", outcome_of(handled)).inc()
        if handled.rejected is not None:
            raise rejected(handled.rejected, INPUT_CODES)
        await asyncio.to_thread(deciding.stops.remove, client_id)
        return m.AllowAnswer(id=client_id, version=handled.version, position=handled.position, events=_refs(handled))

    async def _there(self, client_id: str, message_id: str) -> None:
        try:
            answer = await self._with.contacts.ask(ContactAsked(client_id, message_id))
        except ContactsUnavailable:
            raise Problem(503, "vault-unavailable", headers={"Retry-After": "15"}) from None
        if answer.status == "gone":
            raise Problem(404, "client-unknown")


def _refs(handled: Handled) -> list[EventRef]:
    return [EventRef(id=id_, type=str(type(event).__struct_config__.tag)) for id_, event in handled.events]


def outcome_of(handled: Handled) -> str:
    """What became of a command, as the metrics count it."""
    if handled.replayed:
        return "replayed"
    if handled.rejected is not None:
        return "rejected"
    return "applied" if handled.events else "nothing"
