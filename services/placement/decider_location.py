"""What the placement service remembers of one location: the state its decisions are made on.

It stays small and quick with 700 places and years of history: what has ended leaves it, the counts of each group
and the order of the free places are carried along (a property test holds both to a recount).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain, compress
from typing import Generic, Literal, TypeVar

import msgspec

from services.placement.decider_seats import Seats, Session, SessionWeek
from shared.contracts.vocabulary import feature_class, size_class
from shared.paged import Paged

ENDED_KEPT = 200
"""How many ended holds, ended stays and closed places are remembered at least, each. A repeated tap comes within
minutes, and the idempotency key of a request answers for seven days; older ones need no memory, because ids are random
and never come again."""

ENDED_PAGE = 25
"""They are remembered in pages of so many: only the newest page is copied when one more has ended, and the oldest is
forgotten as a whole. Copying all 200 at every event was about an eighth of what deciding, folding and telling cost."""

V = TypeVar("V")

GUEST_KEPT = timedelta(days=2)
"""How long a hold of another site is remembered after that site stopped waiting. Who asks later is told it lapsed."""

GUESTS_MAX = 2000
"""Holds of other sites remembered at most; while there are so many, no further ask is heard."""

TAPS_KEPT = 200
"""Taps about blocks that are remembered, by place; a minute later nobody takes them back."""

COUNTS_KEPT = 20
"""Head counts remembered, so that a repeated tap counts once."""

REGIMES_MAX, REGIMES_KEPT = 100, 100
"""Regimes one location follows at once, and those that are over and remembered, so that old news of one is known."""

FREE, HELD, OCCUPIED, BLOCKED = "free", "held", "occupied", "blocked"


class Block(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Why a place is out of use. until: expected end, ends nothing by itself. reported: a night report said so."""

    reason: str
    until: datetime | None
    reported: bool = False


