"""How each house is kept: its opening hours, and what is cleaned after use. Written inline, like the board."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.placement import events as ev
from services.placement import events_house as eh
from services.placement.decider_location import Location
from shared.ports import Put, RowChange
from shared.schema import NAME, metadata

house_rules = sa.Table(
    "house_rules",
    metadata,
    sa.Column("location", NAME, primary_key=True),
    sa.Column("in_from", sa.Text),
    sa.Column("in_until", sa.Text),
    sa.Column("out_by", sa.Text),
    sa.Column("cleaned", ARRAY(sa.Text), nullable=False),
)
"""Times are those of the city's clocks, as `16:30`. A house of which nobody said anything has no row."""

RULE_TABLES = (house_rules,)


_SAYS_HOW = frozenset({eh.HoursDeclared, eh.CleaningDeclared})


def project(events: Sequence[ev.LocationEvent], after: Location) -> Sequence[RowChange]:
    """The row of a house, when these events say how it is kept."""
    if _SAYS_HOW.isdisjoint(map(type, events)):
        return ()
    hours = after.hours
    times = (None,) * 3 if hours is None else (_clock(hours.in_from), _clock(hours.in_until), _clock(hours.out_by))
    return [Put(house_rules, (after.name, *times, list(after.cleaned)))]


def _clock(at: time) -> str:
    return at.isoformat("auto" if at.microsecond or at.second else "minutes")
