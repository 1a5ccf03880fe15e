"""HTTP, once for every service: what its readers have parked, what to do about it, and rebuilding its views."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from fastapi import FastAPI, Query
from pydantic import BaseModel

from shared.clock import Clock
from shared.http import Claim
from shared.http_access import CurrentActor, allow
from shared.http_models import (
    EventRef,
    Page,
    PageQuery,
    is_id,
    paginate,
    without_seals,
)
from shared.http_pauses import REPAIRERS, WATCHERS, add_pauses
from shared.http_problems import Problem, rejected
from shared.http_refill import add_refill
from shared.http_repair_models import (
    DiscardAnswer,
    DiscardBody,
    DiscardedMessage,
    ParkedMessage,
    ParkedQuery,
    ParkedWhole,
    RetryAllAnswer,
    RetryAnswer,
    RetryBody,
    ViewState,
    WouldDiscard,
    WouldRetry,
)  # fmt: skip
from shared.http_replay import add_replay
from shared.ids import Ids
from shared.inbox import Reader
from shared.kernel import Rejected
from shared.parked import Row, headers_of
from shared.ports import Store
from shared.projection import RebuildRunning
from shared.rebuilds import Rebuildable, Rebuilds
from shared.refill import Refills
from shared.repair import DIGESTED, DUPLICATE, MessageDiscarded, MessageRetried, Refused, Repair, Repaired, Who
from shared.replay import Follows, Replays
from shared.telemetry import current_traceparent

_ID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

SHOWN_CHARS_MAX = 8_192
"""Of a parked body so much is shown."""


class Bench(NamedTuple):
    """What the routes work with. service: whose it is. refills: None for one that tells nothing."""

    service: str
    repair: Repair
    rebuilds: Rebuilds
    replays: Replays
    refills: Refills | None = None


def bench_of(
    service: str, store: Store, readers: Sequence[Reader], views: Mapping[str, Rebuildable], follows: Follows,
    clock: Clock, ids: Ids, refills: Refills | None = None,
) -> Bench:  # fmt: skip
    """views: those that can be rebuilt. follows: as `Replays` takes them."""
    repair, rebuilds = Repair(store, readers, clock, ids), Rebuilds(views, clock)
    return Bench(service, repair, rebuilds, Replays(store, repair, rebuilds, follows, clock), refills)


def add_repair(api: FastAPI, bench: Bench) -> None:
    """Adds the routes to a service's application."""
    _add_parked(api, bench)
    _add_acts(api, bench)
    _add_views(api, bench)
    add_pauses(api, bench.repair)
    add_replay(api, bench.replays)
    if bench.refills is not None:
        add_refill(api, bench.refills)


def _add_parked(api: FastAPI, bench: Bench) -> None:
    @api.get("/parked")
    @allow(*WATCHERS)
    async def list_parked(query: Annotated[ParkedQuery, Query()]) -> Page[ParkedMessage]:
        """What this service's readers put aside; its origin waits here until somebody acts."""
        rows = await bench.repair.parked(query.reader, query.origin)
        return Page[ParkedMessage](**_page(bench, rows, query, ParkedMessage))

    @api.get("/parked/{parked_id}")
    @allow(*WATCHERS)
    async def show_parked(parked_id: str) -> ParkedWhole:
        """One parked message with its headers and the beginning of its body. Refused: 404 `parked-unknown`."""
        row = await _found(bench, parked_id)
        inside = row["log"] == "loc" or row["source"].startswith("LOC_")
        data = without_ids(row["data"]) if inside else row["data"]
        body, cut = escaped(without_seals(data), SHOWN_CHARS_MAX)
        headers = {_safe(name): _safe(value) for name, value in headers_of(row).items()}
        facts = _facts(bench, row, ParkedMessage) | {"subject": _safe(row["subject"]), "headers": headers}
        if inside:
            named = {name: value if name == "ce-id" else _shown(value) for name, value in headers.items()}
            facts |= {"subject": _shown(facts["subject"]), "headers": named}
        return ParkedWhole(**facts, body=body, body_cut=cut, bytes=len(row["data"]))

    @api.get("/discarded")
    @allow(*WATCHERS)
    async def list_discarded(query: Annotated[PageQuery, Query()]) -> Page[DiscardedMessage]:
        """What this service's views do without because somebody let it go; gone from here once they are rebuilt."""
        rows = await bench.repair.discarded()
        return Page[DiscardedMessage](**_page(bench, rows, query, DiscardedMessage))


