"""Which tests that failed are tried once more, and that those who may not be end the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.conftest import TOGETHER
from tests.support.second_try import FOLDERS, TESTS_MAX, tried_again

BROWSER, SEED = "tests/browser/test_desk.py::test_take[nl-light]", "tests/simulation/test_seeds.py::test_seed[7]"


def test_it_is_tests_of_running_networks_that_are_tried_again() -> None:
    assert set(FOLDERS) == set(TOGETHER)


@pytest.mark.parametrize(
    ("failed", "again"),
    [
        ([], []),
        ([BROWSER], [BROWSER]),
        ([f"{BROWSER}@demo-2"], [BROWSER]),
        ([f"{BROWSER}@system/test_verbs", BROWSER], [BROWSER]),
        (["tests/system/test_a.py::test_a[x@y]@four"], ["tests/system/test_a.py::test_a[x@y]"]),
        ([SEED], []),
        ([BROWSER, SEED], []),
        ([f"{BROWSER}{n}" for n in range(TESTS_MAX + 1)], []),
    ],
)
def test_all_or_none(failed: list[str], again: list[str]) -> None:
    assert tried_again(failed) == again


@pytest.mark.parametrize(
    ("folder", "body", "again"),
    [
        ("system", "assert False", ["tests/system/test_it.py::test_it"]),
        ("system", "pass", None),
        ("money", "assert False", []),
    ],
)
def test_the_run_says_which(tmp_path: Path, folder: str, body: str, again: list[str] | None) -> None:
    """What the second run reads. None: nothing was written, for nothing had failed."""
    (tmp_path / "tests" / folder).mkdir(parents=True)
    (tmp_path / "tests" / folder / "test_it.py").write_text(f"def test_it():\n    {body}\n")
    file = tmp_path / "again"
    options = ("-p", "tests.support.second_try", "-n", "2", "--dist", "loadgroup", f"--failed-to={file}")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", *options, "tests"],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == (0 if again is None else 1), ran.stdout + ran.stderr
    assert (file.read_text().split() if file.exists() else None) == again
