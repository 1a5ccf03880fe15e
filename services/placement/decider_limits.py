"""The limits of one command, and the refusals that several commands share. Every check returns a refusal or None."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from datetime import UTC, datetime, timedelta

from shared.contracts.vocabulary import BED_KINDS, COMPOSITIONS, FEATURES, KINDS
from shared.kernel import Rejected

PLACES_A_COMMAND_MAX = 500
PLACES_A_LOCATION_MAX = 2000
HOUSEHOLD_SIZE_MAX = 20
"""People; so a hold or stay names at most as many places."""
SLEEPS_MAX = 20
NIGHT_PLACES_MAX = 1000
"""Places of one programme in one report; the largest published one has 334."""
NIGHTS_A_COMMAND_MAX = 50
"""Reported nights in one append: each is a handful of events and messages."""
PROGRAMMES_A_LOCATION_MAX = 100
PUBLISHED_MAX = 100_000
"""The largest figure a report may give beside those of its places."""
WORDS_MAX = 30
WORD_CHARS_MAX = 200
GROUPS_A_LOCATION_MAX = 200
"""Makes (kind, size class, features) a location ever had: all of its figures fit into one message."""
TITLE_CHARS_MAX = 200
DISTRICT_CHARS_MAX = 60
AHEAD_MAX = timedelta(minutes=2)
"""How far a tap's clock may be ahead of the owner's."""
OLD_MAX = timedelta(days=7)
"""How old an observation may be; only an imported report may be older."""
UNTIL_MAX = timedelta(days=5 * 366)
"""How far ahead an expected end may lie."""

_KINDS = frozenset(KINDS)
_BED_KINDS = frozenset(BED_KINDS)
_FEATURES = frozenset(FEATURES)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_LOCATION = re.compile(r"[a-z][a-z0-9-]{0,60}\Z")
_SITE = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LABEL = re.compile(r"[^\W_][\w .,'()/&+-]{0,59}\Z")


def id_refused(*ids: str) -> Rejected | None:
    """Refused: `id-invalid` unless each is a lower-case hyphenated UUID."""
    for id_ in ids:
        if not _UUID.match(id_):
            return Rejected("id-invalid", {"id": id_[:80]})
    return None


def ids_refused(ids: Sequence[str], most: int) -> Rejected | None:
    """Refused: `too-many-places`, `id-repeated`, `id-invalid`."""
    if len(ids) > most:
        return Rejected("too-many-places", {"places": len(ids), "places_max": most})
    if len(set(ids)) != len(ids):
        return Rejected("id-repeated", {})
    return id_refused(*ids)


def location_name_refused(name: str) -> Rejected | None:
    """Refused: `location-name-invalid` unless a lower-case letter and up to 60 letters, digits and hyphens."""
    return None if _LOCATION.match(name) else Rejected("location-name-invalid", {"location": name[:80]})


def is_site_name(name: str) -> bool:
    """A lower-case letter and up to 30 letters, digits and hyphens."""
    return _SITE.match(name) is not None


def label_refused(code: str, label: str) -> Rejected | None:
    """Refused with `code` unless 1 to 60 letters, digits, spaces and plain signs, beginning with a letter or digit."""
    return None if _LABEL.match(label) else Rejected(code, {"length": len(label), "length_max": 60})


def words_refused(words: Sequence[str]) -> Rejected | None:
    """Refused: `words-invalid` unless they are few, short and plain."""
    if len(words) <= WORDS_MAX and all(len(word) <= WORD_CHARS_MAX and not _CONTROL.search(word) for word in words):
        return None
    return Rejected("words-invalid", {"words_max": WORDS_MAX, "length_max": WORD_CHARS_MAX})


def kind_refused(kind: str) -> Rejected | None:
    """Refused: `kind-unknown`, `kind-without-beds`."""
    if kind in _BED_KINDS:
        return None
    return Rejected("kind-without-beds" if kind in _KINDS else "kind-unknown", {"kind": kind[:80]})


def composition_refused(composition: str) -> Rejected | None:
    """Refused: `composition-unknown`."""
    return None if composition in COMPOSITIONS else Rejected("composition-unknown", {"composition": composition[:80]})


def features_refused(features: Sequence[str]) -> Rejected | None:
    """Refused: `feature-unknown`."""
    for feature in features:
        if feature not in _FEATURES:
            return Rejected("feature-unknown", {"feature": feature[:80]})
    return None


def version_refused(expected: int | None, actual: int) -> Rejected | None:
    """Refused: `version-stale` when the caller saw another version than the present one."""
    if expected is None or expected == actual:
        return None
    return Rejected("version-stale", {"expected": expected, "actual": actual})


def observed_refused(observed_at: datetime | None, at: datetime) -> Rejected | None:
    """Refused: `time-without-zone`, `observed-in-future` (over 2 minutes ahead), `observed-too-old` (over 7 days)."""
    if observed_at is None:
        return None
    if observed_at.tzinfo is None:
        return Rejected("time-without-zone", {})
    if observed_at - at > AHEAD_MAX:
        return Rejected(
            "observed-in-future",
            {"observed_at": observed_at.isoformat(), "ahead_seconds_max": 120},
        )
    if at - observed_at > OLD_MAX:
        return Rejected(
            "observed-too-old",
            {"observed_at": observed_at.isoformat(), "age_days_max": 7},
        )
    return None


def groups_refused(groups: Container[str], many: int, group: str) -> Rejected | None:
    """Refused: `too-many-groups` when this would be one make of place too many. many: groups there are."""
    if group in groups or many < GROUPS_A_LOCATION_MAX:
        return None
    return Rejected("too-many-groups", {"groups_max": GROUPS_A_LOCATION_MAX})


def household_refused(household_size: int) -> Rejected | None:
    """Refused: `household-size-invalid`, `household-too-large`."""
    if household_size < 1:
        return Rejected("household-size-invalid", {"household_size": household_size})
    if household_size > HOUSEHOLD_SIZE_MAX:
        return Rejected(
            "household-too-large",
            {
                "household_size": household_size,
                "household_size_max": HOUSEHOLD_SIZE_MAX,
            },
        )
    return None


def until_refused(until: datetime | None, at: datetime) -> Rejected | None:
    """Refused: `time-without-zone`, `until-in-past`, `until-too-far` (over five years)."""
    if until is None:
        return None
    if until.tzinfo is None:
        return Rejected("time-without-zone", {})
    if until <= at:
        return Rejected("until-in-past", {"until": until.isoformat()})
    if until - at > UNTIL_MAX:
        return Rejected("until-too-far", {"ahead_days_max": UNTIL_MAX.days})
    return None


def utc(time: datetime) -> datetime:
    """The same moment as stores keep it."""
    return time.astimezone(UTC)


def in_utc(time: datetime | None) -> datetime | None:
    """The same moment as stores keep it. Only for times a check above has passed."""
    return None if time is None else time.astimezone(UTC)
