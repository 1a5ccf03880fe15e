"""The judge: watches every effect of the world and knows, by other means than the product, what must then be true."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from services.placement import views, views_calls
from services.placement.app import AGGREGATE, BOARD_TABLES
from services.placement.app import HEARD as LETTERS
from services.placement.decider import LOCATION
from services.placement.decider_regimes import REGIME
from services.placement.events import CODEC
from services.placement.views_capacity import CAPACITY, digest, figure_history, figures, series_of
from services.placement.views_waiting import WAITING
from shared import schema
from shared.envelope import LOGS, Log, Recorded, stream_name
from shared.epochs import Examined
from shared.forward import CALL, CallMade
from shared.inbox import View
from shared.kernel import Rejected
from shared.parked import NEW
from shared.ports import Put, RowChange
from shared.repair import CODEC as REPAIR_CODEC
from shared.repair import STREAMS as REPAIRS
from shared.repair import MessageDiscarded
from tests.simulation.heard import HEARD, heard
from tests.simulation.oracle_allowance import ALLOWANCE, AllowanceOracle
from tests.simulation.oracle_calls import Asked, agree
from tests.simulation.oracle_causes import every_effect_has_a_cause
from tests.simulation.oracle_house import House, require
from tests.simulation.oracle_intake import INTAKE, IntakeOracle
from tests.simulation.oracle_kept import every_timer, nobody_overstays
from tests.simulation.oracle_offers import at_rest as offers_at_rest
from tests.simulation.oracle_offers import disagree
from tests.simulation.oracle_post import PostOracle
from tests.simulation.oracle_regimes import Known, everywhere_over
from tests.simulation.oracle_told import Branch, Rows
from tests.support.memory_bus import CITY, MemoryBus
from tests.support.memory_store import Disk

PLACEMENT, CONSOLE = "placement", "console"
CALLS, REGIMES = CALL.stream(""), REGIME.stream("")
JUDGED = (CAPACITY.name, HEARD.name)
"""The views whose every row this judge knows; that of who waits is its colleague's (`oracle_intake.py`)."""

Told = tuple[str, int, Log]
"""site, epoch, log"""


@dataclass
class Ack:
    """What a caller was answered: it must stay true. attempts: the ids of every command sent under this key."""

    site: str
    key: tuple[str, str]
    attempts: list[str]
    events: list[tuple[str, str]]
    rejected: Rejected | None


@dataclass
class Judged:
    """What the judge knows of one site's store."""

    disk: Disk
    events: int = 0
    causes: dict[str, str] = field(default_factory=dict)
    houses: dict[str, House] = field(default_factory=dict)
    ids: dict[str, Recorded] = field(default_factory=dict)
    calls: dict[str, Asked] = field(default_factory=dict)
    regimes: dict[str, Known] = field(default_factory=dict)


