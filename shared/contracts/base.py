"""What every told event is: a closed, frozen, strict pydantic model with a type and a log; and how it is read back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema

SITE_PATTERN = r"^[a-z][a-z0-9-]{0,30}$"
UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
SEALED_PATTERN = r"^[A-Za-z0-9_-]{1,1000}\.\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}$"
"""A JWE in compact form whose key is agreed on and not carried: header, no key, nonce, body, tag."""
SEALED_CHARS_MAX = 24 * 1024

_write = msgspec.json.Encoder().encode
K = TypeVar("K", bound="Contract")
_UNPRINTABLE = re.compile(r"[^\w.\[\]-]")


class Contract(BaseModel):
    """A site or network event as others may rely on it.

    type_name: the CloudEvents type, for example `nl.plek.placement.capacity-told.v1`; for ever. An incompatible change
    is a new class with the next version, published beside the old.
    log: `pub` goes to every site, `loc` to the services of the same site.
    cut: it is told because of somebody's file, so nothing about it may lead back there: it travels under a correlation
    of its own, without cause, role or trace (architecture, rule 11).
    """

    # Values are not cached: most are ids that never come again.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, cache_strings="keys")

    type_name: ClassVar[str]
    log: ClassVar[Literal["pub", "loc"]]
    cut: ClassVar[bool] = False
    read_back: ClassVar[Callable[[bytes], Contract]]
    """Reads a payload of this kind as any reader will; it raises `ValidationError`."""

    @classmethod
    def __pydantic_on_complete__(cls) -> None:
        cls.read_back = cls.__pydantic_validator__.validate_json

    @classmethod
    def written(cls, **fields: object) -> Written[Self]:
        """The event with these fields, written down and not read yet: whoever stores it reads it first, as any reader
        will, and one that nobody could read is never told. Much cheaper than checking the fields here, and cheaper
        still because a store reads a whole batch at once.
        """
        return Written(cls, _write(fields))

    @classmethod
    def of(cls, **fields: object) -> Self:
        """The event with these fields, as a reader has it. Raises `ValidationError`."""
        return cls.written(**fields).read()

    def encode(self) -> bytes:
        """The payload as it travels: compact JSON."""
        return self.__pydantic_serializer__.to_json(self)


class Written(msgspec.Struct, Generic[K], frozen=True, gc=False):
    """An event as its contract writes it. payload: compact JSON, as it travels."""

    kind: type[K]
    payload: bytes

    def read(self) -> K:
        """The event as any reader has it. Raises `ValidationError`."""
        read: K = self.kind.__pydantic_validator__.validate_json(self.payload)
        return read


class LetterBody(BaseModel):
    """What is written in a letter, before it is sealed: a closed, frozen, strict model like every contract."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Letter(Contract):
    """A sealed letter to one other site, as it lies on the log: all that anybody else can see of it.

    to: the addressee. request_id: random, made by whoever asked first; ask, answer and call-off carry the same one.
    sealed: the body, readable by the addressee only (`shared/letters.py`). body_type: what is inside.
    """

    log: ClassVar[Literal["pub", "loc"]] = "pub"
    body_type: ClassVar[type[LetterBody]]

    to: Annotated[str, Field(pattern=SITE_PATTERN)]
    request_id: Annotated[str, Field(pattern=UUID_PATTERN)]
    sealed: Annotated[str, Field(pattern=SEALED_PATTERN, max_length=SEALED_CHARS_MAX)]

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema says what the seal holds, in the words JSON Schema has for it."""
        schema = handler(core_schema)
        inside = {"contentMediaType": "application/jose", "contentSchema": cls.body_type.model_json_schema()}
        handler.resolve_ref_schema(schema)["properties"]["sealed"] |= inside
        return schema


@dataclass(frozen=True, slots=True)
class Draft:
    """A letter that is not sealed yet: what a service's `publish.py` writes, and the handler seals as it is stored."""

    letter: type[Letter]
    to: str
    request_id: str
    body: LetterBody

    @property
    def kind(self) -> type[Letter]:
        return self.letter

    def read(self) -> Draft:
        """As it is."""
        return self


@dataclass(frozen=True, slots=True)
class Opened:
    """A letter to this site that was opened, and about which everything agrees. sender: the site that wrote it."""

    sender: str
    request_id: str
    body: LetterBody


def first_mistake(error: ValidationError) -> str:
    """The first wrong field and what is wrong with it; never what it holds."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    # A field that is too much has a name that somebody else chose.
    where = _UNPRINTABLE.sub("?", ".".join(str(part) for part in first["loc"])[:100]) or "the data"
    return f"{where}: {first['type']}"
