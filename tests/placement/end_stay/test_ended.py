"""The household left."""

from msgspec.structs import replace

from services.placement import events as ev
from tests.placement.sample import A1, A2, AT, STAY, after, began, end, ended, opened, west

STAYING = west.given(opened(A1, A2), began(A1, A2, size=2))
ENDED = ended(A1, A2)


def test_a_stay_that_ends_frees_its_places() -> None:
    state = STAYING.when(end()).then(ENDED).state
    assert {place.status for place in state.places.values()} == {"free"}
    assert not state.stays
    ended = state.ended_stays.get(STAY)
    assert ended is not None
    assert ended.reason == "moved_on"
    assert [group.people for group in state.groups.values()] == [0]


def test_a_stay_ends_when_it_was_seen() -> None:
    at, seen = after(hours=9), after(hours=8)
    late = ev.StayEnded(STAY, (A1, A2), "left_without_notice", seen, at)
    state = STAYING.when(end(at=at, reason="left_without_notice", observed_at=seen)).then(late).state
    assert state.places[A1].free_since == seen
    assert [group.observed_at for group in state.groups.values()] == [seen]


def test_a_stay_that_began_on_a_clock_ahead_does_not_end_before_it_began() -> None:
    ahead = west.given(opened(A1), replace(began(A1), began_at=after(seconds=90)))
    ahead.when(end(at=after(seconds=10))).then(
        ev.StayEnded(STAY, (A1,), "moved_on", after(seconds=90), after(seconds=10))
    )


def test_places_to_be_closed_or_blocked_are_when_the_stay_ends() -> None:
    until = after(days=2)
    planned = STAYING.given(ev.ClosingPlanned((A1,), AT), ev.BlockPlanned((A2,), "repair", until, AT))
    state = (
        planned.when(end())
        .then(ENDED, ev.PlacesClosed((A1,), AT, AT), ev.PlacesBlocked((A2,), "repair", until, AT, AT))
        .state
    )
    assert list(state.places) == [A2]
    assert state.places[A2].status == "blocked"


def test_an_overflow_place_closes_with_its_stay() -> None:
    extra = ev.PlacesOpened((A1,), "shelter_24h", "a", 1, (), AT, AT, overflow=True)
    given = west.given(extra, began(A1))
    assert given.state.groups["shelter_24h|1|"].overflow == 1
    state = given.when(end()).then(ended(A1), ev.PlacesClosed((A1,), AT, AT)).state
    assert state.groups["shelter_24h|1|"].overflow == 0
    assert not state.places
