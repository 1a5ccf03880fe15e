"""Queries and answers of the notifications service. Only what the desk has to say itself shows a text."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from shared.http_models import Body, CommandAnswer, Moment, PageQuery, Slug, Uuid
from shared.unspoken import Withheld

Status = Literal["chosen", "queued", "sending", "failed", "desk", "sent", "delivered", "suppressed", "gathered"]


class MessagesQuery(PageQuery):
    """recipient: a role, or a client by id, which only caseworkers may ask for. because: why it stands as it does.
    template: what it is about, by name; no text is looked into."""

    status: Status | None = None
    recipient: Slug | None = None
    cause_id: Slug | None = None
    channel: Slug | None = None
    because: Slug | None = None
    template: Slug | None = None


class DeskQuery(PageQuery):
    """As many as somebody at a desk looks at; each text is made for who asks."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50


class MessageView(BaseModel):
    """One message, without what it says. recipient: a role, or a client, by id for caseworkers only. because: why it
    waits, ended, or is at the desk. repeat: an attempt may have arrived that nobody knows of. gathered: how many
    messages a summary stands for. due_at: when it is taken up next."""

    id: str
    recipient: str
    template: str
    status: Status
    channel: str
    because: str
    attempts: int
    repeat: bool
    gathered: int
    cause_id: str
    chosen_at: Moment
    due_at: Moment | None
    moved_at: Moment
    version: int


class TextView(BaseModel):
    """direction: `rtl` or `ltr`. reviewed: whether somebody who speaks the language has read it."""

    language: str
    direction: str
    text: str
    reviewed: bool


class DeskView(Withheld, BaseModel):
    """What somebody has to be told here. alias: what the desk calls them, null for a role or while the vault does not
    answer; then the text is in the desk's own languages only."""

    id: str
    recipient: str
    alias: str | None
    template: str
    because: str
    repeat: bool
    chosen_at: Moment
    ends_at: Moment | None
    texts: list[TextView]


class ChannelWord(Body):
    """What a channel says back of a message. word: `answered` by the client, in `text`; or it `bounced`. at: when it is
    said."""

    id: Uuid
    at: Moment
    word: Literal["answered", "bounced"]
    text: Annotated[str, Field(max_length=500)] = ""


class AllowAnswer(CommandAnswer):
    """Messages go out to them. No events: they did before."""


class SendBody(Body):
    """What a caseworker sends a client. starts_at: of the evening they are invited to."""

    client_id: Uuid
    template: Literal["sheet_care", "sheet_safe_reporting", "sheet_school", "sheet_registration", "evening"]
    starts_at: Moment | None = None


class SendAnswer(CommandAnswer):
    """It is chosen, and goes where all others of theirs do. No events: it was sent before."""


class ToldAnswer(CommandAnswer):
    """They know now."""

    recipient: str
