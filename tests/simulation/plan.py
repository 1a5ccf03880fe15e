"""What a seed decides before it begins: how large the world is, what happens in it, and which faults it knows.

Not every seed has every fault: one that is always there hides what happens without it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta

A_WEEKS_STEPS = (timedelta(hours=8), timedelta(hours=8), timedelta(days=6, hours=8))
"""What passes of a week between one piece of work and the next."""
SECONDS_A_STEP = 0.5
"""How long each piece of work is."""

SITES = ("stad", "west", "noord", "zuidoost")

FAULTS = (
    "crash", "cut", "slow", "bus-down", "store-down", "city-remade", "hub-city-lost", "hub-city-older", "log-lost",
    "leaf-lost", "loss", "backup", "overlap", "skew", "time-passes", "poison",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """sites: the first is the hub. consoles: sites where another service has a store of its own.

    seconds: how long trouble lasts. duplicate: chance that a message comes into `CITY` twice. flaky_bus: chance that
    one step on the bus fails. late_commit: chance that a dead process's transaction is stored after its death.
    remote: how much of what desks do is about holds at other sites. unread: chance that a letter cannot be opened.
    intakes: sites with an intake; none of those that come late or leave. allowances: sites with an allowance service,
    the municipality's first; none of those that come late or leave, either.
    sealed: whether letters are sealed as the product seals them, and not put into envelopes (`seals.py`).
    late: a site that joins when the others have been at work for a while. leaves: one that leaves; never the hub.
    replays: whether who is on call has readers hear an origin again, too.
    movers: whether desks do first what leads to a place: then clients are housed, and move, far more often.
    guests: whether clients let houses know their alias, and houses ask.
    weeks: how many pass while everybody works, most of each in a moment. What comes of it in the end is not
    judged then.
    snapshot_every, states_max: instead of the handler's own, which no seed lives long enough to reach.
    """

    sites: tuple[str, ...]
    locations: dict[str, tuple[str, ...]]
    consoles: frozenset[str]
    desks: int
    seconds: float
    think_seconds: float
    fault_seconds: float
    faults: tuple[str, ...]
    duplicate: float
    flaky_bus: float
    late_commit: float
    slow_io: float
    snapshot_every: int
    states_max: int
    remote: float
    unread: float
    intakes: frozenset[str]
    allowances: tuple[str, ...]
    late: str | None
    leaves: str | None
    sealed: bool
    movers: bool = False
    replays: bool = False
    guests: bool = False
    weeks: int = 0


def moving(drawn: Plan) -> Plan:
    """A plan in which clients of every site are housed, and move."""
    intakes = frozenset(site for site in drawn.sites[1:] if site not in (drawn.late, drawn.leaves))
    return replace(drawn, movers=True, intakes=intakes, remote=0.1, seconds=12.0, think_seconds=0.1)


def yearly(drawn: Plan, weeks: int) -> Plan:
    """A plan of four sites with all services, where nothing breaks and so many weeks pass."""
    whole = replace(
        drawn, sites=SITES, locations={site: (f"{site}-1",) for site in SITES}, consoles=frozenset(), late=None,
        leaves=None, allowances=SITES, faults=(), flaky_bus=0.0, slow_io=0.02, unread=0.0, snapshot_every=200,
        states_max=2_000,
    )  # fmt: skip
    return replace(
        moving(whole), desks=3, seconds=weeks * len(A_WEEKS_STEPS) * SECONDS_A_STEP, think_seconds=0.3, weeks=weeks
    )


def plan(chance: random.Random) -> Plan:
    """Draws a plan."""
    sites = SITES[: chance.choice((2, 2, 3, 3, 4))]
    locations: dict[str, tuple[str, ...]] = {}
    for site in sites:
        count = chance.randint(0, 1) if site == sites[0] else chance.randint(1, 2)
        locations[site] = tuple(f"{site}-{n}" for n in range(1, count + 1))
    with_seats = chance.random() < 0.85
    late, leaves = chance.choice((None, None, *sites[2:])), chance.choice((None, None, *sites[1:]))
    return Plan(
        sites=sites,
        locations=locations,
        consoles=frozenset(site for site in sites if chance.random() < 0.4),
        desks=chance.randint(2, 5),
        seconds=chance.uniform(4.0, 11.0),
        think_seconds=chance.choice((0.1, 0.2, 0.3)),
        fault_seconds=chance.choice((0.3, 0.6, 1.2)),
        faults=tuple(fault for fault in FAULTS if chance.random() < 0.5),
        duplicate=chance.choice((0.0, 0.05, 0.3)),
        flaky_bus=chance.choice((0.0, 0.0, 0.01, 0.05)),
        late_commit=chance.choice((0.0, 0.5)),
        slow_io=chance.choice((0.02, 0.1, 0.4)),
        snapshot_every=chance.choice((3, 8, 200)),
        states_max=chance.choice((1, 2_000)),
        remote=chance.choice((0.1, 0.3, 0.6)),
        unread=chance.choice((0.0, 0.0, 0.1, 0.4)),
        late=late,
        leaves=leaves,
        allowances=tuple(site for site in sites if with_seats and site not in (late, leaves)),
        intakes=frozenset(site for site in sites[1:] if chance.random() < 0.6 and site not in (late, leaves)),
        sealed=chance.random() < 0.1,
    )
