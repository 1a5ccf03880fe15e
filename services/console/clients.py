"""A client's page as a caseworker reads it: who is in the file, what they ask for, what is offered, who saw it and when
it goes. Pure; nothing that is personal passes through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from services.console.forms import AGE_BANDS
from services.console.network import site_title
from services.console.words import Words
from shared.unspoken import Withheld

OPEN = ("waiting", "offered", "accepted")
"""How a request stands that somebody still waits for."""

Row = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Listed(Withheld):
    """One file in the list. state: how its request stands, or empty."""

    id: str
    alias: str
    household: str
    state: str
    state_words: str
    since: str
    search: str


@dataclass(frozen=True, repr=False)
class Offered(Withheld):
    """A place that is kept for a request. clock: until when, in words. open: it waits for the desk's answer.

    grave: the client may be expected in two places, or its owner has not answered.
    """

    id: str
    client_id: str
    alias: str
    where: str
    kind: str
    state: str
    clock: str
    open: bool
    accepted: bool
    grave: str
    urgent: bool


@dataclass(frozen=True, repr=False)
class Asked(Withheld):
    """One request. status: as the service names it. rank: where it stands in the city's list, in words, or nothing."""

    id: str
    open: bool
    status: str
    title: str
    state: str
    about: Sequence[str]
    band: str
    reasons: Sequence[str]
    rank: str
    offers: Sequence[Offered]


@dataclass(frozen=True)
class Guided:
    """One trajectory. steps: milestones with their day. ended: how, in words, or nothing."""

    id: str
    open: bool
    goals: Sequence[str]
    steps: Sequence[tuple[str, str]]
    since: str
    ended: str


@dataclass(frozen=True)
class Referred:
    id: str
    open: bool
    title: str
    about: str
    state: str
    seat: bool = False
    """Whether a seat of a session is booked for it."""


@dataclass(frozen=True, repr=False)
class Client(Withheld):
    """card: what the desk works with, label by label. looks: who opened what is personal. goes: when the file is erased
    by itself, in words. gone: what the page says instead of all of it, of an erased or unreadable file."""

    id: str
    alias: str
    version: int
    registered: str
    has_personal: bool
    card: Sequence[tuple[str, str]]
    requests: Sequence[Asked]
    trajectories: Sequence[Guided]
    referrals: Sequence[Referred]
    looks: Sequence[tuple[str, str, str]]
    goes: str
    gone: str

    @property
    def asks(self) -> bool:
        return any(request.open for request in self.requests)

    @property
    def guided(self) -> bool:
        return any(one.open for one in self.trajectories)


def household_words(household: Iterable[Row], words: Words) -> str:
    """Five people: 2 of 23-64, 1 of 12-17, ..."""
    bands = [member["age_band"] for member in household]
    if not bands:
        return words("client.household_unknown")
    counted = [words("client.band", n=bands.count(band), band=words(f"age_band.{band}"))
               for band in AGE_BANDS if band in bands]  # fmt: skip
    return f"{words.count('board.household', len(bands))}: {', '.join(counted)}"


def listed(clients: Iterable[Row], requests: Iterable[Row], now: datetime, words: Words) -> list[Listed]:
    """The files of a desk, whoever was here last first; erased ones are left out."""
    states = {request["client_id"]: request["status"] for request in requests if request["status"] in OPEN}
    there = [client for client in clients if client["erased_at"] is None]
    there.sort(key=lambda client: (client["active_at"], client["id"]), reverse=True)
    return [_listed(client, states.get(client["id"], ""), now, words) for client in there]


def _listed(client: Row, state: str, now: datetime, words: Words) -> Listed:
    alias = client["alias"] or words("client.unreadable_alias")
    return Listed(
        id=client["id"],
        alias=alias,
        household=household_words(client["household"], words),
        state=state,
        state_words=words(f"request_status.{state}") if state else "",
        since=words.moment(_moment(client["active_at"]), now),
        search=alias.casefold(),
    )


@dataclass(frozen=True, repr=False)
class Limited(Withheld):
    """A stay that nears its limit. announced: 90, 30 or 7 days ahead; 0 once it is over."""

    client_id: str
    alias: str
    where: str
    state: str
    announced: int


