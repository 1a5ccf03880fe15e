"""`plek capacity` and `plek verify`: what a site sees, and whether all sites see the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.verbs.asking import get_json, running, site_client
from infra.verbs.common import DATA, Data, Json, No, print_json

if TYPE_CHECKING:
    from rich.table import Table

WIDTH_PIPED = 160
"""Characters a line where there is no terminal to ask."""
COUNTS = ("occupied", "held", "blocked", "overflow", "total")


def capacity(
    site: Annotated[str | None, typer.Option(help="As which site sees it; default: the municipality.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="As it was then: 2026-01-31T22:00:00+01:00.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind, such as night_shelter.")] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """The network's capacity as one site sees it, now or back then."""
    network, name = running(data, site)
    with site_client(network, name, "coordinator") as client:
        answer = get_json(client, name, "/api/placement/capacity", at=at, kind=kind)
    if as_json:
        print_json(answer)
        return
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_PIPED
    console.print(_table(answer, name))
    for line in _doubts(answer["rows"]):
        console.print(line, style="yellow")


def _table(answer: dict[str, Any], site: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, title=f"Room in the city as {site} sees it, as of {answer['as_of']}", title_justify="left"
    )
    for heading in ("site", "location", "kind"):
        table.add_column(heading)
    table.add_column("free", justify="right", style="bold")
    for heading in COUNTS:
        table.add_column(heading, justify="right")
    for heading in ("seen", "link"):
        table.add_column(heading)
    for row in answer["rows"]:
        counts = (str(row[name]) for name in COUNTS)
        table.add_row(
            row["site"], row["location"], row["kind"], _free(row), *counts, row["freshness"], row["link"],
            style="" if row["link"] == "live" else "yellow",
        )  # fmt: skip
    totals = answer["totals"]
    table.add_section()
    table.add_row("all", "", "", _free(totals), *(str(totals[name]) for name in COUNTS), "", "", style="bold")
    return table


def _free(figures: dict[str, Any]) -> str:
    low, high = figures["available_min"], figures["available_max"]
    return str(low) if low == high else f"{low} to {high}"


def _doubts(rows: list[dict[str, Any]]) -> list[str]:
    """One line for each site whose figures are not certain."""
    lines = {}
    for row in rows:
        if row["incomplete"]:
            lines[row["site"]] = f"{row['site']}: incomplete here ({row['incomplete']})"
        elif row["link"] == "silent":
            lines[row["site"]] = f"{row['site']}: silent for {row['silent_seconds'] // 60} minutes"
        elif row["link"] != "live":
            lines[row["site"]] = f"{row['site']}: {row['link']}, figures are the last known"
    return list(lines.values())


def verify(
    wait: Annotated[float, typer.Option(min=0, max=600, help="Seconds to wait for sites that are catching up.")] = 15.0,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Ask every site what it has seen and compare; exit 1 and the first differing event when two disagree."""
    from infra.verify import compare

    network, _ = running(data, None)
    found = compare(network, wait)
    if as_json:
        print_json(found.as_json())
    else:
        _print_verified(found.as_json())
    if not found.agree:
        raise No(found.no())


def _print_verified(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="What the sites have seen of each origin", title_justify="left")
    for heading in ("origin", "epoch", "sequence", "digest", "sites", ""):
        table.add_column(heading, justify="right" if heading in ("epoch", "sequence") else "left")
    for name, origin in found["origins"].items():
        behind = ", ".join(f"{site} at {at}" for site, at in origin["behind"].items())
        verdict = "the same" if origin["agree"] else "DIFFERENT"
        table.add_row(
            name, str(origin["epoch"]), str(origin["sequence"]), origin["digest"][:12], ", ".join(origin["sites"]),
            f"{verdict}; behind: {behind}" if behind else verdict,
        )  # fmt: skip
    Console(highlight=False).print(table)


def register(app: typer.Typer) -> None:
    """Add these verbs."""
    app.command()(capacity)
    app.command()(verify)
