"""What must be true of seats and entitlements, by other means than the product: no seat is given twice or above the
ceiling, what a desk says of its clients' days is what the municipality pays by, and no client is known there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from services.allowance import events as ev
from services.allowance import events_entitlement as ee
from services.allowance import events_payroll as ep
from services.allowance.decider import ENTITLEMENT, HANDOUT, PAYROLL, PROGRAMME
from services.allowance.ledger import ENTITLED, RESERVED
from services.allowance.views import network_programmes
from services.allowance.views_handout import transfers
from services.allowance.views_payroll import postings
from services.placement.views_capacity import SEATS, figures
from shared import schema
from shared.contracts.allowance import TransferTold
from shared.envelope import Message, Recorded
from tests.simulation.oracle_bank import Ordered, Treasury
from tests.simulation.oracle_clients import Facts, days_of, told_of_clients
from tests.simulation.oracle_counter import Book
from tests.simulation.oracle_house import require
from tests.support.memory_store import Disk

ALLOWANCE = "allowance"
PROGRAMME_STREAMS, ENTITLEMENT_STREAMS, PAYROLL_STREAMS, HANDOUT_STREAMS = (
    decider.stream("") for decider in (PROGRAMME, ENTITLEMENT, PAYROLL, HANDOUT)
)


@dataclass
class Seats:
    """One programme, by counting its seats. seats: site, status and spans of each that it ever spoke of."""

    ceiling: int = 0
    opened: bool = False
    seats: dict[str, tuple[str, str, tuple[Any, ...]]] = field(default_factory=dict)

    def count(self, *statuses: str) -> int:
        return sum(status in statuses for _, status, _ in self.seats.values())

    def take(self, event: ev.ProgrammeEvent) -> None:
        """Takes one event in, and refuses what must not be."""
        taken = self.count("reserved", "granted")
        match event:
            case ev.ProgrammeOpened():
                require(not self.opened, "a programme began twice", event)
                self.opened, self.ceiling = True, event.ceiling
            case ev.CeilingRaised():
                require(event.ceiling >= self.ceiling, "a ceiling was raised to less", event)
                self.ceiling = event.ceiling
            case ev.CeilingLowered():
                require(event.ceiling >= taken, "a ceiling was lowered below what is taken", event, taken)
                self.ceiling = event.ceiling
            case ev.SeatReserved():
                require(event.seat_id not in self.seats, "a seat was given twice", event)
                require(taken < self.ceiling, "a seat was given that is not there", event, taken, self.ceiling)
                self.seats[event.seat_id] = (event.site, "reserved", ())
            case ev.SeatRefused():
                require(event.seat_id not in self.seats, "a seat was refused that was given", event)
                self.seats[event.seat_id] = (event.site, "refused", ())
            case ev.SeatGranted():
                known = self.seats.get(event.seat_id)
                require(known is not None, "nobody was restored, and a seat came from nowhere", event)
                require(known is not None and known[:2] in ((event.site, "reserved"), (event.site, "granted")),
                        "a seat was granted that was not reserved", event, known)  # fmt: skip
                self.seats[event.seat_id] = (event.site, "granted", event.spans)
            case ev.SeatEnded():
                site = self.seats.get(event.seat_id, (event.site,))[0]
                require(site == event.site, "a site gave another one's seat back", event)
                self.seats[event.seat_id] = (event.site, "ended", event.spans)
            case _:
                pass


@dataclass
class Pay:
    """One programme's payments, as a bookkeeper writes them down. settled: cents by entitlement and period."""

    draft: ep.PayRunDrafted | None = None
    approved: bool = False
    executed: set[str] = field(default_factory=set)
    periods: list[str] = field(default_factory=list)
    paid: Counter[str] = field(default_factory=Counter)
    settled: Counter[tuple[str, str]] = field(default_factory=Counter)
    owed: dict[str, int] = field(default_factory=dict)
    posted: int = 0
    handed: dict[str, dict[str, int]] = field(default_factory=dict)
    """What sites hand out: cents by handout and entitlement."""
    at: dict[str, str] = field(default_factory=dict)
    came: dict[str, set[str]] = field(default_factory=dict)
    gone: dict[str, set[str]] = field(default_factory=dict)
    bank: Treasury = field(default_factory=Treasury)
    owed_then: dict[str, int] = field(default_factory=dict)
    """What was owed when the draft was made."""

    def take(self, event: ep.PayrollEvent) -> None:
        """Takes one event in, and refuses what must not be."""
        match event:
            case ep.PayRunDrafted():
                require(self.draft is None, "two drafts at once", event)
                require(event.period not in self.periods, "a period was drafted that is paid", event)
                self.draft, self.approved, self.owed_then = event, False, dict(self.owed)
            case ep.PayRunApproved():
                require(self.draft is not None and self.draft.run_id == event.run_id, "nothing to approve", event)
                assert self.draft is not None
                require(self.draft.drafted_by != event.approved_by, "somebody approved their own run", event)
                self.approved = True
            case ep.PayRunDropped():
                self.draft = None
            case ep.PayRunExecuted():
                require(event.run_id not in self.executed, "a run was executed twice", event)
                require(self.draft is not None and self.approved, "a run was executed that nobody approved", event)
                assert self.draft is not None
                self._pay(self.draft)
                cents = {line.entitlement_id: line.cents for line in self.draft.lines}
                for one in event.handouts:
                    require(one.handout_id not in self.handed, "one handout twice", event)
                    self.handed[one.handout_id] = {id_: cents[id_] for id_ in one.entitlement_ids}
                    self.came[one.handout_id], self.gone[one.handout_id] = set(), set()
                    self.at[one.handout_id] = one.site
                self._due_again(self.bank.execute(self.draft, event))
                self.executed.add(event.run_id)
                self.periods.append(self.draft.period)
                self.draft = None
            case ep.HandoutNoted():
                known = self.came[event.handout_id] | self.gone[event.handout_id]
                new = [*event.paid, *event.refused]
                require(len(new) == len(set(new) - known), "a payment was settled twice", event)
                self.came[event.handout_id] |= set(event.paid)
                self.gone[event.handout_id] |= set(event.refused)
            case ep.PaidAfterAll():
                late = set(event.entitlement_ids)
                require(
                    bool(late) and late <= self.gone[event.handout_id], "paid after all what had not gone back", event
                )
                self.came[event.handout_id] |= late
                self.gone[event.handout_id] -= late
            case ep.PaidOtherwise():
                require(False, "no run was made twice, and a site paid other amounts", event)
            case ep.OrdersNoted():
                self._due_again(self.bank.note(event))

    def _due_again(self, due: Counter[str]) -> None:
        """What was not paid is due with the next run."""
        self.paid.subtract(due)
        for id_, cents in due.items():
            self.owed[id_] = self.owed.get(id_, 0) + cents

    @property
    def reserved(self) -> int:
        """Cents that wait to be handed out, transferred or loaded, also with the next run."""
        return self.bank.waiting + sum(max(0, cents) for cents in self.owed.values()) + sum(
            cents
            for id_, lines in self.handed.items() for entitlement_id, cents in lines.items()
            if entitlement_id not in self.came[id_] | self.gone[id_]
        )  # fmt: skip

    def _pay(self, run: ep.PayRunDrafted) -> None:
        ids = [line.entitlement_id for line in run.lines]
        require(len(ids) == len(set(ids)), "one entitlement twice in a run", run)
        for line in run.lines:
            require(line.cents >= 0 >= line.after, "money was asked back", line)
            require(line.before == self.owed_then.get(line.entitlement_id, 0), "a debt was forgotten", line)
            self.paid[line.entitlement_id] += line.cents
            self.owed[line.entitlement_id] = self.owed.get(line.entitlement_id, 0) - line.before + line.after
            for period, cents in line.parts:
                self.settled[line.entitlement_id, period] += cents
                require(self.settled[line.entitlement_id, period] >= 0, "a period came to less than nothing", line)
                self.posted += cents
            entitled = sum(cents for (id_, _), cents in self.settled.items() if id_ == line.entitlement_id)
            balance = self.paid[line.entitlement_id] + self.owed[line.entitlement_id]
            require(balance == entitled, "paid and carried over is not what was entitled", line, balance, entitled)


