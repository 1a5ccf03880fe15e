"""Places come into being."""

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import events as ev
from tests.placement.sample import A1, A2, AT, LOCATION_OPENED, at_place, opened, west

OPEN = cmd.OpenPlaces(at=AT, role="operator", location="west", place_ids=(A1, A2), kind="shelter_24h", room="a")


def test_places_are_opened_and_free() -> None:
    state = west.when(OPEN).then(opened(A1, A2)).state
    assert [place.status for place in state.places.values()] == ["free", "free"]
    assert {place.version for place in state.places.values()} == {2}


def test_features_are_kept_sorted_and_once() -> None:
    west.when(replace(OPEN, features=("quiet", "pets", "quiet"))).then(opened(A1, A2, features=("pets", "quiet")))


def test_the_system_opening_places_is_no_look_by_a_person() -> None:
    event = ev.PlacesOpened((A1, A2), "shelter_24h", "a", 1, (), AT, None)
    state = west.when(replace(OPEN, role="system")).then(event).state
    assert [group.observed_at for group in state.groups.values()] == [None]


def test_the_same_again_changes_nothing() -> None:
    at_place.given(LOCATION_OPENED, opened(A1, A2)).when(OPEN).then_nothing()
