"""What stands still is told from what is busy, by looks alone."""

from __future__ import annotations

from shared.standing import Standing


def test_what_waits_and_does_not_move_stands_since_it_was_first_seen_there() -> None:
    standing = Standing()
    for now in (10.0, 15.0, 40.0):
        standing.look("west", 7, now, waits=True)
    assert standing.seconds("west", 41.0) == 31.0
    assert standing.seconds("noord", 41.0) == 0.0


def test_what_moves_or_has_nothing_to_do_does_not_stand() -> None:
    standing = Standing()
    standing.look("west", 7, 10.0, waits=True)
    standing.look("west", 8, 40.0, waits=True)
    assert standing.seconds("west", 41.0) == 1.0
    standing.look("west", 8, 50.0, waits=False)
    assert standing.seconds("west", 90.0) == 0.0
    standing.look("west", 8, 95.0, waits=True)
    assert standing.seconds("west", 96.0) == 1.0
