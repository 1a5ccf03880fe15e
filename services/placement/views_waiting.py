"""Who waits in the network, as every intake has told it: one row an open request, and none when it is closed.

A site hears its own intake the same way as the others', off the bus, so that all lists are one list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.dialects.postgresql import ARRAY

from services.placement.capacity import SiteLink
from services.placement.ranking import Choice, Waiting, choose_location, rank_requests, rooms_of
from services.placement.views_capacity import Counts, always
from services.placement.views_weeks import WEEK_TABLES, flow_rows, unmet_rows, week_rows
from shared import schema
from shared.contracts import intake as told
from shared.contracts.base import Contract
from shared.envelope import Message
from shared.inbox import Reader, View
from shared.ports import Delete, Put, RowChange, Store
from shared.schema import NAME, metadata

waiting = sa.Table(
    "waiting",
    metadata,
    sa.Column("origin", NAME, primary_key=True),
    sa.Column("request_id", NAME, primary_key=True),
    sa.Column("kinds", ARRAY(sa.Text), nullable=False),
    sa.Column("size_class", NAME, nullable=False),
    sa.Column("features", ARRAY(sa.Text), nullable=False),
    sa.Column("not_at", ARRAY(sa.Text), nullable=False),
    sa.Column("priority_band", sa.Integer, nullable=False),
    sa.Column("rules_version", sa.Integer, nullable=False),
    sa.Column("waiting_since", sa.Date, nullable=False),
    sa.Column("status", NAME, nullable=False),
)

WAITING_TABLES = (waiting, *WEEK_TABLES)

DESK = "intake"
"""The service that tells who waits."""


def desk_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    """What an intake tells: who waits, and what it counted in a week."""
    match contract:
        case told.WeekTold():
            return week_rows(message, contract)
        case told.UnmetTold():
            return unmet_rows(message, contract)
        case told.FlowsTold():
            return flow_rows(message, contract)
        case _:
            return waiting_rows(message, contract)


def waiting_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    """The row of one notice: nothing of a request outlives it."""
    assert isinstance(contract, told.RequestNoticed)
    if contract.status == "closed":
        yield Delete(waiting, (message.origin.key, contract.request_id))
        return
    yield Put(
        waiting,
        (
            message.origin.key, contract.request_id, list(contract.kinds), contract.size_class,
            list(contract.features), list(contract.not_at), contract.priority_band, contract.rules_version,
            contract.waiting_since, contract.status,
        ),
    )  # fmt: skip


_HEARD: tuple[type[Contract], ...] = (told.RequestNoticed, told.WeekTold, told.UnmetTold, told.FlowsTold)
WAITING = View("waiting", WAITING_TABLES, {each.type_name: each for each in _HEARD}, desk_rows)
"""One reader for all that intakes tell the network."""


def waiting_of(row: Mapping[str, Any]) -> Waiting:
    """A row of the view as ranking takes it."""
    return Waiting(
        row["request_id"], tuple(row["kinds"]), row["size_class"], frozenset(row["features"]),
        frozenset(row["not_at"]), row["priority_band"], row["waiting_since"], row["status"],
        row["origin"].partition("/")[0],
    )  # fmt: skip


NOWHERE: Mapping[str, frozenset[str]] = {}


def _known_better(one: Waiting, elsewhere: Mapping[str, frozenset[str]], offered: frozenset[str]) -> Waiting:
    if one.request_id in offered:
        return replace(one, status="offered")
    passed = elsewhere.get(one.request_id)
    return one if passed is None else replace(one, not_at=one.not_at | passed)


class WaitingList:
    """Answers who waits, in which order, and where each would go now.

    link: how a site is heard now. rooms: everybody's figures that count now. counts: whether what a site told in an
    epoch counts: a site of the same name may have come after one that left.
    """

    def __init__(
        self, store: Store, reader: Reader, link: Callable[[str], SiteLink],
        rooms: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]], counts: Counts = always,
    ) -> None:  # fmt: skip
        self._store, self._reader, self._link, self._rooms, self._counts = store, reader, link, rooms, counts
        self.changed = reader.applied

    @property
    def incomplete(self) -> Mapping[str, str]:
        """Origins whose requests are not listed in full, and why."""
        return self._reader.incomplete

    @property
    def desks(self) -> list[str]:
        """Sites that belong to the network and whose desk was heard, now or before."""
        heard = {origin for origin, _ in self._reader.checkpoints if origin.endswith(f"/{DESK}")}
        return sorted(origin.partition("/")[0] for origin in heard if self._asks(origin))

    async def not_heard(self) -> list[str]:
        """Sites whose desk was heard before and is not heard now: who waits there is as they told last."""
        rows = await self._store.rows(schema.checkpoints, reader=WAITING.name)
        origins = [row["origin"].partition("/") for row in rows]
        sites = {site for site, _, service in origins if service == DESK}
        return sorted(site for site in sites if self._link(site).state not in ("live", "retired"))

    def heard_now(self, site: str) -> bool:
        """Whether a desk's site would hear a letter now."""
        return self._link(site).state == "live"

    async def ranked(
        self, elsewhere: Mapping[str, frozenset[str]] = NOWHERE, offered: frozenset[str] = frozenset(),
        *, heard_only: bool = False,
    ) -> tuple[Sequence[Waiting], Mapping[str, Choice]]:  # fmt: skip
        """Every open request in order, and the choices by request. A site that has left the network asks for nobody.

        elsewhere: locations that count as not wanted besides, by request. offered: requests that have an offer, though
        their notice does not say so yet. heard_only: without requests whose desk would not hear of an offer now, so
        that no place waits for them.
        """
        rows, groups = await asyncio.gather(self._store.rows(waiting), self._rooms())
        asking = {
            origin: self._asks(origin) and (not heard_only or self.heard_now(origin.partition("/")[0]))
            for origin in {row["origin"] for row in rows}
        }
        asked = (waiting_of(row) for row in rows if asking[row["origin"]])
        ranked = rank_requests(_known_better(one, elsewhere, offered) for one in asked)
        links = {site: self._link(site).state for site in {group["site"] for group in groups}}
        return ranked, choose_location(ranked, rooms_of(groups, lambda site: links[site] == "live"))

    def _asks(self, origin: str) -> bool:
        site, epoch = origin.partition("/")[0], self._reader.checkpoint(origin)[0]
        return self._link(site).state != "retired" and self._counts(site, epoch, None)
