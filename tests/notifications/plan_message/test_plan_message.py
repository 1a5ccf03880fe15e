"""A day ahead is told once; put right, or taken back and named again, it is told as it is then."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifications import commands as cmd
from services.notifications import events as ev
from services.notifications.decider import LEASE, planned_id
from services.notifications.decider_recipient import PLANS_KEPT
from shared.ids import derived_id
from tests.notifications.sample import ANNA, CAUSE, ERASED, T0, choose, to_anna

LIMIT = derived_id("limit")
SECOND, THIRD = planned_id(LIMIT, 2), planned_id(LIMIT, 3)
EARLY, LATE = T0 + timedelta(days=547), T0 + timedelta(days=560)
MONTH = timedelta(days=30)


def day(until: datetime) -> dict[str, str]:
    return {"date": until.date().isoformat()}


def plan(until: datetime | None = EARLY, *, whole: bool = True, at: datetime = T0) -> cmd.PlanMessage:
    wanted = None if until is None else choose(
        message_id=LIMIT, template="stay_limit_near", fields=day(until), expires_at=until,
        send_at=max(at, until - MONTH), at=at,
    )  # fmt: skip
    return cmd.PlanMessage(at=at, role="system", recipient=ANNA, plan_id=LIMIT, wanted=wanted, whole=whole)


def planned(
    until: datetime = EARLY, id_: str = LIMIT, turn: int = 1, *, whole: bool = True, at: datetime = T0
) -> ev.MessagePlanned:
    return ev.MessagePlanned(ANNA, LIMIT, id_, turn, whole, day(until), max(at, until - MONTH), until, at)


def chosen(until: datetime = EARLY, id_: str = LIMIT, *, at: datetime = T0) -> ev.MessageChosen:
    return ev.MessageChosen(ANNA, id_, CAUSE, "stay_limit_near", day(until), max(at, until - MONTH), until, at)


def over(id_: str = LIMIT) -> ev.MessageSuppressed:
    return ev.MessageSuppressed(ANNA, id_, "overtaken", T0)


ENDED = ev.PlanEnded(ANNA, LIMIT, True, T0)
BEGAN = ev.SendingBegan(ANNA, LIMIT, "email", 1, False, T0, T0 + LEASE)
SENT = ev.MessageSent(ANNA, LIMIT, 1, T0)
PLANNED: list[ev.RecipientEvent] = [planned(), chosen()]


def test_a_day_is_told_once_however_often_it_is_named() -> None:
    to_anna.when(plan()).then(planned(), chosen()).when(plan()).then_nothing()
    to_anna.given(*PLANNED, BEGAN, SENT).when(plan()).then_nothing()


def test_another_day_is_told_in_place_of_it() -> None:
    moved = to_anna.given(*PLANNED).when(plan(LATE)).then(over(), planned(LATE, SECOND, 2), chosen(LATE, SECOND))
    moved.when(plan(LATE)).then_nothing()
    moved.when(plan()).then(over(SECOND), planned(EARLY, THIRD, 3), chosen(EARLY, THIRD))


def test_whoever_has_heard_of_a_day_hears_of_another_one() -> None:
    to_anna.given(*PLANNED, BEGAN, SENT).when(plan(LATE)).then(planned(LATE, SECOND, 2), chosen(LATE, SECOND))


def test_what_ended_by_mistake_is_told_when_that_is_taken_back() -> None:
    ended = to_anna.given(*PLANNED).when(plan(None)).then(over(), ENDED)
    ended.when(plan(None)).then_nothing()
    ended.when(plan()).then(planned(id_=SECOND, turn=2), chosen(id_=SECOND)).when(plan(None)).then(over(SECOND), ENDED)


def test_whoever_had_heard_of_it_does_not_hear_it_again() -> None:
    ended = to_anna.given(*PLANNED, BEGAN, SENT).when(plan(None)).then(ENDED)
    back = ended.when(plan()).then(planned())
    back.when(plan()).then_nothing()
    back.when(plan(LATE)).then(planned(LATE, SECOND, 2), chosen(LATE, SECOND))


def test_whoever_knows_less_changes_no_day() -> None:
    to_anna.given(*PLANNED).when(plan(LATE, whole=False)).then_nothing()
    ended = to_anna.given(*PLANNED).when(plan(None, whole=False)).then(over(), ENDED)
    ended.when(plan(LATE, whole=False)).then(planned(id_=SECOND, turn=2), chosen(id_=SECOND))


def test_the_day_of_whoever_knows_less_holds_until_somebody_knows_all() -> None:
    by_word = to_anna.when(plan(whole=False)).then(planned(whole=False), chosen())
    by_word.when(plan(whole=False)).then_nothing()
    by_word.when(plan()).then(planned())
    by_word.when(plan(LATE)).then(over(), planned(LATE, SECOND, 2), chosen(LATE, SECOND))


def test_where_there_is_no_limit_no_word_makes_one() -> None:
    """They live in a place of another kind than the one that was offered."""
    none = to_anna.when(plan(None)).then(ENDED)
    none.when(plan(whole=False)).then_nothing()
    none.when(plan()).then(planned(), chosen())
    to_anna.when(plan(None, whole=False)).then_nothing()


def test_a_day_that_has_passed_is_not_told() -> None:
    late = EARLY + timedelta(minutes=1)
    to_anna.when(plan(at=late, whole=False)).then_nothing()
    ended = to_anna.given(*PLANNED).after(plan(None))
    ended.when(plan(LATE, whole=False, at=late)).then_nothing()


@pytest.mark.parametrize("until", [EARLY, None])
def test_nobody_who_is_erased_is_told(until: datetime | None) -> None:
    to_anna.given(ERASED).when(plan(until)).then_nothing()


@pytest.mark.parametrize(("until", "events"), [(EARLY, [planned()]), (None, [over(), ENDED])])
def test_a_message_from_before_there_were_plans_is_the_first_of_its_plan(until: datetime | None, events: Any) -> None:
    to_anna.given(chosen()).when(plan(until)).then(*events)


def test_a_message_from_before_there_were_plans_is_told_again_when_its_end_is_taken_back() -> None:
    ended = to_anna.given(chosen()).after(plan(None))
    ended.when(plan()).then(planned(id_=SECOND, turn=2), chosen(id_=SECOND))


def test_a_message_that_was_overtaken_before_there_were_plans_is_told() -> None:
    to_anna.given(chosen(), over()).when(plan()).then(planned(id_=SECOND, turn=2), chosen(id_=SECOND))


def test_the_oldest_plans_are_forgotten() -> None:
    anna = to_anna.given(*PLANNED)
    for number in range(PLANS_KEPT):
        other = planned_id(LIMIT, 100 + number)
        anna = anna.after(cmd.PlanMessage(
            at=T0, role="system", recipient=ANNA, plan_id=other, wanted=None, whole=True,
        ))  # fmt: skip
    assert (len(anna.state.plans), LIMIT in anna.state.plans) == (PLANS_KEPT, False)


def test_what_cannot_be_filled_in_is_refused() -> None:
    wrong = choose(message_id=LIMIT, fields={"date": "x" * 201})
    to_anna.when(cmd.PlanMessage(
        at=T0, role="system", recipient=ANNA, plan_id=LIMIT, wanted=wrong, whole=True,
    )).then_rejected("message-fields-invalid")  # fmt: skip
