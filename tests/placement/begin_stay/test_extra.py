"""More people than beds on a bad night: an extra place in the same tap."""

from msgspec.structs import replace

from services.placement import events as ev
from shared.ids import derived_id
from tests.placement.sample import A1, AT, STAY, STAY2, began, begin, end, ended, opened, west

EXTRA = derived_id("extra", "west", STAY)
FULL = west.given(opened(A1), began(A1, stay_id=STAY2))
BEGIN = replace(begin(kind="shelter_24h"), extra=True)
OPENED = ev.PlacesOpened((EXTRA,), "shelter_24h", "extra 2", 1, (), AT, AT, overflow=True)


def test_an_extra_place_counts_as_overflow_and_closes_with_its_stay() -> None:
    given = FULL.when(BEGIN).then(OPENED, began(EXTRA))
    assert [(g.total, g.overflow, g.occupied) for g in given.state.groups.values()] == [(1, 1, 2)]
    state = given.when(end()).then(ended(EXTRA), ev.PlacesClosed((EXTRA,), AT, AT)).state
    assert [(g.total, g.overflow, g.occupied) for g in state.groups.values()] == [(1, 0, 1)]


def test_no_extra_place_while_there_is_room() -> None:
    west.given(opened(A1)).when(BEGIN).then(began(A1))


def test_a_household_larger_than_any_room_stays_together_in_one() -> None:
    pair = replace(BEGIN, household_size=2)
    room = replace(OPENED, sleeps=2)
    FULL.when(pair).then(room, began(EXTRA, size=2))


def test_the_same_tap_again_changes_nothing() -> None:
    FULL.after(BEGIN).when(BEGIN).then_nothing()


def test_extra_places_are_for_those_who_ask_for_them() -> None:
    FULL.when(replace(BEGIN, extra=False)).then_rejected("no-place-free")
    FULL.when(replace(BEGIN, household_size=21)).then_rejected("household-too-large")
    FULL.when(replace(BEGIN, kind="hotel")).then_rejected("kind-unknown")
