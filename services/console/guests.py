"""Whether the house somebody lives in knows their alias: as a caseworker says it of a client, and as a house asks it of
those who live there. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.console.forms import Field, Form
from services.console.network import site_title
from services.console.words import Words

API = "/api/intake"
ASKED = f"{API}/guests"
GUESTS_MAX = 500
"""Of so many is asked at once (`services/intake/api_alias.py`)."""
FORMS = ("hand-alias-over", "take-alias-back")
"""What may be done about it."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Home:
    """Where a client lives. told: whether those who work there may know the alias; state: that, in words."""

    where: str
    kind: str
    told: bool
    state: str


@dataclass(frozen=True)
class Guests:
    """What a list shows of those who handed their alias over: `aliases` by stay. silent: what it says of desks that did
    not answer now, or nothing."""

    aliases: Mapping[str, str]
    silent: str = ""


NOBODY = Guests({})


def home(row: Row | None, words: Words) -> Home | None:
    """row: as `GET /clients/{id}/home` says it."""
    if row is None:
        return None
    told = row["say_so"] is not None
    where = _where(row)
    state = words("home.told" if told else "home.not_told", house=site_title(row["location"]))
    return Home(where, words(f"kind.{row['kind']}"), told, state)


def _where(row: Row) -> str:
    site, location = site_title(row["site"]), site_title(row["location"])
    return location if site == location else f"{location} · {site}"


def alias_form(about: str, client: Row, row: Row | None, words: Words) -> Form | None:
    """One of `FORMS`; None where it is as it is asked for by now, or they live nowhere."""
    if row is None or client["erased_at"] is not None or (row["say_so"] is not None) != (about == "take-alias-back"):
        return None
    path, house = f"{API}/clients/{client['id']}/{about}", {"house": site_title(row["location"])}
    if about == "take-alias-back":
        return Form(
            about, words("home.take_back"), words("home.take_back_help", **house), path,
            words("home.take_back_button"), words("home.taken_back", **house),
            body={"offer_id": row["offer_id"], "say_so": row["say_so"]},
        )  # fmt: skip
    return Form(
        about, words("home.hand_over"), words("home.hand_over_help", **house), path, words("home.hand_over_button"),
        words("home.handed_over", **house), [Field("tick", "agreed", words("home.agreed"), required=True)],
        body={"offer_id": row["offer_id"]},
    )  # fmt: skip


def to_ask(offers: Iterable[Row], stays: Iterable[Row]) -> dict[str, tuple[str, str]]:
    """Whom to ask about: of the stays that are somebody's, the offer by which each came, with its desk and the stay."""
    there = {stay["id"] for stay in stays if stay["ended_at"] is None}
    return {offer["id"]: (offer["desk"], offer["stay_id"]) for offer in offers if offer["stay_id"] in there}


def questions(asked: Mapping[str, tuple[str, str]]) -> list[dict[str, list[dict[str, str]]]]:
    """Bodies of as many requests as it takes."""
    guests = [{"offer_id": offer_id, "site": desk} for offer_id, (desk, _) in asked.items()]
    return [{"guests": guests[first : first + GUESTS_MAX]} for first in range(0, len(guests), GUESTS_MAX)]


def guests(asked: Mapping[str, tuple[str, str]], answers: Sequence[Row], words: Words) -> Guests:
    """answers: to each of `questions`."""
    aliases = {asked[item["offer_id"]][1]: item["alias"] for answer in answers for item in answer["items"]}
    silent = sorted({site_title(site) for answer in answers for site in answer["unheard"]})
    return Guests(aliases, words("list.silent", sites=", ".join(silent)) if silent else "")
