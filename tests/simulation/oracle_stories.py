"""Every story can be told: of all that any service of any site stored or told there is a way back to somebody's tap, or
to something that happens by itself; it leaves no client's file towards other sites; and every span hangs on another.

What follows from what is worked out here out of ids alone, and put together with what the screens use
(`shared/causes.py`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from services.allowance import app as allowance
from services.allowance.decider import CLIENT as SEATED
from services.allowance.decider import ENTITLEMENT
from services.intake import app as intake
from services.intake import events as files
from services.intake.app import HEARD as INTAKE_HEARD
from services.intake.app import SEATED as INTAKE_SEATED
from services.intake.decider import CLIENT
from services.notifications import app as notifications
from services.notifications import events as post
from services.notifications.app_courier import FOLLOWS
from services.notifications.decider import RECIPIENT
from services.notifications.policy import ROLES
from services.placement import app as placement
from services.placement.policy_regimes import SPREADS
from shared.aggregate import Aggregate
from shared.archive import timers_set
from shared.causes import REQUEST, Branch, Step, command_step, following, lines, policy_command, timer_command, trees
from shared.envelope import SYSTEM_ROLE, Message, Recorded
from shared.ids import derived_id
from shared.repair import STREAMS as REPAIRS
from shared.traceparent import parse_traceparent
from tests.simulation.judging import require
from tests.simulation.oracle import PLACEMENT
from tests.simulation.oracle_allowance import ALLOWANCE
from tests.simulation.oracle_causes import by_itself as placement_by_itself
from tests.simulation.oracle_intake import INTAKE
from tests.simulation.oracle_post import NOTIFICATIONS
from tests.support.memory_store import Disk

if TYPE_CHECKING:
    from tests.simulation.world import World

AGGREGATES: Mapping[str, tuple[Aggregate[Any, Any, Any], ...]] = {
    PLACEMENT: (placement.AGGREGATE, placement.CALLS, placement.REGIMES),
    INTAKE: (intake.CLIENTS, intake.RETENTIONS, intake.WEEK_COUNTS, intake.CHECKS, intake.REPLIES),
    ALLOWANCE: (
        allowance.SEATS, allowance.ENTITLEMENTS, allowance.PAYROLLS, allowance.CLIENTS, allowance.HANDOUTS,
    ),
    NOTIFICATIONS: (notifications.RECIPIENTS,),
}  # fmt: skip
POLICIES: Mapping[str, tuple[str, ...]] = {
    PLACEMENT: (placement.HEARD.name,),
    INTAKE: (INTAKE_HEARD.name, INTAKE_SEATED.name),
    ALLOWANCE: allowance.POLICIES,
    NOTIFICATIONS: (notifications.NEWS, notifications.DUTY),
}
BY_THE_CLOCK = (intake.WEEK_COUNTS.decider.stream(""), intake.RETENTIONS.decider.stream(""))
"""Streams in which a site counts and looks by itself, whatever happens."""
ERASED_BY_ITSELF = ("backup_restored", "retention")


class Home(NamedTuple):
    """One service at one site."""

    site: str
    service: str
    disk: Disk


@dataclass
class Told:
    """What can be told of a world. stories: the trees, through files. cuts: messages that were cut."""

    stories: list[Branch]
    cuts: int


@dataclass
class Known:
    """What follows from what. causes: step ids by command id. itself: commands that somebody or something gave."""

    causes: dict[str, str] = field(default_factory=dict)
    itself: set[str] = field(default_factory=set)


def homes(world: World) -> list[Home]:
    """Whatever has stored anything, of the sites that are there still."""
    found = []
    for site in world.sites:
        disks = {PLACEMENT: site.disks[PLACEMENT], **site.known}
        if site.allowance is not None:
            disks[ALLOWANCE] = site.allowance
        found += [Home(site.name, service, disk) for service, disk in disks.items()]
    return found


def tell(world: World, worked_out: Callable[[Iterable[Home], AbstractSet[str]], Known] | None = None) -> Told:
    """Every story of a world at rest. Raises `Violation` when one cannot be told, or tells too much. worked_out: what
    follows from what, in place of `what_follows`.
    """
    there = homes(world)
    sent = {id_ for branch in world.oracle.sent.values() for id_ in branch.ids}.union(world.oracle.intake.told())
    told = [(home, message) for home in there for rows in home.disk.outbox.values() for message in rows]
    known = (worked_out or what_follows)(there, {message.id for _, message in told} | sent)
    events = {event.id for home in there for event in home.disk.events}
    steps: list[Step] = []
    for home in there:
        steps += [step for event in home.disk.events for step in _event_steps(home, event, known)]
    cuts = [(home, message) for home, message in told if message.causation_id == message.id]
    joins = {message.id: _behind(home, message) for home, message in cuts}
    begins = _first_of_epochs(there)
    for home, message in told:
        cause = joins.get(message.id, message.causation_id)
        if cause not in events:  # what an epoch begins with, and what a store that was put back has forgotten
            forgotten = home.site in world.oracle.restores or message.id in begins
            require(forgotten, "a message that no event led to", home.site, home.service, message)
        steps.append(_message_step(home, message, cause))
    stories = trees(steps)
    _whole(stories, steps, events | sent | {message.id for _, message in told})
    _cut(there, told, cuts)
    return Told(stories, len(cuts))


def _whole(stories: list[Branch], steps: list[Step], anybody: AbstractSet[str]) -> None:
    """Everything is in one story, and each begins with what can begin one."""
    for story in stories:
        root = story.step
        begins = root.kind == "command" and root.cause is None
        forgotten = root.kind == "message" or (root.cause is not None and root.cause in anybody)
        require(begins or forgotten, "a story without a beginning", root)
    reached = [branch.step.id for _, branch in lines(stories)]
    require(len(reached) == len(set(reached)) == len({step.id for step in steps}), "a step in no story, or in two")


def _event_steps(home: Home, event: Recorded, known: Known) -> Iterator[Step]:
    if event.stream.startswith(REPAIRS):
        return
    command = event.meta.causation_id
    cause = known.causes.get(command)
    if event.meta.role == SYSTEM_ROLE and cause is None:
        itself = command in known.itself or event.stream.startswith(BY_THE_CLOCK)
        require(itself, "an event nobody can say the cause of", home.site, home.service, event)
    at = command_step(command, home.site, home.service)
    yield Step(
        id=at, kind="command", site=home.site, service=home.service, name="command", at=event.recorded_at,
        where=REQUEST, cause=cause, role=event.meta.role,
    )  # fmt: skip
    yield Step(
        id=event.id, kind="event", site=home.site, service=home.service, name=event.type, at=event.recorded_at,
        cause=at,
    )  # fmt: skip


def _message_step(home: Home, message: Message, cause: str) -> Step:
    return Step(
        id=message.id, kind="message", site=home.site, service=home.service, name=message.type, at=message.time,
        cause=cause,
    )  # fmt: skip


# --- what follows from what -------------------------------------------------------------------------------------------


def what_follows(there: Iterable[Home], messages: AbstractSet[str]) -> Known:
    """messages: the ids of all that were ever told."""
    known = Known()
    for home in there:
        for name in POLICIES[home.service]:
            known.causes |= {policy_command(id_, name): id_ for id_ in messages}
        known.causes |= _timed(home)
        if home.service == PLACEMENT:
            known.itself |= placement_by_itself(home.site, home.disk)
        elif home.service == NOTIFICATIONS:
            known.causes |= _sent(home.disk)
        elif home.service == INTAKE:
            _of_files(home.disk, known)
    return known


def _timed(home: Home) -> dict[str, str]:
    """The commands of all timers that were ever set: by the event that set each."""
    aggregates = {aggregate.decider.name: aggregate for aggregate in AGGREGATES[home.service]}
    keys = defaultdict(list)
    for stream in home.disk.streams:
        keys[stream.partition("/")[0]].append(stream.partition("/")[2])
    found: dict[str, str] = {}
    for event in home.disk.events:
        for timer in timers_set(aggregates, event.stream, event.data):
            names = [*keys["location"], *keys["regime"]] if timer.kind in SPREADS else [timer.kind]
            for name in names:
                command = timer_command(timer.id, timer.due_at, name)
                found[command] = event.id
                if home.service == ALLOWANCE:  # it concerns every entitlement of a client, or of a handout
                    found |= {derived_id(command, key): event.id for key in keys[ENTITLEMENT.name]}
    return found


def _sent(disk: Disk) -> dict[str, str]:
    """What is written down after an attempt began, and the look at an address for it."""
    found: dict[str, str] = {}
    for event in disk.events:
        if event.stream.startswith(RECIPIENT.stream("")):
            began = RECIPIENT.codec.decode(event.data)
            if isinstance(began, post.SendingBegan):
                found |= {following(event.id, name): event.id for name in FOLLOWS}
                read = derived_id("read", began.message_id, str(began.attempt))
                found[derived_id("contact", read)] = event.id
    return found


def _of_files(disk: Disk, known: Known) -> None:
    """What a desk does by itself with files: it destroys keys, forgets, and places anew."""
    for event in disk.events:
        if not event.stream.startswith(CLIENT.stream("")):
            continue
        said = CLIENT.codec.decode(event.data)
        if isinstance(said, files.ClientErased):
            known.causes[derived_id("key-destroyed", said.client_id)] = event.id
            known.itself |= {derived_id(f"erase-{because}", said.client_id) for because in ERASED_BY_ITSELF}
        if isinstance(said, files.RequestPrioritized):
            known.itself.add(derived_id(f"rules-{said.rules_version}-{said.request_id}", said.client_id))


# --- files ------------------------------------------------------------------------------------------------------------


def is_file(service: str, stream: str) -> bool:
    """Whether a stream is somebody's file."""
    head, _, key = stream.partition("/")
    return (service, head) in {(INTAKE, CLIENT.name), (ALLOWANCE, ENTITLEMENT.name), (ALLOWANCE, SEATED.name)} or (
        service == NOTIFICATIONS and head == RECIPIENT.name and key not in ROLES
    )


