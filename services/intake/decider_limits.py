"""The limits of one command, and the refusals several commands share. None of them repeats what was given: it may be a
name in the wrong field, and a refusal is kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from services.intake.decider_file import File
from services.intake.decider_parts import Request
from shared.contracts.intake import NOT_AT_MAX, RULES_MAX
from shared.contracts.vocabulary import BED_KINDS, FEATURES, KINDS
from shared.kernel import Rejected

HOUSEHOLD_SIZE_MAX = 20
REQUESTS_A_YEAR_MAX = 200
REQUESTS_COUNT_FOR = timedelta(days=365)
"""Requests a file may open in a year. Those that ended longer ago keep nobody from asking."""
SEALED_CHARS_MAX = 120_000
BAND_MAX = 3

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_LOCATION = re.compile(r"[a-z][a-z0-9-]{0,60}\Z")
_ARRIVAL = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{64}\Z")
_SEALED = re.compile(r"v1\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+\Z")


def id_refused(*ids: str) -> Rejected | None:
    """Refused: `id-invalid` unless each is a lower-case hyphenated UUID."""
    return None if all(_UUID.match(id_) for id_ in ids) else Rejected("id-invalid", {})


def sealed_refused(*texts: str | None) -> Rejected | None:
    """Refused: `not-sealed`. Nothing that describes a person gets into an event in the open, whoever errs."""
    for text in texts:
        if text is not None and (len(text) > SEALED_CHARS_MAX or _SEALED.match(text) is None):
            return Rejected("not-sealed", {"characters_max": SEALED_CHARS_MAX})
    return None


def kinds_refused(kinds: Sequence[str]) -> Rejected | None:
    """Refused: `kinds-missing`, `kind-unknown`, `kind-without-beds`, `kind-repeated`."""
    if not kinds:
        return Rejected("kinds-missing", {})
    if any(kind not in KINDS for kind in kinds):
        return Rejected("kind-unknown", {})
    if any(kind not in BED_KINDS for kind in kinds):
        return Rejected("kind-without-beds", {})
    return Rejected("kind-repeated", {}) if len(set(kinds)) != len(kinds) else None


def wishes_refused(features: Sequence[str], household_size: int, not_at: Sequence[str]) -> Rejected | None:
    """Refused: `feature-unknown`, `household-size-invalid`, `location-name-invalid`, `too-many-locations`."""
    if any(feature not in FEATURES for feature in features):
        return Rejected("feature-unknown", {})
    if not 1 <= household_size <= HOUSEHOLD_SIZE_MAX:
        return Rejected("household-size-invalid", {"household_size_max": HOUSEHOLD_SIZE_MAX})
    if len(not_at) > NOT_AT_MAX:
        return Rejected("too-many-locations", {"locations_max": NOT_AT_MAX})
    return None if all(_LOCATION.match(name) for name in not_at) else Rejected("location-name-invalid", {})


def priority_refused(band: int, rules_version: int) -> Rejected | None:
    """Refused: `priority-invalid`."""
    if 0 <= band <= BAND_MAX and 1 <= rules_version <= RULES_MAX:
        return None
    return Rejected("priority-invalid", {"band_max": BAND_MAX})


def arrival_refused(arrival: str) -> Rejected | None:
    """Refused: `arrival-invalid`: not a salt and a hash. A code itself gets into no event."""
    return None if _ARRIVAL.match(arrival) else Rejected("arrival-invalid", {})


def site_refused(name: str) -> Rejected | None:
    """Refused: `site-invalid`."""
    return None if _LOCATION.match(name) else Rejected("site-invalid", {})


def zone_refused(*times: datetime | None) -> Rejected | None:
    """Refused: `time-without-zone`."""
    return Rejected("time-without-zone", {}) if any(at and at.tzinfo is None for at in times) else None


def request_version_refused(file: File, request: Request, if_version: int | None) -> Rejected | None:
    """Refused: `version-stale`. Any version of the file counts from the one on in which the request last moved: that
    somebody looked into the file since changes nothing about the request.
    """
    return moved_refused(file, request.version, if_version)


def moved_refused(file: File, moved: int, if_version: int | None) -> Rejected | None:
    """Refused: `version-stale`. moved: the version of the file when the part that is asked about last moved."""
    if if_version is None or moved <= if_version <= file.version:
        return None
    return Rejected("version-stale", {"expected": if_version, "actual": moved})


def version_refused(file: File, if_version: int | None) -> Rejected | None:
    """Refused: `version-stale`."""
    return moved_refused(file, file.moved, if_version)
