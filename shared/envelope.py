"""What travels around an event: who, when, why, and which trace.

`Meta` is kept beside every stored event; `Message` is a told event as it travels on a log. On the bus a message is a
CloudEvents 1.0 event in NATS binary mode: attributes are `ce-` headers, the payload is the event's JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec

Log = Literal["pub", "loc"]
"""`pub`: to every site. `loc`: to the services of the same site."""

LOGS: tuple[Log, ...] = ("pub", "loc")

DATA_BYTES_MAX = 256 * 1024
"""A told event is never larger than this; a reader parks what is."""

SYSTEM_ROLE = "system"
"""The role of timers and policies."""

_NAME = r"[a-z][a-z0-9-]{0,30}"
# Used with fullmatch: `$` would let a newline through.
_SOURCE = re.compile(rf"urn:nld:plek:({_NAME}):({_NAME}):(pub|loc)")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TYPE = re.compile(r"nl\.plek\.[a-z-]{1,40}\.([a-z0-9-]{1,80})\.v[1-9][0-9]{0,3}")
_EPOCH = re.compile(r"[1-9][0-9]{0,8}")
_COUNT = re.compile(r"[1-9][0-9]{0,17}")
_SUBJECT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_HEADERS_CHARS_MAX = 400


class Meta(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Why an event exists.

    correlation_id: the same for everything that followed from one request.
    causation_id: the id of the command or event it follows from.
    role: the role of whoever asked; never who it was.
    observed_at: when somebody saw it, if that was not when it was recorded.
    """

    correlation_id: str
    causation_id: str
    role: str
    traceparent: str | None = None
    observed_at: datetime | None = None


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event in the store.

    position: its place in the whole store, 1, 2, 3 without a hole, in commit order.
    version: its place in its stream, 1, 2, 3.
    """

    position: int
    stream: str
    version: int
    id: str
    type: str
    data: bytes
    meta: Meta
    recorded_at: datetime


class Origin(msgspec.Struct, frozen=True, order=True, gc=False):
    """One service at one site in one epoch: the only writer of its two logs."""

    site: str
    service: str
    epoch: int

    @property
    def key(self) -> str:
        """The name used on screens and in digests: `west/placement`."""
        return f"{self.site}/{self.service}"


class Message(msgspec.Struct, frozen=True, gc=False):
    """One told event: the row `sequence` of its origin's log.

    subject: what it is about (CloudEvents `subject`), for example a location's name; never a person.
    time: when it was recorded. observed_at: when it was seen.
    """

    origin: Origin
    log: Log
    sequence: int
    id: str
    type: str
    subject: str
    time: datetime
    correlation_id: str
    causation_id: str
    data: bytes
    observed_at: datetime | None = None
    traceparent: str | None = None

    @property
    def name(self) -> str:
        """The type without its prefix and version: `capacity-told` of `nl.plek.placement.capacity-told.v1`."""
        return self.type.split(".")[3]


class Malformed(Exception):
    """A message that is not one of ours: `code` says what is wrong with it."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


def source_urn(site: str, service: str, log: str) -> str:
    """The CloudEvents `source` of a log, after the NL GOV profile."""
    return f"urn:nld:plek:{site}:{service}:{log}"


def bus_subject(message: Message) -> str:
    """The NATS subject a message is published on."""
    return f"plek.{message.origin.site}.{message.log}.{message.origin.service}.{message.name}"


def stream_name(log: str, site: str, service: str) -> str:
    """The JetStream stream that holds one origin's log: `PUB_west_placement`."""
    return f"{log.upper()}_{site}_{service}"


def to_headers(message: Message) -> dict[str, str]:
    """The CloudEvents attributes of a message as NATS headers."""
    origin = message.origin
    headers = {
        "ce-specversion": "1.0",
        "ce-id": message.id,
        "ce-source": source_urn(origin.site, origin.service, message.log),
        "ce-type": message.type,
        "ce-subject": message.subject,
        "ce-time": message.time.isoformat(),
        "ce-dataschema": f"urn:nld:plek:schema:{message.type}",
        "ce-datacontenttype": "application/json",
        "ce-sequence": str(message.sequence),
        "ce-sequencetype": "Integer",
        "ce-epoch": str(origin.epoch),
        "ce-correlationid": message.correlation_id,
        "ce-causationid": message.causation_id,
        # The id is no Nats-Msg-Id: the sequence makes publishing exactly once, and where logs are gathered the server
        # would drop a message for an id that somebody else's message had first.
    }
    if message.observed_at is not None:
        headers["ce-observedat"] = message.observed_at.isoformat()
    if message.traceparent is not None:
        headers["ce-traceparent"] = message.traceparent
    return headers


