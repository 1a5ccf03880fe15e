"""A seat is taken back from a site that left, or that does not know of it any more."""

from __future__ import annotations

from datetime import date

from services.allowance import commands as cmd
from services.allowance import events as ev
from services.allowance.days import Span
from tests.allowance.sample import (
    GRANTED,
    LEEFGELD,
    OPEN_ENDED,
    OPENED,
    RESERVED,
    RESERVED_2,
    SEAT,
    SEAT_2,
    T0,
    TODAY,
    asked,
    at_municipality,
    stated,
)

given = at_municipality.given(OPENED)
TOMORROW = date(2026, 1, 6)


def end(**fields: object) -> cmd.EndSeat:
    made: cmd.EndSeat = asked(cmd.EndSeat, **({"seat_id": SEAT, "from_day": TOMORROW} | fields))
    return made


ENDED = ev.SeatEnded(LEEFGELD, SEAT, "west", 2, "voucher", (Span(TODAY, TOMORROW, "1"),), T0)


def test_a_seat_nobody_is_left_to_give_back_is_free_and_paid_no_more() -> None:
    assert given.given(RESERVED, GRANTED).when(end()).then(ENDED).state.taken == 0
    nobodys = given.given(RESERVED_2).when(end(seat_id=SEAT_2))
    assert nobodys.then(ev.SeatEnded(LEEFGELD, SEAT_2, "noord", 1, "voucher", (), T0)).state.taken == 0


def test_a_lowering_that_waits_gets_it() -> None:
    planned = given.given(RESERVED, GRANTED, RESERVED_2, ev.LoweringPlanned(LEEFGELD, 1, T0))
    assert planned.when(end()).then(ENDED, ev.CeilingLowered(LEEFGELD, 1, T0)).state.ceiling == 1


def test_a_site_that_has_it_has_it_again() -> None:
    over = given.given(RESERVED, GRANTED, ENDED)
    again = over.when(stated(revision=3, status="granted")).then(
        ev.SeatGranted(LEEFGELD, SEAT, "west", 3, "voucher", OPEN_ENDED, T0)
    )
    assert again.state.taken == 1


def test_a_second_time_changes_nothing() -> None:
    given.given(RESERVED, GRANTED, ENDED).when(end()).then_nothing()
    given.given(ev.SeatRefused(LEEFGELD, SEAT, "west", 1, "no-seat-free", T0)).when(end()).then_nothing()


def test_what_cannot_be_ended_says_why() -> None:
    given.when(end()).then_rejected("seat-unknown")
    given.given(RESERVED, GRANTED).when(end(from_day=date(2026, 1, 7))).then_rejected("day-ahead")
    given.given(RESERVED, GRANTED).when(end(from_day=date(2020, 1, 7))).then_rejected("day-too-far")
    at_municipality.when(end()).then_rejected("programme-unknown")
