"""A file that was to go is to stay: once the other desk has said that it has not taken it."""

from __future__ import annotations

from services.intake.commands_handover import CallOffHandOver
from tests.intake.handover import BEGUN, CALLED_OFF, ended, hear
from tests.intake.sample import OPENED, REGISTERED, asked, at_desk

frozen = at_desk.given(REGISTERED, OPENED, BEGUN)


def test_it_stays_frozen_until_the_other_desk_has_answered() -> None:
    after = frozen.when(asked(CallOffHandOver)).then(CALLED_OFF)
    assert after.state.hand_over is not None
    assert after.state.hand_over.called_off
    after.when(hear("called_off")).then(ended("called_off"))


def test_twice_is_once() -> None:
    frozen.given(CALLED_OFF).when(asked(CallOffHandOver)).then_nothing()


def test_there_is_nothing_to_call_off() -> None:
    at_desk.given(REGISTERED).when(asked(CallOffHandOver)).then_rejected("hand-over-unknown")
    frozen.given(ended("declined")).when(asked(CallOffHandOver)).then_rejected("hand-over-unknown")