def limits(rows: Iterable[Row], words: Words) -> list[Limited]:
    """Stays that near their limit, the one that ends first first."""
    return [
        Limited(
            row["client_id"], row["alias"], site_title(row["location"]),
            words("clients.limit_over" if row["days_left"] < 0 else "clients.limit_left",
                  n=abs(row["days_left"]), day=words.day_of(date.fromisoformat(row["ends_on"]))),
            row["announced"],
        )
        for row in sorted(rows, key=lambda row: (row["ends_on"], row["client_id"]))
    ]  # fmt: skip


def offers_waiting(requests: Iterable[Row], aliases: Mapping[str, str], now: datetime, words: Words) -> list[Offered]:
    """Offers that wait for this desk's answer, the one that lapses first first."""
    found = [
        (offer["expires_at"], _offered(offer, request["client_id"], aliases.get(request["client_id"], ""), now, words))
        for request in requests
        for offer in request["offers"]
        if offer["status"] == "open"
    ]
    return [offered for _, offered in sorted(found, key=lambda pair: (pair[0], pair[1].id))]


def client_page(
    client: Row,
    requests: Iterable[Row],
    trajectories: Iterable[Row],
    referrals: Iterable[Row],
    looks: Iterable[Row],
    waiting: Row,
    retention_days: int | None,
    now: datetime,
    words: Words,
) -> Client:
    """Everything about one client but what is personal. waiting: the city's list. retention_days: how long a file may
    lie unused at this site."""
    gone = _gone(client, now, words)
    ranks = {item["id"]: item["rank"] for item in waiting["items"]}
    asked = sorted(requests, key=lambda request: (request["status"] not in OPEN, _newest(request["opened_at"])))
    return Client(
        id=client["id"],
        alias=client["alias"] or words("client.erased_title" if client["erased_at"] else "client.unreadable_alias"),
        version=client["version"],
        registered=words.moment(_moment(client["registered_at"]), now),
        has_personal=client["has_personal"],
        card=[] if gone else _card(client, words),
        requests=[_asked(request, ranks, waiting["total"], now, words) for request in asked],
        trajectories=[_guided(one, now, words) for one in trajectories],
        referrals=[_referred(one, client, now, words) for one in referrals],
        looks=[_looked(look, now, words) for look in sorted(looks, key=lambda look: _newest(look["at"]))],
        goes="" if gone or retention_days is None else _goes(client, retention_days, words),
        gone=gone,
    )  # fmt: skip


def _looked(look: Row, now: datetime, words: Words) -> tuple[str, str, str]:
    when = words.moment(_moment(look["at"]), now)
    return when, words(f"role.{look['role']}"), words(f"purpose.{look['purpose']}")


def _card(client: Row, words: Words) -> list[tuple[str, str]]:
    contact = client["contact"]
    channel = words(f"channel.{contact['channel']}")
    lines = [
        ("household", household_words(client["household"], words)),
        ("languages", ", ".join(words.language_name(code) for code in client["languages"])),
        ("needs", ", ".join(words(f"need.{need}") for need in client["needs"])),
        ("accessibility", ", ".join(words(f"feature.{feature}") for feature in client["accessibility"])),
        ("contact", words("client.explicit" if contact["explicit"] else "client.neutral", channel=channel)),
        ("case_manager", client["case_manager"] or ""),
        ("registration", words(f"registration.{client['registration']}")),
    ]
    return [(words(f"client.{name}"), text or words("client.nothing_known")) for name, text in lines]


def _gone(client: Row, now: datetime, words: Words) -> str:
    if client["erased_at"] is not None:
        complete = client["erasure_complete_at"]
        at = words.moment(_moment(client["erased_at"]), now)
        if complete is None:
            return words("client.erased_pending", at=at)
        return words("client.erased", at=at, complete=words.moment(_moment(complete), now))
    return words("client.unreadable", code=client["unreadable"]) if client["unreadable"] else ""


def _goes(client: Row, retention_days: int, words: Words) -> str:
    return words(
        "client.goes", day=words.day(_moment(client["active_at"]) + timedelta(days=retention_days)), days=retention_days
    )


