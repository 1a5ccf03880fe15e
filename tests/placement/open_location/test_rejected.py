"""A location that cannot be opened."""

import pytest
from msgspec.structs import replace

from services.placement import commands as cmd
from tests.placement.open_location.test_opened import OPEN
from tests.placement.sample import AT, at_place, begin, hold, west


def test_an_open_location_does_not_get_another_title() -> None:
    west.when(replace(OPEN, title="Huis Oost")).then_rejected("location-differs", location="west")


def test_an_open_location_does_not_move_to_another_site() -> None:
    west.when(replace(OPEN, site="noord")).then_rejected("location-differs")


@pytest.mark.parametrize("name", ["", "West", "1west", "west/noord", "w" * 62, "west\n", "wést"])
def test_names_are_short_and_plain(name: str) -> None:
    code = "location-name-invalid" if name else "location-unknown"
    if name:
        at_place.when(replace(OPEN, location=name)).then_rejected(code)
    else:
        west.when(replace(OPEN, location=name)).then_rejected(code)


def test_a_title_is_needed_and_bounded() -> None:
    at_place.when(replace(OPEN, title="")).then_rejected("title-invalid")
    at_place.when(replace(OPEN, title="t" * 201)).then_rejected("title-invalid", length_max=200)


def test_a_district_is_bounded() -> None:
    at_place.when(replace(OPEN, district="d" * 61)).then_rejected("district-invalid")


def test_the_site_has_the_name_of_a_site() -> None:
    at_place.when(replace(OPEN, site="West!")).then_rejected("site-invalid")


def test_nothing_can_be_asked_of_a_location_that_is_not_open() -> None:
    at_place.when(hold(kind="shelter_24h")).then_rejected("location-unknown", location="west")
    at_place.when(begin(kind="shelter_24h")).then_rejected("location-unknown")


def test_a_command_for_another_location_is_refused() -> None:
    unblock = cmd.UnblockPlace(at=AT, role="operator", location="noord", place_id="x")
    west.when(unblock).then_rejected("location-unknown", location="noord")
