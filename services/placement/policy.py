"""What follows from a committed event, a letter that was heard or a due timer: timers, and commands to this service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from services.placement import events as ev
from services.placement import policy_regimes
from services.placement.commands import CallOffForSite, HoldForSite, LapseHold
from services.placement.commands_house import EndDueStays, EndSession, EndSessionWeek
from services.placement.commands_offers import ClaimStay, DropOffer, GiveUpPlace, LapseQuestion, TakeOffer
from services.placement.events_house import EndsPlanned, SessionWeekEnded
from services.placement.events_offers import OfferAccepted, OperatorAsked, QuestionAnswered
from shared.contracts import hold_letters, offer_letters
from shared.contracts import placement as told
from shared.contracts.base import Contract, Opened
from shared.contracts.weeks import WEEK, week_ends, week_of
from shared.envelope import SYSTEM_ROLE, Message
from shared.forward import TIMER as CALL_TIMER
from shared.forward import CloseCall, HearAnswer, RepeatCall
from shared.kernel import Reaction
from shared.timers import TimerCleared, TimerSet

LOCATION, CALL = "location", "call"
"""The aggregates that commands go to."""

HOLD_EXPIRY = "hold-expiry"
_HOLD = "hold/"
QUESTION = "question"
_QUESTION = "question/"
STAYS_DUE, SESSION_OVER, SESSION_WEEK = "stays-due", "session-over", "session-week"
"""Stays end together: one timer for each location and moment, named `out/<location>/<moment>`. It is not cleared when
somebody leaves before: others may be waiting for it, and a timer that finds nobody does no harm. A session has its own,
`session/<session id>`, and every week in which one stands at a location one, `session-week/<location>/<Monday>`."""
_SESSION = "session/"


def timers(events: Sequence[ev.LocationEvent]) -> Sequence[TimerSet | TimerCleared]:
    """The timers that these events set and clear: one for each open hold, named `hold/<hold id>`, one for each open
    question, `question/<offer id>`, and those of regimes, of stays that end by themselves and of sessions."""
    if len(events) == 1:
        return _timers(events[0])
    changes = [change for event in events for change in _timers(event)]
    return changes if len(changes) < 2 else list({change.id: change for change in changes}.values())  # its last word


def _timers(event: ev.LocationEvent) -> Sequence[TimerSet | TimerCleared]:
    match event:
        case ev.PlaceHeld():
            return [TimerSet(_HOLD + event.hold_id, event.expires_at, HOLD_EXPIRY, event.location)]
        case ev.StayEnded():
            return ()
        case ev.HoldCancelled() | ev.HoldLapsed() | ev.NoShowNoted() | ev.StayBegan():
            return () if event.hold_id is None else [TimerCleared(_HOLD + event.hold_id)]
        case OfferAccepted():
            return [TimerSet(_HOLD + event.offer_id, event.expected_by, HOLD_EXPIRY, event.location)]
        case OperatorAsked():
            return [TimerSet(_QUESTION + event.offer_id, event.answer_by, QUESTION, event.location)]
        case QuestionAnswered():
            return [TimerCleared(_QUESTION + event.offer_id)]
        case EndsPlanned() | ev.SessionOpened() | SessionWeekEnded():
            return _house_timers(event)
        case _:
            return policy_regimes.location_timers(event)


def _house_timers(event: EndsPlanned | ev.SessionOpened | SessionWeekEnded) -> list[TimerSet]:
    if isinstance(event, SessionWeekEnded):
        return [_week_timer(event.location, event.week + WEEK)] if event.goes_on else []
    if isinstance(event, ev.SessionOpened):
        if event.location == "":  # of a version of it that had no timer
            return []
        return [
            TimerSet(_SESSION + event.session_id, event.ends_at, SESSION_OVER, event.location),
            _week_timer(event.location, week_of(event.at)),
        ]
    if event.ends_at is None:
        return []
    return [TimerSet(f"out/{event.location}/{event.ends_at.isoformat()}", event.ends_at, STAYS_DUE, event.location)]


def _week_timer(location: str, week: date) -> TimerSet:
    return TimerSet(f"session-week/{location}/{week}", week_ends(week), SESSION_WEEK, location)


def due(kind: str, key: str, timer_id: str, at: datetime) -> Reaction:
    """The command for a timer that has come due. key: of the location or call. at: the owner's clock, UTC.

    Raises `ValueError` for a kind no timer of this service has.
    """
    if kind == HOLD_EXPIRY:
        command = LapseHold(at=at, role=SYSTEM_ROLE, location=key, hold_id=timer_id.removeprefix(_HOLD))
        return Reaction(LOCATION, key, command)
    if kind == QUESTION:
        offer_id = timer_id.removeprefix(_QUESTION)
        return Reaction(LOCATION, key, LapseQuestion(at=at, role=SYSTEM_ROLE, location=key, offer_id=offer_id))
    if kind == STAYS_DUE:
        return Reaction(LOCATION, key, EndDueStays(at=at, role=SYSTEM_ROLE, location=key))
    if kind == SESSION_OVER:
        session_id = timer_id.removeprefix(_SESSION)
        return Reaction(LOCATION, key, EndSession(at=at, role=SYSTEM_ROLE, location=key, session_id=session_id))
    if kind == SESSION_WEEK:
        week = date.fromisoformat(timer_id.rpartition("/")[2])
        return Reaction(LOCATION, key, EndSessionWeek(at=at, role=SYSTEM_ROLE, location=key, week=week))
    if kind == CALL_TIMER:
        return Reaction(CALL, key, RepeatCall(at=at, role=SYSTEM_ROLE, call_id=key))
    if kind == policy_regimes.TURN:
        return Reaction(LOCATION, key, policy_regimes.turn(key, timer_id, at))
    raise ValueError(f"no timer of kind {kind}")


def site_left(call_id: str, at: datetime) -> Reaction:
    """The command for a call whose site has left the network. at: the owner's clock, UTC."""
    return Reaction(CALL, call_id, CloseCall(at=at, role=SYSTEM_ROLE, call_id=call_id, code="site-retired"))


