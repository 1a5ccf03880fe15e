"""Places that cannot be closed."""

from msgspec.structs import replace

from tests.placement.close_place.test_closed import CLOSE, CLOSED, PLACES
from tests.placement.sample import A1, began, held, uid


def test_nobody_is_put_out_by_a_closing() -> None:
    PLACES.given(began(A1)).when(CLOSE).then_rejected("place-occupied", place_id=A1, status="occupied")
    PLACES.given(held(A1)).when(CLOSE).then_rejected("place-occupied", status="held")


def test_an_unknown_place_is_refused() -> None:
    PLACES.when(replace(CLOSE, place_id=uid(9))).then_rejected("place-unknown", place_id=uid(9))


def test_another_version_than_the_one_seen() -> None:
    PLACES.when(replace(CLOSE, if_version=1)).then_rejected("version-stale", expected=1, actual=2)
    PLACES.given(CLOSED).when(replace(CLOSE, if_version=2)).then_rejected("version-stale", actual=3)
