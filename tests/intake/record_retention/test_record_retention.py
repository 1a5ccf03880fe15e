"""One line a day, also when there was nothing to erase."""

from __future__ import annotations

from datetime import date

from services.intake import events as ev
from tests.intake.sample import DONE, T0, at_retention, done


def test_a_line_is_written_also_when_there_was_nothing() -> None:
    at_retention.when(done()).then(DONE)
    at_retention.given(DONE).when(done(day=date(2026, 1, 6), erased=3)).then(
        ev.RetentionDone("west", date(2026, 1, 6), 365, 3, T0, DONE.again_at)
    )


def test_a_day_is_done_once() -> None:
    at_retention.given(DONE).when(done(erased=2)).then_nothing()


def test_a_clock_that_went_back_writes_nothing() -> None:
    at_retention.given(DONE).when(done(day=date(2026, 1, 4))).then_rejected("retention-day-past", day="2026-01-05")
    at_retention.when(done(retention_days=0)).then_rejected("retention-days-invalid")
