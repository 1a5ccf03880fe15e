"""A wrong tap, taken back within a minute."""

import pytest
from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement.publish import figures
from tests.placement.record_night.nights import night
from tests.placement.sample import A1, A2, AT, B1, STAY, STAY2, after, began, ended, moved, opened, west

UNDO = cmd.UndoStay(at=after(seconds=50), role="operator", location="west", stay_id=STAY)
ROOMS = west.given(opened(A1, A2), opened(B1, room="b"))
LIVED_IN = ROOMS.given(began(A1))
IN_ERROR = ev.StayEnded(STAY, (A1,), "entered_in_error", AT, UNDO.at)


def test_a_stay_that_was_none_ends_when_it_began() -> None:
    state = LIVED_IN.when(UNDO).then(IN_ERROR).state
    assert [row.people for row in figures(state).read().rows] == [0]


def test_a_stay_that_had_not_ended_goes_on() -> None:
    state = LIVED_IN.given(ended(A1)).when(UNDO).then(ev.StayResumed(STAY, (A1,), UNDO.at)).state
    assert state.places[A1].holder == STAY
    assert STAY not in state.ended_stays
    assert [row.people for row in figures(state).read().rows] == [1]


def test_a_household_that_moved_goes_back() -> None:
    back = ev.StayMoved(STAY, (B1,), (A1,), "shelter_24h", UNDO.at, UNDO.at, undo=True)
    LIVED_IN.given(moved(B1, away=(A1,))).when(UNDO).then(back)


def test_an_extra_place_goes_with_the_stay_that_was_none() -> None:
    extra = ev.PlacesOpened((B1,), "shelter_24h", "extra 1", 1, (), AT, AT, overflow=True)
    given = west.given(extra, began(B1))
    ended_ = ev.StayEnded(STAY, (B1,), "entered_in_error", AT, UNDO.at)
    given.when(UNDO).then(ended_, ev.PlacesClosed((B1,), UNDO.at, AT))


def test_a_second_tap_changes_nothing() -> None:
    LIVED_IN.after(UNDO).when(UNDO).then_nothing()
    LIVED_IN.given(ended(A1)).after(UNDO).when(UNDO).then_nothing()
    LIVED_IN.given(moved(B1, away=(A1,))).after(UNDO).when(UNDO).then_nothing()


@pytest.mark.parametrize("more", [(), (ended(A1),), (moved(B1, away=(A1,)),)])
def test_after_a_minute_it_is_a_matter_for_a_correction(more: tuple[ev.LocationEvent, ...]) -> None:
    late = replace(UNDO, at=after(seconds=61))
    LIVED_IN.given(*more).when(late).then_rejected("undo-too-late", within_seconds=60)


def test_a_place_that_has_another_use_by_now() -> None:
    taken = LIVED_IN.given(ended(A1), began(A1, stay_id=STAY2))
    taken.when(UNDO).then_rejected("undo-not-possible", stay_id=STAY)
    gone = LIVED_IN.given(moved(B1, away=(A1,)), ev.PlacesClosed((A1,), AT, AT))
    gone.when(UNDO).then_rejected("undo-not-possible")


def test_nobody_tapped_what_a_report_counted() -> None:
    given = west.after(night(2, 0, 1))
    reported = replace(UNDO, stay_id=next(iter(given.state.stays)))
    given.when(reported).then_rejected("undo-too-late")
    LIVED_IN.when(replace(UNDO, stay_id=STAY2)).then_rejected("stay-unknown")
