"""What happened at the desks of the network in one week: sums of what each has told, without small counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from shared.contracts.vocabulary import OUTCOME_KINDS, PARTNER_GROUPS
from shared.suppression import Shown, suppress

PERSPECTIVE = ("legal_stay", "new_application", "medical_deferral")
"""Ways a trajectory ends with a perspective of residence."""

PERSPECTIVE_SHARE_REPORTED = 0.40
"""The share that guidance organisations report after good guidance (public reports, 2018-2025)."""

REGISTRATIONS, REFERRALS, OUTCOMES = "registrations", "referrals", "outcomes"
"""The parts of a week's counts."""


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
    heard = {count.site for count in told}
    return Week(
        week=week,
        registrations=suppress(_sum(told, REGISTRATIONS, ""), below).count,
        referrals={group: _bounds(told, group, below) for group in PARTNER_GROUPS},
        ended=ended.count, perspective=good, outcomes=outcomes,
        share=None if good is None or not ended.count else good / ended.count,
        missing=[desk for desk in desks if desk not in heard],
    )  # fmt: skip


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
