"""`plek doctor`: what is wrong, one line each, and what to do."""

from __future__ import annotations

import typer

from infra.verbs.common import DATA, Data, Json, No, print_json

COLOURS = {"ok": "green", "warn": "yellow", "bad": "red"}


def doctor(data: Data = DATA, as_json: Json = False) -> None:
    """Look at every site, bus, copy, clock, key and version; exit 1 when something needs a person, or time to mend."""
    from infra.doctor import examine

    found = examine(data)
    if as_json:
        print_json({"findings": [finding.as_json() for finding in found]})
    else:
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=True)
        for finding in found:
            where = f" {finding.site}:" if finding.site else ""
            do = f" -> {finding.do}" if finding.do else ""
            console.print(f"{finding.state:<5}", style=COLOURS[finding.state], end="")
            console.print(f"{finding.area:<10}{where} {finding.text}{do}", markup=False)
    troubles = [finding for finding in found if finding.state != "ok"]
    if troubles:
        bad = sum(finding.state == "bad" for finding in troubles)
        raise No(f"{bad} bad, {len(troubles) - bad} to watch")


def register(app: typer.Typer) -> None:
    """Add this verb."""
    app.command()(doctor)
