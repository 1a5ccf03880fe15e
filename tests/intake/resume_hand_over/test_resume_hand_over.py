"""The file was sent to another desk, and the database that was put back is older than that."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake import commands as cmd
from services.intake import events_handover as ev
from services.intake.commands_handover import ResumeHandOver
from tests.intake.handover import BEGUN, CALLED_OFF, OVER, OVER_2, ended, hear
from tests.intake.offers import accepted, received
from tests.intake.sample import ANNA, CARD_2, ERASED, OPENED, REGISTERED, T0, asked, at_desk


def resume(**fields: Any) -> ResumeHandOver:
    made: ResumeHandOver = asked(ResumeHandOver, **({"hand_over_id": OVER, "site": "west", "role": "system"} | fields))
    return made


def test_it_is_frozen_and_called_off() -> None:
    after = at_desk.given(REGISTERED, OPENED).when(resume()).then(BEGUN, CALLED_OFF)
    after.when(asked(cmd.CorrectClient, reason="news", card=CARD_2)).then_rejected("hand-over-under-way")
    after.when(hear("called_off")).then(ended("called_off"))


def test_where_the_client_lived_by_then_stands_in_no_way() -> None:
    at_desk.given(REGISTERED, OPENED, received(), accepted()).when(resume()).then(BEGUN, CALLED_OFF)


def test_one_that_was_under_way_before_is_over() -> None:
    first = ev.HandOverBegun(ANNA, OVER_2, "zuid", T0)
    over = ev.HandOverEnded(ANNA, OVER_2, "called_off", T0)
    at_desk.given(REGISTERED, first).when(resume()).then(over, BEGUN, CALLED_OFF)


def test_twice_is_once() -> None:
    at_desk.given(REGISTERED, BEGUN).when(resume()).then_nothing()
    at_desk.given(REGISTERED, BEGUN, CALLED_OFF).when(resume()).then_nothing()


@pytest.mark.parametrize(("fields", "code"), [({"hand_over_id": "x"}, "id-invalid"), ({"site": "x y"}, "site-invalid")])
def test_what_is_no_hand_over(fields: dict[str, str], code: str) -> None:
    at_desk.given(REGISTERED).when(resume(**fields)).then_rejected(code)


def test_nobody_is_there() -> None:
    at_desk.given().when(resume()).then_rejected("client-unknown")
    at_desk.given(REGISTERED, ERASED).when(resume()).then_rejected("client-erased")
