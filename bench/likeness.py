"""How well likenesses find people who are known at two desks, among 10,000 records of people they were not made with.

A pair that is found and is one person is right; precision is right / found, recall right / all pairs of one person.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from itertools import combinations
from typing import NamedTuple

from anyascii import anyascii

from bench.ground import Ground, Line
from bench.people import Person, city
from services.intake.likeness import Kept, alike, kept, marks_of

RECORDS, SEEDS = 10_000, (101, 102, 103)
RECALL_MIN, PRECISION_MIN = 0.85, 0.95


class Found(NamedTuple):
    """right: pairs found that are one person's. wrong: pairs found that are not. pairs: of one person, in all."""

    right: int
    wrong: int
    pairs: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / self.pairs


def run(ground: Ground) -> list[Line]:
    """Three generated cities; the median of each figure."""
    records = RECORDS // 5 if ground.quick else RECORDS
    measured = [found(city(records, seed)) for seed in SEEDS]
    recall = statistics.median(one.recall for one in measured)
    precision = statistics.median(one.precision for one in measured)
    note = f"{records} records, {measured[0].pairs} of one person"
    return [
        Line("likeness: recall", 100 * recall, "%", "wanted", 100 * RECALL_MIN, recall / RECALL_MIN, 1.0, note=note),
        Line(
            "likeness: precision",
            100 * precision,
            "%",
            "wanted",
            100 * PRECISION_MIN,
            precision / PRECISION_MIN,
            1.0,
            note=note,
        ),
    ]


def found(people: list[Person]) -> Found:
    """Compares every two records that share a mark of a name; others cannot be alike."""
    files = [kept(marks_of(anyascii(person.name), person.born)) for person in people]
    right = wrong = 0
    for one, other in _candidates(files):
        if alike(files[one], files[other]):
            same = people[one].who == people[other].who
            right, wrong = right + same, wrong + (not same)
    by_person: dict[int, int] = defaultdict(int)
    for person in people:
        by_person[person.who] += 1
    return Found(right, wrong, sum(count * (count - 1) // 2 for count in by_person.values()))


def _candidates(files: list[Kept]) -> set[tuple[int, int]]:
    """Files that share a piece of a birth date; of one without any, those that share a mark of a name."""
    pieces: dict[str, list[int]] = defaultdict(list)
    names: dict[str, list[int]] = defaultdict(list)
    for number, file in enumerate(files):
        for piece in file.born:
            pieces[piece].append(number)
        for name in file.names:
            names[name].append(number)
    pairs = {pair for together in pieces.values() for pair in combinations(together, 2)}
    for number, file in enumerate(files):
        if not file.born:
            pairs |= {(min(number, n), max(number, n)) for name in file.names for n in names[name] if n != number}
    return pairs
