"""The accounts of a programme, how far its budget goes, and one pay run with its orders, files and what may be told
about it; and the forms that read back what a bank says. Pure. No line of it leads to a person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.console.forms import Answer, Field, Form
from services.console.money import API, FINANCE, Doing
from services.console.network import site_title
from services.console.words import Words

WHY = ("new", "gone", "other", "corrections", "carried")
"""What a run differs by from the one before it."""
STATUSES = ("sent", "returned", "paid")
"""How an order stands: what waits first."""
FILES = {
    "transfers": ("transfer", "application/xml", "xml"),
    "loads": ("prepaid_card", "text/csv; charset=utf-8", "csv"),
}
"""The files of a run: for which way to pay, of which type, and how their names end."""
BAR_STEP, BAR_WIDTH, CHART_HEIGHT = 60, 44, 120
MARGIN = 8

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Account:
    name: str
    debit: str
    credit: str
    balance: str


@dataclass(frozen=True)
class Statement:
    """even: whether all of it comes to zero; of one period it need not."""

    accounts: Sequence[Account]
    total: str
    even: str
    about: str


@dataclass(frozen=True)
class Bar:
    """A run that is still to come. x, y, height: in the picture; short: the budget does not cover it."""

    period: str
    cents: str
    left: str
    x: int
    y: int
    height: int
    short: bool


@dataclass(frozen=True)
class Forecast:
    year: int
    rows: Sequence[tuple[str, str]]
    verdict: str
    bars: Sequence[Bar]
    width: int


@dataclass(frozen=True)
class Part:
    """One line of a report: of what, how many households, and what it came to; a dash for what is left out."""

    name: str
    households: str
    cents: str


@dataclass(frozen=True)
class Report:
    whole: Part
    lists: Sequence[tuple[str, Sequence[Part]]]
    below: int


@dataclass(frozen=True)
class Order:
    """What was asked of a bank or the cards' issuer in one payment."""

    id: str
    where: str
    method: str
    lines: str
    amount: str
    status: str
    status_words: str
    reason: str
    doing: Sequence[Doing]


@dataclass(frozen=True)
class Check:
    """states: what the run is held against, in words, and whether it does not hold. told, why: by how much it differs
    from the one before it, and what that comes of."""

    states: Sequence[tuple[str, bool]]
    told: str
    why: Sequence[Part]


@dataclass(frozen=True)
class OrderSum:
    """Orders of one status (empty: all): how many, and what they come to."""

    status: str
    words: str
    number: str
    amount: str


@dataclass(frozen=True)
class Handout:
    """What one site hands out. after_all: cash for what had gone back, in words; empty when there was none.
    otherwise: that other amounts were paid than the run says, likewise."""

    id: str
    where: str
    waiting: str
    waiting_amount: str
    after_all: str
    otherwise: str
    doing: Sequence[Doing]


def statement(answer: Row, period: str, words: Words) -> Statement:
    """period: the one that is asked for: what was paid too much for one is taken off another."""
    even = "books.even" if answer["total_cents"] == 0 else "books.one_period" if period else "books.uneven"
    return Statement(
        accounts=[
            Account(
                words(f"ledger_account.{one['account']}"), words.euros(one["debit_cents"]),
                words.euros(one["credit_cents"]), words.euros(one["balance_cents"]),
            )
            for one in answer["accounts"]
        ],
        total=words.euros(answer["total_cents"]),
        even=words(even),
        about=words("books.postings", n=answer["postings"], version=answer["version"]),
    )  # fmt: skip


