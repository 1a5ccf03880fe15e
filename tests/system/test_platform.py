"""The embedded servers: started as our own children, leaving nothing behind, saying in one line what is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import nats
import pytest

from infra.nats_config import STORE_BYTES_MAX
from infra.nats_server import Buses, NatsServer, wait_for_nats
from infra.network import Network
from infra.platform import ContainerPostgres, ExternalPostgres, choose_postgres
from infra.postgres import Postgres, start_postgres
from infra.processes import (
    FREE_PORTS,
    PlatformError,
    before_exec,
    explain,
    free_ports,
    give_back,
    ordinary_user,
    port_is_free,
)
from shared.settings import inbox_prefix
from shared.streams import Topology, apply
from tests.chaos import faults as chaos
from tests.support.processes import eventually, gone, mentioning, running

ROOT = Path(__file__).resolve().parents[2]

BOTH = """
import sys, time
from pathlib import Path
from infra.nats_server import start_nats
from infra.postgres import start_postgres
directory, port = Path(sys.argv[1]), int(sys.argv[2])
database = start_postgres(directory / "pg", fsync=False, cache=directory / "cache")
bus = start_nats('{"host": "127.0.0.1", "port": %d}' % port, directory / "nats", port)
print(database.pid, bus.pid, database.dsn(), flush=True)
sys.stdin.read()
bus.stop()
database.stop()
"""


@contextmanager
def folder(prefix: str = "plek-test-") -> Iterator[Path]:
    """A private temporary directory; ordinary users are locked out of it."""
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def started(directory: Path) -> Iterator[Postgres]:
    server = start_postgres(directory, fsync=False)
    try:
        yield server
    finally:
        server.stop()


def ask(dsn: str, question: str = "select 1") -> object:
    async def run() -> object:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(run())


def test_a_killed_postgres_comes_back_with_its_data_at_the_same_address() -> None:
    with folder() as directory, started(directory / "pg") as server:
        dsn = server.dsn()
        ask(dsn, "create table kept as select 42 as answer")
        server.kill()
        assert not server.alive()
        server.launch()
        eventually(server.ready, "PostgreSQL is back")
        assert server.dsn() == dsn
        assert ask(dsn, "select answer from kept") == 42


def test_postgres_never_runs_as_root_and_leaves_no_process() -> None:
    with folder() as directory:
        with started(directory / "pg") as server:
            assert server.pid is not None
            assert Path(f"/proc/{server.pid}").stat().st_uid != 0
            processes = mentioning(directory)
            assert server.pid in processes
        assert gone(processes)


def test_a_data_directory_nobody_else_may_enter_is_no_hindrance() -> None:
    with folder() as directory:
        locked = directory / "locked"
        locked.mkdir(mode=0o700)
        with started(locked / "pg") as server:
            assert ask(server.dsn()) == 1
        assert locked.stat().st_mode & 0o777 == 0o700


def test_a_path_too_long_for_a_socket_gets_a_short_directory_that_goes_away() -> None:
    with folder() as directory:
        deep = directory / ("deep" * 20) / "pg"
        with started(deep) as server:
            sockets = Path(server.dsn().partition("host=")[2].partition("&")[0])
            assert len(os.fsencode(sockets)) < 100
            assert sockets.stat().st_mode & 0o077 == 0
            assert ask(server.dsn()) == 1
        assert not sockets.exists()


def test_a_data_directory_may_have_any_name() -> None:
    with folder() as directory:
        odd = directory / 'é, it\'s 100% "mine" & yours? $HOME #1'
        with started(odd / "pg") as server:
            assert ask(server.dsn("postgres")) == 1
        topology = Topology("stad", {"stad": ["placement"]})
        buses = Buses(topology, odd)
        buses.launch("stad")
        try:
            wait_for_nats(buses.servers["stad"])
            assert asyncio.run(apply(topology, buses.admins()))
        finally:
            buses.stop()


def test_a_short_socket_directory_somebody_else_made_is_refused() -> None:
    with folder() as directory:
        deep = directory / ("deep" * 20) / "pg"
        server = Postgres(deep, fsync=False)
        sockets = Path(server.dsn().partition("host=")[2].partition("&")[0])
        sockets.mkdir(mode=0o777)
        sockets.chmod(0o777)
        try:
            with pytest.raises(PlatformError, match="open to others"):
                server.launch()
        finally:
            server.stop()
        eventually(lambda: not sockets.exists(), "the directory is removed")


@pytest.mark.parametrize("as_user", ["as-we-are", "as-an-ordinary-user"])
def test_kill_9_of_the_parent_leaves_no_process_port_or_socket_directory(as_user: str) -> None:
    user = ordinary_user() if as_user == "as-an-ordinary-user" else None
    with folder() as directory:
        home = directory / "home" / ("long" * 20)
        home.mkdir(parents=True)
        if user is not None:
            for path in (directory, directory / "home", home):
                os.chown(path, user.uid, user.gid)
        port = free_ports(1)[0]
        parent = subprocess.Popen(
            [sys.executable, "-c", BOTH, str(home), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env=os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
            preexec_fn=before_exec(signal.SIGKILL, user, (home, ROOT / "infra", Path(sys.executable))),
        )
        assert parent.stdout is not None
        database, bus, dsn = parent.stdout.readline().split()
        sockets = Path(dsn.decode().partition("host=")[2].partition("&")[0])
        processes = [*mentioning(directory), int(database), int(bus)]
        assert running(int(database))
        assert running(int(bus))
        assert sockets.exists()
        parent.kill()
        parent.wait()
        eventually(lambda: gone(processes), "servers end with their parent")
        eventually(lambda: port_is_free(port), "the port is free")
        eventually(lambda: not sockets.exists(), "the socket directory is gone")
        for stream in (parent.stdin, parent.stdout):
            assert stream is not None
            stream.close()


def test_one_data_directory_one_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.postgres.LOCK_SECONDS_MAX", 0.05)
    with folder() as directory, started(directory / "pg"), pytest.raises(PlatformError, match="in use by another"):
        start_postgres(directory / "pg", fsync=False)


def damaged_control(data: Path) -> None:
    (data / "global" / "pg_control").write_bytes(b"\0" * 8192)


def no_version(data: Path) -> None:
    (data / "PG_VERSION").unlink()


def other_version(data: Path) -> None:
    (data / "PG_VERSION").write_text("9.4\n")


@pytest.mark.parametrize("damage", [damaged_control, no_version, other_version])
def test_a_damaged_data_directory_is_one_line(damage: object) -> None:
    assert callable(damage)
    with folder() as directory:
        with started(directory / "pg"):
            pass
        damage(directory / "pg" / "data")
        with pytest.raises(PlatformError, match=r"cannot use the data directory .*pg/data: .+") as caught:
            start_postgres(directory / "pg", fsync=False)
        assert "\n" not in str(caught.value)
        assert mentioning(directory) == []


@contextmanager
def small_disk(megabytes: int) -> Iterator[tuple[Path, bool]]:
    """A directory, and whether it has a disk of this size to itself, which an ordinary user cannot make."""
    with folder() as directory:
        small = directory / "small"
        small.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(small)]
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        try:
            yield small, mounted
        finally:
            if mounted:
                subprocess.run(["umount", small], check=True)


@contextmanager
def only_bus(directory: Path) -> Iterator[Buses]:
    """The bus of a network of one site, not launched yet."""
    buses = Buses(Topology("stad", {"stad": ["placement"]}), directory)
    try:
        yield buses
    finally:
        buses.stop()


def launched(buses: Buses) -> None:
    buses.launch("stad")
    wait_for_nats(buses.servers["stad"])


def test_a_full_disk_is_one_line() -> None:
    with small_disk(8) as (small, mounted):
        if mounted:
            with pytest.raises(PlatformError, match=r"the disk that holds .*small/pg.* is full"):
                start_postgres(small / "pg", fsync=False)
        else:
            # What a copy onto a full disk raises must be told as what it is.
            error = shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")])
            assert str(explain(error, small)) == f"the disk that holds {small} is full"


def test_a_bus_that_was_started_while_its_disk_was_full_has_room_once_there_is() -> None:
    """For an ordinary user it says at least that no limit was taken from the disk."""
    with small_disk(32) as (small, mounted), only_bus(small) as buses:
        if mounted:
            (small / "filling").write_bytes(b"x" * (31 * 2**20))
        launched(buses)
        (small / "filling").unlink(missing_ok=True)
        assert asyncio.run(made(buses, {"name": "S", "subjects": ["s"], "max_bytes": 16 * 2**20})) == {}
        with urllib.request.urlopen(f"{buses.monitor_url('stad')}/jsz", timeout=30) as answer:
            assert json.load(answer)["config"]["max_storage"] == STORE_BYTES_MAX


def test_a_bus_that_could_not_write_a_stream_has_given_up_until_it_is_started_again() -> None:
    """For an ordinary user it says at least that a server with room has not."""
    with small_disk(32) as (small, mounted), only_bus(small) as buses:
        launched(buses)
        assert asyncio.run(apply(buses.topology, buses.admins()))
        assert not buses.gave_up("stad")
        if mounted:
            chaos.fill(small / "filling")
            asyncio.run(told(buses))
            (small / "filling").unlink()
            assert buses.gave_up("stad")
            buses.servers["stad"].stop()
            launched(buses)
            assert not buses.gave_up("stad")


async def told(buses: Buses) -> None:
    """Writes to the log of the only service, which finds no room: nothing is answered, or a refusal. Until the server
    has given up, or it should have long since."""
    user = "city.placement.relay"
    client = await nats.connect(buses.servers["stad"].url, nkeys_seed=str(buses.credentials["stad"][user]),
                                inbox_prefix=inbox_prefix("stad", user))  # fmt: skip
    try:
        for _ in range(20):
            with suppress(nats.errors.Error):
                await client.request("plek.stad.pub.placement.capacity-told", b"x" * 200_000, timeout=1)
            if await asyncio.to_thread(buses.gave_up, "stad"):
                break
    finally:
        await client.close()


async def made(buses: Buses, stream: dict[str, Any]) -> dict[str, Any]:
    """Makes a stream at the only server; what it says against it."""
    admin = buses.admins()["stad", "CITY"]
    client = await nats.connect(admin.url, nkeys_seed=str(admin.seed), inbox_prefix=inbox_prefix("stad", "city.admin"))
    try:
        answer = await client.request(
            f"$JS.API.STREAM.CREATE.{stream['name']}", json.dumps(stream).encode(), timeout=30
        )
        return dict(json.loads(answer.data).get("error") or {})
    finally:
        await client.close()


def test_a_used_port_of_the_bus_is_one_line() -> None:
    with folder() as directory:
        port = free_ports(1)[0]
        first, second = (NatsServer(directory / name, "127.0.0.1", port) for name in ("first", "second"))
        for server in (first, second):
            server.configure(json.dumps({"host": "127.0.0.1", "port": port}))
        first.launch()
        try:
            wait_for_nats(first)
            second.launch()
            assert second.process is not None
            second.process.wait(10)
            with pytest.raises(PlatformError, match=r"nats-server cannot run .*address already in use") as caught:
                second.ready()
            assert "\n" not in str(caught.value)
        finally:
            first.stop()
            second.stop()
        eventually(lambda: port_is_free(port), "the port is free")


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(port_is_free(port) for port in ports)
    give_back(ports)


ASKS_FOR_PORTS = """
import infra.processes
infra.processes.FREE_PORTS = range(*map(int, {ports!r}))
print(*infra.processes.free_ports({count}), flush=True)
input()
"""


@contextmanager
def another(ports: range, count: int) -> Iterator[list[int]]:
    """What another process is given of these ports, and keeps until the end of this; nothing when it is refused."""
    program = ASKS_FOR_PORTS.format(ports=(ports.start, ports.stop), count=count)
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as asking:
        assert asking.stdout is not None
        try:
            yield [int(port) for port in asking.stdout.readline().split()]
        finally:
            asking.kill()


def test_a_port_is_given_to_one_until_it_ends_or_gives_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens on any of them: between its choice and its use lie seconds."""
    begin = random.SystemRandom().randrange(FREE_PORTS.stop, FREE_PORTS.stop + 700)  # where no network looks
    three = range(begin, begin + 3)
    monkeypatch.setattr("infra.processes.FREE_PORTS", three)
    [first] = free_ports(1)
    with another(three, 2) as theirs:
        assert {first, *theirs} == set(three)
        with pytest.raises(PlatformError, match="no 1 free ports"):
            free_ports(1)
        give_back([first])
        with another(three, 2) as refused:
            assert refused == []
    assert sorted(free_ports(3)) == list(three)
    give_back(three)


