"""The same stay again."""

from tests.placement.begin_stay.test_began import BEDS
from tests.placement.sample import A1, AT, began, begin, ended


def test_a_stay_that_is_there_does_not_begin_again() -> None:
    BEDS.given(began(A1)).when(begin(A1)).then_nothing()
    BEDS.given(began(A1)).when(begin(kind="shelter_24h", observed_at=AT)).then_nothing()


def test_a_stay_that_has_ended_does_not_come_back() -> None:
    BEDS.given(began(A1), ended(A1)).when(begin(A1)).then_nothing()