def forecast(answer: Row, words: Words) -> Forecast:
    """A year's budget, run by run to its end."""
    budget, ahead = answer["budget_cents"], answer["ahead"]
    names = ("budget", "spent", "expected", "full")
    short = answer["short_from"]
    verdict = words("books.short", period=short) if short else words("books.enough")
    bars = []
    for number, one in enumerate(ahead):
        left = max(0, one["left_cents"])
        height = min(CHART_HEIGHT, left * CHART_HEIGHT // budget) if budget > 0 else 0
        bars.append(Bar(
            one["period"], words.euros(one["cents"]), words.euros(one["left_cents"]), MARGIN + number * BAR_STEP,
            MARGIN + CHART_HEIGHT - height, height, one["left_cents"] < 0,
        ))  # fmt: skip
    return Forecast(
        year=answer["year"],
        rows=[(words(f"books.forecast.{name}"), words.euros(answer[f"{name}_cents"])) for name in names],
        verdict=verdict if budget else words("books.no_budget"),
        bars=bars,
        width=2 * MARGIN + max(1, len(ahead)) * BAR_STEP,
    )


def report(answer: Row, words: Words) -> Report:
    """What may be handed on of a run that was executed."""
    named: dict[str, Callable[[str], str]] = {
        "sites": site_title,
        "methods": lambda name: words(f"pay_method.{name}"),
        "outcomes": lambda name: words(f"books.outcome.{name}"),
    }
    lists = [
        (words(f"books.by.{name}"), [_part(title(key), one, words) for key, one in answer[name].items()])
        for name, title in named.items()
        if answer[name]
    ]
    return Report(_part(words("books.all"), answer, words), lists, answer["small_counts_below"])


def _part(name: str, one: Row, words: Words) -> Part:
    households, cents = one["households"], one["cents"]
    return Part(
        name, "–" if households is None else words.number(households), "–" if cents is None else words.euros(cents)
    )


def check(row: Row, words: Words) -> Check:
    """A run held against the budget, the ceiling and the run before it."""
    above = row["households"] > row["ceiling"]
    states = [
        words("books.check.budget_over" if row["left_cents"] < 0 else "books.check.budget",
              amount=words.euros(abs(row["left_cents"]))),
        words("books.check.ceiling_over" if above else "books.check.ceiling",
              n=words.number(row["households"]), ceiling=words.number(row["ceiling"])),
        words("books.check.twice" if row["twice"] else "books.check.once", n=words.number(row["twice"])),
    ]  # fmt: skip
    wrong = [row["left_cents"] < 0, above, row["twice"] > 0]
    if row["last"] is None:
        return Check(list(zip(states, wrong, strict=True)), words("books.check.first"), [])
    told = words("books.check.differs", amount=words.euros(row["difference_cents"]), period=row["last_period"])
    why = [
        Part(words(f"books.check.{name}"), words.number(row[name]["households"]), words.euros(row[name]["cents"]))
        for name in WHY
        if row[name]["households"] or row[name]["cents"]
    ]
    return Check(list(zip(states, wrong, strict=True)), told, why)


def orders(rows: Iterable[Row], role: str, words: Words) -> list[Order]:
    """What a run ordered, what waits first. One that no file can settle is settled by hand."""
    return [
        Order(
            row["id"], site_title(row["site"]), words(f"pay_method.{row['method']}"),
            words.count("books.order_lines", row["lines"]),
            words.euros(row["cents"]), row["status"], words(f"order_status.{row['status']}"), row["reason"],
            [Doing("settle", row["id"], words("books.settle"))] if role in FINANCE and row["status"] == "sent" else [],
        )
        for row in sorted(rows, key=lambda row: (STATUSES.index(row["status"]), row["site"], row["id"]))
    ]  # fmt: skip


def handouts(rows: Iterable[Row], role: str, words: Words) -> list[Handout]:
    """What sites hand out of a run, by site."""
    return [
        Handout(
            row["id"], site_title(row["site"]), words.number(row["waiting"]), words.euros(row["waiting_cents"]),
            words("books.after_all", n=row["after_all"], amount=words.euros(row["after_all_cents"]))
            if row["after_all"] else "",
            words("books.otherwise", n=row["otherwise"], amount=words.euros(row["otherwise_cents"]))
            if row["otherwise"] else "",
            [Doing("take_back", row["id"], words("books.take_back"))] if role in FINANCE and row["waiting"] else [],
        )
        for row in sorted(rows, key=lambda row: (row["site"], row["id"]))
    ]  # fmt: skip


def order_sums(row: Row, words: Words) -> list[OrderSum]:
    """How many there are of each status, all of them first, and what they come to."""
    all_cents = sum(row[f"{status}_cents"] for status in STATUSES)
    return [
        OrderSum("", words("books.orders_all"), words.number(row["total"]), words.euros(all_cents)),
        *(
            OrderSum(
                status, words(f"order_status.{status}"), words.number(row[status]), words.euros(row[f"{status}_cents"])
            )
            for status in STATUSES
        ),
    ]  # fmt: skip


def files(methods: Collection[str], role: str) -> list[str]:
    """The files of a run that this role may have: those with something in them."""
    return [kind for kind, (method, _, _) in FILES.items() if role in FINANCE and method in methods]


# --- forms ------------------------------------------------------------------------------------------------------------


def books_form(about: str, run_id: str, of: str, role: str, words: Words) -> Form | None:
    """One form about a run; None when this role has none of the kind. of: the order or handout it is about."""
    if role not in FINANCE:
        return None
    path = f"{API}/pay-runs/{run_id}"
    if about in FILES:
        field = Field("file", "text", words(f"form.books.{about}_file"), words("form.books.file_help"), required=True)
        lines = [(name, words(f"books.read.{name}")) for name in ("paid", "returned", "refused")]
        answer = Answer(words("books.read.title"), words("books.read.help"), lines)
        return _form(about, f"{path}/{about}", words, [field], answer)
    if about == "take_back" and of:
        return _form(about, f"{path}/handouts/{of}/take-back", words, [])
    if about == "settle" and of:
        tick = Field("tick", "paid", words("form.books.settle_paid"))
        return _form(about, f"{path}/orders/{of}/settle", words, [tick])
    return None


def _form(about: str, path: str, words: Words, fields: Sequence[Field], answer: Answer | None = None) -> Form:
    title, told, button, done = (words(f"form.books.{about}{part}") for part in ("", "_help", "_button", "_done"))
    return Form(
        about, title, told, path, button, done, fields, answer=answer, grave=about == "take_back", elsewhere=True
    )
