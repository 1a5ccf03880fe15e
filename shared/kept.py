"""What others keep of an origin's logs, asked when its own store and its stream have both lost them.

Every site's console keeps a journal of what it heard. Its rows of an origin that comes back older than that are what
the operators of the origin's site have to look at (`worklist.py`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.envelope import LOGS, Log, Origin
from shared.heard import ANSWER_SECONDS, CONSOLE, QUESTION_BYTES_MAX
from shared.ports import StoreUnavailable
from shared.settings import SiteSettings
from shared.streams import ask_subject
from shared.telemetry import logger
from shared.worklist import Lost

QUESTION = "kept"
PAGE = 50
"""Rows in one answer at most: with `FACTS_BYTES_MAX` each they fit into one message."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")

log = logger("kept")

Keeps = Callable[[str, Log, int, int, int], Awaitable[Sequence[Lost]]]
"""(origin's key, log, epoch, after, limit): the rows a service keeps behind that sequence, in order."""


class _Question(msgspec.Struct):
    site: str
    service: str
    log: Log
    epoch: int
    after: int


class _Answer(msgspec.Struct):
    rows: list[Lost]


_question, _answer = msgspec.json.Decoder(_Question), msgspec.json.Decoder(_Answer)


async def answer_kept_on(client: Client, site: str, service: str, keeps: Keeps) -> None:
    """Answers on the bus, until the connection is closed, what this service keeps of any origin's logs."""

    async def hear(message: Msg) -> None:
        try:
            if message.reply and len(message.data) <= QUESTION_BYTES_MAX:
                wanted = _question.decode(message.data)
                if _NAME.fullmatch(wanted.site) and _NAME.fullmatch(wanted.service) and wanted.log in _open_to(wanted):
                    key = Origin(wanted.site, wanted.service, wanted.epoch).key
                    rows = await keeps(key, wanted.log, wanted.epoch, wanted.after, PAGE)
                    await message.respond(msgspec.json.encode(_Answer(list(rows))))
        except (nats.errors.Error, OSError, OverflowError, StoreUnavailable, msgspec.MsgspecError) as error:
            log.info("a question was not answered", reason=type(error).__name__)  # whoever asked asks the next

    def _open_to(wanted: _Question) -> tuple[Log, ...]:
        """What was told inside a site is given back to that site only."""
        return LOGS if wanted.site == site else ("pub",)

    await client.subscribe(ask_subject(site, service, QUESTION), cb=hear)


async def kept_elsewhere(
    client: Client, settings: SiteSettings, service: str, which: Log, epoch: int, after: int
) -> Sequence[Lost]:
    """The next page of rows somebody keeps of this site's log behind `after`: its own console, else the hub's."""
    question = _Question(settings.site, service, which, epoch, after)
    for site in dict.fromkeys((settings.site, settings.hub, *settings.sites)):
        try:
            subject = ask_subject(site, CONSOLE, QUESTION)
            reply = await client.request(subject, msgspec.json.encode(question), ANSWER_SECONDS)
            rows = _answer.decode(reply.data).rows
        except (nats.errors.Error, OSError, TimeoutError, msgspec.MsgspecError):
            continue
        if rows and rows[0].sequence == after + 1:
            return rows
    return ()
