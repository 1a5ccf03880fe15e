"""Check-ins that come too late, twice, or from nowhere."""

from datetime import UTC, datetime

from msgspec.structs import replace

from services.placement import events as ev
from tests.placement.check_in_hold.test_checked_in import BEGAN, CHECK_IN, HELD
from tests.placement.sample import A1, A2, AT, HOLD, STAY2, after, began, ended, held, opened, uid, west


def test_a_hold_whose_time_is_over_has_lapsed_before_its_timer_fires() -> None:
    late = replace(CHECK_IN, at=after(minutes=90))
    HELD.when(late).then_rejected("hold-lapsed", expires_at=after(minutes=90).isoformat())


def test_a_hold_ends_once() -> None:
    HELD.given(BEGAN).when(replace(CHECK_IN, stay_id=STAY2)).then_rejected("hold-ended", how="checked_in")
    HELD.given(ev.HoldCancelled(HOLD, (A1,), AT)).when(CHECK_IN).then_rejected("hold-ended", how="cancelled")
    HELD.given(ev.HoldLapsed(HOLD, (A1,), AT)).when(CHECK_IN).then_rejected("hold-ended", how="lapsed")


def test_an_unknown_hold() -> None:
    HELD.when(replace(CHECK_IN, hold_id=uid(9))).then_rejected("hold-unknown", hold_id=uid(9))


def test_a_stay_id_is_not_used_twice() -> None:
    HELD.given(began(A2)).when(CHECK_IN).then_rejected("stay-id-used")
    HELD.given(began(A2), ended(A2)).when(CHECK_IN).then_rejected("stay-id-used")
    HELD.when(replace(CHECK_IN, stay_id="mine")).then_rejected("id-invalid")


def test_arrivals_are_not_seen_in_the_future_nor_long_ago() -> None:
    ahead = replace(CHECK_IN, observed_at=after(minutes=22, seconds=1))
    HELD.when(ahead).then_rejected("observed-in-future", ahead_seconds_max=120)
    HELD.when(replace(CHECK_IN, observed_at=after(days=-8))).then_rejected("observed-too-old", age_days_max=7)
    HELD.when(replace(CHECK_IN, observed_at=datetime(2026, 1, 10))).then_rejected("time-without-zone")  # noqa: DTZ001
    oldest = datetime.min.replace(tzinfo=UTC)
    HELD.when(replace(CHECK_IN, observed_at=oldest)).then_rejected("observed-too-old")


def test_nobody_arrives_where_somebody_still_was() -> None:
    before = west.given(opened(A1), began(A1, stay_id=STAY2), ended(A1, stay_id=STAY2), held(A1))
    early = replace(CHECK_IN, observed_at=after(minutes=-1))
    before.when(early).then_rejected("observed-before-place-free", place_id=A1, free_since=AT.isoformat())


def test_another_version_than_the_one_seen() -> None:
    HELD.when(replace(CHECK_IN, if_version=2)).then_rejected("version-stale", expected=2, actual=3)
    HELD.given(BEGAN).when(replace(CHECK_IN, if_version=3)).then_rejected("version-stale", actual=4)
