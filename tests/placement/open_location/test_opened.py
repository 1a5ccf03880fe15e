"""A location becomes known."""

from services.placement import commands as cmd
from tests.placement.sample import AT, LOCATION_OPENED, at_place

OPEN = cmd.OpenLocation(
    at=AT, role="coordinator", location="west", title="Huis West", district="Nieuw-West", site="west"
)


def test_a_location_is_opened_once() -> None:
    at_place.when(OPEN).then(LOCATION_OPENED)


def test_the_same_again_changes_nothing() -> None:
    at_place.given(LOCATION_OPENED).when(OPEN).then_nothing()
