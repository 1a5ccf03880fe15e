"""At the out-by time everybody who was not given longer has left: no person saw it, so no figure is younger for it."""

from datetime import timedelta

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement import events_house as eh
from services.placement import policy
from services.placement.publish import tell
from shared.contracts.placement import CapacityTold
from shared.timers import TimerSet
from tests.placement.hours import MORNING, NEXT_MORNING, NIGHT, asleep, fire, out, with_hours
from tests.placement.sample import A1, A2, AT, B1, STAY, STAY2, after, began, moved


def test_their_stays_end_and_their_places_are_free() -> None:
    state = asleep.given(began(B1, stay_id=STAY2)).when(fire()).then(out()).state
    group = state.groups["night_shelter|1|"]
    assert (group.occupied, group.people, group.observed_at) == (0, 0, AT)
    assert list(state.stays) == [STAY2]


def test_what_is_told_is_no_look_of_a_person() -> None:
    state = asleep.state
    outcome = [out()]
    after_it = asleep.given(*outcome).state
    told = tell(state, outcome, after_it)
    assert {telling.observed_at for telling in told} == {None}
    [figures] = [telling.contract for telling in told if isinstance(telling.contract, CapacityTold)]
    assert [row.observed_at for row in figures.rows] == [AT]


def test_a_timer_that_is_late_ends_them_when_they_were_to_be_out() -> None:
    late = MORNING + timedelta(hours=3)
    asleep.when(fire(late)).then(out(at=late))


def test_early_twice_or_of_nobody_it_changes_nothing() -> None:
    asleep.when(fire(MORNING - timedelta(seconds=1))).then_nothing()
    asleep.given(out()).when(fire()).then_nothing()
    with_hours.when(fire()).then_nothing()
    asleep.when(replace(fire(), location="noord")).then_rejected("location-unknown")


def test_whoever_moves_to_a_place_by_day_and_night_stays() -> None:
    move = cmd.MoveStay(at=after(hours=1), role="operator", location="west", stay_id=STAY, place_ids=(B1,))
    there = moved(B1, away=(A1,), at=after(hours=1))
    stays = asleep.when(move).then(there, eh.EndsPlanned("west", (STAY,), None, after(hours=1)))
    stays.when(fire()).then_nothing()
    back = replace(move, at=after(hours=2), place_ids=(A2,))
    again = moved(A2, away=(B1,), at=after(hours=2), kind=NIGHT)
    stays.when(back).then(again, eh.EndsPlanned("west", (STAY,), MORNING, after(hours=2)))


def test_a_move_within_the_night_shelter_changes_no_end() -> None:
    move = cmd.MoveStay(at=after(hours=1), role="operator", location="west", stay_id=STAY, place_ids=(A2,))
    asleep.when(move).then(moved(A2, away=(A1,), at=after(hours=1), kind=NIGHT))


def test_an_end_that_is_taken_back_in_time_lasts_until_the_next_morning() -> None:
    at = MORNING + timedelta(seconds=30)
    undo = cmd.UndoStay(at=at, role="operator", location="west", stay_id=STAY)
    resumed = ev.StayResumed(STAY, (A1,), at)
    back = asleep.given(out()).when(undo).then(resumed, eh.EndsPlanned("west", (STAY,), NEXT_MORNING, at))
    back.when(fire(at)).then_nothing()


def test_of_many_who_end_together_one_timer_is_kept() -> None:
    two = eh.EndsPlanned("west", (STAY, STAY2), MORNING, AT)
    [timer] = policy.timers([two, replace(two, stay_ids=(STAY,))])
    assert isinstance(timer, TimerSet)
    assert (timer.id, timer.kind, timer.key) == (f"out/west/{MORNING.isoformat()}", policy.STAYS_DUE, "west")
    assert policy.due(policy.STAYS_DUE, "west", timer.id, MORNING).command == fire()
    assert policy.timers([replace(two, ends_at=None)]) == []
