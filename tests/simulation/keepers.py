"""What a desk says of how its house is kept: hours, cleaning, and who may stay longer."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, time, timedelta

from services.placement import commands as cmd
from services.placement import commands_house as ch
from services.placement.decider_hours import ZONE
from tests.simulation.oracle_house import House

NIGHT = "night_shelter"
IN_FROM, IN_UNTIL = time(16, 30), time(22)


def something(chance: random.Random, name: str, house: House) -> Callable[[datetime], cmd.LocationCommand]:
    """One command. The out-by time is soon: no seed lives until the morning."""
    draw = chance.random()
    sleeping = [
        stay_id for stay_id, (place_ids, _) in house.stays.items() if house.beds[place_ids[0]].kind == NIGHT
    ] or list(house.stays)  # fmt: skip
    if draw < 0.35 and sleeping:
        stay_id, seconds = chance.choice(sleeping), chance.choice((None, None, 2, 600))
        return lambda at: ch.ExtendStay(
            at=at, role="operator", location=name, stay_id=stay_id,
            until=None if seconds is None else at + timedelta(seconds=seconds),
        )  # fmt: skip
    if draw < 0.5:
        kind, cleaned = chance.choice((NIGHT, NIGHT, "shelter_24h")), chance.random() < 0.6
        return lambda at: ch.DeclareCleaning(at=at, role="operator", location=name, kind=kind, cleaned=cleaned)
    if draw < 0.6:
        return lambda at: ch.DeclareHours(at=at, role="coordinator", location=name)
    seconds_left = chance.choice((1, 3, 3, 7, 3600))

    def declare(at: datetime) -> cmd.LocationCommand:
        out_by = (at + timedelta(seconds=seconds_left)).astimezone(ZONE).time().replace(microsecond=0)
        return ch.DeclareHours(
            at=at, role="coordinator", location=name, in_from=IN_FROM, in_until=IN_UNTIL, out_by=out_by
        )

    return declare
