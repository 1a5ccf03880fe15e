"""Four faults of the drill at once, on two real sites: each is alerted to, named by the doctor, and ended by its page's
own commands. The others, and that an alert fires within a minute, are for `make drill`: they take their time.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator

import pytest

from tests.docs.test_runbooks import ALERTS
from tests.drill.alerts import Watch
from tests.drill.faults import FAULTS, Fault
from tests.drill.play import Desk, play
from tests.drill.runbook import repair
from tests.support.network import Network, running_network

AT_ONCE = (("poison-message", "skewed-stream", "wrong-schema"), ("view-behind",))
"""What shows soon and disturbs nobody else. A view that is behind and a poison message are at one reader."""
PATIENCE_SECONDS = 600.0
"""The machine may be a slow one: how soon an alert fires is not judged here."""
HEALTHY = "PlekSiteDown"


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with running_network() as started:
        yield started


def named(name: str) -> Fault:
    return next(fault for fault in FAULTS if fault.name == name)


def test_there_are_twelve_faults_each_with_an_alert_and_the_page_that_alert_leads_to() -> None:
    assert len({fault.happens for fault in FAULTS}) == 12
    for fault in FAULTS:
        assert ALERTS[fault.alert] == f"docs/runbooks/{fault.page}"
        assert repair(fault.page, fault.block), "commands that end it"


@pytest.mark.timeout(PATIENCE_SECONDS)
async def test_a_fault_is_alerted_to_named_and_ended_by_its_page(network: Network) -> None:
    await Desk(network).open_house()

    for group in AT_ONCE:
        outcomes = await asyncio.gather(*(play(network, named(name), 1.0, PATIENCE_SECONDS, ()) for name in group))
        assert [outcome.fault for outcome in outcomes] == list(group)
        assert all(outcome.commands for outcome in outcomes)


async def test_what_is_well_is_alerted_to_by_nobody_and_who_does_not_answer_is_missed(network: Network) -> None:
    watch = Watch(network, 15)
    for _ in range(5):
        await asyncio.to_thread(watch.scrape)
    assert not watch.firing(HEALTHY)
    gone = Watch(Network(network.data, {"west": "http://127.0.0.1:9"}), 15)
    for _ in range(5):
        await asyncio.to_thread(gone.scrape)
    assert gone.firing(HEALTHY, site="west")
    assert not gone.firing(HEALTHY, site="stad")


def test_whoever_types_a_wrong_reader_is_told_in_one_line(network: Network) -> None:
    def answer(*words: str) -> subprocess.CompletedProcess[str]:
        return network.plek(*words)

    for words, code, said in (
        (("pause", "stad", "placement", "nobody", "--reason", "for the test"), 2, "there is capacity, letters"),
        (("pause", "stad", "intake", "letters", "--reason", "for the test"), 2, "does not run at stad"),
        (("pause", "stad", "placement", "capacity"), 2, "reason"),
        (("resume", "stad", "placement", "capacity"), 1, "not paused"),
        (("resume", "stad", "placement", "capacity", "--dry-run"), 1, "going on already"),
    ):
        done = answer(*words)
        assert done.returncode == code, (words, done.stderr)
        assert said in done.stderr, (words, done.stderr)
    tried = answer("pause", "stad", "placement", "capacity", "--reason", "for the test", "--dry-run", "--json")
    assert '"paused": false' in tried.stdout
