"""Somebody walked in."""

from datetime import timedelta, timezone

from msgspec.structs import replace

from tests.placement.sample import A1, A2, AT, B1, after, began, begin, ended, opened, uid, west

BEDS = west.given(opened(A1, A2), opened(B1, room="b"))


def test_one_tap_begins_an_anonymous_stay() -> None:
    state = BEDS.when(begin(A1)).then(began(A1)).state
    assert state.places[A1].status == "occupied"
    assert [group.people for group in state.groups.values()] == [1]


def test_by_kind_the_best_fit_is_taken() -> None:
    BEDS.when(begin(kind="shelter_24h")).then(began(A1))
    BEDS.when(begin(kind="shelter_24h", size=2)).then(began(A1, A2, size=2))


def test_a_stay_begins_when_it_was_seen_and_is_kept_in_utc() -> None:
    seen = after(hours=-3)
    amsterdam = seen.astimezone(timezone(timedelta(hours=1)))
    stay = BEDS.when(begin(A1, observed_at=amsterdam)).then(replace(began(A1), began_at=seen)).state.stays
    assert next(iter(stay.values())).began_at.utcoffset() == timedelta(0)


def test_a_late_report_takes_a_place_that_was_free_by_then() -> None:
    busy = west.given(opened(A1, A2), began(A1, stay_id=uid(7)), ended(A1, stay_id=uid(7)))
    seen = after(minutes=-10)
    busy.when(begin(kind="shelter_24h", observed_at=seen)).then(replace(began(A2), began_at=seen))


def test_a_clock_a_little_ahead_is_no_trouble() -> None:
    ahead = after(seconds=90)
    stay = BEDS.when(begin(A1, observed_at=ahead)).then(replace(began(A1), began_at=ahead))
    assert stay.state.groups["shelter_24h|1|"].observed_at == ahead


def test_a_late_report_never_moves_an_observation_back() -> None:
    state = BEDS.when(begin(A1, observed_at=after(hours=-2))).then(replace(began(A1), began_at=after(hours=-2))).state
    assert state.groups["shelter_24h|1|"].observed_at == AT
