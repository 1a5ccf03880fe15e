"""Nights that cannot be adopted."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from services.placement import commands as cmd
from tests.placement.record_night.nights import counts, night, published
from tests.placement.sample import AT, HOLD, STAY, after, begin, blocked, hold, west

FULL = west.after(night(4, 0, 2))
FREE = tuple(place.id for place in FULL.state.places.values() if place.status == "free")


def test_an_older_night_is_kept_out() -> None:
    given = west.after(night(4, 0, 2, days=1))
    given.when(night(4, 0, 2)).then_rejected("night-superseded", night="2025-01-01", recorded="2025-01-02")
    early = replace(night(4, 0, 2, days=2), observed_at=night(0, 0, 0).observed_at)
    given.when(early).then_rejected("night-superseded")


def test_one_night_has_one_report() -> None:
    FULL.when(night(4, 0, 3)).then_rejected("night-differs", night="2025-01-01")


@pytest.mark.parametrize(
    ("total", "blocked_", "occupied", "overflow"),
    [(4, -1, 0, 0), (4, 5, 0, 0), (4, 0, -1, 0), (4, 0, 5, 0), (4, 0, 2, 1), (-1, 0, 0, 0), (4, 0, 5, 2)],
)
def test_figures_must_be_possible(total: int, blocked_: int, occupied: int, overflow: int) -> None:
    command = replace(night(0, 0, 0), total=total, blocked=blocked_, occupied=occupied, overflow=overflow)
    west.when(command).then_rejected("figures-impossible")


def test_what_is_published_beside_the_figures_must_be_possible_too() -> None:
    west.when(night(2, 1, 0, unavailable=2)).then_rejected("figures-impossible")
    west.when(night(2, 0, 0, funded=100_001)).then_rejected("figures-impossible")
    west.when(night(2, 0, 0, words=("a\nb",))).then_rejected("words-invalid")
    west.when(night(2, 0, 0, words=("a",) * 31)).then_rejected("words-invalid", words_max=30)
    west.after(night(2, 0, 0)).when(night(2, 0, 0, funded=3)).then_rejected("night-differs")


def test_a_night_is_not_in_the_future() -> None:
    west.when(replace(night(1, 0, 0), observed_at=after(minutes=3))).then_rejected("observed-in-future")
    ahead = replace(night(1, 0, 0), night=AT.date() + timedelta(days=2))
    west.when(ahead).then_rejected("night-in-future")
    naive = replace(night(1, 0, 0), observed_at=datetime(2025, 1, 2))  # noqa: DTZ001
    west.when(naive).then_rejected("time-without-zone")


def test_words_and_sizes_are_checked() -> None:
    west.when(night(1, 0, 0, kind="hotel")).then_rejected("kind-unknown")
    west.when(night(1, 0, 0, features=("sauna",))).then_rejected("feature-unknown")
    west.when(night(1, 0, 0, programme="")).then_rejected("programme-invalid")
    west.when(night(1, 0, 0, sleeps=0)).then_rejected("sleeps-out-of-range")
    west.when(night(1001, 0, 0)).then_rejected("too-many-places", places_max=1000)
    west.when(night(900, 0, 1001)).then_rejected("too-many-places")


def test_a_location_has_at_most_100_programmes_and_2000_places() -> None:
    many = west.after(*(night(0, 0, 0, programme=str(n)) for n in range(100)))
    many.when(night(0, 0, 0, programme="one more")).then_rejected("too-many-programmes", programmes_max=100)
    large = west.after(night(1000, 0, 0, programme="1"), night(1000, 0, 0, programme="2"))
    large.when(night(1, 0, 0)).then_rejected("too-many-places", places_max=2000)


def test_a_hold_stands_and_uses_up_a_free_place() -> None:
    given = FULL.after(hold(FREE[0]))
    state = given.after(night(4, 1, 2, days=1)).state
    assert counts(state) == {**published(4, 1, 2), "held": 1, "free": 0}
    assert list(state.holds) == [HOLD]


def test_a_hold_that_leaves_no_way_refuses_the_night() -> None:
    given = FULL.after(hold(FREE[0]))
    given.when(night(4, 2, 2, days=1)).then_rejected("night-conflict", because="blocked")
    given.when(night(4, 0, 4, days=1)).then_rejected("night-conflict", because="occupied")
    given.when(night(0, 0, 0, days=1)).then_rejected("night-conflict", because="total")
    other_make = night(4, 0, 0, days=1, features=("quiet",))
    given.when(other_make).then_rejected("night-conflict", because="make")


def test_a_stay_that_people_began_stands() -> None:
    long_ago = replace(begin(FREE[0]), observed_at=None)
    given = FULL.after(long_ago)
    assert counts(given.after(night(4, 0, 1, days=1)).state) == published(4, 0, 1)
    assert list(given.after(night(4, 0, 1, days=1)).state.stays) == [STAY]
    given.when(night(4, 0, 0, days=1)).then_rejected("night-conflict", because="occupied", programme="12251")


def test_a_block_that_people_set_stands() -> None:
    given = FULL.given(blocked(FREE[0], reason="safety"))
    given.when(night(4, 0, 2, days=1)).then_rejected("night-conflict", because="blocked")


def test_a_refused_night_leaves_everything_as_it_was() -> None:
    given = FULL.after(hold(FREE[0]))
    given.when(night(4, 2, 2, days=1)).then_rejected("night-conflict")
    cancel = cmd.CancelHold(at=AT, role="operator", location="west", hold_id=HOLD)
    assert counts(given.after(cancel, night(4, 2, 2, days=1)).state) == published(4, 2, 2)