def _add_acts(api: FastAPI, bench: Bench) -> None:
    @api.post("/parked/retry")
    @allow(*REPAIRERS)
    async def retry_all(body: RetryBody, actor: CurrentActor) -> RetryAllAnswer:
        """Has parked messages read again, each log in its order. A repeat tries what is still parked."""
        who = Who(actor.role, None, current_traceparent())
        done = [_retried(each) for each in await bench.repair.retry_all(who, body.reader, body.origin)]
        return RetryAllAnswer(items=done, still_parked=sum(each.outcome not in (DIGESTED, DUPLICATE) for each in done))

    @api.post("/parked/{parked_id}/retry")
    @allow(*REPAIRERS)
    async def retry(parked_id: str, actor: CurrentActor, claim: Claim) -> RetryAnswer:
        """Has one message read again by the code that runs now. Refused: 404 `parked-unknown`."""
        try:
            return _retried(await bench.repair.retry(_id(parked_id), Who(actor.role, claim, current_traceparent())))
        except Refused as refused:
            raise rejected(refused.rejected) from None

    @api.get("/parked/{parked_id}/retry")
    @allow(*REPAIRERS)
    async def would_retry(parked_id: str, actor: CurrentActor) -> WouldRetry:
        """What a retry would come to; nothing is stored. Refused: 404 `parked-unknown`."""
        try:
            event = await bench.repair.would(_id(parked_id), Who(actor.role), discard=False)
        except Refused as refused:
            raise rejected(refused.rejected) from None
        assert isinstance(event, MessageRetried)
        return WouldRetry(id=event.id, reader=event.reader, origin=event.origin, outcome=event.outcome)

    @api.get("/parked/{parked_id}/discard")
    @allow(*REPAIRERS)
    async def would_discard(parked_id: str, actor: CurrentActor) -> WouldDiscard:
        """What a discard would let go; nothing is stored. Refused as the discard itself."""
        try:
            event = await bench.repair.would(_id(parked_id), Who(actor.role), discard=True)
        except Refused as refused:
            raise rejected(refused.rejected) from None
        assert isinstance(event, MessageDiscarded)
        return WouldDiscard(id=event.id, reader=event.reader, origin=event.origin, **_gone(bench, event))

    @api.post("/parked/{parked_id}/discard")
    @allow(*REPAIRERS)
    async def discard(parked_id: str, body: DiscardBody, actor: CurrentActor, claim: Claim) -> DiscardAnswer:
        """Lets one message go; the view is marked until it is rebuilt. Refused: 404 `parked-unknown`, 409
        `earlier-parked`.
        """
        who = Who(actor.role, claim, current_traceparent())
        try:
            return _discarded(bench, await bench.repair.discard(_id(parked_id), body.reason, who))
        except Refused as refused:
            raise rejected(refused.rejected) from None


def _add_views(api: FastAPI, bench: Bench) -> None:
    @api.get("/views")
    @allow(*WATCHERS)
    async def list_views(query: Annotated[PageQuery, Query()]) -> Page[ViewState]:
        """The views of this service that can be rebuilt, and how they are."""
        states = [_state(bench.rebuilds, view) for view in bench.rebuilds.views]
        return Page[ViewState](**paginate(states, lambda state: state.view, query))

    @api.get("/views/{view}")
    @allow(*WATCHERS)
    async def show_view(view: str) -> ViewState:
        """One view, and how far its rebuild is. Refused: 404 `view-unknown`."""
        return _state(bench.rebuilds, view)

    @api.get("/views/{view}/rebuild")
    @allow(*REPAIRERS)
    async def would_rebuild(view: str) -> ViewState:
        """Whether a rebuild could begin now. Refused as the rebuild itself, as far as this process knows."""
        state = _state(bench.rebuilds, view)
        if bench.rebuilds.running:
            raise rejected(Rejected("rebuild-running", {"view": view}))
        return state

    @api.post("/views/{view}/rebuild", status_code=202)
    @allow(*REPAIRERS)
    async def rebuild(view: str) -> ViewState:
        """Begins to rebuild a view beside the old one, which serves until it is done; `GET` tells how far it is.

        Refused: 404 `view-unknown`, 409 `rebuild-running`: one view of a service at a time.
        """
        _state(bench.rebuilds, view)
        try:
            await bench.rebuilds.begin(view)
        except RebuildRunning:
            raise rejected(Rejected("rebuild-running", {"view": view})) from None
        return _state(bench.rebuilds, view)