def heard_by(municipality: str) -> Callable[[Message, Contract | Opened, datetime], Reaction | None]:
    """`heard`, where this site is the municipality's: nobody else may open standby places."""

    def react(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
        if isinstance(said, told.RegimeTold) and message.origin.site != municipality:
            return None
        return heard(message, said, at)

    return react


def heard(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
    """The command that follows from a letter another site wrote to this one, or from a regime it told everybody of.

    A site speaks for itself: a regime told under another one's name is nobody's.
    """
    if isinstance(said, told.RegimeTold):
        return policy_regimes.heard(said, at) if said.site == message.origin.site else None
    if not isinstance(said, Opened):
        return None
    about: dict[str, Any] = {"at": at, "role": SYSTEM_ROLE, "site": said.sender}
    match said.body:
        case offer_letters.PlaceAcceptedBody() as yes:
            took = TakeOffer(
                **about, location=yes.location, offer_id=said.request_id, request_id=yes.offered_for, turn=yes.turn,
                household_size=yes.household_size, expected_by=yes.expected_by, arrival=yes.arrival,
                possible_double=yes.possible_double,
            )  # fmt: skip
            return Reaction(LOCATION, yes.location, took)
        case offer_letters.PlaceDeclinedBody() as no:
            dropped = DropOffer(
                **about, location=no.location, offer_id=said.request_id, request_id=no.offered_for, turn=no.turn,
                reason=no.reason,
            )  # fmt: skip
            return Reaction(LOCATION, no.location, dropped)
        case offer_letters.PlaceGivenUpBody() as moved:
            given_up = GiveUpPlace(
                **about, location=moved.location, offer_id=said.request_id, request_id=moved.offered_for,
                turn=moved.turn, moved_at=moved.moved_at,
            )  # fmt: skip
            return Reaction(LOCATION, moved.location, given_up)
        case offer_letters.StayClaimedBody() as mine:
            claimed = ClaimStay(
                **about, location=mine.location, offer_id=said.request_id, request_id=mine.offered_for, turn=mine.turn,
                stay_id=mine.stay_id, kind=mine.kind,
            )  # fmt: skip
            return Reaction(LOCATION, mine.location, claimed)
        case hold_letters.HoldAskedBody() as ask:
            command = HoldForSite(
                **about, location=ask.location, hold_id=said.request_id, kind=ask.kind,
                household_size=ask.household_size, features=ask.features, hold_minutes=ask.hold_minutes,
                expires_at=ask.expires_at,
            )  # fmt: skip
            return Reaction(LOCATION, ask.location, command)
        case hold_letters.HoldCalledOffBody() as off:
            called_off = CallOffForSite(
                **about, location=off.location, hold_id=said.request_id, expires_at=off.expires_at
            )
            return Reaction(LOCATION, off.location, called_off)
        case hold_letters.HoldAnsweredBody() as answer:
            word = HearAnswer(
                **about, call_id=said.request_id, status=answer.status, final=answer.status != "active",
                code=answer.code, expires_at=answer.expires_at,
            )  # fmt: skip
            return Reaction(CALL, said.request_id, word)
        case _:
            return None
