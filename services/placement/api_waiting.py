"""HTTP: the network's waiting list, as this site knows it. Who the requests are of, only their own desks can say."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from services.placement.views_waiting import WaitingList
from shared.contracts.vocabulary import BedKind
from shared.http_models import Body, PageQuery


class WaitingQuery(Body):
    """kind: only requests that would take it."""

    model_config = PageQuery.model_config

    kind: BedKind | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 500


class ChoiceView(BaseModel):
    site: str
    location: str
    kind: str
    places: int


class WaitingItem(BaseModel):
    """One open request. rank: from 1, over all kinds. chosen: where it would go now; null when nothing fits."""

    id: str
    rank: int
    priority_band: int
    waiting_since: date
    kinds: list[str]
    size_class: str
    features: list[str]
    status: str
    chosen: ChoiceView | None


class WaitingAnswer(BaseModel):
    """total: all who wait, of this kind if one was asked for. incomplete: origins this site has not heard in full.

    not_heard: sites that are silent or late now; who waits there is as they told last, and others may wait by now.
    """

    items: list[WaitingItem]
    total: int
    incomplete: list[str]
    not_heard: list[str]


class WaitingReads:
    """Who waits."""

    def __init__(self, waiting: WaitingList) -> None:
        self._waiting = waiting

    async def waiting_list(self, query: Annotated[WaitingQuery, Query()]) -> WaitingAnswer:
        """Every open request in the order in which it is served; the same at every site that has heard the same."""
        ranked, chosen = await self._waiting.ranked()
        items = []
        for rank, one in enumerate(ranked, 1):
            if query.kind is None or query.kind in one.kinds:
                choice = chosen.get(one.request_id)
                items.append(WaitingItem(
                    id=one.request_id, rank=rank, priority_band=one.priority_band, waiting_since=one.waiting_since,
                    kinds=list(one.kinds), size_class=one.size_class, features=sorted(one.features),
                    status=one.status,
                    chosen=None if choice is None else ChoiceView(
                        site=choice.site, location=choice.location, kind=choice.kind, places=choice.places
                    ),
                ))  # fmt: skip
        return WaitingAnswer(
            items=items[: query.limit], total=len(items), incomplete=sorted(self._waiting.incomplete),
            not_heard=await self._waiting.not_heard(),
        )  # fmt: skip