def from_headers(headers: Mapping[str, str] | None, data: bytes, bus_subject: str) -> Message:
    """Reads a message off the bus and believes nothing.

    bus_subject: the NATS subject it came on; it must be the one its `source` and `type` call for.
    Raises `Malformed`: `no-headers`, `header-missing`, `source-invalid`, `origin-mismatch`, `type-invalid`,
    `id-invalid`, `sequence-invalid`, `subject-invalid`, `time-invalid`, `data-too-large`.
    """
    if not headers:
        raise Malformed("no-headers")
    if len(data) > DATA_BYTES_MAX:
        raise Malformed("data-too-large", f"{len(data)} bytes, at most {DATA_BYTES_MAX}")
    try:
        source, epoch, type_ = headers["ce-source"], headers["ce-epoch"], headers["ce-type"]
        id_, sequence = headers["ce-id"], headers["ce-sequence"]
        time, subject = headers["ce-time"], headers["ce-subject"]
        correlation_id, causation_id = headers["ce-correlationid"], headers["ce-causationid"]
    except KeyError as missing:
        raise Malformed("header-missing", str(missing.args[0])) from None
    if len(source) + len(epoch) + len(type_) + len(bus_subject) > _HEADERS_CHARS_MAX:
        raise Malformed("source-invalid", "too long")
    origin, log = _whose(source, epoch, type_, bus_subject)
    uuid = _UUID.fullmatch
    if not (uuid(id_) and uuid(correlation_id) and uuid(causation_id)):
        raise Malformed("id-invalid")
    if not _COUNT.fullmatch(sequence):
        raise Malformed("sequence-invalid")
    if not _SUBJECT.fullmatch(subject):
        raise Malformed("subject-invalid")
    observed_at, traceparent = headers.get("ce-observedat"), headers.get("ce-traceparent")
    return Message(
        origin,
        log,
        int(sequence),
        id_,
        type_,
        subject,
        _time(time),
        correlation_id,
        causation_id,
        data,
        None if observed_at is None else _time(observed_at),
        traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None,
    )


_BLOCK = re.compile(
    rf"NATS/1\.0\r\nce-specversion: 1\.0\r\nce-id: ({_UUID.pattern})\r\nce-source: ([!-~]+)\r\nce-type: ([!-~]+)\r\n"
    r"ce-subject: ([!-~](?:[ -~]{0,198}[!-~])?)\r\nce-time: ([!-~]+)\r\nce-dataschema: [!-~]+\r\n"
    rf"ce-datacontenttype: application/json\r\nce-sequence: ({_COUNT.pattern})\r\nce-sequencetype: Integer\r\n"
    rf"ce-epoch: ([!-~]+)\r\nce-correlationid: ({_UUID.pattern})\r\nce-causationid: ({_UUID.pattern})\r\n"
    rf"(?:ce-observedat: ([!-~]+)\r\n)?(?:ce-traceparent: ({_TRACEPARENT.pattern})\r\n)?"
    r"(?:Nats-[A-Za-z-]+: [ -~]*\r\n)*\r\n"
)
"""A header block as `to_headers` writes it, whatever the servers added behind it."""


def from_block(block: bytes, data: bytes, bus_subject: str) -> Message | None:
    """The same as `from_headers`, out of a whole header block as it came, at a third of the price: for one that looks
    as a relay writes it. None for any other, in which there may be a message all the same: `from_headers` says.
    """
    try:
        found = _BLOCK.fullmatch(block.decode("ascii"))
    except UnicodeDecodeError:
        return None
    if found is None or len(data) > DATA_BYTES_MAX:
        return None
    id_, source, type_, subject, time, sequence, epoch, correlation_id, causation_id, observed, traceparent = (
        found.groups()
    )
    if len(source) + len(epoch) + len(type_) + len(bus_subject) > _HEADERS_CHARS_MAX:
        return None
    try:
        origin, log = _whose(source, epoch, type_, bus_subject)
        at, observed_at = _time(time), None if observed is None else _time(observed)
    except Malformed:
        return None
    number = int(sequence)
    return Message(
        origin, log, number, id_, type_, subject, at, correlation_id, causation_id, data, observed_at, traceparent
    )


@lru_cache(maxsize=1024)
def _whose(source: str, epoch: str, type_: str, bus_subject: str) -> tuple[Origin, Log]:
    """Whose log a message claims to be on. Remembered, for the same few come again and again; a refusal is not."""
    whose = _SOURCE.fullmatch(source)
    if whose is None:
        raise Malformed("source-invalid")
    what = _TYPE.fullmatch(type_)
    if what is None:
        raise Malformed("type-invalid")
    if not _EPOCH.fullmatch(epoch):
        raise Malformed("sequence-invalid", "the epoch")
    site, service, log = whose.groups()
    if bus_subject != f"plek.{site}.{log}.{service}.{what[1]}":
        raise Malformed("origin-mismatch", "the subject belongs to another origin or type")
    return Origin(site, service, int(epoch)), log  # type: ignore[return-value]


def _time(text: str) -> datetime:
    """A moment in UTC. One that has none (year 1, east of Greenwich) would stop a database later."""
    try:
        value = datetime.fromisoformat(text)
        if value.tzinfo is UTC:
            return value
        if value.tzinfo is None:
            raise Malformed("time-invalid", "without a zone")
        return value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed("time-invalid") from None
