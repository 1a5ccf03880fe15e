"""A site says how it stands with an entitlement: once, twice, late, or the wrong way round."""

from __future__ import annotations

from datetime import date, timedelta

from services.allowance import events as ev
from services.allowance.days import SPANS_MAX, Span
from tests.allowance.sample import (
    GRANTED,
    LEEFGELD,
    OPEN_ENDED,
    OPENED,
    RESERVED,
    RESERVED_2,
    SEAT,
    SEAT_3,
    SEAT_4,
    SEAT_ENDED,
    T0,
    TODAY,
    at_municipality,
    stated,
)

LATER = T0 + timedelta(seconds=2)
AGAIN = ev.SeatWordRepeated(LEEFGELD, SEAT, LATER)
given = at_municipality.given(OPENED)


def test_who_asks_has_a_seat_and_who_grants_it_is_paid() -> None:
    reserved = given.when(stated()).then(RESERVED)
    assert (reserved.state.reserved, reserved.state.granted) == (1, 0)
    granted = reserved.when(stated(revision=2, status="granted")).then(GRANTED)
    assert (granted.state.reserved, granted.state.granted) == (0, 1)


def test_the_last_seat_is_given_once() -> None:
    full = given.given(RESERVED, RESERVED_2)
    refused = full.when(stated(seat_id=SEAT_3)).then(ev.SeatRefused(LEEFGELD, SEAT_3, "west", 1, "no-seat-free", T0))
    assert refused.state.taken == 2
    # Asked again after one came free: a refusal stays one, whoever asks anew has a new id.
    free = refused.given(SEAT_ENDED)
    free.when(stated(seat_id=SEAT_3, at=LATER)).then(ev.SeatWordRepeated(LEEFGELD, SEAT_3, LATER))


def test_what_is_not_offered_is_refused_by_letter() -> None:
    given.when(stated(method="transfer")).then(ev.SeatRefused(LEEFGELD, SEAT, "west", 1, "method-not-offered", T0))
    at_municipality.when(stated()).then(ev.SeatRefused(LEEFGELD, SEAT, "west", 1, "programme-unknown", T0))


def test_a_word_that_comes_again_or_late_is_only_answered() -> None:
    given.given(RESERVED).when(stated(at=LATER)).then(AGAIN)
    given.given(RESERVED, GRANTED).when(stated(at=LATER)).then(AGAIN)
    given.given(RESERVED, GRANTED, SEAT_ENDED).when(stated(revision=2, status="granted", at=LATER)).then(AGAIN)


def test_a_word_that_is_on_its_way_twice_is_answered_once() -> None:
    given.given(RESERVED).when(stated(at=T0 + timedelta(seconds=0.9))).then_nothing()
    back = T0 - timedelta(hours=1)  # a clock that was put right must not silence anybody
    given.given(RESERVED).when(stated(at=back)).then(ev.SeatWordRepeated(LEEFGELD, SEAT, back))


def test_days_that_were_corrected_count_also_after_the_end() -> None:
    spans = (Span(TODAY, date(2026, 1, 20), "1"),)
    ended = given.given(RESERVED, GRANTED, SEAT_ENDED)
    later = ended.when(stated(revision=4, status="ended", spans=spans)).then(
        ev.SeatEnded(LEEFGELD, SEAT, "west", 4, "voucher", spans, T0)
    )
    assert later.state.seats[SEAT].spans == spans
    assert later.state.taken == 0


def test_a_seat_given_back_before_it_was_asked_for_is_nobodys() -> None:
    ended = given.when(stated(revision=2, status="ended", spans=())).then(
        ev.SeatEnded(LEEFGELD, SEAT, "west", 2, "voucher", (), T0)
    )
    assert ended.state.taken == 0
    ended.when(stated(at=LATER)).then(AGAIN)


def test_a_municipality_that_has_forgotten_believes_what_it_answered() -> None:
    full = given.given(RESERVED_2, ev.SeatReserved(LEEFGELD, SEAT_3, "noord", 1, "voucher", T0))
    taken = full.when(stated(revision=2, status="granted")).then(GRANTED)
    assert taken.state.taken == 3
    taken.when(stated(revision=3, status="granted", spans=OPEN_ENDED)).then(
        ev.SeatGranted(LEEFGELD, SEAT, "west", 3, "voucher", OPEN_ENDED, T0)
    )


def test_what_a_site_may_not_say_is_refused() -> None:
    seated = given.given(RESERVED)
    seated.when(stated(site="noord")).then_rejected("seat-of-another-site")
    given.when(stated(seat_id="anna")).then_rejected("id-invalid")
    twice = (Span(TODAY, None, "1"), Span(TODAY, None, "2"))
    given.when(stated(spans=twice)).then_rejected("days-invalid")
    many = tuple(Span(date(2026, 1, 1), date(2026, 1, 2), "1") for _ in range(SPANS_MAX + 1))
    given.when(stated(spans=many)).then_rejected("days-in-too-many-pieces")


def test_what_was_over_before_it_was_refused_is_heard_as_over() -> None:
    refused = ev.SeatRefused(LEEFGELD, SEAT, "west", 1, "no-seat-free", T0)
    over = (
        given.given(refused)
        .when(stated(revision=2, status="ended", spans=()))
        .then(ev.SeatEnded(LEEFGELD, SEAT, "west", 2, "voucher", (), T0))
    )
    assert over.state.taken == 0


def test_what_was_refused_by_a_municipality_that_had_forgotten_is_believed() -> None:
    refused = ev.SeatRefused(LEEFGELD, SEAT, "west", 1, "no-seat-free", T0)
    assert given.given(refused).when(stated(revision=2, status="granted")).then(GRANTED).state.taken == 1


def test_a_site_that_was_restored_gives_its_numbers_anew() -> None:
    """Its word counts, whatever came under that number before: days, the end, or a seat that is somebody's again."""
    seated = given.given(RESERVED, GRANTED)
    fewer = (Span(TODAY, date(2026, 1, 9), "1"),)
    seated.when(stated(revision=2, status="granted", spans=fewer)).then(
        ev.SeatGranted(LEEFGELD, SEAT, "west", 2, "voucher", fewer, T0)
    )
    ended = seated.when(stated(revision=2, status="ended")).then(
        ev.SeatEnded(LEEFGELD, SEAT, "west", 2, "voucher", OPEN_ENDED, T0)
    )
    again = ended.when(stated(revision=3, status="granted")).then(
        ev.SeatGranted(LEEFGELD, SEAT, "west", 3, "voucher", OPEN_ENDED, T0)
    )
    assert again.state.taken == 1  # what is paid without an end is counted


def test_a_seat_that_ends_raises_no_ceiling() -> None:
    """More are taken than there are, after a municipality was restored; one is to go."""
    full = given.given(RESERVED_2, ev.SeatReserved(LEEFGELD, SEAT_3, "noord", 1, "voucher", T0), GRANTED)
    more = full.given(ev.SeatReserved(LEEFGELD, SEAT_4, "noord", 1, "voucher", T0))
    planned = more.given(ev.LoweringPlanned(LEEFGELD, 1, T0))
    ended = planned.when(stated(revision=3, status="ended")).then(
        ev.SeatEnded(LEEFGELD, SEAT, "west", 3, "voucher", OPEN_ENDED, T0)
    )
    assert (ended.state.ceiling, ended.state.taken) == (2, 3)
