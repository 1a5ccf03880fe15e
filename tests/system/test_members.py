"""What is wanted of a network's sites, when something goes wrong in the middle of carrying it out."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.changing import AGAIN_SECONDS, Changing
from infra.members import Left, Members, set_aside
from infra.network import load_network
from infra.running import Files
from infra.supervisor import Supervisor
from tests.support.network import PAIR
from tests.system.test_site_settings import VALUES

LEFT = Left(at=datetime(2026, 1, 5, tzinfo=UTC), epoch=1)


def test_whoever_dies_while_an_earlier_site_is_put_aside_leaves_nothing_of_it_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another site has its name already: only the old settings say that what lies there is not its own."""
    files, members = Files(tmp_path), Members(left={"west": [LEFT]})
    (files.sites / "west" / "postgres").mkdir(parents=True)
    files.settings("west").write_text(json.dumps(VALUES | {"site": "west"}), "utf-8")

    def dies(_path: Path, _target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            set_aside(files, members)
    set_aside(files, members)
    assert (files.retired / "west-1" / "postgres").is_dir()
    assert not (files.sites / "west").exists()
    assert not files.settings("west").exists()


async def test_trouble_nobody_foresaw_is_said_once_and_without_its_text(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor(load_network(PAIR), tmp_path, say=said.append)
    changing = Changing(supervisor)
    zuid = {"name": "zuid", "link": "stad", "services": ["placement"], "colour": "a-secret"}
    supervisor.files.members.write_text(json.dumps({"added": {"zuid": zuid}}), "utf-8")

    for now in (0.0, AGAIN_SECONDS):
        changing.look(now)
        async with asyncio.timeout(60):
            while changing.told is None:
                await asyncio.sleep(0)
        assert "ValidationError" in changing.told["trouble"]
    await changing.stop()
    assert len(said) == 1
    assert "a-secret" not in said[0]
