"""Offers a desk has heard of, by request: written inline, like the files."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from services.intake import events as ev
from services.intake import events_offers as oe
from services.intake.decider_file import File, doubles, evolve
from services.intake.decider_slot import Offer
from shared.ports import Put, RowChange
from shared.schema import NAME, TIME, metadata

client_offers = sa.Table(
    "client_offers",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("client_id", NAME, nullable=False, index=True),
    sa.Column("request_id", NAME, nullable=False, index=True),
    sa.Column("site", NAME, nullable=False),
    sa.Column("location", NAME, nullable=False),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("sleeps", sa.Integer, nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("word", NAME),
    sa.Column("reason", sa.Text),
    sa.Column("expires_at", TIME, nullable=False),
    sa.Column("expected_by", TIME),
    sa.Column("answered", sa.Boolean, nullable=False),
    sa.Column("in_slot", sa.Boolean, nullable=False),
    sa.Column("possible_double", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)

OFFER_TABLES = (client_offers,)


def project(before: File, events: Sequence[ev.ClientEvent], after: File) -> list[RowChange]:
    """The rows of the offers that these events touch, of those in the slot, and of those that may be doubles."""
    if not any(isinstance(event, oe.OfferEvent) for event in events):
        return []
    rows: dict[str, tuple[object, ...]] = {}
    file = before
    for event in events:
        file, last = evolve(file, event), file
        if isinstance(event, oe.OfferEvent):
            places = {last.slot, file.slot, last.moving_to, file.moving_to}
            about = {event.offer_id, *places, *doubles(last), *doubles(file)} & file.offers.keys()
            rows |= {offer_id: _row(file, file.offers[offer_id]) for offer_id in sorted(about)}
    return [Put(client_offers, row) for row in rows.values()]


def _row(file: File, offer: Offer) -> tuple[object, ...]:
    twice = doubles(file)
    return (
        offer.id, file.id, offer.request_id, offer.site, offer.location, offer.kind, offer.sleeps, offer.status,
        offer.word or None, offer.reason, offer.expires_at, offer.expected_by,
        offer.settled or (offer.owner_turn >= offer.turn and offer.turn > 0), offer.id == file.slot,
        bool(twice) and (offer.id in twice or offer.id in (file.slot, file.moving_to)), offer.version,
    )  # fmt: skip
