"""The figures of one group of places, and the names that contracts know locations, sites and things by."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.base import SITE_PATTERN, UUID_PATTERN
from shared.contracts.vocabulary import LIVED_MAX, BedKind, SessionKind, SizeClass

LOCATION_PATTERN = r"^[a-z][a-z0-9-]{0,60}$"
FEATURE_CLASS_PATTERN = r"^([a-z][a-z0-9_]{0,30}(\+[a-z][a-z0-9_]{0,30}){0,15})?$"

LocationName = Annotated[str, Field(pattern=LOCATION_PATTERN)]
SiteName = Annotated[str, Field(pattern=SITE_PATTERN)]
Id = Annotated[str, Field(pattern=UUID_PATTERN)]
Count = Annotated[int, Field(ge=0, le=100_000)]
Lived = Annotated[tuple[tuple[BedKind, AwareDatetime], ...], Field(min_length=1, max_length=LIVED_MAX)]
"""In which kind of place somebody lives since when; each until the next."""


class CapacityRow(BaseModel):
    """The absolute counts of one group of places of a location: those of one kind, size class and feature class.

    Every place counts once: occupied, held, blocked or free. total leaves out overflow places, so free (available) =
    total + overflow - occupied - held - blocked. people: in the stays. feature_class: sorted features joined by `+`.
    observed_at: the newest observation by a person; None when nobody looked yet.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: BedKind
    size_class: SizeClass
    feature_class: Annotated[str, Field(pattern=FEATURE_CLASS_PATTERN)]
    total: Count
    overflow: Count
    occupied: Count
    held: Count
    blocked: Count
    people: Count
    observed_at: AwareDatetime | None

    @property
    def available(self) -> int:
        """Free places."""
        return self.total + self.overflow - self.occupied - self.held - self.blocked


class SessionSeats(BaseModel):
    """The sessions of one kind that are not over: how many, how many seats they have, how many of those are booked."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: SessionKind
    sessions: Count
    seats: Count
    booked: Count


class SessionWeekRow(BaseModel):
    """The sessions of one kind that ended in one week: how many, of how many it was counted who came, their booked
    seats, how many of those people came, and how many sessions were full. wait_days: from the end of the week until
    the first session with a free seat begins; None: no session had one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: SessionKind
    sessions: Count
    counted: Count
    booked: Count
    attended: Count
    full: Count
    wait_days: Count | None
