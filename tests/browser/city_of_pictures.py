"""What the pictures of the screens show: a demo city in which the desks have been at work. Nobody in it is a person."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx

from infra.running import site_settings
from services.allowance.transfers import reference
from shared.security import Role, issue_token, load_signing_key
from tests.allowance.test_orders import camt
from tests.support.network import PATIENCE_SECONDS, Network

T = TypeVar("T")

ZONE = ZoneInfo("Europe/Amsterdam")
NIGHTS = 14
HOUSES = (
    ("west", "de-brug", "De Brug", "Nieuw-West", "shelter_24h", 48, (40, 44, 45, 48, 47, 46, 42)),
    ("west", "het-anker", "Het Anker", "Centrum", "night_shelter", 30, (30, 30, 29, 30, 30, 28, 30)),
    ("noord", "de-kade", "De Kade", "Noord", "family_shelter", 22, (14, 15, 17, 16, 18, 19, 18)),
    ("zuidoost", "het-kompas", "Het Kompas", "Zuidoost", "shelter_24h", 64, (38, 36, 41, 47, 45, 52, 50)),
    ("zuidoost", "de-haven", "De Haven", "Zuid", "medical_respite", 12, (6, 9, 12, 11, 12, 12, 10)),
)
"""Site, name, title, district, kind, places, and how many were taken from Monday to Sunday."""
TARIFFS = (("1", 6250), ("2", 11400), ("3-4", 14900), ("5+", 20600))
"""Cents a week."""


@dataclass(frozen=True)
class City:
    """known: the ids the paths of the screens are filled in with."""

    known: Mapping[str, str]


def furnish(network: Network) -> City:
    """Puts the desks to work where they have not been yet. All of it goes over the same paths any desk uses."""
    told: dict[str, str] = {"then": last_tuesday(datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M")}
    with _desk(network, "stad", "coordinator") as city:
        if not _list(city, "/api/placement/regimes"):
            _nights(network)
            _regime(city)
        told |= _money(network)
    told |= _transfers(network)
    told |= _clients(network)
    _shift(network)
    _guest(network)
    return City(told | _hold(network))


def last_tuesday(now: datetime) -> datetime:
    """The evening before this week's or last week's Wednesday, at ten by the clocks of the city."""
    here = now.astimezone(ZONE)
    back = (here.weekday() - 1) % 7 or 7
    return (here - timedelta(days=back)).replace(hour=22, minute=0, second=0, microsecond=0)


@contextmanager
def _desk(network: Network, site: str, role: Role, who: str = "") -> Iterator[httpx.Client]:
    """who: which person of that role, where it matters that it is another one."""
    token = network.token(site, role)
    if who:
        key = site_settings(network.data, site).token_signing_key
        assert key is not None
        token = issue_token(load_signing_key(key), who, role, site, datetime.now(UTC))
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=network.urls[site], headers=headers, timeout=30, trust_env=False) as client:
        yield client


def _post(desk: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    answer = desk.post(path, json=body)
    assert answer.is_success, f"{path}: {answer.text}"
    told: dict[str, Any] = answer.json()
    return told


def _list(desk: httpx.Client, path: str, **query: str) -> list[dict[str, Any]]:
    answer = desk.get(path, params={"limit": "500", **query})
    assert answer.is_success, f"{path}: {answer.text}"
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def capacity(desk: httpx.Client) -> list[dict[str, Any]]:
    """The rows of the network's capacity as a site sees it."""
    answer = desk.get("/api/placement/capacity")
    assert answer.is_success, answer.text
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return rows


def until(what: str, look: Callable[[], T | None]) -> T:
    """What comes of itself, as soon as it is there."""
    end = time.monotonic() + 2 * PATIENCE_SECONDS
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"it never came: {what}")


