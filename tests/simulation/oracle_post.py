"""What must be true of messages, by other means than the product: one for all a client should hear of, none twice
unmarked, none lost, none without having been written down before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.allowance import events_entitlement as entitlements
from services.allowance import events_payroll as payroll
from services.allowance.decider import ENTITLEMENT, PAYROLL
from services.intake import events as intake
from services.intake import events_offers as offers
from services.intake.decider import CLIENT
from services.notifications import events as ev
from services.notifications.decider import RECIPIENT
from services.notifications.decider_recipient import SUMMARY
from services.notifications.policy import CASEWORKER, FINANCE, OPERATOR, message_id_of
from services.notifications.policy_clients import LIMIT_NEAR, READY
from services.notifications.policy_staff import COUNT_DUE, RUN_WAITS
from tests.simulation.oracle_allowance import ALLOWANCE
from tests.simulation.oracle_appointments import NEAR, AppointmentsToldOf
from tests.simulation.oracle_house import require
from tests.simulation.oracle_intake import INTAKE
from tests.simulation.oracle_limits import LimitsToldOf
from tests.support.memory_store import Disk

NOTIFICATIONS = "notifications"
AHEAD = (LIMIT_NEAR, COUNT_DUE, NEAR)
OF_HOUSE = (OPERATOR, FINANCE)
ENDS = (ev.MessageSent, ev.MessageSuppressed, ev.MessageGathered, ev.MessageLeftAtDesk)
FILES = CLIENT.stream("")
SEATS = ENTITLEMENT.stream("")


@dataclass
class Post:
    """One site's. chosen, begun, begun_at, ended: by message id. open: not settled, at the desk or not. overtaken: not
    told any more because what it was about is over. ahead: about a day longer away than any story lasts. arrivals:
    whether each was marked as a repeat, by message id. of_house: what placement and allowance lead to for those who
    work there. limits: the day that each message of a stay's end names. gone: messages that nobody is told."""

    disk: Disk
    intake: Disk
    allowance: Disk | None
    events: int = 0
    chosen: Counter[str] = field(default_factory=Counter)
    begun: Counter[str] = field(default_factory=Counter)
    begun_at: dict[str, datetime] = field(default_factory=dict)
    ended: dict[str, set[str]] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    summaries: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    overtaken: set[str] = field(default_factory=set)
    ahead: set[str] = field(default_factory=set)
    arrivals: dict[str, list[bool]] = field(default_factory=dict)
    of_house: set[str] = field(default_factory=set)
    limits: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)


