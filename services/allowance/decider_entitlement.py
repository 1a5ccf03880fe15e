"""What is decided about one client's entitlement, where the client is known. Pure.

The municipality decides about the seat; this stream decides about the days, and tells the municipality how it stands:
whole, under a number that only grows, until that says it has heard it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TypeAlias, assert_never

import msgspec
from msgspec.structs import replace

from services.allowance import commands_entitlement as cmd
from services.allowance import decider_limits as limits
from services.allowance import events_entitlement as ev
from services.allowance.days import Days, Span, Spans, but, but_all, put, without, without_all
from services.allowance.decider_client import FOLLOW
from shared.contracts.vocabulary import ENTITLEMENT_ENDS, PayMethod, size_class
from shared.kernel import Decider, Rejected
from shared.timers import TimerCleared, TimerSet

TIMER = "entitlement"
PAYMENTS_KEPT = 8
"""Handouts that are known again: a voucher waits for three weeks, and a week has one."""


class Entitlement(msgspec.Struct, frozen=True, gc=False):
    """One client's seat, wanted, had or given back. status: `asked`, `granted`, `suspended`, `ended`, `refused`.

    spans: the days the desk says. meals: days on which the client has meals elsewhere, as was heard; no_meals: those on
    which the desk says that they had none. revision: words to the
    municipality so far; confirmed: up to which it has heard them. repeated: how often since there was something new.
    followed: which word of intake's about the client is known. forgotten: whether the client is erased.
    payments: the last that were put ready, by handout, and until when each waits.
    """

    id: str = ""
    client_id: str = ""
    programme_id: str = ""
    site: str = ""
    household_size: int = 1
    method: PayMethod = "voucher"
    status: str = ""
    spans: Spans = ()
    code: str | None = None
    revision: int = 0
    confirmed: int = 0
    again_at: datetime | None = None
    repeated: int = 0
    version: int = 0
    meals: Days = ()
    followed: int = 0
    forgotten: bool = False
    no_meals: Days = ()
    payments: tuple[tuple[str, datetime], ...] = ()

    @property
    def paid(self) -> Spans:
        """The days that are paid."""
        return without_all(self.spans, self.elsewhere)

    @property
    def elsewhere(self) -> Days:
        """The days with meals elsewhere that count."""
        return but_all(self.meals, self.no_meals)

    @property
    def settled(self) -> bool:
        """Whether the municipality knows all there is to know."""
        return self.status == "refused" or self.confirmed >= self.revision


Outcome: TypeAlias = Sequence[ev.EntitlementEvent] | Rejected


def decide(state: Entitlement, command: cmd.EntitlementCommand) -> Outcome:
    """The events that follow. Refused: `entitlement-unknown`, `version-stale`, and what each function says."""
    match command:
        case cmd.AskEntitlement():
            return ask(state, command)
        case _ if not state.id:
            return Rejected("entitlement-unknown", {})
        case cmd.HearSeat():
            return hear(state, command)
        case cmd.RepeatEntitlement():
            return repeat(state, command)
        case cmd.FollowClient():
            return follow(state, command)
        case cmd.NotePayment():
            return note_payment(state, command)
        case _:
            return _by_desk(state, command)


def _by_desk(
    state: Entitlement,
    command: cmd.SuspendEntitlement | cmd.ResumeEntitlement | cmd.EndEntitlement | cmd.CorrectDays,
) -> Outcome:
    refused = limits.stale_refused(command.if_version, state.version)
    if refused:
        return refused
    match command:
        case cmd.SuspendEntitlement():
            return suspend(state, command)
        case cmd.ResumeEntitlement():
            return resume(state, command)
        case cmd.EndEntitlement():
            return end(state, command)
        case cmd.CorrectDays():
            return correct(state, command)
        case _:
            assert_never(command)


def ask(state: Entitlement, command: cmd.AskEntitlement) -> Outcome:
    """Refused: `id-invalid`, `household-size-invalid`, `method-unknown`, `day-too-far`, `entitlement-id-used`."""
    refused = (
        limits.id_refused(command.entitlement_id, command.client_id, command.programme_id)
        or limits.household_refused(command.household_size)
        or limits.methods_refused((command.method,))
        or limits.day_refused(command.from_day, command.at)
    )
    if refused:
        return refused
    spans = (Span(command.from_day, None, size_class(command.household_size)),)
    if state.id:
        same = (state.client_id, state.programme_id) == (command.client_id, command.programme_id)
        return () if same else Rejected("entitlement-id-used", {})
    return [
        ev.EntitlementAsked(
            command.entitlement_id, command.client_id, command.programme_id, command.site, command.household_size,
            command.method, spans, limits.again(command.at), command.at,
        )
    ]  # fmt: skip


def note_payment(state: Entitlement, command: cmd.NotePayment) -> Outcome:
    """The client is told once of each handout; of whoever is erased nothing is told."""
    known = any(handout_id == command.handout_id for handout_id, _ in state.payments)
    if known or state.forgotten or command.until <= command.at:
        return ()
    return [ev.PaymentNoted(state.id, command.handout_id, command.until, command.at)]


def hear(state: Entitlement, command: cmd.HearSeat) -> Outcome:
    """The municipality's word. One that has heard more than this store knows of (it was restored), or something else
    under the same number, is told again under a higher one. Refused: `answer-of-another-site`."""
    if command.site != state.site:
        return Rejected("answer-of-another-site", {"site": command.site})
    if state.status == "asked" and command.status == "refused":
        return [ev.EntitlementRefused(state.id, command.code or "refused", command.at)]
    if state.status == "refused":
        return ()
    revision = max(state.revision, command.revision) + 1
    if state.status == "asked":
        if command.status == "ended":  # it was given back in what this store has forgotten
            return [ev.EntitlementRefused(state.id, "seat-given-back", command.at)]
        return [ev.EntitlementGranted(state.id, revision, limits.again(command.at), command.at)]
    known = command.status == ("ended" if state.status == "ended" else "granted")
    if command.revision > state.revision or (command.revision == state.revision and not known):
        return [ev.EntitlementRepeated(state.id, revision, limits.again(command.at), command.at)]
    if command.revision == state.revision and not state.settled:
        return [ev.EntitlementConfirmed(state.id, command.revision, command.at)]
    return ()


def repeat(state: Entitlement, command: cmd.RepeatEntitlement) -> Outcome:
    """Never refused: a timer may fire late, early or twice."""
    if state.settled or state.again_at is None or command.at < state.again_at:
        return ()
    return [ev.EntitlementRepeated(state.id, state.revision, limits.again(command.at, state.repeated + 1), command.at)]


def follow(state: Entitlement, command: cmd.FollowClient) -> Outcome:
    """Days with meals elsewhere are not paid, whatever the desk said of them, and are again when that was wrong.
    Whoever is erased is paid for no day more, and keeps nobody from the seat, in however many pieces their days with
    meals are. Refused: `days-in-too-many-pieces`."""
    if state.status == "refused" or state.forgotten or command.followed <= state.followed:
        return ()
    meals = tuple(sorted(command.meals, key=lambda days: (days[0], days[1] or date.max)))
    forgotten_from = command.forgotten_from
    spans = state.spans if forgotten_from is None else without(state.spans, forgotten_from, None)
    refused = limits.spans_refused(without_all(spans, but_all(meals, state.no_meals)))
    if refused and forgotten_from is None:
        return refused
    meals = state.meals if refused else meals
    events: list[ev.EntitlementEvent] = []
    revision, again_at = state.revision + 1, limits.again(command.at)
    if meals != state.meals:
        events.append(ev.MealsFollowed(state.id, meals, command.followed, revision, again_at, command.at))
    if forgotten_from is not None:
        last = state.revision + len(events) + 1
        spans = () if state.status == "asked" else spans
        events.append(ev.EntitlementForgotten(state.id, forgotten_from, spans, last, again_at, command.at))
    return events


def suspend(state: Entitlement, command: cmd.SuspendEntitlement) -> Outcome:
    """Refused: `entitlement-not-granted`, `day-too-far`."""
    refused = _not_granted(state) or limits.day_refused(command.from_day, command.at)
    if refused:
        return refused
    spans = without(state.spans, command.from_day, None)
    if state.status == "suspended" and spans == state.spans:
        return ()
    return [
        ev.EntitlementSuspended(
            state.id, command.from_day, spans, state.revision + 1, limits.again(command.at), command.at
        )
    ]  # fmt: skip


def resume(state: Entitlement, command: cmd.ResumeEntitlement) -> Outcome:
    """Refused: `entitlement-not-granted`, `day-too-far`, `days-in-too-many-pieces`."""
    refused = _not_granted(state) or limits.day_refused(command.from_day, command.at)
    if refused:
        return refused
    if state.status == "granted":
        return ()
    spans = put(state.spans, command.from_day, None, size_class(state.household_size))
    return limits.spans_refused(without_all(spans, state.elsewhere)) or [
        ev.EntitlementResumed(
            state.id, command.from_day, spans, state.revision + 1, limits.again(command.at), command.at
        )
    ]


def end(state: Entitlement, command: cmd.EndEntitlement) -> Outcome:
    """A second time changes nothing. Whoever is paid for a while yet keeps the seat so long: it is suspended from that
    day on, and ended then. Refused: `end-reason-unknown`, `day-too-far`, `day-ahead` (after tomorrow)."""
    if command.reason not in ENTITLEMENT_ENDS:
        return Rejected("end-reason-unknown", {"known": list(ENTITLEMENT_ENDS)})
    refused = limits.day_refused(command.from_day, command.at)
    if refused:
        return refused
    if state.status in ("ended", "refused"):
        return ()
    refused = limits.ahead_refused(command.from_day, command.at)
    if refused:
        return refused
    spans = () if state.status == "asked" else without(state.spans, command.from_day, None)
    return [
        ev.EntitlementEnded(
            state.id, command.from_day, command.reason, spans, state.revision + 1, limits.again(command.at), command.at
        )
    ]  # fmt: skip


def correct(state: Entitlement, command: cmd.CorrectDays) -> Outcome:
    """Refused: `entitlement-not-granted`, `client-erased`, `day-too-far`, `household-size-invalid`, `days-invalid`
    (they end before they begin), `days-open` (only while it is paid are days corrected until further notice, and none
    without meals), `day-ahead` (what is over has no days after today, and nobody knows of meals to come),
    `days-in-too-many-pieces`."""
    if state.status in ("asked", "refused"):
        return Rejected("entitlement-not-granted", {"status": state.status})
    if state.forgotten:
        return Rejected("client-erased", {})
    refused = limits.household_refused(command.household_size, least=0) or limits.day_refused(command.first, command.at)
    if refused is None and command.until is not None:
        refused = limits.day_refused(command.until, command.at)
    if refused:
        return refused
    if command.until is None and (state.status != "granted" or not command.household_size or command.no_meals):
        return Rejected("days-open", {"status": state.status})
    if command.until is not None and command.until <= command.first:
        return Rejected("days-invalid", {})
    if command.until is not None and command.household_size and (state.status == "ended" or command.no_meals):
        refused = limits.ahead_refused(command.until, command.at)
        if refused:
            return refused
    spans = (
        put(state.spans, command.first, command.until, size_class(command.household_size))
        if command.household_size
        else without(state.spans, command.first, command.until)
    )
    size = command.household_size if command.until is None else state.household_size
    no_meals = _without_meals(state, command)
    if (spans, size, no_meals) == (state.spans, state.household_size, state.no_meals):
        return ()
    refused = limits.pieces_refused(no_meals) or limits.spans_refused(
        without_all(spans, but_all(state.meals, no_meals))
    )
    return refused or [
        ev.DaysCorrected(state.id, size, spans, state.revision + 1, limits.again(command.at), command.at, no_meals)
    ]


def _without_meals(state: Entitlement, command: cmd.CorrectDays) -> Days:
    """The days on which they had no meals elsewhere: with these, without those that are not paid, and otherwise as
    before."""
    if command.household_size and not command.no_meals:
        return state.no_meals
    days = but(state.no_meals, command.first, command.until)
    return tuple(sorted((*days, (command.first, command.until)))) if command.household_size else days


def _not_granted(state: Entitlement) -> Rejected | None:
    if state.status in ("granted", "suspended"):
        return None
    return Rejected("entitlement-not-granted", {"status": state.status})


def evolve(state: Entitlement, event: ev.EntitlementEvent) -> Entitlement:
    """The entitlement after `event`."""
    version = state.version + 1
    match event:
        case ev.EntitlementAsked():
            return Entitlement(
                event.entitlement_id, event.client_id, event.programme_id, event.site, event.household_size,
                event.method, "asked", event.spans, None, 1, 0, event.again_at, 0, version,
            )  # fmt: skip
        case ev.EntitlementRefused():
            return replace(state, status="refused", spans=(), code=event.code, again_at=None, version=version)
        case ev.EntitlementConfirmed():
            return replace(state, confirmed=event.revision, again_at=None, version=version)
        case ev.PaymentNoted():
            payments = (*state.payments, (event.handout_id, event.until))[-PAYMENTS_KEPT:]
            return replace(state, payments=payments, version=version)
        case ev.EntitlementRepeated():
            return replace(
                state, revision=event.revision, again_at=event.again_at, repeated=state.repeated + 1, version=version
            )
        case ev.EntitlementGranted():
            return _news(state, event, "granted")
        case ev.EntitlementSuspended():
            return replace(_news(state, event, "suspended"), spans=event.spans)
        case ev.EntitlementResumed():
            return replace(_news(state, event, "granted"), spans=event.spans)
        case ev.EntitlementEnded():
            return replace(_news(state, event, "ended"), spans=event.spans, code=event.reason)
        case ev.DaysCorrected():
            return replace(
                _news(state, event, state.status), spans=event.spans, household_size=event.household_size,
                no_meals=event.no_meals,
            )  # fmt: skip
        case ev.MealsFollowed():
            return replace(_news(state, event, state.status), meals=event.meals, followed=event.followed)
        case ev.EntitlementForgotten():
            return replace(_news(state, event, "ended"), spans=event.spans, code="client-erased", forgotten=True)
        case _:
            assert_never(event)


def _news(
    state: Entitlement,
    event: ev.EntitlementGranted | ev.EntitlementSuspended | ev.EntitlementResumed | ev.EntitlementEnded
    | ev.DaysCorrected | ev.MealsFollowed | ev.EntitlementForgotten,
    status: str,
) -> Entitlement:  # fmt: skip
    return replace(
        state, status=status, revision=event.revision, again_at=event.again_at, repeated=0, version=state.version + 1
    )


def timers(events: Sequence[ev.EntitlementEvent]) -> list[TimerSet | TimerCleared]:
    """One for each entitlement the municipality does not know all of, `entitlement/<id>`; and one, at once, for each
    that is asked for, `follow/<id>`: what is known of its client moves its days."""
    found: dict[str, TimerSet | TimerCleared] = {}
    for event in events:
        id_ = f"{TIMER}/{event.entitlement_id}"
        if isinstance(event, ev.EntitlementRefused | ev.EntitlementConfirmed):
            found[id_] = TimerCleared(id_)
        elif not isinstance(event, ev.PaymentNoted):
            found[id_] = TimerSet(id_, event.again_at, TIMER, event.entitlement_id)
        if isinstance(event, ev.EntitlementAsked):
            id_ = f"{FOLLOW}/{event.entitlement_id}"
            found[id_] = TimerSet(id_, event.at, FOLLOW, event.client_id)
    return list(found.values())


ENTITLEMENT: Decider[Entitlement, cmd.EntitlementCommand, ev.EntitlementEvent] = Decider(
    name="entitlement",
    initial=Entitlement(),
    decide=decide,
    evolve=evolve,
    codec=ev.ENTITLEMENT_CODEC,
    state_type=Entitlement,
    state_version=4,
    commands=cmd.ENTITLEMENT_COMMANDS,
)
"""Stream `entitlement/<id>`."""
