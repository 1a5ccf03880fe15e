"""The pages of the repository, their links and their commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import ROOT, every_file, text

PAGES = tuple(path for path in every_file() if path.suffix == ".md")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """Where a page links to, without what is in its code blocks."""
    return LINK.findall(FENCE.sub("", text(page)))


def commands(page: Path) -> Iterator[str]:
    """Every command line in the code blocks of a page that show commands, without comments."""
    for language, block in FENCE.findall(text(page)):
        if language in ("", "sh"):
            for line in block.splitlines():
                command = line.partition(" #")[0].strip()
                if command:
                    yield command


def anchors(page: Path) -> set[str]:
    """The places in a page a link can point at: its headings, as they are shown."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named_files(page: Path) -> set[str]:
    """Paths of ours that a page names in backticks: with a folder and an ending we use, or a folder with a slash."""
    names = re.findall(r"`((?:services|shared|infra|tests|bench|docs)/[\w./-]*)`", text(page))
    return {name for name in names if "<" not in name}


__all__ = ["PAGES", "ROOT", "anchors", "commands", "links", "named_files"]
