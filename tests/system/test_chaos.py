"""One short round of every fault under load, on four sites: nothing lost or doubled, and all show the same again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.chaos.faults import FAULTS
from tests.support.memory import ON_DISK
from tests.support.network import ROOT

SECONDS_MAX = 420.0
POSSIBLE = [fault.name for fault in FAULTS if os.geteuid() == 0 or not fault.namespace]
"""An ordinary user cannot make the namespace in which packets are dropped and disks are small."""


@pytest.fixture(scope="module")
def played() -> dict[str, dict[str, Any]]:
    """What came of every fault, all of them played on one network."""
    command = [sys.executable, "-m", "tests.chaos", "--rounds", "1", "--short", "--json", *POSSIBLE]
    environment = os.environ | {"TMPDIR": ON_DISK}  # of the disk some of these faults are
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    assert done.stdout, done.stderr
    return {told["fault"]: told for told in json.loads(done.stdout)}


@pytest.mark.timeout(SECONDS_MAX + 30)
@pytest.mark.parametrize("fault", POSSIBLE)
def test_what_was_promised_is_kept_once_and_all_sites_show_the_same_again(
    played: dict[str, dict[str, Any]], fault: str
) -> None:
    told = played[fault]
    assert told["acknowledged"] > 0
    assert (told["kept"], told["lost"], told["doubled"]) == (told["acknowledged"], 0, 0)
