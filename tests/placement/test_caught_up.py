"""When a site is caught up with another one: everything it told is applied, and who told nothing keeps nobody."""

from __future__ import annotations

import pytest

from services.placement.capacity import caught_up

Mark = tuple[tuple[int, int], tuple[int, int]]


@pytest.mark.parametrize(
    ("marks", "is_so"),
    [
        ([], True),
        ([((1, 7), (1, 7))], True),
        ([((1, 7), (1, 6))], False),
        ([((1, 7), (1, 8))], True),  # a beat is older than what it tells of
        ([((1, 7), (1, 7)), ((1, 0), (0, 0))], True),  # allowance at a site where nobody has a seat
        ([((1, 1), (0, 0))], False),
        ([((2, 0), (1, 40))], False),  # a new epoch is told whole, and has not come yet
    ],
)
def test_a_site_is_caught_up_with_what_was_told(marks: list[Mark], *, is_so: bool) -> None:
    assert caught_up(marks) is is_so
