"""What others have heard of an origin, asked before its history goes on.

A store that was restored older than what others have read cannot know it. Its stream on the bus does (`outbox.py`
compares their ends), unless that was lost too: then the same numbers would come to mean something else, and nobody
would notice. So whoever fills an empty stream asks first, and every process asks once after its start.

Asked are the services of the own site, which read its logs directly, and those of the hub, through which everybody
else hears them. Nobody else is believed: a site must not be able to stop another by a lie. The hub itself asks all.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared import schema
from shared.bus_connection import Refused, ask, number_in
from shared.bus_parser import header_values
from shared.envelope import Log, Origin
from shared.ports import Append, BusUnavailable, Delete, LogWriter, Store, StoreUnavailable, Tail
from shared.schema import DOUBT, doubted_in
from shared.settings import SiteSettings
from shared.streams import CITY, ask_subject, log_subject
from shared.telemetry import logger

QUESTION = "heard"
ANSWER_SECONDS = 2.0
QUESTION_BYTES_MAX = 512
CONSOLE = "console"
"""The service that reads every log of its site and keeps the id of each message."""

NO_MESSAGE = 10037
STREAM_NOT_FOUND = 10059

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")

log = logger("heard")


class Mark(msgspec.Struct, frozen=True, order=True):
    """How far somebody has heard one log of an origin. id: of that message, empty where only its number is known."""

    log: Log
    epoch: int
    sequence: int
    id: str = ""


class _Question(msgspec.Struct):
    site: str
    service: str


class _Answer(msgspec.Struct):
    marks: list[Mark]


class _StoredMessage(msgspec.Struct):
    seq: int = 0
    hdrs: str = ""


class _Stored(msgspec.Struct):
    message: _StoredMessage


_question, _answer = msgspec.json.Decoder(_Question), msgspec.json.Decoder(_Answer)
_stored = msgspec.json.Decoder(_Stored)


class Unanswered(BusUnavailable):
    """Somebody who has to be asked does not answer. The text names them."""


class Witnesses(Protocol):
    """Whoever can say how far an origin was heard."""

    async def marks(self, which: Log) -> list[Mark]:
        """How far each of those who have to be asked about this log has heard this origin. Raises `Unanswered`.

        `loc` was told to the services of the own site only, so nobody else has to answer.
        """
        ...


class Nobody:
    """There is nobody to ask: the only service of the only site."""

    async def marks(self, which: Log) -> list[Mark]:
        return []


async def contradicted(store: Store, which: Log, marks: Sequence[Mark], shared: int | None = None) -> str | None:
    """Why this store cannot be what others have heard of its log; None when it can. Raises `StoreUnavailable`.

    shared: up to which row this store is surely as others have heard it (`shared_row`), for marks that have no id to
    compare; None: nobody doubts it.
    """
    epoch, last = store.origin.epoch, await store.outbox_last(which)
    for mark in sorted((mark for mark in marks if mark.log == which and mark.epoch >= epoch), reverse=True):
        if mark.epoch > epoch or mark.sequence > last:
            return (
                f"others have heard the {which} log up to {mark.sequence} of epoch {mark.epoch}, "
                f"the outbox of epoch {epoch} ends at {last}"
            )
        if mark.id:
            rows = await store.read_outbox(which, mark.sequence - 1, 1)
            if not rows or rows[0].id != mark.id:
                return (
                    f"others have heard {mark.id} as {mark.sequence} of the {which} log in epoch {epoch}, "
                    "the outbox has another row there"
                )
        elif shared is not None and mark.sequence > shared:
            return (
                f"others have heard the {which} log up to {mark.sequence} of epoch {epoch}, "
                f"this store ended at {shared} when its service started"
            )
    return None


async def doubted_at(store: Store, which: Log) -> int | None:
    """At which row this log stood when its service started: what is told after it could not have been heard, were this
    an older backup. None once others were asked. Raises `StoreUnavailable`.

    `Store.doubt` writes it down, before anything else is written.
    """
    for row in await store.rows(schema.cursors, reader=DOUBT, source=which):
        if row["incarnation"] == doubted_in(store.origin.epoch):
            return int(row["position"])
    return None


async def shared_row(store: Store, which: Log, writer: LogWriter, published: int = 0) -> int | None:
    """Up to which row this log is surely as others have heard it; None: nobody doubts it.

    Up to where it stood when the service started, to where its stream ends with the row it should, and to what this
    process has `published`. Raises `BusUnavailable`, `StoreUnavailable`.
    """
    known = await doubted_at(store, which)
    if known is None:
        return None
    tail = await writer.last()
    return max(known, published, tail.sequence if tail is not None and await is_row(store, which, tail) else 0)


async def is_row(store: Store, which: Log, tail: Tail) -> bool:
    """Whether a message on the bus is the outbox row of its number. Raises `StoreUnavailable`."""
    rows = await store.read_outbox(which, tail.sequence - 1, 1)
    row = rows[0] if rows and rows[0].sequence == tail.sequence else None
    return row is not None and row.id == tail.id and tail.epoch == store.origin.epoch


async def settle(store: Store, which: Log, now: datetime) -> None:
    """Others were asked, and this log is as they have heard it."""
    await store.append(Append(now, rows=[Delete(schema.cursors, (DOUBT, which))]))


# --- on the bus -------------------------------------------------------------------------------------------------------


class BusWitnesses:
    """Asks over the bus, as the service `service` of this site. client: its connection now, None while it has none.

    sites: the network's, as they are when it asks; default those of the settings.
    """

    def __init__(
        self, settings: SiteSettings, service: str, client: Callable[[], Client | None],
        sites: Collection[str] | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._service, self._client = settings, service, client
        self._sites = settings.sites if sites is None else sites

    async def marks(self, which: Log) -> list[Mark]:
        client = self._client()
        if client is None:
            raise Unanswered("the site's bus does not answer")
        settings = self._settings
        own = [(settings.site, name) for name in settings.services if name != self._service]
        names = dict.fromkeys((self._service, CONSOLE))
        other_sites = [site for site in self._sites if site != settings.site]
        far = [] if which == "loc" else other_sites if settings.is_hub else [settings.hub]
        asked = [*own, *((site, name) for site in far for name in names)]
        answers = await asyncio.gather(*(ask_heard(client, settings.site, self._service, *who) for who in asked))
        heard = {who: answer for who, answer in zip(asked, answers, strict=True) if answer is not None}
        missing = [f"{name} of {site}" for site, name in own if (site, name) not in heard]
        if far and not any(site in far for site, _ in heard):
            missing.append("every other site" if settings.is_hub else f"the hub {settings.hub}")
        if missing:
            raise Unanswered(f"no answer from {', '.join(missing)}")
        marks = [mark for answer in heard.values() for mark in answer]
        if settings.is_hub and which == "pub":
            tail = await city_tail(client, settings.site, self._service)
            marks += [] if tail is None else [tail]
        return marks


async def ask_heard(client: Client, site: str, service: str, asked_site: str, asked_service: str) -> list[Mark] | None:
    """How far a service of another site, and its CITY, have heard an origin; None when nobody answers."""
    subject = ask_subject(asked_site, asked_service, QUESTION)
    try:
        reply = await client.request(subject, msgspec.json.encode(_Question(site, service)), ANSWER_SECONDS)
        return _answer.decode(reply.data).marks
    except (nats.errors.Error, OSError, TimeoutError, msgspec.MsgspecError):
        return None


async def city_tail(client: Client, site: str, service: str) -> Mark | None:
    """The last message of an origin's `pub` log in this site's CITY; None when there is none. Raises
    `BusUnavailable`."""
    found = await city_last(client, site, service)
    return None if found is None else found[1]


async def city_last(client: Client, site: str, service: str) -> tuple[int, Mark] | None:
    """The same, with its position in CITY."""
    try:
        wanted = {"last_by_subj": log_subject(site, service, "pub", ">")}
        found = _stored.decode(await ask(client, f"$JS.API.STREAM.MSG.GET.{CITY}", wanted))
    except Refused as no:
        if no.code in (NO_MESSAGE, STREAM_NOT_FOUND):
            return None
        raise BusUnavailable(f"{CITY}: {no}") from None
    headers = header_values(base64.b64decode(found.message.hdrs))
    epoch, sequence = number_in(headers.get("ce-epoch", "")), number_in(headers.get("ce-sequence", ""))
    if epoch is None or sequence is None:
        return None  # not one of ours: whoever reads it parks it
    return found.message.seq, Mark("pub", epoch, sequence, headers.get("ce-id", ""))


Known = Callable[[str], Awaitable[Sequence[Mark]]]
"""What a service knows of an origin (by key) beside how far its readers are."""


async def answer_on(client: Client, site: str, service: str, store: Store, known: Known | None = None) -> None:
    """Answers on the bus, from now on until the connection is closed, how far this service has heard any origin."""

    async def hear(message: Msg) -> None:
        try:
            if message.reply and len(message.data) <= QUESTION_BYTES_MAX:
                wanted = _question.decode(message.data)
                if _NAME.fullmatch(wanted.site) and _NAME.fullmatch(wanted.service):
                    origin = Origin(wanted.site, wanted.service, 1)
                    marks = await heard_here(store, origin.key)
                    marks += [] if known is None else await known(origin.key)
                    tail = None if wanted.site == site else await city_tail(client, wanted.site, wanted.service)
                    marks += [] if tail is None else [tail]
                    await message.respond(msgspec.json.encode(_Answer(marks)))
        except (nats.errors.Error, OSError, BusUnavailable, StoreUnavailable, msgspec.MsgspecError) as error:
            log.info("a question was not answered", reason=type(error).__name__)  # whoever asked asks again

    await client.subscribe(ask_subject(site, service, QUESTION), cb=hear)


async def heard_here(store: Store, origin: str) -> list[Mark]:
    """How far the readers of one service have applied an origin's logs. Raises `StoreUnavailable`."""
    rows: Sequence[Mapping[str, Any]] = await store.rows(schema.checkpoints, origin=origin)
    return [Mark(row["log"], row["epoch"], row["sequence"]) for row in rows]
