"""Runs the benchmarks, prints one table and writes `bench/results.json`: `python -m bench [NAME...] [--quick]`."""

from __future__ import annotations

import argparse
import importlib
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.ground import Line, ground

NAMES = (
    "append", "command", "latency", "replay", "relay", "follow", "network", "mixed", "city", "start", "memory", "story",
    "tracing", "choosing", "post", "likeness", "screens", "allowance",
)  # fmt: skip
"""One script per line of the targets, in the order of the command's way through the system."""

RESULTS = Path(__file__).with_name("results.json")


def main() -> int:
    """Exit 0 when every target is met, 1 when one is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of {', '.join(NAMES)} (default: all)")
    parser.add_argument(
        "--quick", action="store_true", help="short rounds: for trying out a change, not for the record"
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    lines: list[Line] = []
    console = Console()
    try:
        with ground(chosen.quick) as stage:
            for name in chosen.names or NAMES:
                with console.status(f"measuring {name}"):
                    lines += importlib.import_module(f"bench.{name}").run(stage)
    finally:  # what was measured before one of them failed is not measured again for nothing
        console.print(table(lines))
        if not chosen.quick:
            write(lines)
    return 0 if all(line.met for line in lines) else 1


def table(lines: list[Line]) -> Table:
    """Measured, peer, ratio, target, met or missed."""
    made = Table(title="Measured beside the peer, in the same run")
    for heading in ("what", "measured", "against", "peer", "ratio", "target", ""):
        made.add_column(heading, justify="left" if heading in ("what", "against") else "right")
    for line in lines:
        sign = "at most" if line.at_most else "at least"
        verdict = "[green]met[/]" if line.met else "[red]missed[/]"
        name = f"{line.name} [dim]({line.note})[/]" if line.note else line.name
        made.add_row(name, f"{line.measured:,.1f} {line.unit}", line.peer_name, f"{line.peer:,.1f}",
                     f"{line.ratio:.2f}", f"{sign} {line.target:g}", verdict)  # fmt: skip
    return made


def write(lines: list[Line]) -> None:
    """Keeps the results of a full run."""
    record = {
        "at": datetime.now(UTC),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "lines": [msgspec.to_builtins(line) | {"met": line.met} for line in lines],
    }
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2))


if __name__ == "__main__":
    sys.exit(main())
