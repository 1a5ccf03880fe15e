"""Locations that ask their operator before they offer: a choice is a question first, and a held place only after a yes.

A question ends once: answered, or by the owner's clock. Nothing is held meanwhile, so that nobody else waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec.structs import replace

from services.placement import commands_offers as oc
from services.placement import events_offers as oe
from services.placement.decider_location import Location, Question
from services.placement.decider_places import Outcome
from shared.contracts.vocabulary import OFFER_MODES
from shared.kernel import Rejected

ANSWER_WITHIN = timedelta(minutes=15)
"""How long an operator has; then the choice has passed on to the next best."""
NOT_NOW = timedelta(hours=1)
"""How long a request that was put off is not put to the operator again."""
NOT_THIS_ONE = timedelta(days=1)
"""How long one that was refused is not: as long as after an offer that was made."""
QUESTIONS_MAX = 500
"""Questions that are open, or must not be asked again yet, at most; while there are so many, none is asked."""


def turn_offers(state: Location, command: oc.TurnOffers) -> Outcome:
    """Refused: `offer-mode-unknown`."""
    if command.mode not in OFFER_MODES:
        return Rejected("offer-mode-unknown", {})
    return () if command.mode == state.offer_mode else [oe.OffersTurned(state.name, command.mode, command.at)]


def ask(state: Location, command: oc.OfferPlace) -> Outcome:
    """Asks, unless that is done. Refused: `operator-asked-lately`, `too-many-offers`."""
    for known in state.questions.values():
        if known.request_id == command.request_id and known.answer == "":
            return ()
        if known.request_id == command.request_id and command.at < known.again_at:
            return Rejected("operator-asked-lately", {"again_at": known.again_at.isoformat()})
    if sum(known.answer == "" or command.at < known.again_at for known in state.questions.values()) >= QUESTIONS_MAX:
        return Rejected("too-many-offers", {"offers_max": QUESTIONS_MAX})
    asked = oe.OperatorAsked(
        state.name, command.offer_id, command.request_id, command.site, command.kind, command.household_size,
        tuple(sorted(set(command.features))), command.at + ANSWER_WITHIN, command.at,
    )  # fmt: skip
    return [asked]


def asked_for(state: Location, command: oc.AgreeToOffer) -> oc.OfferPlace | Outcome:
    """The offer a yes leads to; or the answer where the question is over. Refused: `question-unknown`,
    `question-over`."""
    question = _open(state, command, "yes")
    if not isinstance(question, Question):
        return question
    return oc.OfferPlace(
        at=command.at, role=command.role, location=state.name, offer_id=question.id, request_id=question.request_id,
        site=question.site, kind=question.kind, household_size=question.household_size, features=question.features,
    )  # fmt: skip


def answered(question_id: str, answer: str, again_at: datetime, at: datetime) -> oe.QuestionAnswered:
    return oe.QuestionAnswered(question_id, answer, again_at, at)


def refuse(state: Location, command: oc.RefuseOffer) -> Outcome:
    """Refused: `question-unknown`, `question-over`."""
    question = _open(state, command, "no")
    if not isinstance(question, Question):
        return question
    return [answered(question.id, "no", command.at + NOT_THIS_ONE, command.at)]


def put_off(state: Location, command: oc.PutOffOffer) -> Outcome:
    """Refused: `question-unknown`, `question-over`."""
    question = _open(state, command, "later")
    if not isinstance(question, Question):
        return question
    return [answered(question.id, "later", command.at + NOT_NOW, command.at)]


def lapse(state: Location, command: oc.LapseQuestion) -> Outcome:
    """Never refused: a timer may fire late, early or twice."""
    question = state.questions.get(command.offer_id)
    if question is None or question.answer or command.at < question.answer_by:
        return ()
    return [answered(question.id, "none", command.at + ANSWER_WITHIN, command.at)]


def _open(
    state: Location, command: oc.AgreeToOffer | oc.RefuseOffer | oc.PutOffOffer, answer: str
) -> Question | Outcome:
    question = state.questions.get(command.offer_id)
    if question is None:
        return Rejected("question-unknown", {})
    if question.answer:
        return () if question.answer == answer else Rejected("question-over", {"answer": question.answer})
    if command.at >= question.answer_by:  # whether or not the timer has fired
        return Rejected("question-over", {"answer": "none"})
    return question


def fold(before: Location, event: oe.QuestionEvent, after: Location) -> Location:
    """The location after an event about questions. What may be asked again is forgotten when another one is."""
    match event:
        case oe.OffersTurned():
            return replace(after, offer_mode=event.mode)
        case oe.OperatorAsked():
            kept = {id_: known for id_, known in before.questions.items() if _remembered(known, event.at)}
            return replace(after, questions=kept | {event.offer_id: question_after(kept, event)})
        case oe.QuestionAnswered():
            over = question_after(before.questions, event)
            return replace(after, questions=before.questions | {over.id: over})


def question_after(known: Mapping[str, Question], event: oe.OperatorAsked | oe.QuestionAnswered) -> Question:
    """The question an event is about, as it is then. known: those there are before it."""
    if isinstance(event, oe.QuestionAnswered):
        return replace(known[event.offer_id], answer=event.answer, again_at=event.again_at)
    return Question(
        event.offer_id, event.request_id, event.site, event.kind, event.household_size, event.features,
        event.answer_by, event.answer_by,
    )  # fmt: skip


def _remembered(question: Question, at: datetime) -> bool:
    return question.answer == "" or at < max(question.again_at, question.answer_by + NOT_THIS_ONE)
