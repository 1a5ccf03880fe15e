"""What a new epoch begins with: whoever hears it knows of every place what the location itself knows."""

from __future__ import annotations

from datetime import timedelta

from services.placement import events as ev
from services.placement import publish_regimes
from services.placement.decider_location import BLOCKED, HELD, OCCUPIED, Location
from services.placement.publish import figures
from services.placement.publish_epoch import epoch
from shared.contracts import placement as told
from tests.placement.record_night.nights import night
from tests.placement.regimes import CUT_SHORT, DECLARED, FROM, HEARD, UNTIL, regime
from tests.placement.sample import A1, A2, AT, B1, after, began, blocked, held, opened, uid, west


def heard(states: list[Location]) -> dict[str, tuple[str, str]]:
    """Of every place what a reader of the `loc` log alone makes of an epoch's first rows: status, and by whom."""
    places: dict[str, tuple[str, str]] = {}
    for telling in epoch(states, AT):
        match telling.contract:
            case told.PlacesOpened() as contract:
                places |= dict.fromkeys(contract.place_ids, ("free", ""))
            case told.PlacesBlocked() as contract:
                places |= dict.fromkeys(contract.place_ids, (BLOCKED, contract.reason))
            case told.PlaceHeld() as contract:
                places |= dict.fromkeys(contract.place_ids, (HELD, contract.hold_id))
            case told.StayBegan() as contract:
                places |= dict.fromkeys(contract.place_ids, (OCCUPIED, contract.stay_id))
            case told.StaysBegan() as contract:
                places |= {place: (OCCUPIED, stay) for stay, place in contract.stays}
    return places


def known(state: Location) -> dict[str, tuple[str, str]]:
    return {
        place.id: (place.status, place.holder or (place.block.reason if place.block else ""))
        for place in state.places.values()
    }


def test_every_place_is_told_as_it_is() -> None:
    state = west.given(opened(A1, A2), opened(B1, room="b"), held(A1), began(B1), blocked(A2)).state
    assert {status for status, _ in known(state).values()} == {HELD, OCCUPIED, BLOCKED}
    assert heard([state]) == known(state)


def test_what_night_reports_counted_is_told_too() -> None:
    state = west.after(night(total=5, occupied=3, blocked=1)).state
    assert len(state.stays) == 3
    assert heard([state]) == known(state)


def test_both_logs_say_first_that_an_epoch_began_also_where_there_is_nothing_else() -> None:
    begun = [(telling.event.kind.log, telling.contract) for telling in epoch([], AT)]
    assert begun == [("pub", told.EpochBegan(at=AT)), ("loc", told.SiteEpochBegan(at=AT))]


def test_the_figures_are_those_of_the_location_and_two_epochs_of_one_state_are_the_same() -> None:
    state = west.given(opened(A1, A2), held(A1)).state
    tellings = epoch([state], AT)
    assert [each.contract for each in tellings if isinstance(each.contract, told.CapacityTold)] == [
        figures(state).read()
    ]
    assert tellings == epoch([state], AT)


def test_the_seats_of_sessions_are_told_anew() -> None:
    session = ev.SessionOpened(uid(601), "consultation", AT, after(hours=2), 3, AT, "west")
    state = west.given(opened(A1), session, ev.SeatBooked(uid(601), uid(1), AT)).state
    [seats] = [each.contract for each in epoch([state], AT) if isinstance(each.contract, told.SessionsTold)]
    assert [(row.kind, row.sessions, row.seats, row.booked) for row in seats.rows] == [("consultation", 1, 3, 1)]


def test_a_regime_that_was_cut_short_is_told_for_as_long_as_somebody_may_not_know_it() -> None:
    declared, cut = regime.given(DECLARED).state, regime.given(DECLARED, CUT_SHORT).state
    heard_of = regime.given(HEARD).state
    told_at = [telling.contract for telling in publish_regimes.epoch([declared, cut, heard_of], UNTIL)]
    assert [(one.revision, one.ends_at) for one in told_at if isinstance(one, told.RegimeTold)] == [
        (1, UNTIL),
        (2, CUT_SHORT.ends_at),
    ]
    assert publish_regimes.epoch([declared, cut], FROM + timedelta(days=366)) == []
