"""A service is the same files everywhere, and each is read in one sitting."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source import PRODUCT, PYTHON, ROOT, SERVICES, files, name, text, tree

NINE = ("events", "commands", "decider", "policy", "publish", "views", "api", "app")
"""The Python files of a service; the ninth is `migrations/`. Each may split as `<file>_<noun>.py`."""

BESIDE = {
    "jobs": "run from the command line",
    "words": "what screens say, by language",
}
"""Files any service may have besides."""

PURE_MODULES = {
    "intake": {
        "file": "what is in a client's file before it is sealed",
        "handover": "what a file that is handed over brings with it",
        "priority": "who goes first, and why",
        "likeness": "whether two files may be one person's",
        "need": "what nothing was found for, in words that are counted",
        "flows": "from which kind of place to which, in words that are counted",
    },
    "placement": {
        "capacity": "the network's capacity and its bounds",
        "columns": "capacity in columns that others read",
        "overnight": "how a night report is read",
        "nights": "reported nights, and back into columns",
        "absences": "who was not seen for some nights",
        "houses": "what a house of the demo city is like",
        "city": "the days of a house, made up",
        "ranking": "who is next, and where",
        "weeks": "what happened at the desks by week",
    },
    "notifications": {"wording": "what there is to say, in English"},
    "allowance": {
        "days": "the days somebody is entitled to, and what they come to",
        "ledger": "what each event posts, in double entry",
        "checking": "why a run differs from the one before it",
        "reports": "what may be handed on about a run",
        "forecast": "how far a year's budget goes",
        "vouchers": "codes, and what is kept of them",
        "transfers": "what goes to a bank and what comes back",
        "loads": "what goes to the cards' issuer and what comes back",
    },
    "console": {
        "board": "what the board shows",
        "sheet": "what more may be done",
        "rules": "how a house is kept",
        "waits": "what waits for a desk's word",
        "handing": "files that go to another desk, and come from one",
        "agreed": "places held against what was agreed",
        "shapes": "the outlines of districts",
        "waited": "who waited, week by week",
        "notes": "what the last shift left",
        "walk": "a walk round the house to count heads",
        "find": "where there is room",
        "network": "what the network's page shows",
        "state": "how the site does",
        "signing": "who may sign in, and how often a password may be tried",
        "story": "what came of what",
        "standing": "how logs stand on the bus, and sites in the network",
        "spans": "the stretches of time a trace is made of",
        "city": "the city as the municipality looks at it",
        "clients": "a client's page",
        "desk": "what a caseworker's forms ask",
        "heat": "nights by location, as a picture",
        "weeks": "weeks at the desks, with what was left out",
        "flows": "who went from one kind of place to another, as bands",
        "money": "programmes, pay runs and regimes",
        "books": "a programme's accounts and forecast, and one pay run",
        "seats": "a client's allowance",
        "guests": "whose alias a house knows",
        "counter": "where cash is handed out",
        "sessions": "consultation hours, activities and internships, and who has a seat",
        "pressure": "full sessions and waiting days, as a picture",
        "forms": "what a form of a page asks",
    },
}
"""Pure modules with a name of the domain."""

FOLDERS = {"migrations", "adapters", "templates", "static", "locale"}

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = {"shared": 400, "services": 400, "infra": 400, "tests": 500, "bench": 400}


def is_allowed(service: str, stem: str) -> bool:
    split = re.fullmatch(rf"({'|'.join((*NINE, 'jobs'))})(_[a-z]+)?", stem)
    return bool(split) or stem == "__init__" or stem in BESIDE or stem in PURE_MODULES.get(service, {})


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_only_the_files_everybody_looks_for(service: str) -> None:
    folder = ROOT / "services" / service
    strange = [path.name for path in folder.glob("*.py") if not is_allowed(service, path.stem)]
    strange += [path.name for path in folder.iterdir() if path.is_dir() and path.name not in FOLDERS | {"__pycache__"}]
    assert not strange


@pytest.mark.parametrize("service", SERVICES)
def test_a_split_file_stands_beside_the_one_it_split_from(service: str) -> None:
    stems = {path.stem for path in (ROOT / "services" / service).glob("*.py")}
    assert not [stem for stem in stems if "_" in stem.strip("_") and stem.partition("_")[0] not in stems]


@pytest.mark.parametrize("service", SERVICES)
def test_a_pure_module_listed_here_exists(service: str) -> None:
    assert all((ROOT / "services" / service / f"{stem}.py").is_file() for stem in PURE_MODULES.get(service, {}))


@pytest.mark.parametrize("service", sorted(path.name for path in (ROOT / "services").iterdir() if path.is_dir()))
def test_every_service_explains_itself_on_one_page(service: str) -> None:
    if service != "__pycache__":
        assert 10 <= text(ROOT / "services" / service / "README.md").count("\n") <= 120


def test_an_init_file_says_what_its_folder_is_and_does_nothing() -> None:
    busy = []
    for path in files(*PRODUCT):
        if path.name == "__init__.py":
            body = tree(path).body
            if not (len(body) == 1 and ast.get_docstring(tree(path))):
                busy.append(name(path))
    assert not busy


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in files("tests")}
    assert not [name(folder) for folder in folders if not (folder / "__init__.py").is_file()]


def test_every_module_says_what_it_is() -> None:
    silent = [name(p) for p in files(*PRODUCT) if ast.get_docstring(tree(p)) is None and "versions" not in p.parts]
    assert not silent


@pytest.mark.parametrize("folder", PYTHON)
def test_a_function_fits_on_a_screen(folder: str) -> None:
    long = [
        f"{name(path)}:{node.lineno} {node.name}: {lines} lines"
        for path in files(folder)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
        and not is_migration(path)
    ]
    assert not long


@pytest.mark.parametrize("folder", PYTHON)
def test_a_file_is_read_in_one_sitting(folder: str) -> None:
    long = [
        f"{name(path)}: {lines}" for path in files(folder) if (lines := text(path).count("\n")) > FILE_LINES_MAX[folder]
    ]
    assert not long


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_stand_in_one_line_by_their_numbers(service: str) -> None:
    """The doctor compares a database with the last number there is."""
    found = sorted((ROOT / "services" / service / "migrations" / "versions").glob("[0-9]*.py"))
    for number, path in enumerate(found, 1):
        revision, before = f"{number:04}", f'"{number - 1:04}"' if number > 1 else "None"
        assert path.name.startswith(f"{revision}_"), path
        assert f'revision = "{revision}"\ndown_revision = {before}\n' in text(path), path


def is_migration(path: Path) -> bool:
    """A migration is a list of tables, not a thought."""
    return "versions" in path.parts
