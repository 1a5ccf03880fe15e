"""What one shift leaves for the next: written down, read, and settled. And the piece of the board's page that shows it.

What is written goes from the page straight to `/api/console/notes`; the page reads them in its own process, for the
texts leave the vault only for whoever looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import NAMESPACE_URL, uuid5

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import HTMLResponse

from services.console.api_screens import NoAnswer, Screens, Viewer, viewer_of
from services.console.notes import notes_shown
from services.console.views_notes import NOTES_MAX, KeyUsedOtherwise, Note, Notes, NotesFull
from services.console.words import Words
from shared.clock import Clock
from shared.http import Claim
from shared.http_access import CurrentActor, allow
from shared.http_models import Body, CommandAnswer, Moment, Slug, Uuid, is_id
from shared.http_problems import Problem
from shared.ids import Ids
from shared.ports import StoreUnavailable
from shared.security import Role
from shared.vault import VaultProblem

DESK: tuple[Role, ...] = ("operator", "caseworker")
"""Whoever works at the desk; nobody who only looks."""

NoteText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500,
                                            pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$")]  # fmt: skip


class NoteBody(Body):
    """place_id: which place it is about; none: the whole house. text: at most 500 characters, and no names."""

    location: Slug
    place_id: Uuid | None = None
    text: NoteText


class NotesQuery(BaseModel):
    """location: of this site."""

    model_config = ConfigDict(extra="ignore")

    location: Annotated[str, Field(max_length=80)] = ""


class NoteView(BaseModel):
    """One note. text: null where it does not open. goes_at: when it is gone by itself."""

    id: str
    location: str
    place_id: str | None
    text: str | None
    role: str
    written_at: Moment
    goes_at: Moment


class NotesAnswer(BaseModel):
    """The newest first."""

    items: list[NoteView]


def add_notes(api: FastAPI, notes: Notes, clock: Clock, ids: Ids) -> None:
    """Adds the routes of notes to the console's service."""

    @api.get("/notes")
    @allow(*DESK)
    async def list_notes(query: Annotated[NotesQuery, Query()]) -> NotesAnswer:
        """What the next shift of a house should know. Refused: 503 `vault-...` while they cannot be opened."""
        found = await _opened(notes, query.location, clock.now())
        return NotesAnswer(items=[
            NoteView(id=one.id, location=query.location, place_id=one.place, text=one.text, role=one.role,
                     written_at=one.written_at, goes_at=one.goes_at) for one in found
        ])  # fmt: skip

    @api.post("/notes", status_code=201)
    @allow(*DESK)
    async def write(body: NoteBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Leave a note. Refused: 409 `notes-full`, 422 `idempotency-key-reused`, 503 `vault-...`."""
        id_ = ids.random_id() if claim is None else str(uuid5(NAMESPACE_URL, f"{claim.scope}\n{claim.key}"))
        try:
            await notes.write(id_, body.location, body.place_id, body.text, actor.role, clock.now())
        except NotesFull:
            raise Problem(409, "notes-full", facts={"notes_max": NOTES_MAX}) from None
        except KeyUsedOtherwise:
            raise Problem(422, "idempotency-key-reused") from None
        except VaultProblem as problem:
            raise Problem(503, problem.code) from None
        return _done(id_)

    for word, done in (("done", True), ("put-back", False)):
        _add_settle(api, notes, clock, word, done=done)


def _add_settle(api: FastAPI, notes: Notes, clock: Clock, word: str, *, done: bool) -> None:
    @api.post(f"/notes/{{note_id}}/{word}", name=f"note-{word}")
    @allow(*DESK)
    async def settle(note_id: str) -> CommandAnswer:
        """`done`: nobody has to read it any more; `put-back` takes that back. Refused: 404 `note-unknown`."""
        if not is_id(note_id) or not await notes.settle(note_id, clock.now() if done else None):
            raise Problem(404, "note-unknown")
        return _done(note_id)


def _done(id_: str) -> CommandAnswer:
    """A note is no event: nothing about it has a version or a position."""
    return CommandAnswer(id=id_, version=0, position=0, events=[])


async def _opened(notes: Notes, location: str, now: datetime) -> list[Note]:
    try:
        return await notes.of(location, now)
    except VaultProblem as problem:
        raise Problem(503, problem.code) from None


def add_notes_page(pages: FastAPI, screens: Screens) -> None:
    """Adds the piece of the board's page."""

    @pages.get("/notes")
    @allow(*DESK)
    async def piece(request: Request, actor: CurrentActor, query: Annotated[NotesQuery, Query()]) -> HTMLResponse:
        """What was left for the next shift of a house. A piece of the board's page, asked for anew by itself."""
        viewer, spoken = viewer_of(request, actor, screens.cookie), screens.language(request)
        facts = await notes_facts(screens, viewer, spoken, query.location)
        return screens.page(request, "notes.html", 200 if facts["notes"] is not None else 503, **facts)


async def notes_facts(screens: Screens, viewer: Viewer, spoken: Words, location: str) -> Mapping[str, Any]:
    """What `notes.html` shows of a house. notes: None while they cannot be read."""
    now, shown = screens.clock.now(), None
    try:
        house = await screens.house(viewer, location)
        if house is not None and screens.notes is not None:
            shown = notes_shown(await screens.notes.of(location, now), house.places, now, spoken)
    except (NoAnswer, StoreUnavailable, VaultProblem):
        shown = None
    return {"notes": shown}
