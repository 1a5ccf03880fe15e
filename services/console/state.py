"""How a site is doing, as the screen for whoever is on call shows it: what its services say of themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.console.words import Words

STANDS_SECONDS = 10.0
"""What has not moved for so long stands still: twice as long as what services say of themselves may be old."""
SLOW_SECONDS = 0.5
"""A database that takes so long for what takes no time is slow."""
OLD_SECONDS = 60.0
"""Timers and letters out that wait so long are trouble."""

Said = Mapping[str, Mapping[str, Any] | None]
"""Service -> what it says of itself; None: it does not answer."""


@dataclass(frozen=True)
class ServiceLine:
    """One service. trouble: what is wrong with it, in words."""

    name: str
    epoch: str
    database: str
    timers: str
    worklist: int
    trouble: Sequence[str]


@dataclass(frozen=True)
class LogLine:
    """What a service tells on one log."""

    service: str
    log: str
    waits: str
    rate: str
    oldest: str
    alarm: bool


@dataclass(frozen=True)
class ReaderLine:
    """One reader and one origin; the first line of a reader carries what may be done with it (`acts`: what, words).

    replay: whether what it shows of this origin may be made anew from that origin's log.
    """

    service: str
    reader: str
    origin: str
    waits: str
    rate: str
    oldest: str
    note: str
    alarm: bool
    parked: int
    acts: Sequence[tuple[str, str]]
    replay: bool = False


@dataclass(frozen=True)
class LinkLine:
    """How another site is heard here."""

    site: str
    state: str
    words: str
    alarm: bool


@dataclass(frozen=True)
class ParkedLine:
    """A message that waits for somebody. message_id: its own, by which its cause is found; empty when it has none."""

    id: str
    message_id: str
    service: str
    reader: str
    origin: str
    what: str
    why: str
    since: str
    retries: int


@dataclass(frozen=True)
class State:
    """Everything the screen shows. quiet: nothing is wrong."""

    services: Sequence[ServiceLine]
    logs: Sequence[LogLine]
    readers: Sequence[ReaderLine]
    links: Sequence[LinkLine]
    parked: Sequence[ParkedLine]

    @property
    def quiet(self) -> bool:
        alarms = [
            *(log.alarm for log in self.logs),
            *(one.alarm for one in self.readers),
            *(to.alarm for to in self.links),
            *(line.worklist > 0 for line in self.services),
        ]
        return not (self.parked or any(alarms) or any(line.trouble for line in self.services))


def state(said: Said, views: Mapping[str, Sequence[str]], parked: Sequence[Mapping[str, Any]], words: Words) -> State:
    """views: by service, what can be made anew. parked: as the services list it."""
    answers = [(name, one) for name, one in said.items() if one is not None]
    return State(
        [_service(name, one, words) for name, one in said.items()],
        [_log(name, log, words) for name, one in answers for log in one["logs"]],
        [line for name, one in answers for reader in one["readers"]
         for line in _reader(name, reader, views.get(name, ()), words)],
        _links(answers, words),
        [_parked(row, words) for row in parked],
    )  # fmt: skip


def _service(name: str, one: Mapping[str, Any] | None, words: Words) -> ServiceLine:
    if one is None:
        return ServiceLine(name, "", "", "", 0, [words("state.silent")])
    trouble = []
    if one["halted"]:
        trouble.append(words("state.halted"))
    if not one["database"]:
        trouble.append(words("state.no_database"))
    elif one["database_seconds"] > SLOW_SECONDS:
        trouble.append(words("state.slow_database"))
    if not one["bus"]:
        trouble.append(words("state.no_bus"))
    if one["timers_late_seconds"] > OLD_SECONDS:
        trouble.append(words("state.timers_late"))
    if one["logbook_waiting_seconds"] > OLD_SECONDS:
        trouble.append(words("state.logbook_away"))
    now, wanted = one["versions"]["schema_now"], one["versions"]["schema_wanted"]
    if now is not None and now != wanted:
        trouble.append(words("state.schema", now=now, wanted=wanted))
    database = words("state.milliseconds", n=f"{one['database_seconds'] * 1000:.0f}")
    late = words.duration(one["timers_late_seconds"]) if one["timers_late_seconds"] else ""
    return ServiceLine(name, str(one["epoch"]), database, late, one["worklist"], trouble)


def _log(service: str, log: Mapping[str, Any], words: Words) -> LogLine:
    waits = log["outbox"] - (log["published"] or 0)
    pace = log["pace"]
    return LogLine(
        service, log["log"], words.number(waits), _rate(pace, words), _age(pace, words),
        waits > 0 and pace["standing_seconds"] > STANDS_SECONDS,
    )  # fmt: skip


def _reader(
    service: str, reader: Mapping[str, Any], views: Sequence[str], words: Words
) -> list[ReaderLine]:  # fmt: skip
    name: str = reader["view"]
    lines: list[ReaderLine] = []
    acts = ["resume" if reader["paused"] else "pause", *(["rebuild"] if name in views else [])]
    for origin in sorted({*reader["pace"], *reader["incomplete"]}) or [""]:
        pace = reader["pace"].get(origin)
        code, waits = reader["incomplete"].get(origin, ""), reader["behind"].get(origin, 0)
        stands = pace is not None and waits > 0 and pace["standing_seconds"] > STANDS_SECONDS
        first = not lines
        note = words("state.paused") if reader["paused"] and first else ""
        if code:
            note = words("state.incomplete", code=code)
        elif stands and not reader["paused"]:
            note = words("state.stands", duration=words.duration(pace["standing_seconds"]))
        lines.append(ReaderLine(
            service, name, origin, words.number(waits), "" if pace is None else _rate(pace, words),
            "" if pace is None else _age(pace, words), note, bool(code or stands or (reader["paused"] and first)),
            reader["parked"] if first else 0,
            [(act, words(f"state.do_{act}")) for act in acts] if first else [],
            replay=bool(origin) and name in views,
        ))  # fmt: skip
    return lines


@dataclass(frozen=True)
class Would:
    """What an act would come to, in words. refused: it would not be done."""

    text: str
    detail: str
    refused: bool


def would(act: str, service: str, on: str, said: Mapping[str, Any], refused: str, words: Words) -> Would:
    """said: what the service answers when it is asked beforehand. refused: the code with which it would refuse."""
    text = words(f"state.would_{act}", service=service, on=on)
    if refused:
        return Would(text, words("state.would_be_refused", code=refused), refused=True)
    detail = ""
    if act == "replay":
        differs = said["changed"] or said["gone"] or said["unmarked"]
        facts = {name: said[name] for name in ("origin", "messages", "changed", "gone", "unmarked")}
        detail = words("state.replay_differs" if differs else "state.replay_same", **facts)
    elif act == "retry":
        digested = said["outcome"] in ("digested", "duplicate")
        detail = words("state.retry_goes" if digested else "state.retry_stays", code=said["outcome"])
    elif act == "discard":
        last, marked = said["to_sequence"], "state.discard_marks" if said["marked"] else "state.discard_goes"
        facts = {"origin": said["origin"], "first": said["from_sequence"], "last": last}
        detail = words(marked, **facts) if last else words("state.discard_nothing")
    elif act == "refill":
        whole = said["told"] == said["on_bus"]
        detail = words(
            "state.refill_whole" if whole else "state.refill_counts", told=said["told"], on_bus=said["on_bus"]
        )
    elif act == "rebuild" and said["incomplete"]:
        detail = words("state.rebuild_incomplete", origins=", ".join(sorted(said["incomplete"])))
    return Would(text, detail, refused=False)


def worst_links(answers: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The worst that any service of this site says of another site: each has a connection of its own."""
    worst: dict[str, Mapping[str, Any]] = {}
    order = ("live", "late", "silent", "unknown")
    for one in answers:
        for link in one["links"]:
            known = worst.get(link["site"])
            if known is None or order.index(link["state"]) > order.index(known["state"]):
                worst[link["site"]] = link
    return worst


def _links(answers: Sequence[tuple[str, Mapping[str, Any]]], words: Words) -> list[LinkLine]:
    worst = worst_links(one for _, one in answers)
    lines = []
    for site, link in sorted(worst.items()):
        silent = link["silent_seconds"]
        told = words("state.never_heard") if silent is None else words("state.heard", duration=words.duration(silent))
        lines.append(LinkLine(site, link["state"], told, link["state"] != "live"))
    return lines


def _parked(row: Mapping[str, Any], words: Words) -> ParkedLine:
    what = row["type"].split(".")[3] if row["type"].count(".") > 3 else words("state.unknown_type")
    number = f" {row['sequence']}" if row["sequence"] else ""
    return ParkedLine(
        row["id"], row["message_id"], row["service"], row["reader"], row["origin"],
        f"{row['log']}{number} {what}", row["code"], row["parked_at"][:16].replace("T", " "), row["retries"],
    )  # fmt: skip


def _rate(pace: Mapping[str, Any], words: Words) -> str:
    return words("state.per_second", n=f"{pace['per_second']:.1f}")


def _age(pace: Mapping[str, Any], words: Words) -> str:
    return words.duration(pace["oldest_seconds"]) if pace["oldest_seconds"] else ""
