"""A household in other places of the same house."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement.publish import figures
from tests.placement.record_night.nights import counts, night, published
from tests.placement.sample import (
    A1,
    A2,
    A3,
    AT,
    B1,
    B2,
    STAY,
    STAY2,
    after,
    began,
    blocked,
    ended,
    held,
    moved,
    opened,
    uid,
    west,
)

MOVE = cmd.MoveStay(at=AT, role="operator", location="west", stay_id=STAY, place_ids=(B1,))
ROOMS = west.given(opened(A1, A2, A3), opened(B1, B2, room="b", sleeps=2))
LIVED_IN = ROOMS.given(began(A1))


def test_a_household_moves_and_its_people_count_where_they_are() -> None:
    state = LIVED_IN.when(MOVE).then(moved(B1, away=(A1,))).state
    assert (state.places[A1].status, state.places[B1].status) == ("free", "occupied")
    assert {row.size_class: (row.occupied, row.people) for row in figures(state).read().rows} == {
        "1": (0, 0),
        "2": (1, 1),
    }


def test_the_best_fit_of_a_kind_is_found_for_them() -> None:
    couple = ROOMS.given(began(A1, A2, size=2))
    couple.when(replace(MOVE, place_ids=(), kind="shelter_24h")).then(moved(B1, away=(A1, A2)))


def test_what_was_planned_for_the_old_place_happens() -> None:
    plan = ev.ClosingPlanned((A1,), AT)
    LIVED_IN.given(plan).when(MOVE).then(moved(B1, away=(A1,)), ev.PlacesClosed((A1,), AT, AT))


def test_a_move_may_have_been_seen_earlier() -> None:
    seen = after(minutes=20)
    command = replace(MOVE, at=after(hours=1), observed_at=seen)
    state = LIVED_IN.when(command).then(ev.StayMoved(STAY, (A1,), (B1,), "shelter_24h", seen, after(hours=1))).state
    assert state.places[A1].free_since == seen


def test_a_household_of_a_night_report_that_people_moved_is_no_longer_the_reports() -> None:
    given = west.given(opened(B1, B2, room="b")).after(night(2, 0, 1))
    (stay,) = given.state.stays.values()
    state = given.after(replace(MOVE, stay_id=stay.id, place_ids=(B1,)), night(2, 0, 0, days=1)).state
    assert (counts(state), list(state.stays)) == (published(2, 0, 0), [stay.id])


def test_a_move_to_where_they_are_changes_nothing() -> None:
    LIVED_IN.when(replace(MOVE, place_ids=(A1,))).then_nothing()
    LIVED_IN.given(moved(B1, away=(A1,))).when(MOVE).then_nothing()


@pytest.mark.parametrize(("place_ids", "code"), [
    ((A2,), "place-not-free"), ((A3,), "place-not-free"), ((uid(77),), "place-unknown"), ((B1, B1), "id-repeated"),
    ((), "places-missing"), (("x",), "id-invalid"),
])  # fmt: skip
def test_places_they_cannot_have(place_ids: tuple[str, ...], code: str) -> None:
    given = LIVED_IN.given(blocked(A2), held(A3))
    given.when(replace(MOVE, place_ids=place_ids)).then_rejected(code)


def test_a_household_is_not_split_nor_squeezed() -> None:
    couple = ROOMS.given(began(B1, size=2))
    couple.when(replace(MOVE, place_ids=(A1,))).then_rejected("household-too-large", sleeps_max=1)
    couple.when(replace(MOVE, place_ids=(A1, B2))).then_rejected("places-not-one-room")
    couple.when(replace(MOVE, place_ids=(), kind="hotel")).then_rejected("kind-unknown")


def test_a_stay_that_is_not_there() -> None:
    LIVED_IN.when(replace(MOVE, stay_id=STAY2)).then_rejected("stay-unknown")
    LIVED_IN.given(ended(A1)).when(MOVE).then_rejected("stay-ended", reason="moved_on")
    LIVED_IN.when(replace(MOVE, if_version=1)).then_rejected("version-stale", actual=4)


def test_a_time_that_cannot_be() -> None:
    early = replace(MOVE, observed_at=AT - timedelta(minutes=1))
    LIVED_IN.when(early).then_rejected("observed-before-stay-began")
    other = ROOMS.given(began(A1), began(B1, stay_id=STAY2), ended(B1, stay_id=STAY2, at=after(minutes=30)))
    late = replace(MOVE, at=after(hours=1), observed_at=after(minutes=10))
    other.when(late).then_rejected("observed-before-place-free", place_id=B1)
    LIVED_IN.when(replace(MOVE, observed_at=after(minutes=3))).then_rejected("observed-in-future")
