"""Places that cannot be opened."""

from itertools import combinations

import pytest
from msgspec.structs import replace

from services.placement import events as ev
from services.placement.publish import figures
from shared.contracts.vocabulary import FEATURES
from tests.placement.open_places.test_opened import OPEN
from tests.placement.sample import A1, A2, AT, opened, uid, west


def test_an_id_is_not_used_for_another_place() -> None:
    west.given(opened(A1, A2)).when(replace(OPEN, sleeps=2)).then_rejected("place-id-used", place_id=A1)
    west.given(opened(A1)).when(OPEN).then_rejected("place-id-used", place_id=A1)


def test_the_id_of_a_closed_place_does_not_come_back() -> None:
    west.given(opened(A1, A2), ev.PlacesClosed((A2,), AT, AT)).when(OPEN).then_rejected("place-id-used")


def test_kinds_are_a_closed_list_and_have_beds() -> None:
    west.when(replace(OPEN, kind="hotel")).then_rejected("kind-unknown", kind="hotel")
    west.when(replace(OPEN, kind="consultation")).then_rejected("kind-without-beds")


def test_features_are_a_closed_list() -> None:
    west.when(replace(OPEN, features=("sauna",))).then_rejected("feature-unknown", feature="sauna")


@pytest.mark.parametrize("room", ["", " a", "r" * 61, "a\n", "<b>", "a|b"])
def test_rooms_have_short_plain_labels(room: str) -> None:
    west.when(replace(OPEN, room=room)).then_rejected("room-invalid", length_max=60)


def test_programmes_have_short_plain_labels() -> None:
    west.when(replace(OPEN, programme="")).then_rejected("programme-invalid")


@pytest.mark.parametrize("sleeps", [0, -1, 21])
def test_a_place_sleeps_one_to_twenty(sleeps: int) -> None:
    west.when(replace(OPEN, sleeps=sleeps)).then_rejected("sleeps-out-of-range", sleeps_min=1, sleeps_max=20)


def test_some_places_are_needed_each_with_its_own_id() -> None:
    west.when(replace(OPEN, place_ids=())).then_rejected("places-missing")
    west.when(replace(OPEN, place_ids=(A1, A1))).then_rejected("id-repeated")
    west.when(replace(OPEN, place_ids=("a1",))).then_rejected("id-invalid", id="a1")


def test_at_most_500_places_a_command() -> None:
    ids = tuple(uid(n) for n in range(501))
    west.when(replace(OPEN, place_ids=ids)).then_rejected("too-many-places", places=501, places_max=500)


def test_at_most_2000_places_a_location() -> None:
    batches = [opened(*(uid(1000 * k + n) for n in range(500))) for k in range(1, 5)]
    west.given(*batches).when(OPEN).then_rejected("too-many-places", places_max=2000)


def test_at_most_200_makes_of_place_a_location() -> None:
    sets: list[tuple[str, ...]] = [*combinations(FEATURES, 2), *combinations(FEATURES, 3)]
    makes = [(size, set_) for set_ in sets for size in (1, 2, 3, 5)]
    events = [
        opened(uid(5000 + n), sleeps=size, features=tuple(sorted(set_))) for n, (size, set_) in enumerate(makes[:200])
    ]
    full = west.given(*events)
    assert len(figures(full.state).read().rows) == 200
    full.when(OPEN).then_rejected("too-many-groups", groups_max=200)
    same = replace(OPEN, sleeps=makes[0][0], features=makes[0][1])
    full.when(same).then(opened(A1, A2, sleeps=makes[0][0], features=tuple(sorted(makes[0][1]))))
