"""What follows from a committed event or a due timer: timers, and which work is due.

An erased file's key is destroyed by the vault right after the erasure; the timer is for when the process dies in
between, and stands until the vault has said that the key is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from services.intake import commands as cmd
from services.intake import commands_offers as oc
from services.intake import events as ev
from services.intake import events_guidance as guide
from services.intake import events_handover as over
from services.intake import events_likeness as like
from services.intake import events_offers as oe
from services.intake import events_weeks as week
from services.intake.commands_flows import NoteSeat
from services.intake.commands_likeness import (
    AskCheck,
    GiveCheckKey,
    HearCheckAnswer,
    RepeatCheck,
    ReplyToCheck,
)
from services.intake.events_flows import SeatNoted
from shared.contracts import allowance, offer_letters
from shared.contracts import likeness as desk
from shared.contracts.base import Contract, Opened
from shared.contracts.weeks import week_ends, week_of
from shared.envelope import SYSTEM_ROLE, Message
from shared.kernel import Reaction
from shared.timers import TimerCleared, TimerSet

CLIENT, RETENTION, WEEKS = "client", "retention", "weeks"
"""The aggregates that commands go to."""
REQUEST = "request"
"""The file that has this request."""
CHECK, REPLY = "check", "reply"
"""A check at another desk, and one of another desk here."""
TAKING = "taking"
"""A file of another desk that this one is to have."""
HAND_OVER = "hand-over"
ASIDE = frozenset({HAND_OVER})
"""Timers that wait for another desk when they fire: it may be silent, and every other timer of this one is not."""

DESTROY_KEY, RETENTION_DAY, OFFER = "destroy-key", "retention", "offer"
COUNT, WEEK_OVER, UNMET_NEED = "count", "week-over", "unmet"
_ERASURE = "erasure/"

COUNTING = "count/"
REGISTRATION, TRAJECTORY, REFERRAL, UNMET, FLOW = "registration", "trajectory", "referral", "unmet", "flow"
"""What belongs to a week: each has a timer of its own, `count/<what>/<id>`, that goes when it is counted. Of a
flow it is `<client id>/<week>`: one for each week in which something was heard of where they live."""

UNMET_AFTER = timedelta(days=1)
"""How long a request waits for a first offer before it counts as one that nothing was found for."""

CLOSES_AFTER = timedelta(hours=1)
"""When a week that is over is closed: what belongs to it is due before."""


def timers(events: Sequence[ev.ClientEvent]) -> list[TimerSet | TimerCleared]:
    """One for each erased file whose key may still be there, named `erasure/<client id>`, one for whatever is to be
    counted once its week is over, one for each request that may turn out to find nothing, `unmet/<request id>`, one
    for each offer whose owner may have to be written to again, `offer/<offer id>`, and one while a file is handed over,
    `hand-over/<client id>`."""
    changes: list[TimerSet | TimerCleared] = []
    for event in events:
        if isinstance(event, ev.ClientErased):
            changes.append(TimerSet(erasure_timer(event.client_id), event.at, DESTROY_KEY, event.client_id))
            changes.append(TimerCleared(hand_over_timer(event.client_id)))
        elif isinstance(event, over.HandOverBegun | over.HandOverCalledOff):
            changes.append(TimerSet(hand_over_timer(event.client_id), event.at, HAND_OVER, event.client_id))
        elif isinstance(event, over.HandOverEnded):
            changes.append(TimerCleared(hand_over_timer(event.client_id)))
        elif isinstance(event, ev.KeyDestroyed):
            changes.append(TimerCleared(erasure_timer(event.client_id)))
        elif isinstance(event, ev.RequestOpened):
            changes.append(TimerSet(unmet_timer(event.request_id), event.at + UNMET_AFTER, UNMET_NEED, event.client_id))
        elif isinstance(event, ev.RequestWithdrawn):
            changes.append(TimerCleared(unmet_timer(event.request_id)))
        elif isinstance(event, ev.RequestUnmet):
            changes.append(TimerCleared(unmet_timer(event.request_id)))
            changes.append(_counting(UNMET, event.request_id, event.client_id, event.at))
        elif isinstance(event, ev.ClientRegistered):
            changes.append(_counting(REGISTRATION, event.client_id, event.client_id, event.at))
        elif isinstance(event, guide.TrajectoryEnded):
            changes.append(_counting(TRAJECTORY, event.trajectory_id, event.client_id, event.at))
        elif isinstance(event, guide.ReferralMade):
            changes.append(_counting(REFERRAL, event.referral_id, event.client_id, event.at))
        if isinstance(event, oe.OfferWordHeard | oe.StayHeard | oe.PlaceGivenUp | SeatNoted):
            week_id = f"{event.client_id}/{week_of(event.at)}"
            changes.append(_counting(FLOW, week_id, event.client_id, event.at))
        if isinstance(event, oe.OfferEvent) and not isinstance(event, oe.RequestPlaced | oe.StayHeard):
            if isinstance(event, oe.OfferReceived) and event.fits:
                changes.append(TimerCleared(unmet_timer(event.request_id)))
            name = f"offer/{event.offer_id}"
            due_at = event.again_at
            changes.append(TimerCleared(name) if due_at is None else TimerSet(name, due_at, OFFER, event.client_id))
    return list({change.id: change for change in changes}.values())  # of one timer its last word


def hand_over_timer(client_id: str) -> str:
    """The timer of a file that another desk is to have."""
    return f"{HAND_OVER}/{client_id}"


def unmet_timer(request_id: str) -> str:
    """The timer of a request that no place was offered to yet."""
    return f"unmet/{request_id}"


def unmet_due(timer_id: str, client_id: str, at: datetime) -> cmd.NoteUnmet:
    """The command of an `UNMET_NEED` timer."""
    request_id = timer_id.partition("/")[2]
    return cmd.NoteUnmet(at=at, role=SYSTEM_ROLE, client_id=client_id, request_id=request_id)


def offer_due(timer_id: str, client_id: str, at: datetime) -> oc.RepeatOfferLetter:
    """The command of an `OFFER` timer."""
    offer_id = timer_id.partition("/")[2]
    return oc.RepeatOfferLetter(at=at, role=SYSTEM_ROLE, client_id=client_id, offer_id=offer_id)


SEATS: Mapping[str, type[Contract]] = {
    contract.type_name: contract for contract in (allowance.EntitlementGranted, allowance.EntitlementEnded)
}
"""What is heard of this site's allowance service."""