NETWORK = {
    "site": [
        {"name": "stad", "hub": True, "municipality": True, "services": ["console"]},
        {
            "name": "oud-west",
            "link": "stad",
            "services": ["placement"],
            "postgres": "postgresql://u:secret@db/postgres",
        },
    ]
}


def test_an_address_given_comes_before_a_server_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network.model_validate(NETWORK)
    with folder() as directory:
        assert isinstance(choose_postgres(network, network.site("stad"), directory), Postgres)
        given = choose_postgres(network, network.site("oud-west"), directory)
        assert given.dsn("placement") == "postgresql://u:secret@db/plek_oud_west_placement"
        monkeypatch.setenv("PLEK_POSTGRES_OUD_WEST", "postgresql://other/postgres")
        assert (
            choose_postgres(network, network.site("oud-west"), directory).dsn("postgres")
            == "postgresql://other/postgres"
        )
        assert "secret" not in repr(given) + repr(network)


def test_an_address_that_is_not_postgresql_is_one_line() -> None:
    with pytest.raises(PlatformError, match="must begin with postgresql://"):
        ExternalPostgres("mysql://somewhere", "west")


def test_a_container_is_used_when_asked_for_and_says_so_when_no_engine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    network = Network.model_validate(NETWORK | {"platform": "container"})
    with folder() as directory:
        server = choose_postgres(network, network.site("stad"), directory)
    assert isinstance(server, ContainerPostgres)
    with pytest.raises(PlatformError, match="no container engine answers") as caught:
        server.launch()
    assert "\n" not in str(caught.value)
    with suppress(PlatformError):
        server.stop()
