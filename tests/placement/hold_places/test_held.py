"""Places kept for a household on its way."""

from msgspec.structs import replace

from tests.placement.sample import A1, A2, A3, B1, B2, C1, after, began, held, hold, opened, west

SINGLES = west.given(opened(A1, A2, A3), opened(B1, B2, room="b"))


def test_a_named_place_is_held() -> None:
    state = SINGLES.when(hold(A2)).then(held(A2)).state
    assert state.places[A2].status == "held"
    assert state.places[A2].version == 4


def test_by_kind_the_first_by_room_and_id_is_held() -> None:
    SINGLES.when(hold(kind="shelter_24h")).then(held(A1))
    SINGLES.given(began(A1)).when(hold(kind="shelter_24h")).then(held(A2))


def test_the_smallest_place_that_is_enough_is_held() -> None:
    rooms = west.given(opened(A1, sleeps=4), opened(B1, room="b", sleeps=2), opened(C1, room="c", sleeps=3))
    rooms.when(hold(kind="shelter_24h")).then(held(B1))
    rooms.when(hold(kind="shelter_24h", size=3)).then(held(C1, size=3))


def test_a_couple_takes_two_beds_of_one_room() -> None:
    apart = west.given(opened(A1), opened(B1, B2, room="b"))
    apart.when(hold(kind="shelter_24h", size=2)).then(held(B1, B2, size=2))


def test_a_bed_for_two_is_better_than_three_in_a_room() -> None:
    rooms = west.given(opened(A1, A2, A3), opened(B1, room="b", sleeps=2))
    rooms.when(hold(kind="shelter_24h", size=2)).then(held(B1, size=2))


def test_beds_of_several_sizes_are_joined_with_the_least_left_over() -> None:
    room = west.given(opened(A1, sleeps=4), opened(B1, B2, sleeps=3), opened(C1, sleeps=2))
    room.when(hold(kind="shelter_24h", size=5)).then(held(B1, C1, size=5))
    room.when(hold(kind="shelter_24h", size=9)).then(held(A1, B1, C1, size=9))


def test_every_feature_asked_for_is_there_and_none_is_wasted() -> None:
    rooms = west.given(opened(A1, features=("pets", "step_free")), opened(B1, room="b"), opened(B2, features=("pets",)))
    rooms.when(hold(kind="shelter_24h")).then(held(B1))
    asked = replace(held(B2), features=("pets",))
    rooms.when(hold(kind="shelter_24h", features=("pets",))).then(asked)


def test_a_family_gets_one_unit() -> None:
    units = west.given(opened(A1, A2, kind="family_shelter", sleeps=4))
    units.when(hold(kind="family_shelter", size=3)).then(held(A1, size=3, kind="family_shelter"))


def test_a_hold_lasts_as_long_as_was_asked() -> None:
    asked = replace(held(A1), hold_minutes=30, expires_at=after(minutes=30))
    SINGLES.when(hold(A1, minutes=30)).then(asked)
    SINGLES.when(hold(A1, minutes=240)).then(replace(asked, hold_minutes=240, expires_at=after(minutes=240)))
