"""What can be asked about handing a file over to another desk: of the file that goes, and of the desk that takes it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias

import msgspec

from services.intake.events_handover import TakenReferral, TakenTrajectory
from shared.kernel import Command


class HandOver(Command, frozen=True, kw_only=True):
    """The desk of `site` is to have this file. hand_over_id: random."""

    client_id: str
    hand_over_id: str
    site: str


class CallOffHandOver(Command, frozen=True, kw_only=True):
    """The file is to stay, unless the other desk has it by now."""

    client_id: str


class ResumeHandOver(Command, frozen=True, kw_only=True):
    """This file was sent to the desk of `site`, and the database is older than that: an earlier backup was put back."""

    client_id: str
    hand_over_id: str
    site: str


class HearHandOver(Command, frozen=True, kw_only=True):
    """How it ended, in the word of the other desk: of `HAND_OVER_ENDS`."""

    client_id: str
    hand_over_id: str
    how: str


class TakenRequest(msgspec.Struct, frozen=True):
    """What the client of a file waits for. request_id: random, another one than at the other desk. counted: it is no
    need any more that could count as not met."""

    request_id: str
    kinds: tuple[str, ...]
    features: tuple[str, ...]
    household_size: int
    not_at: tuple[str, ...]
    facts: str
    priority_band: int
    rules_version: int
    waiting_since: date
    counted: bool


class TakeFile(Command, frozen=True, kw_only=True):
    """The file that was agreed on has come, and is sealed under a key of this vault. reached: when each milestone was,
    by its id. expected: when the client is expected, by the id of the referral it belongs to."""

    client_id: str
    hand_over_id: str
    site: str
    card: str
    personal: str | None
    trajectories: tuple[TakenTrajectory, ...] = ()
    referrals: tuple[TakenReferral, ...] = ()
    request: TakenRequest | None = None
    reached: dict[str, datetime] = msgspec.field(default_factory=dict)
    expected: dict[str, datetime] = msgspec.field(default_factory=dict)


HandOverCommand: TypeAlias = HandOver | CallOffHandOver | ResumeHandOver | HearHandOver | TakeFile


class AskToTake(Command, frozen=True, kw_only=True):
    """The desk of `site` asks, perhaps again. refuse: it has asked too much, put in by whoever handles this."""

    hand_over_id: str
    site: str
    refuse: bool = False


class AgreeToTake(Command, frozen=True, kw_only=True):
    """Somebody at this desk takes it."""

    hand_over_id: str


class DeclineToTake(Command, frozen=True, kw_only=True):
    """Nobody at this desk takes it."""

    hand_over_id: str


class FinishTaking(Command, frozen=True, kw_only=True):
    """It came, and is the file of this client here."""

    hand_over_id: str
    site: str
    client_id: str


class CallOffTaking(Command, frozen=True, kw_only=True):
    """The desk of `site` keeps it."""

    hand_over_id: str
    site: str


TakingCommand: TypeAlias = AskToTake | AgreeToTake | DeclineToTake | FinishTaking | CallOffTaking
TAKING_COMMANDS = (AskToTake, AgreeToTake, DeclineToTake, FinishTaking, CallOffTaking)
