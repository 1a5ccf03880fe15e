"""A night shelter with opening hours, in the words its tests are written in."""

from __future__ import annotations

from datetime import UTC, datetime, time

from services.placement import commands_house as ch
from services.placement import events as ev
from services.placement import events_house as eh
from tests.placement.sample import A1, A2, AT, B1, STAY, after, began, opened, west

IN_FROM, IN_UNTIL, OUT_BY = time(16, 30), time(22), time(9, 30)
MORNING = datetime(2026, 1, 11, 8, 30, tzinfo=UTC)
"""Half past nine in Amsterdam, in winter, after the evening of `AT`."""
NEXT_MORNING = datetime(2026, 1, 12, 8, 30, tzinfo=UTC)

DECLARE = ch.DeclareHours(at=AT, role="coordinator", location="west", in_from=IN_FROM, in_until=IN_UNTIL, out_by=OUT_BY)
DECLARED = eh.HoursDeclared(IN_FROM, IN_UNTIL, OUT_BY, AT)
NO_HOURS = ch.DeclareHours(at=after(minutes=5), role="coordinator", location="west")

NIGHT = "night_shelter"
IN_BED = began(A1, kind=NIGHT)
OUT_IN_THE_MORNING = eh.EndsPlanned("west", (STAY,), MORNING, AT)

shelter = west.given(opened(A1, A2, kind=NIGHT), opened(B1, room="b"))
"""Two beds for the night, and one by day and night."""
with_hours = shelter.given(DECLARED)
asleep = with_hours.given(IN_BED, OUT_IN_THE_MORNING)


def out(ended_at: datetime = MORNING, at: datetime = MORNING) -> ev.StayEnded:
    """The stay ended by itself."""
    return ev.StayEnded(STAY, (A1,), "moved_on", ended_at, at, by_itself=True)


def fire(at: datetime = MORNING) -> ch.EndDueStays:
    return ch.EndDueStays(at=at, role="system", location="west")
