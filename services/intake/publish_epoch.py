"""What a new epoch begins with: who is erased, every other file, every open request, how it stands with offers, who
lives where they were offered a place or has left it, and every week that is over, told anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.intake import events as ev
from services.intake.decider_file import File
from services.intake.decider_weeks import Weeks
from services.intake.publish import Telling, notice, site_events
from services.intake.publish_offers import lives
from services.intake.publish_weeks import week_told
from shared.contracts import intake as told


def offers_told(file: File, at: datetime) -> list[Telling]:
    """What a client's site has to know of offers that go on: those that wait for an answer, and sure places."""
    tellings = []
    for offer in file.offers.values():
        about: dict[str, Any] = {"client_id": file.id, "request_id": offer.request_id, "offer_id": offer.id, "at": at}
        if offer.status == "open" and not offer.settled:
            where = {"site": offer.site, "location": offer.location, "kind": offer.kind}
            tellings.append(Telling(told.OfferReceived.of(**about, **where, expires_at=offer.expires_at), offer.id))
        elif offer.status == "accepted" and offer.word == "expected":
            by = offer.until or offer.expected_by or at
            tellings.append(Telling(told.OfferConfirmed.of(**about, expected_by=by), offer.id))
    return tellings


def epoch(files: Sequence[File], weeks: Weeks, below: int, at: datetime) -> list[Telling]:
    """The first rows of both logs, in order. files: every one of the site. weeks: its counts, those under `below` are
    small. at: when the epoch begins."""
    tellings = [Telling(told.EpochBegan(at=at), "epoch"), Telling(told.SiteEpochBegan(at=at), "epoch")]
    for file in files:
        if file.erased_at is not None:  # whoever was restored may have forgotten it
            tellings += site_events(ev.ClientErased(file.id, "asked_by_client", file.erased_at))
            continue
        tellings += site_events(ev.ClientRegistered(file.id, "", None, file.registered_at or at))
        for request in file.open_requests:
            tellings += site_events(
                ev.RequestOpened(
                    file.id, request.id, request.kinds, request.features, request.household_size, request.not_at, "",
                    request.priority_band, request.rules_version, request.waiting_since, request.opened_at,
                )
            )  # fmt: skip
            tellings.append(notice(file, request))
        tellings += [
            Telling(contract, offer.id) for offer in file.offers.values() for contract in lives(file, offer, at)
        ]
        tellings += offers_told(file, at)
    if weeks.closed is not None:
        over = sorted(week for week in weeks.weeks if week <= weeks.closed)
        tellings += [week_told(week, weeks.weeks[week], below) for week in over]
    return tellings
