"""The commands and addresses on the pages for the engineer on call and the municipality, tried on a real network."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.architecture.source import ROOT, text
from tests.docs.pages import commands
from tests.support.network import Network


def run(command: str, data: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Gives one `plek` command as a page shows it, for a network in `data`."""
    words = shlex.split(command)
    assert words[0] == ".venv/bin/plek"
    call = [sys.executable, "-m", "infra.cli", *words[1:], "--data", str(data), *more]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def section(page: str, heading: str) -> str:
    """One section of a page."""
    return text(ROOT / page).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_rehearsal_on_the_engineers_page_can_be_carried_out() -> None:
    rehearsal = [
        line for line in section("docs/oncall.md", "Rehearse it").splitlines() if line.startswith(".venv/bin/plek")
    ]
    assert rehearsal[0].endswith("up --detach")
    assert rehearsal[-1].endswith("down")
    with tempfile.TemporaryDirectory(prefix="plek-rehearsal-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        for command in rehearsal:
            done = run(command, data, *(("--port-base", "0") if command.endswith("up --detach") else ()))
            assert done.returncode == 0, f"{command}: {done.stderr}"


def test_the_municipalitys_addresses_answer(network: Network) -> None:
    """The regime that is declared on the page, and ended, begins tomorrow: the page's own is over."""
    page = ROOT / "docs" / "municipality.md"
    shown = [line for line in commands(page) if line.startswith("curl")]
    assert shown
    [body] = re.findall(r"`(\{\"name\": [^`]*\})`", text(page).replace("\n", " "))
    regime, tomorrow = json.loads(body), datetime.now(UTC) + timedelta(days=1)
    regime |= {"starts_at": tomorrow.isoformat(), "ends_at": (tomorrow + timedelta(days=3)).isoformat()}
    names = {"$STAD": network.urls["stad"], "$REGIME": ""}
    headers = {"Authorization": f"Bearer {network.token('stad', 'coordinator')}"}
    for line in shown:
        address = shlex.split(line)[-1]
        for name, value in names.items():
            address = address.replace(name, value)
        if "@regime.json" in line:
            answer = httpx.post(address, headers=headers, json=regime, timeout=60)
            names["$REGIME"] = answer.json()["id"]
        elif "-X POST" in line:
            answer = httpx.post(address, headers=headers, timeout=60)
        else:
            answer = httpx.get(address, headers=headers, timeout=60)
            assert {"as_of", "rows", "totals"} <= answer.json().keys()
        assert answer.is_success, (line, answer.text)


def test_the_municipalitys_verbs_answer(network: Network) -> None:
    for command in commands(ROOT / "docs" / "municipality.md"):
        if command.startswith(".venv/bin/plek capacity"):
            done = run(command, network.data)
            assert done.returncode == 0, f"{command}: {done.stderr}"


def test_the_engineers_verbs_answer(network: Network) -> None:
    shown = re.findall(r"^\| `(plek (?:verify|capacity)[^`]*)` \|", text(ROOT / "docs" / "oncall.md"), re.MULTILINE)
    assert len(shown) == 2
    for command in shown:
        done = run(f".venv/bin/{command}", network.data)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", ["docs/oncall.md", "docs/municipality.md", "docs/operators.md", "docs/developers.md"])
def test_every_path_of_a_site_a_page_names_is_there(network: Network, page: str) -> None:
    named = set(re.findall(r"`(?:\$STAD)?(/(?:api|healthz|readyz|metrics|docs)[\w/.-]*)`", text(ROOT / page)))
    with httpx.Client(base_url=network.urls["stad"], timeout=60) as client:
        headers = {"Authorization": f"Bearer {network.token('stad', 'oncall')}"}
        here = sorted(path for path in named if not path.startswith("/api/intake/"))  # those: `test_intake.py`
        missing = [path for path in here if client.get(path, headers=headers).status_code != 200]
    assert missing == []


def test_what_is_printed_at_the_start_is_true(network: Network) -> None:
    """`plek up` names addresses to look at first."""
    for path in ("/", "/docs"):
        address = network.urls["stad"] + path
        answer = httpx.get(address, headers={"Accept": "text/html"}, follow_redirects=True, timeout=60)
        assert answer.status_code == 200, path
