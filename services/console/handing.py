"""Handing a file over to another desk, taking one, and who may be known elsewhere, as a caseworker reads and does it.
Pure; of a file that comes nobody here knows whose it is before it has come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.console.forms import Answer, Field, Form
from services.console.network import site_title
from services.console.words import Words

API = "/api/intake"
UNDER_WAY, CALLING_OFF, TAKEN = "under_way", "calling_off", "taken"
ASKED, AGREED = "asked", "agreed"
FORMS = ("look", "hand-over", "call-off")
"""What may be done with a file of this desk."""
TAKINGS = ("take", "leave")
"""And with one of another desk."""
SHOWN_FOR = timedelta(days=7)
"""How long a file that came is named above the list."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Handing:
    """What a client's page says of other desks. going: that the file is on its way, in words, or nothing; off: whether
    it may still be called off. went: to which desk it went. maybe: where the client may be known. checks: what other
    desks answered. desks: to whom it can be handed over now."""

    going: str = ""
    off: bool = False
    went: str = ""
    maybe: Sequence[str] = ()
    checks: Sequence[str] = ()
    desks: Sequence[str] = ()


@dataclass(frozen=True)
class Coming:
    """A file of another desk. short: what that desk says on the phone. client_id: whose it is here, once it came."""

    id: str
    short: str
    site: str
    state: str
    since: str
    open: bool
    asked: bool
    client_id: str


def short(hand_over_id: str) -> str:
    """The beginning of its number, which two desks tell each other."""
    return hand_over_id[:8]


def handing(hand_overs: Iterable[Row], known: Row, now: datetime, words: Words) -> Handing:
    """hand_overs: of this client's file. known: what is known of the client at other desks; empty of an erased file."""
    newest = max(hand_overs, key=lambda row: (row["begun_at"], row["id"]), default=None)
    status = newest["status"] if newest else ""
    told = {} if newest is None else {
        "site": site_title(newest["site"]), "id": short(newest["id"]),
        "at": words.moment(datetime.fromisoformat(newest["begun_at"]), now),
    }  # fmt: skip
    return Handing(
        going=words(f"handing.{status}", **told) if status in (UNDER_WAY, CALLING_OFF) else "",
        off=status == UNDER_WAY,
        went=words("handing.went", site=told["site"]) if status == TAKEN else "",
        maybe=[site_title(site) for site in known.get("maybe_known_at", ())],
        checks=[
            words(f"handing.check.{one['status']}", site=site_title(one["site"])) for one in known.get("checks", ())
        ],
        desks=known.get("desks", ()),
    )  # fmt: skip


def coming(takings: Iterable[Row], now: datetime, words: Words) -> list[Coming]:
    """Files of other desks: those that wait first, and those that came in the last days."""
    shown = [row for row in takings if row["status"] in (ASKED, AGREED) or _came_lately(row, now)]
    shown.sort(key=lambda row: (row["status"] == TAKEN, row["since"], row["id"]))
    return [
        Coming(
            row["id"], short(row["id"]), site_title(row["site"]), words(f"handing.taking.{row['status']}"),
            words.moment(datetime.fromisoformat(row["since"]), now), row["status"] != TAKEN, row["status"] == ASKED,
            row["client_id"] or "",
        )
        for row in shown
    ]  # fmt: skip


def _came_lately(row: Row, now: datetime) -> bool:
    return row["status"] == TAKEN and now - datetime.fromisoformat(row["since"]) < SHOWN_FOR


def handing_form(about: str, client: Row, known: Row, words: Words) -> Form | None:
    """One of `FORMS` about a client; None of an erased one, and where no other desk is heard to hand it to."""
    path = f"{API}/clients/{client['id']}"
    if client["erased_at"] is not None:
        return None
    if about == "call-off":
        return Form(
            about, words("handing.call_off"), words("handing.call_off_help"), f"{path}/hand-over/call-off",
            words("handing.call_off_button"), words("handing.called_off"),
        )  # fmt: skip
    if about == "look":
        found = Answer(
            words("handing.looked"),
            words("handing.looked_help"),
            [("maybe_known", words("handing.same_here"))],
            people=frozenset({"maybe_known"}),
        )
        return Form(
            about, words("handing.look"), words("handing.look_help"), f"{path}/look-alikes",
            words("handing.look_button"), "", answer=found,
        )  # fmt: skip
    desks, likely = list(known["desks"]), known["maybe_known_at"]
    if about != "hand-over" or not desks:
        return None
    first = next((site for site in desks if site in likely), "")
    choice = [*([] if first else [("", words("form.choose"))]), *[(site, site_title(site)) for site in desks]]
    return Form(
        about, words("handing.hand_over"), words("handing.hand_over_help"), f"{path}/hand-over",
        words("handing.hand_over_button"), words("handing.begun"),
        [
            Field("choice", "site", words("handing.to"), words("handing.to_help"), choice, first, required=True),
            Field("tick", "", words("handing.agreed_by_phone"), required=True),
        ],
        grave=True,
    )  # fmt: skip


def taking_form(about: str, taking: Row, words: Words) -> Form:
    """One of `TAKINGS` about a file of another desk that waits here."""
    take = about == "take"
    told = {"site": site_title(taking["site"]), "id": short(taking["id"])}
    word = "take" if take else "leave"
    return Form(
        about, words(f"handing.{word}", **told), words(f"handing.{word}_help", **told),
        f"{API}/takings/{taking['id']}/{'agree' if take else 'decline'}", words(f"handing.{word}_button"),
        words(f"handing.{word}_done"),
    )  # fmt: skip
