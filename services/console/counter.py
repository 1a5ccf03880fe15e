"""Where cash is handed out: what waits here, and two forms, a code for a payment, and cash for a code. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from services.console.forms import Answer, Field, Form
from services.console.words import Words
from shared.money import PeriodKind, period_of
from shared.unspoken import Withheld

API = "/api/allowance/vouchers"
GIVERS = ("caseworker",)
"""Who gives a code: they know the client. Cash for one hands out whoever is at the desk."""
OPEN = ("waiting", "issued")
PERIODS: tuple[PeriodKind, ...] = ("month", "week")
PERIODS_SHOWN = 4
"""Periods back from this one whose transfers are shown, of each kind."""

Row = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Payment(Withheld):
    """One payment that waits. client, alias: whose it is, for who may know. gives: whether a code may be given."""

    id: str
    amount: str
    about: str
    until: str
    status: str
    status_words: str
    client: str
    alias: str
    gives: bool


def payments(
    rows: Iterable[Row], programmes: Mapping[str, str], clients: Mapping[str, tuple[str, str]], role: str,
    now: datetime, words: Words,
) -> list[Payment]:  # fmt: skip
    """What can still be fetched, what goes back first before the others. programmes: their names. clients: by
    entitlement, the client's id and alias."""
    waiting = sorted((row for row in rows if row["status"] in OPEN), key=lambda row: (row["expires_at"], row["id"]))
    return [_payment(row, programmes, clients, role, now, words) for row in waiting]


def _payment(
    row: Row, programmes: Mapping[str, str], clients: Mapping[str, tuple[str, str]], role: str, now: datetime,
    words: Words,
) -> Payment:  # fmt: skip
    client, alias = clients.get(row["entitlement_id"], ("", ""))
    until = datetime.fromisoformat(row["expires_at"])
    return Payment(
        id=row["id"],
        amount=words.euros(row["cents"]),
        about=" · ".join([programmes.get(row["programme_id"], words("seat.programme")), row["period"]]),
        until=words("counter.until", time=words.moment(until, now)),
        status=row["status"],
        status_words=words(f"voucher_status.{row['status']}"),
        client=client,
        alias=alias,
        gives=role in GIVERS and until > now,
    )  # fmt: skip


@dataclass(frozen=True, repr=False)
class Transfer(Withheld):
    """What came by transfer for one client, to be handed out to them here. client, alias: as of a payment."""

    id: str
    amount: str
    about: str
    status: str
    status_words: str
    client: str
    alias: str


def periods(kinds: Iterable[str], today: date) -> list[str]:
    """The names of the last periods that may be paid, the newest first, by how programmes are paid."""
    found = []
    for kind in PERIODS:
        if kind in kinds:
            period = period_of(kind, today)
            for _ in range(PERIODS_SHOWN):
                found.append(period.name)
                period = period_of(kind, period.first - timedelta(days=1))
    return found


def transfers(
    rows: Iterable[Row], programmes: Mapping[str, str], clients: Mapping[str, tuple[str, str]], words: Words
) -> list[Transfer]:  # fmt: skip
    """For whom money came, the latest period first. programmes, clients: as for `payments`."""
    found = []
    for row in sorted(rows, key=lambda row: (row["period"], row["id"]), reverse=True):
        client, alias = clients.get(row["entitlement_id"], ("", ""))
        about = " · ".join([programmes.get(row["programme_id"], words("seat.programme")), row["period"]])
        status = words(f"transfer_status.{row['status']}")
        found.append(Transfer(row["id"], words.euros(row["cents"]), about, row["status"], status, client, alias))
    return found


def redeem(words: Words) -> Form:
    """Cash for a code. It goes straight to the service, in the body: a code has no business in an address."""
    fields = [Field("text", "code", words("counter.code"), words("counter.code_help"), required=True)]
    title, told = words("counter.hand_out"), words("counter.hand_out_help")
    answer = Answer(title, told, [], big="cents", money=frozenset({"cents"}))
    return _form("redeem", f"{API}/redeem", words, fields, {}, answer)


def give(of: str, rows: Iterable[Row], role: str, words: Words) -> Form | None:
    """A code for one payment; None when it does not wait any more, or somebody else gives it."""
    row = next((row for row in rows if row["id"] == of and row["status"] in OPEN), None)
    if row is None or role not in GIVERS:
        return None
    answer = Answer(words("counter.code"), words("counter.code_once"), [], big="code")
    return _form("give", API, words, [], {"voucher": of}, answer)


def _form(about: str, path: str, words: Words, fields: Sequence[Field], body: Row, answer: Answer) -> Form:
    title, told, button, done = (words(f"form.counter.{about}{part}") for part in ("", "_help", "_button", "_done"))
    return Form(about, title, told, path, button, done, fields, body, answer=answer, elsewhere=True)
