"""Whatever lives people lead, and however often a run is asked for: paid + reserved + refused + carried over =
entitled, for every entitlement and period, to the cent, no period twice, and the ledger comes to zero at every event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.allowance import commands_payroll as cp
from services.allowance import events as ev
from services.allowance.days import Span, Spans, Tariff, put, rates, without, worth
from services.allowance.decider import PAYROLL, PROGRAMME
from services.allowance.decider_dues import dues
from services.allowance.decider_orders import answered, follows
from services.allowance.decider_payroll import Payroll
from services.allowance.decider_programme import Programme
from services.allowance.events_payroll import OrdersNoted, PayrollEvent, PayRunDrafted, PayRunExecuted
from services.allowance.ledger import ENTITLED, OVERPAID, PAID, REFUSED, RESERVED
from services.allowance.views_payroll import postings, project
from shared.contracts.vocabulary import PayMethod
from shared.kernel import Rejected
from shared.money import Period, PeriodKind, period_of
from shared.ports import Put
from tests.allowance.sample import LEEFGELD, STAD_ACCOUNT, T0, WEST_ACCOUNT

SEATS = tuple(f"{n}0000000-0000-4000-8000-000000000000" for n in range(3))
METHODS: dict[str, PayMethod] = dict(zip(SEATS, ("voucher", "transfer", "prepaid_card"), strict=True))
BEGIN = date(2027, 12, 13)
CARD_CENTS_MAX = 60_000
ACCOUNTS = (cp.Named(STAD_ACCOUNT, "c"), cp.Named(WEST_ACCOUNT, "c"))

CHANGES = st.lists(
    st.tuples(
        st.sampled_from(SEATS), st.integers(0, 110), st.none() | st.integers(1, 40), st.sampled_from((None, "1", "2"))
    ),
    max_size=6,
)
"""What happens before a run: days of one entitlement from one day on, for a while or until further notice, are paid at
a size, or not at all."""
TARIFFS = st.lists(st.builds(Tariff, st.sampled_from(("1", "2")), st.integers(0, 90_000), st.integers(0, 110).map(
    lambda n: BEGIN + timedelta(days=n))), max_size=2)  # fmt: skip
RUNS = st.lists(st.tuples(CHANGES, TARIFFS, st.integers(1, 3), st.booleans()), min_size=1, max_size=6)


Change = tuple[str, int, int | None, str | None]


def changed(programme: Programme, changes: list[Change], added: list[Tariff]) -> Programme:
    """The programme after these changes, as a site's words and the municipality's would make it."""
    for seat_id, day, length, size in changes:
        first = BEGIN + timedelta(days=day)
        until = None if length is None else first + timedelta(days=length)
        known = programme.seats.get(seat_id)
        spans: Spans = known.spans if known is not None else (Span(BEGIN, None, "1"),)
        spans = without(spans, first, until) if size is None else put(spans, first, until, size)  # type: ignore[arg-type]
        granted = ev.SeatGranted(LEEFGELD, seat_id, "west", programme.version + 1, METHODS[seat_id], spans, T0)
        programme = PROGRAMME.evolve(programme, granted)
    for tariff in added:
        taken = {(it.size_class, it.valid_from) for it in programme.tariffs}
        if (tariff.size_class, tariff.valid_from) not in taken:
            programme = PROGRAMME.evolve(
                programme, ev.TariffAdded(LEEFGELD, tariff.size_class, tariff.cents, tariff.valid_from, T0)
            )
    return programme


class Books:
    """What a bookkeeper would write down beside the product: payments, and the ledger's sums."""

    def __init__(self) -> None:
        self.paid: Counter[str] = Counter()
        self.ledger: Counter[tuple[str, str]] = Counter()
        self.settled: Counter[tuple[str, str]] = Counter()

    def take(self, run: PayRunDrafted, executed: PayRunExecuted) -> None:
        self.paid.subtract({rest.entitlement_id: rest.cents for rest in executed.rests})
        for line in run.lines:
            assert line.cents >= 0
            assert line.after <= 0
            self.paid[line.entitlement_id] += line.cents
            self.settled.update({(line.entitlement_id, period): cents for period, cents in line.parts})

    def post(self, before: Payroll, events: Sequence[PayrollEvent]) -> Payroll:
        """The state after these events, whose postings are in the book."""
        for event in events:
            after = PAYROLL.evolve(before, event)
            for row in project(before, [event], after, T0):
                if isinstance(row, Put) and row.table is postings:
                    account, entitlement_id, cents = row.values[4], row.values[8], row.values[9]
                    self.ledger[account, entitlement_id] += cents
            assert sum(self.ledger.values()) == 0
            before = after
        return before


