"""What no file of the repository may hold."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import PRODUCT, PYTHON, ROOT, every_file, files, name, text, tree
from tests.conftest import LONGEST_FIRST, TOGETHER
from tests.support.shared_networks import SHARING

BINARY = {".gz", ".png", ".webp", ".ico", ".woff2", ".mo"}

# With a class of one letter in each, so that no pattern finds itself.
MARKS = re.compile(r"\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b|NotImplemented[E]rror")
MOCKS = re.compile(
    r"unittest\.moc[k]|Magic[M]ock|Async[M]ock|monkeypatch\.setatt[r]\((?!.*\"([\w.]+\.)?[A-Z][A-Z_]+\")"
)
"""Making a limit small for a test is no mock: its name is in capitals."""

SKIPS = re.compile(r"pytest\.(ski[p]|importorski[p]|xfai[l])|mark\.(ski[p]|skipi[f]|xfai[l])")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(wor[k]|roo[t]|home/\w+|Users/\w+)/")
REGISTRIES = re.compile(r"pypi\.or[g]|pythonhoste[d]|registry\.npmj[s]|crates\.i[o]|index-url\s*[=]")

MAY_SKIP = {
    "tests/support/data.py",  # real records not everybody has; where everything has to be proved their absence fails
}


def readable() -> list[Path]:
    """Every text of the repository."""
    return [path for path in every_file() if path.suffix not in BINARY]


def lines_with(pattern: re.Pattern[str], paths: list[Path] | tuple[Path, ...]) -> list[str]:
    """`file:line` wherever a pattern occurs."""
    return [
        f"{name(path)}:{number}"
        for path in paths
        for number, line in enumerate(text(path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_nothing_is_left_half_done() -> None:
    assert lines_with(MARKS, [path for path in readable() if path.suffix != ".txt"]) == []


def test_nothing_names_a_path_of_somebodys_machine() -> None:
    assert lines_with(MACHINE_PATHS, readable()) == []


def test_nothing_names_the_host_of_a_package_registry() -> None:
    assert lines_with(REGISTRIES, readable()) == []


def test_our_own_code_is_never_mocked() -> None:
    assert lines_with(MOCKS, files("tests")) == []


def test_no_test_is_skipped() -> None:
    assert [where for where in lines_with(SKIPS, files("tests")) if where.partition(":")[0] not in MAY_SKIP] == []


def test_no_test_sleeps() -> None:
    """Waiting on a condition asks again and again, in a loop; a sleep outside of one hopes that some time is enough."""
    hoping = [
        f"{name(path)}:{call.lineno}"
        for path in files("tests")
        if path.name.startswith("test_")
        for call in sleeps(tree(path), looping=False)
    ]
    assert hoping == []


def sleeps(node: ast.AST, looping: bool) -> Iterator[ast.Call]:
    """The sleeps below a node that are not in a loop; `sleep(0)` only lets others go first."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and getattr(child.func, "attr", "") == "sleep" and not looping:
            lets_go_first = child.args and isinstance(child.args[0], ast.Constant) and child.args[0].value == 0
            owner = getattr(child.func, "value", None)
            if not lets_go_first and getattr(owner, "id", "") in ("time", "asyncio", "anyio"):
                yield child
        inside = isinstance(child, ast.While | ast.For | ast.AsyncFor)
        new = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from sleeps(child, inside or (looping and not new))


def test_the_files_that_are_taken_first_or_share_a_network_are_there() -> None:
    there = {f"{folder}/{file.stem}" for folder in TOGETHER for file in (ROOT / "tests" / folder).glob("test_*.py")}
    assert {file for files in SHARING.values() for file in files} <= there
    assert set(LONGEST_FIRST) <= there | SHARING.keys()


def test_no_error_is_swallowed() -> None:
    swallowing = [
        f"{name(path)}:{node.lineno}"
        for path in files(*PRODUCT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in {"Exception", "BaseException"})
        and all(isinstance(step, ast.Pass | ast.Continue) for step in node.body)
    ]
    assert swallowing == []


@pytest.mark.parametrize("folder", PYTHON)
def test_nothing_is_discovered_by_a_star(folder: str) -> None:
    stars = [
        name(path)
        for path in files(folder)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    assert stars == []


def test_the_lock_holds_exactly_what_the_project_asks_for() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    locked = set(re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,]+\])?==", text(ROOT / "requirements.lock"), re.MULTILINE))
    wanted = {re.split(r"[\[<>=~; ]", line)[0].lower().replace("_", "-") for line in asked}
    assert wanted - locked == set(), "run `make lock`"
    unhashed = re.findall(r"^[a-z0-9.\-\[\],]+==[^\\\n]+$", text(ROOT / "requirements.lock"), re.MULTILINE)
    assert unhashed == []


def test_the_licence_is_the_european_union_public_licence() -> None:
    licence = text(ROOT / "LICENSE")
    assert licence.startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2\n")
    assert licence.rstrip().endswith("require the production of a new EUPL version.")
    assert tomllib.loads(text(ROOT / "pyproject.toml"))["project"]["license"] == "EUPL-1.2"
