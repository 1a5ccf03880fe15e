"""Programmes, pay runs, the ledger and regimes as the municipality's finance desk reads them, and what may be done with
each. Pure. No line of it leads to a person: an entitlement is a random number here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from services.console.forms import Field, Form, Option, options
from services.console.network import site_title
from services.console.words import ZONE, Words
from shared.contracts.vocabulary import BED_KINDS, PAY_METHODS, SIZE_CLASSES
from shared.money import period_of

API = "/api/allowance"
REGIMES = "/api/placement/regimes"
FINANCE = ("finance",)
MONEY = ("coordinator", "finance")
REGIME_ROLES = ("coordinator",)
"""Who may do what; the services decide, this leaves out what they would refuse."""

NEXT = {"drafted": "approve", "approved": "execute"}
"""The usual next step of a run."""
PERIODS_SHOWN = 6
"""Periods that have ended that a pay run may be drafted for, the newest first."""
CEILING_MAX = 20_000
MORE = 100
"""What the field for more seats begins with: what the sector asks for at a time."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Doing:
    """A button that opens a form. about, of: which one. weight: how much it weighs."""

    about: str
    of: str
    words: str
    weight: str = "quiet"


@dataclass(frozen=True)
class Programme:
    """seats: taken, asked for, free and in all. balance: accounts in words, and whether they come to nothing."""

    id: str
    name: str
    period: str
    seats: Mapping[str, str]
    planned: str
    methods: str
    tariffs: Sequence[tuple[str, str, str]]
    budgets: Sequence[tuple[str, str, str]]
    balance: Sequence[tuple[str, str, str, str, str]]
    even: str
    doing: Sequence[Doing]


@dataclass(frozen=True)
class Run:
    """One pay run. lines: of the one that is looked at."""

    id: str
    programme: str
    period: str
    pay_on: str
    status: str
    status_words: str
    total: str
    doing: Sequence[Doing]


@dataclass(frozen=True)
class RunLine:
    where: str
    method: str
    parts: str
    carried: str
    amount: str


@dataclass(frozen=True)
class Regime:
    id: str
    name: str
    kinds: str
    when: str
    status: str
    status_words: str
    doing: Sequence[Doing]


def programme(row: Row, detail: Row | None, balance: Row | None, role: str, words: Words) -> Programme:
    """row: as every site has it. detail, balance: as the municipality tells who may see them."""
    doing = [] if detail is None else _doing_with_programme(row["id"], role, words)
    planned = None if detail is None else detail["planned"]
    paid = {} if balance is None else balance["paid_cents"]
    budgets = [] if detail is None else [
        (year, words.euros(cents), words.euros(paid.get(year, 0))) for year, cents in sorted(detail["budgets"].items())
    ]  # fmt: skip
    tariffs = [] if detail is None else [
        (words(f"size_class.{one['size_class']}"), words.euros(one["cents"]),
         words.day_of(date.fromisoformat(one["valid_from"])))
        for one in detail["tariffs"]
    ]  # fmt: skip
    return Programme(
        id=row["id"],
        name=row["name"],
        period=words(f"money.every.{row['period']}"),
        seats={name: words.number(row[name]) for name in ("total", "occupied", "held", "available")},
        planned="" if planned is None else words("money.planned", places=planned),
        methods=", ".join(words(f"pay_method.{method}") for method in row["methods"]),
        tariffs=tariffs,
        budgets=budgets,
        balance=[] if balance is None else [_account(line, words) for line in balance["lines"]],
        even="" if balance is None else words("money.even" if balance["total_cents"] == 0 else "money.uneven"),
        doing=doing,
    )  # fmt: skip


def _doing_with_programme(of: str, role: str, words: Words) -> list[Doing]:
    doing = []
    if role in MONEY:
        doing += [Doing("ceiling", of, words("money.ceiling"), "primary"), Doing("tariff", of, words("money.tariff"))]
    if role in FINANCE:
        doing += [Doing("budget", of, words("money.budget")), Doing("draft", of, words("money.draft"))]
    return doing


