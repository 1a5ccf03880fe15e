"""Stays that cannot end so."""

from datetime import datetime

from msgspec.structs import replace

from services.placement import events as ev
from services.placement.decider_location import ENDED_KEPT, ENDED_PAGE
from tests.placement.end_stay.test_ended import ENDED, STAYING
from tests.placement.sample import A1, A2, STAY, after, began, begin, end, ended, opened, uid, west

LIVING = west.given(opened(A1, A2), began(A1))


def test_a_stay_ends_once() -> None:
    STAYING.given(ENDED).when(end(reason="medical")).then_rejected("stay-ended", reason="moved_on")
    STAYING.given(ENDED).when(end(observed_at=after(minutes=1))).then_rejected("stay-ended")


def test_an_unknown_stay() -> None:
    STAYING.when(end(stay_id=uid(9))).then_rejected("stay-unknown", stay_id=uid(9))


def test_reasons_are_a_closed_list() -> None:
    STAYING.when(end(reason="gone")).then_rejected("end-reason-unknown", reason="gone")


def test_nobody_leaves_before_they_came() -> None:
    early = end(observed_at=after(seconds=-1))
    STAYING.when(early).then_rejected("observed-before-stay-began", began_at=after().isoformat())


def test_nobody_leaves_a_place_they_moved_to_before_it_was_free() -> None:
    before = LIVING.given(began(A2, stay_id=uid(7)), ended(A2, stay_id=uid(7), at=after(minutes=30)))
    moved = before.given(ev.StayMoved(STAY, (A1,), (A2,), "shelter_24h", after(hours=1), after(hours=1)))
    early = end(at=after(hours=2), observed_at=after(minutes=10))
    moved.when(early).then_rejected("observed-before-place-free", place_id=A2)
    moved.when(replace(early, observed_at=after(minutes=30))).then(
        ev.StayEnded(STAY, (A2,), "moved_on", after(minutes=30), after(hours=2))
    )


def test_one_that_was_moved_back_may_have_left_before_the_move() -> None:
    there = ev.StayMoved(STAY, (A1,), (A2,), "shelter_24h", after(hours=1), after(hours=1))
    back = ev.StayMoved(STAY, (A2,), (A1,), "shelter_24h", after(hours=1), after(hours=1), undo=True)
    LIVING.given(there, back).when(end(at=after(hours=2), observed_at=after(minutes=10))).then(
        ev.StayEnded(STAY, (A1,), "moved_on", after(minutes=10), after(hours=2))
    )


def test_one_that_moved_and_did_not_leave_after_all_may_have_left_earlier() -> None:
    moved = ev.StayMoved(STAY, (A1,), (A2,), "shelter_24h", after(minutes=1), after(minutes=1))
    gone = ended(A2, at=after(hours=1))
    resumed = LIVING.given(moved, gone, ev.StayResumed(STAY, (A2,), after(hours=1)))
    resumed.when(end(at=after(hours=2), observed_at=after(minutes=10))).then(
        ev.StayEnded(STAY, (A2,), "moved_on", after(minutes=10), after(hours=2))
    )


def test_leaving_is_not_seen_in_the_future_nor_long_ago() -> None:
    STAYING.when(end(observed_at=after(minutes=3))).then_rejected("observed-in-future")
    STAYING.when(end(at=after(days=9), observed_at=after(days=1))).then_rejected("observed-too-old")
    STAYING.when(end(observed_at=datetime(2026, 1, 10))).then_rejected("time-without-zone")  # noqa: DTZ001


def test_another_version_than_the_one_seen() -> None:
    STAYING.when(end(if_version=2)).then_rejected("version-stale", expected=2, actual=3)
    STAYING.given(ENDED).when(end(if_version=3)).then_rejected("version-stale", actual=4)


def test_only_the_last_ended_stays_are_remembered() -> None:
    many = west.given(opened(A1, A2), began(A2)).after(
        *(
            command
            for n in range(1000, 1000 + ENDED_KEPT + ENDED_PAGE + 1)
            for command in (begin(A1, stay_id=uid(n)), end(stay_id=uid(n)))
        )
    )
    assert sum(map(len, many.state.ended_stays.pages)) == ENDED_KEPT + 1
    assert list(many.state.stays) == [STAY]
    many.when(end(stay_id=uid(1000 + ENDED_PAGE - 1))).then_rejected("stay-unknown")
    many.when(end(stay_id=uid(1000 + ENDED_PAGE))).then_nothing()
