"""The capacity answer as people read it: sites, lines, bounds in words, how long ago somebody looked. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.console.words import Words
from shared.contracts.vocabulary import BED_KINDS, OVERNIGHT_LICENCE, is_reported

JUST_NOW_SECONDS = 60
DISCARDED = "message-discarded"
"""Of a row: a message of its site was passed over on purpose; anything else waits for somebody to look."""

BAR_WIDTH = 200.0
"""Units of the bars' view box; they stretch to the width there is."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Segment:
    """One stretch of a bar: places of one status."""

    status: str
    x: float
    width: float


@dataclass(frozen=True)
class Line:
    """One kind at one location. free: in words (`12 free`, `41 to 64 free`); certain: exact and current. none: nothing
    free.

    mark: `last known`, or nothing. seen_state: fresh, aging, stale or never.
    """

    key: str
    title: str
    district: str
    kind: str
    free: str
    certain: bool
    none: bool
    mark: str
    counts: Mapping[str, str]
    bar: Sequence[Segment]
    bar_words: str
    seen: str
    seen_state: str


@dataclass(frozen=True)
class Site:
    """A site and its lines. link: live, late, silent or unknown. because: why figures are not certain, or nothing."""

    name: str
    title: str
    own: bool
    link: str
    link_words: str
    because: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Network:
    """The whole page's figures. doubt: one sentence about the sites that are not certain, or nothing.

    licence: what has to be said of where figures come from, or nothing.
    """

    as_of: str
    sites: Sequence[Site]
    free: str
    certain: bool
    counts: Mapping[str, str]
    bar: Sequence[Segment]
    bar_words: str
    doubt: str
    licence: str


def site_title(name: str) -> str:
    """A site's name as a heading."""
    return name.replace("-", " ").title()


def network(answer: Mapping[str, Any], own_site: str, words: Words) -> Network:
    """answer: the JSON of `GET /api/placement/capacity`."""
    as_of = datetime.fromisoformat(answer["as_of"])
    rows: list[Row] = answer["rows"]
    named = sorted({row["site"] for row in rows}, key=lambda name: (name != own_site, name))
    sites = [_site(name, [row for row in rows if row["site"] == name], as_of, own_site, words) for name in named]
    totals = answer["totals"]
    low, high = totals["available_min"], totals["available_max"]
    doubts = [site.because for site in sites if site.because]
    return Network(
        as_of=words.precisely(as_of),
        sites=sites,
        free=words.number(low) if low == high else words("summary.free_range", low=low, high=high),
        certain=not doubts,
        counts=_counts(totals, words),
        bar=bar(totals),
        bar_words=_bar_words(totals, words),
        doubt=words("summary.not_certain", sites=", ".join(doubts)) if doubts else "",
        licence=OVERNIGHT_LICENCE if any(is_reported(row["location"]) for row in rows) else "",
    )


def _site(name: str, rows: Sequence[Row], as_of: datetime, own_site: str, words: Words) -> Site:
    first = rows[0]
    own = name == own_site
    because = _because(name, rows, words)
    return Site(
        name=name,
        title=site_title(name),
        own=own,
        link=first["link"],
        link_words=words("link.own") if own and first["link"] == "live" else _link_words(first, words),
        because=because,
        lines=[_line(row, as_of, words) for row in rows],
    )


def _link_words(row: Row, words: Words) -> str:
    link, silent = row["link"], row["silent_seconds"]
    if link == "silent" and silent is not None:
        return words("link.silent_words", duration=words.duration(silent))
    return words(f"link.{link}_words") if link in ("late", "unknown") else ""


def _because(name: str, rows: Sequence[Row], words: Words) -> str:
    """Why a site's figures are not certain."""
    first, site = rows[0], site_title(name)
    why = {row["incomplete"] for row in rows} - {None}
    if why:  # what waits comes first: somebody may have to look at it
        return words("summary.discarded" if why == {DISCARDED} else "summary.incomplete", site=site)
    if first["link"] == "silent":
        return words("summary.silent", site=site, duration=words.duration(first["silent_seconds"] or 0))
    if first["link"] in ("unknown", "late"):
        return words(f"summary.{first['link']}", site=site)
    return ""


def _line(row: Row, as_of: datetime, words: Words) -> Line:
    low, high = row["available_min"], row["available_max"]
    certain = low == high and row["link"] == "live" and not row["incomplete"]
    said, state = seen(row, as_of, words)
    return Line(
        key=f"{row['site']}/{row['location']}/{row['kind']}",
        title=row["title"] or row["location"],
        district=row["district"],
        kind=words(f"kind.{row['kind']}") if words.has(f"kind.{row['kind']}") else row["kind"],
        free=words("summary.exact", count=low) if low == high else words("summary.range", low=low, high=high),
        certain=certain,
        none=high == 0,
        mark="" if certain or low != high else words("figure.last_known"),
        counts=_counts(row, words),
        bar=bar(row),
        bar_words=_bar_words(row, words),
        seen=said,
        seen_state=state,
    )


def seen(row: Row, as_of: datetime, words: Words) -> tuple[str, str]:
    """How long ago somebody looked, in words, and as a state: fresh, aging, stale or never."""
    if row["kind"] not in BED_KINDS:  # counted by whoever gives them out: nobody has to look
        return words("seen.counted"), "fresh"
    if row["observed_at"] is None:
        return words("seen.never"), "never"
    age = (as_of - datetime.fromisoformat(row["observed_at"])).total_seconds()
    state = str(row["freshness"])
    if state == "stale":
        return words("seen.stale", duration=words.duration(age)), state
    if age < JUST_NOW_SECONDS:
        return words("seen.now"), state
    return words("seen.ago", duration=words.duration(age)), state


def _counts(figures: Row, words: Words) -> dict[str, str]:
    return {name: words.number(figures[name]) for name in ("occupied", "held", "blocked", "overflow", "total")}


def bar(figures: Row) -> list[Segment]:
    """Occupied, held, blocked and free, side by side: every place counts once."""
    places = figures["total"] + figures["overflow"]
    segments, x = [], 0.0
    for status in ("occupied", "held", "blocked"):
        width = BAR_WIDTH * figures[status] / places if places else 0.0
        if width:
            segments.append(Segment(status, round(x, 2), round(width, 2)))
        x += width
    return segments


def _bar_words(figures: Row, words: Words) -> str:
    free = figures["available"]
    counts = {name: figures[name] for name in ("occupied", "held", "blocked")}
    return words("figure.bar", free=free, **counts)