def _account(line: Row, words: Words) -> tuple[str, str, str, str, str]:
    account, method = f"ledger_account.{line['account']}", f"pay_method.{line['method']}"
    return (
        words(account) if words.has(account) else line["account"], site_title(line["site"]),
        words(method) if words.has(method) else line["method"], line["period"], words.euros(line["cents"]),
    )  # fmt: skip


def runs(rows: Iterable[Row], names: Mapping[str, str], role: str, words: Words) -> list[Run]:
    """Pay runs, the newest pay day first. names: of programmes."""
    newest = sorted(rows, key=lambda row: (row["pay_on"], row["id"]), reverse=True)
    return [_run(row, names, role, words) for row in newest]


def _run(row: Row, names: Mapping[str, str], role: str, words: Words) -> Run:
    doing: list[Doing] = []
    if role in FINANCE and row["status"] == "drafted":
        doing = [
            Doing("approve", row["id"], words("money.approve"), "primary"),
            Doing("drop", row["id"], words("money.drop")),
        ]
    elif role in FINANCE and row["status"] == "approved":
        doing = [
            Doing("execute", row["id"], words("money.execute"), "primary"),
            Doing("drop", row["id"], words("money.drop")),
        ]
    return Run(
        id=row["id"],
        programme=names.get(row["programme_id"], ""),
        period=row["period"],
        pay_on=words.day_of(date.fromisoformat(row["pay_on"])),
        status=row["status"],
        status_words=words(f"run_status.{row['status']}"),
        total=words.euros(row["total_cents"]),
        doing=doing,
    )  # fmt: skip


def run_lines(run: Row, words: Words) -> list[RunLine]:
    """What a run pays, line by line: by site and method, never by person."""
    return [_line(line, words) for line in run["lines"]]


def _line(line: Row, words: Words) -> RunLine:
    before, after = (words.euros(line[name]) for name in ("before", "after"))
    return RunLine(
        where=site_title(line["site"]),
        method=words(f"pay_method.{line['method']}"),
        parts=", ".join(f"{period}: {words.euros(cents)}" for period, cents in line["parts"]),
        carried="" if before == after else words("money.carried", before=before, after=after),
        amount=words.euros(line["cents"]),
    )


def regimes(rows: Iterable[Row], role: str, now: datetime, words: Words) -> list[Regime]:
    """Regimes, those that run first."""
    order = ("running", "planned", "over")
    sorted_ = sorted(rows, key=lambda row: (order.index(row["status"]), row["starts_at"], row["id"]))
    return [_regime(row, role, now, words) for row in sorted_]


def _regime(row: Row, role: str, now: datetime, words: Words) -> Regime:
    begins, ends = (datetime.fromisoformat(row[name]) for name in ("starts_at", "ends_at"))
    may = role in REGIME_ROLES and row["status"] != "over"
    return Regime(
        id=row["id"],
        name=row["name"],
        kinds=", ".join(words(f"kind.{kind}") for kind in row["kinds"]),
        when=words("money.from_to", begin=words.moment(begins, now), end=words.moment(ends, now)),
        status=row["status"],
        status_words=words(f"regime_status.{row['status']}"),
        doing=[Doing("end_regime", row["id"], words("money.end_regime"))] if may else [],
    )  # fmt: skip


# --- forms ------------------------------------------------------------------------------------------------------------


def money_form(about: str, of: str, found: Row | None, role: str, now: datetime, words: Words) -> Form | None:
    """One form; None when this role has none, or there is nothing of the kind. found: the programme or run it is about,
    as the service tells it."""
    today = now.astimezone(ZONE).date()
    if about == "open" and role in MONEY:
        return _open(today, words)
    if about == "regime" and role in REGIME_ROLES:
        return _declare(now, words)
    if about == "end_regime" and role in REGIME_ROLES:
        return _plain(about, f"{REGIMES}/{of}/end", words)
    if found is None:
        return None
    if about == "ceiling" and role in MONEY:
        return _ceiling(found, words)
    if about == "tariff" and role in MONEY:
        path = f"{API}/programmes/{found['id']}/tariffs"
        return _form(about, path, words, _tariff("", today, words), version=found["version"])
    if role not in FINANCE:
        return None
    if about == "budget":
        fields = [
            Field("number", "year", words("form.year"), value=today.year, required=True, least=2018, most=2099),
            Field("money", "cents", words("form.cents"), required=True),
        ]
        return _form(about, f"{API}/programmes/{found['id']}/budget", words, fields, version=found["version"])
    if about == "draft":
        return _draft(found, today, words)
    if about in ("approve", "execute", "drop"):
        return _plain(about, f"{API}/pay-runs/{found['id']}/{about}", words)
    return None


