"""Places in use again."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import A1, AT, began, blocked, ended, opened, uid, west

UNBLOCK = cmd.UnblockPlace(at=AT, role="operator", location="west", place_id=A1)
UNBLOCKED = ev.PlacesUnblocked((A1,), AT, AT)
PLACE = west.given(opened(A1))
PLANNED = PLACE.given(began(A1), ev.BlockPlanned((A1,), "repair", None, AT))


def test_a_blocked_place_is_free_again() -> None:
    state = PLACE.given(blocked(A1)).when(UNBLOCK).then(UNBLOCKED).state
    assert state.places[A1].status == "free"


def test_a_planned_block_is_called_off() -> None:
    state = PLANNED.when(UNBLOCK).then(UNBLOCKED).given(ended(A1)).state
    assert state.places[A1].status == "free"
    assert state.places[A1].block_next is None


def test_a_place_that_is_not_blocked_stays_as_it_is() -> None:
    PLACE.when(UNBLOCK).then_nothing()
    PLACE.given(began(A1)).when(UNBLOCK).then_nothing()


def test_an_unknown_place_is_refused() -> None:
    PLACE.when(replace(UNBLOCK, place_id=uid(9))).then_rejected("place-unknown", place_id=uid(9))


def test_another_version_than_the_one_seen() -> None:
    PLACE.given(blocked(A1)).when(replace(UNBLOCK, if_version=2)).then_rejected("version-stale", expected=2, actual=3)
