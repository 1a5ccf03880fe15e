"""A demonstration, run from the command line: houses are furnished, and people come and go in them, all over the same
HTTP paths as anybody's. What happens is `houses` and `city`; here it is sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from services.placement.city import Act, House, seen
from services.placement.houses import Chance, Request, Room, first_night, rooms
from services.placement.jobs import PAUSE_SECONDS, TRIES, TRY_AGAIN, SiteRefuses, code_of, listed

NOT_YET = frozenset({"hold-unknown"})
"""A letter about it may be on its way from another site."""
DONE_BEFORE = "idempotency-key-reused"


@dataclass
class Sums:
    """What happened, by the word for it; what was refused, by its code."""

    happened: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        return {"happened": dict(sorted(self.happened.items())), "refused": dict(sorted(self.refused.items()))}


@dataclass(frozen=True)
class Answer:
    """What came of one request: its JSON, or the code it was refused with."""

    told: Mapping[str, Any]
    code: str | None = None


class Desk:
    """Sends requests, and remembers what their names stand for. key: the start of every idempotency key."""

    def __init__(self, clients: Mapping[str, httpx.AsyncClient], key: str) -> None:
        self._clients, self._key = clients, key
        self._names: dict[str, str] = {}
        self._sent = 0

    async def send(self, site: str, request: Request, now: datetime) -> Answer | None:
        """None when it is about something that did not come to be. Raises `SiteRefuses` when the site is gone."""
        self._sent += 1
        try:
            path = request.path.format_map(self._names)
        except KeyError:
            return None
        body = dict(request.body)
        if request.until_minutes is not None:
            body["until"] = (now + timedelta(minutes=request.until_minutes)).isoformat()
        answer = await self._post(site, path, body, f"{self._key}-{self._sent}")
        if request.name and answer.code is None:
            kept = answer.told[request.keeps]
            self._names[request.name] = str(kept if isinstance(kept, str) else kept[0])
        return answer

    async def _post(self, site: str, path: str, body: Mapping[str, Any], key: str) -> Answer:
        """The same key each time: a request whose answer was lost counts once."""
        client, trouble = self._clients[site], ""
        for left in reversed(range(TRIES)):
            try:
                answer = await client.post(f"/api/placement/{path}", json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError as error:
                trouble = type(error).__name__
            else:
                if answer.is_success:
                    return Answer(answer.json())
                trouble = code_of(answer)
                if answer.status_code not in TRY_AGAIN and not (trouble in NOT_YET and left):
                    return Answer({}, trouble)
                if trouble in NOT_YET:
                    key += "."  # a refusal is kept under its key
            if left:
                await asyncio.sleep(PAUSE_SECONDS)
        raise SiteRefuses(f"{site} does not answer: {trouble}, {TRIES} times")


async def is_empty(client: httpx.AsyncClient, location: str) -> bool:
    """Whether a location has no places. Raises `SiteRefuses`."""
    async for _ in listed(client, "/api/placement/places", location=location):
        return False
    return True


async def furnish(
    clients: Mapping[str, httpx.AsyncClient], site: str, location: str, now: datetime, chance: Chance
) -> Sums:
    """Gives an empty location its rooms and its first night. now: the moment it is furnished for.

    Done again with the same arguments it goes on where it was, for every request has the key it had. Raises
    `SiteRefuses`.
    """
    desk, sums = Desk(clients, f"furnish-{location}"), Sums()
    made = rooms(chance)
    places: dict[str, Sequence[str]] = {}
    for room in made:
        opened = await desk.send(site, _open(location, room), now)
        if opened is None or opened.code is not None:
            raise SiteRefuses(f"{site} does not open room {room.name}: {opened and opened.code}")
        places[room.name] = opened.told["place_ids"]
        sums.happened["places"] += room.count
    for request in first_night(location, made, places, now, chance):
        answer = await desk.send(site, request, now)
        if answer is None or answer.code == DONE_BEFORE:
            continue
        if answer.code is not None:
            sums.refused[answer.code] += 1
        elif request.path == "stays":
            sums.happened["people"] += int(request.body["household_size"])
    return sums


def _open(location: str, room: Room) -> Request:
    body = {
        "location": location, "kind": room.kind, "room": room.name, "sleeps": room.sleeps,
        "features": list(room.features), "count": room.count,
    }  # fmt: skip
    return Request("places", body)


async def look(client: httpx.AsyncClient, site: str, location: str) -> House:
    """A house as it is now. Raises `SiteRefuses`."""
    places = [row async for row in listed(client, "/api/placement/places", location=location)]
    stays = [row async for row in listed(client, "/api/placement/stays", location=location, present="true")]
    return seen(site, location, places, stays)


async def live(
    clients: Mapping[str, httpx.AsyncClient],
    acts: Sequence[Act],
    key: str,
    speed: float,
    now: Callable[[], datetime],
    stop: asyncio.Event,
    sums: Sums,
    step: Callable[[], None],
) -> None:
    """One house's story, each act at its time; a late one does not wait, and a stop ends it between two acts.

    speed: minutes of the story a minute. now: the network's time. step: told of each act. Raises `SiteRefuses`.
    """
    desk, began = Desk(clients, key), asyncio.get_running_loop().time()
    for act in acts:
        due = began + act.minute * 60 / speed - asyncio.get_running_loop().time()
        if due > 0 and not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), due)
        if stop.is_set():
            return
        answer = await desk.send(act.site, act.request, now())
        if answer is not None and answer.code is None:
            sums.happened[act.what] += 1
        elif answer is not None:
            sums.refused[str(answer.code)] += 1
        step()
