"""Which readers of a service wait with a message they cannot read, asked over the site's own bus: a large site has a
process for each service, and somebody has to hear of all of them.

What is answered are names of readers, as they stand in the code. Whoever does not answer is asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared import metrics
from shared.heard import ANSWER_SECONDS
from shared.settings import SiteSettings
from shared.streams import ask_subject
from shared.telemetry import logger

QUESTION = "waiting"
NAMES_MAX, NAME_CHARS_MAX = 50, 60

log = logger("waiting")


class _Answer(msgspec.Struct):
    readers: list[str]


_answer = msgspec.json.Decoder(_Answer)


def waiting_here(service: str) -> list[str]:
    """Readers of a service of this process that wait, by its own gauge; what was put aside holds nobody up."""
    [family] = metrics.READER_PARKED.collect()
    found = {
        sample.labels["reader"]
        for sample in family.samples
        if sample.value > 0 and sample.labels["service"] == service and sample.labels["origin"] != "none"
    }
    return sorted(found)


async def answer_waiting_on(client: Client, site: str, service: str) -> None:
    """Answers on the bus, until the connection is closed, which readers of this service wait."""

    async def hear(message: Msg) -> None:
        try:
            if message.reply:
                await message.respond(msgspec.json.encode(_Answer(waiting_here(service)[:NAMES_MAX])))
        except (nats.errors.Error, OSError) as error:
            log.info("a question was not answered", reason=type(error).__name__)  # it is asked again

    await client.subscribe(ask_subject(site, service, QUESTION), cb=hear)


async def waiting_at(client: Client, site: str, service: str) -> list[str]:
    """Readers of a service of this site that wait, whichever process it runs in; none while it does not answer."""
    try:
        reply = await client.request(ask_subject(site, service, QUESTION), b"", ANSWER_SECONDS)
        readers = _answer.decode(reply.data).readers
    except (nats.errors.Error, OSError, TimeoutError, msgspec.MsgspecError):
        return []
    return [name for name in readers[:NAMES_MAX] if 0 < len(name) <= NAME_CHARS_MAX]


async def waiting_readers(
    client: Client | None, settings: SiteSettings, here: Callable[[str], list[str]] = waiting_here
) -> list[tuple[str, str]]:
    """Service and reader of whatever waits at this site, in this process or another. client: None while there is no
    bus; then those of this process. here: what this process knows of its own."""
    found = {name: here(name) for name in settings.services}
    if client is not None:
        others = [name for name, readers in found.items() if not readers]
        answers = await asyncio.gather(*(waiting_at(client, settings.site, name) for name in others))
        found |= dict(zip(others, answers, strict=True))
    return [(service, reader) for service in sorted(found) for reader in found[service]]
