"""HTTP: what a channel says back: that a client has answered with a word that stops messages, or that a message came
back. Whoever passes messages on signs it as messages to it are signed; no other proof of who they are is asked, and no
address is in it: a message is named by the id that was sent with it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from datetime import timedelta

import msgspec
from fastapi import Request, Response
from pydantic import ValidationError

from services.notifications import api_models as m
from services.notifications import commands as cmd
from services.notifications import views
from services.notifications.adapters.settings import ChannelSettings
from services.notifications.adapters.webhook import SIGNATURE, signature
from services.notifications.api_send import Sending, outcome_of
from services.notifications.policy import WAITS
from services.notifications.policy_clients import of_use_until
from services.notifications.wording import stops
from shared import metrics
from shared.envelope import SYSTEM_ROLE
from shared.handling import Context
from shared.http_models import is_id
from shared.http_problems import Problem
from shared.ids import derived_id

FRESH = timedelta(minutes=5)
"""How far ahead a channel's clock may be."""
KEPT = timedelta(days=7)
"""How old what a channel says may be: one that could not reach us passes it on later, and a word that stops messages
must not be lost. A copy that somebody kept does nothing: a word from before they were allowed again stops nothing, and
what came back comes back once."""
BODY_BYTES_MAX = 4096
GONE_OUT = frozenset({"sent", "delivered"})


def secrets_of(settings: ChannelSettings) -> dict[str, str]:
    """What each channel signs with that may say something back."""
    gateways = {"sms": settings.sms, "chat": settings.chat}
    found = {name: one.secret.get_secret_value() for name, one in gateways.items() if one is not None}
    if settings.email is not None and settings.email.secret is not None:
        found["email"] = settings.email.secret.get_secret_value()
    return found


class Heard:
    """secrets: by channel."""

    def __init__(self, sending: Sending, secrets: Mapping[str, str]) -> None:
        self._with, self._secrets = sending, secrets

    async def hear(self, channel: str, request: Request) -> Response:
        """Does what is said, once however often it is. An answer that is none of the words that stop messages changes
        nothing and is not kept. Refused: 401 `signature-invalid`, also for a channel that has nothing to say;
        `word-invalid`, also about a message it never had."""
        body = await request.body()
        secret = self._secrets.get(channel)
        given = request.headers.get(SIGNATURE, "").encode()  # what is no ASCII is compared too, and is wrong
        if secret is None or not hmac.compare_digest(given, signature(secret, body).encode()):
            raise Problem(401, "signature-invalid")
        word = self._read(body)
        rows = await self._with.store.rows(views.messages, id=word.id) if is_id(word.id) else []
        if not rows or rows[0]["channel"] != channel or not is_id(rows[0]["recipient"]):
            raise Problem(422, "word-invalid")
        command = self._command(word, rows[0])
        if command is not None:
            await self._do(command, word)
        return Response(status_code=204)

    def _read(self, body: bytes) -> m.ChannelWord:
        try:
            if len(body) > BODY_BYTES_MAX:
                raise ValueError
            word = m.ChannelWord.model_validate_json(body)
        except (ValidationError, ValueError):  # it would quote what somebody wrote
            raise Problem(422, "word-invalid") from None
        if not -FRESH <= self._with.clock.now() - word.at <= KEPT:
            raise Problem(422, "word-invalid")
        return word

    def _command(self, word: m.ChannelWord, row: Mapping[str, object]) -> cmd.StopMessages | cmd.RecordBounce | None:
        now, recipient = self._with.clock.now(), str(row["recipient"])
        if word.word == "answered":
            stopped = cmd.StopMessages(at=now, role=SYSTEM_ROLE, recipient=recipient, said_at=word.at)
            return stopped if stops(word.text) else None
        if row["status"] not in GONE_OUT or row["because"] not in ("", SYSTEM_ROLE):  # or somebody has told them
            return None
        template, fields = str(row["template"]), msgspec.json.decode(str(row["fields"]), type=dict[str, str])
        return cmd.RecordBounce(
            at=now, role=SYSTEM_ROLE, recipient=recipient, message_id=word.id, channel=str(row["channel"]),
            template=template, fields=fields, cause_id=str(row["cause_id"]),
            until=min(now + WAITS, of_use_until(template, fields) or now + WAITS),
        )  # fmt: skip

    async def _do(self, command: cmd.StopMessages | cmd.RecordBounce, word: m.ChannelWord) -> None:
        command_id = derived_id("heard", word.id, word.word, word.at.isoformat())
        context = Context(command_id, command_id, command_id)
        handled = await self._with.recipients.handle(command.recipient, command, context)
        metrics.COMMANDS.labels("notifications", type(command).__name__, outcome_of(handled)).inc()
        if handled.rejected is not None:
            raise Problem(422, "word-invalid")
        if (await self._with.recipients.load(command.recipient))[0].stopped_at is not None:
            # An older backup of the database forgets it; a channel that was not answered says it again.
            await asyncio.to_thread(self._with.stops.add, command.recipient)
