"""What decides is pure: no clock, no chance, no world. All of it comes in as arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, SERVICES, name, tree
from tests.architecture.test_layout import PURE_MODULES

PURE_FILES = re.compile(r"(events|commands|decider|policy|publish)(_[a-z]+)?")

ALLOWED = re.compile(
    r"__future__|abc|bisect|collections(\.abc)?|csv|dataclasses|datetime|decimal|enum|fractions|functools|hashlib|heapq"
    r"|itertools|json|math|operator|phonenumbers|re|string|typing|unicodedata|xml.etree|zoneinfo"
    r"|msgspec(\.structs)?|shared\.(causes|kernel|envelope|timers|forward|money|paged|suppression|unspoken|contracts(\.[a-z]+)?)|services\.[a-z]+\.(?P<own>[a-z_]+)"
)
"""What a pure file may import. Of `shared.ids` only `derived_id`, which is a digest of its arguments; `zoneinfo` is a
table of when clocks change, and reads none; `phonenumbers` one of each country's numbers."""

WORDS = "words"
"""What screens say, by language: a pure file may be handed it, and needs its type."""

IMPURE_CALLS = {
    "now", "utcnow", "today", "fromtimestamp", "open", "print", "input", "exec", "eval", "uuid1", "uuid4", "uuid7",
    "urandom", "token_hex", "perf_counter", "monotonic", "sleep", "getenv", "read_text", "write_text",
}  # fmt: skip


def pure_files() -> list[Path]:
    """Every file of every service that has to be pure."""
    return [
        path
        for service in SERVICES
        for path in sorted((ROOT / "services" / service).glob("*.py"))
        if PURE_FILES.fullmatch(path.stem) or path.stem in PURE_MODULES.get(service, {})
    ] + [ROOT / "shared" / "forward.py", ROOT / "shared" / "causes.py"]


def imports(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Every import of a file: (module, name); the name is empty for `import module`."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def impurities(module: ast.Module, pure: set[str]) -> list[str]:
    """What a file does that its arguments do not say. pure: the stems of the service's pure files."""
    found = []
    for where, what in imports(module):
        allowed = ALLOWED.fullmatch(where if not re.fullmatch(r"services\.[a-z]+", where) else f"{where}.{what}")
        if (where, what) == ("shared.ids", "derived_id"):
            continue
        if allowed is None or (allowed["own"] is not None and allowed["own"] not in pure | {WORDS}):
            found.append(f"imports {where} {what}".strip())
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in IMPURE_CALLS:
                found.append(f"line {node.lineno} calls {called}")
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global | ast.Nonlocal):
            found.append(f"line {node.lineno}: {type(node).__name__}")
    return found


@pytest.mark.parametrize("path", pure_files(), ids=name)
def test_a_pure_file_is_pure(path: Path) -> None:
    pure = {other.stem for other in pure_files() if other.parent == path.parent}
    assert impurities(tree(path), pure) == []


def test_there_are_pure_files() -> None:
    assert {"decider.py", "publish.py", "policy.py"} <= {path.name for path in pure_files()}


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "import random",
        "import os",
        "import asyncio",
        "import sqlalchemy as sa",
        "from shared.store import PgStore",
        "from shared.ids import SystemIds",
        "from services.placement import views",
        "from services.placement.api import build",
        "at = datetime.now(UTC)",
        "at = date.today()",
        "key = uuid4()",
        "rows = open('rows.csv')",
        "async def decide(): ...",
        "def count():\n    global n",
    ],
)
def test_the_look_finds_what_is_not_pure(line: str) -> None:
    assert impurities(ast.parse(line), {"events", "commands", "decider"})


@pytest.mark.parametrize(
    "line",
    ["from services.placement import events as ev", "from shared.kernel import Rejected", "n = hashlib.sha256(b'')"],
)
def test_the_look_leaves_the_pure_alone(line: str) -> None:
    assert not impurities(ast.parse(line), {"events", "commands", "decider"})
