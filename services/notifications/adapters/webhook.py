"""A webhook: a signed POST to whoever passes messages on. It is given the message's id as the key of a repeat."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl

import httpx

from services.notifications.adapters.port import ChannelProblem, Outgoing
from services.notifications.adapters.settings import WebhookSettings

ANSWER_SECONDS = 20.0
SIGNATURE = "Plek-Signature"
LASTING = frozenset({400, 404, 405, 410, 413, 415, 422})
"""Answers that will be the same tomorrow."""
TOO_MANY = 429
"""It takes nobody's for a while."""


class WebhookChannel:
    """The receiver must take a second POST with the same `Idempotency-Key` for the first one."""

    keyed = True
    confirms = True

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self.per_minute = settings.per_minute
        self._trusted = ssl.create_default_context()  # made once: it takes longer than a call

    async def send(self, outgoing: Outgoing) -> None:
        """Raises `ChannelProblem`: `channel-unreachable`, `channel-silent`, `message-refused`."""
        settings = self._settings
        body = payload(outgoing)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": outgoing.message_id,
            SIGNATURE: signature(settings.secret.get_secret_value(), body),
        }
        try:
            # A redirect is not followed: what was signed for one address is for nobody else.
            async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, verify=self._trusted) as client:
                sending = client.stream("POST", settings.url.get_secret_value(), content=body, headers=headers)
                async with sending as answer:  # what it says beside its status is not read, however long it is
                    status = answer.status_code
        except httpx.ConnectError:
            raise ChannelProblem("channel-unreachable", ours=True) from None
        except httpx.HTTPError:
            raise ChannelProblem("channel-silent", known=False, ours=True) from None
        if not 200 <= status < 300:
            raise ChannelProblem("message-refused", lasting=status in LASTING, ours=status == TOO_MANY)


def payload(outgoing: Outgoing) -> bytes:
    """What is posted: compact JSON. `id` and `at` are signed with it: whoever posts it once more does so in vain."""
    written = outgoing.written
    texts = [{"language": text.language, "direction": text.direction, "text": text.body} for text in written.texts]
    said = {
        "id": outgoing.message_id, "at": outgoing.at.isoformat(), "to": outgoing.address,
        "subject": written.subject, "texts": texts, "repeat": outgoing.repeat,
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: str, body: bytes) -> str:
    """`sha256=` and the HMAC of the body in hex: only who has the secret can have written it."""
    return f"sha256={hmac.digest(secret.encode(), body, hashlib.sha256).hex()}"