def _nights(network: Network) -> None:
    """The last nights of five houses, as houses report them that keep their own books."""
    today = datetime.now(ZONE).date()
    for site, name, title, district, kind, places, week in HOUSES:
        with _desk(network, site, "coordinator") as desk:
            _post(desk, "/api/placement/locations", name=name, title=title, district=district)
            nights = []
            for back in range(NIGHTS, 0, -1):
                day = today - timedelta(days=back)
                seen = datetime(day.year, day.month, day.day, 20, tzinfo=ZONE)
                nights.append({
                    "programme": "1", "kind": kind, "night": day.isoformat(), "observed_at": seen.isoformat(),
                    "total": places, "blocked": 0, "occupied": week[day.weekday()], "overflow": 0,
                })  # fmt: skip
            _post(desk, "/api/placement/imports/overnight", location=name, nights=nights)


def _regime(city: httpx.Client) -> None:
    begins = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=3)
    _post(
        city, "/api/placement/regimes", name="Winterkou", kinds=["night_shelter"], starts_at=begins.isoformat(),
        ends_at=(begins + timedelta(days=4)).isoformat(),
    )  # fmt: skip


def _money(network: Network) -> dict[str, str]:
    """A programme with a budget, people in it, a run that was paid, and the next one, which waits for a second person:
    two households more are in it."""
    today = datetime.now(ZONE).date()
    last, monday = (today - timedelta(days=today.weekday() + days) for days in (14, 7))
    with _desk(network, "stad", "finance") as office, _desk(network, "west", "caseworker") as desk:
        if all(row["name"] != "Leefgeld" for row in _list(office, "/api/allowance/programmes")):
            tariffs = [{"size_class": size, "cents": cents, "valid_from": "2025-01-01"} for size, cents in TARIFFS]
            made = _post(
                office, "/api/allowance/programmes", name="Leefgeld", places=240, period="week", tariffs=tariffs,
                methods=["voucher"],
            )  # fmt: skip
            path = f"/api/allowance/programmes/{made['id']}"
            for year in sorted({last.year, monday.year, today.year}):
                _post(office, f"{path}/budget", year=year, cents=185_000_000)
            for n in range(6):
                client = _post(desk, "/api/intake/clients", household=[{"age_band": "23-64"}] * (1 + n % 3))["id"]
                first = last if n < 4 else monday
                until("the client is known to allowance", partial(_granted, desk, made["id"], client, first))
            until("seats are granted", lambda: _programme(office)["occupied"] >= 6)
            paid = _post(office, "/api/allowance/pay-runs", programme=made["id"], period=f"{last:%G}-W{last:%V}")["id"]
            with _desk(network, "stad", "finance", "bram") as second:
                for step in ("approve", "execute"):
                    _post(second, f"/api/allowance/pay-runs/{paid}/{step}")
            until("west has what it hands out", lambda: len(_list(desk, "/api/allowance/vouchers")) == 4)
            _post(office, "/api/allowance/pay-runs", programme=made["id"], period=f"{monday:%G}-W{monday:%V}")
        runs, vouchers = _list(office, "/api/allowance/pay-runs"), _programme(office)["id"]
        theirs = [run for run in runs if run["programme_id"] == vouchers]
        return {"run": max(theirs, key=lambda run: str(run["period"]))["id"]}


def _programme(desk: httpx.Client) -> dict[str, Any]:
    """The one that pays by voucher."""
    return next(row for row in _list(desk, "/api/allowance/programmes") if row["name"] == "Leefgeld")


def _granted(desk: httpx.Client, programme: str, client: str, first: Any, method: str = "voucher") -> bool:
    """Whether a seat was asked for; not as long as the client is not known there."""
    body = {"programme": programme, "client_id": client, "from_day": first.isoformat(), "method": method}
    answer = desk.post("/api/allowance/entitlements", json=body)
    assert answer.is_success or answer.status_code in (404, 409), answer.text
    return answer.is_success


