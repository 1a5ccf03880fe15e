"""What desks write to each other about who may be known at both."""

from __future__ import annotations

from collections.abc import Sequence

from services.intake import events_likeness as ev
from services.intake.decider_likeness import Check, Reply
from services.intake.publish import Telling
from shared.contracts import intake as told
from shared.contracts import likeness as body
from shared.contracts.base import Draft, Letter, LetterBody


def tell_check(before: Check, events: Sequence[ev.CheckEvent], after: Check) -> list[Telling]:
    """That somebody would like to ask, each time it is begun, and the question. That nobody waits any more is no news
    to whoever would answer: they give one answer, when they are asked."""
    tellings: list[Telling] = []
    for event in events:
        match event:
            case ev.CheckBegun() | ev.CheckRepeated():
                tellings.append(_letter(told.CheckBegun, after.site, after.id, body.CheckBegunBody()))
            case ev.CheckAsked():
                inside = body.CheckAskedBody(question=event.question)
                tellings.append(_letter(told.CheckAsked, after.site, after.id, inside))
            case _:
                pass
    return tellings


def tell_reply(before: Reply, events: Sequence[ev.ReplyEvent], after: Reply) -> list[Telling]:
    """The key, or the answer, each time it is asked for."""
    tellings: list[Telling] = []
    for event in events:
        if isinstance(event, ev.CheckKeyGiven):
            tellings.append(
                _letter(told.CheckKeyGiven, after.site, after.id, body.CheckKeyGivenBody(key=event.key))
            )  # fmt: skip
        else:
            inside = body.CheckAnsweredBody.model_validate({"answer": after.answer})
            tellings.append(_letter(told.CheckAnswered, after.site, after.id, inside))
    return tellings


def _letter(letter: type[Letter], to: str, check_id: str, body: LetterBody) -> Telling:
    return Telling(Draft(letter, to, check_id, body), to)