def _asked(request: Row, ranks: Mapping[str, int], total: int, now: datetime, words: Words) -> Asked:
    kinds = [words(f"kind.{kind}") for kind in request["kinds"]]
    rank = ranks.get(request["id"])
    about = [
        words.count("board.household", request["household_size"]),
        words("client.waiting_since", day=words.day_of(date.fromisoformat(request["waiting_since"]))),
        *([", ".join(words(f"feature.{feature}") for feature in request["features"])] if request["features"] else []),
        *([words("client.not_at", places=", ".join(map(site_title, request["not_at"])))] if request["not_at"] else []),
    ]
    still = request["status"] in OPEN
    ended = f" · {words('request_end.' + request['reason'])}" if request["reason"] else ""
    return Asked(
        id=request["id"],
        open=still,
        status=request["status"],
        title=words("client.or").join(kinds),
        state=words(f"request_status.{request['status']}") + ended,
        about=about,
        band=words(f"band.{request['priority_band']}"),
        reasons=[words(f"priority.{reason}") for reason in request["reasons"]],
        rank=words("client.rank", rank=rank, total=total) if still and rank is not None else "",
        offers=[_offered(offer, request["client_id"], "", now, words)
                for offer in sorted(request["offers"], key=lambda offer: _newest(offer["expires_at"]))],
    )  # fmt: skip


SOON = timedelta(minutes=30)


def _offered(offer: Row, client_id: str, alias: str, now: datetime, words: Words) -> Offered:
    ends, open_ = _moment(offer["expires_at"]), offer["status"] == "open"
    state, reason = offer["word"] or offer["status"], offer["reason"]
    said = words(f"offer.{state}") if words.has(f"offer.{state}") else state
    if offer["status"] == "accepted" and offer["word"] in (None, "open"):
        said = words("offer.accepted")
    if reason and words.has(f"decline.{reason}"):
        said += f" · {words('decline.' + reason)}"
    expected = offer["expected_by"]
    clock = words("client.kept_until", time=words.moment(ends, now)) if open_ else ""
    if offer["status"] == "accepted" and expected and offer["word"] in (None, "open", "expected"):
        clock = words("client.expected_by", time=words.moment(_moment(expected), now))
    site, location = site_title(offer["site"]), site_title(offer["location"])
    return Offered(
        id=offer["id"],
        client_id=client_id,
        alias=alias,
        where=location if site == location else f"{location} · {site}",
        kind=f"{words('kind.' + offer['kind'])}, {words('board.sleeps', n=offer['sleeps'])}",
        state=said,
        clock=clock,
        open=open_,
        accepted=offer["status"] == "accepted" and offer["word"] in (None, "open", "expected"),
        grave=_grave(offer, words),
        urgent=open_ and ends - now < SOON,
    )


def _grave(offer: Row, words: Words) -> str:
    if offer["possible_double"]:
        return words("client.possible_double")
    if offer["in_slot"] and not offer["answered"]:
        return words("client.unanswered")
    return ""


def _guided(one: Row, now: datetime, words: Words) -> Guided:
    ended = ""
    if one["ended_at"] is not None:
        how = words(f"outcome_kind.{one['kind']}") if one["kind"] else words("client.nothing_known")
        ended = words("client.ended", at=words.day(_moment(one["ended_at"])), how=how)
    steps = [(words.day(_moment(step["at"])) if step["at"] else "", step["milestone"] or words("client.nothing_known"))
             for step in one["milestones"]]  # fmt: skip
    return Guided(one["id"], one["status"] == "open", one["goals"], steps, words.day(_moment(one["started_at"])), ended)


NUMBER_LENGTH = 8
"""What a booking's id begins with is its number."""


def _referred(one: Row, client: Row, now: datetime, words: Words) -> Referred:
    kind = one["partner_kind"]
    bands = {member["id"]: member["age_band"] for member in client["household"]}
    who = bands.get(one["member_id"] or "")
    about = [
        one["partner"] or "",
        words("client.for_member", band=words(f"age_band.{who}")) if who else "",
        words("client.made", day=words.day(_moment(one["made_at"]))),
    ]
    state = words(f"referral_state.{one['state']}")
    if one["appointment_at"] is not None and one["state"] == "appointment":
        state = words("client.appointment_at", time=words.moment(_moment(one["appointment_at"]), now))
    seat = one["seat"] if one["state"] == "appointment" else None
    if seat is not None:
        state += f" · {words('client.seat_booked', number=seat['booking_id'][:NUMBER_LENGTH])}"
    return Referred(
        id=one["id"],
        open=one["state"] != "ended",
        title=words(f"partner.{kind}") if kind else words("client.nothing_known"),
        about=" · ".join(part for part in about if part),
        state=state,
        seat=seat is not None,
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _newest(text: str) -> float:
    """A key by which the newest comes first."""
    return -_moment(text).timestamp()
