"""A relay's messages on the wire, and the server's answers to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from shared.bus_connection import ANSWER_SECONDS, LOOK_SECONDS, BusClient, refused
from shared.bus_parser import Heard
from shared.envelope import Message, bus_subject
from shared.ports import BusUnavailable

Marked = tuple[Message, dict[str, str]]
"""A message with the headers it is sent under."""

Check = Callable[[Heard, Message], None]
"""Looks whether an answer says that a message is where it belongs. Raises what it deserves if not."""

NO_RESPONDERS = "503"
"""Nobody listens where a message was sent: there is no such stream."""


class _Call:
    """Messages that were sent together, and who waits for them."""

    __slots__ = ("at", "connection", "future", "last", "left")

    def __init__(self, future: asyncio.Future[int], last: int, left: int, connection: int, at: float) -> None:
        self.future, self.last, self.left, self.connection, self.at = future, last, left, connection, at


class Wire:
    """Puts a relay's messages on its connection at once, and hears the server's answers as they are read.

    The library's own request makes a task, a timer and a future of each message, and has the bytes wait for a task that
    writes. In a busy process each of these waits for its turn, some milliseconds long: half of the time a message was
    under way between two sites.

    failed: called as soon as something goes wrong, before anybody who waits hears of it. trouble: what an error means
    to them.
    """

    def __init__(
        self, client: BusClient, failed: Callable[[], None], trouble: Callable[[Exception], Exception]
    ) -> None:
        self._client, self._failed, self._trouble = client, failed, trouble
        self._loop = asyncio.get_running_loop()
        self._inbox = ""
        self._number = 0
        self._waiting: dict[str, tuple[_Call, Message, Check]] = {}
        self._looking: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Subscribes to the answers; a connection that is lost and found again still has the subscription."""
        if not self._inbox:
            inbox = self._client.new_inbox()
            await self._client.listen(f"{inbox}.*", self._hear)
            self._inbox = inbox

    def send(self, marked: Sequence[Marked], check: Check) -> asyncio.Future[int] | None:
        """Puts messages on the wire in order. The answer is the last one's sequence, once every one of them is
        acknowledged; an error is what `trouble` makes of it. None: nothing was sent, somebody is in the way.
        """
        if not self._inbox:
            return None
        tokens = [str(self._number + n) for n in range(1, len(marked) + 1)]
        if not self._client.put([
            (bus_subject(message), f"{self._inbox}.{token}", message.data, headers)
            for token, (message, headers) in zip(tokens, marked, strict=True)
        ]):  # fmt: skip
            return None
        self._number += len(marked)
        future: asyncio.Future[int] = self._loop.create_future()
        connection, last = self._client.stats["reconnects"], marked[-1][0].sequence
        call = _Call(future, last, len(marked), connection, self._loop.time())
        for token, (message, _) in zip(tokens, marked, strict=True):
            self._waiting[token] = (call, message, check)
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_SECONDS, self._look)
        return future

    def _hear(self, answers: Sequence[Heard]) -> None:
        for answer in answers:
            self._hear_one(answer)

    def _hear_one(self, answer: Heard) -> None:
        found = self._waiting.pop(answer.subject.rpartition(".")[2], None)
        if found is None:
            return
        call, message, check = found
        if call.future.done():
            return
        try:
            if (answer.headers or {}).get("Status") == NO_RESPONDERS:
                raise BusUnavailable("no such stream")
            refused(answer)
            check(answer, message)
        except Exception as error:
            self._end(call, error)
            return
        call.left -= 1
        if not call.left:
            call.future.set_result(call.last)

    def _look(self) -> None:
        """Gives up what was sent on a connection that is gone, or is not answered."""
        self._looking = None
        for call, _, _ in list(self._waiting.values()):
            if not self._client.is_connected or self._client.stats["reconnects"] != call.connection:
                self._end(call, BusUnavailable("the connection was lost"))
            elif self._loop.time() - call.at > ANSWER_SECONDS:
                self._end(call, BusUnavailable("no answer"))
        self._waiting = {token: found for token, found in self._waiting.items() if not found[0].future.done()}
        if self._waiting:
            self._looking = self._loop.call_later(LOOK_SECONDS, self._look)

    def _end(self, call: _Call, error: Exception) -> None:
        if call.future.done():
            return
        self._failed()
        call.future.set_exception(self._trouble(error))