def _page(bench: Bench, rows: list[Row], query: PageQuery, model: type[BaseModel]) -> dict[str, Any]:
    page = paginate(rows, lambda row: f"{row['reader']} {row['source']} {row['position']:020} {row['id']}", query)
    return page | {"items": [model(**_facts(bench, row, model)) for row in page["items"]]}


def _facts(bench: Bench, row: Row, model: type[BaseModel]) -> dict[str, Any]:
    facts = {name: row[name] for name in model.model_fields if name in row} | {"service": bench.service}
    if "message_id" in model.model_fields:
        claimed = headers_of(row).get("ce-id", "")
        facts["message_id"] = claimed if is_id(claimed) else ""
    return {name: _safe(value) if isinstance(value, str) else value for name, value in facts.items()}


async def _found(bench: Bench, parked_id: str) -> Row:
    try:
        return await bench.repair.find(_id(parked_id))
    except Refused as refused:
        raise rejected(refused.rejected) from None


def _id(text: str) -> str:
    if not is_id(text):
        raise Problem(404, "parked-unknown")
    return text


def _retried(done: Repaired) -> RetryAnswer:
    event = done.event
    assert isinstance(event, MessageRetried)
    return RetryAnswer(**_done(done), reader=event.reader, origin=event.origin, outcome=event.outcome)


def _discarded(bench: Bench, done: Repaired) -> DiscardAnswer:
    event = done.event
    assert isinstance(event, MessageDiscarded)
    return DiscardAnswer(**_done(done), reader=event.reader, origin=event.origin, **_gone(bench, event))


def _gone(bench: Bench, event: MessageDiscarded) -> dict[str, Any]:
    gone: dict[str, Any] = {name: getattr(event, name) for name in ("epoch", "from_sequence", "to_sequence")}
    return gone | {"marked": bool(event.to_sequence) and bench.repair.keeps_view(event.reader)}


def _done(done: Repaired) -> dict[str, Any]:
    assert isinstance(done.event, (MessageRetried, MessageDiscarded))
    name = str(type(done.event).__struct_config__.tag)
    events = [EventRef(id=done.event_id, type=name)]
    return {"id": done.event.id, "version": done.version, "position": done.position, "events": events}


def _state(rebuilds: Rebuilds, view: str) -> ViewState:
    if view not in rebuilds.views:
        raise Problem(404, "view-unknown", facts={"views": sorted(rebuilds.views)})
    wanted, state = rebuilds.views[view], rebuilds.state(view)
    return ViewState(view=view, made_from=wanted.made_from, incomplete=wanted.incomplete, **vars(state))


def without_ids(data: bytes) -> bytes:
    """A body in which no id is left: what a site's services tell each other may name a client."""
    return _ID.sub(b"(id)", data)


def _shown(text: str) -> str:
    return without_ids(text.encode()).decode()


def escaped(data: bytes, chars_max: int) -> tuple[str, bool]:
    """The beginning of some bytes as text that is safe to print anywhere, and whether more was left out.

    What is not UTF-8 becomes `\\xff`, and what does not print (control characters, marks that turn the direction of
    writing) its escape: nothing of it can move a cursor, end a line or hide what stands beside it.
    """
    text = data[: 4 * chars_max].decode("utf-8", "backslashreplace")
    safe = _safe(text)
    return safe[:chars_max], len(data) > 4 * chars_max or len(safe) > chars_max


def _safe(text: str) -> str:
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
