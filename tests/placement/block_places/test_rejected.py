"""Blocks that cannot be."""

from datetime import datetime

from msgspec.structs import replace

from services.placement import events as ev
from tests.placement.block_places.test_blocked import BLOCK, ROOMS
from tests.placement.sample import A1, AT, after, began, blocked, held, uid


def test_a_place_in_use_is_not_blocked_under_somebody() -> None:
    ROOMS.given(began(A1)).when(BLOCK).then_rejected("place-not-free", place_id=A1, status="occupied")
    ROOMS.given(held(A1)).when(BLOCK).then_rejected("place-not-free", status="held")


def test_a_blocked_place_does_not_change_its_reason() -> None:
    given = ROOMS.given(blocked(A1, reason="cleaning"))
    given.when(BLOCK).then_rejected("place-not-free", status="blocked")


def test_one_place_in_use_refuses_the_whole_room() -> None:
    whole = replace(BLOCK, place_ids=(), room="a")
    ROOMS.given(began(A1)).when(whole).then_rejected("place-not-free", place_id=A1)


def test_a_place_that_will_close_is_not_also_blocked() -> None:
    given = ROOMS.given(began(A1), ev.ClosingPlanned((A1,), AT))
    given.when(replace(BLOCK, after_stay=True)).then_rejected("place-closing", place_id=A1)


def test_reasons_are_a_closed_list() -> None:
    ROOMS.when(replace(BLOCK, reason="because")).then_rejected("block-reason-unknown", reason="because")


def test_the_expected_end_lies_ahead_has_a_zone_and_is_not_absurd() -> None:
    ROOMS.when(replace(BLOCK, until=AT)).then_rejected("until-in-past")
    ROOMS.when(replace(BLOCK, until=datetime(2027, 1, 1))).then_rejected("time-without-zone")  # noqa: DTZ001
    ROOMS.when(replace(BLOCK, until=after(days=4000))).then_rejected("until-too-far")


def test_places_must_be_known() -> None:
    ROOMS.when(replace(BLOCK, place_ids=(uid(99),))).then_rejected("place-unknown", place_id=uid(99))
    ROOMS.when(replace(BLOCK, place_ids=(), room="z")).then_rejected("room-unknown", room="z")
    ROOMS.when(replace(BLOCK, place_ids=())).then_rejected("places-missing")


def test_a_count_of_free_places_must_be_there() -> None:
    by_count = replace(BLOCK, place_ids=(), count=3)
    ROOMS.given(began(A1)).when(by_count).then_rejected("no-place-free", count=3, free=2)
    ROOMS.when(replace(by_count, count=0)).then_rejected("count-invalid", count_min=1)
    ROOMS.when(replace(by_count, count=501)).then_rejected("count-invalid", count_max=500)


def test_another_version_than_the_one_seen() -> None:
    ROOMS.when(replace(BLOCK, if_version=1)).then_rejected("version-stale", expected=1, actual=2)
    ROOMS.when(replace(BLOCK, if_version=2)).then(blocked(A1))
