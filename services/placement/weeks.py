"""What happened at the desks of the network in one week: sums of what each has told, without small counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from shared.contracts.vocabulary import (
    ANYWHERE,
    BED_KINDS,
    DISTRICTS,
    FEATURES,
    FLOW_ENDS,
    OUTCOME_KINDS,
    PARTNER_GROUPS,
    SESSION_KINDS,
    SIZE_CLASSES,
)
from shared.suppression import Shown, suppress

PERSPECTIVE = ("legal_stay", "new_application", "medical_deferral")
"""Ways a trajectory ends with a perspective of residence."""

PERSPECTIVE_SHARE_REPORTED = 0.40
"""The share that guidance organisations report after good guidance (public reports, 2018-2025)."""

REGISTRATIONS, REFERRALS, OUTCOMES = "registrations", "referrals", "outcomes"
"""The parts of a week's counts."""
UNMET, UNMET_KINDS, UNMET_SIZES = "unmet", "unmet-kinds", "unmet-sizes"
UNMET_FEATURES, UNMET_DISTRICTS = "unmet-features", "unmet-districts"
"""Of what nothing was found for."""
FLOWS = "flows"
"""Of households that went from one kind of place to another."""


def flow_word(came_from: str, went_to: str) -> str:
    """The word of one flow among the counts of a week."""
    return f"{came_from}>{went_to}"


@dataclass(frozen=True, slots=True)
class Count:
    """One count of one desk. part: of the week's counts. word: within that part. count: None when it was small."""

    site: str
    part: str
    word: str
    count: int | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """A sum in which small counts of some desks are not known. Both None: small, or it would give a small one away."""

    least: int | None
    most: int | None


