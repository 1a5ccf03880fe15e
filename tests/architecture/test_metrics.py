"""What `/metrics` promises is measured: a metric nobody sets is a lie on a dashboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from shared import metrics

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(name for name, value in vars(metrics).items() if isinstance(value, MetricWrapperBase))


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_is_set_somewhere(name: str) -> None:
    sources = [path for folder in ("shared", "services", "infra") for path in (ROOT / folder).rglob("*.py")]
    assert any(f"metrics.{name}." in path.read_text("utf-8") for path in sources if path.name != "metrics.py")
