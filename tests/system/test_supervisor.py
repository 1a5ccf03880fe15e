"""`plek up` and its verbs: parts that come back by themselves, and nothing left behind however it ends.

Servers, supervisor and command line are the real ones; the sites' own processes are stand-ins that answer health
questions.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from infra.cli import main
from infra.parts import Part, Service
from infra.probe import get
from infra.processes import before_exec, free_ports, ordinary_user, start_child
from infra.running import site_settings
from shared.security import TokenError, load_public_keys, verify_token
from tests.support.processes import eventually, gone, mentioning, running

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS_MAX = 60


@dataclass
class Network:
    """A network under test: its supervisor's process and its data directory."""

    data: Path
    process: subprocess.Popen[str]
    urls: dict[str, str] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.data / "network.json").read_text("utf-8"))
        return document

    def pids(self) -> list[int]:
        """Every process of the network but the supervisor, PostgreSQL's own children too."""
        return [pid for pid in mentioning(self.data) if pid != self.process.pid]

    def error(self) -> str:
        """What a network that did not start says of it."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def up(data: Path, *arguments: str, as_ordinary_user: bool = False) -> Iterator[Network]:
    user = ordinary_user() if as_ordinary_user else None
    data.mkdir(parents=True, exist_ok=True)
    if user is not None:
        os.chown(data, user.uid, user.gid)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.stand_in", "network", str(data), *(arguments or ("0",))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        | ({} if user is None else {"XDG_CACHE_HOME": str(data.parent / "cache")}),
        preexec_fn=before_exec(signal.SIGKILL, user, (data, ROOT / "infra", Path(sys.executable))),
    )
    network = Network(data, process)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        told = process.stdout.readline()
        if told:
            network.urls = json.loads(told)
        yield network
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
        process.stdout.close()
        process.stderr.close()


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="plek-test-", ignore_cleanup_errors=True) as name:
        if (user := ordinary_user()) is not None:
            os.chown(name, user.uid, user.gid)
        yield Path(name)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with folder() as directory, up(directory / "data") as running_network:
        assert running_network.urls, "the network did not start"
        yield running_network


@dataclass
class Answer:
    """What one call of `plek` said."""

    code: int
    out: str
    err: str


def plek(*arguments: str) -> Answer:
    """Call the command line as `plek` does, in this process: starting Python anew takes ten times as long."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["plek", *arguments]
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
    finally:
        sys.argv = before
    return Answer(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def one_line(answer: Answer, expected: str) -> None:
    assert answer.code == 2, answer
    assert answer.out == ""
    assert answer.err.startswith("plek: ")
    assert answer.err.count("\n") == 1, answer.err
    assert expected in answer.err


async def execute(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def test_a_network_tells_where_its_sites_are_and_all_of_them_answer(network: Network) -> None:
    told = network.told()
    assert told["ready"]
    assert told["pid"] == network.process.pid
    assert {name: site["url"] for name, site in told["sites"].items()} == network.urls
    assert sorted(network.urls) == ["stad", "west"]
    for url in network.urls.values():
        assert get(f"{url}/readyz")[0] == 200


def test_every_service_has_a_database_of_its_own(network: Network) -> None:
    settings = site_settings(network.data, "west")

    for service, dsn in settings.databases.items():
        assert asyncio.run(execute(dsn.get_secret_value(), "select current_database()")) == service


@pytest.mark.parametrize("part", ["service", "nats", "postgres"])
def test_a_killed_part_comes_back_by_itself_at_its_address(network: Network, part: str) -> None:
    before = network.told()["sites"]["west"]
    settings = (network.data / "sites" / "west.json").read_text("utf-8")
    assert plek("kill", "west", part, "--data", str(network.data)) == Answer(0, "", "")

    def back() -> bool:
        now = network.told()["sites"]["west"]
        return now[part] not in (None, before[part]) and get(f"{now['url']}/readyz")[0] == 200

    eventually(back, f"{part} comes back", READY_SECONDS_MAX)
    after = network.told()["sites"]["west"]
    assert not running(before[part])
    assert {**before, part: None} == {**after, part: None}
    assert (network.data / "sites" / "west.json").read_text("utf-8") == settings


def test_the_clock_is_ahead_at_every_site_when_the_verb_returns(network: Network) -> None:
    data = str(network.data)
    before = json.loads(plek("clock", "show", "--data", data, "--json").out)["offset_seconds"]
    assert plek("clock", "advance", "31m", "--data", data).code == 0
    for url in network.urls.values():
        assert get(f"{url}/healthz")[1]["clock_offset_seconds"] == before + 31 * 60
    assert json.loads(plek("clock", "advance", "1h30m", "--data", data, "--json").out) == {
        "offset_seconds": before + 7260
    }


def test_a_duration_that_is_none_is_one_line(network: Network) -> None:
    for duration in ("soon", "31", "-5m", "m", "1h 2m", "9" * 30 + "d"):
        answer = plek("clock", "advance", "--data", str(network.data), "--", duration)
        one_line(answer, "is no duration")


def test_a_link_is_cut_and_healed_without_restarting_anything(network: Network) -> None:
    data = str(network.data)
    before = network.told()["sites"]
    monitor = before["stad"]["nats_monitor"]
    # A server that another test killed may still be on its way back.
    eventually(lambda: get(f"{monitor}/leafz")[1]["leafnodes"] == 1, "the link is up", READY_SECONDS_MAX)
    assert plek("link", "cut", "west", "--data", data) == Answer(0, "", "")
    assert get(f"{monitor}/leafz")[1]["leafnodes"] == 0
    assert network.told()["sites"]["west"]["link"] == "cut"
    assert plek("link", "heal", "west", "--data", data) == Answer(0, "", "")
    assert get(f"{monitor}/leafz")[1]["leafnodes"] == 1
    assert network.told()["sites"] == before


def test_streams_are_applied_already(network: Network) -> None:
    assert plek("streams", "apply", "--data", str(network.data)) == Answer(0, "nothing to change\n", "")


def test_a_token_is_printed_alone_and_counts_at_its_site_for_its_time(network: Network) -> None:
    answer = plek("token", "west", "caseworker", "--data", str(network.data), "--minutes", "5")
    assert (answer.code, answer.err) == (0, "")
    token = answer.out.removesuffix("\n")
    keys = load_public_keys(site_settings(network.data, "west").token_keys)
    offset = json.loads(plek("clock", "show", "--data", str(network.data), "--json").out)["offset_seconds"]
    now = datetime.now(UTC) + timedelta(seconds=offset)
    actor = verify_token(keys, token, "west", now)
    assert (actor.subject, actor.role) == ("script-caseworker", "caseworker")
    with pytest.raises(TokenError, match="token-expired"):
        verify_token(keys, token, "west", now + timedelta(minutes=6))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["token", "west", "mayor"], 'there is no role "mayor"'),
        (["token", "noord", "operator"], 'there is no site "noord"'),
        (["link", "cut", "noord"], 'there is no site "noord"'),
        (["link", "cut", "stad"], "stad is the hub"),
        (["kill", "west", "roof"], 'there is no part "roof"'),
        (["kill", "noord", "nats"], 'there is no site "noord"'),
        (["serve", "west", "kitchen"], '"kitchen" does not run at west'),
        (["up"], "a network is already running in"),
    ],
)
def test_a_wrong_call_is_one_line(network: Network, arguments: list[str], expected: str) -> None:
    if arguments == ["up"]:
        arguments = ["up", "--port-base", "0"]
    one_line(plek(*arguments, "--data", str(network.data)), expected)


