"""What every told event is: a closed, frozen, strict pydantic model with a type and a log; and how it is read back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.envelope import Malformed

_UNPRINTABLE = re.compile(r"[^\w.\[\]-]")


class Contract(BaseModel):
    """A site or network event as others may rely on it.

    type_name: the CloudEvents type, for example `nl.plek.placement.capacity-told.v1`; for ever. An incompatible change
    is a new class with the next version, published beside the old.
    log: `pub` goes to every site, `loc` to the services of the same site.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type_name: ClassVar[str]
    log: ClassVar[Literal["pub", "loc"]]

    def encode(self) -> bytes:
        """The payload as it travels: compact JSON."""
        return self.__pydantic_serializer__.to_json(self)


class Registry:
    """The contracts one reader understands, by type name."""

    def __init__(self, contracts: Iterable[type[Contract]]) -> None:
        self._known: dict[str, type[Contract]] = {}
        for contract in contracts:
            if contract.type_name in self._known:
                raise ValueError(f"two contracts are called {contract.type_name}")
            self._known[contract.type_name] = contract
        self._families = {_family(name) for name in self._known}

    def __iter__(self) -> Iterator[type[Contract]]:
        return iter(self._known.values())

    def decode(self, type_name: str, data: bytes) -> Contract | None:
        """The event, or None when this reader does not subscribe to events of that name: it counts as applied then.

        Raises `Malformed`: `version-unknown` for a version of a known event that this code is too old (or too new) for,
        `data-invalid` when the bytes are not what the contract says. Its detail names the first wrong field, no value.
        """
        contract = self._known.get(type_name)
        if contract is None:
            if _family(type_name) in self._families:
                raise Malformed("version-unknown", type_name)
            return None
        if b"\\u0000" in data:
            raise Malformed("data-invalid", "a character no database stores")
        try:
            return contract.model_validate_json(data)
        except ValidationError as error:
            raise Malformed("data-invalid", _first_mistake(error)) from None


def _family(type_name: str) -> str:
    return type_name.rpartition(".")[0]


def _first_mistake(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    # A field that is too much has a name that somebody else chose.
    where = _UNPRINTABLE.sub("?", ".".join(str(part) for part in first["loc"])[:100]) or "the data"
    return f"{where}: {first['type']}"
