"""Who waited when, as the journal tells it: each request by the date it waits since and the time it was closed."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from services.console.views_accounts import Query
from shared.contracts.intake import RequestNoticed


class Request(NamedTuple):
    """One request of anybody's in the network. since: the date its notices name. closed_at: None while it is open."""

    id: str
    since: date
    closed_at: datetime | None


class Waiting:
    """Asks the journal of one site. query: runs it on the console's database."""

    def __init__(self, query: Query) -> None:
        self._query = query

    async def requests(self) -> list[Request]:
        """Every request the journal still has a notice of. Raises `StoreUnavailable`."""
        rows = await self._query(lambda pool: pool.fetch(_REQUESTS, RequestNoticed.type_name))
        return [Request(row["id"], date.fromisoformat(row["since"]), row["closed_at"]) for row in rows]


_REQUESTS = """
with notices as (
  select time, convert_from(data, 'UTF8')::jsonb as told from journal where type = $1
)
select told->>'request_id' as id, min(told->>'waiting_since') as since,
  max(time) filter (where told->>'status' = 'closed') as closed_at
from notices group by 1
"""