class PostOracle:
    """The part of the judge that looks at messages."""

    def __init__(self) -> None:
        self._sites: dict[str, Post] = {}

    def begin(self, site: str, disk: Disk, of_intake: Disk, of_allowance: Disk | None) -> None:
        self._sites[site] = Post(disk, of_intake, of_allowance)

    def stored(self, site: str) -> None:
        """After every append of the service."""
        known = self._sites[site]
        for stored in known.disk.events[known.events :]:
            known.events += 1
            if not stored.stream.startswith(RECIPIENT.stream("")):
                continue
            event = RECIPIENT.codec.decode(stored.data)
            if isinstance(event, ev.RecipientErased):
                known.erased.add(event.recipient)
                continue
            if isinstance(event, ev.MessageChosen | ev.MessageGathered):
                require(event.recipient not in known.erased, "a message to whoever is erased", site, event)
                known.chosen[event.message_id] += 1
                if isinstance(event, ev.MessageChosen):
                    known.open.add(event.message_id)
                    known.summaries |= {event.message_id} if event.template == SUMMARY else set()
                    known.ahead |= {event.message_id} if event.template in AHEAD else set()
                if isinstance(event, ev.MessageChosen) and event.template == LIMIT_NEAR:
                    known.limits[event.message_id] = event.fields["date"]
                known.of_house |= {event.message_id} if event.recipient in OF_HOUSE else set()
            if isinstance(event, ev.SendingBegan):
                require(event.recipient not in known.erased, "sending to whoever is erased", site, event)
                require(event.message_id not in known.overtaken, "sending what is over", site, event)
                known.begun[event.message_id] += 1
                known.begun_at[event.message_id] = event.at
            if isinstance(event, ev.MessageSent | ev.MessageDelivered | ev.MessageSuppressed):
                known.open.discard(event.message_id)
            if isinstance(event, ev.MessageSuppressed) and event.because == "overtaken":
                known.overtaken.add(event.message_id)
            if isinstance(event, ev.MessageSuppressed):
                known.gone.add(event.message_id)
            if isinstance(event, ENDS):
                known.ended.setdefault(event.message_id, set()).add(type(event).__name__)

    def arrived(self, site: str, message_id: str, *, repeat: bool, keyed: bool) -> None:
        """A channel has taken a message."""
        known = self._sites[site]
        seen = known.arrivals.setdefault(message_id, [])
        seen.append(repeat)
        require(len(seen) <= known.begun[message_id], "sent without being written down before", site, message_id)
        if not keyed:
            require(len(seen) <= 2 and seen.count(False) <= 1, "a message came again unmarked", site, message_id, seen)

    def waiting(self, site: str) -> list[str]:
        """Messages of a site that are neither settled nor at the desk."""
        known = self._sites.get(site)
        return [] if known is None else [id_ for id_ in known.chosen if id_ not in known.ended.keys() | known.ahead]

    def unheard(self, site: str, heard: Mapping[str, tuple[int, int]]) -> list[str]:
        """What a site's own services have told and this one has not read. heard: epoch and sequence, by service."""
        known = self._sites.get(site)
        if known is None:
            return []
        disks = {INTAKE: known.intake, ALLOWANCE: known.allowance}
        told = {service: len(disk.outbox.get((1, "loc"), ())) for service, disk in disks.items() if disk is not None}
        return [
            f"{site}/notifications has heard {heard[service]} of {count} of {service}"
            for service, count in told.items()
            if count and heard[service] != (1, count)
        ]

    def rest(self) -> None:
        """Exactly one message for every request that was opened, or ended by anybody but an erasure; and of every offer
        what its client may hear, nothing of which waits when the offer is over."""
        for site, known in self._sites.items():
            wanted, of_offers, days, limits = set[str](), OffersToldOf(), AppointmentsToldOf(), LimitsToldOf()
            for stored in known.intake.events:
                if stored.stream.startswith(FILES):
                    event = CLIENT.codec.decode(stored.data)
                    of_offers.follow(event)
                    days.follow(event)
                    limits.follow(event)
                    if isinstance(event, intake.RequestOpened):
                        wanted.add(message_id_of(event.client_id, "request_noted", event.request_id))
                    if isinstance(event, intake.RequestWithdrawn) and event.reason not in ("erased", "mistake"):
                        wanted.add(message_id_of(event.client_id, "request_ended", event.request_id))
            chosen = set(known.chosen) - known.summaries
            ready = ready_of(known.allowance, of_offers.erased)
            require(ready.must <= chosen, "a client does not hear that cash waits", site, ready.must - chosen)
            unheard = days.unheard(chosen)
            require(not unheard, "a client does not hear of an appointment", site, unheard)
            still = days.over.keys() & known.open
            require(not still, "an appointment that is over still waits", site, still)
            too_late = days.too_late(known.begun_at)
            require(not too_late, "a client is reminded of what is off", site, too_late)
            wrong = list(limits.wrong(known.limits, known.gone))
            require(not wrong, "a client is told of another end of their stay", site, wrong)
            others = chosen - of_offers.may - days.may - ready.may - limits.may() - known.of_house
            require(runs_of(known.allowance) <= chosen, "nobody hears that a run waits", site)
            require(others == wanted, "not one message for each thing", site, wanted ^ others)
            require(of_offers.must <= chosen, "a client does not hear of an offer", site, of_offers.must - chosen)
            require(not of_offers.over & known.open, "what is over still waits", site, of_offers.over & known.open)
            require(set(known.chosen.values()) <= {1}, "two messages for one thing", site, known.chosen)
            sent = {id_ for id_, how in known.ended.items() if "MessageSent" in how}
            uncalled = days.not_called_off(chosen, {id_: known.begun_at[id_] for id_ in sent})
            require(not uncalled, "a client would go to what is off", site, uncalled)
            require(sent <= known.arrivals.keys(), "a message counts as sent and is lost", site, sent)


