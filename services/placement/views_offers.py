"""Offers this site has made, as its desk looks at them: written inline, like the board. They name a request by the id
everybody knows it by, and nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from services.placement import events as ev
from services.placement import events_offers as oe
from services.placement.decider_location import Location, Offer
from services.placement.decider_offers import offer_after
from services.placement.decider_questions import question_after
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

offer_questions = sa.Table(
    "offer_questions",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("location", NAME, nullable=False, index=True),
    sa.Column("request_id", NAME, nullable=False),
    sa.Column("desk", NAME, nullable=False),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("household_size", sa.Integer, nullable=False),
    sa.Column("features", ARRAY(sa.Text), nullable=False),
    sa.Column("status", NAME, nullable=False, index=True),
    sa.Column("answer_by", TIME, nullable=False),
)
"""What operators were asked, and said."""

ASKED = "asked"
"""How it stands with a question that nobody has answered."""

OFFER_TABLES = (offers, offer_questions)


def project(before: Location, events: Sequence[ev.LocationEvent], after: Location, at: datetime) -> list[RowChange]:
    """The rows of the offers that these events change. The location forgets what has long ended; the list does not."""
    asked = _questions(before, events, after.name)
    if not before.offers and not after.offers:
        return asked
    known, touched = dict(before.offers), {}
    for version, event in enumerate(events, before.version + 1):
        changed = offer_after(known, event, version)
        if changed is not None:
            known[changed.id] = touched[changed.id] = changed
    return [*asked, *(Put(offers, _row(after.name, offer)) for offer in touched.values())]


def _questions(before: Location, events: Sequence[ev.LocationEvent], location: str) -> list[RowChange]:
    known, touched = dict(before.questions), {}
    for event in events:
        if isinstance(event, oe.OperatorAsked | oe.QuestionAnswered):
            known[event.offer_id] = touched[event.offer_id] = question_after(known, event)
    return [
        Put(offer_questions, (
            one.id, location, one.request_id, one.site, one.kind, one.household_size, list(one.features),
            one.answer or ASKED, one.answer_by,
        ))
        for one in touched.values()
    ]  # fmt: skip


def _row(location: str, offer: Offer) -> tuple[object, ...]:
    return (
        offer.id, location, offer.request_id, offer.site, offer.sleeps, "accepted" if offer.accepted else offer.word,
        offer.word, offer.reason, offer.offered_until, offer.expected_by, offer.possible_double, offer.refusals,
        offer.stay_id, offer.moved_at, offer.version,
    )  # fmt: skip
