"""A published programme-night made true."""

import pytest
from msgspec.structs import replace

from services.placement import events as ev
from services.placement.decider import decide
from services.placement.publish import figures
from shared.kernel import Rejected
from tests.placement.record_night.nights import NIGHT, counts, night, published, seen
from tests.placement.sample import A1, AT, at_place, blocked, end, opened, west


def recorded(total: int, blocked: int, occupied: int, days: int = 0) -> ev.NightRecorded:
    overflow = max(0, occupied - (total - blocked))
    return ev.NightRecorded(
        "12251",
        "shelter_24h",
        (),
        1,
        night(0, 0, 0, days=days).night,
        total,
        blocked,
        occupied,
        overflow,
        seen(days),
        AT,
    )


def test_the_first_night_opens_blocks_and_fills() -> None:
    outcome = decide(west.state, night(3, 1, 1))
    assert not isinstance(outcome, Rejected)
    opening, blocking, beginning, _ = outcome
    assert isinstance(opening, ev.PlacesOpened)
    assert isinstance(beginning, ev.StaysBegan)
    one, two, three = opening.place_ids
    west.when(night(3, 1, 1)).then(
        ev.PlacesOpened((one, two, three), "shelter_24h", "12251", 1, (), AT, seen(), "12251"),
        ev.PlacesBlocked((three,), "other", None, AT, seen(), True),
        ev.StaysBegan("12251", "shelter_24h", (ev.InPlace(beginning.stays[0].stay_id, one),), seen(), AT),
        recorded(3, 1, 1),
    )
    assert isinstance(blocking, ev.PlacesBlocked)
    assert len({one, two, three, beginning.stays[0].stay_id}) == 4


@pytest.mark.parametrize(
    "figures",
    [
        [(10, 2, 5), (10, 2, 5), (10, 0, 10), (10, 10, 0), (10, 4, 6)],
        [(10, 2, 9), (10, 2, 8), (10, 1, 12), (4, 1, 3)],  # overflow comes, grows, goes
        [(5, 0, 5), (0, 0, 0), (7, 3, 2), (0, 0, 2), (1, 1, 3)],
        [(300, 7, 293), (265, 0, 265), (301, 30, 200)],
    ],
)
def test_night_after_night_the_places_are_as_published(figures: list[tuple[int, int, int]]) -> None:
    given = west
    for days, (total, blocked_, occupied) in enumerate(figures):
        command = night(total, blocked_, occupied, days=days)
        outcome = decide(given.state, command)
        assert not isinstance(outcome, Rejected)
        given = given.when(command).then(*outcome)
        assert counts(given.state) == published(total, blocked_, occupied)


def test_a_night_is_a_handful_of_events() -> None:
    outcome = decide(west.state, night(700, 20, 690))
    assert not isinstance(outcome, Rejected)
    assert len(outcome) == 5


def test_the_oldest_stays_end_first_and_free_places_close_first() -> None:
    first = west.after(night(4, 0, 2))
    oldest, second = first.state.stays.values()
    free = [place.id for place in first.state.places.values() if place.status == "free"]
    first.when(night(3, 0, 1, days=1)).then(
        ev.StaysEnded("12251", (ev.InPlace(oldest.id, oldest.place_ids[0]),), "moved_on", seen(1), AT),
        ev.PlacesClosed((oldest.place_ids[0],), AT, seen(1)),
        recorded(3, 0, 1, days=1),
    )
    assert second.id in first.state.stays
    assert len(free) == 2


def test_an_unchanged_night_is_still_a_look_at_the_places() -> None:
    state = west.after(night(4, 1, 2)).when(night(4, 1, 2, days=1)).then(recorded(4, 1, 2, days=1)).state
    assert [row.observed_at for row in figures(state).read().rows] == [seen(1)]


def test_what_is_published_beside_the_figures_is_kept_and_words_only_when_they_change() -> None:
    first = night(2, 0, 1, funded=3, unavailable=0, words=("Red Door", "Families"))
    given = west.after(first)
    assert given.state.nights["12251"].published == (3, 0, None)
    same = replace(recorded(2, 0, 1, days=1), funded=4, unavailable=-1)
    then = given.when(night(2, 0, 1, days=1, funded=4, unavailable=-1, words=first.words)).then(same)
    assert then.state.nights["12251"].words == ("Red Door", "Families")
    gone = then.when(night(2, 0, 1, days=2)).then(replace(recorded(2, 0, 1, days=2), words=()))
    assert gone.state.nights["12251"].words == ()


def test_rooms_are_rooms_of_their_own() -> None:
    state = west.after(night(2, 0, 0, own_rooms=True), night(3, 0, 0, days=1, own_rooms=True)).state
    assert [place.room for place in state.places.values()] == ["12251-1", "12251-2", "12251-3"]


def test_a_programme_whose_places_change_make_gets_new_ones() -> None:
    state = west.after(night(4, 1, 2), night(3, 1, 1, days=1, features=("men_only",))).state
    assert counts(state) == published(3, 1, 1)
    assert {place.features for place in state.places.values()} == {("men_only",)}


def test_programmes_of_one_location_do_not_touch_each_other_nor_what_people_opened() -> None:
    state = west.given(opened(A1)).after(night(3, 1, 1), night(5, 0, 2, programme="7"), night(2, 0, 2, days=1)).state
    assert counts(state) == published(2, 0, 2)
    assert counts(state, "7") == published(5, 0, 2)
    assert state.places[A1].status == "free"


def test_what_an_operator_did_in_between_is_made_up_for() -> None:
    given = west.after(night(4, 0, 3))
    stay = next(iter(given.state.stays))
    state = given.after(end(stay_id=stay), night(4, 0, 3, days=1)).state
    assert counts(state) == published(4, 0, 3)
    assert stay not in state.stays


def test_a_block_by_people_counts_among_the_published_ones() -> None:
    given = west.after(night(4, 0, 2))
    free = next(place.id for place in given.state.places.values() if place.status == "free")
    state = given.given(blocked(free, reason="safety")).after(night(4, 2, 2, days=1)).state
    assert counts(state) == published(4, 2, 2)
    assert state.places[free].block is not None


def test_a_planned_closing_and_a_planned_block_happen_when_the_report_ends_the_stay() -> None:
    given = west.after(night(4, 0, 4))
    first, second, *_ = given.state.stays.values()
    plans = (
        ev.ClosingPlanned(first.place_ids, AT),
        ev.BlockPlanned(second.place_ids, "repair", None, AT),
    )
    state = given.given(*plans).after(night(4, 1, 2, days=1)).state
    assert counts(state) == published(4, 1, 2)
    assert first.place_ids[0] not in state.places
    assert state.places[second.place_ids[0]].status == "blocked"


def test_the_same_night_again_changes_nothing() -> None:
    west.after(night(4, 1, 2)).when(night(4, 1, 2)).then_nothing()
    again = replace(night(4, 1, 2), features=())
    west.after(night(4, 1, 2)).when(again).then_nothing()


def test_nothing_is_recorded_where_no_location_is() -> None:
    at_place.when(night(1, 0, 0)).then_rejected("location-unknown")
    assert night(1, 0, 0).night == NIGHT