def _clients(network: Network) -> dict[str, str]:
    """Files at west: a family with an offer, one that waits, one of whom little is known, one that goes to noord."""
    with _desk(network, "west", "caseworker") as desk, _desk(network, "noord", "operator") as noord:
        there = {row["alias"]: row["id"] for row in _list(desk, "/api/intake/clients")}
        family = [{"age_band": band} for band in ("23-64", "23-64", "12-17", "4-11", "0-3")]
        files: dict[str, dict[str, Any]] = {
            "Merel": {"household": family, "languages": ["ar", "en"], "needs": ["legal", "child_care"],
                      "contact": {"channel": "desk"},
                      "personal": {"name": "—", "notes": "—"}},
            "Kievit": {"household": [{"age_band": "18-22"}], "languages": ["ti"], "needs": ["protection"]},
            "Zwaluw": {"household": [{"age_band": "65+"}], "languages": ["nl"], "accessibility": ["step_free"]},
            "Tapuit": {"household": [{"age_band": "23-64"}], "languages": ["en"]},
            "نورس": {"household": [{"age_band": "23-64"}, {"age_band": "23-64"}], "languages": ["fa"]},
        }  # fmt: skip
        for alias, body in files.items():
            if alias not in there:
                there[alias] = _post(desk, "/api/intake/clients", alias=alias, **body)["id"]
        told = {"client": there["Merel"], "waiting": there["Kievit"], "plain": there["Zwaluw"],
                "going": there["Tapuit"]}  # fmt: skip
        if not _list(desk, "/api/intake/hand-overs", client_id=told["going"]):
            _post(desk, f"/api/intake/clients/{told['going']}/hand-over", site="noord")
        if not _list(desk, "/api/intake/requests", client_id=told["client"]):
            _post(noord, "/api/placement/places", location="noord", kind="family_shelter", room="12", sleeps=6, count=1)
            _post(desk, f"/api/intake/clients/{told['client']}/requests", kinds=["family_shelter"],
                  priority_facts=["children", "sleeping_rough"])  # fmt: skip
            made = _post(desk, f"/api/intake/clients/{told['client']}/trajectories", goals=["een advocaat spreken"])
            _post(
                desk,
                f"/api/intake/clients/{told['client']}/trajectories/{made['id']}/milestones",
                milestone="eerste gesprek",
            )
            _post(
                desk,
                f"/api/intake/clients/{told['client']}/referrals",
                partner_kind="legal_aid",
                partner="Wijkjuristen",
            )
            _post(desk, f"/api/intake/clients/{told['waiting']}/requests", kinds=["medical_respite"],
                  features=["quiet"], priority_facts=["under_23"])  # fmt: skip

        def offered() -> bool:
            return any(row["offers"] for row in _list(desk, "/api/intake/requests", client_id=told["client"]))

        until("the family is offered a place", offered)
    return told


def _shift(network: Network) -> None:
    """What an evening has at west's desk: notes of the last shift, somebody on the way, and a question."""
    with _desk(network, "west", "operator") as desk, _desk(network, "noord", "caseworker") as noord:
        if _list(desk, "/api/console/notes", location="west"):
            return
        places = [row for row in _list(desk, "/api/placement/places") if row["location"] == "west"]
        _post(desk, "/api/console/notes", location="west", text="De voordeur klemt: stevig duwen.\nMorgen gemaakt.")
        _post(
            desk, "/api/console/notes", location="west", place_id=places[2]["id"],
            text="Het bed aan het raam kraakt; matras is besteld.",
        )  # fmt: skip
        elsewhere = {row["location"] for row in capacity(desk) if row["kind"] == "night_shelter"} - {"west"}
        for alias, mode in (("Ekster", "automatic"), ("Spreeuw", "ask")):
            _post(desk, "/api/placement/locations/west/offers", offers=mode)
            client = _post(noord, "/api/intake/clients", alias=alias, household=[{"age_band": "23-64"}])["id"]
            asked = {"kinds": ["night_shelter"], "not_at": sorted(elsewhere)}
            _post(noord, f"/api/intake/clients/{client}/requests", **asked)
            if mode == "ask":
                until("west is asked", lambda: _list(desk, "/api/placement/offer-questions", location="west"))
            else:
                _accepted(noord, client)
                until("they are expected", lambda: _list(desk, "/api/placement/offers", word="expected"))
        _post(desk, "/api/placement/locations/west/offers", offers="automatic")