@dataclass
class Client:
    """One entitlement. spans: the days the desk says are paid."""

    client_id: str
    programme_id: str
    status: str = "asked"
    spans: tuple[Any, ...] = ()
    told: bool = False
    forgotten: bool = False

    def take(self, event: ee.EntitlementEvent) -> None:
        """Takes one event in, and refuses what must not be."""
        if isinstance(event, ee.PaymentNoted):
            require(not self.forgotten, "whoever is erased was told of cash", event)
            return
        self.told = False
        match event:
            case ee.EntitlementGranted():
                require(self.status == "asked", "an entitlement was granted twice, or after its end", event)
                self.status = "granted"
            case ee.EntitlementRefused():
                require(self.status == "asked", "an entitlement was refused that was granted", event)
                self.status, self.spans, self.told = "refused", (), True
            case ee.EntitlementEnded():
                require(self.status != "ended", "an entitlement ended twice", event)
                self.status, self.spans = "ended", event.spans
            case ee.EntitlementSuspended() | ee.EntitlementResumed():
                require(self.status in ("granted", "suspended"), "an entitlement moved that nobody has", event)
                self.status = "suspended" if isinstance(event, ee.EntitlementSuspended) else "granted"
                self.spans = event.spans
            case ee.DaysCorrected():
                self.spans = event.spans
            case ee.EntitlementForgotten():
                require(self.status != "refused", "nobody was forgotten who never had a seat", event)
                self.status, self.spans, self.forgotten = "ended", event.spans, True
            case ee.EntitlementConfirmed():
                self.told = True
            case _:
                pass


