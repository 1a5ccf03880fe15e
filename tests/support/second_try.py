"""A test of running networks that failed may be tried once more, by itself, when everything else is over.

What such a test looks at takes real time on a machine that others use too. What is worked out from a seed, or asks
nobody, gets no second try: it fails for good or not at all. Whoever made the first try fail is printed in full, and is
to be mended (docs/decisions/0091-a-second-try.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

FOLDERS = ("alerts", "browser", "system")
"""Whose tests look at real processes of a whole network."""

_GROUP = re.compile(r"@[\w/-]+$")
"""What xdist puts behind the name of a test: with whom it stays together."""

TESTS_MAX = 2
"""More than so many that fail are no accident."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--failed-to", metavar="FILE", help="write here which tests are to be tried again, if any are")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
    config = session.config
    file = config.getoption("--failed-to")
    if file and not hasattr(config, "workerinput") and exitstatus == pytest.ExitCode.TESTS_FAILED:
        stats: dict[str, list[Any]] = config.pluginmanager.get_plugin("terminalreporter").stats  # type: ignore[union-attr]
        failed = [report.nodeid for kind in ("failed", "error") for report in stats.get(kind, ())]
        Path(file).write_text("".join(f"{name}\n" for name in tried_again(failed)))


def tried_again(failed: Sequence[str]) -> list[str]:
    """Which tests are tried again, of those that failed, or that could not be set up: all or none.

    failed: node ids as reports have them, from the folder of the project.
    """
    names = list(dict.fromkeys(_GROUP.sub("", name) for name in failed))
    return names if len(names) <= TESTS_MAX and all(name.split("/")[1] in FOLDERS for name in names) else []