def _accepted(desk: httpx.Client, client: str) -> dict[str, Any]:
    """What their desk is answered, once they were offered a place: with the code for the door."""

    def offered() -> list[str]:
        requests = _list(desk, "/api/intake/requests", client_id=client)
        return [offer["id"] for request in requests for offer in request["offers"] if offer["status"] == "open"]

    [offer, *_] = until("a place is offered", offered)
    by = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    return _post(desk, f"/api/intake/clients/{client}/offers/{offer}/accept", expected_by=by)


def _hold(network: Network) -> dict[str, str]:
    """A hold that was taken up: its story."""
    with _desk(network, "west", "operator") as desk:
        free = next(row for row in _list(desk, "/api/placement/places", status="free") if row["location"] == "west")
        held = _post(desk, "/api/placement/holds", place_ids=[free["id"]], hold_minutes=30)
        _post(desk, f"/api/placement/holds/{held['id']}/check-in")
        return {"hold": held["id"]}


MOVED = 8
"""Households of each kind that move in the weeks that pass: so many that their number is nobody's."""


def let_weeks_pass(network: Network) -> bool:
    """Two weeks in which people found places, and left them for an allowance: they are over when this returns. True."""
    with _desk(network, "west", "caseworker") as desk, _desk(network, "west", "operator") as house:
        sheltered, overnight = (_have_files(desk, house, kind) for kind in ("shelter_24h", "night_shelter"))
        now = _now(house)
        counted = _hours(house, now - timedelta(days=now.weekday()), NEXT_WEEK)
    _weeks_on(network, 8)
    _somebody_counts(network, counted)
    with _desk(network, "west", "caseworker") as desk, _desk(network, "west", "operator") as house:
        programme = _programme(desk)["id"]
        for client in sheltered:
            assert _granted(desk, programme, client, datetime.now(ZONE).date())
        for stay in (*sheltered.values(), *list(overnight.values())[: MOVED - 2]):
            _post(house, f"/api/placement/stays/{stay}/end", reason="moved_on")
        until("all seats are granted", lambda: _programme(desk)["occupied"] >= 6 + MOVED)
        for client in (*sheltered, *list(overnight)[: MOVED - 2]):
            until("their desk has heard that they left", partial(_left, desk, client))
        _guided(desk, [*sheltered, *overnight])
    held = _sessions_open(network)
    _weeks_on(network, 7)
    _somebody_counts(network, held)
    return True


def _left(desk: httpx.Client, client: str) -> bool:
    """Whether the desk knows of no house they live in."""
    answer = desk.get(f"/api/intake/clients/{client}/home")
    return answer.is_success and answer.json()["home"] is None


def _guided(desk: httpx.Client, clients: Sequence[str]) -> None:
    """Their guidance is over: less than half of them have a perspective of residence."""
    ways = (("durable", "legal_stay"),) * (MOVED - 2) + (("none", "left"),) * (MOVED + 2)
    for client, (outcome, kind) in zip(clients, ways, strict=True):
        path = f"/api/intake/clients/{client}/trajectories"
        made = _post(desk, path, goals=["een advocaat spreken"])["id"]
        _post(desk, f"{path}/{made}/end", outcome=outcome, kind=kind)


