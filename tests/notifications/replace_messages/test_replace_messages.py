"""What there was to tell is over, and something else is told instead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifications import commands as cmd
from services.notifications import events as ev
from services.notifications.decider_recipient import RECENT_MAX
from shared.ids import derived_id
from tests.notifications.sample import (
    ANNA,
    AT_DESK,
    CAUSE,
    CHOSEN,
    DELIVERED,
    ENDS,
    ERASED,
    MORNING,
    NEWS,
    SENT,
    T0,
    began,
    choose,
    failed,
    to_anna,
)

OTHER, THIRD = derived_id("other", "a"), derived_id("other", "b")
OVER = ev.MessageSuppressed(ANNA, NEWS, "overtaken", T0)
INSTEAD = ev.MessageChosen(ANNA, OTHER, CAUSE, "request_ended", {}, T0, ENDS, T0)
QUEUED = ev.MessageQueued(ANNA, NEWS, "email", MORNING, "quiet-hours", T0)


def replace(*instead: cmd.ChooseMessage, **fields: Any) -> cmd.ReplaceMessages:
    return cmd.ReplaceMessages(at=T0, role="system", recipient=ANNA, **({"over": (NEWS,), "instead": instead} | fields))


def other(message_id: str = OTHER, **fields: Any) -> cmd.ChooseMessage:
    made: cmd.ChooseMessage = choose(message_id=message_id, **({"template": "request_ended", "fields": {}} | fields))
    return made


@pytest.mark.parametrize("given", [[CHOSEN], [CHOSEN, QUEUED], [CHOSEN, began(), failed()], [CHOSEN, AT_DESK]])
def test_what_waits_is_not_told_any_more(given: list[ev.RecipientEvent]) -> None:
    over = to_anna.given(*given).when(replace()).then(OVER)
    over.when(replace()).then_nothing()
    over.when(choose()).then_nothing()


def test_something_else_is_told_instead_and_later_if_so_wanted() -> None:
    at = T0 + timedelta(hours=2)
    later = ev.MessageChosen(ANNA, THIRD, CAUSE, "request_ended", {}, at, ENDS, T0)
    to_anna.given(CHOSEN).when(replace(other(), other(THIRD, send_at=at))).then(OVER, INSTEAD, later)


def test_what_was_told_stays_so() -> None:
    to_anna.given(CHOSEN, began(), SENT).when(replace(other())).then(INSTEAD)
    to_anna.given(CHOSEN, began(), SENT, INSTEAD).when(replace(other())).then_nothing()


@pytest.mark.parametrize(
    "given", [[CHOSEN, began(), SENT], [CHOSEN, AT_DESK, DELIVERED], [CHOSEN, began(), failed(known=False)]]
)
def test_whoever_has_heard_or_may_have_hears_that_it_is_over(given: list[ev.RecipientEvent]) -> None:
    told = to_anna.given(*given).after(replace(other(), only_if_told=True))
    assert OTHER in told.state.open


@pytest.mark.parametrize(
    "given", [[CHOSEN], [CHOSEN, QUEUED], [CHOSEN, AT_DESK], [CHOSEN, began(), failed()], [CHOSEN, OVER]]
)
def test_whoever_has_not_heard_hears_nothing(given: list[ev.RecipientEvent]) -> None:
    untold = to_anna.given(*given).after(replace(other(), only_if_told=True))
    assert not untold.state.knows(OTHER)
    untold.when(replace(other(), only_if_told=True)).then_nothing()


def test_nobody_heard_of_a_thing_there_never_was() -> None:
    to_anna.when(replace(other(), only_if_told=True)).then_nothing()


def test_whoever_is_erased_hears_nothing() -> None:
    to_anna.given(ERASED).when(replace(other())).then_nothing()


def test_a_message_that_may_be_on_its_way_is_not_tried_again() -> None:
    gone = to_anna.given(CHOSEN, began()).when(replace()).then(OVER)
    assert gone.state.has_heard(NEWS)


def test_what_no_template_can_hold_is_refused() -> None:
    to_anna.given(CHOSEN).when(replace(other(fields={"date": "x" * 201}))).then_rejected("message-fields-invalid")


def test_offers_that_end_in_the_same_breath_use_up_nobodys_hour() -> None:
    """Many houses offer, intake takes one: what nobody was told of does not turn the next message into a summary."""
    anna = to_anna.given()
    for number in range(RECENT_MAX):
        id_ = derived_id("declined", str(number))
        anna = anna.after(replace(other(id_), over=())).after(replace(over=(id_,)))
    anna.when(replace(other(), over=())).then(INSTEAD)


def test_what_may_have_gone_out_counts_also_when_it_is_over() -> None:
    assert to_anna.given(CHOSEN, began(), OVER).state.recent == (T0,)
    assert to_anna.given(CHOSEN, began(), failed(), OVER).state.recent == ()


def test_what_a_summary_counted_was_not_told() -> None:
    """They would hear that a place is kept no longer of which they never heard."""
    anna = to_anna.given()
    for number in range(RECENT_MAX):
        anna = anna.after(replace(other(derived_id("sent", str(number))), over=()))
    counted = anna.after(replace(other(), over=()))
    assert (counted.state.gathered, counted.state.knows(OTHER)) == (1, True)
    counted.when(replace(other(THIRD), over=(OTHER,), only_if_told=True)).then_nothing()