class Ready(NamedTuple):
    """Ids of messages that cash waits: that may be told, and those that must."""

    may: set[str]
    must: set[str]


def ready_of(disk: Disk | None, erased: set[str]) -> Ready:
    """One message for each payment that a site's entitlements have noted; whoever was erased may have had none."""
    clients: dict[str, str] = {}
    found = Ready(set(), set())
    for stored in () if disk is None else disk.events:
        if stored.stream.startswith(SEATS):
            event = ENTITLEMENT.codec.decode(stored.data)
            if isinstance(event, entitlements.EntitlementAsked):
                clients[event.entitlement_id] = event.client_id
            if isinstance(event, entitlements.PaymentNoted):
                client = clients[event.entitlement_id]
                message_id = message_id_of(client, READY, f"{event.handout_id}/{event.entitlement_id}")
                found.may.add(message_id)
                if client not in erased:
                    found.must.add(message_id)
    return found


def runs_of(disk: Disk | None) -> set[str]:
    """The message that each drafted run leads to, where runs are drafted."""
    if disk is None:
        return set()
    drafted = (
        PAYROLL.codec.decode(stored.data) for stored in disk.events if stored.stream.startswith(PAYROLL.stream(""))
    )
    return {
        message_id_of(FINANCE, RUN_WAITS, event.run_id) for event in drafted if isinstance(event, payroll.PayRunDrafted)
    }


class OffersToldOf:
    """What may be said of a site's offers, what must be, and what is over: ids of messages, out of intake's events."""

    def __init__(self) -> None:
        self.may: set[str] = set()
        self.must: set[str] = set()
        self.over: set[str] = set()
        self._words: dict[str, str] = {}
        self.erased: set[str] = set()

    def follow(self, event: object) -> None:
        """One event more of a file."""
        match event:
            case intake.ClientErased():
                self.erased.add(event.client_id)
            case offers.OfferReceived() if event.client_id not in self.erased:
                self.may |= self._of(event, "offer_waiting", "offer_lapsing") | self._of_staff(event, "answer_due")
            case offers.OfferAccepted() | offers.OfferDeclined() if event.client_id not in self.erased:
                self.over |= self._of(event, "offer_waiting", "offer_lapsing") | self._of_staff(event, "answer_due")
                if isinstance(event, offers.OfferDeclined) and event.reason == "not_reached":
                    self.may |= self._of(event, "offer_over")
            case offers.OfferWordHeard() if event.word != self._words.get(event.offer_id, ""):
                self._words[event.offer_id] = event.word
                if event.client_id not in self.erased:
                    self._word(event)

    def _word(self, event: offers.OfferWordHeard) -> None:
        if event.word == "expected":
            confirmed = self._of(event, "offer_confirmed")
            self.may |= confirmed
            self.must |= confirmed if event.until is not None and event.until > event.at else set()
        if event.word in ("lapsed", "no_show", "withdrawn"):
            self.may |= self._of(event, "offer_over")
        if event.word in ("lapsed", "no_show"):
            told = self._of_staff(event, "offer_lapsed" if event.word == "lapsed" else "offer_missed")
            self.may |= told
            self.must |= told
        if event.word in ("declined", "called_off", "withdrawn", "lapsed", "no_show", "housed"):
            self.over |= self._of(event, "offer_waiting", "offer_lapsing", "offer_confirmed")
            self.over |= self._of_staff(event, "answer_due") if event.word != "housed" else set()

    def _of(self, event: offers.OfferEvent, *templates: str) -> set[str]:
        return {message_id_of(event.client_id, template, event.offer_id) for template in templates}

    def _of_staff(self, event: offers.OfferEvent, template: str) -> set[str]:
        return {message_id_of(CASEWORKER, template, event.offer_id)}
