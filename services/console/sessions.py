"""Consultation hours, activities and internships of this site's houses: what is coming, what is full, who came; and the
forms by which one is opened, a seat booked or given back, and people counted. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.console.forms import Answer, Field, Form, Option, Then, chosen
from services.console.words import Words
from shared.contracts.vocabulary import DISTRICTS, SESSION_KINDS

API = "/api/placement/sessions"
SEATS_MAX = 1_000
SEATS_USUAL = 8
OPENERS = ("operator", "coordinator")
"""Who makes a house known: at the municipality nobody has done so before."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Session:
    """One session. seats: how many of them are booked, or came. state: `free`, `full` or `over`; said: that in words.
    books, gives_back, counts: what may be done with it now."""

    id: str
    when: str
    about: str
    state: str
    said: str
    books: bool = False
    gives_back: bool = False
    counts: bool = False


@dataclass(frozen=True)
class Kind:
    """The sessions of one kind, the first first. first: when the first with a free seat begins, or that none has."""

    kind: str
    name: str
    first: str
    sessions: Sequence[Session]


@dataclass(frozen=True)
class Sessions:
    """coming: by kind, those that are not over. over: those of which it may still be said who came, the newest
    first."""

    coming: Sequence[Kind]
    over: Sequence[Session]


def sessions(rows: Iterable[Row], houses: Mapping[str, str], now: datetime, words: Words) -> Sessions:
    """rows: `GET /api/placement/sessions?recent=true`. houses: titles; with one house it goes without saying."""
    known = sorted(rows, key=lambda row: (row["starts_at"], row["id"]))
    coming = [row for row in known if _at(row, "ends_at") > now]
    past = [row for row in known if _at(row, "ends_at") <= now]
    kinds = [(kind, [row for row in coming if row["kind"] == kind]) for kind in SESSION_KINDS]
    return Sessions(
        coming=[
            Kind(kind, words(f"kind.{kind}"), _first(some, now, words),
                 [_coming(row, houses, now, words) for row in some])
            for kind, some in kinds if some
        ],
        over=[_over(row, houses, now, words) for row in reversed(past)],
    )  # fmt: skip


def _at(row: Row, name: str) -> datetime:
    return datetime.fromisoformat(row[name])


def _full(row: Row) -> bool:
    return bool(row["booked"] >= row["seats"])


def _first(rows: Iterable[Row], now: datetime, words: Words) -> str:
    free = [_at(row, "starts_at") for row in rows if not _full(row)]
    if not free:
        return words("sessions.no_seat")
    return words("sessions.now") if free[0] <= now else words("sessions.first", time=words.moment(free[0], now))


def when(row: Row, now: datetime, words: Words) -> str:
    """From when until when; of the same day the end is a time of day only."""
    starts, ends = _at(row, "starts_at"), _at(row, "ends_at")
    return words("sessions.from_until", start=words.moment(starts, now), end=words.moment(ends, starts))


def _about(row: Row, houses: Mapping[str, str], *more: str) -> str:
    house = [houses.get(row["location"]) or row["location"]] if len(houses) > 1 else []
    return " · ".join([*house, *more])


def _coming(row: Row, houses: Mapping[str, str], now: datetime, words: Words) -> Session:
    full, begun = _full(row), _at(row, "starts_at") <= now
    came = [] if row["attended"] is None else [words("sessions.came", n=row["attended"])]
    return Session(
        id=row["id"], when=when(row, now, words),
        about=_about(row, houses, words("sessions.booked", n=row["booked"], seats=row["seats"]), *came),
        state="full" if full else "free",
        said=words("sessions.full") if full else words("sessions.free", n=row["seats"] - row["booked"]),
        books=not full, gives_back=row["booked"] > 0, counts=begun,
    )  # fmt: skip


def _over(row: Row, houses: Mapping[str, str], now: datetime, words: Words) -> Session:
    came = row["attended"]
    return Session(
        id=row["id"], when=when(row, now, words), state="over", counts=True,
        about=_about(row, houses, words(f"kind.{row['kind']}"), words("sessions.had", n=row["booked"])),
        said=words("sessions.not_counted") if came is None else words("sessions.came", n=came),
    )  # fmt: skip


def session_form(
    about: str, of: str, rows: Iterable[Row], houses: Sequence[Option], site: str, role: str, now: datetime,
    words: Words,
) -> Form | None:  # fmt: skip
    """One form of the page; None when there is nothing of the kind. houses: of this site, with their titles. site: what
    its first house is called, at a site that has none."""
    if about == "house":
        return None if houses or role not in OPENERS else _house(site, words)
    if about == "open":
        return _open(houses, words) if houses else None
    row = next((one for one in rows if one["id"] == of), None)
    if row is None:
        return None
    over = _at(row, "ends_at") <= now
    if about == "book" and not over and not _full(row):
        return _book(row, now, words)
    if about == "give-back" and not over and row["booked"]:
        return _give_back(row, now, words)
    return _came(row, now, words) if about == "came" and _at(row, "starts_at") <= now else None


