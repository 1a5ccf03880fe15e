"""Places that are blocked, or will be, for this reason already."""

from msgspec.structs import replace

from services.placement import events as ev
from tests.placement.block_places.test_blocked import BLOCK, ROOMS
from tests.placement.sample import A1, AT, began, blocked


def test_a_blocked_place_is_not_blocked_again() -> None:
    ROOMS.given(blocked(A1)).when(BLOCK).then_nothing()


def test_a_planned_block_is_not_planned_again() -> None:
    planned = ROOMS.given(began(A1), ev.BlockPlanned((A1,), "repair", None, AT))
    planned.when(replace(BLOCK, after_stay=True)).then_nothing()
