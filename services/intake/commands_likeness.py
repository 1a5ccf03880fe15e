"""What can be asked about a check at another desk, of the desk that asks and of the one that is asked."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Command


class BeginCheck(Command, frozen=True, kw_only=True):
    """Ask the desk of `site` about a client. check_id: random. until: when nobody waits any more."""

    check_id: str
    client_id: str
    site: str
    until: datetime


class AskCheck(Command, frozen=True, kw_only=True):
    """`site` gave a key. question: sealed to it by whoever handles this; empty while that cannot be done."""

    check_id: str
    site: str
    key: str
    question: str = ""


class RepeatCheck(Command, frozen=True, kw_only=True):
    """Its timer fired."""

    check_id: str


class HearCheckAnswer(Command, frozen=True, kw_only=True):
    """`site` says so."""

    check_id: str
    site: str
    answer: str


class EndCheck(Command, frozen=True, kw_only=True):
    """Nobody needs the answer any more, or nobody will give it. because: a word of `CHECK_ENDS`."""

    check_id: str
    because: str


CheckCommand: TypeAlias = BeginCheck | AskCheck | RepeatCheck | HearCheckAnswer | EndCheck
CHECK_COMMANDS = (BeginCheck, AskCheck, RepeatCheck, HearCheckAnswer, EndCheck)


class GiveCheckKey(Command, frozen=True, kw_only=True):
    """`site` would like to ask. key, refuse: put in by whoever handles this; no key while nothing can be compared."""

    check_id: str
    site: str
    key: str = ""
    refuse: bool = False


class ReplyToCheck(Command, frozen=True, kw_only=True):
    """`site` asks. answer, clients: what was found, put in by whoever handles this; key: another one, when the one it
    is sealed to is gone."""

    check_id: str
    site: str
    question: str
    answer: str = ""
    clients: tuple[str, ...] = ()
    key: str = ""
    refuse: bool = False


ReplyCommand: TypeAlias = GiveCheckKey | ReplyToCheck
REPLY_COMMANDS = (GiveCheckKey, ReplyToCheck)
