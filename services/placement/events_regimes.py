"""What happens about regimes: the municipality declares one, every site hears of it, every location follows it.

`revision` is how often the municipality has said something of a regime: the higher one counts, in whatever order they
are heard. A regime is over at `ends_at`; cut short it is over at an earlier `ends_at`, perhaps before it began.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias, get_args

from shared.kernel import Codec, Event


class RegimeDeclared(Event, frozen=True, tag="regime-declared.v1"):
    """The municipality opens standby places of these kinds from `starts_at` to `ends_at`. Its revision is 1.

    site: the municipality's. reason: why it is shorter than a regime should be.
    """

    regime_id: str
    site: str
    name: str
    kinds: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    reason: str | None
    at: datetime


class RegimeCutShort(Event, frozen=True, tag="regime-cut-short.v1"):
    """The municipality ended it before its time, now."""

    regime_id: str
    revision: int
    ends_at: datetime
    at: datetime


class RegimeHeard(Event, frozen=True, tag="regime-heard.v1"):
    """Another site, the municipality, has told of a regime, or has said something new of it."""

    regime_id: str
    site: str
    revision: int
    name: str
    kinds: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    at: datetime


RegimeEvent: TypeAlias = RegimeDeclared | RegimeCutShort | RegimeHeard

REGIME_CODEC: Codec[RegimeEvent] = Codec(get_args(RegimeEvent))


class RegimeNoted(Event, frozen=True, tag="regime-noted.v1"):
    """A location knows of a regime. turns_at: when it has something to do about it next."""

    location: str
    regime_id: str
    revision: int
    kinds: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    turns_at: datetime
    at: datetime


class RegimeBegan(Event, frozen=True, tag="regime-began.v1"):
    """From now on the location's standby places of the regime's kinds are open."""

    location: str
    regime_id: str
    ends_at: datetime
    at: datetime


class RegimeEnded(Event, frozen=True, tag="regime-ended.v1"):
    """The regime opens nothing here any more; it may never have begun. Once for each regime."""

    location: str
    regime_id: str
    at: datetime


class StandbyOpened(Event, frozen=True, tag="standby-opened.v1"):
    """Standby places are open, free, and count as overflow."""

    place_ids: tuple[str, ...]
    at: datetime


class StandbyClosed(Event, frozen=True, tag="standby-closed.v1"):
    """Empty places are on standby again and count nowhere."""

    place_ids: tuple[str, ...]
    at: datetime
    observed_at: datetime | None = None


StandbyEvent: TypeAlias = RegimeNoted | RegimeBegan | RegimeEnded | StandbyOpened | StandbyClosed
"""What a regime does to a location: part of the location's stream."""