def run_once(state: Payroll, programme: Programme, period: Period, books: Books, *, twice: bool) -> Payroll:
    """A run from draft to execution, each step asked for again and again."""
    at = datetime.combine(period.until, time(12), UTC)
    run_id = f"{len(state.executed):08}-0000-4000-8000-000000000000"
    about = {"at": at, "role": "finance", "run_id": run_id, "programme_id": LEEFGELD}
    steps: list[cp.PayrollCommand] = [
        cp.DraftPayRun(**about, kind=programme.period, period=period.name, due=dues(programme, period), by="a"),  # type: ignore[arg-type]
        cp.ApprovePayRun(**about, by="b", budget_cents=10**12, home="stad", accounts=ACCOUNTS),  # type: ignore[arg-type]
        cp.ExecutePayRun(**about, balance_cents_max=CARD_CENTS_MAX, cash_cents_a_day_max=1),  # type: ignore[arg-type]
    ]  # fmt: skip
    drafted: PayRunDrafted | None = None
    for step in [*steps, *steps[1:]] if twice else steps:
        for _ in range(3):
            events = PAYROLL.decide(state, step)
            assert not isinstance(events, Rejected), events
            for event in events:
                drafted = event if isinstance(event, PayRunDrafted) else drafted
                if isinstance(event, PayRunExecuted):
                    assert drafted is not None
                    books.take(drafted, event)
            state = books.post(state, events)
    return state


def handed_out(state: Payroll, books: Books, revision: int) -> Payroll:
    """Sites say who came and who did not, now and then twice and in the wrong order."""
    for number, (id_, waiting) in enumerate(state.waiting.items()):
        ids = tuple(waiting.lines)
        came, gone = (ids[:1], ids[1:2]) if number % 2 else (ids[1:2], ids[2:])
        words = [(revision, came, gone), (revision, came, gone), (revision - 1, gone, came)]
        for said, paid, refused in words[: 3 if (number + revision) % 3 else 0]:
            command = cp.HearHandout(
                at=T0, role="system", programme_id=LEEFGELD, handout_id=id_, site=waiting.site, revision=said,
                paid=paid, refused=refused,
            )  # fmt: skip
            events = PAYROLL.decide(state, command)
            assert not isinstance(events, Rejected), events
            state = books.post(state, events)
    return state


def ordered(state: Payroll, books: Books, revision: int) -> Payroll:
    """The bank and the cards' issuer say what they did, now and then less, nothing, twice, or that it came back after
    all."""
    for number, (id_, order) in enumerate(state.orders.items()):
        back, part = (number + revision) % 3 == 0, order.cents // (1 + revision % 2)
        transfer = order.method == "transfer"
        said = [cp.Said(1, id_, False, order.cents if transfer else part, balance_cents=None if transfer else part)]
        said = [*said, *said, *([cp.Said(2, id_, True, order.cents)] if back and transfer else [])]
        command = cp.NoteOrders(
            at=T0, role="finance", programme_id=LEEFGELD, run_id=order.run_id, method=order.method, said=tuple(said)
        )
        events = PAYROLL.decide(state, command) if (number + revision) % 4 else ()
        assert not isinstance(events, Rejected), events
        for event in events:
            assert isinstance(event, OrdersNoted)
            for answer in event.answered:
                books.paid.subtract(dict(follows(order, answer)))
                order = answered(order, answer)
        state = books.post(state, events)
    return state


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(("week", "month")), RUNS)
def test_paid_and_carried_over_is_entitled_to_the_cent(
    kind: PeriodKind, runs: list[tuple[list[tuple[str, int, int | None, str | None]], list[Tariff], int, bool]]
) -> None:
    opened = ev.ProgrammeOpened(LEEFGELD, "stad", "Leefgeld", kind, 9, ("voucher", "transfer", "prepaid_card"), T0)
    programme = PROGRAMME.evolve(Programme(), opened)
    state, books, period = Payroll(), Books(), period_of(kind, BEGIN)
    for changes, tariffs, ahead, twice in runs:
        programme = changed(programme, changes, tariffs)
        for _ in range(ahead - 1):
            period = period_of(kind, period.until)  # a period nobody ran is paid with the next one
        state = handed_out(run_once(state, programme, period, books, twice=twice), books, len(state.executed) + 2)
        state = ordered(state, books, len(state.executed))
        for seat_id, seat in programme.seats.items():
            entitled, one = 0, period_of(kind, BEGIN - timedelta(days=1))
            while one.first < period.until:
                cents = dict(worth([one], seat.spans, rates(programme.tariffs))).get(one.name, 0)
                assert books.settled[seat_id, one.name] == cents, "a period is settled otherwise than it is worth"
                entitled, one = entitled + cents, period_of(kind, one.until)
            assert books.paid[seat_id] + state.owed.get(seat_id, 0) == entitled
            assert books.ledger[ENTITLED, seat_id] == entitled
            handed = [books.ledger[account, seat_id] for account in (PAID, RESERVED, REFUSED)]
            owed = state.owed.get(seat_id, 0)
            due = books.paid[seat_id] + max(0, owed)
            assert sum(handed) == -due, "paid, reserved and refused are not what was to be paid"
            assert max(handed) <= 0
            assert books.ledger[OVERPAID, seat_id] == -min(0, owed)
        period = period_of(kind, period.until)