@dataclass
class Judged:
    disk: Disk
    intake: Disk | None = None
    events: int = 0
    told: int = 0
    clients: dict[str, Client] = field(default_factory=dict)
    handouts: dict[str, Book] = field(default_factory=dict)
    stored: dict[str, Recorded] = field(default_factory=dict)


class AllowanceOracle:
    """The part of the judge that looks at allowances. The first site it is told of is the municipality's."""

    def __init__(self) -> None:
        self._sites: dict[str, Judged] = {}
        self._programmes: dict[str, Seats] = {}
        self._pay: dict[str, Pay] = {}
        self.answers: dict[str, tuple[str, list[str], list[str] | None]] = {}
        """By key: the site, the commands sent under it, and the events that were answered; None: nobody stayed to hear
        it."""

    def disks(self) -> list[Disk]:
        """What every allowance service has stored."""
        return [known.disk for known in self._sites.values()]

    def begin(self, site: str, disk: Disk, intake: Disk | None = None) -> None:
        self._sites[site] = Judged(disk, intake)

    def programmes(self) -> Iterator[str]:
        """Every programme by id."""
        return (id_ for id_, seats in self._programmes.items() if seats.opened)

    def draft(self, programme_id: str) -> str | None:
        """The run of a programme that waits, if one does."""
        run = self._pay.setdefault(programme_id, Pay()).draft
        return None if run is None else run.run_id

    def paid_until(self, programme_id: str) -> str:
        """The last period of a programme that was paid."""
        return max(self._pay.setdefault(programme_id, Pay()).periods, default="")

    def seated(self, programme_id: str) -> bool:
        """Whether anybody has a seat of it, so that there is something to pay."""
        return self._programmes[programme_id].count("granted") > 0

    def orders(self, programme_id: str) -> dict[str, Ordered]:
        """What was asked of the bank and the cards' issuer."""
        return self._pay.setdefault(programme_id, Pay()).bank.orders

    def handed_out(self, programme_id: str) -> list[tuple[str, str, tuple[str, ...]]]:
        """What still waits at sites: handout, site and entitlements."""
        pay = self._pay.setdefault(programme_id, Pay())
        left = {id_: tuple(sorted({*lines} - pay.came[id_] - pay.gone[id_])) for id_, lines in pay.handed.items()}
        return [(id_, pay.at[id_], ids) for id_, ids in left.items() if ids]

    def answered(self) -> int:
        """Orders that somebody has said anything of."""
        return sum(order.answered for pay in self._pay.values() for order in pay.bank.orders.values())

    def approved(self, programme_id: str) -> bool:
        """Whether the run that waits was approved."""
        return self._pay.setdefault(programme_id, Pay()).approved

    def entitlements(self, site: str) -> dict[str, Client]:
        """The entitlements of a site by id."""
        return self._sites[site].clients

    def stored(self, site: str) -> None:
        """After every append at an allowance store."""
        known = self._sites[site]
        for event in known.disk.events[known.events :]:
            known.events += 1
            require(event.position == known.events, "a position with a hole", site, event.position)
            known.stored[event.id] = event
            if event.stream.startswith(PROGRAMME_STREAMS):
                id_ = event.stream.removeprefix(PROGRAMME_STREAMS)
                self._programmes.setdefault(id_, Seats()).take(PROGRAMME.codec.decode(event.data))
            elif event.stream.startswith(PAYROLL_STREAMS):
                id_ = event.stream.removeprefix(PAYROLL_STREAMS)
                self._pay.setdefault(id_, Pay()).take(PAYROLL.codec.decode(event.data))
                self._balanced(known.disk, id_)
            elif event.stream.startswith(ENTITLEMENT_STREAMS):
                self._entitlement(known, event)
            elif event.stream.startswith(HANDOUT_STREAMS):
                id_ = event.stream.removeprefix(HANDOUT_STREAMS)
                known.handouts.setdefault(id_, Book()).take(HANDOUT.codec.decode(event.data))
        for message in known.disk.outbox.get((1, "pub"), [])[known.told :]:
            known.told += 1
            self._told(message)

    def _balanced(self, disk: Disk, programme_id: str) -> None:
        """The ledger comes to zero at every position, and what it has of days is what was settled."""
        rows = [row for row in disk.tables.get(postings.name, {}).values() if row[1] == programme_id]
        require(sum(row[9] for row in rows) == 0, "the ledger does not balance", programme_id, rows)
        entitled = sum(row[9] for row in rows if row[4] == ENTITLED)
        require(entitled == self._pay[programme_id].posted, "the ledger has other days", programme_id, entitled)
        waits = -sum(row[9] for row in rows if row[4] == RESERVED)
        require(waits == self._pay[programme_id].reserved, "the ledger has other cents waiting", programme_id, waits)

    @staticmethod
    def _entitlement(known: Judged, event: Recorded) -> None:
        id_, said = event.stream.removeprefix(ENTITLEMENT_STREAMS), ENTITLEMENT.codec.decode(event.data)
        if isinstance(said, ee.EntitlementAsked):
            require(id_ not in known.clients, "an entitlement began twice", said)
            known.clients[id_] = Client(said.client_id, said.programme_id, spans=said.spans)
        else:
            known.clients[id_].take(said)

    def _told(self, message: Message) -> None:
        """The counts told are a recount of the seats; what a site says of a client's seat leads nowhere."""
        if message.name == "seats-told":
            said = msgspec.json.decode(message.data)
            seats = self._programmes[said["programme_id"]]
            counted = (seats.ceiling, seats.count("granted"), seats.count("reserved"))
            shown = (said["total"], said["occupied"], said["held"])
            require(shown == counted, "the seats told are not a recount of the events", shown, counted)
        if message.name == "entitlement-stated":
            require(message.causation_id == message.id, "a letter says what it comes from", message)
            require(message.traceparent is None, "a letter says what it comes from", message)

    def published(self, site: str, sequence: int, message: Message) -> None:
        """A message on the log is the outbox row with its number."""
        rows = self._sites[site].disk.outbox.get((1, message.log), [])[sequence - 1 : sequence]
        require(bool(rows) and rows[0].id == message.id, "a message that is no outbox row", site, message)

    def unheard(self, site: str, at: tuple[int, int]) -> Iterator[str]:
        """What a site's own intake has told and this service has not read."""
        known = self._sites[site]
        told = 0 if known.intake is None else len(known.intake.outbox.get((1, "loc"), ()))
        if told and at != (1, told):
            yield f"{site}/allowance has heard {at} of {told} of its intake"

    def settled(self) -> bool:
        """Whether the municipality has heard all that desks say. Whoever was not heard for long waits an hour."""
        sites = self._sites.values()
        told = all(book.told for known in sites for book in known.handouts.values())
        return told and all(client.told for known in sites for client in known.clients.values())

    def under_way(self, site: str, sent: dict[str, int]) -> Iterator[str]:
        """What there is still to do. sent: messages on its logs."""
        known = self._sites[site]
        for log in ("pub", "loc"):
            told = len(known.disk.outbox.get((1, log), ()))
            if told != sent[log]:
                yield f"{site}/allowance has told {told} on {log} and relayed {sent[log]}"
        checkpoints = known.disk.tables.get(schema.checkpoints.name, {})
        for teller, other in self._sites.items():
            told = len(other.disk.outbox.get((1, "pub"), ()))
            at = checkpoints.get(("programmes", f"{teller}/{ALLOWANCE}", "pub"), (0,) * 5)[4]
            if told != at:
                yield f"{site}/allowance has read {at} of {told} of {teller}"

    def behind(self, site: str, service: str, disk: Disk) -> Iterator[str]:
        """Whether a site's capacity view has all that allowances told."""
        checkpoints = disk.tables.get(schema.checkpoints.name, {})
        for teller, other in self._sites.items():
            told = len(other.disk.outbox.get((1, "pub"), ()))
            at = checkpoints.get(("capacity", f"{teller}/{ALLOWANCE}", "pub"), (0,) * 5)[4]
            if told != at:
                yield f"{site}/{service} capacity has read {at} of {told} of {teller}/allowance"

    def rest(self, disks: dict[str, dict[str, Disk]]) -> None:
        """The desks and the municipality say the same of every seat, every site shows all seats, nobody is named."""
        for site, known in self._sites.items():
            facts = told_of_clients(known.intake)
            for id_, client in known.clients.items():
                self._agree(site, id_, client, facts.get(client.client_id, Facts()))
            self._shown(site, known.disk)
        self._handed_out()
        self._transfers_told()
        if self._sites:
            for services in disks.values():
                for disk in services.values():
                    self._figures(disk)
            self._nobody_named()
        self._answers()

    def _handed_out(self) -> None:
        """Every payment was paid at its desk or went back, and the municipality knows which."""
        books = {id_: book for known in self._sites.values() for id_, book in known.handouts.items()}
        for programme_id, pay in self._pay.items():
            for id_, lines in pay.handed.items():
                if id_ not in books and pay.gone[id_] == {*lines}:
                    continue  # taken back before the desk heard of it
                require(id_ in books, "a desk never heard what it is to hand out", programme_id, id_)
                book = books[id_]
                require((book.programme_id, book.cents) == (programme_id, lines), "other payments arrived", book, lines)
                require(not book.waiting, "a payment waits for ever", id_, book)
                told = (pay.came[id_], pay.gone[id_])
                require(told == (book.paid, book.expired), "the municipality knows other payments", id_, book, told)
            ordered = pay.bank.waiting + sum(max(0, cents) for cents in pay.owed.values())
            require(pay.reserved == ordered, "cents wait that nobody can fetch", programme_id)

    def _transfers_told(self) -> None:
        """Every desk knows for whom of its clients a transfer is and how it stands with it; where a letter was let go,
        or still waits for somebody to have it read again, nothing else than that."""
        said: Counter[tuple[str, str, int, str]] = Counter()
        for pay in self._pay.values():
            for order in pay.bank.orders.values():
                status = "returned" if order.back else "paid" if order.answered else "sent"
                if order.method == "transfer":
                    said.update((id_, status, cents, order.site) for id_, cents in order.shares.items())
        for site, known in self._sites.items():
            rows = known.disk.tables.get(transfers.name, {}).values()
            shown = Counter((row[1], row[5], row[4], site) for row in rows)
            should = Counter({key: times for key, times in said.items() if key[-1] == site})
            kept = [*known.disk.tables.get(schema.parked.name, {}).values()]
            if known.disk.tables.get(schema.discarded.name) or any(TransferTold.type_name in row for row in kept):
                kinds = {(id_, cents) for id_, _, cents, _ in should}
                require({(id_, cents) for id_, _, cents, _ in shown} <= kinds, "a transfer nobody ordered", site, shown)
            else:
                require(shown == should, "a desk knows other transfers", site, shown - should, should - shown)

    def payments(self, site: str) -> list[tuple[str, str, str | None]]:
        """What may be fetched at a site: handout, entitlement, and the code that was given."""
        books = self._sites[site].handouts.items()
        return [(id_, one, book.codes.get(one)) for id_, book in books for one in sorted(book.cents)]

    def _agree(self, site: str, id_: str, client: Client, facts: Facts) -> None:
        require(client.told, "the municipality has not heard all of an entitlement", site, id_, client)
        seat = self._programmes[client.programme_id].seats.get(id_)
        status = {"suspended": "granted"}.get(client.status, client.status)
        assert seat is not None, "a seat that the municipality never heard of"
        require(seat[:2] == (site, status), "a desk and the municipality say otherwise", client, seat)
        erased = facts.erased_from is not None
        require(not erased or status in ("ended", "refused"), "somebody erased has a seat", site, client)
        require(erased == client.forgotten or status == "refused", "somebody was forgotten who is there", client)
        paid, should = days_of(seat[2]), days_of(client.spans) - facts.not_paid()
        require(paid == should, "other days are paid than the facts say", client, facts, sorted(paid ^ should))

    def _shown(self, site: str, disk: Disk) -> None:
        rows = disk.tables.get(network_programmes.name, {})
        shown = {row[1]: tuple(row[6:9]) for row in rows.values()}
        require(shown == self._counts(), "a site shows other seats", site, shown, self._counts())

    def _figures(self, disk: Disk) -> None:
        rows = disk.tables.get(figures.name, {}).values()
        names = list(figures.columns.keys())
        found = [dict(zip(names, row, strict=True)) for row in rows]
        shown = {row["location"]: (row["total"], row["occupied"], row["held"]) for row in found if row["kind"] == SEATS}
        require(shown == self._counts(), "the capacity of seats is another", shown, self._counts())

    def _counts(self) -> dict[str, tuple[int, int, int]]:
        return {
            id_: (seats.ceiling, seats.count("granted"), seats.count("reserved"))
            for id_, seats in self._programmes.items() if seats.opened
        }  # fmt: skip

    def _nobody_named(self) -> None:
        """No client's id is at the municipality, or on the log of any site."""
        municipality = next(iter(self._sites.values())).disk
        there = b"".join([event.data for event in municipality.events])
        logs = b"".join(
            row.data for known in self._sites.values() for row in known.disk.outbox.get((1, "pub"), ())
        )  # fmt: skip
        for known in self._sites.values():
            for client in known.clients.values():
                named = client.client_id.encode()
                require(named not in there and named not in logs, "a client is known at the municipality")

    def _answers(self) -> None:
        for site, attempts, answered in self.answers.values():
            stored = self._sites[site].stored.values()
            caused = [event for event in stored if event.meta.causation_id in attempts]
            commands = {event.meta.causation_id for event in caused}
            require(len(commands) <= 1, "one key, more than one effect", site, commands)
            ids = sorted(event.id for event in caused)
            require(answered is None or ids == sorted(answered), "another effect than was answered", site, ids)