class Place(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One place. status: the first that fits of occupied, held, blocked, free.

    holder: id of the stay or hold that uses it. block_next, closing: what happens when that use ends.
    standby: it is open only while a regime runs, or until it is empty then.
    group: key of the group it is counted in. free_since: when its last stay ended, as it was seen, but never ahead
    of our clock. version: of the stream when it was last touched.
    """

    id: str
    kind: str
    room: str
    sleeps: int
    features: tuple[str, ...]
    group: str
    version: int
    status: str = FREE
    holder: str | None = None
    block: Block | None = None
    block_next: Block | None = None
    closing: bool = False
    overflow: bool = False
    programme: str | None = None
    free_since: datetime | None = None
    standby: bool = False


class Hold(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Places kept for a household on its way. features: those asked for."""

    id: str
    place_ids: tuple[str, ...]
    kind: str
    household_size: int
    features: tuple[str, ...]
    hold_minutes: int
    expires_at: datetime
    version: int


class EndedHold(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """hold: as it was. how: checked_in, cancelled, no_show or lapsed. stay_id: what it became. tapped_at: when somebody
    ended it, on our clock."""

    hold: Hold
    how: str
    stay_id: str | None
    version: int
    tapped_at: datetime | None = None


class Guest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A hold another site asked for, as that site is answered: the same for this id, however often it asks.

    status: active, or how it ended (refused, cancelled, lapsed, checked_in). code: why it was refused.
    expires_at: when the site no longer waits; some time after that it is forgotten.
    """

    site: str
    expires_at: datetime
    status: str
    code: str | None = None


class Offer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The hold of this id, put to a request at a site. word: how it stands, as its desk is told (`OfferWord`).

    sleeps: people, in all of its places. offered_until: as it was offered. moved_at: when its word last changed. turn:
    the newest the desk has said about it. arrival: salt and hash of the code. refusals: wrong codes since it was given.
    """

    id: str
    request_id: str
    site: str
    sleeps: int
    offered_until: datetime
    moved_at: datetime
    word: str = "open"
    reason: str | None = None
    turn: int = 0
    expected_by: datetime | None = None
    arrival: str = ""
    refusals: int = 0
    possible_double: bool = False
    stay_id: str | None = None
    version: int = 0

    @property
    def accepted(self) -> bool:
        """Whether it was accepted, whatever became of it."""
        return self.expected_by is not None

    @property
    def goes_on(self) -> bool:
        """Whether somebody may still come by it, or lives here by it."""
        return self.word in ("open", "expected", "housed")


class Question(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A choice of the waiting list that the operator is asked about, under the id of the offer that a yes leads to.

    household_size: the most it may be, as far as its class tells. answer: empty while it is open; `yes`, `no`, `later`,
    or `none`. again_at: when the same request may be put to the operator again.
    """

    id: str
    request_id: str
    site: str
    kind: str
    household_size: int
    features: tuple[str, ...]
    answer_by: datetime
    again_at: datetime
    answer: str = ""


class Stay(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A household living in places of one room. programme: of the night reports it comes from; None: people began it.
    tapped_at: when it last began or moved, on our clock. moved_from: where it was before that tap. undone: the last
    tap was taken back. away_until: its places are kept so long. ends_at: when it ends by itself. kinds: each kind it
    was in since when, the present one last; empty while there was no other; kinds_before: before that tap."""

    id: str
    place_ids: tuple[str, ...]
    kind: str
    household_size: int
    began_at: datetime
    version: int
    hold_id: str | None = None
    programme: str | None = None
    tapped_at: datetime | None = None
    moved_from: tuple[str, ...] = ()
    undone: bool = False
    away_until: datetime | None = None
    ends_at: datetime | None = None
    kinds: tuple[tuple[str, datetime], ...] = ()
    kinds_before: tuple[tuple[str, datetime], ...] = ()


class EndedStay(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """stay: as it was. ended_at: as it was seen. tapped_at: on our clock."""

    stay: Stay
    reason: str
    ended_at: datetime
    version: int
    tapped_at: datetime | None = None


class Ended(msgspec.Struct, Generic[V], frozen=True, array_like=True, gc=False):
    """What ended lately, by id: pages of `ENDED_PAGE`, the newest last."""

    pages: tuple[dict[str, V], ...] = ()

    def get(self, id_: str) -> V | None:
        for page in reversed(self.pages):
            found = page.get(id_)
            if found is not None:
                return found
        return None

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, str) and self.get(id_) is not None

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.pages)

    def without(self, id_: str) -> Ended[V]:
        """Forgets one that has not ended after all."""
        return Ended(
            tuple({key: page[key] for key in page if key != id_} if id_ in page else page for page in self.pages)
        )

    def with_news(self, news: Iterable[tuple[str, V]]) -> Ended[V]:
        """Remembers these too, and forgets the oldest page beyond `ENDED_KEPT`."""
        pages = list(self.pages)
        page = dict(pages.pop()) if pages else {}
        for id_, thing in news:
            if len(page) == ENDED_PAGE:
                pages.append(page)
                page = {}
            page[id_] = thing
        return Ended((*pages[-(ENDED_KEPT // ENDED_PAGE) :], page))


class Group(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The counts of the places of one kind, size class and feature class. total leaves out overflow.

    people: in stays; a stay over several places counts in the group of its first. observed_at: newest look by a person.
    A group whose places are all gone stays, with zeros: so its zeros are told, and no late report moves it back.
    """

    kind: str
    size_class: str
    feature_class: str
    total: int = 0
    overflow: int = 0
    occupied: int = 0
    held: int = 0
    blocked: int = 0
    people: int = 0
    observed_at: datetime | None = None


class Tap(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Somebody took a place out of use or put it back, on our clock. before: its block until then, planned or not."""

    before: Block | None
    at: datetime
    undone: bool = False


class Hours(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """When a night shelter takes people in, and by when they are out, on the clocks of the city."""

    in_from: time
    in_until: time
    out_by: time


class Order(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The places of one kind, free or not, in the order in which they are given away. ranks: where in it each is."""

    ids: tuple[str, ...]
    ranks: dict[str, int]

    @classmethod
    def of(cls, places: Iterable[Place]) -> Order:
        ids = tuple([place.id for place in sorted(places, key=fit_order)])
        return cls(ids, dict(zip(ids, range(len(ids)), strict=True)))


RegimeStatus = Literal["waiting", "running", "over"]


class RegimeHere(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A regime as this location follows it. revision: of the municipality's words about it."""

    id: str
    revision: int
    kinds: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    status: RegimeStatus


class Night(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The newest night report of one programme.

    figures: kind, features, sleeps, total, blocked, occupied, overflow. published: funded, unavailable, service users.
    words: what the report calls the programme.
    """

    night: date
    observed_at: datetime
    figures: tuple[str, tuple[str, ...], int, int, int, int, int]
    published: tuple[int | None, int | None, int | None] = (None, None, None)
    words: tuple[str, ...] = ()


class Location(msgspec.Struct, frozen=True, gc=False):
    """One location. Dictionaries keep the order in which things came to be: the first stay is the oldest.

    guests: holds that other sites asked for, by id, open and ended.
    standby: places that wait for a regime; they count nowhere. regimes: by id, those it follows and has followed.
    taps: the newest, by place, so that they can be taken back. offers: by the id of their hold. questions: by the id of
    the offer that a yes leads to.
    version: events so far. orders: of each kind its places. free: which of those are free, the first in its lowest bit:
    whoever takes a place turns one bit.
    counts: by id, what was counted in the newest head counts. closed: takes nobody any more.
    rooms: who a room is for, where anybody said so. hours: of its night shelter. cleaned: kinds that are cleaned after
    use. seats: what its sessions come to, by kind; a kind without any stays, with zeros. past: sessions that are
    over and may still be counted. session_weeks: what came of them, by week and kind; week_told: the last that is told.
    places_made, stays_made: counters behind derived ids and room numbers; they never go back.
    """

    name: str = ""
    title: str = ""
    district: str = ""
    site: str = ""
    version: int = 0
    places: Paged[Place] = Paged()
    orders: dict[str, Order] = {}
    free: dict[str, int] = {}
    holds: dict[str, Hold] = {}
    stays: dict[str, Stay] = {}
    groups: dict[str, Group] = {}
    ended_holds: Ended[EndedHold] = Ended()
    ended_stays: Ended[EndedStay] = Ended()
    closed_places: Ended[int] = Ended()
    nights: dict[str, Night] = {}
    counts: dict[str, str] = {}
    closed: bool = False
    rooms: dict[str, str] = {}
    sessions: dict[str, Session] = {}
    places_made: int = 0
    stays_made: int = 0
    guests: dict[str, Guest] = {}
    standby: dict[str, Place] = {}
    regimes: dict[str, RegimeHere] = {}
    taps: dict[str, Tap] = {}
    offers: dict[str, Offer] = {}
    offer_mode: str = "automatic"
    questions: dict[str, Question] = {}
    hours: Hours | None = None
    cleaned: tuple[str, ...] = ()
    seats: dict[str, Seats] = {}
    past: dict[str, Session] = {}
    session_weeks: dict[str, SessionWeek] = {}
    week_told: date | None = None

    @property
    def exists(self) -> bool:
        return self.name != ""

    @property
    def places_there_are(self) -> int:
        """Places open and on standby."""
        return len(self.places) + len(self.standby)

    def free_of(self, kind: str) -> tuple[str, ...]:
        """The free places of a kind, in the order in which they are given away."""
        free = self.free.get(kind, 0)
        return tuple(compress(self.orders[kind].ids, map(int, reversed(f"{free:b}")))) if free else ()

    def is_open_by_regime(self, kind: str) -> bool:
        """Whether a regime that runs now opens standby places of this kind."""
        return any(regime.status == "running" and kind in regime.kinds for regime in self.regimes.values())

    def guests_at(self, at: datetime) -> dict[str, Guest]:
        """The holds of other sites that are still remembered at a time: open ones always."""
        return {
            id_: guest for id_, guest in self.guests.items() if id_ in self.holds or guest.expires_at + GUEST_KEPT > at
        }


def group_key(kind: str, sleeps: int, features: Iterable[str]) -> str:
    """The key of a group: kind, size class and feature class joined by `|`."""
    return f"{kind}|{size_class(sleeps)}|{feature_class(features)}"


def fit_order(place: Place) -> tuple[int, int, str, str]:
    """Smallest place first; of the same size the one with the fewest features; then by room and id."""
    return place.sleeps, len(place.features), place.room, place.id
