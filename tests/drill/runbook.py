"""The commands of a runbook, read out of the page: what is tried is what whoever is called would type."""

from __future__ import annotations

import re
import shlex

from tests.support.network import ROOT

SAMPLE_ID = "0c9a2f5e-7d0e-5b1c-9a55-1f0b6a1d2c3e"
"""Stands in the pages for the id of whatever it is about."""

_SECTION = re.compile(r"\*\*{name}\.\*\* (.*?)(?=\n\n\*\*|\Z)".replace("{name}", "Repair"), re.DOTALL)


def repair(page: str, block: int = 0) -> list[list[str]]:
    """The words of each `plek` command in one block of commands of a page's repair, without `plek`.

    page: its file's name. block: which one, where a page knows more than one way out.
    """
    [section] = _SECTION.findall((ROOT / "docs" / "runbooks" / page).read_text("utf-8"))
    blocks = re.findall(r"```\n(.*?)```", section, re.DOTALL)
    return [shlex.split(line)[1:] for line in blocks[block].splitlines() if line.startswith("plek ")]