def seat_heard(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
    """That a client has a seat, or has it no more, to their file."""
    match said:
        case allowance.EntitlementGranted() | allowance.EntitlementEnded():
            held = isinstance(said, allowance.EntitlementGranted)
            note = NoteSeat(
                at=at, role=SYSTEM_ROLE, client_id=said.client_id, entitlement_id=said.entitlement_id, held=held
            )  # fmt: skip
            return Reaction(CLIENT, said.client_id, note)
        case _:
            return None


def heard(message: Message, said: Contract | Opened, at: datetime) -> Reaction | None:
    """The command that follows from a letter of an owner of places. Whose request it is about is looked up by whoever
    handles it: a letter names no client."""
    if not isinstance(said, Opened):
        return None
    about: dict[str, Any] = {
        "at": at, "role": SYSTEM_ROLE, "client_id": "", "site": said.sender, "offer_id": said.request_id,
    }  # fmt: skip
    match said.body:
        case offer_letters.PlaceOfferedBody() as offered:
            heard_of = oc.HearOffer(
                **about, request_id=offered.offered_for, location=offered.location, kind=offered.kind,
                sleeps=offered.sleeps, expires_at=offered.expires_at,
            )  # fmt: skip
            return Reaction(REQUEST, offered.offered_for, heard_of)
        case offer_letters.PlaceAnsweredBody() as answer:
            word = oc.HearWord(
                **about, request_id=answer.offered_for, word=answer.word, reason=answer.reason, turn=answer.turn,
                epoch=message.origin.epoch, number=answer.number, until=answer.expires_at,
                said_at=min(message.time, at),
            )  # fmt: skip
            return Reaction(REQUEST, answer.offered_for, word)
        case offer_letters.StayToldBody() as stay:
            lived = oc.HearStay(
                **about, request_id=stay.offered_for, lived=tuple((kind, min(since, at)) for kind, since in stay.lived),
                ended_at=stay.ended_at and min(stay.ended_at, at), epoch=message.origin.epoch, number=stay.number,
            )  # fmt: skip
            return Reaction(REQUEST, stay.offered_for, lived)
        case _:
            return _heard_of_check(said, at)


def _heard_of_check(said: Opened, at: datetime) -> Reaction | None:
    """What another desk writes. What is to be sealed, opened or compared is put in by whoever handles it."""
    about: dict[str, Any] = {"at": at, "role": SYSTEM_ROLE, "check_id": said.request_id, "site": said.sender}
    match said.body:
        case desk.CheckBegunBody():
            return Reaction(REPLY, asked_here(said.sender, said.request_id), GiveCheckKey(**about))
        case desk.CheckKeyGivenBody() as given:
            return Reaction(CHECK, said.request_id, AskCheck(**about, key=given.key))
        case desk.CheckAskedBody() as asked:
            key = asked_here(said.sender, said.request_id)
            return Reaction(REPLY, key, ReplyToCheck(**about, question=asked.question))
        case desk.CheckAnsweredBody() as answered:
            return Reaction(CHECK, said.request_id, HearCheckAnswer(**about, answer=answered.answer))
        case _:
            return None


def asked_here(site: str, check_id: str) -> str:
    """The key of a check that the desk of `site` asks for. Every letter shows its id: another site that uses it first,
    or at the same time, must not stand in the way."""
    return f"{site}/{check_id}"


def check_timers(events: Sequence[like.CheckEvent]) -> list[TimerSet | TimerCleared]:
    """One for each check that is not over, `check/<id>`."""
    return [
        TimerCleared(_check_timer(event.check_id))
        if isinstance(event, like.CheckAnswered | like.CheckEnded)
        else TimerSet(_check_timer(event.check_id), event.again_at, CHECK, event.check_id)
        for event in events
    ]


def no_timers(events: Sequence[like.ReplyEvent | over.TakingEvent]) -> list[TimerSet | TimerCleared]:
    """Whoever asks has the timer."""
    return []


def check_due(check_id: str, at: datetime) -> RepeatCheck:
    """The command of a `CHECK` timer."""
    return RepeatCheck(at=at, role=SYSTEM_ROLE, check_id=check_id)


def _check_timer(check_id: str) -> str:
    return f"{CHECK}/{check_id}"


def _counting(what: str, id_: str, client_id: str, at: datetime) -> TimerSet:
    return TimerSet(f"{COUNTING}{what}/{id_}", week_ends(week_of(at)), COUNT, client_id)


def week_closes(monday: date) -> datetime:
    """When this week is closed."""
    return week_ends(monday) + CLOSES_AFTER


def week_timers(events: Sequence[week.WeekEvent]) -> list[TimerSet | TimerCleared]:
    """One a site: when the next week is closed."""
    return [
        TimerSet(f"{WEEK_OVER}/{event.site}", event.again_at, WEEK_OVER, event.site)
        for event in events
        if isinstance(event, week.WeekClosed)
    ]


def retention_timers(events: Sequence[ev.RetentionDone]) -> list[TimerSet | TimerCleared]:
    """The next day's."""
    return [TimerSet(f"retention/{event.site}", event.again_at, RETENTION_DAY, event.site) for event in events]


def erasure_timer(client_id: str) -> str:
    """The timer of one file's key."""
    return f"{_ERASURE}{client_id}"
