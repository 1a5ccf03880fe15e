"""What caused what: steps of a story, found in any order at any number of sites, joined into trees. Pure.

A step is a command, one of the events it stored, or a message that was told because of an event. What leads from one
to the next is never guessed: a message names its event, an event its command, and the id of a command that follows
from a message or a timer is derived from just that (`derived_id`), so whoever knows both can prove that they belong
together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from shared.ids import derived_id

STEPS_MAX = 2_000
"""Steps of one story that are looked up and shown at most: more, and nobody reads it."""

StepKind = Literal["command", "event", "message"]


class Parked(msgspec.Struct, frozen=True):
    """Where a message waits because a reader could not digest it. retries: how often it was read again since."""

    site: str
    service: str
    reader: str
    code: str
    at: datetime
    retries: int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    id: of an event or a message its own; of a command its id and where it was handled (`command_step`), for one message
    may lead to a command at every site. name: the type, as it is stored or told. at: when it was recorded, by its
    owner's clock; of a command that left nothing behind when its outcome was.
    where: the stream of an event, the log and sequence of a message, of a command how it came (`request`, `timer`,
    `policy letters`).
    cause: the id of the step it follows from; None: it is a root, or what it follows from is not known here.
    role: of whoever asked; None for what does not say. refused: the code with which a command was refused, "" if there
    was nothing to do.
    cut: it was told because of somebody's file, and leads nowhere from here. withheld: it is in somebody's file, and
    whoever asked may not see into it.
    """

    id: str
    kind: StepKind
    site: str
    service: str
    name: str
    at: datetime
    where: str = ""
    subject: str = ""
    cause: str | None = None
    role: str | None = None
    refused: str | None = None
    correlation_id: str | None = None
    trace_id: str | None = None
    cut: bool = False
    withheld: bool = False
    parked: tuple[Parked, ...] = ()


class Branch(msgspec.Struct, frozen=True):
    """A step and what followed from it, in time. waited_seconds: since its cause; None for a root."""

    step: Step
    waited_seconds: float | None
    below: tuple[Branch, ...]


REQUEST, TIMER = "request", "timer"


def command_step(command_id: str, site: str, service: str) -> str:
    """The id of a command's step."""
    return f"{command_id}@{site}/{service}"


def policy_command(message_id: str, policy: str) -> str:
    """The id of the command with which a policy answers a message."""
    return derived_id(message_id, policy)


def timer_command(timer_id: str, due_at: datetime, name: str) -> str:
    """The id of the command that follows when a timer falls due. name: its kind, or which of many it concerns."""
    return derived_id(timer_id, due_at.isoformat(), name)


def following(event_id: str, name: str) -> str:
    """The id of the command with which a service goes on by itself after an event. name: which of several."""
    return derived_id(event_id, name)


def merged(*found: Iterable[Step]) -> list[Step]:
    """Every step once, whoever found it. Of two that are the same the one that knows its cause counts, and where it is
    parked is told by all.
    """
    known: dict[str, Step] = {}
    for step in (step for steps in found for step in steps):
        before = known.get(step.id)
        if before is None:
            known[step.id] = step
            continue
        better = step if (_knows(step), step.at) > (_knows(before), before.at) else before
        parked = tuple(dict.fromkeys((*before.parked, *step.parked)))
        known[step.id] = better if parked == better.parked else msgspec.structs.replace(better, parked=parked)
    return list(known.values())


def _knows(step: Step) -> tuple[bool, bool]:
    return (not step.withheld, step.cause is not None)


def linked(steps: Sequence[Step], policies: Mapping[str, Iterable[str]]) -> list[Step]:
    """The same steps, where a command is seen to be the answer of a policy to a message that is among them.

    policies: the names of a service's, by service. Only messages of the command's own correlation come into question: a
    policy keeps it.
    """
    told = defaultdict(list)
    for step in steps:
        if step.kind == "message" and step.correlation_id is not None:
            told[step.correlation_id].append(step.id)
    return [_linked(step, policies, told) for step in steps]


def _linked(step: Step, policies: Mapping[str, Iterable[str]], told: Mapping[str, Sequence[str]]) -> Step:
    if step.kind != "command" or step.cause is not None or step.correlation_id is None:
        return step
    command_id = step.id.partition("@")[0]
    for policy in policies.get(step.service, ()):
        for message_id in told.get(step.correlation_id, ()):
            if policy_command(message_id, policy) == command_id:
                return msgspec.structs.replace(step, cause=message_id, where=f"policy {policy}")
    return step


def trees(steps: Iterable[Step]) -> list[Branch]:
    """The steps as trees, the oldest root first. A step whose cause is not among them is a root; so is, should two
    claim to be each other's cause, the older one.
    """
    by_id = {step.id: step for step in steps}
    below: dict[str | None, list[Step]] = defaultdict(list)
    for step in sorted(by_id.values(), key=_in_time):
        below[None if _is_root(step, by_id) else step.cause].append(step)
    return [_branch(root, None, below) for root in below[None]]


def _in_time(step: Step) -> tuple[datetime, int, str]:
    return step.at, ("command", "event", "message").index(step.kind), step.id


def _is_root(step: Step, by_id: Mapping[str, Step]) -> bool:
    """Whether nothing that is here comes before it: its cause is missing, or leads back to it."""
    if step.cause is None or step.cause not in by_id:
        return True
    seen, at = {step.id}, step
    while at.cause is not None and at.cause in by_id:
        if at.cause in seen:
            return at.cause == step.id and step.id == min(seen, key=lambda id_: _in_time(by_id[id_]))
        seen.add(at.cause)
        at = by_id[at.cause]
    return False


def _branch(step: Step, before: Step | None, below: Mapping[str | None, Sequence[Step]]) -> Branch:
    """Told from the leaves up, without recursion into depth: a story may be a chain of hundreds."""
    order: list[tuple[Step, Step | None]] = [(step, before)]
    for at, _ in order:
        order += [(child, at) for child in below.get(at.id, ())]
    made: dict[str, Branch] = {}
    for at, cause in reversed(order):
        waited = None if cause is None else max(0.0, (at.at - cause.at).total_seconds())
        made[at.id] = Branch(at, waited, tuple(made[child.id] for child in below.get(at.id, ())))
    return made[step.id]


def lines(branches: Sequence[Branch]) -> list[tuple[int, Branch]]:
    """Every branch in the order in which a tree is read, with its depth."""
    found: list[tuple[int, Branch]] = []
    waiting = [(0, branch) for branch in reversed(branches)]
    while waiting:
        depth, branch = waiting.pop()
        found.append((depth, branch))
        waiting += [(depth + 1, child) for child in reversed(branch.below)]
    return found