def _have_files(desk: httpx.Client, house: httpx.Client, kind: str) -> dict[str, str]:
    """Clients who came to west's own house without a name and have a file now, with their stays: a stay that is
    somebody's, or that a night report of another house counted, is nobody's to claim."""

    def housed() -> set[str]:
        return {row["stay_id"] for row in _list(house, "/api/placement/offers", word="housed")}

    present, somebodys = _list(house, "/api/placement/stays", present="true"), housed()
    free = [row for row in present if (row["kind"], row["location"]) == (kind, "west") and row["id"] not in somebodys]
    assert len(free) >= MOVED, f"only {len(free)} live in {kind} at west"
    theirs: dict[str, str] = {}
    for stay in free[:MOVED]:
        client = _post(desk, "/api/intake/clients", household=[{"age_band": "23-64"}])["id"]
        claim = {"stay_id": stay["id"], "location": stay["location"], "kind": stay["kind"]}
        _post(desk, f"/api/intake/clients/{client}/stays", **claim)
        theirs[client] = stay["id"]
    until("their house has answered", lambda: set(theirs.values()) <= housed())
    return theirs


def _weeks_on(network: Network, days: int) -> None:
    """The clocks of the city are put forward, and every desk has told of the week that is over."""
    assert network.plek("clock", "advance", f"{days}d").returncode == 0
    network.sign_in_again()

    def told() -> bool:
        with _desk(network, "stad", "coordinator") as city:
            answer = city.get("/api/placement/weeks", params={"weeks": 1})
        if not answer.is_success:  # every clock has jumped: whatever was under way is begun anew
            return False
        newest = answer.json()["items"][0]
        return bool(newest["flows"]["total"]) and not newest["missing"]

    until("the week is told", told)


SESSIONS = (("consultation", 3, 10, 2, 3), ("consultation", 4, 14, 2, 6), ("activation", 3, 13, 3, 12))
"""Kind, days from the week's end, hour, hours, and seats: the first is full when it is looked at."""
HELD = (("consultation", -1, 10, 2, 8), ("activation", -2, 13, 3, 12))
"""Those that are over by then: one of them counted."""
NEXT_WEEK = (("consultation", 7, 10, 2, 8), ("consultation", 9, 10, 2, 3), ("activation", 10, 13, 3, 12))
"""Days from this week's Monday: the week that is over, and told of, when it is looked at has a full one."""


def _sessions_open(network: Network) -> list[str]:
    """West's hours of the week to come and of the week after it, with seats booked. Those of the week to come."""
    with _desk(network, "west", "operator") as desk:
        week_end = _now(desk) + timedelta(days=7)
        _hours(desk, week_end, SESSIONS)
        return _hours(desk, week_end, HELD)


def _now(desk: httpx.Client) -> datetime:
    """By the clock of the site, which may have been put forward."""
    return datetime.fromisoformat(desk.get("/api/placement/capacity").json()["as_of"]).astimezone(ZONE)


def _hours(desk: httpx.Client, day: datetime, hours: Sequence[tuple[str, int, int, int, int]]) -> list[str]:
    """Sessions that many days from `day`. Booked: three seats of those to come, up to seven of the others."""
    made = []
    for kind, days, hour, lasts, seats in hours:
        begins = (day + timedelta(days=days)).replace(hour=hour, minute=0, second=0, microsecond=0)
        ends = begins + timedelta(hours=lasts)
        made.append(_post(desk, "/api/placement/sessions", location="west", kind=kind, starts_at=begins.isoformat(),
                          ends_at=ends.isoformat(), seats=seats)["id"])  # fmt: skip
        for _ in range(min(seats, 3 if hours is SESSIONS else 7)):
            _post(desk, f"/api/placement/sessions/{made[-1]}/book")
    return made


def _somebody_counts(network: Network, held: list[str]) -> None:
    """Who came to the first of those that are over; the others nobody has counted."""
    with _desk(network, "west", "operator") as desk:
        _post(desk, f"/api/placement/sessions/{held[0]}/attended", attended=6)


