"""How a told event is made: what it is made of is what travels, and nobody's reader refuses it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.placement import CapacityTold, PlaceHeld

AT = datetime(2026, 1, 10, 20, 0, 0, 1234, UTC)
ID = "00000000-0000-4000-8000-000000000001"
HELD: dict[str, Any] = {
    "location": "west", "hold_id": ID, "place_ids": (ID,), "kind": "shelter_24h", "household_size": 2, "expires_at": AT,
    "at": AT,
}  # fmt: skip
ROW = {
    "kind": "shelter_24h", "size_class": "1", "feature_class": "", "total": 3, "overflow": 0, "occupied": 1, "held": 0,
    "blocked": 0, "people": 1, "observed_at": None,
}  # fmt: skip
FIGURES: dict[str, Any] = {
    "location": "west", "site": "west", "title": 'Huis "Wést" \\ \u2028 \x07', "district": "", "rows": (ROW,)
}  # fmt: skip


@pytest.mark.parametrize(("contract", "fields"), [(PlaceHeld, HELD), (CapacityTold, FIGURES)])
def test_what_is_made_is_what_a_reader_reads(contract: type[PlaceHeld | CapacityTold], fields: dict[str, Any]) -> None:
    made = contract.of(**fields)
    assert made == contract.model_validate(fields)
    assert made.encode() == contract.model_validate(fields).encode()
    assert contract.model_validate_json(made.encode()) == made


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": datetime(2026, 1, 10, 20, 0)},  # noqa: DTZ001
        {"household_size": 0},
        {"household_size": "2"},
        {"hold_id": "not-an-id"},
        {"place_ids": ()},
        {"kind": "castle"},
        {"name": "somebody"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_a_reader_would_refuse_is_not_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PlaceHeld.of(**HELD | wrong)


def test_a_field_that_is_missing_is_missed() -> None:
    with pytest.raises(ValidationError):
        PlaceHeld.of(**{name: value for name, value in HELD.items() if name != "at"})


def test_a_copy_with_another_value_travels_as_that() -> None:
    copied = PlaceHeld.of(**HELD).model_copy(update={"household_size": 3})
    assert PlaceHeld.model_validate_json(copied.encode()).household_size == 3
