"""How much room there is in the city, as far as this site has heard: so that somebody is told when there is little.

What a board shows with ages and bounds is placement's; this is a sum that calls somebody to look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable

import sqlalchemy as sa

from shared.contracts.base import Contract
from shared.contracts.placement import CapacityTold
from shared.envelope import Message
from shared.inbox import View
from shared.ports import Put, RowChange, Store
from shared.schema import NAME, metadata

room = sa.Table(
    "room",
    metadata,
    sa.Column("origin", NAME, primary_key=True),
    sa.Column("location", NAME, primary_key=True),
    sa.Column("kind", NAME, primary_key=True),
    sa.Column("size_class", NAME, primary_key=True),
    sa.Column("feature_class", NAME, primary_key=True),
    sa.Column("free", sa.Integer, nullable=False),
)
"""The last word of every origin about each of its groups of places."""

ROOM_TABLES = (room,)


def room_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    """The free places of the groups that one message tells of."""
    assert isinstance(contract, CapacityTold)
    for row in contract.rows:
        free = row.total + row.overflow - row.occupied - row.held - row.blocked
        group = (message.origin.key, contract.location, row.kind, row.size_class, row.feature_class)
        yield Put(room, (*group, max(0, free)))


ROOM = View("room", ROOM_TABLES, {CapacityTold.type_name: CapacityTold}, room_rows)


async def free_by_kind(store: Store, sites: Container[str]) -> dict[str, int]:
    """Free places of each kind there is anywhere. sites: those that belong to the network now."""
    found: Counter[str] = Counter()
    for row in await store.rows(room):
        if row["origin"].partition("/")[0] in sites:
            found[row["kind"]] += row["free"]
    return dict(found)
