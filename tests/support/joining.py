"""Somebody who has read every word that was told, and joins whatever has anything in common."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from shared.envelope import Message

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HEX = re.compile(r"[0-9a-f]{16,}")


class Joined:
    """Everything that hangs together by something two messages have in common."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def root(self, one: str) -> str:
        above = self._above.setdefault(one, one)
        while above != self._above[above]:
            above = self._above[above]
        self._above[one] = above
        return above

    def join(self, marks: Iterable[str]) -> None:
        first, *others = marks
        for other in others:
            self._above[self.root(other)] = self.root(first)


def ids_of(message: Message) -> set[str]:
    """Every id anywhere in a message, and what its seal is made of."""
    sealed = msgspec.json.decode(message.data).get("sealed", "")
    text = message.data.decode().replace(sealed, "") if sealed else message.data.decode()
    around = f"{message.id} {message.correlation_id} {message.causation_id} {message.traceparent} {message.subject}"
    seal = sealed.split(".")
    header = {each for each in seal if len(each) < 200}  # the header is the same for every letter to one site
    return {*UUID.findall(text), *UUID.findall(around), *HEX.findall(around)} | (set(seal) - header)


def marks_of(message: Message) -> set[str]:
    """The same, and the moment it was written down in."""
    return ids_of(message) | {message.time.isoformat()}
