"""Places that exist no more."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import A1, A2, AT, LOCATION_OPENED, at_place, began, blocked, held, opened, west

CLOSE = cmd.ClosePlace(at=AT, role="operator", location="west", place_id=A1)
CLOSED = ev.PlacesClosed((A1,), AT, AT)
PLANNED = ev.ClosingPlanned((A1,), AT)
PLACES = west.given(opened(A1, A2))


def test_a_free_place_is_closed_and_counts_nowhere() -> None:
    state = PLACES.when(CLOSE).then(CLOSED).state
    assert list(state.places) == [A2]
    assert [group.total for group in state.groups.values()] == [1]


def test_a_blocked_place_is_closed() -> None:
    PLACES.given(blocked(A1)).when(CLOSE).then(CLOSED)


def test_a_place_in_use_is_closed_when_that_ends() -> None:
    state = PLACES.given(began(A1)).when(replace(CLOSE, after_stay=True)).then(PLANNED).state
    assert state.places[A1].status == "occupied"
    PLACES.given(held(A1)).when(replace(CLOSE, after_stay=True)).then(PLANNED)


def test_the_last_place_closed_leaves_zeros() -> None:
    state = at_place.given(LOCATION_OPENED, opened(A1)).when(CLOSE).then(CLOSED).state
    assert [group.total for group in state.groups.values()] == [0]
