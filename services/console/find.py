"""Where in the network there is room for somebody, as a desk reads it, and what it has asked others to keep. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.console.board import Tap
from services.console.network import network, seen, site_title
from services.console.words import Words
from shared.contracts.vocabulary import BED_KINDS, HOLD_MINUTES_DEFAULT

KINDS = BED_KINDS

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What is looked for. kind, district: empty for any."""

    kind: str = ""
    people: int = 1
    features: tuple[str, ...] = ()
    district: str = ""


@dataclass(frozen=True)
class Line:
    """One kind at one location. free: in words, with bounds where it is not certain. missing: features it has not,
    in words. tap: holds a place there; None for who may not."""

    key: str
    title: str
    where: str
    own: bool
    kind: str
    free: str
    certain: bool
    missing: str
    together: str
    link: str
    seen: str
    seen_state: str
    tap: Tap | None


@dataclass(frozen=True)
class Found:
    """lines: where there is room, the nearest match first. doubt: which sites are not certain, or nothing."""

    as_of: str
    lines: Sequence[Line]
    doubt: str


@dataclass(frozen=True)
class Asked:
    """A place this desk has asked another site to keep. status: pending or active. until: when it ends by itself."""

    id: str
    title: str
    kind: str
    status: str
    until: str
    given_up: bool
    tap: Tap | None


def found(items: Iterable[Row], capacity: Row, wanted: Wanted, own_site: str, *, taps: bool, words: Words) -> Found:
    """items: the answer of `GET /search`. capacity: of `GET /capacity`, for its time and which sites are silent."""
    as_of = datetime.fromisoformat(capacity["as_of"])
    figures = network(capacity, own_site, words)
    lines = [_line(item, wanted, as_of, own_site, words, taps=taps) for item in items]
    return Found(figures.as_of, lines, figures.doubt)


def _line(item: Row, wanted: Wanted, as_of: datetime, own_site: str, words: Words, *, taps: bool) -> Line:
    low, high = item["available_min"], item["available"]
    own = item["site"] == own_site
    title = item["title"] or item["location"]
    said, state = seen(item, as_of, words)
    missing = ", ".join(words(f"feature.{feature}") for feature in item["missing_features"])
    return Line(
        key=f"{item['site']}/{item['location']}/{item['kind']}",
        title=title,
        where=" · ".join(dict.fromkeys(part for part in (item["district"], site_title(item["site"])) if part != title)),
        own=own,
        kind=words(f"kind.{item['kind']}"),
        free=words("summary.exact", count=high) if low == high else words("summary.range", low=low, high=high),
        certain=low == high and item["link"] == "live",
        missing=words("find.without", features=missing) if missing else "",
        together="" if item["whole"] else words("find.together"),
        link=item["link"],
        seen=said,
        seen_state=state,
        tap=_hold(item, wanted, title, own=own, words=words) if taps else None,
    )


def _hold(item: Row, wanted: Wanted, title: str, *, own: bool, words: Words) -> Tap:
    has = [feature for feature in wanted.features if feature not in item["missing_features"]]
    body = {
        "location": item["location"], "kind": item["kind"], "household_size": wanted.people, "features": has,
        "hold_minutes": HOLD_MINUTES_DEFAULT,
    }  # fmt: skip
    return Tap(
        "hold", "/api/placement/holds", body if own else body | {"site": item["site"]}, None,
        words("find.held" if own else "find.sent", place=title, time="{time}"), weight="primary",
        undo="/api/placement/holds/{id}/cancel",
    )  # fmt: skip


def asked(holds: Iterable[Row], own_site: str, now: datetime, words: Words) -> list[Asked]:
    """What other sites were asked to keep, those that end first first. holds: of one that is in it twice, as it was
    before and after its answer came, the last one counts."""
    elsewhere = {hold["id"]: hold for hold in holds if hold["site"] != own_site}
    ordered = sorted(elsewhere.values(), key=lambda hold: (hold["expires_at"], hold["id"]))
    return [_asked(hold, now, words) for hold in ordered]


def _asked(hold: Row, now: datetime, words: Words) -> Asked:
    title = site_title(hold["location"] or hold["site"])
    cancel = Tap(
        "cancel", f"/api/placement/holds/{hold['id']}/cancel", {}, hold["version"], words("done.cancel", place=title)
    )
    return Asked(
        id=hold["id"],
        title=title,
        kind=words(f"kind.{hold['kind']}"),
        status=hold["status"],
        until=words.moment(datetime.fromisoformat(hold["expires_at"]), now),
        given_up=hold["given_up"],
        tap=None if hold["given_up"] else cancel,
    )
