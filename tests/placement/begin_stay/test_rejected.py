"""Stays that cannot begin."""

from datetime import datetime

from msgspec.structs import replace

from tests.placement.begin_stay.test_began import BEDS
from tests.placement.sample import A1, A2, AT, B1, HOLD, STAY, STAY2, after, began, begin, blocked, ended, held, uid


def test_a_place_in_use_is_not_given_away_twice() -> None:
    BEDS.given(began(A1)).when(begin(A1, stay_id=STAY2)).then_rejected("place-not-free", status="occupied")
    BEDS.given(held(A1)).when(begin(A1)).then_rejected("place-not-free", status="held")
    BEDS.given(blocked(A1)).when(begin(A1)).then_rejected("place-not-free", status="blocked")


def test_what_a_household_cannot_have() -> None:
    BEDS.when(begin(kind="night_shelter")).then_rejected("no-place-free")
    BEDS.when(begin(kind="shelter_24h", size=3)).then_rejected("household-too-large", sleeps_max=2)
    BEDS.when(begin(A1, B1, size=2)).then_rejected("places-not-one-room")
    BEDS.when(begin(uid(9))).then_rejected("place-unknown")
    BEDS.when(begin()).then_rejected("places-missing")
    BEDS.when(begin(A1, size=0)).then_rejected("household-size-invalid")
    BEDS.when(begin(A1, features=("sauna",))).then_rejected("feature-unknown")
    BEDS.when(begin(kind="hotel")).then_rejected("kind-unknown")


def test_a_stay_id_is_not_used_for_something_else() -> None:
    BEDS.given(began(A1)).when(begin(A2)).then_rejected("stay-id-used", stay_id=STAY)
    BEDS.given(began(A1), ended(A1)).when(begin(A2)).then_rejected("stay-id-used")
    checked_in = BEDS.given(held(A1), replace(began(A1), hold_id=HOLD))
    checked_in.when(begin(A1)).then_rejected("stay-id-used")
    BEDS.when(begin(A1, stay_id="mine")).then_rejected("id-invalid")


def test_arrivals_are_not_seen_in_the_future_nor_long_ago() -> None:
    BEDS.when(begin(A1, observed_at=after(seconds=121))).then_rejected("observed-in-future")
    BEDS.when(begin(A1, observed_at=after(days=-7, seconds=-1))).then_rejected("observed-too-old")
    BEDS.when(begin(A1, observed_at=datetime(2026, 1, 10))).then_rejected("time-without-zone")  # noqa: DTZ001


def test_two_households_are_not_in_one_place_at_one_time_even_in_hindsight() -> None:
    left = BEDS.given(began(A1, stay_id=STAY2), ended(A1, stay_id=STAY2, at=AT))
    early = begin(A1, observed_at=after(minutes=-1))
    left.when(early).then_rejected("observed-before-place-free", place_id=A1)
