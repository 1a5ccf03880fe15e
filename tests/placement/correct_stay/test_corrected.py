"""What was tapped in wrong about a present stay is put right."""

from datetime import timedelta

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement.publish import figures
from tests.placement.sample import A1, A2, AT, STAY, STAY2, after, began, ended, opened, west

CORRECT = cmd.CorrectStay(at=AT, role="operator", location="west", stay_id=STAY, household_size=2)
LIVED_IN = west.given(opened(A1, sleeps=2), began(A1))


def test_another_number_of_people_counts() -> None:
    state = LIVED_IN.when(CORRECT).then(ev.StayCorrected(STAY, (A1,), 2, AT, AT)).state
    assert [row.people for row in figures(state).read().rows] == [2]
    assert state.stays[STAY].version == 4


def test_another_beginning() -> None:
    early = AT - timedelta(hours=3)
    command = replace(CORRECT, household_size=None, began_at=early)
    LIVED_IN.when(command).then(ev.StayCorrected(STAY, (A1,), 1, early, AT))


def test_what_is_right_already_changes_nothing() -> None:
    LIVED_IN.when(replace(CORRECT, household_size=1, began_at=AT)).then_nothing()
    LIVED_IN.given(ev.StayCorrected(STAY, (A1,), 2, AT, AT)).when(CORRECT).then_nothing()


def test_more_people_than_the_places_sleep() -> None:
    LIVED_IN.when(replace(CORRECT, household_size=3)).then_rejected("household-too-large", sleeps_max=2)
    LIVED_IN.when(replace(CORRECT, household_size=0)).then_rejected("household-size-invalid")


def test_a_beginning_that_cannot_have_been() -> None:
    before = west.given(opened(A1), began(A1, stay_id=STAY2), ended(A1, stay_id=STAY2, at=after(minutes=5)))
    now = before.given(ev.StayBegan(STAY, (A1,), "shelter_24h", 1, after(minutes=9), after(minutes=9)))
    early = replace(CORRECT, at=after(minutes=10), household_size=None, began_at=AT)
    now.when(early).then_rejected("observed-before-place-free")
    LIVED_IN.when(replace(CORRECT, began_at=after(minutes=3))).then_rejected("observed-in-future")
    LIVED_IN.when(replace(CORRECT, began_at=AT.replace(tzinfo=None))).then_rejected("time-without-zone")


def test_a_stay_that_is_not_there() -> None:
    LIVED_IN.when(replace(CORRECT, stay_id=STAY2)).then_rejected("stay-unknown")
    west.given(opened(A1, A2), began(A1), ended(A1)).when(CORRECT).then_rejected("stay-ended")
