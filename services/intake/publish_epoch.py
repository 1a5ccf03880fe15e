"""What a new epoch begins with: who is erased, every other file, every open request and
appointment to come, how it stands with offers, who is housed or has left, and every week that is over, told anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.intake import events as ev
from services.intake.decider_file import File
from services.intake.decider_weeks import Weeks
from services.intake.events_guidance import AppointmentMade
from services.intake.publish import Telling, notice, site_events
from services.intake.publish_offers import standing
from services.intake.publish_weeks import flows_told, unmet_told, week_told
from shared.contracts import intake as told


def epoch(files: Sequence[File], weeks: Weeks, below: int, at: datetime) -> list[Telling]:
    """The first rows of both logs, in order. files: every one of the site. weeks: its counts, those under `below` are
    small. at: when the epoch begins."""
    tellings = [Telling(told.EpochBegan.written(at=at), "epoch"), Telling(told.SiteEpochBegan.written(at=at), "epoch")]
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
        for id_, one in file.appointments.items():
            if one.starts_at > at:
                made = AppointmentMade(file.id, id_, one.turn, one.starts_at, one.at, one.replaces, one.known)
                tellings += site_events(made)
        for offer in file.offers.values():
            tellings += [Telling(contract, offer.id) for contract in standing(file.id, offer, at)]
    if weeks.closed is not None:
        over = sorted(week for week in weeks.weeks if week <= weeks.closed)
        for week in over:
            counts = weeks.weeks[week]
            tellings += [week_told(week, counts, below), unmet_told(week, counts), flows_told(week, counts)]
    return tellings
