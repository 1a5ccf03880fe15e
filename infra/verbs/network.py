"""`plek up` and `plek down`: the whole embedded network."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from infra.processes import PlatformError
from infra.verbs.common import DATA, Data, Json, print_json

DOWN_SECONDS_MAX = 30.0
DEFAULT_PORT_BASE = 8400


def up(
    network: Annotated[Path | None, typer.Option(help="The network file.", show_default="infra/network.toml")] = None,
    data: Data = DATA,
    port_base: Annotated[
        int, typer.Option(min=0, max=60000, help="HTTP port of the first site; the others follow. 0: any free ones.")
    ] = DEFAULT_PORT_BASE,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Accounts to choose from, and houses with people in them.")
    ] = True,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when everything is ready; `plek down` stops it.")
    ] = False,
    as_json: Json = False,
    report: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start the whole network: every site's PostgreSQL, bus and services. Ctrl-C stops it."""
    from infra.network import DEFAULT_FILE, load_network

    path = network or DEFAULT_FILE
    parsed = load_network(path)
    if detach:
        urls = _detached(path, data, port_base, demo=demo)
        if as_json:
            print_json({"sites": {name: {"url": url} for name, url in urls.items()}})
        else:
            _print_table(urls, data, f"plek down --data {data}", demo=demo)
        return

    from rich.console import Console

    from infra.supervisor import Supervisor, run_until_signalled

    console = Console(stderr=True, highlight=False)

    def when_ready(urls: dict[str, str]) -> None:
        if report is not None:
            _tell(report, {"sites": urls})
        elif as_json:
            print_json({"sites": {name: {"url": url} for name, url in urls.items()}})
            sys.stdout.flush()
        else:
            _print_table(urls, data, "Ctrl-C", demo=demo)

    def say(line: str) -> None:
        console.print(line, style="dim")

    async def furnish() -> None:
        from infra.demo import furnish_all

        await furnish_all(data, say)

    supervisor = Supervisor(parsed, data, port_base=port_base, demo=demo, say=say, beside=furnish if demo else None)
    try:
        asyncio.run(run_until_signalled(supervisor, when_ready))
    except Exception as error:
        if report is not None:
            _tell(report, {"error": str(error) or type(error).__name__})
        raise


def down(data: Data = DATA) -> None:
    """Stop a network started with `plek up --detach` (or in another terminal)."""
    from infra.running import supervisor

    pid = supervisor(data)
    if pid is None:
        raise PlatformError(f"no network is running in {data}")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS_MAX
    while supervisor(data) == pid:
        if time.monotonic() > deadline:
            raise PlatformError(f"the network in {data} did not stop within {DOWN_SECONDS_MAX:.0f} seconds")
        time.sleep(0.02)


def _detached(network: Path, data: Path, port_base: int, *, demo: bool) -> dict[str, str]:
    """Start the supervisor in a session of its own and wait until it says that all is ready, or why not."""
    from infra.parts import environment
    from infra.processes import explain
    from infra.running import Files

    files = Files(data)
    reading, writing = os.pipe()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with files.log.open("ab") as log:
            child = subprocess.Popen(
                [
                    sys.executable, "-m", "infra.cli", "up", "--network", str(network.absolute()),
                    "--data", str(data.absolute()), "--port-base", str(port_base),
                    "--demo" if demo else "--no-demo", "--report", str(writing),
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                pass_fds=(writing,), env=environment(),
            )  # fmt: skip
    except OSError as error:
        raise explain(error, data) from None
    finally:
        os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.readline()
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        raise
    if not told:
        raise PlatformError(f"the network ended while starting: see {files.log}")
    answer = json.loads(told)
    if "error" in answer:
        child.wait()
        raise PlatformError(str(answer["error"]))
    urls: dict[str, str] = answer["sites"]
    return urls


def _tell(descriptor: int, document: object) -> None:
    """Tell the `plek up --detach` that waits for us, once."""
    with contextlib.suppress(OSError):
        os.write(descriptor, json.dumps(document).encode() + b"\n")
        os.close(descriptor)


def _print_table(urls: dict[str, str], data: Path, stop: str, *, demo: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from infra.running import site_settings

    plek = "plek" if shutil.which("plek") else os.path.relpath(sys.argv[0])  # as it was called, where no path finds it
    table = Table(title="Plek is running", title_justify="left")
    for heading in ("site", "address", "what is there"):
        table.add_column(heading)
    houses = {name: [at.title for at in site_settings(data, name).locations] for name in urls}
    for name, url in urls.items():
        table.add_row(name, url, ", ".join(houses[name]) or "no house: it looks at all of them")
    console = Console(highlight=False)
    console.print(table)
    city = next(iter(urls.values()))
    desk = next((url for name, url in urls.items() if houses[name]), city)
    lines = [
        f"First: open {desk}/ as operator, and take, free, hold or block a place with one tap;",
        f"beside it {city}/ as coordinator: the whole city, and your tap in it within a second.",
    ]
    if demo:
        lines.append(f"The houses fill up in the first seconds; {plek} demo --data {data} lets people come and go.")
    else:
        lines.append("The houses are empty: places are opened with POST /api/placement/places.")
    lines += [
        _accounts(next(iter(urls)), data, plek, demo=demo),
        f"A token: {plek} token {next(reversed(urls))} ROLE --data {data}",
        f"The API, to read and to try: {city}/api/placement/docs",
    ]
    for line in (*lines, f"Stop: {stop}"):
        console.print(line, soft_wrap=True)


def _accounts(site: str, data: Path, plek: str, *, demo: bool) -> str:
    """With what one signs in."""
    from services.console.signing import DEMO_PASSWORD
    from services.console.views_accounts import DEMO_ACCOUNTS
    from shared.security import ROLES

    if demo:
        return f"Accounts, at every site: {', '.join(DEMO_ACCOUNTS)}; password {DEMO_PASSWORD}, or choose one there."
    return f"Accounts: {plek} accounts add {site} NAME ROLE --data {data}. Roles: {', '.join(ROLES)}."


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(up)
    app.command()(down)
