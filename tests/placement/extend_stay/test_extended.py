"""Somebody may stay longer than the out-by time."""

from datetime import UTC, datetime, timedelta

import pytest

from services.placement import commands_house as ch
from services.placement import events_house as eh
from tests.placement.hours import IN_BED, MORNING, NEXT_MORNING, asleep, fire, out, shelter
from tests.placement.sample import AT, STAY, after, end, ended, uid

NOON = datetime(2026, 1, 11, 11, 0, tzinfo=UTC)


def extend(until: datetime | None = None, stay_id: str = STAY, if_version: int | None = None) -> ch.ExtendStay:
    return ch.ExtendStay(at=AT, role="operator", location="west", stay_id=stay_id, until=until, if_version=if_version)


def test_until_the_morning_after() -> None:
    longer = asleep.when(extend()).then(eh.EndsPlanned("west", (STAY,), NEXT_MORNING, AT))
    longer.when(fire()).then_nothing()
    longer.when(fire(NEXT_MORNING)).then(out(NEXT_MORNING, NEXT_MORNING))


def test_until_a_time_somebody_names() -> None:
    later = asleep.when(extend(NOON)).then(eh.EndsPlanned("west", (STAY,), NOON, AT))
    later.when(fire(NOON)).then(out(NOON, NOON))
    later.when(extend(MORNING)).then(eh.EndsPlanned("west", (STAY,), MORNING, AT))


def test_whoever_was_given_longer_is_not_given_less_by_a_tap() -> None:
    asleep.after(extend(NEXT_MORNING + timedelta(days=3))).when(extend()).then_nothing()


def test_the_same_again_changes_nothing() -> None:
    asleep.after(extend()).when(extend()).then_nothing()
    asleep.after(extend(NOON)).when(extend(NOON)).then_nothing()


@pytest.mark.parametrize(("until", "code"), [
    (AT, "until-in-past"), (AT + timedelta(days=9999), "until-too-far"),
    (NOON.replace(tzinfo=None), "time-without-zone"),
])  # fmt: skip
def test_times_that_cannot_be(until: datetime, code: str) -> None:
    asleep.when(extend(until)).then_rejected(code)


def test_stays_that_nothing_ends() -> None:
    shelter.given(IN_BED).when(extend()).then_rejected("stay-without-end")
    asleep.when(extend(stay_id=uid(999))).then_rejected("stay-unknown")
    asleep.when(extend(if_version=1)).then_rejected("version-stale")
    gone = asleep.given(ended(IN_BED.place_ids[0], at=after(minutes=1)))
    gone.when(extend()).then_rejected("stay-ended")
    asleep.after(end(at=after(minutes=1))).when(fire()).then_nothing()
