"""A ceiling goes up at once, and never below what is taken."""

from __future__ import annotations

from services.allowance import commands as cmd
from services.allowance import events as ev
from tests.allowance.sample import (
    GRANTED,
    LEEFGELD,
    OPENED,
    RESERVED,
    RESERVED_2,
    SEAT_2,
    T0,
    asked,
    at_municipality,
    stated,
)

RAISED = ev.CeilingRaised(LEEFGELD, 102, T0)
PLANNED = ev.LoweringPlanned(LEEFGELD, 0, T0)


def to(ceiling: int, **fields: object) -> cmd.MoveCeiling:
    made: cmd.MoveCeiling = asked(cmd.MoveCeiling, ceiling=ceiling, **fields)
    return made


def test_a_hundred_more_seats_are_there_at_once() -> None:
    at_municipality.given(OPENED).when(to(102)).then(RAISED)


def test_seats_that_nobody_has_go_at_once() -> None:
    lowered = (
        at_municipality.given(OPENED, RAISED, RESERVED, GRANTED).when(to(1)).then(ev.CeilingLowered(LEEFGELD, 1, T0))
    )
    lowered.when(stated(seat_id=SEAT_2)).then(ev.SeatRefused(LEEFGELD, SEAT_2, "west", 1, "no-seat-free", T0))


def test_the_same_ceiling_again_changes_nothing() -> None:
    at_municipality.given(OPENED).when(to(2)).then_nothing()
    at_municipality.given(OPENED, RESERVED, RESERVED_2, PLANNED).when(to(0, planned=True)).then_nothing()


def test_seats_that_somebody_has_are_not_taken_away() -> None:
    given = at_municipality.given(OPENED, RESERVED, GRANTED, RESERVED_2)
    given.when(to(1)).then_rejected("seats-taken", taken=2, ceiling=1)
    given.when(to(-1)).then_rejected("ceiling-out-of-range")
    given.when(to(3, if_version=1)).then_rejected("version-stale", actual=4)
    at_municipality.when(to(3)).then_rejected("programme-unknown")


def test_a_planned_lowering_waits_for_seats_to_come_free() -> None:
    given = at_municipality.given(OPENED, ev.CeilingRaised(LEEFGELD, 5, T0), RESERVED, GRANTED, RESERVED_2)
    planned = given.when(to(0, planned=True)).then(ev.CeilingLowered(LEEFGELD, 2, T0), PLANNED)
    ended = stated(revision=3, status="ended", spans=())
    one = planned.when(ended).then(
        ev.SeatEnded(LEEFGELD, ended.seat_id, "west", 3, "voucher", (), T0), ev.CeilingLowered(LEEFGELD, 1, T0)
    )
    assert (one.state.ceiling, one.state.planned) == (1, 0)
    other = stated(seat_id=SEAT_2, site="noord", revision=2, status="ended", spans=())
    both = one.when(other).then(
        ev.SeatEnded(LEEFGELD, SEAT_2, "noord", 2, "voucher", (), T0), ev.CeilingLowered(LEEFGELD, 0, T0)
    )
    assert (both.state.ceiling, both.state.planned) == (0, None)


def test_raising_it_calls_a_planned_lowering_off() -> None:
    given = at_municipality.given(OPENED, RESERVED, RESERVED_2, PLANNED)
    raised = given.when(to(2)).then(ev.CeilingRaised(LEEFGELD, 2, T0))
    assert raised.state.planned is None
