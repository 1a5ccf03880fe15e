"""When a source that is silent is asked again: at once when its link is up again, and never too often."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, cast

import nats.errors
from nats.aio.client import Client

from shared.sourcing import BETWEEN_SECONDS_MIN, LOOK_SECONDS, NANOSECONDS, SILENT_SECONDS, SourceKeeper, keeper_subject
from shared.streams import site_city


class Reply(NamedTuple):
    data: bytes


class Server:
    """A site's server as its keeper sees it. up: whether the link to the hub is. active: seconds since the source heard
    something; None: it never did. asked: when the source was put back, which is when it asks."""

    def __init__(self) -> None:
        self.now, self.up, self.active, self.asked = 1_000.0, True, cast("float | None", None), list[float]()
        self.config = site_city("stad", "west")

    async def request(self, subject: str, payload: bytes, timeout: float) -> Reply:
        if subject == keeper_subject("stad"):
            if not self.up:
                raise nats.errors.NoRespondersError
            return Reply(b"")
        if subject.startswith("$JS.API.STREAM.UPDATE."):
            if json.loads(payload)["sources"]:
                self.asked.append(self.now)
            return Reply(b"{}")
        active = -1 if self.active is None else int(self.active * NANOSECONDS)
        sources = [source | {"active": active} for source in self.config["sources"]]
        return Reply(json.dumps({"config": self.config, "sources": sources}).encode())


def keeper_of(server: Server) -> SourceKeeper:
    return SourceKeeper(cast("Client", server), "west", "stad", monotonic=lambda: server.now)


async def looks(server: Server, keeper: SourceKeeper, *up: bool) -> None:
    """A look at each moment, with the link up or down."""
    for server.up in up:
        server.now += LOOK_SECONDS
        await keeper.look()


async def test_a_link_that_comes_and_goes_has_its_source_asked_again_no_sooner_than_after_a_gap() -> None:
    server = Server()
    keeper = keeper_of(server)
    await looks(server, keeper, *[False, True] * 40)
    gaps = [after - before for before, after in zip(server.asked, server.asked[1:], strict=False)]
    assert len(gaps) > 5
    assert min(gaps) >= BETWEEN_SECONDS_MIN
    assert keeper.asked_again == len(server.asked)


async def test_one_that_was_asked_long_ago_is_asked_as_soon_as_its_link_is_up(monkeypatch: Any) -> None:
    monkeypatch.setattr("shared.sourcing.AGAIN_SECONDS_MIN", 600.0)
    server = Server()
    keeper = keeper_of(server)
    await looks(server, keeper, *[False] * 10)
    assert len(server.asked) == 1
    await looks(server, keeper, True)
    assert server.asked[1:] == [server.now]


async def test_one_that_spoke_for_a_moment_and_is_silent_again_waits_for_the_gap_too() -> None:
    server = Server()
    keeper = keeper_of(server)
    await looks(server, keeper, True)
    server.active = 0.0
    await looks(server, keeper, True)
    server.active = SILENT_SECONDS
    await looks(server, keeper, True)
    assert len(server.asked) == 1
    await looks(server, keeper, *[True] * 8)
    assert len(server.asked) == 2
    assert server.asked[1] - server.asked[0] >= BETWEEN_SECONDS_MIN
