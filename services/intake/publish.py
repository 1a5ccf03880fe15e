"""What of a decision is told: to the services of this site that a client asks for a place, to everybody a notice of
the request under its random id. The only place that builds a contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from services.intake import events as ev
from services.intake import events_guidance as guide
from services.intake import events_handover as over
from services.intake import publish_offers
from services.intake.decider_file import File, status_of, touched
from services.intake.decider_parts import Request
from services.intake.events_offers import OfferEvent
from services.intake.publish_offers import letters
from shared.contracts import intake as told
from shared.contracts.base import Contract, Draft, Written
from shared.contracts.vocabulary import size_class


class Telling(NamedTuple):
    """subject: what it is about. observed_at: nobody observes a file."""

    event: Written[Any] | Draft
    subject: str
    observed_at: None = None

    @property
    def contract(self) -> Contract | Draft:
        """The event as any reader has it. Raises `ValidationError`."""
        return self.event.read()


def tell(before: File, events: Sequence[ev.ClientEvent], after: File) -> list[Telling]:
    """Each event as its site event, then one notice for every request of which it says something new, as it is after
    the last of them, then letters to owners of places. Whoever is erased is nobody's news any more."""
    tellings = [telling for event in events for telling in _site_events(event, before)]
    tellings += [
        notice(after, after.requests[request_id])
        for request_id in touched(events)
        if _is_news(before, after, request_id)
    ]
    return tellings + [Telling(letter, letter.to) for letter in letters(events, after)]


def _is_news(before: File, after: File, request_id: str) -> bool:
    """A notice that says what the last one said tells others when somebody moved, and nothing else."""
    known = before.requests.get(request_id)
    return known is None or _said(before, known) != _said(after, after.requests[request_id])


def _said(file: File, request: Request) -> tuple[object, ...]:
    return (request.priority_band, request.rules_version, _status(file, request))


def _status(file: File, request: Request) -> str:
    return status_of(file, request) if request.open else "closed"


def _site_events(event: ev.ClientEvent, before: File) -> list[Telling]:
    if not isinstance(event, OfferEvent):
        return site_events(event)
    if before.erased_at is not None:
        return []
    return [Telling(contract, event.offer_id) for contract in publish_offers.site_events(event, before)]


def notice(file: File, request: Request) -> Telling:
    """What everybody may know of a request."""
    contract = told.RequestNoticed.written(
        request_id=request.id, kinds=request.kinds, size_class=size_class(request.household_size),
        features=request.features, not_at=request.not_at, priority_band=request.priority_band,
        rules_version=request.rules_version, waiting_since=request.waiting_since,
        status=_status(file, request),
    )  # fmt: skip
    return Telling(contract, request.id)


def site_events(event: ev.FileEvent) -> list[Telling]:
    """What the services of this site hear of one event."""
    match event:
        case ev.ClientRegistered() | over.FileTakenOver():
            return [Telling(told.ClientRegistered.written(client_id=event.client_id, at=event.at), event.client_id)]
        case ev.ClientErased():
            return [Telling(told.ClientErased.written(client_id=event.client_id, at=event.at), event.client_id)]
        case ev.RequestOpened():
            opened = told.RequestOpened.written(
                client_id=event.client_id, request_id=event.request_id, kinds=event.kinds, features=event.features,
                household_size=event.household_size, waiting_since=event.waiting_since, at=event.at,
            )  # fmt: skip
            return [Telling(opened, event.request_id)]
        case ev.RequestWithdrawn():
            withdrawn = told.RequestWithdrawn.written(
                client_id=event.client_id, request_id=event.request_id, reason=event.reason, at=event.at
            )
            return [Telling(withdrawn, event.request_id)]
        case guide.AppointmentMade():
            made = told.AppointmentMade.written(
                client_id=event.client_id, appointment_id=event.appointment_id, turn=event.turn,
                replaces=event.replaces, known=event.known, starts_at=event.starts_at, at=event.at,
            )  # fmt: skip
            return [Telling(made, event.appointment_id)]
        case guide.AppointmentEnded():
            ended = told.AppointmentEnded.written(
                client_id=event.client_id, appointment_id=event.appointment_id, turn=event.turn, how=event.how,
                starts_at=event.starts_at, at=event.at,
            )  # fmt: skip
            return [Telling(ended, event.appointment_id)]
        case _:  # what is corrected, read or destroyed is nobody else's business
            return []


def tell_nothing(before: object, events: Sequence[object], after: object) -> list[Telling]:
    """How many files retention erased on one day would say something of them; so would that a desk takes one."""
    return []