def _behind(home: Home, message: Message) -> str:
    """The event because of which a message was told that does not say so: its own store knows."""
    said = json.loads(message.data)
    about = str(said.get("request_id", message.subject)).encode()
    for event in home.disk.events:
        if event.recorded_at == message.time and about in event.data:
            return event.id
    require(False, "a message that was cut has no event at its own site", home.site, home.service, message)
    raise AssertionError("unreachable")


def _first_of_epochs(there: Iterable[Home]) -> set[str]:
    """The messages with which an epoch after the first begins: they follow from its repair."""
    return {
        message.id
        for home in there
        for (epoch, _), rows in home.disk.outbox.items()
        if epoch > 1 and rows
        for message in rows
        if message.causation_id == rows[0].causation_id
    }


def _cut(
    there: Iterable[Home], told: Iterable[tuple[Home, Message]], cuts: Iterable[tuple[Home, Message]]
) -> None:  # fmt: skip
    """Nothing that goes to other sites says which of somebody's file it comes from."""
    inside: dict[str, set[str]] = defaultdict(set)
    for home in there:
        for event in home.disk.events:
            if is_file(home.service, event.stream):
                inside[home.site] |= {event.id, event.meta.causation_id}
                if event.meta.role != SYSTEM_ROLE:  # what others answer keeps the correlation they were written under
                    inside[home.site].add(event.meta.correlation_id)
    for home, message in told:
        if message.log == "pub":
            require(message.causation_id not in inside[home.site], "a chain goes on out of a file", message)
    for home, message in cuts:
        require(message.correlation_id not in inside[home.site], "a message says which file it is from", message)
        require(message.traceparent is None, "a message says in which trace a file was", message)


# --- spans ------------------------------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """One span as it ended. parent: None: it begins its trace. links: (trace, span)."""

    trace: int
    span: int
    parent: int | None
    name: str
    links: tuple[tuple[int, int], ...]


def no_orphans(spans: Iterable[Seen], there: Iterable[Home]) -> None:
    """Every span hangs on one that is there, in its own trace; so does whatever was stored and told."""
    spans = list(spans)
    known = {(one.trace, one.span) for one in spans}
    for one in spans:
        require(one.parent is None or (one.trace, one.parent) in known, "an orphan among spans", one)
        require(known.issuperset(one.links), "a span is linked to one that is nowhere", one)
    for home in there:
        for event in home.disk.events:
            if not event.stream.startswith(REPAIRS):
                _hangs(event.meta.traceparent, known, event, always=True)
        for rows in home.disk.outbox.values():
            for message in rows:
                _hangs(message.traceparent, known, message, always=False)


def _hangs(traceparent: str | None, known: AbstractSet[tuple[int, int]], about: object, *, always: bool) -> None:
    context = parse_traceparent(traceparent)
    if context is None:
        require(not always, "an event that is in no trace", about)
    else:
        require((context.trace_id, context.span_id) in known, "a trace nobody has seen", about)
