"""A view that only the simulation has: what another service of the site hears of holds on the `loc` log."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from shared.contracts import placement as told
from shared.contracts.base import Contract
from shared.envelope import Message
from shared.inbox import View
from shared.ports import Put, RowChange

# Its own metadata: no database has this table.
heard = sa.Table(
    "heard",
    sa.MetaData(),
    sa.Column("origin", sa.Text, primary_key=True),
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
)


def heard_rows(message: Message, contract: Contract) -> Iterable[RowChange]:
    assert isinstance(contract, told.PlaceHeld | told.HoldEnded)
    status = contract.how if isinstance(contract, told.HoldEnded) else "active"
    yield Put(heard, (message.origin.key, contract.hold_id, status))


HEARD = View(
    "heard",
    (heard,),
    {contract.type_name: contract for contract in (told.PlaceHeld, told.HoldEnded)},
    heard_rows,
)
