"""A story as a screen shows it: the tree of its steps, a line each, beside the stretch of time each waited. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.console.spans import Kept, waterfall
from services.console.words import Words
from shared.causes import REQUEST, TIMER, Branch, Step, lines, trees

WIDTH = 200.0
"""Units of the waterfall's view box; it stretches to the width there is."""
DOT = 1.5
DEPTH_MAX = 12
"""Deeper lines are indented no further: on a phone nothing would be left of them."""


@dataclass(frozen=True)
class Hop:
    """One line. key: of its anchor. id: to begin anew from there, or nothing. how: `command`, `event`, `message`.

    note: what went wrong or ends here, or nothing; alarm: whether it is trouble. x, width: of its bar.
    """

    key: str
    id: str
    how: str
    depth: int
    what: str
    where: str
    when: str
    waited: str
    note: str
    alarm: bool
    asked: bool
    x: float
    width: float


@dataclass(frozen=True)
class Shown:
    """All lines, and which of them one wants first: keys, or nothing."""

    hops: Sequence[Hop]
    first: str
    slowest: str
    slowest_words: str
    failure: str


@dataclass(frozen=True)
class Stretch:
    """One span as a line. trace, when: the id of its trace and when that began, where it is the first of it; else
    nothing."""

    what: str
    where: str
    depth: int
    took: str
    failed: str
    trace: str
    when: str
    x: float
    width: float


def stretches(spans: Sequence[Kept], words: Words) -> list[Stretch]:
    """The spans of a story's traces, each under the one it is part of, over the time all of them took."""
    found = waterfall(spans)
    end = max((line.after + line.span.seconds for line in found), default=0.0)
    unit, seen = (WIDTH - DOT) / max(end, 1e-6), set[str]()
    made = []
    for span, depth, after in found:
        trace = "" if span.trace_id in seen else span.trace_id
        seen.add(span.trace_id)
        made.append(Stretch(
            span.name, span.service, min(depth, DEPTH_MAX), waited_words(span.seconds, words), span.failed, trace,
            words.instant(span.began_at) if trace else "",
            round(after * unit, 2), round(span.seconds * unit + DOT, 2),
        ))  # fmt: skip
    return made


def shown(steps: Iterable[Step], asked: str, words: Words) -> Shown:
    """asked: the id somebody began with."""
    branches = lines(trees(steps))
    times = [branch.step.at for _, branch in branches]
    start, end = min(times), max(times)
    keys = {branch.step.id: f"step-{number}" for number, (_, branch) in enumerate(branches, 1)}
    hops = [_hop(depth, branch, asked, keys, start, end, words) for depth, branch in branches]
    slow = max(branches, key=lambda at: _waited(at[1]))[1]
    failed = min((at for _, at in branches if _trouble(at.step)), key=lambda at: at.step.at, default=None)
    asked_at = next((number for number, hop in enumerate(hops) if hop.asked), 0)
    root = next(hop for hop in reversed(hops[: asked_at + 1]) if hop.depth == 0)
    return Shown(
        hops, root.key, keys[slow.step.id] if _waited(slow) else "", waited_words(_waited(slow), words),
        "" if failed is None else keys[failed.step.id],
    )  # fmt: skip


def _waited(branch: Branch) -> float:
    """Seconds somebody waited: what a timer waits for is what was asked of it."""
    return 0.0 if branch.step.where == TIMER else branch.waited_seconds or 0.0


def _trouble(step: Step) -> bool:
    return bool(step.refused or step.parked)


def _hop(
    depth: int, branch: Branch, asked: str, keys: dict[str, str], start: datetime, end: datetime, words: Words
) -> Hop:
    step, waited = branch.step, branch.waited_seconds
    seconds = max((end - start).total_seconds(), 1e-6)
    until = (step.at - start).total_seconds() / seconds * (WIDTH - DOT)
    width = 0.0 if waited is None else min(waited / seconds * (WIDTH - DOT), until)
    bare = step.id.partition("@")[0]
    return Hop(
        key=keys[step.id], id="" if step.kind == "command" else step.id, how=step.kind, depth=min(depth, DEPTH_MAX),
        what=_what(step, words), where=_where(step), when=words.instant(step.at),
        waited="" if waited is None else waited_words(waited, words), note=_note(step, words), alarm=_trouble(step),
        asked=asked == bare, x=round(until - width, 2), width=round(width + DOT, 2),
    )  # fmt: skip


def _what(step: Step, words: Words) -> str:
    if step.withheld:
        return words("trace.withheld")
    if step.kind != "command":
        return step.name.split(".")[3] if step.kind == "message" else step.name.rpartition(".")[0]
    role = words(f"role.{step.role}") if words.has(f"role.{step.role}") else words("trace.system")
    if step.where == REQUEST:
        return words("trace.request", role=role)
    if step.where == TIMER:
        return words("trace.timer")
    if step.where.startswith("policy "):
        return words("trace.policy", name=step.where.removeprefix("policy "))
    return words("trace.by_itself")


def _where(step: Step) -> str:
    home = f"{step.site}/{step.service}"
    return home if step.kind == "command" or not step.where else f"{home} {step.where}"


def _note(step: Step, words: Words) -> str:
    if step.parked:
        places = ", ".join(f"{at.site}/{at.service} {at.reader} ({at.code})" for at in step.parked)
        return words("trace.parked", places=places)
    if step.refused is not None:
        return words("trace.refused", code=step.refused) if step.refused else words("trace.nothing")
    if step.cut and step.cause is None:
        return words("trace.cut")
    return ""


def waited_words(seconds: float, words: Words) -> str:
    """How long, as short as it is: 12 ms, 3 seconds, 2 hours."""
    if seconds < 1:
        return words("trace.milliseconds", count=round(seconds * 1000))
    return words.duration(seconds)
