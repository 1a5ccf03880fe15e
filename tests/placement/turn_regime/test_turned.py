"""A regime begins and ends at a location by its own clock: places open as overflow, and close when they are empty."""

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement import events_regimes as rg
from tests.placement.sample import (
    A1,
    A2,
    A3,
    AT,
    B1,
    FROM,
    HOLD,
    REGIME,
    STAY,
    UNTIL,
    after,
    began,
    blocked,
    end,
    ended,
    held,
    note,
    noted,
    opened,
    regime_began,
    standby,
    turn,
    uid,
    west,
)

OTHER = uid(702)
waiting = west.given(standby(A1, A2, A3), noted())
running = waiting.given(regime_began(), rg.StandbyOpened((A1, A2, A3), FROM))
ENDED = rg.RegimeEnded("west", REGIME, UNTIL)


def test_it_begins_and_its_places_count_as_overflow() -> None:
    state = waiting.when(turn(FROM)).then(regime_began(), rg.StandbyOpened((A1, A2, A3), FROM)).state
    group = state.groups["shelter_24h|1|"]
    assert (group.total, group.overflow, group.occupied) == (0, 3, 0)


def test_a_timer_that_fires_early_or_twice_changes_nothing() -> None:
    waiting.when(turn(AT)).then_nothing()
    running.when(turn(FROM)).then_nothing()
    running.given(rg.StandbyClosed((A1, A2, A3), UNTIL), ENDED).when(turn(UNTIL)).then_nothing()
    west.when(turn(FROM)).then_nothing()


def test_one_whose_whole_time_was_missed_opens_nothing() -> None:
    waiting.when(turn(UNTIL)).then(ENDED)


def test_at_its_end_free_places_wait_again_and_used_ones_stay_counted() -> None:
    used = running.given(held(A1), began(A2))
    state = used.when(turn(UNTIL)).then(ENDED, rg.StandbyClosed((A3,), UNTIL)).state
    group = state.groups["shelter_24h|1|"]
    assert (group.overflow, group.occupied, group.held) == (2, 1, 1)
    assert list(state.standby) == [A3]


def test_after_its_end_a_place_closes_when_it_is_empty() -> None:
    over = running.given(held(A1), began(A2), ENDED, rg.StandbyClosed((A3,), UNTIL))
    left = over.when(end(at=UNTIL)).then(ended(A2, at=UNTIL), rg.StandbyClosed((A2,), UNTIL, UNTIL))
    assert set(left.state.standby) == {A2, A3}
    cancel = cmd.CancelHold(at=AT, role="operator", location="west", hold_id=HOLD)
    cancelled = over.when(cancel).then(ev.HoldCancelled(HOLD, (A1,), AT), rg.StandbyClosed((A1,), AT))
    assert set(cancelled.state.standby) == {A1, A3}


def test_a_place_out_of_use_is_not_forgotten_to_be_so() -> None:
    over = running.given(blocked(A1), ENDED, rg.StandbyClosed((A2, A3), UNTIL))
    assert over.when(turn(UNTIL)).then_nothing().state.groups["shelter_24h|1|"].blocked == 1
    unblock = cmd.UnblockPlace(at=UNTIL, role="operator", location="west", place_id=A1)
    over.when(unblock).then(ev.PlacesUnblocked((A1,), UNTIL, UNTIL), rg.StandbyClosed((A1,), UNTIL))


def test_while_it_runs_a_place_that_is_left_is_free_again() -> None:
    later = after(hours=4)
    left = running.given(began(A1)).when(end(at=later)).then(ended(A1, at=later))
    assert left.state.places[A1].status == "free"


def test_of_two_regimes_the_last_to_end_closes() -> None:
    both = running.given(noted(regime=OTHER), rg.RegimeBegan("west", OTHER, after(days=9), FROM))
    first = both.when(turn(UNTIL)).then(ENDED)
    assert len(first.state.places) == 3
    again = both.given(ENDED).when(turn(UNTIL, OTHER))
    again.then(rg.RegimeEnded("west", OTHER, UNTIL), rg.StandbyClosed((A1, A2, A3), UNTIL))


def test_a_place_declared_standby_while_it_runs_is_open_at_once() -> None:
    open_ = cmd.OpenPlaces(
        at=after(hours=3), role="operator", location="west", place_ids=(B1,), kind="shelter_24h", room="s", standby=True
    )
    made = ev.PlacesOpened((B1,), "shelter_24h", "s", 1, (), after(hours=3), standby=True)
    running.when(open_).then(made, rg.StandbyOpened((B1,), after(hours=3)))


def test_nobody_is_put_where_a_place_waits() -> None:
    refused = waiting.when(cmd.BeginStay(at=AT, role="operator", location="west", stay_id=STAY, place_ids=(A1,)))
    refused.then_rejected("place-not-free", place_id=A1, status="closed")
    by_kind = cmd.BeginStay(at=AT, role="operator", location="west", stay_id=STAY, kind="shelter_24h")
    waiting.when(by_kind).then_rejected("no-place-free")
    block = cmd.BlockPlaces(at=AT, role="operator", location="west", place_ids=(A1,), reason="repair")
    waiting.when(block).then_rejected("place-not-free")


def test_a_waiting_place_can_be_closed_for_good_and_a_closed_house_has_none() -> None:
    close = cmd.ClosePlace(at=AT, role="operator", location="west", place_id=A1)
    assert set(waiting.when(close).then(ev.PlacesClosed((A1,), AT, AT)).state.standby) == {A2, A3}
    shut = cmd.CloseLocation(at=AT, role="coordinator", location="west")
    gone = waiting.when(shut).then(ev.PlacesClosed((A1, A2, A3), AT, AT), ev.LocationClosed("west", AT))
    assert (gone.state.standby, len(gone.state.places)) == ({}, 0)
    assert west.given(opened(B1)).when(note(at=FROM)).then(noted(at=FROM), regime_began()).state.groups


def test_a_turn_is_never_asked_of_another_house() -> None:
    other = turn(FROM)
    waiting.when(type(other)(at=FROM, role="system", location="oost", regime_id=REGIME)).then_rejected(
        "location-unknown"
    )