@pytest.mark.parametrize(
    "arguments",
    [
        ["down"],
        ["token", "west", "operator"],
        ["clock", "show"],
        ["clock", "advance", "1m"],
        ["link", "cut", "west"],
        ["kill", "west", "nats"],
        ["serve", "west"],
        ["migrate"],
        ["streams", "apply"],
    ],
)
def test_no_network_is_one_line(tmp_path: Path, arguments: list[str]) -> None:
    one_line(plek(*arguments, "--data", str(tmp_path)), str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("detach", [[], ["--detach"]])
def test_a_used_port_is_one_line_that_names_it_and_leaves_nothing(tmp_path: Path, detach: list[str]) -> None:
    port = free_ports(1)[0]
    with socket.create_server(("127.0.0.1", port)):
        answer = plek("up", "--data", str(tmp_path / "data"), "--port-base", str(port), *detach)
    one_line(answer, f"port {port} is in use")
    assert mentioning(tmp_path) == []
    assert not (tmp_path / "data" / "network.json").exists()


def test_a_wrong_network_file_is_one_line_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "network.toml").write_text(
        '[[site]]\nname = "stad"\nhub = true\nmunicipality = true\nservices = ["kitchen"]\n'
    )
    answer = plek("up", "--network", str(tmp_path / "network.toml"), "--data", str(tmp_path / "data"))
    one_line(answer, 'site "stad": unknown service "kitchen"')
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("number", "as_ordinary_user"),
    [(signal.SIGINT, False), (signal.SIGTERM, True)],
    ids=["SIGINT-as-we-are", "SIGTERM-as-an-ordinary-user"],
)
def test_a_signal_stops_everything(number: signal.Signals, as_ordinary_user: bool) -> None:
    with folder() as directory, up(directory / "data", as_ordinary_user=as_ordinary_user) as network:
        parts = network.pids()
        assert len(parts) >= 6
        assert network.end(number) == 0
        assert gone(parts)
        assert mentioning(network.data) == []
        assert not (network.data / "network.json").exists()


