"""What can be asked of the intake service. Whatever describes a person comes sealed: a command may lie about for
longer than the file.

client_id: of the file that decides. if_version: of the file as whoever asks has seen it, or of the request in it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias, get_args

from services.intake.commands_alias import AliasCommand
from services.intake.commands_flows import FlowCommand
from services.intake.commands_guidance import GuidanceCommand
from services.intake.commands_handover import HandOverCommand
from services.intake.commands_offers import OfferCommand
from shared.contracts.vocabulary import ANYWHERE
from shared.kernel import Command


class RegisterClient(Command, frozen=True, kw_only=True):
    """Somebody is here for the first time."""

    client_id: str
    card: str
    personal: str | None = None


class CorrectClient(Command, frozen=True, kw_only=True):
    """The file is wrong, or the world has changed. None leaves a part as it is."""

    client_id: str
    reason: str
    card: str | None = None
    personal: str | None = None
    if_version: int | None = None


class ReadPersonal(Command, frozen=True, kw_only=True):
    """Somebody wants to read what is personal, and says why. It is opened when this is recorded."""

    client_id: str
    read_id: str
    purpose: str
    in_list: bool = False


class OpenRequest(Command, frozen=True, kw_only=True):
    """The client asks for a place. priority_band, rules_version: what the rules make of the sealed facts. transfer:
    whoever asks knows that the client lives somewhere, and wants them to move."""

    client_id: str
    request_id: str
    kinds: tuple[str, ...]
    features: tuple[str, ...] = ()
    household_size: int = 1
    not_at: tuple[str, ...] = ()
    facts: str
    priority_band: int
    rules_version: int
    transfer: bool = False


class PrioritizeRequest(Command, frozen=True, kw_only=True):
    """What gives the request its priority is otherwise, or the rules are (`by_rules`)."""

    client_id: str
    request_id: str
    facts: str
    priority_band: int
    rules_version: int
    by_rules: bool = False
    if_version: int | None = None


class WithdrawRequest(Command, frozen=True, kw_only=True):
    """The client asks no longer."""

    client_id: str
    request_id: str
    reason: str
    if_version: int | None = None


class NoteUnmet(Command, frozen=True, kw_only=True):
    """Nothing was found for this request: somebody looked, or it has waited for a day."""

    client_id: str
    request_id: str
    district: str = ANYWHERE


class EraseClient(Command, frozen=True, kw_only=True):
    """Forget this person. idle_since: only if nothing happened after it; that is how retention asks."""

    client_id: str
    because: str
    idle_since: datetime | None = None
    if_version: int | None = None


class NoteKeyDestroyed(Command, frozen=True, kw_only=True):
    """The vault has destroyed the key of an erased file."""

    client_id: str
    destroyed_at: datetime


FileCommand: TypeAlias = (
    RegisterClient
    | CorrectClient
    | ReadPersonal
    | OpenRequest
    | PrioritizeRequest
    | WithdrawRequest
    | NoteUnmet
    | EraseClient
    | NoteKeyDestroyed
    | GuidanceCommand
    | HandOverCommand
    | FlowCommand
    | AliasCommand
)

ClientCommand: TypeAlias = FileCommand | OfferCommand

COMMANDS: tuple[type[ClientCommand], ...] = get_args(ClientCommand)


class RecordRetention(Command, frozen=True, kw_only=True):
    """The day's look for files nobody uses is done. again_at: when the next one is due."""

    site: str
    day: date
    retention_days: int
    erased: int
    again_at: datetime
