"""One batch on its way into a view: what each of its messages means, and what follows from all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from prometheus_client import Counter
from pydantic import ValidationError

from shared import metrics, schema
from shared.contracts.base import Contract, first_mistake
from shared.envelope import LOGS, Message, Origin
from shared.parked import GAP, NOBODY, NOBODYS_MAX, LogKey, Row, gap_id, let_go, parked_id, parked_put
from shared.ports import Delete, Delivery, Put, RowChange
from shared.telemetry import leading, logger

if TYPE_CHECKING:
    from shared.inbox import Reader

log = logger("inbox")


PASSED_BY_MAX = 1_000
"""Types of messages a reader knows to be of no interest to it at most: whoever may tell could make up any number."""


class Gap(Exception):
    """A message came before the one it follows. position: where it is in its source."""

    def __init__(self, origin: str, expected: int, got: int, position: int) -> None:
        super().__init__(f"{origin}: expected {expected}, got {got}")
        self.origin, self.expected, self.got, self.position = origin, expected, got, position


class Undigestible(Exception):
    """Why a message is parked: a kebab-case code, and a detail without its contents.

    alone: nothing that comes after it depends on it, so it is put aside under no origin and its own goes on.
    """

    def __init__(self, code: str, detail: str = "", *, alone: bool = False) -> None:
        super().__init__(code)
        self.code, self.detail, self.alone = code, detail, alone


ONE_TRACE = timedelta(hours=1)
"""What is read so much later than it was told is a trace of its own, linked to what it follows from: one that goes on
for days nobody keeps, and nobody reads."""


def traces_of(batch: Sequence[Delivery], now: datetime) -> tuple[str | None, Sequence[str]]:
    """Whose child the span of a batch is, and what it is linked to."""
    first = next((delivery.message for delivery in batch if delivery.message is not None), None)
    traces = [
        message.traceparent
        for delivery in batch
        if (message := delivery.message) is not None and message.traceparent is not None
    ]
    return leading(traces, late=first is not None and is_late(first, now))


def is_late(message: Message, now: datetime) -> bool:
    """Whether what follows from a message is a trace of its own."""
    return message.time < now - ONE_TRACE


SHARED_BYTES_MAX = 4096
SHARED_MAX = 1024
"""What a message of at most so many bytes says is kept until so many others have come: the readers of one process hear
it within moments of each other, and what it says cannot be changed."""


def understood(contract: type[Contract], data: bytes) -> Contract:
    """What a message says. Raises `Undigestible` with `body-invalid`, and which field is wrong, not what it holds."""
    try:
        return _shared(contract, data) if len(data) <= SHARED_BYTES_MAX else contract.model_validate_json(data)
    except ValidationError as error:
        raise Undigestible("body-invalid", first_mistake(error)) from None
    except ValueError as error:
        raise Undigestible("body-invalid", type(error).__name__) from None


@lru_cache(maxsize=SHARED_MAX)
def family(type_name: str) -> str:
    """A type without its version, which all its versions share."""
    return type_name.rsplit(".", 1)[0]


@lru_cache(maxsize=SHARED_MAX)
def _shared(contract: type[Contract], data: bytes) -> Contract:
    return contract.model_validate_json(data)


def measure_delay(service: str, view: str, messages: Sequence[Message], now: datetime) -> None:
    """How long the oldest of these messages took from its owner's clock to a reader's. Of what an origin told in one go
    that is the first.
    """
    oldest = min([message.time for message in messages])
    metrics.READER_DELAY_SECONDS.labels(service, view).observe(max(0.0, (now - oldest).total_seconds()))


class Work:
    """What a batch will change, and where each origin will be. Nothing of it counts until it is stored.

    source, incarnation, skip_site: of what the batch came from, as in `Follow`.
    retried: a log that counts as not halted, for the message that halted it is read again. counts: whether it is done,
    and counted, or only looked at. messages: of those one origin told in one go the first, `count`: all of them.
    """

    def __init__(
        self, reader: Reader, source: str, incarnation: str, skip_site: str | None = None,
        retried: LogKey | None = None, *, counts: bool = True,
    ) -> None:  # fmt: skip
        self._reader, self._source, self._incarnation = reader, source, incarnation
        self._skip_site, self._retried, self._counts = skip_site, retried, counts
        self.rows: list[RowChange] = []
        self.checkpoints: dict[LogKey, tuple[int, int]] = {}
        self.halted: dict[LogKey, str] = {}
        self.missing: dict[LogKey, str | None] = {}
        self.applied: dict[str, int] = {}
        self._progress: dict[LogKey, int] = {}
        self.messages: list[Message] = []
        self.count = 0
        self.nobodys: set[str] = set()
        self.let_go: list[Row] = []

    async def take_all(self, batch: Sequence[Delivery], refetch: bool) -> None:
        """Decides what each delivery of a batch means (`take`), in order. Raises `Gap`.

        Of what one origin tells in one go only the first is looked at from all sides. What follows it number by number
        can be nothing but the next message, so it is digested and no more; the log's progress is said once for all.
        """
        first: Message | None = None
        reached = 0
        passed_by = self._reader.passed_by
        for delivery in batch:
            message = delivery.message
            if message is None and not delivery.problem:
                continue  # nobody looked into it: it is this site's own
            if (
                first is not None
                and message is not None
                and message.sequence == reached + 1
                and message.origin is first.origin
                and message.log == first.log
            ):
                if message.type in passed_by:
                    reached += 1
                    continue
                try:
                    changes = self._reader.digest(message)
                except Undigestible:
                    pass  # parked or put aside, as `take` says
                else:
                    reached += 1
                    self.rows += changes
                    continue
            if first is not None:
                self._went_on(first, reached)
            await self.take(delivery, refetch)
            first, reached = (message, message.sequence) if message and self._goes_on_behind(message) else (None, 0)
        if first is not None:
            self._went_on(first, reached)

    def _goes_on_behind(self, message: Message) -> bool:
        """Whether a message was applied just now, and nothing of its log is held back."""
        log_key = (message.origin.key, message.log)
        applied = self.checkpoints.get(log_key) == (message.origin.epoch, message.sequence)
        return applied and not self._is_halted(log_key) and self._missing_at(log_key) is None

    def _went_on(self, first: Message, reached: int) -> None:
        """Behind the first of them those up to `reached` were applied, too."""
        if count := reached - first.sequence:
            self.count += count
            self._advance(first.origin, (first.origin.key, first.log), reached, count)

    async def take(self, delivery: Delivery, refetch: bool) -> None:
        """Decides what one delivery means: applied, a duplicate, out of turn, parked, or not for this reader.

        Raises `Gap` when it is out of turn and `refetch` says the source may not have shown everything yet.
        """
        message = delivery.message
        if message is None:
            log_key = self._key_of(delivery)
            if log_key is None or log_key[0].split("/")[0] != self._skip_site:
                self.park(delivery, delivery.problem, delivery.detail)
            return
        if message.origin.site == self._skip_site:
            return
        log_key = (message.origin.key, message.log)
        if self._is_halted(log_key):
            return
        epoch, sequence = self.checkpoints.get(log_key) or self._reader.checkpoint(*log_key)
        turn = self._reader.turn(message, epoch, sequence)
        if turn == "duplicate":
            self._count(metrics.READER_DUPLICATES.labels, message)
            return
        if turn == "early":
            expected = sequence + 1 if message.origin.epoch == epoch else 1
            if not self._may_do_without(gap_id(self._id(delivery)), let_go(self._reader.forgiven, message, expected)):
                self._out_of_turn(delivery, message, log_key, expected, refetch)
                return
            turn = "begins" if message.origin.epoch > epoch else "next"
        try:
            changes = self._reader.digest(message)
        except Undigestible as reason:
            if reason.alone:
                self.put_aside(delivery, reason)
            elif not self._may_do_without(self._id(delivery), let_go(self._reader.forgiven, message)):
                self.park(delivery, reason.code, reason.detail)
                return
            changes = []
        if turn == "begins" and epoch:
            self.rows += await self._reader.forget(message.origin.key, self.rows)
        self._reached(message, log_key)
        self.rows += changes

    def _count(self, counter: Callable[..., Counter], message: Message) -> None:
        if self._counts:
            counter(self._reader.service, self._reader.view.name, message.origin.key).inc()

    def _reached(self, message: Message, log_key: LogKey) -> None:
        self._advance(message.origin, log_key, message.sequence, 1)
        self.messages.append(message)
        self.count += 1
        at = self._missing_at(log_key)
        if at is not None:  # what was missing has come
            self.missing[log_key] = None
            self.rows.append(Delete(schema.parked, (self._reader.view.name, at)))

    def _advance(self, origin: Origin, log_key: LogKey, sequence: int, count: int) -> None:
        """`count` messages of a log were applied, the last of them is `sequence`."""
        self.checkpoints[log_key] = (origin.epoch, sequence)
        put = Put(schema.checkpoints, (self._reader.view.name, *log_key, origin.epoch, sequence))
        row = self._progress.setdefault(log_key, len(self.rows))
        if row == len(self.rows):
            self.rows.append(put)
        else:
            self.rows[row] = put  # one row for each log, however many messages of it
        self.applied[log_key[0]] = self.applied.get(log_key[0], 0) + count

    def _out_of_turn(self, delivery: Delivery, message: Message, log_key: LogKey, expected: int, refetch: bool) -> None:
        if self._missing_at(log_key) is not None:
            return  # known already: this origin waits
        self._count(metrics.READER_GAPS.labels, message)
        if refetch:
            raise Gap(message.origin.key, expected, message.sequence, delivery.position)
        self.missing[log_key] = self._id(delivery)
        self._keep(delivery, log_key, GAP, f"expected {expected}, got {message.sequence}")

    def park(self, delivery: Delivery, code: str, detail: str) -> None:
        """Puts a delivery aside. If an origin can be named, it halts for this reader until somebody looks."""
        log_key, id_ = self._key_of(delivery), self._id(delivery)
        if delivery.message is None and (id_ in self._reader.aside.known or self._forgives(id_)):
            return  # read again: it was looked at before
        if log_key is None:
            self.put_aside(delivery, Undigestible(code, detail))
        elif not self._is_halted(log_key):
            self.halted[log_key] = code
            self._keep(delivery, log_key, code, detail)

    def put_aside(self, delivery: Delivery, reason: Undigestible) -> None:
        """Keeps a delivery under no origin, so that nothing waits for it; unless it is kept, or too many are."""
        id_, aside = self._id(delivery), self._reader.aside
        if id_ in aside.known:
            return
        if aside.nobodys + len(self.nobodys) >= NOBODYS_MAX:
            log.warning("not parked: too many are", reader=self._reader.view.name, code=reason.code)
            return
        self.nobodys.add(id_)
        self._keep(delivery, NOBODY, reason.code, reason.detail)

    def taken_up(self, message: Message, changes: Iterable[RowChange]) -> None:
        """A message that was put aside and has been read again leads to this; how far was read stays as it is."""
        self.messages.append(message)
        self.count += 1
        self.rows += changes

    def _keep(self, delivery: Delivery, log_key: LogKey, code: str, detail: str) -> None:
        name = self._reader.view.name
        # Said again, unchanged: the store refuses what was decided behind the back of a reader that is further.
        at = self.checkpoints.get(log_key) or self._reader.checkpoint(*log_key)
        if at != (0, 0):
            self.rows.append(Put(schema.checkpoints, (name, *log_key, *at)))
            self._progress.pop(log_key, None)  # the last row counts: what comes goes behind this
        where = (name, self._id(delivery), self._source, self._incarnation)
        self.rows.append(parked_put(where, delivery, log_key, code, detail, self._reader.now()))
        log.warning("parked", reader=name, origin=log_key[0], code=code, position=delivery.position)

    def _may_do_without(self, id_: str, row: Row | None) -> bool:
        """Whether a person has let something go that this reader cannot show either: the mark goes on to its view."""
        if row is not None:
            self.let_go.append(row | {"reader": self._reader.view.name, "id": id_})
            self.rows.append(Put(schema.discarded, tuple(self.let_go[-1].values())))
        return row is not None

    def _forgives(self, id_: str) -> bool:
        """The same for a message without a number."""
        return self._may_do_without(id_, next((row for row in self._reader.forgiven if row["id"] == id_), None))

    def _id(self, delivery: Delivery) -> str:
        return parked_id(self._reader.home, self._reader.view.name, self._source, self._incarnation, delivery.position)

    def _key_of(self, delivery: Delivery) -> LogKey | None:
        """Whose log a delivery stands in, by the subject the bus let it in on; None for nobody's."""
        if delivery.message is not None:
            return (delivery.message.origin.key, delivery.message.log)
        parts = delivery.subject.split(".")
        if len(parts) >= 5 and parts[0] == "plek" and parts[2] in LOGS:
            return (f"{parts[1]}/{parts[3]}", "pub" if parts[2] == "pub" else "loc")
        return None

    def _is_halted(self, log_key: LogKey) -> bool:
        if log_key in self.halted:
            return True
        return log_key in self._reader.aside.halted and log_key != self._retried

    def _missing_at(self, log_key: LogKey) -> str | None:
        """The id of the first message that came before its turn."""
        return self.missing[log_key] if log_key in self.missing else self._reader.aside.missing.get(log_key)
