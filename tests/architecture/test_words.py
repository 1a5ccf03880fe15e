"""One word, one meaning: what the code says is in docs/glossary.md, and the kernel says nothing of the domain."""

from __future__ import annotations

import ast
import re
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.allowance.api_desk import INPUT_CODES as ALLOWANCE_INPUT_CODES
from services.intake.api_desk import INPUT_CODES as INTAKE_INPUT_CODES
from services.notifications.api_send import INPUT_CODES as MESSAGE_INPUT_CODES
from services.placement.api_desk import INPUT_CODES as PLACEMENT_INPUT_CODES
from shared.contracts import vocabulary
from shared.contracts.schemas.committed import EVERY_CONTRACT
from shared.http_problems import rejected
from shared.kernel import Command, Event, Rejected
from tests.architecture.source import ROOT, files, name, text, tree, words
from tests.architecture.test_contents import DECIDING, written

GLOSSARY = text(ROOT / "docs" / "glossary.md")
IN_THE_GLOSSARY = set(re.findall(r"`([^`\n]+)`", GLOSSARY))

INPUT_CODES = ALLOWANCE_INPUT_CODES | INTAKE_INPUT_CODES | MESSAGE_INPUT_CODES | PLACEMENT_INPUT_CODES

DOMAIN = {
    *("place", "places", "room", "rooms", "bed", "beds", "stay", "stays", "hold", "holds", "household", "households"),
    *("shelter", "night", "nights", "district", "overflow", "occupied", "occupancy", "programme", "sleeps"),
    *("voucher", "entitlement", "tariff", "trajectory", "referral"),
}
"""Words the kernel has no use for."""

ALLOWED_IN_THE_KERNEL = {
    "shared/settings.py": {"district"},  # a site's settings name the locations it serves
}


def refusal_codes() -> set[str]:
    """Every code a decision may be refused with, as written in the code."""
    calls = (
        node for path in files("services") for node in ast.walk(tree(path)) if isinstance(node, ast.Call) and node.args
    )
    return {
        constant.value
        for call in calls
        if getattr(call.func, "id", getattr(call.func, "attr", "")) in ("Rejected", "label_refused")
        for constant in (
            [call.args[0].body, call.args[0].orelse] if isinstance(call.args[0], ast.IfExp) else call.args[:1]
        )
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    }


def identifiers(path: Path) -> Iterator[str]:
    """Every name a file gives or uses for itself."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def kernel_files() -> list[Path]:
    """Everything in `shared` but the contracts."""
    return [path for path in files("shared") if "contracts" not in path.parts]


@pytest.mark.parametrize("service", DECIDING)
def test_every_command_and_event_is_in_the_glossary(service: str) -> None:
    written_down = written(service, "commands", Command) | written(service, "events", Event)
    assert {cls.__name__ for cls in written_down} - IN_THE_GLOSSARY == set()


def test_every_told_event_is_in_the_glossary() -> None:
    assert {contract.__name__ for contract in EVERY_CONTRACT} - IN_THE_GLOSSARY == set()


def test_every_word_of_the_vocabulary_is_in_the_glossary() -> None:
    lists = [value for value in vars(vocabulary).values() if typing.get_origin(value) is typing.Literal]
    assert len(lists) >= 8
    assert {word for words_ in lists for word in typing.get_args(words_)} - IN_THE_GLOSSARY == set()


def test_every_refusal_is_in_the_glossary() -> None:
    codes = refusal_codes()
    assert len(codes) > 30
    assert codes - IN_THE_GLOSSARY == set()


def test_a_refusal_is_a_kebab_case_code() -> None:
    assert not [code for code in refusal_codes() if not re.fullmatch(r"[a-z]+(-[a-z]+)*", code)]


def test_the_glossary_explains_no_word_twice() -> None:
    explained = re.findall(r"^\| `([^`]+)` \|", GLOSSARY, re.MULTILINE) + re.findall(
        r"^- \*\*([^*]+)\*\*", GLOSSARY, re.MULTILINE
    )
    assert len(explained) > 60
    assert [word for word in explained if explained.count(word) > 1] == []


@pytest.mark.parametrize("path", kernel_files(), ids=name)
def test_the_kernel_has_no_word_of_the_domain(path: Path) -> None:
    said = {word for identifier in identifiers(path) for word in words(identifier) if identifier != "OverflowError"}
    assert said & DOMAIN <= ALLOWED_IN_THE_KERNEL.get(name(path), set())


def test_the_glossary_tells_the_status_a_refusal_is_answered_with() -> None:
    table = dict(re.findall(r"^\| `([a-z-]+)` \| ([45][0-9][0-9]) \|", GLOSSARY, re.MULTILINE))
    answered = {code: str(rejected(Rejected(code), INPUT_CODES).status_code) for code in refusal_codes()}
    assert {code: table.get(code) for code in answered} == answered
