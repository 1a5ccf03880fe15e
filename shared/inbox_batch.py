"""One batch on its way into a view: what each of its messages means, and what follows from all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import metrics, schema
from shared.envelope import LOGS, Log, Message
from shared.ports import Delete, Delivery, Put, RowChange
from shared.telemetry import logger

if TYPE_CHECKING:
    from shared.inbox import Follow, Reader

log = logger("inbox")

PARKED_DATA_BYTES_MAX = 64 * 1024
"""Of a parked message so much is kept to look at."""

PARKED_MAX = 1_000
"""Foreign messages (of no origin) parked at most a reader; more are dropped: they belong to nobody's log."""

LogKey = tuple[str, Log]
"""An origin's key and one of its logs: what a checkpoint is kept for."""


class Gap(Exception):
    """A message came before the one it follows."""

    def __init__(self, origin: str, expected: int, got: int) -> None:
        super().__init__(f"{origin}: expected {expected}, got {got}")
        self.origin, self.expected, self.got = origin, expected, got


class Undigestible(Exception):
    """Why a message is parked: a kebab-case code, and a detail without its contents."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


class Work:
    """What a batch will change, and where each origin will be. Nothing of it counts until it is stored."""

    def __init__(self, reader: Reader, follow: Follow) -> None:
        self._reader, self._follow = reader, follow
        self.rows: list[RowChange] = []
        self.checkpoints: dict[LogKey, tuple[int, int]] = {}
        self.halted: dict[LogKey, str] = {}
        self.missing: dict[LogKey, int | None] = {}
        self.applied: dict[str, int] = {}
        self.messages: list[Message] = []
        self.foreign = 0

    async def take(self, delivery: Delivery, refetch: bool) -> None:
        """Decides what one delivery means: applied, a duplicate, out of turn, parked, or not for this reader.

        Raises `Gap` when it is out of turn and `refetch` says the source may not have shown everything yet.
        """
        message = delivery.message
        if message is None:
            log_key = self._key_of(delivery)
            if log_key is None or log_key[0].split("/")[0] != self._follow.skip_site:
                self.park(delivery, delivery.problem, delivery.detail)
            return
        if message.origin.site == self._follow.skip_site:
            return
        log_key = (message.origin.key, message.log)
        if self._is_halted(log_key):
            return
        epoch, sequence = self.checkpoints.get(log_key) or self._reader.position_of(log_key)
        turn = self._reader.turn(message, epoch, sequence)
        if turn == "duplicate":
            metrics.READER_DUPLICATES.labels(self._reader.service, self._reader.view.name, message.origin.key).inc()
            return
        if turn == "early":
            self._out_of_turn(delivery, message, log_key, sequence + 1, refetch)
            return
        try:
            changes = self._reader.digest(message)
        except Undigestible as reason:
            self.park(delivery, reason.code, reason.detail)
            return
        if turn == "begins" and epoch:
            self.rows += await self._reader.forget(message.origin.key, self.rows)
        self._reached(message, log_key)
        self.rows += changes

    def _reached(self, message: Message, log_key: LogKey) -> None:
        origin, which = log_key
        self.checkpoints[log_key] = (message.origin.epoch, message.sequence)
        self.rows.append(
            Put(schema.checkpoints, (self._reader.view.name, origin, which, message.origin.epoch, message.sequence))
        )
        self.applied[origin] = self.applied.get(origin, 0) + 1
        self.messages.append(message)
        at = self._missing_at(log_key)
        if at is not None:  # what was missing has come
            self.missing[log_key] = None
            self.rows.append(Delete(schema.parked, (self._reader.view.name, self._follow.source.name, at)))

    def _out_of_turn(self, delivery: Delivery, message: Message, log_key: LogKey, expected: int, refetch: bool) -> None:
        if self._missing_at(log_key) is not None:
            return  # known already: this origin waits
        metrics.READER_GAPS.labels(self._reader.service, self._reader.view.name, message.origin.key).inc()
        if refetch:
            raise Gap(message.origin.key, expected, message.sequence)
        self.missing[log_key] = delivery.position
        self._keep(delivery, log_key, "sequence-gap", f"expected {expected}, got {message.sequence}")

    def park(self, delivery: Delivery, code: str, detail: str) -> None:
        """Puts a delivery aside. If an origin can be named, it halts for this reader until somebody looks."""
        log_key = self._key_of(delivery)
        if log_key is None:
            if self._reader.foreign + self.foreign < PARKED_MAX:
                self.foreign += 1
                self._keep(delivery, ("", "pub"), code, detail)
            return
        if self._is_halted(log_key):
            return
        self.halted[log_key] = code
        self._keep(delivery, log_key, code, detail)

    def _keep(self, delivery: Delivery, log_key: LogKey, code: str, detail: str) -> None:
        message = delivery.message
        epoch, sequence, type_ = (message.origin.epoch, message.sequence, message.type) if message else (0, 0, "")
        origin, which = log_key
        # Said again, unchanged: the store refuses what was decided behind the back of a reader that is further.
        at = self.checkpoints.get(log_key) or self._reader.position_of(log_key)
        if at != (0, 0):
            self.rows.append(Put(schema.checkpoints, (self._reader.view.name, origin, which, *at)))
        self.rows.append(
            Put(
                schema.parked,
                (
                    self._reader.view.name,
                    self._follow.source.name,
                    delivery.position,
                    origin,
                    which,
                    epoch,
                    sequence,
                    type_,
                    code,
                    detail[:500],
                    (message.data if message else delivery.data)[:PARKED_DATA_BYTES_MAX],
                    self._reader.now(),
                ),
            )
        )
        metrics.READER_PARKED.labels(self._reader.service, self._reader.view.name, origin or "none").inc()
        log.warning("parked", reader=self._reader.view.name, origin=origin, code=code, position=delivery.position)

    def _key_of(self, delivery: Delivery) -> LogKey | None:
        """Whose log a delivery stands in, by the subject the bus let it in on; None for nobody's."""
        if delivery.message is not None:
            return (delivery.message.origin.key, delivery.message.log)
        parts = delivery.subject.split(".")
        if len(parts) >= 5 and parts[0] == "plek" and parts[2] in LOGS:
            return (f"{parts[1]}/{parts[3]}", "pub" if parts[2] == "pub" else "loc")
        return None

    def _is_halted(self, log_key: LogKey) -> bool:
        return log_key in self.halted or self._reader.is_halted(log_key)

    def _missing_at(self, log_key: LogKey) -> int | None:
        return self.missing[log_key] if log_key in self.missing else self._reader.missing_at(log_key)
