"""What may be asked about regimes: of the municipality, of a site that heard of one, and of a location."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from shared.kernel import Command


class DeclareRegime(Command, frozen=True, kw_only=True):
    """Standby places of these kinds open everywhere from `starts_at` to `ends_at`.

    site: the municipality's. reason: why it lasts less than three nights, where it does.
    """

    regime_id: str
    site: str
    name: str
    kinds: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    reason: str | None = None


class EndRegime(Command, frozen=True, kw_only=True):
    """It ends now, before its time."""

    regime_id: str
    if_version: int | None = None


class HearRegime(Command, frozen=True, kw_only=True):
    """Another site told of a regime. revision: the higher one counts."""

    regime_id: str
    site: str
    revision: int
    name: str
    kinds: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime


RegimeCommand: TypeAlias = DeclareRegime | EndRegime | HearRegime


class NoteRegime(Command, frozen=True, kw_only=True):
    """The site knows of a regime: a location makes its own times of it. Asked again nothing happens."""

    location: str
    regime_id: str
    revision: int
    kinds: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime


class TurnRegime(Command, frozen=True, kw_only=True):
    """The timer of a regime's beginning or end fired. Nothing happens before its time, or a second time."""

    location: str
    regime_id: str