def test_kill_9_leaves_no_process_and_the_next_start_finds_its_data() -> None:
    with folder() as directory:
        data = directory / "data"
        with up(data) as network:
            parts = network.pids()
            assert len(parts) >= 6
            dsn = site_settings(data, "west").databases["placement"].get_secret_value()
            asyncio.run(execute(dsn, "create table kept as select 42 as answer"))
            network.end(signal.SIGKILL)
            eventually(lambda: gone(parts), "every part ends with its supervisor")
        one_line(plek("clock", "show", "--data", str(data)), "no network is running")
        with up(data) as again:
            assert sorted(again.urls) == ["stad", "west"], again.error()
            assert asyncio.run(execute(dsn, "select answer from kept")) == 42


def test_a_part_that_keeps_dying_is_started_again_after_longer_and_longer_pauses(tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    service = Service(lambda: start_child([sys.executable, "-S", "-c", ""], log), "http://127.0.0.1:1", log)
    part = Part("west", "service", service, service.launch)
    part.start()
    now, pauses = part.launched_at, []
    for _ in range(8):
        eventually(lambda: not service.alive(), "the process ends")
        assert part.look(now) == "west: service ended, starting it again"
        pause = (part.start_again_at or 0) - now
        assert part.look(now + pause * 0.9) is None
        now += pause * 1.001
        assert part.look(now) == "west: service started again"
        pauses.append(round(pause, 3))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    eventually(lambda: not service.alive(), "the process ends")
    now = part.launched_at + 31
    part.look(now)
    assert (part.start_again_at or 0) - now == pytest.approx(0.1)
    part.wanted = False
    assert part.look(now + 60) is None


def test_two_networks_run_side_by_side(network: Network) -> None:
    with folder() as directory, up(directory / "other") as other:
        assert not set(network.urls.values()) & set(other.urls.values())
        assert plek("down", "--data", str(other.data)) == Answer(0, "", "")
        assert other.process.wait(60) == 0
        assert mentioning(other.data) == []
    for url in network.urls.values():
        assert get(f"{url}/readyz")[0] == 200


ONE_SITE = """
[[site]]
name = "alone"
hub = true
municipality = true
services = ["placement"]
[[site.location]]
name = "alone"
title = "Alone"
"""


def test_a_detached_network_prints_where_it_is_and_outlives_the_verb_until_down(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The real site process this time: what `plek up --detach --json` prints is relied on by scripts."""
    with folder() as directory:
        data = directory / "data"
        (directory / "network.toml").write_text(ONE_SITE)
        options = ["--network", str(directory / "network.toml"), "--data", str(data), "--port-base", "0"]
        answer = plek("up", *options, "--detach", "--json")
        try:
            assert (answer.code, answer.err) == (0, "")
            document = json.loads(answer.out)
            url = document["sites"]["alone"]["url"]
            assert document == {"sites": {"alone": {"url": url}}}
            assert get(f"{url}/readyz")[0] == 200
            pid = json.loads((data / "network.json").read_text("utf-8"))["pid"]
            assert os.getsid(pid) == pid
            one_line(plek("up", *options, "--detach"), "a network is already running in")
            assert get(f"{url}/readyz")[0] == 200
        finally:
            stopped = plek("down", "--data", str(data))
        assert stopped == Answer(0, "", "")
        eventually(lambda: mentioning(data) == [], "nothing is left behind")
        assert capfd.readouterr().out == ""


def test_a_damaged_data_directory_is_one_line_and_leaves_nothing() -> None:
    with folder() as directory:
        data = directory / "data"
        damaged = data / "sites" / "west" / "postgres" / "data"
        damaged.mkdir(parents=True)
        (damaged / "somebody-elses").write_text("file")
        answer = plek("up", "--data", str(data), "--port-base", "0")
        assert answer.code == 2
        assert answer.err.splitlines()[-1].startswith(f"plek: PostgreSQL cannot use the data directory {damaged}")
        assert "Traceback" not in answer.err
        assert mentioning(data) == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("broken", r"plek: the process of (stad|west) ended: \1 has no kitchen"),
        ("unmigrated", "plek: the schemas could not be brought up to date: no such table"),
    ],
)
def test_a_site_that_cannot_start_says_why_in_one_line_and_leaves_nothing(kind: str, expected: str) -> None:
    with folder() as directory, up(directory / "data", "0", kind) as network:
        assert network.process.wait(60) == 2
        assert network.process.stderr is not None
        complaint = network.process.stderr.read()
        assert re.match(expected, complaint), complaint
        assert complaint.count("\n") == 1
        assert mentioning(network.data) == []