def _form(about: str, path: str, words: Words, fields: Sequence[Field], **more: Any) -> Form:
    title, told, button, done = (words(f"form.money.{about}{part}") for part in ("", "_help", "_button", "_done"))
    return Form(about, title, told, path, button, done, fields, elsewhere=not path.startswith(f"{API}/"), **more)


def _plain(about: str, path: str, words: Words) -> Form:
    """A step that asks nothing but whether it is meant."""
    return _form(about, path, words, [])


def _tariff(prefix: str, today: date, words: Words) -> list[Field]:
    sizes: list[Option] = options(words, "size_class", SIZE_CLASSES)
    return [
        Field("choice", f"{prefix}size_class", words("form.size_class"), options=sizes, value=SIZE_CLASSES[0]),
        Field("money", f"{prefix}cents", words("form.cents"), required=True),
        Field("date", f"{prefix}valid_from", words("form.valid_from"), value=today.isoformat(), required=True),
    ]


def _open(today: date, words: Words) -> Form:
    fields = [
        Field("text", "name", words("form.name"), required=True),
        Field("number", "places", words("form.places"), value=MORE, required=True, most=CEILING_MAX),
        Field("choice", "period", words("form.period"), options=options(words, "money.every", ("month", "week")),
              value="month"),
        Field("many", "methods", words("form.methods"), options=options(words, "pay_method", PAY_METHODS),
              value=["voucher"]),
    ]  # fmt: skip
    return _form("open", f"{API}/programmes", words, fields)


def _ceiling(found: Row, words: Words) -> Form:
    """More seats at once: the field begins with a hundred more than there are."""
    return _form(
        "ceiling", f"{API}/programmes/{found['id']}/ceiling", words, [
            Field("number", "places", words("form.places"), words("form.places_now", places=found["total"]),
                  value=found["total"] + MORE, required=True, most=CEILING_MAX),
            Field("tick", "planned", words("form.planned")),
        ], version=found["version"],
    )  # fmt: skip


def _draft(found: Row, today: date, words: Words) -> Form:
    ended, day = [], period_of(found["period"], today).first
    for _ in range(PERIODS_SHOWN):
        period = period_of(found["period"], day - timedelta(days=1))
        ended.append((period.name, f"{period.name} · {words.day_of(period.first)}"))
        day = period.first
    return _form(
        "draft", f"{API}/pay-runs", words,
        [Field("choice", "period", words("form.period_of_run"), options=ended, value=ended[0][0])],
        body={"programme": found["id"]},
    )  # fmt: skip


def _declare(now: datetime, words: Words) -> Form:
    here = now.astimezone(ZONE)
    begin = here.replace(hour=17, minute=0, second=0, microsecond=0)
    if begin <= here:
        begin = (here + timedelta(minutes=5)).replace(second=0, microsecond=0)
    end = (here + timedelta(days=3)).replace(hour=9, minute=30, second=0, microsecond=0) + timedelta(days=1)
    wall = "%Y-%m-%dT%H:%M"
    return _form(
        "regime", REGIMES, words, [
            Field("text", "name", words("form.name"), value=words("money.winter_cold"), required=True),
            Field("many", "kinds", words("form.regime_kinds"), options=options(words, "kind", BED_KINDS),
                  value=["night_shelter"]),
            Field("when", "starts_at", words("form.begins"), value=begin.strftime(wall), required=True),
            Field("when", "ends_at", words("form.ends"), value=end.strftime(wall), required=True),
            Field("text", "reason", words("form.regime_reason"), words("form.regime_reason_help")),
        ],
    )  # fmt: skip
