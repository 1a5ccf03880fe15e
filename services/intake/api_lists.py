"""HTTP: the caseworker's lists, of this desk's own files: children without a referral, days to a first appointment,
whose registration has to be followed up, and whose stay nears its limit. Everything in them is opened for the answer
and kept nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from services.intake import file as f
from services.intake import views
from services.intake import views_guidance as guidance
from services.intake.api_desk import Intake
from services.intake.api_guidance import appointment, opened
from services.intake.api_looks import DEFAULT, Looking
from services.intake.api_reads import Reads
from services.intake.views_offers import client_offers
from shared.contracts.vocabulary import STAY_DAYS_MAX, ReadPurpose, RegistrationState
from shared.contracts.weeks import CITY
from shared.http_access import CurrentActor
from shared.http_models import Moment, Page, PageQuery, decode_cursor, encode_cursor
from shared.unspoken import Withheld

ANNOUNCED_DAYS = (90, 30, 7)
"""So many days before its limit a stay announces itself at the desk."""

Row = Mapping[str, Any]


class ChildItem(Withheld, BaseModel):
    """A child nobody has referred yet. wants: `pre_school` or `school`."""

    client_id: str
    alias: str
    member_id: str
    age_band: str
    wants: str
    registered_at: Moment


class FirstAppointmentItem(BaseModel):
    """One referral. days: from when it was made to the first appointment, or to today while there is none."""

    referral_id: str
    client_id: str
    partner_kind: str
    made_at: Moment
    first_appointment_at: Moment | None
    days: int


class RegistrationItem(Withheld, BaseModel):
    client_id: str
    alias: str
    registration: RegistrationState
    active_at: Moment


class StayLimitItem(Withheld, BaseModel):
    """Somebody who may not stay much longer. ends_on: the last day. days_left: until then, less than 0 once it is over.
    announced: the smallest of 90, 30 and 7 that these days fit in; 0 once it is over."""

    client_id: str
    alias: str
    site: str
    location: str
    kind: str
    since: Moment
    ends_on: date
    days_left: int
    announced: int


class SeatItem(Withheld, BaseModel):
    """A seat of an allowance programme that a file has, as allowance said."""

    client_id: str
    alias: str
    entitlement_id: str


class RegistrationQuery(PageQuery):
    """state: only these; left out: all but those who are registered."""

    state: RegistrationState | None = None


class ChildrenQuery(PageQuery):
    """purpose: what for, as it is written down of every file whose referrals are opened."""

    purpose: ReadPurpose = DEFAULT


class FirstAppointmentsQuery(PageQuery):
    """waiting: only those without an appointment, or only those with one. purpose: as for children."""

    waiting: bool | None = None
    purpose: ReadPurpose = DEFAULT


class Lists:
    """What a caseworker goes through, one method each. `limit` is of files, or of referrals, that are looked at: a page
    may be short, or empty, and not the last."""

    def __init__(self, intake: Intake, reads: Reads) -> None:
        self._intake, self._reads = intake, reads

    async def children(self, query: Annotated[ChildrenQuery, Query()], actor: CurrentActor) -> Page[ChildItem]:
        """Children of pre-school or school age whom nobody has referred to a pre-school or school."""
        rows, following = await self._files(query)
        looking = Looking(self._intake, actor, query.purpose)
        items = [item async for row, card in self._cards(rows) async for item in self._unreferred(looking, row, card)]
        return Page[ChildItem](items=items, next=following)

    async def registrations(self, query: Annotated[RegistrationQuery, Query()]) -> Page[RegistrationItem]:
        """Whose registration with the city has to be followed up."""
        rows, following = await self._files(query)
        items = [
            RegistrationItem(
                client_id=row["id"], alias=card.alias, registration=card.registration, active_at=row["active_at"]
            )
            async for row, card in self._cards(rows)
            if (card.registration != "registered" if query.state is None else card.registration == query.state)
        ]
        return Page[RegistrationItem](items=items, next=following)

    async def first_appointments(
        self, query: Annotated[FirstAppointmentsQuery, Query()], actor: CurrentActor
    ) -> Page[FirstAppointmentItem]:
        """How many days each referral took, or has taken so far, to its first appointment; ended ones without one are
        left out."""
        await self._reads.written(query.after)
        found = await self._intake.store.page(guidance.referrals, decode_cursor(query.cursor), query.limit + 1)
        rows, following = _cut(found, query.limit)
        looking = Looking(self._intake, actor, query.purpose)
        items = [item for row in rows for item in await self._waited(looking, row, query.waiting)]
        return Page[FirstAppointmentItem](items=items, next=following)

    async def stay_limits(self, query: Annotated[PageQuery, Query()]) -> Page[StayLimitItem]:
        """Whose stay ends within 90 days by the limit of the kind of place they live in, counted from when they came
        into it in its owner's word; while that has said no more than that they live there, from that word."""
        await self._reads.written(query.after)
        store, today = self._intake.store, _day(self._intake.now())
        found = await store.page(client_offers, decode_cursor(query.cursor), query.limit + 1, word="housed")
        rows, following = _cut(found, query.limit)
        return Page[StayLimitItem](
            items=[item for row in rows for item in await self._limit(row, today)], next=following
        )

    async def seats(self, query: Annotated[PageQuery, Query()]) -> Page[SeatItem]:
        """Every seat that a file has. One that the allowance service of this site does not know is of a state it was in
        before an older backup of it was put back. A file without any is not opened."""
        rows, following = await self._files(query)
        files = [(await self._intake.handler.load_settled(row["id"]))[0] for row in rows]  # another handler hears seats
        held = {file.id: file.seats for file in files if file.seats}
        items = [
            SeatItem(client_id=row["id"], alias=card.alias, entitlement_id=seat)
            async for row, card in self._cards([row for row in rows if row["id"] in held])
            for seat in held[row["id"]]
        ]
        return Page[SeatItem](items=items, next=following)

    async def _limit(self, row: Row, today: date) -> list[StayLimitItem]:
        file = (await self._intake.handler.load_settled(row["client_id"]))[0]  # letters are handled by another handler
        offer = file.offers.get(row["id"])
        if offer is None or not offer.lived_in or file.erased_at is not None:
            return []
        kind, since = (offer.kind, offer.since) if offer.stay is None else offer.stay.lived[-1]
        days = STAY_DAYS_MAX.get(kind)
        if days is None or since is None:
            return []
        ends_on = _day(since) + timedelta(days=days)
        left = (ends_on - today).days
        card = await opened(self._intake, file.id, f.CARD, file.card, f.Card) if left <= ANNOUNCED_DAYS[0] else None
        if card is None:
            return []
        announced = 0 if left < 0 else min(each for each in ANNOUNCED_DAYS if left <= each)
        return [
            StayLimitItem(
                client_id=file.id, alias=card.alias, site=offer.site, location=offer.location, kind=kind,
                since=since, ends_on=ends_on, days_left=left, announced=announced,
            )
        ]  # fmt: skip

    async def _files(self, query: PageQuery) -> tuple[list[dict[str, Any]], str | None]:
        await self._reads.written(query.after)
        after = decode_cursor(query.cursor)
        return _cut(await self._intake.store.page(views.clients, after, query.limit + 1, erased_at=None), query.limit)

    async def _cards(self, rows: list[dict[str, Any]]) -> AsyncIterator[tuple[Row, f.Card]]:
        """The files whose card can be read."""
        for row in rows:
            card = await opened(self._intake, row["id"], f.CARD, row["card"], f.Card)
            if card is not None:
                yield row, card

    async def _unreferred(self, looking: Looking, row: Row, card: f.Card) -> AsyncIterator[ChildItem]:
        children = {member.id: member for member in card.household if member.age_band in f.SCHOOLS}
        if not children:
            return
        found = await self._intake.store.rows(guidance.referrals, client_id=row["id"])
        if found and not await looking.may_open(row["id"]):
            return
        referred = set()
        for each in found:
            to = await opened(self._intake, row["id"], f.REFERRAL, each["referral"], f.Referred)
            if to is not None:
                referred.add((to.member_id, to.partner_kind))
        for child in children.values():
            schools = f.SCHOOLS[child.age_band]
            if not any((child.id, school) in referred for school in schools):
                yield ChildItem(
                    client_id=row["id"], alias=card.alias, member_id=child.id, age_band=child.age_band,
                    wants=schools[0], registered_at=row["registered_at"],
                )  # fmt: skip

    async def _waited(self, looking: Looking, row: Row, waiting: bool | None) -> list[FirstAppointmentItem]:
        client_id = row["client_id"]
        if not row["referral"] or not await looking.may_open(client_id):
            return []
        to = await opened(self._intake, client_id, f.REFERRAL, row["referral"], f.Referred)
        first = await appointment(self._intake, client_id, row["first_appointment"])
        if to is None or (first is None and row["state"] == "ended") or waiting is (first is not None):
            return []
        return [
            FirstAppointmentItem(
                referral_id=row["id"], client_id=client_id, partner_kind=to.partner_kind, made_at=row["made_at"],
                first_appointment_at=first, days=(_day(first or self._intake.now()) - _day(row["made_at"])).days,
            )
        ]  # fmt: skip


def _cut(rows: list[dict[str, Any]], limit: int) -> tuple[list[dict[str, Any]], str | None]:
    """The rows of one page, and where the next one begins."""
    shown = rows[:limit]
    return shown, encode_cursor(str(shown[-1]["id"])) if len(rows) > limit else None


def _day(at: datetime) -> date:
    return at.astimezone(CITY).date()
