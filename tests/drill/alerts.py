"""What a Prometheus would make of a network: its sites' real metrics, scraped as they are, judged by its own tool.

No server is left running for it: what was scraped becomes the input of `promtool test rules`, which evaluates the very
rules of `infra/prometheus` over it, in the time in which it was scraped.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.network import ROOT, Network

RULES = ROOT / "infra" / "prometheus" / "alerts.yaml"
ASKED = set(re.findall(r"plek_\w+", RULES.read_text("utf-8")))
"""Metrics an alert asks for: nothing else need be handed over."""

ALERTS = tuple(re.findall(r"- alert: (\w+)", RULES.read_text("utf-8")))
KEPT = 40
"""Scrapes that are looked back on: longer than any rule does."""

NOT_YET, GONE = "_", "stale"


def promtool() -> Path:
    """Prometheus's tool. Raises `FileNotFoundError`: `make test` and `make drill` take it out of Debian's package."""
    found = shutil.which("promtool") or ROOT / ".venv-tools" / "promtool"
    if not Path(found).is_file():
        raise FileNotFoundError("there is no promtool: on Debian, apt-get install prometheus")
    return Path(found)


class Watch:
    """Scrapes every site of a network. seconds: from one scrape to the next; the attribute counts them: how long it has
    looked.
    """

    def __init__(self, network: Network, seconds: float) -> None:
        self._network, self._seconds, self._scrapes = network, seconds, 0
        self.seconds = 0.0
        self._series: dict[str, list[str]] = {}

    def scrape(self) -> None:
        """One look at every site; one that does not answer is down, and what it showed is stale."""
        seen = {name: value for site in self._network.urls for name, value in self._of(site).items()}
        for name in self._series.keys() | seen.keys():
            values = self._series.setdefault(name, [NOT_YET] * self._scrapes)
            values.append(seen.get(name, GONE))
        self._scrapes += 1
        self.seconds += self._seconds
        if self._scrapes > KEPT:
            self._scrapes = KEPT
            self._series = {name: values[-KEPT:] for name, values in self._series.items()}

    def _of(self, site: str) -> dict[str, str]:
        up = f'up{{job="plek",site="{site}"}}'
        try:
            headers = {"Authorization": f"Bearer {self._network.token(site, 'oncall')}"}
            answer = httpx.get(f"{self._network.urls[site]}/metrics", headers=headers, timeout=5, trust_env=False)
        except httpx.HTTPError:
            return {up: "0"}
        assert answer.status_code == 200, answer.text
        found = {up: "1"}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                if sample.name in ASKED:
                    labels = sample.labels | {"job": "plek", "site": site}
                    told = ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(labels.items()))
                    found[f"{sample.name}{{{told}}}"] = f"{sample.value:.6f}"
        return found

    def firing(self, alert: str, **labels: str) -> bool:
        """Whether an alert with these labels fires by the last scrape."""
        if not self._scrapes:
            return False
        told = self._judged(alert)
        return any(all(f'{name}="{value}"' in one for name, value in labels.items()) for one in told)

    def _judged(self, alert: str) -> list[str]:
        """The labels of what fires, as the tool prints them when it was told to expect nothing."""
        interval = f"{self._seconds * 1000:.0f}ms"
        series = [{"series": name, "values": " ".join(values)} for name, values in sorted(self._series.items())]
        at = f"{(self._scrapes - 1) * self._seconds * 1000:.0f}ms"
        expected = [{"eval_time": at, "alertname": alert, "exp_alerts": []}]
        test = {"interval": interval, "input_series": series, "alert_rule_test": expected}
        document = {"rule_files": [str(RULES)], "evaluation_interval": interval, "tests": [test]}
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(document, file)  # JSON is YAML
            file.flush()
            done = subprocess.run(
                [promtool(), "test", "rules", file.name], capture_output=True, text=True, check=False, timeout=60
            )
        said = done.stdout + done.stderr
        if done.returncode == 0:
            return []
        assert f"alertname: {alert}" in said, said
        return re.findall(r"Labels:\{([^}]*)\}", said.partition("got:[")[2])
