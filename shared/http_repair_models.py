"""What the routes of repair take and answer (`http_repair.py`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from shared.http_models import Body, CommandAnswer, Moment, PageQuery
from shared.http_pauses import Reason

_Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


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


class WouldRetry(BaseModel):
    """outcome: as of a retry; `digested` as far as the program can say, for a database may still refuse it."""

    id: str
    reader: str
    origin: str
    outcome: str


class WouldDiscard(BaseModel):
    """As a discard would answer."""

    id: str
    reader: str
    origin: str
    epoch: int
    from_sequence: int
    to_sequence: int
    marked: bool


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
