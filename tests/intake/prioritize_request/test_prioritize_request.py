"""What gives a request its priority is otherwise, or the rules are."""

from __future__ import annotations

from datetime import timedelta

from services.intake import commands as cmd
from services.intake import events as ev
from tests.intake.sample import (
    ANNA,
    ASKED,
    ASKED_AGAIN,
    FACTS,
    FACTS_2,
    OPENED,
    REGISTERED,
    T0,
    WITHDRAWN,
    asked,
    at_desk,
)

NEW = {"request_id": ASKED, "facts": FACTS_2, "priority_band": 0, "rules_version": 1}


def test_it_is_more_urgent_and_has_waited_as_long_as_before() -> None:
    later = T0 + timedelta(days=3)
    prioritized = (
        at_desk.given(REGISTERED, OPENED)
        .when(asked(cmd.PrioritizeRequest, **NEW, at=later))
        .then(ev.RequestPrioritized(ANNA, ASKED, FACTS_2, 0, 1, later))
    )
    assert prioritized.state.requests[ASKED].waiting_since == OPENED.waiting_since
    assert prioritized.state.active_at == later


def test_new_rules_are_no_use_of_the_file() -> None:
    later = T0 + timedelta(days=3)
    ruled = asked(cmd.PrioritizeRequest, **(NEW | {"rules_version": 2}), at=later, by_rules=True)
    assert at_desk.given(REGISTERED, OPENED).after(ruled).state.active_at == T0


def test_the_same_priority_changes_nothing() -> None:
    same = asked(cmd.PrioritizeRequest, request_id=ASKED, facts=FACTS, priority_band=1, rules_version=1)
    at_desk.given(REGISTERED, OPENED).when(same).then_nothing()


def test_what_cannot_be_prioritized_says_why() -> None:
    given = at_desk.given(REGISTERED, OPENED)
    given.when(asked(cmd.PrioritizeRequest, **(NEW | {"request_id": ASKED_AGAIN}))).then_rejected("request-unknown")
    given.when(asked(cmd.PrioritizeRequest, **(NEW | {"facts": "pregnant"}))).then_rejected("not-sealed")
    given.when(asked(cmd.PrioritizeRequest, **(NEW | {"priority_band": -1}))).then_rejected("priority-invalid")
    given.when(asked(cmd.PrioritizeRequest, **NEW, if_version=9)).then_rejected("version-stale")
    ended = given.given(WITHDRAWN)
    ended.when(asked(cmd.PrioritizeRequest, **NEW)).then_rejected("request-ended", status="withdrawn")
