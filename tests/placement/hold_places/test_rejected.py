"""Holds that cannot be."""

import pytest

from services.placement import events as ev
from tests.placement.hold_places.test_held import SINGLES
from tests.placement.sample import A1, A2, A3, AT, B1, HOLD, HOLD2, began, blocked, held, hold, opened, uid, west


@pytest.mark.parametrize("minutes", [29, 241, 0, -90, 10**9])
def test_a_hold_is_neither_too_short_nor_too_long(minutes: int) -> None:
    SINGLES.when(hold(A1, minutes=minutes)).then_rejected(
        "hold-minutes-out-of-range", hold_minutes_min=30, hold_minutes_max=240
    )


def test_a_place_in_use_is_not_given_away_twice() -> None:
    other = hold(A1, hold_id=HOLD2)
    SINGLES.given(held(A1)).when(other).then_rejected("place-not-free", place_id=A1, status="held")
    SINGLES.given(began(A1)).when(other).then_rejected("place-not-free", status="occupied")
    SINGLES.given(blocked(A1)).when(other).then_rejected("place-not-free", status="blocked")


def test_a_full_house_has_no_place() -> None:
    full = west.given(opened(A1), held(A1))
    full.when(hold(kind="shelter_24h", hold_id=HOLD2)).then_rejected("no-place-free", kind="shelter_24h", free=0)


def test_another_kind_is_no_answer() -> None:
    SINGLES.when(hold(kind="night_shelter")).then_rejected("no-place-free", kind="night_shelter")
    SINGLES.when(hold(A1, kind="night_shelter")).then_rejected("place-of-another-kind", place_id=A1)


def test_features_that_are_not_there() -> None:
    SINGLES.when(hold(kind="shelter_24h", features=("pets",))).then_rejected("no-place-free")
    SINGLES.when(hold(A1, features=("pets",))).then_rejected("features-missing", place_id=A1, features=["pets"])


def test_a_household_is_not_split_over_rooms() -> None:
    SINGLES.when(hold(A1, B1, size=2)).then_rejected("places-not-one-room", rooms=["a", "b"])
    SINGLES.when(hold(kind="shelter_24h", size=4)).then_rejected("household-too-large", sleeps_max=3)
    SINGLES.given(began(A1)).when(hold(kind="shelter_24h", size=3)).then_rejected("no-place-free", free=4)


def test_a_household_is_not_split_over_family_units() -> None:
    units = west.given(opened(A1, A2, kind="family_shelter", sleeps=4))
    units.when(hold(A1, A2, size=6)).then_rejected("family-unit-split", places=2)
    units.when(hold(kind="family_shelter", size=6)).then_rejected("household-too-large", sleeps_max=4)


def test_a_family_unit_is_not_shared() -> None:
    unit = west.given(opened(A1, kind="family_shelter", sleeps=8), held(A1, kind="family_shelter"))
    unit.when(hold(kind="family_shelter", hold_id=HOLD2)).then_rejected("no-place-free")


def test_places_must_sleep_everybody() -> None:
    SINGLES.when(hold(A1, A2, size=3)).then_rejected("household-too-large", household_size=3, sleeps_max=2)


@pytest.mark.parametrize(("size", "code"), [(0, "household-size-invalid"), (-1, "household-size-invalid")])
def test_somebody_must_come(size: int, code: str) -> None:
    SINGLES.when(hold(A1, size=size)).then_rejected(code)


def test_a_household_has_a_limit() -> None:
    SINGLES.when(hold(A1, size=21)).then_rejected("household-too-large", household_size_max=20)
    SINGLES.when(hold(*(uid(n) for n in range(21)))).then_rejected("too-many-places", places_max=20)


def test_words_and_places_must_be_known() -> None:
    SINGLES.when(hold(kind="hotel")).then_rejected("kind-unknown")
    SINGLES.when(hold(kind="allowance")).then_rejected("kind-without-beds")
    SINGLES.when(hold(A1, features=("sauna",))).then_rejected("feature-unknown")
    SINGLES.when(hold(uid(9))).then_rejected("place-unknown", place_id=uid(9))
    SINGLES.when(hold()).then_rejected("places-missing")
    SINGLES.when(hold(A1, A1)).then_rejected("id-repeated")
    SINGLES.when(hold(A1, hold_id="mine")).then_rejected("id-invalid")


def test_a_hold_id_is_not_used_for_something_else() -> None:
    SINGLES.given(held(A1)).when(hold(A2)).then_rejected("hold-id-used", hold_id=HOLD)
    SINGLES.given(held(A1)).when(hold(A1, minutes=60)).then_rejected("hold-id-used")
    ended = SINGLES.given(held(A1), ev.HoldCancelled(HOLD, (A1,), AT))
    ended.when(hold(A3)).then_rejected("hold-id-used")
