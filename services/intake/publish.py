"""What of a decision is told: to the services of this site that a client asks for a place, to everybody a notice of
the request under its random id. The only place that builds a contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.intake import events as ev
from services.intake.decider_file import File, Request
from shared.contracts import intake as told
from shared.contracts.base import Contract
from shared.contracts.vocabulary import size_class


class Telling(NamedTuple):
    """subject: what it is about. observed_at: nobody observes a file."""

    contract: Contract
    subject: str
    observed_at: None = None


def tell(before: File, events: Sequence[ev.ClientEvent], after: File) -> list[Telling]:
    """Each event as its site event, then one notice for every request they touched, as it is after the last of them."""
    tellings = [telling for event in events for telling in site_events(event)]
    touched = dict.fromkeys(
        event.request_id
        for event in events
        if isinstance(event, ev.RequestOpened | ev.RequestPrioritized | ev.RequestWithdrawn)
    )
    return tellings + [notice(after.requests[request_id]) for request_id in touched]


def notice(request: Request) -> Telling:
    """What everybody may know of a request."""
    contract = told.RequestNoticed.of(
        request_id=request.id, kinds=request.kinds, size_class=size_class(request.household_size),
        features=request.features, not_at=request.not_at, priority_band=request.priority_band,
        rules_version=request.rules_version, waiting_since=request.waiting_since,
        status="waiting" if request.open else "closed",
    )  # fmt: skip
    return Telling(contract, request.id)


def site_events(event: ev.ClientEvent) -> list[Telling]:
    """What the services of this site hear of one event."""
    match event:
        case ev.ClientRegistered():
            return [Telling(told.ClientRegistered.of(client_id=event.client_id, at=event.at), event.client_id)]
        case ev.ClientErased():
            return [Telling(told.ClientErased.of(client_id=event.client_id, at=event.at), event.client_id)]
        case ev.RequestOpened():
            opened = told.RequestOpened.of(
                client_id=event.client_id, request_id=event.request_id, kinds=event.kinds, features=event.features,
                household_size=event.household_size, waiting_since=event.waiting_since, at=event.at,
            )  # fmt: skip
            return [Telling(opened, event.request_id)]
        case ev.RequestWithdrawn():
            withdrawn = told.RequestWithdrawn.of(
                client_id=event.client_id, request_id=event.request_id, reason=event.reason, at=event.at
            )
            return [Telling(withdrawn, event.request_id)]
        case _:  # what is corrected, read or destroyed is nobody else's business
            return []


def tell_nothing(before: object, events: Sequence[ev.RetentionDone], after: object) -> list[Telling]:
    """How many files retention erased on one day would say something of them."""
    return []
