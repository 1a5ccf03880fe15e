"""Another desk would like to ask."""

from __future__ import annotations

from typing import Any

from services.intake.commands_likeness import GiveCheckKey
from services.intake.decider_likeness import Reply
from services.intake.events_likeness import CheckKeyGiven, CheckReplied
from services.intake.views_likeness import project_reply
from shared.ports import Put
from tests.intake.checks import CHECK_ID, GIVEN, KEY, OTHER_KEY, REPLIED, SAID_AGAIN, of, replying
from tests.intake.sample import T0


def give(**fields: Any) -> GiveCheckKey:
    made: GiveCheckKey = of(GiveCheckKey, **({"site": "noord", "key": KEY} | fields))
    return made


def test_it_gets_a_key_each_time_it_begins() -> None:
    replying.when(give()).then(GIVEN)
    replying.given(GIVEN).when(give(key=OTHER_KEY)).then(CheckKeyGiven(CHECK_ID, "noord", OTHER_KEY, T0))


def test_nothing_while_nothing_can_be_compared() -> None:
    replying.when(give(key="")).then_nothing()


def test_what_was_answered_is_said_again() -> None:
    replying.given(GIVEN, REPLIED).when(give()).then(SAID_AGAIN)


def test_who_asks_too_much_is_refused_and_that_is_kept() -> None:
    refused = CheckReplied(CHECK_ID, "noord", "refused", (), T0)
    state = replying.when(give(refuse=True)).then(refused).state
    [row] = project_reply(Reply(), [refused], state, T0)
    assert isinstance(row, Put)
    assert row.values == (f"noord/{CHECK_ID}", "noord", "2026-01-05", "refused", False, [], T0)


def test_another_site_cannot_ask_under_the_same_id() -> None:
    replying.given(GIVEN).when(give(site="zuidoost")).then_rejected("check-of-another-site")
    replying.when(give(check_id="x")).then_rejected("id-invalid")
