"""Offers this site has made, as its desk looks at them: written inline, like the board. They name a request by the id
everybody knows it by, and nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from services.placement import events as ev
from services.placement.decider_location import Location, Offer
from services.placement.decider_offers import offer_after
from shared.ports import Put, RowChange
from shared.schema import NAME, TIME, metadata

offers = sa.Table(
    "offers",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("location", NAME, nullable=False, index=True),
    sa.Column("request_id", NAME, nullable=False, index=True),
    sa.Column("desk", NAME, nullable=False),
    sa.Column("sleeps", sa.Integer, nullable=False),
    sa.Column("status", NAME, nullable=False, index=True),
    sa.Column("word", NAME, nullable=False, index=True),
    sa.Column("reason", sa.Text),
    sa.Column("expires_at", TIME, nullable=False),
    sa.Column("expected_by", TIME),
    sa.Column("possible_double", sa.Boolean, nullable=False),
    sa.Column("refusals", sa.Integer, nullable=False),
    sa.Column("stay_id", NAME),
    sa.Column("moved_at", TIME, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

OFFER_TABLES = (offers,)


def project(before: Location, events: Sequence[ev.LocationEvent], after: Location, at: datetime) -> list[RowChange]:
    """The rows of the offers that these events change. The location forgets what has long ended; the list does not."""
    if not before.offers and not after.offers:
        return []
    known, touched = dict(before.offers), {}
    for version, event in enumerate(events, before.version + 1):
        changed = offer_after(known, event, version)
        if changed is not None:
            known[changed.id] = touched[changed.id] = changed
    return [Put(offers, _row(after.name, offer)) for offer in touched.values()]


def _row(location: str, offer: Offer) -> tuple[object, ...]:
    return (
        offer.id, location, offer.request_id, offer.site, offer.sleeps, "accepted" if offer.accepted else offer.word,
        offer.word, offer.reason, offer.offered_until, offer.expected_by, offer.possible_double, offer.refusals,
        offer.stay_id, offer.moved_at, offer.version,
    )  # fmt: skip
