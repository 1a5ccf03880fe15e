"""Every effect has a cause: of everything stored and told it can be said what it follows from, by ids alone."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from services.placement.app import AGGREGATE, CALLS, HEARD, REGIMES
from services.placement.app_offers import offer_command
from services.placement.decider import LOCATION
from services.placement.events_offers import OperatorAsked, PlaceOffered
from services.placement.policy_regimes import SPREADS
from shared.archive import timers_set
from shared.causes import policy_command, timer_command
from shared.envelope import SYSTEM_ROLE
from shared.ids import derived_id
from tests.simulation.oracle_house import require
from tests.support.memory_store import Disk

AGGREGATES = {aggregate.decider.name: aggregate for aggregate in (AGGREGATE, CALLS, REGIMES)}


def every_effect_has_a_cause(site: str, disk: Disk, sent: Iterable[str]) -> None:
    """One site's placement. sent: the ids of all messages that were ever on any bus."""
    proved = {policy_command(id_, HEARD.name) for id_ in sent} | _timers(disk) | by_itself(site, disk)
    ids = {event.id for event in disk.events}
    for event in disk.events:
        if event.meta.role == SYSTEM_ROLE:
            require(event.meta.causation_id in proved, "an event nobody can say the cause of", site, event)
    for rows in disk.outbox.values():
        first = rows[0].causation_id if rows else ""
        for row in rows:  # an epoch's first rows have a cause of their own: the repair
            begins = row.origin.epoch > 1 and row.causation_id == first
            require(row.causation_id in ids or begins, "a message that no event led to", site, row)


def _timers(disk: Disk) -> AbstractSet[str]:
    """The commands of all timers that were ever set; one that concerns many locations has one for each."""
    houses = [stream.partition("/")[2] for stream in disk.streams if stream.startswith("location/")]
    commands = set()
    for event in disk.events:
        for timer in timers_set(AGGREGATES, event.stream, event.data):
            names = houses if timer.kind in SPREADS else [timer.kind]
            regimes = [stream.partition("/")[2] for stream in disk.streams if stream.startswith("regime/")]
            names = [*names, *regimes] if timer.kind in SPREADS else names
            commands |= {timer_command(timer.id, timer.due_at, name) for name in names}
    return commands


def by_itself(site: str, disk: Disk) -> AbstractSet[str]:
    """The commands a service gives itself at its start, when a site has left, or when a location is chosen."""
    opened = {derived_id("open-location", site, stream.partition("/")[2]) for stream in disk.streams}
    calls = [event for event in disk.events if event.stream.startswith("call/")]
    closed = {derived_id("site-retired", event.stream.partition("/")[2], str(event.version - 1)) for event in calls}
    chosen = ("place-offered.v1", "operator-asked.v1")
    made = [LOCATION.codec.decode(event.data) for event in disk.events if event.type in chosen]
    offered = {
        offer_command(one.request_id, one.offer_id) for one in made if isinstance(one, PlaceOffered | OperatorAsked)
    }
    return opened | closed | offered
