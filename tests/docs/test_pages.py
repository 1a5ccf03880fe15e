"""What the pages say is there, is there: links, files, commands, tables of words and metrics."""

from __future__ import annotations

import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import typer.main

from infra.cli import app
from shared import metrics
from tests.architecture.source import name, text
from tests.docs.pages import PAGES, ROOT, anchors, commands, links, named_files

PLEK: Any = typer.main.get_command(app)
USAGE_ERROR = typer.BadParameter.__mro__[1]
"""What a wrong call raises; typer brings its own click and does not export it."""

COMMANDS = sorted({(name(page), command) for page in PAGES for command in commands(page)})
TARGETS = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.MULTILINE))


def ids(case: tuple[str, str]) -> str:
    return f"{case[0]}: {case[1]}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if re.match(r"[a-z]+:", link) or not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_a_page_names_exists(page: Path) -> None:
    assert [path for path in named_files(page) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("case", COMMANDS, ids=ids)
def test_every_command_a_page_shows_can_be_given(case: tuple[str, str]) -> None:
    words = shlex.split(case[1])
    match Path(words[0]).name:
        case "make":
            assert set(words[1:]) <= TARGETS
        case "plek":
            parse(PLEK, words[1:])
        case "pytest":
            assert (ROOT / words[1]).exists()
        case "python":
            assert words[1] == "-m"
            assert (ROOT / words[2].replace(".", "/")).exists()
        case "curl" | "git" | "cd":
            assert len(words) > 1
        case other:
            assert re.match(r"[a-z]+/", case[1]), f"nobody knows {other}"  # a line of a layout, not a command


def parse(command: Any, words: list[str]) -> None:
    """Reads a call as the command line would, without carrying it out. Raises when a verb or option does not exist."""
    context = command.make_context(command.name, list(words))
    if hasattr(command, "resolve_command"):
        _, chosen, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parse(chosen, rest)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_verb_a_page_names_in_a_sentence_can_be_given(page: Path) -> None:
    for command in re.findall(r"`(plek [a-z][^`]*)`", text(page)):
        parse(PLEK, shlex.split(command)[1:])


@pytest.mark.parametrize("words", [["fly"], ["up", "--wings"], ["link", "knot", "west"], ["kill"]], ids=" ".join)
def test_the_reading_refuses_what_does_not_exist(words: list[str]) -> None:
    with pytest.raises(USAGE_ERROR):
        parse(PLEK, words)


def test_every_verb_explains_itself() -> None:
    silent = []

    def look(command: Any, path: str) -> None:
        if not (command.help or "").strip():
            silent.append(path)
        for verb, below in getattr(command, "commands", {}).items():
            look(below, f"{path} {verb}")

    look(PLEK, "plek")
    assert silent == []


def test_the_metrics_the_engineer_is_told_to_watch_exist() -> None:
    told = set(re.findall(r"`(plek_[a-z_]+)`", text(ROOT / "docs" / "oncall.md")))
    exposed = set(re.findall(r"^# TYPE (plek_[a-z_]+) ", metrics.exposition().decode(), re.MULTILINE))
    assert told
    assert told - exposed == set()


def test_the_picture_is_drawn_for_light_and_dark_and_says_what_it_shows() -> None:
    picture = ET.parse(ROOT / "docs" / "picture.svg").getroot()
    space = "{http://www.w3.org/2000/svg}"
    assert picture.findtext(f"{space}title")
    assert picture.findtext(f"{space}desc")
    assert "prefers-color-scheme: dark" in (picture.findtext(f"{space}style") or "")


def test_every_promise_of_the_readme_links_the_test_that_proves_it() -> None:
    section = text(ROOT / "README.md").partition("## What it promises")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 8
    assert [row for row in rows if not re.search(r"\(tests/[\w/]+\.py\)", row)] == []
