"""What every verb shares: its options, how it prints figures, how it says no."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.processes import PlatformError

Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="Which network: its data directory.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
DATA = Path(".plek")

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


class No(Exception):
    """The answer is no: the line is printed and the exit code is 1 (a wrong call is a `PlatformError`, code 2)."""


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    typer.echo(json.dumps(document))


def seconds(text: str) -> int:
    """Read a duration such as 31m, 2h, 1h30m or 90s as seconds. Raises `PlatformError` when it is not one."""
    parts = re.findall(r"(\d+)([dhms])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text or len(text) > 20:
        raise PlatformError(f'"{text[:40]}" is no duration: write 31m, 2h, 1h30m or 90s')
    return sum(int(number) * UNITS[unit] for number, unit in parts)