class Oracle:
    """Raises `Violation` the moment something is not as it must be."""

    def __init__(self, bus: MemoryBus, disks: Callable[[], Iterable[Disk]]) -> None:
        self._bus, self._disks = bus, disks
        self._sites: dict[str, Judged] = {}
        self._kept: dict[Told, Branch] = {}  # what the outbox on the disk says
        self.sent: dict[Told, Branch] = {}  # what was ever published
        self.acks: dict[tuple[str, str], Ack] = {}
        self.checks = 0
        self.restores: set[str] = set()
        self.intake = IntakeOracle()
        self.post = PostOracle()
        self.allowance = AllowanceOracle()
        self.left: set[str] = set()

    # --- a store changed ----------------------------------------------------------------------------------------------

    def begin(self, site: str, disk: Disk) -> None:
        """Judges a disk from its first event: a new one, or a backup that was put back."""
        self._sites[site] = Judged(disk)
        for (origin, epoch, log), branch in self._kept.items():
            if origin == site:
                branch.cut(len(disk.outbox.get((epoch, log), ())))
        self.stored(site, ())

    def restored(self, site: str, disk: Disk) -> None:
        """A backup was put back: what was answered after it was made is lost, and only that."""
        for key in [ack.key for ack in self.acks.values() if ack.site == site and ack.key not in disk.keys]:
            del self.acks[key]
        self.restores.add(site)
        self.begin(site, disk)

    def stored(self, site: str, rows: Sequence[RowChange]) -> None:
        """After every append at a site's placement store."""
        self.checks += 1
        known = self._sites[site]
        disk = known.disk
        touched: dict[str, House] = {}
        for event in disk.events[known.events :]:
            known.events += 1
            require(event.position == known.events, "a position with a hole", site, event.position)
            require(event.id not in known.ids, "an event id twice", site, event.id)
            known.ids[event.id] = event
            if event.stream.startswith(REPAIRS):
                continue
            if event.stream.startswith(CALLS):
                self._call(known, event)
                continue
            if event.stream.startswith(REGIMES):
                word = REGIME.codec.decode(event.data)
                known.regimes.setdefault(word.regime_id, Known()).take(word)
                continue
            name = event.stream.removeprefix("location/")
            house = touched[name] = known.houses.setdefault(name, House())
            house.take(CODEC.decode(event.data))
            require(event.version == house.version, "a version with a hole", site, event.stream, event.version)
        figures_told = self._keep(site, disk)
        for name, house in touched.items():
            house.kept.settled(house)
            shown = {key[1:]: (*row[3:9], row[9]) for key, row in figures_told.items() if key[0] == name}
            require(shown == house.counts(), "the figures told are not a recount of the events", shown, house.counts())
            weeks = self._kept[site, disk.epoch, "pub"].weeks[-1]
            came = {key[1:]: row for key, row in weeks.items() if key[0] == name}
            require(came == house.kept.weeks(house), "a week of sessions is not a recount of events", came, house.name)
        self._board(known, rows)
        every_timer(site, disk.tables.get(schema.timers.name, {}), known.houses, known.calls)

    @staticmethod
    def _call(known: Judged, event: Recorded) -> None:
        call_id, decoded = event.stream.removeprefix(CALLS), CALL.codec.decode(event.data)
        if event.version == 1:
            require(isinstance(decoded, CallMade), "a call that nobody made", event)
            assert isinstance(decoded, CallMade)
            known.calls[call_id] = Asked(decoded.site, decoded.body["location"], decoded.expires_at)
        else:
            known.calls[call_id].take(decoded)
        require(event.version == known.calls[call_id].version, "a version with a hole", event.stream, event.version)

    def regimes(self, site: str) -> dict[str, Known]:
        """The regimes a site knows of."""
        return self._sites[site].regimes

    def _keep(self, site: str, disk: Disk) -> Rows:
        """Takes the new outbox rows in; returns the figures as they stand after the last."""
        for log in LOGS:
            branch = self._kept.setdefault((site, disk.epoch, log), Branch())
            rows = disk.outbox.get((disk.epoch, log), [])
            for message in rows[len(branch.ids) :]:
                require(message.origin.epoch == disk.epoch, "a row of another epoch", message)
                branch.add(message)
        return self._kept[site, disk.epoch, "pub"].as_of[-1]

    def _board(self, known: Judged, rows: Iterable[RowChange]) -> None:
        """The inline rows of this append say what the events say."""
        for row in rows:
            if not isinstance(row, Put):
                continue
            if row.table is views.places:
                place_id, location, status = row.values[0], row.values[1], row.values[6]
                house = known.houses[location]
                bed = house.beds.get(place_id)
                require(status == (bed.status(house) if bed else "closed"), "a place on the board is not as it is", row)
            elif row.table is views.holds:
                hold_id, location, status = row.values[0], row.values[1], row.values[6]
                house = known.houses[location]
                require(status == house.ended.get(hold_id, "active"), "a hold on the board is not as it is", row)
                offer = house.offers.get(hold_id)
                asked_by = house.guests.get(hold_id, (None,))[0] if offer is None else offer.site
                require(
                    row.values[10:12] == (asked_by, None if offer is None else hold_id),
                    "a hold is expected from another site than asked for it",
                    row,
                )
            elif row.table is views_calls.remote_holds:
                require(row.values[6] == known.calls[row.values[0]].status, "a call is not shown as it is", row)

    # --- a log grew ---------------------------------------------------------------------------------------------------

    def published(self, site: str, name: str) -> None:
        """After a message was put on an origin's log: it is the outbox row with its number, and the first of that
        number.
        """
        self.checks += 1
        log: Log = "pub" if name.startswith("PUB_") else "loc"
        stream = self._bus.stream(site, name).messages
        message = stream[-1].read.message
        assert message is not None
        if message.origin.service == INTAKE:
            self.intake.published(site, len(stream), message)
            return
        if message.origin.service == ALLOWANCE:
            self.allowance.published(site, len(stream), message)
            return
        disk = self._sites[site].disk
        row = disk.outbox.get((message.origin.epoch, log), [])[message.sequence - 1 : message.sequence]
        require(bool(row) and row[0].id == message.id, "a message that is no outbox row", site, message)
        require(message.sequence == len(stream), "a message that is not at its row's place", site, message.sequence)
        branch = self.sent.setdefault((site, message.origin.epoch, log), Branch())
        if message.sequence <= len(branch.ids):
            known = branch.ids[message.sequence - 1]
            if known != message.id:
                forked = self._evidence(site, message.origin.epoch, log, message.sequence)
                require(not forked, "history forked: one row, two messages", site, message.sequence)
                branch.cut(message.sequence - 1)  # what was told there is nowhere any more
                branch.add(message)
        else:
            branch.add(message)

    # --- a view changed -----------------------------------------------------------------------------------------------

    def read(self, site: str, service: str, disk: Disk, rows: Sequence[RowChange]) -> None:
        """After every append of a reader: each origin it moved shows what that origin told as of the checkpoint."""
        self.checks += 1
        self.intake.read(site, disk, rows)
        moved = dict.fromkeys(
            (row.values[0], row.values[1])
            for row in rows
            if isinstance(row, Put) and row.table is schema.checkpoints and row.values[0] in JUDGED
            and row.values[1].endswith(f"/{PLACEMENT}")
        )  # fmt: skip
        for view, origin in moved:
            self._view(site, service, disk, CAPACITY if view == CAPACITY.name else HEARD, origin)

    def _view(self, site: str, service: str, disk: Disk, view: View, origin: str) -> None:
        log: Log = "pub" if view is CAPACITY else "loc"
        table = figures if view is CAPACITY else heard
        checkpoint = disk.tables.get(schema.checkpoints.name, {}).get((view.name, origin, log))
        epoch, sequence = (checkpoint[3], checkpoint[4]) if checkpoint else (0, 0)
        width = len(schema.key_columns(table))
        shown = {key[1:]: row[width:] for key, row in disk.tables.get(table.name, {}).items() if key[0] == origin}
        teller = origin.split("/")[0]
        own = (teller, service) == (site, PLACEMENT)
        if own:
            self._keep(site, disk)  # a repair that is still under way may have begun an epoch
        branches = self._kept if own else self.sent
        branch = branches.get((teller, epoch, log), Branch())
        require(
            sequence < len(branch.as_of), "a view is ahead of what was told", site, view.name, origin, epoch, sequence
        )
        gone = self._gone(disk, view.name, origin, epoch, log)
        wanted = branch.without(gone, sequence) if gone else branch.as_of[sequence]
        require(shown == wanted, "a view does not show what its origin told", site, service, view.name, origin, epoch,
                sequence, gone, _difference(shown, wanted))  # fmt: skip

    @staticmethod
    def _gone(disk: Disk, view: str, origin: str, epoch: int, log: Log) -> set[int]:
        """Which messages a view does without: its marks say so, and each of them is history."""
        names = list(schema.discarded.columns.keys())
        acts = [REPAIR_CODEC.decode(event.data) for event in disk.streams.get(REPAIRS + view, ())]
        let_go = {(a.origin, a.log, a.epoch, a.from_sequence, a.to_sequence) for a in acts
                  if isinstance(a, MessageDiscarded)}  # fmt: skip
        gone: set[int] = set()
        for key, row in disk.tables.get(schema.discarded.name, {}).items():
            mark = dict(zip(names, row, strict=True))
            if key[0] != view:
                continue
            what = (mark["origin"], mark["log"], mark["epoch"], mark["from_sequence"], mark["sequence"])
            require(what in let_go, "a mark nobody made", view, what)
            if what[:3] == (origin, log, epoch):
                gone |= set(range(mark["from_sequence"], mark["sequence"] + 1))
        return gone

    def rebuilt(self, site: str, service: str, disk: Disk, view: str) -> None:
        """After a view was made anew: it shows of every origin what that told, as far as it has read."""
        self.checks += 1
        for key in list(disk.tables.get(schema.checkpoints.name, {})):
            if key[0] == view == WAITING.name:
                self.intake.shows(site, disk, key[1])
            elif key[0] == view and key[1].endswith(f"/{PLACEMENT}"):
                self._view(site, service, disk, CAPACITY if view == CAPACITY.name else HEARD, key[1])

    # --- at rest ------------------------------------------------------------------------------------------------------

    def rest(self, disks: dict[str, dict[str, Disk]]) -> None:
        """Everything, with nothing under way and every link whole."""
        digests: dict[str, dict[str, str]] = {}
        for site, services in disks.items():
            known = self._sites[site]
            self._streams(site, known.disk)
            self._whole_board(site, known)
            for house in known.houses.values():
                require(not house.holds, "a hold never ended", site, list(house.holds))
                nobody_overstays(site, house)
            for service, disk in services.items():
                self._all_views(site, service, disk)
                # Who came after a site had left need not have heard of it, and nobody counts it.
                told = self._digests(disk).items()
                digests[f"{site}/{service}"] = {name: it for name, it in told if name.split("/")[0] not in self.left}
        first = next(iter(digests.values()))
        for name, found in digests.items():
            require(found == first, "two sites at rest show another capacity", name, found, first)
        for ack in self.acks.values():
            self._answer(ack)
        sent = [*(id_ for branch in self.sent.values() for id_ in branch.ids), *self.intake.told()]
        for site, services in disks.items():
            every_effect_has_a_cause(site, services[PLACEMENT], sent)
        self._agree()
        self.post.rest()
        for site, slots in self.intake.slots().items():
            offers_at_rest(site, slots, self._all_houses(), self.unsure, let_go=_let_go(self.intake.disk(site)))
        self.intake.rest({site: it[PLACEMENT] for site, it in disks.items()}, self.allowance.disks())
        self.allowance.rest(disks)
        regimes = {site: (it.regimes, it.houses) for site, it in self._sites.items() if site not in self.left}
        everywhere_over(regimes, self.restores | {site for site, it in self._sites.items() if _let_go(it.disk)})

    @property
    def unsure(self) -> set[str]:
        """Sites that left, or whose store is older than what others have heard of it."""
        return self.restores | self.left

    def _all_houses(self) -> dict[str, dict[str, House]]:
        return {site: known.houses for site, known in self._sites.items()}

    def offers_differ(self) -> bool:
        """Whether a desk has still to hear the last word about an offer."""
        return any(disagree(slots, self._all_houses(), self.unsure) for slots in self.intake.slots().values())

    def _agree(self) -> None:
        """What a site shows of a hold at another is what that one says. A restored site may have forgotten: then only
        nothing may be left open."""
        for site, known in self._sites.items():
            for call_id, call in known.calls.items():
                if site in self.left:
                    continue
                if (self.restores | self.left) & {site, call.site}:
                    require(call.settled, "a call is not settled at rest", site, call_id, call)
                else:
                    agree(call_id, call, self._sites[call.site].houses.get(call.location))

    def _streams(self, site: str, disk: Disk) -> None:
        for log in LOGS:
            on_bus = [stored.tail[0] for stored in self._bus.stream(site, stream_name(log, site, PLACEMENT)).messages]
            rows = [row.id for row in disk.outbox.get((disk.epoch, log), [])]
            require(on_bus == rows, "a log is not its outbox", site, log, len(on_bus), len(rows))

    def _whole_board(self, site: str, known: Judged) -> None:
        tables = known.disk.tables
        shown = {key[0]: (row[6], row[11]) for key, row in tables.get(views.places.name, {}).items()}
        beds = {id_: (bed.status(h), bed.user) for h in known.houses.values() for id_, bed in h.beds.items()}
        gone = {id_: ("closed", None) for h in known.houses.values() for id_ in (*h.gone, *h.waiting)}
        require(
            shown == beds | gone, "the board is not the projection of the events", site, _difference(shown, beds | gone)
        )
        shown_stays = {key[0] for key, row in tables.get(views.stays.name, {}).items() if row[6] is None}
        stays = {stay for house in known.houses.values() for stay in house.stays}
        require(shown_stays == stays, "the stays on the board are others", site)
        self._rebuilt(site, known.disk)

    @staticmethod
    def _rebuilt(site: str, disk: Disk) -> None:
        """Built anew from all events at once, the board is the one that was written event by event."""
        anew: dict[str, dict[Any, Any]] = {table.name: {} for table in BOARD_TABLES}
        for name, stored in disk.streams.items():
            if name.startswith((REPAIRS, CALLS, REGIMES)):
                continue
            events = [CODEC.decode(event.data) for event in stored]
            after = LOCATION.fold(LOCATION.initial, events)
            for row in AGGREGATE.project(LOCATION.initial, events, after, stored[-1].recorded_at):
                assert isinstance(row, Put)
                anew[row.table.name][schema.row_key(row.table, row.values)] = row.values
        for table, rows in anew.items():
            kept = disk.tables.get(table, {})
            require(rows == kept, "a board built anew is another", site, table, _difference(kept, rows))

    def _all_views(self, site: str, service: str, disk: Disk) -> None:
        parked = left_aside(disk, schema.parked)
        require(not parked, "something is parked at rest", site, service, [row[:9] for row in parked])
        marks = left_aside(disk, schema.discarded)
        require(not marks, "a view at rest does without something", site, service, marks)
        for teller, known in self._sites.items():
            origin, epoch = f"{teller}/{PLACEMENT}", known.disk.epoch
            told = len(known.disk.outbox.get((epoch, "pub"), ()))
            checkpoint = disk.tables.get(schema.checkpoints.name, {}).get((CAPACITY.name, origin, "pub"))
            if told:
                require(checkpoint is not None and checkpoint[3:] == (epoch, told), "a view at rest is behind", site,
                        service, origin, checkpoint, (epoch, told))  # fmt: skip
            self._view(site, service, disk, CAPACITY, origin)
            if service == CONSOLE and teller == site:
                self._view(site, service, disk, HEARD, origin)
        self._history(site, service, disk)

    def _history(self, site: str, service: str, disk: Disk) -> None:
        """The history has every row of the current epochs once, as told."""
        kept: dict[tuple[str, int, int], Rows] = {}
        for key, row in disk.tables.get(figure_history.name, {}).items():
            _, epoch, sequence, teller, *group = row[:8]
            require(key == (series_of(teller, *group), epoch, sequence), "a line of another series", site, service, row)
            kept.setdefault((teller, epoch, sequence), {})[tuple(group)] = row[8:]
        for teller, known in self._sites.items():
            epoch = known.disk.epoch
            branch = self._kept[teller, epoch, "pub"]
            for sequence, told in enumerate(branch.told):
                shown = kept.get((f"{teller}/{PLACEMENT}", epoch, sequence), {})
                require(shown == told, "the history is not what was told", site, service, teller, epoch, sequence)

    @staticmethod
    def _digests(disk: Disk) -> dict[str, str]:
        names = list(figures.columns.keys())
        by_origin: dict[str, list[dict[str, Any]]] = {}
        for row in disk.tables.get(figures.name, {}).values():
            by_origin.setdefault(row[0], []).append(dict(zip(names, row, strict=True)))
        return {origin: digest(rows) for origin, rows in sorted(by_origin.items())}

    def _answer(self, ack: Ack) -> None:
        """One effect, the one that was answered, whatever was tried how often under this key."""
        known = self._sites[ack.site]
        for event_id, type_ in ack.events:
            event = known.ids.get(event_id)
            require(event is not None, "an answered event is not in the store", ack)
            assert event is not None
            require(event.type == type_, "an answered event is another", ack, event.type)
        attempts = set(ack.attempts)
        caused = [event.id for event in known.ids.values() if event.meta.causation_id in attempts]
        require(sorted(caused) == sorted(id_ for id_, _ in ack.events), "one key, more than one effect", ack, caused)

    def listed(self, site: str, found: Examined) -> None:
        """After a repair: what was lost and can still be named is on the worklist, and what is open was told anew."""
        if not found.forked:
            return
        disk = self._sites[site].disk
        on_list = {row[4] for row in disk.tables.get(schema.worklist.name, {}).values()}
        require({lost.id for lost in found.lost} <= on_list, "a lost row is not on the worklist", site)
        for log, seen in found.logs.items():
            if any(lost.log == log and lost.epoch > found.epoch for lost in found.lost):
                continue  # this epoch was over: what stood at its end was told anew in the next, which is on the list
            kept = set(self._kept.get((site, found.epoch, log), Branch()).ids)
            ranges = [lost.sequence for lost in found.lost if lost.log == log and not lost.id]
            for number, id_ in enumerate(self.sent.get((site, found.epoch, log), Branch()).ids, 1):
                if number <= max(seen.bus, seen.heard) and id_ not in kept:
                    named = id_ in on_list or any(first <= number for first in ranges)
                    require(named, "a row others heard is lost without a word", site, log, number, seen)
        told = self._kept[site, disk.epoch, "loc"].as_of[-1]
        active = {key[0] for key, row in told.items() if row == ("active",)}
        holds = {hold for house in self._sites[site].houses.values() for hold in house.holds}
        require(active == holds, "an epoch began without every open hold", site, active ^ holds)

    def _evidence(self, site: str, epoch: int, log: Log, sequence: int) -> bool:
        """Whether anybody else still has, or has applied, this message of a log."""
        origin = f"{site}/{PLACEMENT}"
        for known in self._disks():
            if known is self._sites[site].disk:
                continue  # a service hears itself from its own outbox
            for key, row in known.tables.get(schema.checkpoints.name, {}).items():
                if key[1:] == (origin, log) and row[3:] >= (epoch, sequence):
                    return True
        for other in self._sites:
            for stored in self._bus.stream(other, CITY).messages:
                message = stored.read.message
                if message is not None and (message.origin.key, message.origin.epoch, message.log) == (
                    origin, epoch, log,
                ) and message.sequence >= sequence:  # fmt: skip
                    return True
        return False

    # --- what the world asks ------------------------------------------------------------------------------------------

    def calls(self, site: str) -> dict[str, Asked]:
        """What a site has asked of others, by id."""
        return self._sites[site].calls

    def houses(self, site: str) -> dict[str, House]:
        """The locations of a site as their events say."""
        return self._sites[site].houses


def left_aside(disk: Disk, table: sa.Table) -> list[tuple[Any, ...]]:
    """What readers have put aside, without what a rebuild that was killed had."""
    return [row for key, row in disk.tables.get(table.name, {}).items() if not key[0].endswith(NEW)]


def _difference(shown: dict[Any, Any], wanted: dict[Any, Any]) -> str:
    """The first few rows in which two tables differ."""
    keys = [key for key in sorted({*shown, *wanted}) if shown.get(key) != wanted.get(key)][:3]
    return "; ".join(f"{key}: shown {shown.get(key)}, wanted {wanted.get(key)}" for key in keys)


def _let_go(disk: Disk) -> bool:
    """Whether somebody let a message go that was for the policy of letters and regimes: it has no effect then."""
    acts = (REPAIR_CODEC.decode(event.data) for event in disk.streams.get(REPAIRS + LETTERS.name, ()))
    return any(isinstance(act, MessageDiscarded) for act in acts)
