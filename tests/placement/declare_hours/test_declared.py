"""A night shelter's hours are data: they turn nobody away, and say when a stay ends."""

from datetime import UTC, datetime, time

import pytest
from msgspec.structs import replace

from services.placement import events_house as eh
from services.placement.decider_hours import next_out_by
from services.placement.decider_location import Hours
from tests.placement.hours import (
    DECLARE,
    DECLARED,
    IN_BED,
    IN_FROM,
    IN_UNTIL,
    MORNING,
    NEXT_MORNING,
    NIGHT,
    NO_HOURS,
    OUT_BY,
    OUT_IN_THE_MORNING,
    asleep,
    fire,
    shelter,
    with_hours,
)
from tests.placement.sample import A1, A2, AT, B1, STAY, STAY2, after, began, begin, west


def test_they_are_known_from_then_on() -> None:
    assert shelter.when(DECLARE).then(DECLARED).state.hours == Hours(IN_FROM, IN_UNTIL, OUT_BY)


def test_the_same_again_changes_nothing() -> None:
    with_hours.when(DECLARE).then_nothing()
    shelter.when(NO_HOURS).then_nothing()


@pytest.mark.parametrize("change", [
    {"out_by": None}, {"in_from": None}, {"in_from": None, "in_until": None}, {"out_by": time(9, 30, tzinfo=UTC)},
])  # fmt: skip
def test_hours_that_are_none(change: dict[str, object]) -> None:
    shelter.when(replace(DECLARE, **change)).then_rejected("hours-invalid")
    west.when(replace(DECLARE, location="noord")).then_rejected("location-unknown")


def test_a_stay_of_the_night_ends_at_the_first_out_by_time_after_it_began() -> None:
    with_hours.when(begin(kind=NIGHT)).then(IN_BED, OUT_IN_THE_MORNING)
    late = datetime(2026, 1, 11, 2, 0, tzinfo=UTC)  # brought at three in the morning: nobody is too late
    at_three = replace(IN_BED, began_at=late, at=late)
    with_hours.when(begin(kind=NIGHT, at=late)).then(at_three, eh.EndsPlanned("west", (STAY,), MORNING, late))


def test_a_stay_by_day_and_night_ends_when_somebody_says_so() -> None:
    assert with_hours.when(begin(kind="shelter_24h")).then(began(B1)).state.stays[STAY].ends_at is None


def test_whoever_is_there_is_out_by_the_new_time_and_who_was_given_longer_has_it_still() -> None:
    longer = eh.EndsPlanned("west", (STAY2,), NEXT_MORNING, AT)
    two = asleep.given(began(A2, stay_id=STAY2, kind=NIGHT), longer)
    earlier = replace(DECLARE, at=after(minutes=5), out_by=time(8))
    by_eight = datetime(2026, 1, 11, 7, 0, tzinfo=UTC)
    moved = eh.EndsPlanned("west", (STAY,), by_eight, after(minutes=5))
    two.when(earlier).then(replace(DECLARED, out_by=time(8), at=after(minutes=5)), moved)


def test_a_house_that_gets_hours_with_people_in_it() -> None:
    shelter.given(IN_BED, began(B1, stay_id=STAY2)).when(DECLARE).then(DECLARED, OUT_IN_THE_MORNING)


def test_without_hours_nobody_has_to_be_out() -> None:
    gone = eh.HoursDeclared(None, None, None, NO_HOURS.at)
    free = asleep.when(NO_HOURS).then(gone, eh.EndsPlanned("west", (STAY,), None, NO_HOURS.at))
    free.when(fire()).then_nothing()
    free.when(begin(A2, stay_id=STAY2, at=NO_HOURS.at)).then(
        replace(began(A2, stay_id=STAY2, kind=NIGHT), began_at=NO_HOURS.at, at=NO_HOURS.at)
    )


def test_it_is_the_same_time_on_the_clocks_of_the_city_all_year() -> None:
    hours = Hours(IN_FROM, IN_UNTIL, OUT_BY)
    before_summer = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
    assert next_out_by(hours, before_summer) == datetime(2026, 3, 29, 7, 30, tzinfo=UTC)
    before_winter = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
    assert next_out_by(hours, before_winter) == datetime(2026, 10, 25, 8, 30, tzinfo=UTC)
    assert next_out_by(hours, MORNING) == NEXT_MORNING


def test_a_late_word_of_an_earlier_night_is_believed() -> None:
    """A device that was offline says in the afternoon who came in the night before: they were out in the morning."""
    now = datetime(2026, 1, 11, 14, 0, tzinfo=UTC)
    late = replace(IN_BED, began_at=after(hours=1), at=now)
    told = with_hours.when(begin(A1, observed_at=after(hours=1), at=now)).then(
        late, eh.EndsPlanned("west", (STAY,), MORNING, now)
    )
    assert [event.ended_at for event in told.after(fire(now)).state.ended_stays.pages[-1].values()] == [MORNING]
    assert A1 in told.after(fire(now)).state.free_of(NIGHT)