@dataclass(frozen=True, slots=True)
class Unmet:
    """What nothing was found for in the network. None: left out."""

    total: int | None
    kinds: Mapping[str, int | None]
    size_classes: Mapping[str, int | None]
    features: Mapping[str, int | None]
    districts: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Flows:
    """Households that lived in one kind of place when the week began and in another when it ended. None: left out.

    total: all that moved. left: by where they came from. ways: of those, by where they went to. told: whether any desk
    has told them of this week.
    """

    total: int | None
    left: Mapping[str, int | None]
    ways: Mapping[str, Mapping[str, int | None]]
    told: bool


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one kind that ended in a week, of all houses. full: of how many every seat was booked. counted:
    of how many it was counted who came. booked, attended: people; None: left out.

    wait_days_least, wait_days_most: from the end of the week until the first session with a free seat, in the house
    where that was soonest and in the one where it was latest; None: no house had a seat. without_seat: houses that had
    none.
    """

    sessions: int
    full: int
    counted: int
    booked: int | None
    attended: int | None
    wait_days_least: int | None
    wait_days_most: int | None
    without_seat: int


class HouseSessions(NamedTuple):
    """The same of one house, as it told it. wait_days: None where no session had a free seat."""

    sessions: int
    counted: int
    booked: int
    attended: int
    full: int
    wait_days: int | None


@dataclass(frozen=True, slots=True)
class Week:
    """One week of the network. None: left out. share: (legal stay + new application + medical deferral) / ended.

    missing: desks that have not told it.
    """

    week: date
    registrations: int | None
    referrals: Mapping[str, Bounds]
    ended: int | None
    perspective: int | None
    outcomes: Mapping[str, int | None]
    share: float | None
    unmet: Unmet
    flows: Flows
    missing: Sequence[str]


def week_of_network(week: date, counts: Iterable[Count], desks: Sequence[str], below: int) -> Week:
    """One week of all desks together. below: counts under it are small. The order of the counts changes nothing."""
    told = list(counts)  # of a site that has left since, too
    sums = {kind: _sum(told, OUTCOMES, kind) for kind in OUTCOME_KINDS}
    ended = suppress(
        {
            "perspective": {kind: sums[kind] for kind in PERSPECTIVE},
            "other": {kind: sums[kind] for kind in OUTCOME_KINDS if kind not in PERSPECTIVE},
        },
        below,
    )
    good, outcomes = ended["perspective"].count, _outcomes(ended)
    heard = {count.site for count in told if count.part == REGISTRATIONS}
    return Week(
        week=week,
        registrations=suppress(_sum(told, REGISTRATIONS, ""), below).count,
        referrals={group: _bounds(told, group, below) for group in PARTNER_GROUPS},
        ended=ended.count, perspective=good, outcomes=outcomes,
        share=None if good is None or not ended.count else good / ended.count,
        unmet=unmet_of(told, below),
        flows=flows_of(told, below),
        missing=[desk for desk in desks if desk not in heard],
    )  # fmt: skip


def sessions_of_network(told: Iterable[tuple[str, HouseSessions]], below: int) -> dict[str, Sessions]:
    """Each kind of all houses together. told: kind and counts. How many sessions there were, how many were full and how
    long one waits is no count of people; how many had a seat and how many came is left out where either is small, or
    the difference is: who stayed away. Who came is held against the seats of houses that counted all their sessions: of
    one that counted some, nobody here knows how many seats those had, and whoever does would find who stayed away by
    subtraction; so with one of these nothing is said of who came. A house that says that more came than had a seat
    takes no week from anybody: there nobody stayed away."""
    rows = list(told)
    return {kind: _sessions([row for name, row in rows if name == kind], below) for kind in SESSION_KINDS}


def _sessions(rows: Sequence[HouseSessions], below: int) -> Sessions:
    counted = [row for row in rows if row.counted >= row.sessions]
    in_part = any(0 < row.counted < row.sessions for row in rows)
    booked, attended = sum(row.booked for row in rows), sum(row.attended for row in counted)
    away = max(0, sum(row.booked for row in counted) - attended)
    shown = suppress({"attended": attended, "stayed_away": away}, below)
    few = 0 < booked < below or (shown.count is None and not in_part)
    waits = [row.wait_days for row in rows if row.wait_days is not None]
    return Sessions(
        sessions=sum(row.sessions for row in rows), full=sum(row.full for row in rows),
        counted=sum(row.counted for row in rows), booked=None if few else booked,
        attended=None if in_part else shown["attended"].count,
        wait_days_least=min(waits, default=None), wait_days_most=max(waits, default=None),
        without_seat=len(rows) - len(waits),
    )  # fmt: skip


def unmet_of(told: Sequence[Count], below: int) -> Unmet:
    """The sums of all desks, each list by itself under the one total. Features are no parts of it, as one need has
    several: each is held against those without it. When one of them needs the total left out, nothing is shown."""
    total = _sum(told, UNMET, "")
    words = ((UNMET_KINDS, BED_KINDS), (UNMET_SIZES, SIZE_CLASSES), (UNMET_DISTRICTS, (ANYWHERE, *DISTRICTS)))
    tables = [suppress({word: _sum(told, part, word) for word in list_}, below) for part, list_ in words]
    having = {feature: _sum(told, UNMET_FEATURES, feature) for feature in FEATURES}
    features = {
        feature: suppress({"with": count, "without": max(0, total - count)}, below) for feature, count in having.items()
    }
    hidden = any(table.count is None for table in (*tables, *features.values()))
    kinds, sizes, districts = (
        {word: None if hidden else part.count for word, part in table.parts.items()} for table in tables
    )
    return Unmet(
        total=None if hidden else total, kinds=kinds, size_classes=sizes, districts=districts,
        features={name: None if hidden else both["with"].count for name, both in features.items()},
    )  # fmt: skip


def flows_of(told: Sequence[Count], below: int) -> Flows:
    """The sums of all desks: one table, from its total by where they came from to where they went. How many came to a
    kind is in no figure: such sums cross the others, and would give away what those leave out."""
    sums = {
        came_from: {to: _sum(told, FLOWS, flow_word(came_from, to)) for to in FLOW_ENDS if to != came_from}
        for came_from in FLOW_ENDS
    }
    shown = suppress(sums, below)
    left = shown.parts
    return Flows(
        total=shown.count,
        left={came_from: part.count for came_from, part in left.items()},
        ways={came_from: {to: cell.count for to, cell in part.parts.items()} for came_from, part in left.items()},
        told=any(count.part == FLOWS for count in told),
    )


def _sum(told: Sequence[Count], part: str, word: str) -> int:
    return sum(count.count or 0 for count in told if (count.part, count.word) == (part, word))


def _outcomes(ended: Shown) -> dict[str, int | None]:
    return {kind: part.count for both in ended.parts.values() for kind, part in both.parts.items()}


def _bounds(told: Sequence[Count], group: str, below: int) -> Bounds:
    """A desk that told none but that it was small has from 1 to `below` - 1 of them."""
    counts = [count.count for count in told if (count.part, count.word) == (REFERRALS, group)]
    known, small = sum(count or 0 for count in counts), counts.count(None)
    most = known + small * (below - 1)
    return Bounds(None, None) if 0 < most < below else Bounds(known + small, most)
