"""One short round of every fault under load, on four sites: nothing lost or doubled, and all show the same again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.load import Tally
from tests.chaos.rounds import Record, Round, Summary, shortened
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
    assert (told["kept"], told["lost"], told["doubled"], told["failed"]) == (told["acknowledged"], 0, 0, 0)


def test_a_run_that_was_ended_goes_on_behind_the_rounds_of_the_same_kind(tmp_path: Path) -> None:
    path, fault = tmp_path / "rounds", FAULTS[1]
    record = Record(path)
    played = [Round(fault, Tally(9, 9), 1.5, 30.0), Round(shortened(fault), Tally(4, 4), 1.0, 9.0)]
    for each in played:
        record.add(each)
    with path.open("a") as file:
        file.write('{"fault": "link-c')  # the process ended here
    again = Record(path)
    assert (again.of(fault), again.of(shortened(fault)), again.of(FAULTS[2])) == (played[:1], played[1:], [])
    again.add(played[0])
    assert Record(path).of(fault) == [played[0], played[0]]
    path.write_text("[]\n")
    with pytest.raises(ValueError, match="something else"):
        Record(path)


def test_a_round_without_an_end_is_no_success() -> None:
    fault = FAULTS[0]
    good, bad = Round(fault, Tally(9, 9), 1.5, 30.0), Round(fault, Tally(), 0.0, 200.0, "TimeoutError: ")
    assert Summary(fault.name, [good]).sound
    assert not Summary(fault.name, [good, bad]).sound
    assert Summary(fault.name, [bad]).as_json()["seconds_to_equal_digests"] is None
    assert not Summary(fault.name, [Round(fault, Tally(9, 8, lost=1), 1.5, 30.0)]).sound
