"""HTTP, once for every service: what its readers have parked, what to do about it, and rebuilding its views."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import FastAPI, Query
from pydantic import BaseModel, Field, StringConstraints

from shared.clock import Clock
from shared.http import Claim
from shared.http_access import CurrentActor, allow
from shared.http_models import (
    Body,
    CommandAnswer,
    EventRef,
    Moment,
    Page,
    PageQuery,
    is_id,
    paginate,
    without_seals,
)
from shared.http_pauses import REPAIRERS, WATCHERS, Reason, add_pauses
from shared.http_problems import Problem, rejected
from shared.http_replay import add_replay
from shared.ids import Ids
from shared.inbox import Reader
from shared.kernel import Rejected
from shared.parked import Row, headers_of
from shared.ports import Store
from shared.projection import RebuildRunning
from shared.rebuilds import Rebuildable, Rebuilds
from shared.repair import DIGESTED, DUPLICATE, MessageDiscarded, MessageRetried, Refused, Repair, Repaired, Who
from shared.replay import Follows, Replays
from shared.telemetry import current_traceparent

_ID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

SHOWN_CHARS_MAX = 8_192
"""Of a parked body so much is shown."""

_Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Bench(NamedTuple):
    """What the routes work with. service: whose it is."""

    service: str
    repair: Repair
    rebuilds: Rebuilds
    replays: Replays


def bench_of(
    service: str, store: Store, readers: Sequence[Reader], views: Mapping[str, Rebuildable], follows: Follows,
    clock: Clock, ids: Ids,
) -> Bench:  # fmt: skip
    """views: those that can be rebuilt. follows: as `Replays` takes them."""
    repair, rebuilds = Repair(store, readers, clock, ids), Rebuilds(views, clock)
    return Bench(service, repair, rebuilds, Replays(store, repair, rebuilds, follows, clock))


class ParkedQuery(PageQuery):
    """reader: only what this one has parked. origin: only what this one told, for example `west/placement`."""

    reader: _Line | None = None
    origin: _Line | None = None


class RetryBody(Body):
    """Which parked messages: of one reader, of one origin, or (neither named) all of them."""

    reader: _Line | None = None
    origin: _Line | None = None


class DiscardBody(Body):
    reason: Reason


class ParkedMessage(BaseModel):
    """A message a reader could not digest, and why. Its origin waits at this reader until somebody acts.

    origin: whose log it stands in; empty when it belongs to nobody's, or holds nobody up (a letter). epoch, sequence: 0
    when it has no number. message_id: its own, by which its cause is found; empty when it has none.
    retries: how often somebody had it read again since.
    """

    id: str
    message_id: str
    service: str
    reader: str
    source: str
    position: int
    origin: str
    log: str
    epoch: int
    sequence: int
    type: str
    code: str
    detail: str
    parked_at: Moment
    retries: int
    retried_at: Moment | None


class ParkedWhole(ParkedMessage):
    """The message itself. What cannot be printed is escaped, in names and values too; what is sealed is left out.

    Of what a site's own services tell each other every id is left out but the message's own: it may be a client's.
    bytes: of the body as it is kept. body_cut: only its beginning is shown.
    """

    subject: str
    headers: dict[str, str]
    body: str
    body_cut: bool
    bytes: int


class DiscardedMessage(BaseModel):
    """What a view does without because somebody let it go. from_sequence, sequence: 0 when it had no number."""

    id: str
    service: str
    reader: str
    source: str
    position: int
    origin: str
    log: str
    epoch: int
    from_sequence: int
    sequence: int
    type: str
    code: str
    reason: str
    role: str
    discarded_at: Moment


class RetryAnswer(CommandAnswer):
    """outcome: `digested`, `duplicate` (it was applied before), or the code with which the message stays parked."""

    reader: str
    origin: str
    outcome: str


class RetryAllAnswer(BaseModel):
    """items: what was tried, in that order. still_parked: how many of them stay parked."""

    items: list[RetryAnswer]
    still_parked: int


class DiscardAnswer(CommandAnswer):
    """from_sequence, to_sequence: what the reader does without now; 0 when it had no number, or was put aside.

    marked: its view says so until it is rebuilt; a policy keeps none.
    """

    reader: str
    origin: str
    epoch: int
    from_sequence: int
    to_sequence: int
    marked: bool


class ViewState(BaseModel):
    """A view and its last rebuild by this process. incomplete: origins it does not show in full, and why.

    made_from: the service's own events, or messages it hears. done, total: of those.
    """

    view: str
    made_from: Literal["events", "messages"]
    incomplete: dict[str, str]
    status: Literal["idle", "running", "done", "failed"]
    done: int = Field(ge=0)
    total: int = Field(ge=0)
    began_at: Moment | None
    ended_at: Moment | None
    code: str | None
    detail: str


def add_repair(api: FastAPI, bench: Bench) -> None:
    """Adds the routes to a service's application."""
    _add_parked(api, bench)
    _add_acts(api, bench)
    _add_views(api, bench)
    add_pauses(api, bench.repair)
    add_replay(api, bench.replays)


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
    gone: dict[str, Any] = {name: getattr(event, name) for name in ("epoch", "from_sequence", "to_sequence")}
    marked = bool(event.to_sequence) and bench.repair.keeps_view(event.reader)
    return DiscardAnswer(**_done(done), reader=event.reader, origin=event.origin, marked=marked, **gone)


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
