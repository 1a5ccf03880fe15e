"""What somebody needed when nothing was found for them: by these words it is counted, and nobody is in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from shared.contracts.vocabulary import ANYWHERE, BED_KINDS, DISTRICTS, FEATURES, SIZE_CLASSES, size_class


class Need(NamedTuple):
    """kind: wanted most. features: sorted. district: where it would have been best, or `ANYWHERE`."""

    kind: str
    size_class: str
    features: tuple[str, ...]
    district: str

    @property
    def word(self) -> str:
        """The need in one word, as counts of a week are kept by."""
        return "|".join((self.kind, self.size_class, "+".join(self.features), self.district))


def need_of(kinds: tuple[str, ...], household_size: int, features: Iterable[str], district: str) -> Need:
    """What a request or a search was for. household_size: people."""
    return Need(kinds[0], size_class(household_size), tuple(sorted(set(features))), district)


def read_need(word: str) -> Need | None:
    """A need by its word again; None when it is none that is counted."""
    parts = word.split("|")
    if len(parts) != 4:
        return None
    need = Need(parts[0], parts[1], tuple(parts[2].split("+")) if parts[2] else (), parts[3])
    known = (
        need.kind in BED_KINDS and need.size_class in SIZE_CLASSES and set(need.features) <= set(FEATURES)
        and need.district in (ANYWHERE, *DISTRICTS)
    )  # fmt: skip
    return need if known and need.features == tuple(sorted(set(need.features))) else None


class Sums(NamedTuple):
    """Needs by each of their words. One that names two features counts in both."""

    total: int
    kinds: Mapping[str, int]
    size_classes: Mapping[str, int]
    features: Mapping[str, int]
    districts: Mapping[str, int]


def summed(counts: Mapping[str, int]) -> Sums:
    """The sums of one week. counts: by the words of needs."""
    found = [(need, count) for word, count in counts.items() if (need := read_need(word)) is not None]
    return Sums(
        sum(count for _, count in found),
        {kind: sum(n for need, n in found if need.kind == kind) for kind in BED_KINDS},
        {size: sum(n for need, n in found if need.size_class == size) for size in SIZE_CLASSES},
        {feature: sum(n for need, n in found if feature in need.features) for feature in FEATURES},
        {place: sum(n for need, n in found if need.district == place) for place in (ANYWHERE, *DISTRICTS)},
    )
