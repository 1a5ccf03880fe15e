"""What happens to a check, whether somebody may be known at another desk: one stream at the desk that asks, and one at
the desk that is asked. What was asked is in neither: a question is sealed to a key that is soon gone.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Codec, Event


class CheckBegun(Event, frozen=True, tag="check-begun.v1"):
    """The desk of `site` is to be asked about this client. until: when nobody waits for an answer any more. again_at:
    when it is written to again, here and below."""

    check_id: str
    client_id: str
    site: str
    until: datetime
    again_at: datetime
    at: datetime


class CheckAsked(Event, frozen=True, tag="check-asked.v1"):
    """It gave a key, and was asked. question: sealed to that key; whoever asked cannot open it."""

    check_id: str
    question: str
    again_at: datetime
    at: datetime


class CheckRepeated(Event, frozen=True, tag="check-repeated.v1"):
    """It has not answered, and is written to from the beginning."""

    check_id: str
    again_at: datetime
    at: datetime


class CheckAnswered(Event, frozen=True, tag="check-answered.v1"):
    """It said `known`, `unknown` or `refused`."""

    check_id: str
    answer: str
    at: datetime


class CheckEnded(Event, frozen=True, tag="check-ended.v1"):
    """Nothing more is asked. because: a word of `CHECK_ENDS`."""

    check_id: str
    because: str
    at: datetime


CheckEvent: TypeAlias = CheckBegun | CheckAsked | CheckRepeated | CheckAnswered | CheckEnded
CHECK_CODEC: Codec[CheckEvent] = Codec((CheckBegun, CheckAsked, CheckRepeated, CheckAnswered, CheckEnded))


class CheckKeyGiven(Event, frozen=True, tag="check-key-given.v1"):
    """`site` may ask: key is the public half; the other one is in memory, and gone when the question is answered."""

    check_id: str
    site: str
    key: str
    at: datetime


class CheckReplied(Event, frozen=True, tag="check-replied.v1"):
    """`site` was told this. clients: files of this desk that may be the same person's; no letter names them."""

    check_id: str
    site: str
    answer: str
    clients: tuple[str, ...]
    at: datetime


class CheckReplyRepeated(Event, frozen=True, tag="check-reply-repeated.v1"):
    """It asked again: a letter was on the way for long. The answer stays as it was."""

    check_id: str
    at: datetime


ReplyEvent: TypeAlias = CheckKeyGiven | CheckReplied | CheckReplyRepeated
REPLY_CODEC: Codec[ReplyEvent] = Codec((CheckKeyGiven, CheckReplied, CheckReplyRepeated))
