"""Who goes first, and why: rules are data, and the same facts under the same rules give the same band at every desk."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from shared.contracts.vocabulary import PriorityFact
from shared.kernel import Rejected


class Rules(msgspec.Struct, frozen=True):
    """points: what each fact counts. bands: the points from which on a request is in band 0, 1, 2; below it is in 3.

    together: facts that count more when they come together.
    """

    version: int
    points: Mapping[PriorityFact, int]
    bands: tuple[int, int, int]
    together: Sequence[tuple[frozenset[PriorityFact], int]] = ()


class Placed(msgspec.Struct, frozen=True):
    """band: 0 is the most urgent. reasons: the facts that counted, the heaviest first."""

    band: int
    reasons: tuple[PriorityFact, ...]
    rules_version: int


FIRST = Rules(
    version=1,
    points={
        "medical_urgent": 8, "fleeing_violence": 8, "baby": 5, "pregnant": 5, "over_65": 3, "children": 3,
        "sleeping_rough": 2, "under_23": 1,
    },
    bands=(8, 5, 2),
    together=((frozenset({"sleeping_rough", "baby"}), 2), (frozenset({"sleeping_rough", "pregnant"}), 2)),
)  # fmt: skip
"""A person in danger or in need of care now goes first, then who is most easily harmed by a night outside."""

CURRENT = FIRST
"""The rules new requests are placed under; those placed under older ones are placed anew at the start."""


def rules_refused(rules: Rules) -> Rejected | None:
    """Whether others could be placed by them: newer than those that hold, and each band from fewer points on than the
    one before. Refused: `rules-invalid`."""
    first, second, third = rules.bands
    if rules.version > CURRENT.version and first > second > third > 0:
        return None
    return Rejected("rules-invalid", {"version_above": CURRENT.version})


def placed(facts: Collection[PriorityFact], rules: Rules = CURRENT) -> Placed:
    """The band these facts give, with the reasons. Their order, and one that is there twice, changes nothing."""
    known = frozenset(facts)
    points = sum(rules.points.get(fact, 0) for fact in known)
    points += sum(more for both, more in rules.together if both <= known)
    band = next((band for band, least in enumerate(rules.bands) if points >= least), len(rules.bands))
    reasons = sorted((fact for fact in known if rules.points.get(fact)), key=lambda fact: (-rules.points[fact], fact))
    return Placed(band, tuple(reasons), rules.version)
