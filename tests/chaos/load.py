"""The load of a round: desks that let people in and out, insist on every command, and remember what was promised."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.network import Network

PAUSE_SECONDS = 0.05
"""Between two commands of one desk; also before a command is tried again."""

PATIENCE_SECONDS = 120.0
"""How long a desk insists on one command; a network that gives no answer for so long does not come back by itself."""

PLACES = 4
AT_HOME_MAX = 2


@dataclass
class Tally:
    """What became of the commands of a round. Only `acknowledged` and `kept` may be anything but 0."""

    acknowledged: int = 0
    kept: int = 0
    lost: int = 0
    doubled: int = 0

    def add(self, other: Tally) -> None:
        """Counts another desk's in."""
        self.acknowledged += other.acknowledged
        self.kept += other.kept
        self.lost += other.lost
        self.doubled += other.doubled


@dataclass
class Desk:
    """One worker at a location of its own. began, ended: the stays whose beginning and end were acknowledged."""

    client: httpx.AsyncClient
    location: str
    began: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    async def work(self, stop: asyncio.Event) -> None:
        """Lets people in, and the first ones out again, until told to stop."""
        while not stop.is_set():
            body = {"location": self.location, "kind": "shelter_24h", "household_size": 1}
            self.began.append((await self._insist("/api/placement/stays", body))["id"])
            if len(self.began) - len(self.ended) > AT_HOME_MAX:
                leaving = self.began[len(self.ended)]
                await self._insist(f"/api/placement/stays/{leaving}/end", {"reason": "moved_on"})
                self.ended.append(leaving)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _insist(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Posts until there is an answer, always with the same key: what a good client does when the line goes dead."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    answer = await self.client.post(path, json=body, headers=headers)
                except httpx.TransportError:
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                if answer.status_code in (200, 201):
                    document: dict[str, Any] = answer.json()
                    return document
                assert answer.status_code == 503, answer.text
                await asyncio.sleep(PAUSE_SECONDS)

    async def count(self) -> Tally:
        """Holds what was acknowledged against what the site has stored."""
        rows = await self._stored()
        ids = [row["id"] for row in rows]
        over = {row["id"] for row in rows if row["ended_at"] is not None}
        acknowledged, known, gone = len(self.began) + len(self.ended), set(self.began), set(self.ended)
        lost = len(known - set(ids)) + len(gone - over)
        doubled = len(ids) - len(known & set(ids)) + len(over - gone)
        return Tally(acknowledged, acknowledged - lost, lost, doubled)

    async def _stored(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        query: dict[str, Any] = {"location": self.location, "limit": 500}
        while True:
            page = (await self.client.get("/api/placement/stays", params=query)).json()
            rows += page["items"]
            if page["next"] is None:
                return rows
            query["cursor"] = page["next"]


async def desks(network: Network, clients: Sequence[httpx.AsyncClient], count: int) -> list[Desk]:
    """`count` desks at each of the sites the clients belong to."""
    return [Desk(client, (await network.new_location(client, PLACES))[0]) for client in clients for _ in range(count)]
