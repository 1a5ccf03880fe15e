"""Pay runs and the ledger, written inline in the append of the events they follow from. Nothing in the ledger is ever
written over: a posting's id is its event's place and its number there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from services.allowance import events_payroll as ev
from services.allowance.decider_payroll import PAYROLL, Payroll
from services.allowance.ledger import Posting, settled
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

PAYROLL_TABLES = (pay_runs, postings)


def project(before: Payroll, events: Sequence[ev.PayrollEvent], after: Payroll, at: datetime) -> list[RowChange]:
    """The row of every run these events touch, and what they post."""
    rows: list[RowChange] = []
    state = before
    for event in events:
        draft, waiting = state.draft, state.waiting
        state = PAYROLL.evolve(state, event)
        match event:
            case ev.PaymentsRepeated():
                continue
            case ev.HandoutNoted():
                lines = settled(waiting[event.handout_id], event)
                rows += _rows(event.programme_id, event.run_id, state.version, lines)
                continue
            case ev.PayRunDrafted():
                run = event
            case _:
                assert draft is not None
                run = draft
        rows.append(_run(run, event, state.version))
        if isinstance(event, ev.PayRunExecuted):
            ids = {id_ for handed in event.handouts for id_ in handed.entitlement_ids}
            rows += _rows(run.programme_id, run.run_id, state.version, posted(run, ids))
    return rows


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
