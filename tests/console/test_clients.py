"""A client's page and the desk's list in words: what is asked, offered, stored, seen and forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.console.clients import Client, client_page, household_words, limits, listed, offers_waiting
from services.console.words import words
from tests.console.sample import uid

NOW = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
EN, NL = words("en"), words("nl")
CLIENT, REQUEST, OFFER = uid(31), uid(32), uid(33)
FIVE = [{"id": uid(40 + n), "age_band": band} for n, band in enumerate(("23-64", "23-64", "12-17", "4-11", "0-3"))]


def at(**ahead: float) -> str:
    return (NOW + timedelta(**ahead)).isoformat()


def client(**more: Any) -> dict[str, Any]:
    return {
        "id": CLIENT, "alias": "blauwe reiger 7", "languages": ["ti", "en"], "household": FIVE, "needs": ["legal"],
        "accessibility": ["cot"], "contact": {"channel": "sms", "explicit": False}, "case_manager": None,
        "registration": "pending", "has_personal": True, "requests": [REQUEST], "registered_at": at(days=-2),
        "active_at": at(hours=-1), "erased_at": None, "erasure_complete_at": None, "unreadable": None, "version": 4,
    } | more  # fmt: skip


def offer(**more: Any) -> dict[str, Any]:
    return {
        "id": OFFER, "request_id": REQUEST, "hold_id": OFFER, "site": "west", "location": "house-1",
        "kind": "family_shelter", "sleeps": 6, "status": "open", "word": None, "reason": None,
        "expires_at": at(minutes=80), "expected_by": None, "answered": False, "in_slot": False,
        "possible_double": False, "version": 5,
    } | more  # fmt: skip


def request(*offers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": REQUEST, "client_id": CLIENT, "kinds": ["family_shelter", "shelter_24h"], "features": ["cot"],
        "household_size": 5, "not_at": ["west-2"], "priority_band": 1, "rules_version": 1,
        "reasons": ["baby", "children"], "status": "offered" if offers else "waiting", "reason": None,
        "waiting_since": "2026-01-08", "opened_at": at(days=-2), "offers": list(offers), "version": 3,
    } | more  # fmt: skip


def page(file: dict[str, Any], *requests: dict[str, Any], **more: Any) -> Client:
    given: dict[str, Any] = {"trajectories": [], "referrals": [], "looks": [], "days": 365, "spoken": EN} | more
    waiting = {"items": [{"id": REQUEST, "rank": 3}], "total": 40}
    return client_page(
        file, requests, given["trajectories"], given["referrals"], given["looks"], waiting, given["days"], NOW,
        given["spoken"],
    )  # fmt: skip


def test_a_household_is_told_by_age() -> None:
    assert household_words(FIVE, EN) == (
        "5 people: 1 of 0 to 3, 1 of 4 to 11, 1 of 12 to 17, 2 of 23 to 64"
    )  # fmt: skip
    assert household_words([], NL) == "niet opgeschreven"


def test_the_card_says_what_is_written_down_and_what_is_not() -> None:
    card = dict(page(client()).card)
    assert card["Languages"] == "Tigrinya, English"
    assert card["Contact"] == "text message; a message says only that there is news"
    assert card["Case manager"] == "not written down"
    assert dict(page(client(), spoken=NL).card)["Talen"] == "Tigrinya, Engels"


def test_a_request_says_in_words_why_it_is_in_its_band_and_where_it_stands() -> None:
    [asked] = page(client(), request()).requests
    assert asked.title == "Family shelter or 24-hour shelter"
    assert (asked.band, asked.reasons) == ("Urgent", ["a baby", "children"])
    assert asked.rank == "number 3 of 40 in the city"
    assert asked.about == ["5 people", "waits since 8 Jan 2026", "cot", "not at West 2"]


def test_a_request_that_ended_says_why_and_has_no_place_in_the_list() -> None:
    shown = page(client(), request(status="withdrawn", reason="found_elsewhere"))
    assert shown.requests[0].state == "Ended · found a place elsewhere"
    assert (shown.requests[0].rank, shown.asks) == ("", False)


@pytest.mark.parametrize(
    ("how", "state", "clock", "grave"),
    [
        ({}, "waits for an answer", "kept until 22:20", ""),
        ({"status": "accepted", "word": "open", "in_slot": True, "expected_by": at(hours=2)}, "accepted",
         "expected by 23:00", "The location has not answered yet."),
        ({"status": "accepted", "word": "expected", "in_slot": True, "answered": True, "expected_by": at(hours=2)},
         "expected there", "expected by 23:00", ""),
        ({"status": "accepted", "word": "housed", "in_slot": True, "answered": True}, "lives there", "", ""),
        ({"status": "declined", "reason": "too_far"}, "declined · too far", "", ""),
        ({"status": "lapsed", "word": "lapsed"}, "lapsed", "", ""),
        ({"status": "accepted", "possible_double": True}, "accepted", "",
         "Possible double: two locations may expect this client."),
    ],
)  # fmt: skip
def test_an_offer_says_how_it_stands(how: dict[str, Any], state: str, clock: str, grave: str) -> None:
    [asked] = page(client(), request(offer(**how))).requests
    [offered] = asked.offers
    assert (offered.where, offered.kind) == ("House 1 · West", "Family shelter, sleeps 6")
    assert (offered.state, offered.clock, offered.grave) == (state, clock, grave)


def test_offers_that_wait_are_listed_the_soonest_first_and_marked_when_little_time_is_left() -> None:
    soon = offer(id=uid(50), expires_at=at(minutes=10))
    found = offers_waiting([request(offer(), soon, offer(id=uid(51), status="declined"))], {CLIENT: "reiger"}, NOW, EN)
    assert [(one.id, one.alias, one.urgent) for one in found] == [(uid(50), "reiger", True), (OFFER, "reiger", False)]


def test_who_opened_what_is_personal_is_said_newest_first_and_when_the_file_goes() -> None:
    looks = [
        {"id": uid(60), "client_id": CLIENT, "purpose": "contact", "role": "caseworker", "at": at(days=-1)},
        {"id": uid(61), "client_id": CLIENT, "purpose": "trouble", "role": "auditor", "at": at(hours=-2)},
    ]
    shown = page(client(), looks=looks, days=30)
    assert shown.looks == [
        ("19:00", "Auditor", "to find a fault"), ("Fri 9 Jan 21:00", "Caseworker", "to reach the client"),
    ]  # fmt: skip
    assert shown.goes == "Unused, this file is erased by itself on 9 Feb 2026: 30 days after it was last touched."


def test_an_erased_file_says_when_its_last_backup_is_gone_and_nothing_else() -> None:
    nothing: dict[str, Any] = {"alias": None, "languages": [], "household": [], "needs": [], "accessibility": [],
                               "contact": None, "registration": None}  # fmt: skip
    gone = client(**nothing, erased_at=at(hours=-1), erasure_complete_at=at(days=7))
    shown = page(gone)
    assert (shown.alias, shown.card, shown.goes) == ("An erased file", [], "")
    assert shown.gone.startswith("This file was erased 20:00.")
    assert "17 Jan" in shown.gone
    assert "tried again" in page(client(**nothing, erased_at=at(hours=-1))).gone
    assert "vault-key-missing" in page(client(**nothing, unreadable="vault-key-missing")).gone


def test_guidance_says_goals_steps_and_how_it_ended() -> None:
    going: dict[str, Any] = {
        "id": uid(70), "client_id": CLIENT, "goals": ["a lawyer"], "status": "open", "outcome": None, "kind": None,
        "milestones": [{"id": uid(71), "milestone": "first talk", "at": at(days=-1)}], "started_at": at(days=-3),
        "ended_at": None, "version": 1,
    }  # fmt: skip
    over = going | {
        "id": uid(72),
        "status": "ended",
        "outcome": "durable",
        "kind": "legal_stay",
        "ended_at": at(days=-1),
    }
    shown = page(client(), trajectories=[going, over])
    assert shown.guided
    assert shown.trajectories[0].steps == [("9 Jan 2026", "first talk")]
    assert [one.ended for one in shown.trajectories] == ["", "Ended 9 Jan 2026: Legal stay"]


def test_a_referral_says_to_whom_for_whom_and_when() -> None:
    made: dict[str, Any] = {
        "id": uid(80), "client_id": CLIENT, "partner_kind": "school", "group": "education", "partner": "De Brug",
        "member_id": FIVE[3]["id"], "state": "appointment", "made_at": at(days=-1), "appointment_at": at(days=1),
        "version": 1, "seat": None,
    }  # fmt: skip
    [referred] = page(client(), referrals=[made]).referrals
    assert (referred.title, referred.about) == ("School", "De Brug · for somebody of 4 to 11 · made 9 Jan 2026")
    assert (referred.state, referred.open, referred.seat) == ("appointment Sun 11 Jan 21:00", True, False)
    seat = {"session_id": uid(81), "booking_id": "5b1e7a52" + uid(82)[8:]}
    [with_seat] = page(client(), referrals=[made | {"seat": seat}]).referrals
    assert (with_seat.state, with_seat.seat) == ("appointment Sun 11 Jan 21:00 · seat 5b1e7a52 booked", True)
    [went] = page(client(), referrals=[made | {"seat": seat, "state": "attended"}]).referrals
    assert not went.seat


def test_the_list_has_who_was_here_last_first_and_nobody_erased() -> None:
    other = client(id=uid(90), alias="rode vos 2", active_at=at(minutes=-5), household=[])
    gone = client(id=uid(91), erased_at=at(hours=-1))
    found = listed([client(), other, gone], [request(), request(client_id=uid(90), status="placed")], NOW, EN)
    assert [(one.alias, one.state_words) for one in found] == [("rode vos 2", ""), ("blauwe reiger 7", "Waiting")]


def test_stays_that_near_their_limit_are_named_the_soonest_first() -> None:
    def row(n: int, days: int, announced: int) -> dict[str, Any]:
        ends = (NOW + timedelta(days=days)).date().isoformat()
        return {"client_id": uid(n), "alias": f"heron {n}", "location": "house-1", "ends_on": ends, "days_left": days,
                "announced": announced}  # fmt: skip

    shown = limits([row(1, 80, 90), row(2, -3, 0), row(3, 6, 7)], EN)
    assert [(one.alias, one.where, one.state) for one in shown] == [
        ("heron 2", "House 1", "3 days over, since 7 Jan 2026"),
        ("heron 3", "House 1", "6 days left, until 16 Jan 2026"),
        ("heron 1", "House 1", "80 days left, until 31 Mar 2026"),
    ]  # fmt: skip
    assert [one.announced for one in shown] == [0, 7, 90]
