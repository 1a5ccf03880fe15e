"""The committed schemas against today's contracts.

A told event stays on its log for ever, and is read by sites that are upgraded at other times, by readers that refuse
fields they do not know. So a type that was told once keeps its shape: what the old schema accepts the new one does, and
the other way round. Anything else is a new class with the next version, told beside the old one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from shared.contracts.allowance import CONTRACTS as ALLOWANCE
from shared.contracts.base import Contract
from shared.contracts.intake import CONTRACTS as INTAKE
from shared.contracts.placement import CONTRACTS as PLACEMENT

FOLDER = Path(__file__).parent

EVERY_CONTRACT: tuple[type[Contract], ...] = (*PLACEMENT, *INTAKE, *ALLOWANCE)
"""What any service tells."""


class Change(NamedTuple):
    """What is different about one type. breaks: a reader of the old schema, or of what was told, would be lost."""

    type_name: str
    what: str
    breaks: bool


def document(contract: type[Contract]) -> dict[str, Any]:
    """The JSON schema of a contract as others see it, named as `ce-dataschema` names it."""
    schema = contract.model_json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:nld:plek:schema:{contract.type_name}",
        "x-log": contract.log,
    } | schema


def documents(contracts: Iterable[type[Contract]] = EVERY_CONTRACT) -> dict[str, dict[str, Any]]:
    """The schema of every contract by type."""
    return {contract.type_name: document(contract) for contract in contracts}


def committed(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """The schemas in a folder by type."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def changes(
    new: Mapping[str, Mapping[str, Any]] | None = None, old: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Change]:
    """Every type whose schema of today (`new`) is not the committed one (`old`)."""
    new, old = documents() if new is None else new, committed() if old is None else old
    gone = "is told no more; a type that was told stays readable"
    found = [Change(name, gone, True) for name in old if name not in new]
    for name, schema in new.items():
        if name not in old:
            found.append(Change(name, "is new", False))
        elif schema != old[name]:
            found.append(_changed(name, old[name], schema))
    return found


def write(folder: Path = FOLDER) -> list[Change]:
    """Commits today's schemas to a folder, except where that would break a reader; returns what was found."""
    new = documents()
    found = changes(new, committed(folder))
    for change in found:
        if not change.breaks:
            text = json.dumps(new[change.type_name], indent=2, ensure_ascii=False)
            (folder / f"{change.type_name}.json").write_text(text + "\n")
    return found


def _changed(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Change:
    import jsoncompat  # a tool of developers: not installed where Plek only runs

    if old.get("x-log") != new.get("x-log"):
        return Change(name, "is told to others than before", True)
    before, after = ({key: part for key, part in schema.items() if key != "$id"} for schema in (old, new))
    pairs = [(before, after), (_inside(before), _inside(after))]
    same_texts = _texts(before) == _texts(after)
    if same_texts and all(
        jsoncompat.check_compat(json.dumps(one), json.dumps(other), jsoncompat.Role.BOTH) for one, other in pairs
    ):
        return Change(name, "reads otherwise, means the same", False)
    return Change(name, "has changed: give the new shape the next version and tell it beside this one", True)


def _inside(schema: Mapping[str, Any]) -> Any:
    """What a letter's seal holds: to jsoncompat it is a text like any other."""
    return schema.get("properties", {}).get("sealed", {}).get("contentSchema", {})


def _texts(schema: Any) -> list[str]:
    """The patterns and formats of a schema: the one thing jsoncompat does not compare."""
    if isinstance(schema, Mapping):
        own = [str(part) for key, part in schema.items() if key in ("pattern", "format") and isinstance(part, str)]
        return sorted(own + [text for part in schema.values() for text in _texts(part)])
    return [text for part in schema for text in _texts(part)] if isinstance(schema, list) else []
