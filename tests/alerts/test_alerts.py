"""The alerts, tried out by Prometheus's own tool: each fires for what it is for, and not without."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "infra" / "prometheus"


@pytest.mark.parametrize(
    "call",
    [
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts_test.yaml"],
        ["check", "config", "--syntax-only", "prometheus.yaml"],
    ],
    ids=" ".join,
)
def test_promtool_has_nothing_to_say_against_it(call: list[str]) -> None:
    tool = shutil.which("promtool") or ROOT / ".venv-tools" / "promtool"
    assert Path(tool).is_file(), "there is no promtool: `make test` brings it, or leaves this folder out"
    done = subprocess.run([str(tool), *call], cwd=RULES, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_never_fires_is_noticed(tmp_path: Path) -> None:
    tool = shutil.which("promtool") or ROOT / ".venv-tools" / "promtool"
    rules = (RULES / "alerts.yaml").read_text("utf-8")
    (tmp_path / "alerts.yaml").write_text(rules.replace("plek_origin_halted == 1", "plek_origin_halted == 2"), "utf-8")
    shutil.copy(RULES / "alerts_test.yaml", tmp_path)
    call = [str(tool), "test", "rules", "alerts_test.yaml"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "PlekOriginHalted" in done.stdout + done.stderr