def _guest(network: Network) -> None:
    """One of west's guests was offered their place by way of their desk, and lets the house know their alias."""
    with _desk(network, "west", "operator") as desk, _desk(network, "noord", "caseworker") as noord:
        if any(row["alias"] == "Putter" for row in _list(noord, "/api/intake/clients")):
            return
        elsewhere = {row["location"] for row in capacity(desk) if row["kind"] == "night_shelter"} - {"west"}
        client = _post(noord, "/api/intake/clients", alias="Putter", household=[{"age_band": "23-64"}])["id"]
        _post(noord, f"/api/intake/clients/{client}/requests", kinds=["night_shelter"], not_at=sorted(elsewhere))
        code = _accepted(noord, client)["arrival_code"]
        [request] = _list(noord, "/api/intake/requests", client_id=client)
        hold = next(offer["hold_id"] for offer in request["offers"] if offer["status"] == "accepted")
        expected = partial(_list, desk, "/api/placement/offers", word="expected")
        until("the house hears of the guest", lambda: any(row["id"] == hold for row in expected()))
        _post(desk, f"/api/placement/holds/{hold}/check-in", arrival_code=code)
        path = f"/api/intake/clients/{client}"
        home = until("their desk knows where they live", lambda: noord.get(f"{path}/home").json()["home"])
        _post(noord, f"{path}/hand-alias-over", offer_id=home["offer_id"], agreed=True)


IBANS = (("stad", "NL91ABNA0417164300"), ("west", "NL20INGB0001234567"), ("noord", "BE68539007547034"))
"""Of banks' examples: nobody's."""


def _transfers(network: Network) -> dict[str, str]:
    """A programme that pays by transfer, and its run of last week: the money of west is there, of noord on its way."""
    with _desk(network, "stad", "finance") as office:
        known = [row["id"] for row in _list(office, "/api/allowance/programmes") if row["name"] == "Overbrugging"]
        if known:
            runs = _list(office, "/api/allowance/pay-runs")
            return {"orders": next(run["id"] for run in runs if run["programme_id"] in known)}
    with _desk(network, "stad", "finance", "anna") as anna, _desk(network, "stad", "finance", "bram") as bram:
        today = datetime.now(ZONE).date()
        monday = today - timedelta(days=today.weekday() + 7)
        tariffs = [{"size_class": size, "cents": cents, "valid_from": "2025-01-01"} for size, cents in TARIFFS]
        made = _post(anna, "/api/allowance/programmes", name="Overbrugging", places=40, period="week",
                     methods=["transfer"], tariffs=tariffs)["id"]  # fmt: skip
        path = f"/api/allowance/programmes/{made}"
        with _desk(network, "stad", "finance", "carl") as carl:
            for site, iban in IBANS:
                _post(carl, f"{path}/accounts", site=site, name=f"Stichting {site.title()}", iban=iban)
        _post(anna, f"{path}/budget", year=monday.year, cents=24_000_000)
        for site, people in (("west", 3), ("noord", 1)):
            with _desk(network, site, "caseworker") as desk:
                for n in range(people):
                    client = _post(desk, "/api/intake/clients", household=[{"age_band": "23-64"}] * (1 + n % 2))["id"]
                    until("allowance knows the client", partial(_granted, desk, made, client, monday, "transfer"))
        seats = f"/api/allowance/seats?programme={made}&status=granted"
        until("seats are granted", lambda: len(anna.get(seats).json()["items"]) == 4)
        run = _post(anna, "/api/allowance/pay-runs", programme=made, period=f"{monday:%G}-W{monday:%V}")["id"]
        for step in ("approve", "execute"):
            _post(bram, f"/api/allowance/pay-runs/{run}/{step}")
        _west_is_paid(bram, run)
    with _desk(network, "west", "operator") as desk:
        paid = f"/api/allowance/transfers?period={monday:%G}-W{monday:%V}&status=paid"
        until("west hears that the money came", lambda: len(desk.get(paid).json()["items"]) == 3)
    return {"orders": run}


def _west_is_paid(office: httpx.Client, run: str) -> None:
    """The bank's statement says so."""
    path = f"/api/allowance/pay-runs/{run}"
    orders = until("the bank was asked", lambda: [o for o in _list(office, f"{path}/orders") if o["status"] == "sent"])
    order = next(one for one in orders if one["site"] == "west")
    assert _post(office, f"{path}/transfers", **camt((reference(order["id"]), order["cents"], "DBIT")))
