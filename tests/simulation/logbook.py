"""The logbook in the simulated network: one a site, that may be away, and whose acknowledgement may be lost; and what
has to be in it once all is at rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from services.allowance.app import files_of as allowance_files
from services.allowance.app_logbook import concerns_of as concerns_of_allowance
from services.allowance.app_logbook import paid
from services.allowance.decider_handout import HANDOUT
from services.intake.app_logbook import concerns_of as concerns_of_intake
from services.notifications.app import files_of as message_files
from services.notifications.app_logbook import concerns_of as concerns_of_messages
from services.notifications.policy import ROLES
from shared import schema
from shared.archive import Look
from shared.envelope import Recorded
from shared.logbook import EVENTS, READER, Concerns, Courier, Line, LogbookAway, Subjects, span_of
from shared.ports import BusUnavailable
from tests.simulation.judging import require
from tests.simulation.oracle_allowance import ALLOWANCE
from tests.simulation.oracle_intake import INTAKE
from tests.simulation.oracle_post import NOTIFICATIONS
from tests.support.memory_store import Disk

if TYPE_CHECKING:
    from tests.simulation.process import Process, WatchedStore

KEY = bytes(range(64))
SERVICES = (INTAKE, NOTIFICATIONS, ALLOWANCE)
Kept = dict[str, Line]


class SimLogbook:
    """Keeps a line once, whoever sends it how often. Whoever sends it may die before it hears that."""

    def __init__(self, process: Process, kept: Kept) -> None:
        self._process, self._kept = process, kept

    async def write(self, lines: Sequence[Line]) -> None:
        await self._io("logbook")
        for line in lines:
            known = self._kept.setdefault(line.span_id, line)
            require(known == line, "a line that was sent again says something else", line)
        await self._io("logbook-acknowledges")

    async def _io(self, what: str) -> None:
        try:
            await self._process.io(what)
        except BusUnavailable:
            raise LogbookAway("the simulation says so") from None


def courier_of(process: Process, store: WatchedStore, service: str) -> Courier:
    """A service's courier, as its `app.py` has it."""

    async def record(client_id: str, look: Look) -> None:
        raise AssertionError("nobody looks into files here")

    whom: dict[str, Concerns] = {
        INTAKE: concerns_of_intake(store),
        NOTIFICATIONS: concerns_of_messages(message_files(record)),
        ALLOWANCE: concerns_of_allowance(allowance_files(store, record)),
    }
    kept = process.site.logbook.setdefault(service, {})
    subjects = Subjects(KEY, process.site.name)
    return Courier(store, process.site.clock, SimLogbook(process, kept), subjects, whom[service])


def unsent(disks: Mapping[str, Disk]) -> Iterable[str]:
    """The services whose events have not all been looked through for lines."""
    for service, disk in disks.items():
        at = disk.tables.get(schema.cursors.name, {}).get((READER, EVENTS), (0,))[-1]
        if at != len(disk.events):
            yield f"{service} has sent lines up to {at} of {len(disk.events)}"


def every_processing_has_its_line(site: str, disks: Mapping[str, Disk], kept: Mapping[str, Kept]) -> None:
    """One to one, by other means than the product: what was done with people's data, and the lines that say so."""
    files = {event.id: event for event in disks[ALLOWANCE].events} if ALLOWANCE in disks else {}
    owners = dict(_owners(files.values()))
    for service, disk in disks.items():
        checked = dict(_checked(disk.events))
        done = {
            span_of(event.id, client): client
            for event in disk.events
            for client in _clients(service, event, owners, checked)
        }
        lines = kept.get(service, {})
        require(lines.keys() == done.keys(), "not a line for each processing", site, service,
                len(done.keys() - lines.keys()), len(lines.keys() - done.keys()))  # fmt: skip
        subjects = Subjects(KEY, site)
        for span, line in lines.items():
            require(subjects.find(line.subject) == done[span], "a line of somebody else", site, service, line)


def _owners(events: Iterable[Recorded]) -> Iterable[tuple[str, str]]:
    """Whose each entitlement is, from what was asked first."""
    for event in events:
        if event.type == "entitlement-asked.v1":
            asked = msgspec.json.decode(event.data)
            yield asked["entitlement_id"], asked["client_id"]


def _clients(service: str, event: Recorded, owners: Mapping[str, str], checked: Mapping[str, str]) -> Iterable[str]:
    kind, _, key = event.stream.partition("/")
    if service == ALLOWANCE and kind == "entitlement":
        return {owners[key]}
    if service == ALLOWANCE and kind == "handout":
        return {owners[id_] for id_ in paid(HANDOUT.codec.decode(event.data)) if id_ in owners}
    if service == NOTIFICATIONS and kind == "recipient":
        return () if key in ROLES else {key}
    if kind == "check":
        return {checked[key]} if key in checked else ()
    if event.type == "check-replied.v1":
        return set(msgspec.json.decode(event.data)["clients"])
    return {key} if kind == "client" else ()


def _checked(events: Iterable[Recorded]) -> Iterable[tuple[str, str]]:
    """Whom another desk was asked about, by the check."""
    for event in events:
        if event.type == "check-begun.v1":
            begun = msgspec.json.decode(event.data)
            yield begun["check_id"], begun["client_id"]