def _form(about: str, path: str, words: Words, fields: Sequence[Field], **more: Any) -> Form:
    title, told, button, done = (words(f"form.session.{about}{part}") for part in ("", "_help", "_button", "_done"))
    return Form(f"session-{about}", title, more.pop("help", told), path, button, done, fields, **more)


def _house(site: str, words: Words) -> Form:
    fields = [
        Field("text", "title", words("form.session.title"), required=True),
        Field("choice", "district", words("form.session.district"), options=[(one, one) for one in DISTRICTS]),
    ]
    return _form("house", "/api/placement/locations", words, fields, body={"name": site})


def _open(houses: Sequence[Option], words: Words) -> Form:
    where = [] if len(houses) == 1 else [
        Field("choice", "location", words("form.session.location"), options=houses, required=True)
    ]  # fmt: skip
    fields = [
        *where,
        chosen(words, "kind", SESSION_KINDS, "kind", words("form.session.kind")),
        Field("when", "starts_at", words("form.session.starts_at"), required=True),
        Field("when", "ends_at", words("form.session.ends_at"), required=True),
        Field("number", "seats", words("form.session.seats"), value=SEATS_USUAL, least=1, most=SEATS_MAX,
              required=True),
    ]  # fmt: skip
    return _form("open", API, words, fields, body={} if where else {"location": houses[0][0]})


def _book(row: Row, now: datetime, words: Words) -> Form:
    """A seat for somebody whose name nobody asks."""
    answer = Answer(words("form.session.number"), words("form.session.number_help"), [], big="number")
    told = words("form.session.book_help", session=_named(row, now, words))
    return _form("book", f"{API}/{row['id']}/book", words, [], answer=answer, help=told)


def _give_back(row: Row, now: datetime, words: Words) -> Form:
    number = Field("text", "booking_id", words("form.session.number"), words("form.session.number_again"),
                   required=True)  # fmt: skip
    told = words("form.session.give_back_help", session=_named(row, now, words))
    return _form("give_back", f"{API}/{row['id']}/give-back", words, [number], help=told)


def _came(row: Row, now: datetime, words: Words) -> Form:
    """How many of those booked came; the last count is taken back within a minute."""
    known = row["booked"] if row["attended"] is None else row["attended"]
    number = Field("number", "attended", words("form.session.attended"), value=known, most=row["booked"], required=True)
    told = words("form.session.came_help", session=_named(row, now, words), n=row["booked"])
    return _form("came", f"{API}/{row['id']}/attended", words, [number], help=told, undo=f"{API}/{row['id']}/undo")


def _named(row: Row, now: datetime, words: Words) -> str:
    return f"{words('kind.' + row['kind'])}, {when(row, now, words)}"


# --- by way of a client's file ----------------------------------------------------------------------------------------


def book_for(
    client: Row, referral: str, rows: Iterable[Row], houses: Mapping[str, str], now: datetime, words: Words
) -> Form:
    """A seat for a client who was referred: the seat is booked where nobody knows whose it is, and its time and number
    are noted in the file, which alone knows. Where nothing that is coming has a seat, it says so, and sends nothing."""
    free = [row for row in rows if _at(row, "ends_at") > now and not _full(row)]
    choices = [
        (
            json.dumps({"session_id": row["id"], "appointment_at": row["starts_at"]}),
            " · ".join([_named(row, now, words), *([_about(row, houses)] if len(houses) > 1 else [])]),
        )
        for row in sorted(free, key=lambda row: (row["starts_at"], row["id"]))
    ]
    nothing = [("", words("form.choose" if choices else "sessions.no_seat"))]
    which = Field("choice", "", words("form.session.which"), options=[*nothing, *choices], required=True, pieces=True)
    noted = {"state": "appointment", "appointment_at": "{appointment_at}",
             "seat": {"session_id": "{session_id}", "booking_id": "{booking_id}"}}  # fmt: skip
    then = Then(
        f"/api/intake/clients/{client['id']}/referrals/{referral}/follow", noted,
        API + "/{session_id}/give-back", {"booking_id": "{booking_id}"},
    )  # fmt: skip
    answer = Answer(words("form.session.number"), words("form.session.number_noted"), [], big="number")
    return _form("for", API + "/{session_id}/book", words, [which], answer=answer, then=then)


def give_back_for(referral: Row, words: Words) -> Form | None:
    """The seat that is noted with a referral is not needed after all. None where none is noted."""
    seat = referral["seat"]
    if seat is None:
        return None
    body = {"booking_id": seat["booking_id"]}
    return _form("back_for", f"{API}/{seat['session_id']}/give-back", words, [], body=body, elsewhere=True)
