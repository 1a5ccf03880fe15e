"""Pay runs and the ledger, written inline in the append of the events they follow from. Nothing in the ledger is ever
written over: a posting's id is its event's place and its number there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from services.allowance import events_payroll as ev
from services.allowance.decider_orders import answered as order_answered
from services.allowance.decider_payroll import PAYROLL, Payroll
from services.allowance.ledger import Posting, after_all, answered, netted, otherwise, settled
from services.allowance.ledger import postings as posted
from shared.ports import Put, RowChange
from shared.schema import NAME, metadata

pay_runs = sa.Table(
    "pay_runs",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("programme_id", NAME, nullable=False, index=True),
    sa.Column("period", NAME, nullable=False),
    sa.Column("pay_on", NAME, nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("total_cents", sa.BigInteger, nullable=False),
    sa.Column("lines", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
"""lines: JSON, as drafted."""

postings = sa.Table(
    "postings",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("programme_id", NAME, nullable=False, index=True),
    sa.Column("run_id", NAME, nullable=False),
    sa.Column("event_version", sa.Integer, nullable=False),
    sa.Column("account", NAME, nullable=False),
    sa.Column("site", NAME, nullable=False),
    sa.Column("method", NAME, nullable=False),
    sa.Column("period", NAME, nullable=False),
    sa.Column("entitlement_id", NAME, nullable=False),
    sa.Column("cents", sa.BigInteger, nullable=False),
)
"""event_version: of the event in `payroll/<programme_id>` that posted it."""

pay_orders = sa.Table(
    "pay_orders",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("programme_id", NAME, nullable=False),
    sa.Column("run_id", NAME, nullable=False, index=True),
    sa.Column("site", NAME, nullable=False),
    sa.Column("method", NAME, nullable=False),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("cents", sa.BigInteger, nullable=False),
    sa.Column("paid_cents", sa.BigInteger, nullable=False),
    sa.Column("status", NAME, nullable=False),
    sa.Column("reason", NAME, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
"""lines: entitlements in it. status: `sent`, `paid` (a card perhaps less than `cents`), `returned`. version: of the
event that says so, in the payroll's stream."""

pay_files = sa.Table(
    "pay_files",
    metadata,
    sa.Column("id", NAME, primary_key=True),
    sa.Column("programme_id", NAME, nullable=False),
    sa.Column("run_id", NAME, nullable=False, index=True),
    sa.Column("kind", NAME, nullable=False),
    sa.Column("sha256", NAME, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
)
"""kind: `transfers` (pain.001.001.09) or `loads` (CSV). data: the bytes, made once, when the run was executed."""

PAYROLL_TABLES = (pay_runs, postings, pay_orders, pay_files)


def project(before: Payroll, events: Sequence[ev.PayrollEvent], after: Payroll, at: datetime) -> list[RowChange]:
    """The row of every run these events touch, and what they post."""
    rows: list[RowChange] = []
    state = before
    for event in events:
        previous, draft, waiting = state, state.draft, state.waiting
        state = PAYROLL.evolve(state, event)
        match event:
            case ev.PaymentsRepeated():
                continue
            case ev.HandoutNoted():
                word = settled(waiting[event.handout_id], event)
                rows += _rows(event.programme_id, event.run_id, state.version, word)
                continue
            case ev.PaidAfterAll():
                late = after_all(waiting[event.handout_id], event)
                rows += _rows(event.programme_id, event.run_id, state.version, late)
                continue
            case ev.PaidOtherwise():
                other = otherwise(waiting[event.handout_id], event, previous.owed, state.owed)
                rows += _rows(event.programme_id, event.run_id, state.version, other)
                continue
            case ev.OrdersNoted():
                rows += _noted(event, previous, state)
                continue
            case ev.PayRunDrafted():
                run = event
            case _:
                assert draft is not None
                run = draft
        rows.append(_run(run, event, state.version))
        if isinstance(event, ev.PayRunExecuted):
            ids = {id_ for handed in event.handouts for id_ in handed.entitlement_ids}
            ids |= {id_ for order in event.orders for id_, _ in order.shares}
            lines = list(posted(run, ids))
            about = {line.entitlement_id: (line.site, line.method, run.period) for line in run.lines}
            lines += netted(lines, about, previous.owed, state.owed)
            rows += _rows(run.programme_id, run.run_id, state.version, lines)
            rows += [_order(run.programme_id, one.order_id, state) for one in event.orders]
            rows += _files(event, state.version)
    return rows


def _noted(event: ev.OrdersNoted, before: Payroll, state: Payroll) -> list[RowChange]:
    """A transfer may be paid and come back in one file."""
    posted: list[Posting] = []
    about: dict[str, tuple[str, str, str]] = {}
    now = dict(before.orders)
    for answer in event.answered:
        order = now[answer.order_id]
        posted += answered(order, answer)
        now[answer.order_id] = order_answered(order, answer)
        about |= {id_: (order.site, order.method, order.period) for id_, _ in order.shares}
    posted += netted(posted, about, before.owed, state.owed)
    ids = dict.fromkeys(answer.order_id for answer in event.answered)
    rows = _rows(event.programme_id, event.run_id, state.version, posted)
    return [*rows, *(_order(event.programme_id, id_, state) for id_ in ids)]


def _order(programme_id: str, id_: str, state: Payroll) -> Put:
    order = state.orders[id_]
    about = (id_, programme_id, order.run_id, order.site, order.method, len(order.shares))
    return Put(pay_orders, (*about, order.cents, order.paid_cents, order.status, order.reason, state.version))


def _files(event: ev.PayRunExecuted, version: int) -> list[RowChange]:
    made = (("transfers", event.bank_file), ("loads", event.card_file))
    return [
        Put(pay_files, (
            f"{event.run_id}/{kind}", event.programme_id, event.run_id, kind, hashlib.sha256(data).hexdigest(), data,
            version,
        ))
        for kind, data in made if data
    ]  # fmt: skip


def _run(run: ev.PayRunDrafted, event: ev.PayrollEvent, version: int) -> Put:
    status = {ev.PayRunDrafted: "drafted", ev.PayRunDropped: "dropped", ev.PayRunApproved: "approved"}
    lines = msgspec.json.encode(run.lines)
    row = (run.run_id, run.programme_id, run.period, run.pay_on.isoformat(), status.get(type(event), "executed"))
    return Put(pay_runs, (*row, run.total_cents, lines, version))


def _rows(programme_id: str, run_id: str, version: int, lines: Iterable[Posting]) -> list[RowChange]:
    return [
        Put(postings, (f"{programme_id}/{version:08}/{number:06}", programme_id, run_id, version, *one))
        for number, one in enumerate(lines)
    ]
