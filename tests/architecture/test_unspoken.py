"""Whatever holds something personal in the clear refuses to be printed: it is found by what it holds."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import typing
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import msgspec
from pydantic import BaseModel

import services
import shared
from services.intake.file import Card
from shared.unspoken import Unspoken, Withheld

SAID_BY_NOBODY = frozenset({"alias", "birth_date", "born", "contact_details", "documents", "nearly"})
"""Fields that are of a person whatever they are in."""


def modules() -> Iterator[ModuleType]:
    for root in (services, shared):
        for found in pkgutil.walk_packages(root.__path__, f"{root.__name__}."):
            if ".migrations" not in found.name:
                yield importlib.import_module(found.name)


def holders(module: ModuleType) -> Iterator[type]:
    """The types a module defines that have fields."""
    for one in vars(module).values():
        if isinstance(one, type) and one.__module__ == module.__name__ and one is not Unspoken:
            fields = issubclass(one, msgspec.Struct | BaseModel) or hasattr(one, "_fields")
            if fields or dataclasses.is_dataclass(one):
                yield one


def personal(one: type) -> list[str]:
    """Its fields that hold what is personal: by their name, or because their type does."""
    return [name for name, kind in typing.get_type_hints(one).items() if name in SAID_BY_NOBODY or _unspoken(kind)]


def _unspoken(kind: Any) -> bool:
    if isinstance(kind, type) and issubclass(kind, Withheld):
        return True
    return any(_unspoken(part) for part in typing.get_args(kind))


def refuses(one: Any) -> bool:
    return bool(one.__repr__ is Withheld.__repr__ and one.__str__ is Withheld.__str__)


def test_whatever_holds_what_is_personal_refuses_to_be_printed() -> None:
    found = [one for module in modules() for one in holders(module) if personal(one)]
    assert len(found) >= 20
    assert [f"{one.__module__}.{one.__name__} prints {personal(one)}" for one in found if not refuses(one)] == []


def test_the_look_finds_what_holds_it_in_any_way() -> None:
    class Bare(NamedTuple):
        alias: str

    class Wrapped(msgspec.Struct):
        cards: dict[str, list[Card]]

    assert [personal(one) for one in (Bare, Wrapped)] == [["alias"], ["cards"]]
    assert not any(refuses(one) for one in (Bare, Wrapped))
