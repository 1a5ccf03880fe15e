"""No contract can carry a person: every field is a number, a time, a word of a closed list, an id, or sealed. Where a
text may be anything, it is named here, with what it is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared.contracts.base import SEALED_PATTERN, SITE_PATTERN, UUID_PATTERN
from shared.contracts.figures import LOCATION_PATTERN
from shared.contracts.likeness import CHECK_KEY_PATTERN
from shared.contracts.schemas.committed import documents

Schema = dict[str, Any]

FREE_TEXT = {
    "allowance.seats-told.v1 name": "of a programme, by the municipality",
    "intake.offer-ended.v1 reason": "the owner's word, to the services of one site",
    "placement.capacity-told.v1 title": "of a house",
    "placement.capacity-told.v1 district": "of a house",
    "placement.places-opened.v1 rooms[]": "of a house, to the services of one site",
    "placement.regime-told.v1 name": "of a regime, by the municipality",
    "placement.sessions-told.v1 title": "of a house",
    "placement.sessions-told.v1 district": "of a house",
    "placement.stays-began.v1 programme": "of a public report, to the services of one site",
    "placement.stays-ended.v1 programme": "of a public report, to the services of one site",
}
"""Fields that hold a text somebody may have written, by type and path, and what it is of: never of a person."""

PATTERNS = frozenset({
    UUID_PATTERN, SITE_PATTERN, LOCATION_PATTERN, r"^[0-9a-f]{32}\.[0-9a-f]{64}$", r"^[a-z]+(-[a-z]+)*$",
    r"^[a-z]+([_-][a-z]+)*$", r"^[0-9]{4}-W?[0-9]{2}$", r"^([a-z][a-z0-9_]{0,30}(\+[a-z][a-z0-9_]{0,30}){0,15})?$",
    CHECK_KEY_PATTERN, SEALED_PATTERN,
})  # fmt: skip
"""Of ids, names of sites and locations, a salt with a hash, codes, a pay period, a feature class, and of a check at
another desk: a key made for it, and what is sealed to that."""

OF_ONE_CLIENT = ("client_id", "stay_id", "place_id", "place_ids", "entitlement_id", "household")
"""What nobody outside the site may hear of."""

OWN_WORDS = {"nl.plek.intake.stay-claimed.v1": {"stay_id"}}
"""But for this: a walk-in's stay is claimed by the id its own site gave it, in a letter sealed to that site."""

SCHEMAS = documents()


def leaves(schema: Schema, root: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every value a document of this schema may hold, by its path. What is sealed counts as what is inside."""
    if "$ref" in schema:
        yield from leaves(_at(schema["$ref"], root), root, path)
    elif "contentSchema" in schema:
        yield from leaves(schema["contentSchema"], schema["contentSchema"], f"{path}{{sealed}}")
    elif "anyOf" in schema:
        for each in schema["anyOf"]:
            yield from leaves(each, root, path)
    elif schema.get("type") == "object":
        assert schema.get("additionalProperties") is False, f"{path} takes fields nobody has named"
        for name, inside in schema.get("properties", {}).items():
            yield from leaves(inside, root, f"{path}.{name}" if path else name)
    elif schema.get("type") == "array":
        items = [*schema.get("prefixItems", []), *([schema["items"]] if isinstance(schema.get("items"), dict) else [])]
        for each in items:
            yield from leaves(each, root, f"{path}[]")
    else:
        yield path, schema


def _at(ref: str, root: Schema) -> Schema:
    found: Any = root
    for part in ref.removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def says_nothing_of_a_person(leaf: Schema) -> bool:
    """Whether a value of this kind cannot be a text of somebody's own."""
    if "enum" in leaf or "const" in leaf:
        return True
    if leaf.get("type") in ("boolean", "integer", "null"):
        return True
    return leaf.get("type") == "string" and (
        leaf.get("pattern") in PATTERNS or leaf.get("format") in ("date", "date-time")
    )


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_field_is_of_a_type_that_names_nobody(name: str) -> None:
    found = [path for path, leaf in leaves(SCHEMAS[name], SCHEMAS[name]) if not says_nothing_of_a_person(leaf)]
    assert [path for path in found if f"{name.removeprefix('nl.plek.')} {path}" not in FREE_TEXT] == []


def test_every_text_that_is_named_is_there() -> None:
    found = {
        f"{name.removeprefix('nl.plek.')} {path}"
        for name, schema in SCHEMAS.items()
        for path, leaf in leaves(schema, schema)
        if not says_nothing_of_a_person(leaf)
    }
    assert found == FREE_TEXT.keys()


@pytest.mark.parametrize("name", sorted(name for name, schema in SCHEMAS.items() if schema["x-log"] == "pub"))
def test_what_leaves_a_site_names_no_client_stay_or_place(name: str) -> None:
    fields = {part.rstrip("[]") for path, _ in leaves(SCHEMAS[name], SCHEMAS[name]) for part in path.split(".")}
    inside = {field.partition("}")[2] or field for field in fields}
    assert inside & set(OF_ONE_CLIENT) == OWN_WORDS.get(name, set())


def test_a_field_of_anybodys_own_is_found() -> None:
    """Each sort of leak, once."""
    for leak in (
        {"type": "string"}, {"type": "string", "maxLength": 40}, {"type": "string", "pattern": "^.+$"}, {},
        {"type": "number"},
    ):  # fmt: skip
        schema = {
            "type": "object",
            "additionalProperties": False,
            "properties": {"note": {"anyOf": [leak, {"type": "null"}]}},
        }
        assert [path for path, leaf in leaves(schema, schema) if not says_nothing_of_a_person(leaf)] == ["note"]
    with pytest.raises(AssertionError, match="nobody has named"):
        list(leaves({"type": "object", "properties": {}}, {}))
