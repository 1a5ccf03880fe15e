"""An offer decision: who of 10,000 that wait goes where among the rooms of 100 sites, as every site works it out."""

from __future__ import annotations

import random
import statistics
import time
from datetime import date, timedelta

from bench.ground import ROUNDS, Ground, Line
from services.placement.ranking import Room, Waiting, choose_location, rank_requests
from shared.contracts.vocabulary import BED_KINDS, SIZE_CLASSES

REQUESTS, SITES = 10_000, 100
MS_MAX = 20.0
FREE = (0, 0, 0, 0, 1)
"""Of the rooms of one make at one site one in five has a place: a city in which nearly everybody waits."""
FEATURES = (frozenset[str](), frozenset({"step_free"}), frozenset({"quiet", "step_free"}))


def run(ground: Ground) -> list[Line]:
    """Ranking and choosing in one go, the median of many rounds; some rooms are nobody's wish and stay free."""
    requests, rooms = city(random.Random(1))
    took = []
    for _ in range(ROUNDS if ground.quick else 10 * ROUNDS):
        began = time.process_time()
        choose_location(rank_requests(requests), rooms)
        took.append(1000 * (time.process_time() - began))
    measured = statistics.median(took)
    return [
        Line("an offer decision", measured, "ms", "limit", MS_MAX, measured / MS_MAX, 1.0, at_most=True,
             note=f"{REQUESTS:,} open requests, {SITES} sites, {len(rooms)} free rooms, processor time")
    ]  # fmt: skip


def city(chance: random.Random) -> tuple[list[Waiting], list[Room]]:
    """Generated origins: requests as their desks tell them, and what is free."""
    sites = [f"site-{number}" for number in range(SITES)]
    requests = [
        Waiting(
            f"{chance.getrandbits(128):032x}", tuple(chance.sample(BED_KINDS, chance.randint(1, 3))),
            chance.choice(SIZE_CLASSES), chance.choice(FEATURES[:2]),
            frozenset(chance.sample(sites, chance.choice((0, 0, 0, 2)))), chance.randint(0, 3),
            date(2026, 1, 1) + timedelta(days=chance.randint(0, 300)), "waiting", chance.choice(sites),
        )
        for _ in range(REQUESTS)
    ]  # fmt: skip
    rooms = [
        Room(site, site, kind, size, chance.choice(FEATURES), 1)
        for site in sites for kind in BED_KINDS for size in SIZE_CLASSES if chance.choice(FREE)
    ]  # fmt: skip
    kept = [Room(site, site, BED_KINDS[0], "1", frozenset({"women_only"}), 2) for site in sites]
    return requests, rooms + kept
