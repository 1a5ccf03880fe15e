"""The closed lists of the domain: the same words in code, contracts, screens and tests (see docs/glossary.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Kind = Literal[
    "shelter_24h",
    "night_shelter",
    "family_shelter",
    "medical_respite",
    "allowance",
    "activation",
    "consultation",
    "internship",
]
BedKind = Literal["shelter_24h", "night_shelter", "family_shelter", "medical_respite"]
Feature = Literal[
    "step_free",
    "women_only",
    "men_only",
    "lgbtq_safe",
    "pets",
    "private",
    "isolation",
    "cot",
    "quiet",
]
BlockReason = Literal["cleaning", "repair", "isolation", "unstaffed", "safety", "reserved", "other"]
StayEndReason = Literal[
    "moved_on",
    "left_without_notice",
    "transferred",
    "stay_limit",
    "excluded",
    "medical",
    "deceased",
    "entered_in_error",
]
Composition = Literal["men", "women", "mixed", "family"]
HoldEnd = Literal["checked_in", "cancelled", "lapsed", "no_show"]
HoldAnswerStatus = Literal["active", "refused", "checked_in", "cancelled", "lapsed", "no_show"]
PlaceStatus = Literal["free", "held", "occupied", "blocked", "closed"]
SizeClass = Literal["1", "2", "3-4", "5+"]

BED_KINDS: tuple[str, ...] = (
    "shelter_24h",
    "night_shelter",
    "family_shelter",
    "medical_respite",
)
"""Kinds counted in places where people sleep; only these have stays."""

SEAT_KINDS: tuple[str, ...] = ("allowance",)
"""Kinds counted in seats of a programme; the allowance service writes them."""

SESSION_KINDS: tuple[str, ...] = ("activation", "consultation", "internship")
"""Kinds counted in seats of something with a beginning and an end."""

KINDS: tuple[str, ...] = BED_KINDS + SEAT_KINDS + SESSION_KINDS

FEATURES: tuple[str, ...] = (
    "step_free",
    "women_only",
    "men_only",
    "lgbtq_safe",
    "pets",
    "private",
    "isolation",
    "cot",
    "quiet",
)

BLOCK_REASONS: tuple[str, ...] = (
    "cleaning",
    "repair",
    "isolation",
    "unstaffed",
    "safety",
    "reserved",
    "other",
)

STAY_END_REASONS: tuple[str, ...] = (
    "moved_on",
    "left_without_notice",
    "transferred",
    "stay_limit",
    "excluded",
    "medical",
    "deceased",
    "entered_in_error",
)

COMPOSITIONS: tuple[str, ...] = ("men", "women", "mixed", "family")
"""Who a room is for, and who a household is. A mixed room takes anybody."""

HOLD_ENDS: tuple[str, ...] = ("checked_in", "cancelled", "lapsed", "no_show")

SIZE_CLASSES: tuple[str, ...] = ("1", "2", "3-4", "5+")

ETHOS_LIGHT: dict[str, int] = {
    "night_shelter": 2,
    "shelter_24h": 3,
    "family_shelter": 3,
    "medical_respite": 3,
}
"""ETHOS Light category of the kinds that have one: 2 emergency accommodation, 3 temporary accommodation."""

HOLD_MINUTES_MIN = 30
HOLD_MINUTES_MAX = 240
HOLD_MINUTES_DEFAULT = 90


def size_class(sleeps: int) -> SizeClass:
    """The size class a place of so many sleepers is counted in."""
    if sleeps >= 5:
        return "5+"
    if sleeps >= 3:
        return "3-4"
    return "2" if sleeps == 2 else "1"


def feature_class(features: Iterable[str]) -> str:
    """The feature class a place is counted in: its features sorted and joined by `+`; empty for a place with none."""
    return "+".join(sorted(set(features)))


OVERNIGHT_LICENCE = "Contains information licensed under the Open Government Licence - Toronto."
"""What has to stand wherever figures of the public overnight reports are shown."""

_REPORTED = re.compile(r"(loc|shelter)-[0-9]+")


def is_reported(location: str) -> bool:
    """Whether a location comes from the public overnight reports: it is named `loc-<id>`, or `shelter-<id>` without
    one.
    """
    return _REPORTED.fullmatch(location) is not None
