"""What a reader has put aside: the rows it leaves behind, and what it knows by heart of them.

A parked message is kept whole (subject, headers and body as they came), so that whoever repairs can look at it, and
the code that runs by then can read it again without the bus.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from shared import metrics, schema
from shared.envelope import DATA_BYTES_MAX, Log, Message, bus_subject, to_headers
from shared.ids import derived_id
from shared.ports import Delivery, Put

GAP = "sequence-gap"
"""The code of a message that came before its turn: its origin waits for what is missing, and goes on by itself."""

DISCARDED = "message-discarded"
"""Why an origin is incomplete in a view though it flows: a person let one of its messages go."""

NEW = "__new"
"""The reader that rebuilds a view, and its tables, go by the view's names and this."""

NOBODYS_BYTES_MAX = 4 * 1024
"""Of a message that belongs to no origin so much is kept to look at; of others all that may be told in one."""

ALONE_BYTES_MAX = 32 * 1024
"""Of a message that was put aside because nothing waits for it so much is kept: more than the longest letter has."""

NOBODYS_MAX = 1_000
"""Messages parked under no origin at most a reader; more are dropped: nothing waits for them."""

HEADERS_MAX = 64
HEADER_CHARS_MAX = 500
"""More than any header of ours has; a header that is longer is refused, cut or not."""

LogKey = tuple[str, Log]
"""An origin's key and one of its logs: what a checkpoint is kept for."""

NOBODY: LogKey = ("", "pub")
"""Stands for the log of a message that is in nobody's, or that was put aside and holds nobody up."""

Row = dict[str, Any]


def parked_id(home: str, reader: str, source: str, incarnation: str, position: int) -> str:
    """The id of what a reader parks at one position of one incarnation of a stream: the same however often it does, and
    the same when the view is rebuilt. home: whose reader it is, `west/placement`.
    """
    return derived_id("parked", home, reader.removesuffix(NEW), source, incarnation, str(position))


def gap_id(id_: str) -> str:
    """The id of what is missing before a parked message: that, and the message itself, may both be let go."""
    return derived_id("gap before", id_)


def parked_put(
    where: tuple[str, str, str, str], delivery: Delivery, log_key: LogKey, code: str, detail: str, now: datetime
) -> Put:
    """The row a delivery is kept in. where: reader, `parked_id`, source, incarnation. code, detail: why."""
    message = delivery.message
    epoch, sequence, type_ = (message.origin.epoch, message.sequence, message.type) if message else (0, 0, "")
    subject, headers = delivery.subject, delivery.headers
    if message is not None:
        subject, headers = bus_subject(message), to_headers(message)
    data = message.data if message else delivery.data
    most = DATA_BYTES_MAX + 1  # what was too large stays so
    if log_key == NOBODY:
        most = ALONE_BYTES_MAX if message else NOBODYS_BYTES_MAX
    kept = data[:most]
    came = (delivery.position, *log_key, epoch, sequence, type_, code, detail[:500], subject, _headers(headers), kept)
    return Put(schema.parked, (*where, *came, now, 0, None))


def _headers(headers: Mapping[str, str] | None) -> bytes:
    """Headers as they are kept: ours first, cut to what can be of use to anybody."""
    ours_first = sorted((headers or {}).items(), key=lambda header: not header[0].startswith("ce-"))
    kept = {name[:HEADER_CHARS_MAX]: value[:HEADER_CHARS_MAX] for name, value in ours_first[:HEADERS_MAX]}
    return msgspec.json.encode(kept)


def headers_of(row: Row) -> dict[str, str]:
    """The headers of a parked message as they came."""
    return msgspec.json.decode(row["headers"], type=dict[str, str])


def log_key_of(row: Row) -> LogKey:
    """The log a parked message stands in."""
    return (row["origin"], "pub" if row["log"] == "pub" else "loc")


@dataclass
class Aside:
    """What a reader knows of what it has put aside.

    halted: logs that stand still, and why. missing: logs that wait for what is missing, with the parked message that
    came too early. nobodys: how many messages are parked under no origin. known: messages that need no second look,
    for they hold nobody up. discarded: messages (and gaps) a person let go, which this reader does not show.
    """

    halted: dict[LogKey, str] = field(default_factory=dict)
    missing: dict[LogKey, str] = field(default_factory=dict)
    nobodys: int = 0
    known: set[str] = field(default_factory=set)
    discarded: list[Row] = field(default_factory=list)

    @classmethod
    def of(
        cls, parked: Iterable[Row], discarded: Iterable[Row], checkpoints: Mapping[LogKey, tuple[int, int]]
    ) -> Aside:
        """What the rows of one reader say. A row that its log is past by now (another process parked it late) halts
        nobody; it is listed until somebody has it read again.
        """
        aside = cls(discarded=list(discarded))
        aside.known.update(row["id"] for row in aside.discarded)
        for row in parked:
            if row["sequence"] and checkpoints.get((row["origin"], row["log"]), (0, 0)) >= (
                row["epoch"],
                row["sequence"],
            ):
                continue
            if row["code"] == GAP:
                aside.missing[row["origin"], row["log"]] = row["id"]
            elif row["origin"]:
                aside.halted[row["origin"], row["log"]] = row["code"]
            else:
                aside.nobodys += 1
                aside.known.add(row["id"])
        return aside

    def after(
        self, halted: dict[LogKey, str], missing: dict[LogKey, str | None], nobodys: set[str], let_go: list[Row]
    ) -> Aside:
        """What is known once a batch was stored. missing: None for a log that waits no longer."""
        waits = {log_key: id_ for log_key, id_ in {**self.missing, **missing}.items() if id_ is not None}
        known = self.known | nobodys | {row["id"] for row in let_go}
        return Aside(self.halted | halted, waits, self.nobodys + len(nobodys), known, [*self.discarded, *let_go])

    def waits_like(self, other: Aside) -> bool:
        """Whether the same logs stand still or wait."""
        return self.halted.keys() == other.halted.keys() and self.missing == other.missing

    @property
    def waiting(self) -> dict[str, str]:
        """Origins whose messages cannot be applied now, and why."""
        halted = {origin: code for (origin, _), code in self.halted.items()}
        return halted | {origin: GAP for origin, _ in self.missing}

    @property
    def incomplete(self) -> dict[str, str]:
        """Origins the view does not show in full, and why: what waits, and what a person let go."""
        return {row["origin"]: DISCARDED for row in self.discarded if row["sequence"]} | self.waiting

    def count(self, service: str, reader: str, before: Aside) -> None:
        """Brings the gauge up to date. before: what was known until now."""
        counts = dict.fromkeys(before.counts(), 0) | self.counts()
        for origin, count in counts.items():
            metrics.READER_PARKED.labels(service, reader, origin).set(count)

    def counts(self) -> dict[str, int]:
        """How many messages are parked, by origin; `none` for those of nobody's log."""
        counts = {"none": self.nobodys} if self.nobodys else {}
        for origin, _ in (*self.halted, *self.missing):
            counts[origin] = counts.get(origin, 0) + 1
        return counts


def let_go(discarded: Iterable[Row], message: Message, first: int | None = None) -> Row | None:
    """What a person let go that covers `message`, or all that is missing from sequence `first` up to it."""
    until = message.sequence if first is None else message.sequence - 1
    for row in discarded:
        same = (row["origin"], row["log"], row["epoch"]) == (message.origin.key, message.log, message.origin.epoch)
        if same and row["from_sequence"] <= (first or message.sequence) and until <= row["sequence"]:
            return row
    return None
