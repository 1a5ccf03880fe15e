"""What must be true of clients' files, by other means than the product: a file asks for one thing at a time, whoever is
erased stays so and takes the key along, and nobody outside learns more than a notice says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from services.intake import events as ev
from services.intake import events_guidance as guide
from services.intake import events_handover as over
from services.intake import events_offers as oe
from services.intake import events_weeks as week
from services.intake.decider import CLIENT, WEEKS
from services.intake.policy import COUNTING, FLOW
from services.placement.ranking import rank_requests
from services.placement.views_waiting import WAITING, waiting, waiting_of
from shared import schema
from shared.contracts.intake import FlowsTold, UnmetTold, WeekTold
from shared.envelope import Message, Recorded
from shared.ports import Put, RowChange
from tests.simulation.judging import require
from tests.simulation.oracle_alias import Aliases
from tests.simulation.oracle_checks import ASKS, REPLIES, Checks
from tests.simulation.oracle_flows import Flows, Household
from tests.simulation.oracle_handover import TAKINGS, HandOvers
from tests.simulation.oracle_offers import Slot
from tests.simulation.oracle_unlinked import told_by, unlinked
from tests.support.memory_keys import KeyDisk
from tests.support.memory_store import Disk

INTAKE = "intake"
TO_COUNT = (ev.ClientRegistered, guide.TrajectoryEnded, guide.ReferralMade, ev.RequestUnmet)
"""What belongs to a week: counted once, and until then a timer stands for it."""
OF_WEEKS = (WeekTold.type_name, UnmetTold.type_name, FlowsTold.type_name)
FILES = CLIENT.stream("")


@dataclass
class Known:
    """One file: its open request and trajectory, if there are any, its referrals, which of whose appointments are to
    come (by their turns), and how far it is erased."""

    version: int = 0
    open: str | None = None
    erased: bool = False
    key_gone: bool = False
    way: str | None = None
    referrals: dict[str, str] = field(default_factory=dict)
    expected: dict[str, int] = field(default_factory=dict)
    unmet: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    slot: Slot = field(default_factory=lambda: Slot({}))

    def take(self, event: ev.ClientEvent) -> None:
        """Takes one event in, and refuses what must not be."""
        self.version += 1
        if isinstance(event, oe.OfferEvent):
            self._offer(event)
            return
        match event:
            case ev.ClientRegistered():
                require(self.version == 1, "a file began twice", event)
            case over.FileTakenOver():
                require(self.version == 1, "a file began twice", event)
                self.way = next((way.id for way in event.trajectories if way.ended_at is None), None)
                self.referrals = {each.id: each.state for each in event.referrals}
            case guide.AppointmentMade() if event.known:  # with the file
                self.expected[event.appointment_id] = event.turn
            case ev.KeyDestroyed():
                require(self.erased and not self.key_gone, "a key went before its file, or twice", event)
                self.key_gone = True
            case ev.RequestOpened():
                require(not self.erased and self.open is None, "a file asks for two things at once", event)
                self.open = event.request_id
                self.asked.append(event.request_id)
                if event.counted:
                    self.found.add(event.request_id)
            case ev.RequestUnmet():
                once = self.open == event.request_id and event.request_id not in self.unmet | self.found
                require(once, "a need counts twice, or though a place was offered", event)
                self.unmet.add(event.request_id)
            case ev.RequestWithdrawn():
                require(self.open == event.request_id, "a request ended that is not open", event)
                self.open = None
            case ev.ClientErased():
                require(not self.erased and self.open is None, "a file was erased twice, or while it asks", event)
                self.erased = True
            case _:
                require(not self.erased, "something happened to an erased file", event)
                self._guided(event)

    def _guided(self, event: ev.ClientEvent) -> None:
        """One trajectory at a time, and a referral that ended stays so."""
        match event:
            case guide.TrajectoryStarted():
                require(self.way is None, "a client is guided twice at once", event)
                self.way = event.trajectory_id
            case guide.MilestoneReached():
                require(self.way == event.trajectory_id, "a step on a way that is over", event)
            case guide.TrajectoryEnded():
                require(self.way == event.trajectory_id, "a trajectory ended that is not open", event)
                self.way = None
            case guide.ReferralMade():
                require(event.referral_id not in self.referrals, "a referral was made twice", event)
                self.referrals[event.referral_id] = "made"
            case guide.ReferralFollowed():
                require(self.referrals[event.referral_id] != "ended", "a referral went on that had ended", event)
                self.referrals[event.referral_id] = event.state
            case guide.AppointmentMade():
                agreed = self.referrals[event.appointment_id] == "appointment"
                require(agreed, "an appointment of nothing", event)
                moved = event.replaces == self.expected.get(event.appointment_id)
                require(moved, "an appointment that is moved, and not from where it was", event)
                self.expected[event.appointment_id] = event.turn
            case guide.AppointmentEnded():
                require(self.expected.pop(event.appointment_id) == event.turn, "another appointment ended", event)
                require(self.referrals[event.appointment_id] != "appointment", "an appointment ended too early", event)

    def _offer(self, event: oe.OfferEvent) -> None:
        """An erased file answers owners and hears them; it takes nothing."""
        self.slot.take(event)
        if isinstance(event, oe.OfferReceived) and event.fits:
            self.found.add(event.request_id)
        require(not (self.erased and isinstance(event, oe.OfferAccepted)), "an erased file took an offer", event)
        if isinstance(event, oe.RequestPlaced):
            require(self.open == event.request_id, "a request was placed that is not open", event)
            self.open = None


@dataclass
class Judged:
    disk: Disk
    keys: KeyDisk
    events: int = 0
    told: int = 0
    sent: int = 0
    files: dict[str, Known] = field(default_factory=dict)
    to_count: int = 0
    counted: dict[Any, int] = field(default_factory=dict)
    stored: dict[str, Recorded] = field(default_factory=dict)
    inside: set[str] = field(default_factory=set)
    outside: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    flows: Flows = field(default_factory=Flows)


class IntakeOracle:
    """The part of the judge that looks at intakes, and at who waits everywhere."""

    def __init__(self) -> None:
        self._sites: dict[str, Judged] = {}
        self.checks, self.handed, self.aliases = Checks(), HandOvers(), Aliases()
        self.answers: dict[str, tuple[str, list[str], list[str] | None]] = {}
        """By key: the site, the commands sent under it, and the events that were answered; None: nobody stayed to hear
        it."""

    def begin(self, site: str, disk: Disk, keys: KeyDisk) -> None:
        self._sites[site] = Judged(disk, keys)

    def files(self, site: str) -> dict[str, Known]:
        """The files of a site by id."""
        return self._sites[site].files

    def stored(self, site: str) -> None:
        """After every append at an intake's store."""
        known = self._sites[site]
        for event in known.disk.events[known.events :]:
            known.events += 1
            require(event.position == known.events, "a position with a hole", site, event.position)
            known.stored[event.id] = event
            known.inside |= {event.id, event.meta.correlation_id, event.meta.causation_id}
            if event.stream.startswith(FILES):
                client_id = event.stream.removeprefix(FILES)
                known.inside.add(client_id)
                file = known.files.setdefault(client_id, Known())
                happened = CLIENT.codec.decode(event.data)
                file.take(happened)
                known.flows.households.setdefault(client_id, Household()).take(happened, file.slot)
                self.checks.file(site, happened)
                self.handed.file(site, happened)
                self.aliases.file(happened, file.slot, erased=file.erased)
                if isinstance(happened, over.FileTakenOver):
                    before = self.handed.begun[happened.hand_over_id].client_id
                    self.checks.people[client_id] = self.checks.person(before)
                known.to_count += isinstance(happened, TO_COUNT)
                require(event.version == file.version, "a version with a hole", site, event.stream, event.version)
            elif event.stream.startswith((ASKS, REPLIES)):
                self.checks.take(site, event)
            elif event.stream.startswith(TAKINGS):
                self.handed.take(site, event)
            elif event.stream.startswith(WEEKS.stream("")):
                counts = WEEKS.codec.decode(event.data)
                if isinstance(counts, week.WeekCounted):
                    known.flows.counted[counts.week] = counts.flows
                    once = [*counts.referrals.values(), *counts.outcomes.values(), *counts.unmet.values()]
                    known.counted[counts.week] = counts.registrations + sum(once) + counts.unreadable
        self.handed.stored()
        timers = [id_ for id_, *_ in known.disk.tables.get(schema.timers.name, {}).values()]
        left = sum(id_.startswith(COUNTING) and not id_.startswith(f"{COUNTING}{FLOW}/") for id_ in timers)
        require(
            sum(known.counted.values()) + left == known.to_count, "something is counted twice, or never", site,
            known.counted, left, known.to_count,
        )  # fmt: skip
        for message in known.disk.outbox.get((1, "pub"), [])[known.told :]:
            known.told += 1
            self._notice(known, message)

    @staticmethod
    def _notice(known: Judged, message: Message) -> None:
        """Nothing of a notice leads to a file, or to another notice of it; nor does what is told of a week."""
        said = msgspec.json.decode(message.data)
        marks = {message.id, message.correlation_id}
        if "sealed" in said:  # a letter: all it shows is whom it is to, and the offer's id
            require(set(said) == {"to", "request_id", "sealed"}, "a letter shows more", message)
            require(message.causation_id == message.id and message.traceparent is None, "a letter says why", message)
            require(not marks & (known.inside | known.outside), "a letter can be joined to something", message)
            known.outside |= marks
            return
        require(message.causation_id == message.id, "a notice says what it comes from", message)
        subject = said["week"] if message.type in OF_WEEKS else said["request_id"]
        require(message.traceparent is None and message.subject == subject, "a notice says more", message)
        require(not marks & (known.inside | known.outside), "a notice can be joined to something", message)
        known.outside |= marks
        if message.type == FlowsTold.type_name:
            flows = {f"{each['came_from']}>{each['went_to']}": each["count"] for each in said["flows"]}
            known.flows.told[said["week"]] = {word: count for word, count in flows.items() if count}
            return
        if message.type == UnmetTold.type_name:
            parts = sum(each["count"] for each in said["kinds"])
            require(parts == said["total"], "needs do not add up", message)
            return
        if message.type == WeekTold.type_name:
            small = [each["count"] for each in said["referrals"] if each["count"] is not None]
            require(all(not 0 < count < 5 for count in small), "a small count was told", message)
            return
        require(said["request_id"] not in known.closed, "a request was told of after it was closed", message)
        if said["status"] == "closed":
            known.closed.add(said["request_id"])

    def published(self, site: str, sequence: int, message: Message) -> None:
        """A message on the intake's log is the outbox row with its number."""
        rows = self._sites[site].disk.outbox.get((1, message.log), [])[sequence - 1 : sequence]
        require(bool(rows) and rows[0].id == message.id, "a message that is no outbox row", site, message)

    def read(self, site: str, disk: Disk, rows: Sequence[RowChange]) -> None:
        """After every append of the list of who waits: every origin it moved is shown as that had told it by then."""
        for row in rows:
            if isinstance(row, Put) and row.table is schema.checkpoints and row.values[0] == WAITING.name:
                self.shows(site, disk, row.values[1])

    def shows(self, site: str, disk: Disk, origin: str) -> None:
        """One origin's requests as one site lists them. A list that does without a message is not judged."""
        teller, _, service = origin.partition("/")
        at = disk.tables.get(schema.checkpoints.name, {}).get((WAITING.name, origin, "pub"))
        marked = any(key[0] == WAITING.name for key in disk.tables.get(schema.discarded.name, {}))
        if service != INTAKE or at is None or marked:
            return
        wanted: dict[str, tuple[int, str]] = {}
        for message in self._sites[teller].disk.outbox.get((1, "pub"), [])[: at[4]]:
            said = msgspec.json.decode(message.data)
            if message.type in OF_WEEKS or "sealed" in said:
                continue
            wanted.pop(said["request_id"], None)
            if said["status"] != "closed":
                wanted[said["request_id"]] = (said["priority_band"], said["status"])
        shown = {key[1]: (row[6], row[9]) for key, row in disk.tables.get(waiting.name, {}).items() if key[0] == origin}
        require(shown == wanted, "a waiting list does not show what was told", site, origin, at, shown, wanted)

    def under_way(self, site: str, sent: dict[str, int]) -> list[str]:
        """What an intake has still to do. sent: messages on its logs."""
        known = self._sites[site]
        told = {log: len(known.disk.outbox.get((1, log), ())) for log in ("pub", "loc")}
        left = [f"{site}/intake has told {told[log]} on {log} and relayed {sent[log]}" for log in told
                if told[log] != sent[log]]  # fmt: skip
        return left + [f"the key of {id_} is still there" for id_, file in known.files.items()
                       if file.erased and not file.key_gone]  # fmt: skip

    def told(self) -> list[str]:
        """The ids of everything intakes have told the network."""
        return [message.id for known in self._sites.values() for message in known.disk.outbox.get((1, "pub"), ())]

    def disk(self, site: str) -> Disk:
        """What the intake of a site has stored."""
        return self._sites[site].disk

    def slots(self) -> dict[str, dict[str, Slot]]:
        """The slot of every file, by site."""
        return {site: {id_: file.slot for id_, file in known.files.items()} for site, known in self._sites.items()}

    def guests(self, house: str) -> dict[str, list[str]]:
        """The offers by which somebody lives at a site, as far as their desks know, by the site of the desk."""
        homes = {
            desk: [slot.home for slot in slots.values() if slot.home and slot.offers[slot.home].site == house]
            for desk, slots in self.slots().items()
        }
        return {desk: offers for desk, offers in homes.items() if offers}

    def gone(self) -> dict[str, dict[str, Any]]:
        """What is on each desk's list of destroyed keys."""
        return {site: dict(known.keys.gone) for site, known in self._sites.items()}

    def people(self) -> dict[str, list[str]]:
        """By file: every id that its client's requests, offers and checks go by outside."""
        every = {
            id_: [*file.asked, *file.slot.offers] for known in self._sites.values() for id_, file in known.files.items()
        }
        for check_id, check in self.checks.asked.items():
            every[check.client_id].append(check_id)
        for client_id in list(every):  # whoever was handed over is one person, at whatever desks
            first = self.handed.first_of(client_id)
            if first != client_id:
                every[first] += every.pop(client_id)
        return every

    def handed_over(self) -> int:
        """How many files went to another desk."""
        return len(self.handed.taken)

    def moves(self) -> int:
        """How many clients were transferred."""
        return sum(slot.moves for slots in self.slots().values() for slot in slots.values())

    def flows(self) -> int:
        """How many households were elsewhere at the end of a week than when it began."""
        return sum(known.flows.moved for known in self._sites.values())

    def offers(self) -> dict[str, int]:
        """How many offers desks have heard of, by the owner's last word."""
        words = [
            offer.word for slots in self.slots().values() for slot in slots.values() for offer in slot.offers.values()
        ]
        return dict(sorted(Counter(words).items()))

    def rest(self, disks: dict[str, Disk], seats: Iterable[Disk]) -> None:
        """All lists are one list, of exactly those who ask; keys are there for whoever is, and for nobody else."""
        self.checks.rest(self._sites.keys())
        self.handed.rest()
        intakes = [known.disk for known in self._sites.values()]
        unlinked(told_by([*disks.values(), *seats, *intakes]), self.people())
        asking = {file.open for known in self._sites.values() for file in known.files.values() if file.open}
        lists: dict[str, list[Any]] = {}
        names = list(waiting.columns.keys())
        for site, disk in disks.items():
            rows = [dict(zip(names, row, strict=True)) for row in disk.tables.get(waiting.name, {}).values()]
            lists[site] = rank_requests(map(waiting_of, rows))
            require({one.request_id for one in lists[site]} == asking, "not everybody who asks waits", site)
        first = next(iter(lists.values()))
        require(all(one == first for one in lists.values()), "two sites at rest have another order", lists)
        for site, known in self._sites.items():
            there = {id_ for id_, file in known.files.items() if not file.erased}
            for file in known.files.values():
                known_need = file.open is None or file.open in file.unmet | file.found
                require(known_need, "a request waits for days and counts as no need", site, file.open)
            gone = known.files.keys() - there
            require(there <= known.keys.keys.keys(), "a client's key is lost", site, there - known.keys.keys.keys())
            require(not gone & known.keys.keys.keys(), "an erased client's key is there", site)
            require(gone <= known.keys.gone.keys(), "an erased client is not on the list", site)
            require(sum(known.counted.values()) == known.to_count, "not everything is counted", site, known.counted)
            known.flows.rest(site)
        for site, attempts, answered in self.answers.values():
            stored = self._sites[site].stored.values()
            caused = [event for event in stored if event.meta.causation_id in attempts]
            commands = {event.meta.causation_id for event in caused}
            require(len(commands) <= 1, "one key, more than one effect", site, commands)
            ids = sorted(event.id for event in caused)
            require(
                answered is None or ids == sorted(answered), "another effect than was answered", site, ids, answered
            )
