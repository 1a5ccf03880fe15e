"""Who belongs to the network, read again while a process runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from msgspec import DecodeError

from infra.keys import new_seal_key
from shared.letters import Seals
from shared.roster import Roster
from shared.settings import SiteSettings
from tests.system.test_site_settings import VALUES

AT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def settings_of(path: Path) -> SiteSettings:
    return SiteSettings.model_validate(VALUES | {"network_keys": str(path)})


def write(path: Path, *sites: str, **more: Any) -> Path:
    keys = {site: [new_seal_key().as_dict(private=False)] for site in sites}
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"sites": keys, **more}), "utf-8")
    return fresh.replace(path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "letters.json", "stad", "west", origins=["stad/placement", "west/placement"])


def test_a_file_of_keys_alone_leaves_it_to_the_settings(tmp_path: Path) -> None:
    roster = Roster(settings_of(write(tmp_path / "letters.json", "stad")))
    assert list(roster) == VALUES["sites"]
    assert (list(roster.origins), set(roster.keys)) == ([], {"stad"})


def test_a_site_that_joins_is_known_at_the_next_look_and_can_be_written_to(file: Path) -> None:
    roster = Roster(settings_of(file))
    seals = Seals("west", KeySet([new_seal_key()]), roster.keys)
    roster.on_change.append(lambda: seals.learn(roster.keys))
    roster.look()
    assert ("zuid" in roster, seals.knows("zuid")) == (False, False)
    write(file, "stad", "west", "zuid", origins=["stad/placement", "west/placement", "zuid/placement"])
    roster.look()
    assert (list(roster), len(roster), seals.knows("zuid")) == (["stad", "west", "zuid"], 3, True)
    assert roster.origins[-1] == "zuid/placement"


def test_what_a_site_that_left_has_told_counts_for_the_time_before(file: Path) -> None:
    roster = Roster(settings_of(file))
    assert (roster.counts("zuid", 1), roster.left_at("zuid")) == (True, None)
    write(file, "stad", "west", origins=[], left={"zuid": [{"at": AT.isoformat(), "epoch": 2}]})
    roster.look()
    assert roster.left_at("zuid") == AT
    assert [roster.counts("zuid", 2, at) for at in (AT - HOUR, AT, AT + HOUR, None)] == [True, False, False, False]


def test_one_that_comes_back_counts_from_its_later_epoch_on(file: Path) -> None:
    write(file, "stad", "west", "zuid", origins=[], left={"zuid": [{"at": AT.isoformat(), "epoch": 2}]})
    roster = Roster(settings_of(file))
    assert (roster.left_at("zuid"), roster.began_after("zuid"), roster.began_after("west")) == (None, AT, None)
    assert [roster.counts("zuid", epoch) for epoch in (1, 2, 3)] == [False, False, True]
    assert roster.counts("zuid", 3, AT + HOUR)


@pytest.mark.parametrize("damaged", ["", "{", '{"origins": []}', '{"sites": {"west": [{}]}}', '{"sites": 3}'])
def test_a_damaged_file_changes_nothing_while_it_runs_and_stops_a_start(file: Path, damaged: str) -> None:
    roster = Roster(settings_of(file))
    known = (list(roster), dict(roster.keys))
    file.write_text(damaged, "utf-8")
    roster.look()
    assert (list(roster), dict(roster.keys)) == known
    with pytest.raises((DecodeError, JoseError, ValueError, KeyError, TypeError)):
        Roster(settings_of(file))
    write(file, "stad", "west", "zuid", origins=[])
    roster.look()
    assert "zuid" in roster
