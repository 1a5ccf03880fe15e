"""A client's allowance as a caseworker reads it, and what may be asked for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.console.forms import Field, Form, Option, chosen, options
from services.console.words import Words
from shared.contracts.vocabulary import ENTITLEMENT_ENDS, PAY_METHODS

API = "/api/allowance/entitlements"
LIVE = ("asked", "granted", "suspended")
"""How an entitlement stands that a client has, or is about to have: one at a time."""
OFFERED: Mapping[str, Sequence[str]] = {
    "asked": ("seat_end",), "granted": ("seat_suspend", "seat_end"), "suspended": ("seat_resume", "seat_end"),
}  # fmt: skip
"""What may be done with an entitlement by how it stands."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Seat:
    """One entitlement. doing: which forms there are about it, with their words."""

    id: str
    title: str
    state: str
    about: str
    live: bool
    doing: Sequence[Option]


def seats(rows: Iterable[Row], programmes: Mapping[str, str], words: Words) -> list[Seat]:
    """A client's entitlements, the one that is going on first. programmes: their names."""
    ordered = sorted(rows, key=lambda row: (row["status"] not in LIVE, row["id"]))
    return [_seat(row, programmes, words) for row in ordered]


def _seat(row: Row, programmes: Mapping[str, str], words: Words) -> Seat:
    code = f"seat_code.{row['code']}"
    why = f" · {words(code) if words.has(code) else row['code']}" if row["code"] else ""
    people = words.count("board.household", row["household_size"])
    days = [_span(span, words) for span in row["spans"]]
    return Seat(
        id=row["id"],
        title=programmes.get(row["programme_id"], words("seat.programme")),
        state=words(f"seat_status.{row['status']}") + why,
        about=" · ".join([people, words(f"pay_method.{row['method']}"), *days]),
        live=row["status"] in LIVE,
        doing=[(about, words(f"form.{about}")) for about in OFFERED.get(row["status"], ())],
    )  # fmt: skip


def _span(span: Row, words: Words) -> str:
    first = words.day_of(date.fromisoformat(span["first"]))
    if span["until"] is None:
        return words("seat.since", first=first)
    return words("seat.between", first=first, until=words.day_of(date.fromisoformat(span["until"])))


def seat_form(
    about: str, of: str, client: Row, rows: Iterable[Row], programmes: Sequence[Option], today: date, words: Words
) -> Form | None:
    """One form about a client's allowance; None when there is nothing of the kind. of: which entitlement."""
    if client["erased_at"] is not None:
        return None
    there = {row["id"]: row for row in rows}
    from_day = Field("date", "from_day", words("seat.from_day"), value=today.isoformat(), required=True)
    if about == "seat":
        if not programmes or any(row["status"] in LIVE for row in there.values()):
            return None
        size = Field("number", "household_size", words("sheet.people"), value=len(client["household"]) or 1, least=1)
        method = Field("choice", "method", words("seat.method"), options=options(words, "pay_method", PAY_METHODS),
                       value=PAY_METHODS[0])  # fmt: skip
        programme = Field("choice", "programme", words("seat.programme"), options=programmes, value=programmes[0][0])
        return _form(about, API, words, [programme, size, method, from_day], {"client_id": client["id"]})
    row = there.get(of)
    if row is None or about not in dict(_seat(row, {}, words).doing):
        return None
    step = about.removeprefix("seat_")
    fields = [from_day]
    if step == "end":
        fields.insert(0, chosen(words, "entitlement_end", ENTITLEMENT_ENDS, "reason", words("form.because")))
    return _form(about, f"{API}/{of}/{step}", words, fields, version=row["version"])


def _form(about: str, path: str, words: Words, fields: Sequence[Field], body: Row | None = None, **more: Any) -> Form:
    title, told, button, done = (words(f"form.{about}{part}") for part in ("", "_help", "_button", "_done"))
    return Form(about, title, told, path, button, done, fields, body or {}, elsewhere=True, **more)


GIVE_UP = "give_up_seat"
"""The form about a seat that the allowance service does not know."""


def give_up_form(client_id: str, entitlement_id: str, words: Words) -> Form:
    """Takes a seat out of a file that allowance has lost with an older backup."""
    title, told, button, done = (words(f"form.client.{GIVE_UP}{part}") for part in ("", "_help", "_button", "_done"))
    path = f"/api/intake/clients/{client_id}/seats/{entitlement_id}/give-up"
    return Form(GIVE_UP, title, told, path, button, done)
