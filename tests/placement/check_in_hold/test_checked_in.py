"""The household has arrived."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import A1, A2, HOLD, STAY, after, held, opened, west

CHECK_IN = cmd.CheckInHold(at=after(minutes=20), role="operator", location="west", hold_id=HOLD, stay_id=STAY)
BEGAN = ev.StayBegan(STAY, (A1,), "shelter_24h", 1, after(minutes=20), after(minutes=20), HOLD)
HELD = west.given(opened(A1, A2), held(A1))


def test_a_hold_becomes_a_stay() -> None:
    state = HELD.when(CHECK_IN).then(BEGAN).state
    assert state.places[A1].status == "occupied"
    assert not state.holds
    ended = state.ended_holds.get(HOLD)
    assert ended is not None
    assert ended.how == "checked_in"
    assert state.stays[STAY].household_size == 1


def test_the_stay_begins_when_it_was_seen() -> None:
    seen = replace(BEGAN, began_at=after(minutes=5))
    state = HELD.when(replace(CHECK_IN, observed_at=after(minutes=5))).then(seen).state
    assert [group.observed_at for group in state.groups.values()] == [after(minutes=5)]


def test_a_household_lives_in_all_its_places() -> None:
    both = west.given(opened(A1, A2), held(A1, A2, size=2))
    state = both.when(CHECK_IN).then(replace(BEGAN, place_ids=(A1, A2), household_size=2)).state
    assert [group.people for group in state.groups.values()] == [2]
    assert [group.occupied for group in state.groups.values()] == [2]


def test_the_last_second_is_in_time() -> None:
    at = after(minutes=89, seconds=59)
    HELD.when(replace(CHECK_IN, at=at)).then(replace(BEGAN, began_at=at, at=at))


def test_the_same_check_in_again_changes_nothing() -> None:
    HELD.given(BEGAN).when(CHECK_IN).then_nothing()
    HELD.given(BEGAN).when(replace(CHECK_IN, at=after(hours=9))).then_nothing()


def test_a_plan_for_the_place_outlives_the_check_in() -> None:
    planned = HELD.given(ev.BlockPlanned((A1,), "cleaning", None, after()))
    assert planned.when(CHECK_IN).then(BEGAN).state.places[A1].block_next is not None
