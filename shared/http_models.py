"""Words every body and query is made of: strict models, times with a zone, names, pages, and what a command answers."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from shared.http_problems import Problem

LIMIT_DEFAULT = 100
LIMIT_MAX = 500
POSITION_MAX = 2**63 - 1

_RFC3339 = re.compile(r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?$")
T = TypeVar("T")


class Body(BaseModel):
    """A request body or query: unknown fields are mistakes, and a number is not a string."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    written = _RFC3339.match(value) if isinstance(value, str) else None
    if not isinstance(value, str) or written is None:
        raise PydanticCustomError("time_invalid", "not a time as RFC 3339 writes it")
    if written[2] is None:
        raise PydanticCustomError("time_without_zone", "a time needs a zone")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("time_invalid", "no such time") from None


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""A time as RFC 3339 writes it, zone included (422 `time-without-zone`, `time-invalid`); UTC from here on."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""The name of a location, a site, a kind, a feature or a reason, as it stands in paths and events."""

Title = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,120}$", strip_whitespace=True)]
"""One line of text for people, without control characters."""

Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
"""An id: lower-case, hyphenated."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def is_id(text: str) -> bool:
    """Whether `text` can be an id at all: what cannot is unknown without a look at any table."""
    return _UUID.fullmatch(text) is not None


class EventRef(BaseModel):
    """One event a command led to."""

    id: str
    type: str


class CommandAnswer(BaseModel):
    """What a command answers; a route adds its own fields.

    id: of the resource addressed. version: of its stream. position: of the last event in the service's store, for
    `?after`.
    """

    id: str
    version: int
    position: int
    events: list[EventRef]


class PageQuery(Body):
    """`limit` items a page, 1 to 500; `cursor` is the `next` of the page before."""

    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)

    cursor: Annotated[str | None, Field(max_length=400)] = None
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    after: Annotated[int | None, Field(ge=0, le=POSITION_MAX)] = None


IDS_MAX = 100
"""How many of a list can be asked for by their ids at once."""
Ids = Annotated[list[Uuid], Field(max_length=IDS_MAX)]
"""Only these; none named: all of them."""


class Page(BaseModel, Generic[T]):
    """One page of a list. `next` is the cursor of the page after it, null on the last."""

    items: list[T]
    next: str | None = None


def encode_cursor(key: str) -> str:
    """An opaque cursor for the last key of a page."""
    return base64.urlsafe_b64encode(msgspec.json.encode(["1", key])).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """The key a cursor stands for, or None without one. Raises 422 `cursor-invalid`."""
    if cursor is None:
        return None
    try:
        version, key = msgspec.json.decode(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True), type=tuple[str, str]
        )
    except (ValueError, msgspec.MsgspecError):
        raise Problem(422, "cursor-invalid", errors=[("cursor", "cursor-invalid")]) from None
    if version != "1" or "\x00" in key:
        raise Problem(422, "cursor-invalid", errors=[("cursor", "cursor-invalid")])
    return key


def paginate(rows: Sequence[T], key: Callable[[T], str], query: PageQuery) -> dict[str, Any]:
    """One page of `rows` in the order of `key`, which is unique: `{items, next}`. Raises 422 `cursor-invalid`."""
    after = decode_cursor(query.cursor)
    rest = sorted((row for row in rows if after is None or key(row) > after), key=key)
    items = list(rest[: query.limit])
    return {"items": items, "next": encode_cursor(key(items[-1])) if len(rest) > query.limit else None}


def without_seals(data: bytes) -> bytes:
    """A body in which only the length of what is sealed or signed is left (JWE and JWT in their compact form): it is
    for somebody else, and a key that leaks later would open what had been copied from here.
    """
    return _SEALED.sub(lambda found: b"(%d characters, sealed)" % len(found[0]), data)


_SEALED = re.compile(rb"eyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){1,4}")
