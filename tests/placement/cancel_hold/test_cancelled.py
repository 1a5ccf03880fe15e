"""A hold given up."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import A1, A2, AT, HOLD, STAY, after, held, opened, uid, west

CANCEL = cmd.CancelHold(at=AT, role="operator", location="west", hold_id=HOLD)
CANCELLED = ev.HoldCancelled(HOLD, (A1, A2), AT)
HELD = west.given(opened(A1, A2), held(A1, A2, size=2))
CHECKED_IN = ev.StayBegan(STAY, (A1, A2), "shelter_24h", 2, AT, AT, HOLD)


def test_a_cancelled_hold_frees_its_places() -> None:
    state = HELD.when(CANCEL).then(CANCELLED).state
    assert {place.status for place in state.places.values()} == {"free"}
    ended = state.ended_holds.get(HOLD)
    assert ended is not None
    assert ended.how == "cancelled"


def test_places_to_be_closed_or_blocked_are_when_the_hold_ends() -> None:
    planned = HELD.given(ev.ClosingPlanned((A1,), AT), ev.BlockPlanned((A2,), "repair", None, AT))
    planned.when(CANCEL).then(CANCELLED, ev.PlacesClosed((A1,), AT), ev.PlacesBlocked((A2,), "repair", None, AT))


def test_the_same_again_changes_nothing() -> None:
    HELD.given(CANCELLED).when(CANCEL).then_nothing()


def test_a_hold_that_ended_otherwise_is_not_cancelled() -> None:
    HELD.given(CHECKED_IN).when(CANCEL).then_rejected("hold-ended", how="checked_in")
    HELD.given(ev.HoldLapsed(HOLD, (A1, A2), AT)).when(CANCEL).then_rejected("hold-ended", how="lapsed")


def test_a_hold_whose_time_is_over_lapses_instead() -> None:
    HELD.when(replace(CANCEL, at=after(minutes=90))).then_rejected("hold-lapsed")


def test_an_unknown_hold() -> None:
    HELD.when(replace(CANCEL, hold_id=uid(9))).then_rejected("hold-unknown", hold_id=uid(9))


def test_another_version_than_the_one_seen() -> None:
    HELD.when(replace(CANCEL, if_version=9)).then_rejected("version-stale", expected=9, actual=3)
    HELD.given(CANCELLED).when(replace(CANCEL, if_version=3)).then_rejected("version-stale", actual=4)
