"""What must be true of regimes: each word of the municipality is kept once, in order, and at rest every location has
followed all of them to their end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.placement import events_regimes as rg
from tests.simulation.oracle_house import House, require


@dataclass
class Known:
    """One regime as one site knows it."""

    revision: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    kinds: tuple[str, ...] = ()

    def take(self, event: rg.RegimeEvent) -> None:
        """Takes one event in, and refuses what must not be."""
        match event:
            case rg.RegimeDeclared():
                require(self.revision == 0, "a regime declared twice", event)
                self.revision = 1
            case rg.RegimeCutShort():
                require(self.revision == 1, "a regime cut short twice", event)
                assert self.ends_at is not None
                require(event.ends_at < self.ends_at, "a regime cut short after its end", event)
                self.revision, self.ends_at = 2, event.ends_at
            case rg.RegimeHeard():
                require(event.revision > self.revision, "an older word of a regime counted", event)
                self.revision = event.revision
        if not isinstance(event, rg.RegimeCutShort):
            self.starts_at, self.ends_at, self.kinds = event.starts_at, event.ends_at, event.kinds


Sites = Mapping[str, tuple[Mapping[str, Known], Mapping[str, House]]]


def everywhere_over(sites: Sites, forgetful: set[str]) -> None:
    """At rest, long after the last of them: every site knows what the municipality knows (unless one of the two is in
    `forgetful`: it was put back to a backup, or somebody there let a message go), every location has ended every
    regime, and no empty standby place is open."""
    hub = next(iter(sites))
    for site, (known, houses) in sites.items():
        if not forgetful & {hub, site}:
            require(known == sites[hub][0], "two sites know other regimes", site, known, sites[hub][0])
        for house in houses.values():
            running = [id_ for id_, regime in house.regimes.items() if regime.status != "over"]
            require(not running, "a regime never ended", site, house.name, running)
            for place_id, bed in house.beds.items():
                empty = bed.standby and bed.status(house) == "free"
                require(not empty, "a standby place stayed open after its regime", site, place_id)
