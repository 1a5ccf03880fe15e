"""What services tell each other is committed as JSON schemas, and keeps its shape."""

from __future__ import annotations

import copy
import importlib
import json
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import shared.contracts
from shared.contracts.base import Contract, Letter
from shared.contracts.schemas.committed import EVERY_CONTRACT, changes, committed, documents, write
from shared.envelope import LOGS

FIGURES = "nl.plek.placement.capacity-told.v1"
BY_TYPE = {contract.type_name: contract for contract in EVERY_CONTRACT}
NAMES = sorted(BY_TYPE)


def every_contract_class() -> set[type[Contract]]:
    """Every contract written down in `shared/contracts`, listed or not."""
    for module in pkgutil.iter_modules(shared.contracts.__path__):
        importlib.import_module(f"shared.contracts.{module.name}")
    found = {*Contract.__subclasses__(), *Letter.__subclasses__()} - {Letter}
    return {cls for cls in found if cls.__module__.startswith("shared.contracts.")}


def row(schema: dict[str, Any]) -> Any:
    """The fields of one line of figures."""
    return schema["$defs"]["CapacityRow"]["properties"]


def changed(change: Callable[[dict[str, Any]], object]) -> list[tuple[str, bool]]:
    """What the gate says of the figures' schema after a change: which type, and whether that breaks a reader."""
    old, new = documents(), copy.deepcopy(documents())
    change(new[FIGURES])
    return [(found.type_name, found.breaks) for found in changes(new, old)]


def test_the_committed_schemas_are_those_of_the_code() -> None:
    assert changes() == [], "run `python -m shared.contracts.schemas --write` and commit what it writes"


def test_every_contract_is_listed() -> None:
    assert every_contract_class() == set(EVERY_CONTRACT)


def test_every_type_has_a_version_a_service_and_a_log() -> None:
    for contract in EVERY_CONTRACT:
        service = contract.__module__.rpartition(".")[2]
        assert re.fullmatch(rf"nl\.plek\.{service}\.[a-z-]+\.v[1-9][0-9]*", contract.type_name), contract
        assert contract.log in LOGS


def test_no_two_contracts_share_a_type() -> None:
    assert len(BY_TYPE) == len(EVERY_CONTRACT)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_named_as_the_envelope_names_it(name: str) -> None:
    assert committed()[name]["$id"] == f"urn:nld:plek:schema:{name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_accepts_no_field_it_does_not_know(name: str) -> None:
    assert committed()[name]["additionalProperties"] is False


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda s: s["properties"].update(more={"type": "string"}), id="an optional field more"),
        pytest.param(
            lambda s: (s["properties"].update(more={"type": "string"}), s["required"].append("more")),
            id="a required field more",
        ),
        pytest.param(lambda s: (s["properties"].pop("title"), s["required"].remove("title")), id="a field less"),
        pytest.param(lambda s: s["required"].remove("title"), id="a field that need not be there any more"),
        pytest.param(lambda s: row(s)["kind"]["enum"].append("boat"), id="a word more"),
        pytest.param(lambda s: row(s)["kind"]["enum"].pop(), id="a word less"),
        pytest.param(lambda s: s["properties"]["title"].update(maxLength=10), id="a smaller limit"),
        pytest.param(lambda s: s["properties"]["title"].update(maxLength=9999), id="a larger limit"),
        pytest.param(lambda s: s["properties"].update(title={"type": "integer"}), id="another type"),
        pytest.param(lambda s: s["properties"]["location"].update(pattern="^x$"), id="another pattern"),
        pytest.param(lambda s: s["properties"]["title"].update(format="uuid"), id="another format"),
        pytest.param(lambda s: s.update({"x-log": "loc"}), id="told to others"),
    ],
)
def test_a_change_that_would_lose_a_reader_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    assert changed(change) == [(FIGURES, True)]


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["properties"].update(more={"type": "string"}),
        lambda body: body["required"].remove("location"),
        lambda body: body["properties"]["kind"]["enum"].pop(),
        lambda body: body["properties"]["location"].update(pattern="^x$"),
    ],
)
def test_what_a_letter_holds_keeps_its_shape_like_what_everybody_sees(change: Callable[[Any], object]) -> None:
    asked = "nl.plek.placement.hold-asked.v1"
    old, new = documents(), copy.deepcopy(documents())
    change(new[asked]["properties"]["sealed"]["contentSchema"])
    assert [(found.type_name, found.breaks) for found in changes(new, old)] == [(asked, True)]


def test_a_better_explanation_is_no_change_of_shape() -> None:
    assert changed(lambda schema: schema.update(description="Said better.")) == [(FIGURES, False)]


def test_a_type_that_was_told_may_not_go() -> None:
    new = documents()
    del new[FIGURES]
    assert [(found.type_name, found.breaks) for found in changes(new, documents())] == [(FIGURES, True)]


def test_a_next_version_beside_the_old_is_welcome() -> None:
    new = documents()
    new["nl.plek.placement.capacity-told.v2"] = new[FIGURES]
    assert [found.breaks for found in changes(new, documents())] == [False]


def test_writing_leaves_a_broken_baseline_as_it_is(tmp_path: Path) -> None:
    write(tmp_path)
    told = committed(tmp_path)[FIGURES]
    told["properties"]["gone"] = {"type": "string"}
    told["required"].append("gone")
    path = tmp_path / f"{FIGURES}.json"
    path.write_text(json.dumps(told))
    assert [(found.type_name, found.breaks) for found in write(tmp_path)] == [(FIGURES, True)]
    assert committed(tmp_path)[FIGURES] == told
