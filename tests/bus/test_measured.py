"""What stands still is told from what is busy, and how old the oldest is that waits, by looks alone."""

from __future__ import annotations

from shared.measured import MARKS_MAX, Progress, Standing


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


def test_the_oldest_that_waits_is_as_old_as_when_it_was_first_heard_of() -> None:
    progress = Progress()
    progress.look(told=5, done=5, monotonic=0.0)
    assert (progress.oldest_seconds(1.0), progress.per_second) == (0.0, 0.0)
    progress.look(told=8, done=5, monotonic=5.0)
    progress.look(told=12, done=6, monotonic=10.0)
    assert progress.oldest_seconds(11.0) == 6.0, "7 and 8 were heard of at 5.0"
    progress.look(told=12, done=9, monotonic=15.0)
    assert progress.oldest_seconds(16.0) == 6.0, "10 was heard of at 10.0"
    assert progress.per_second == 4 / 15
    progress.look(told=12, done=12, monotonic=20.0)
    assert progress.oldest_seconds(60.0) == 0.0


def test_a_rate_is_of_the_last_minute_and_what_begins_anew_is_measured_anew() -> None:
    progress = Progress()
    for second in range(0, 300, 5):
        progress.look(told=1_000, done=2 * second, monotonic=float(second))
    assert 1.9 < progress.per_second < 2.1
    progress.look(told=3, done=1, monotonic=300.0)
    assert progress.per_second == 0.0
    assert progress.oldest_seconds(301.0) == 1.0


def test_whatever_is_told_little_is_remembered_and_never_is_the_oldest_forgotten() -> None:
    progress = Progress()
    for second in range(10_000):
        progress.look(told=second + 1, done=0, monotonic=float(second))
    assert progress.oldest_seconds(10_000.0) == 10_000.0
    assert max(len(progress._told), len(progress._done)) <= MARKS_MAX
