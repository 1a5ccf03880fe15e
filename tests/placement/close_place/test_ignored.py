"""Places that are closed, or will be, already."""

from msgspec.structs import replace

from tests.placement.close_place.test_closed import CLOSE, CLOSED, PLACES, PLANNED
from tests.placement.sample import A1, began


def test_a_closed_place_is_not_closed_again() -> None:
    PLACES.given(CLOSED).when(CLOSE).then_nothing()


def test_a_closing_is_not_planned_again() -> None:
    PLACES.given(began(A1), PLANNED).when(replace(CLOSE, after_stay=True)).then_nothing()
