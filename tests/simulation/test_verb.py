"""`plek simulate`: what it prints, and its answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.processes import PlatformError
from infra.verbs.common import No
from infra.verbs.simulate import report
from tests.simulation.broken import CheckpointApart
from tests.simulation.run import replay_command, run_seed
from tests.support.processes import eventually, gone, mentioning

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_it_lives_every_seed_of_a_range(jobs: str) -> None:
    result = CliRunner().invoke(app, ["simulate", "--seeds", "1..7", "--jobs", jobs, "--json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout.splitlines()[-1])
    assert (document["seeds"], document["failed"]) == (7, [])
    assert document["checks"] > 700


def test_a_failing_seed_is_named_with_the_command_that_replays_it(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [run_seed(1), run_seed(2, CheckpointApart())]
    with pytest.raises(No, match="1 of 2 seeds failed: 2"):
        report(outcomes, 2, as_json=False)
    printed = capsys.readouterr()
    assert f"replay it with: {replay_command(2)}" in printed.err
    assert str(outcomes[1].failure)[:40] in printed.err
    with pytest.raises(No):
        report(outcomes, 2, as_json=True)
    [failed] = json.loads(capsys.readouterr().out)["failed"]
    assert failed == {"seed": 2, "failure": outcomes[1].failure, "replay": replay_command(2)}


def test_kill_9_leaves_no_worker_behind(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "infra.cli", "simulate", "--seeds", "1..10000", "--jobs", "2"]
    process = subprocess.Popen(
        words, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    eventually(lambda: len(mentioning(tmp_path)) >= 4, "two workers work, and what keeps count of them", 60)
    started = mentioning(tmp_path)
    process.kill()
    process.wait()
    eventually(lambda: gone(started), "all of them end with it")


@pytest.mark.parametrize("text", ["", "x", "5..1", "1..2..3", "-1", "1..9999999", "٣"])
def test_what_is_no_range_is_refused_in_one_line(text: str) -> None:
    result = CliRunner().invoke(app, ["simulate", "--seeds", text])
    assert isinstance(result.exception, PlatformError)
    assert "is no range of seeds" in str(result.exception)
