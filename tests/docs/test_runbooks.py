"""Whoever is called finds a page for it, that begins with what people notice; alerts and dashboards ask for what is
measured.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from shared import metrics
from tests.architecture.source import ROOT, text

RULES = text(ROOT / "infra" / "prometheus" / "alerts.yaml")
TRIED = text(ROOT / "infra" / "prometheus" / "alerts_test.yaml")
DASHBOARD = ROOT / "infra" / "grafana" / "state.json"
RUNBOOKS = ROOT / "docs" / "runbooks"

ALERTS = dict(re.findall(r"- alert: (\w+)\n.*?runbook: (\S+)", RULES, re.DOTALL))
GIVEN = {"le", "site", "job"}
"""Labels that come with a histogram, or with the scrape."""

MEASURED: dict[str, set[str]] = {
    f"{name}{ending}": set(metric._labelnames)
    for metric in vars(metrics).values()
    if isinstance(metric, MetricWrapperBase)
    for name in [metric._name]
    for ending in ("", "_total", "_bucket")
}


def asked(expression: str) -> list[tuple[str, set[str]]]:
    """Every metric of ours in an expression, with the labels it is chosen by."""
    found = re.findall(r"(plek_\w+)(?:\{([^}]*)\})?", expression)
    return [(name, set(re.findall(r"(\w+)[!=~]+\"", chosen))) for name, chosen in found]


def panels() -> list[dict[str, str]]:
    board = json.loads(text(DASHBOARD))
    return [{"title": panel["title"], **panel["targets"][0]} for panel in board["panels"]]


def test_there_are_alerts_and_each_is_tried_out_both_ways() -> None:
    assert len(ALERTS) >= 10
    for alert in ALERTS:
        assert f"name: {alert} fires\n" in TRIED
        assert f"name: {alert} does not fire\n" in TRIED


@pytest.mark.parametrize("alert", sorted(ALERTS))
def test_an_alert_has_a_page_that_names_it_and_begins_with_what_people_notice(alert: str) -> None:
    page = text(ROOT / ALERTS[alert])
    assert f"`{alert}`" in page
    paragraphs = page.split("\n\n")
    assert paragraphs[0].startswith("# ")
    assert paragraphs[1].startswith("**What people notice.** ")
    assert re.search(r"^plek ", page, re.MULTILINE), "a command to begin with"


def test_every_page_is_somebodys_and_is_listed() -> None:
    pages = {path.name for path in RUNBOOKS.glob("*.md")} - {"README.md"}
    assert pages == {Path(runbook).name for runbook in ALERTS.values()}
    assert pages == set(re.findall(r"\]\(([a-z-]+\.md)\)", text(RUNBOOKS / "README.md")))


@pytest.mark.parametrize("expression", re.findall(r"expr: (.+)", RULES))
def test_an_alert_asks_for_what_is_measured(expression: str) -> None:
    for name, labels in asked(expression):
        assert name in MEASURED
        assert labels <= MEASURED[name] | GIVEN


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_shows_what_is_measured(panel: dict[str, str]) -> None:
    found = asked(panel["expr"])
    assert found
    for name, labels in found:
        assert name in MEASURED
        by = set(re.findall(r"\w+", "".join(re.findall(r"by \(([^)]*)\)", panel["expr"]))))
        shown = set(re.findall(r"\{\{(\w+)\}\}", panel["legendFormat"]))
        assert labels | by | shown <= MEASURED[name] | GIVEN
