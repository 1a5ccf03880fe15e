"""What a caseworker's forms ask: about a client, a place for them, how they are guided. Each is one request the intake
service of this site knows. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.console.clients import OPEN
from services.console.forms import AGE_BANDS, Answer, Field, Form, Option, chosen, moments_ahead, options
from services.console.waits import names
from services.console.words import Words
from shared.contracts.vocabulary import (
    BED_KINDS,
    CORRECTION_REASONS,
    DECLINE_REASONS,
    FEATURES,
    GROUP_OF,
    OUTCOME_KINDS,
    OUTCOME_OF,
    OVERRIDE_REASONS,
    READ_PURPOSES,
    REQUEST_END_REASONS,
)

API = "/api/intake/clients"
NEEDS = ("medical", "mental_health", "legal", "protection", "mobility", "pregnancy", "addiction_care", "child_care",
         "interpreter", "documents")  # fmt: skip
CHANNELS = ("desk", "phone", "sms", "chat", "email", "post", "none")
REGISTRATIONS = ("unknown", "pending", "registered", "stateless_claimed")
FACTS = ("sleeping_rough", "baby", "children", "pregnant", "medical_urgent", "fleeing_violence", "over_65", "under_23")
WITHDRAWN = REQUEST_END_REASONS[:-1]
"""Why somebody asks no longer; `erased` is never said by a desk."""
PURPOSES = tuple(purpose for purpose in READ_PURPOSES if purpose != "trouble")
"""What a caseworker opens something personal for; `trouble` is for who repairs."""
CLAIMS_MAX = 200
"""Stays to choose from, the newest: who came earlier than that is known by now."""
FOLLOWED = ("attended", "did_not_attend", "ended")
LANGUAGES_MIN, GOALS, KINDS, NOT_AT = 2, 3, 3, 3
"""Fields that are shown for as many as there usually are."""

Row = Mapping[str, Any]


def register(words: Words) -> Form:
    """Somebody is here for the first time: as little as possible."""
    card = _card(None, words)
    return Form(
        "register", words("form.register"), words("form.register_help"), API, words("form.register_button"),
        words("form.registered"), [*card, *_personal(words)], go="/clients/{id}",
    )  # fmt: skip


def client_form(
    about: str, of: str, client: Row, requests: Sequence[Row], places: Sequence[Option], now: datetime, words: Words
) -> Form | None:
    """One form about a client; None when there is nothing of the kind. of: the request, offer, trajectory or referral
    it is about. places: of a request, locations of the network with their names; of a claim, the stays of this site
    nobody is known by, as pieces of the body with their words."""
    if client["erased_at"] is not None:
        return None
    plain: dict[str, Callable[[], Form]] = {
        "correct": lambda: _correct(client, words),
        "personal": lambda: _correct_personal(client, words),
        "read": lambda: _read(client, words),
        "erase": lambda: _erase(client, words),
        "request": lambda: _request(client, places, words),
        "claim": lambda: _claim(client, places, words),
        "trajectory": lambda: _trajectory(client, words),
        "refer": lambda: _refer(client, words),
        "milestone": lambda: _milestone(client, of, words),
        "end": lambda: _end(client, of, words),
        "appointment": lambda: _appointment(client, of, words),
        "follow": lambda: _follow(client, of, words),
    }
    if about == "claim" and not places:
        return None
    if about in plain:
        return plain[about]()
    request = next((one for one in requests if one["id"] == of and one["status"] in OPEN), None)
    if request is not None and about in ("prioritize", "withdraw"):
        return (_prioritize if about == "prioritize" else _withdraw)(client, request, words)
    offers = [offer for one in requests for offer in one["offers"]]
    offer = next((one for one in offers if one["id"] == of), None)
    if offer is not None and about == "accept":
        return _accept(client, offer, offers, now, words)
    return _decline(client, offer, words) if offer is not None and about == "decline" else None


def _path(client: Row, *rest: str) -> str:
    return "/".join((API, client["id"], *rest))


def _card(client: Row | None, words: Words) -> list[Field]:
    """What the desk works with; of a client who is there already as it stands now."""
    there: Row = client or {"languages": [], "household": [], "needs": [], "accessibility": [], "contact": None}
    contact = there["contact"] or {"channel": "desk", "explicit": False}
    members: dict[str, list[str]] = {band: [] for band in AGE_BANDS}
    for member in there["household"]:
        members[member["age_band"]].append(member["id"])
    spoken = [("", words("form.none")), *words.spoken()]
    known = [*there["languages"], *[""] * max(1, LANGUAGES_MIN - len(there["languages"]))]
    registration = (there.get("registration") if client else None) or "unknown"
    return [
        Field("bands", "household", words("client.household"), words("form.household_help"),
              [(band, words(f"age_band.{band}")) for band in AGE_BANDS], members),
        Field("list", "languages", words("client.languages"), options=spoken, value=known),
        Field("text", "alias", words("form.alias"), words("form.alias_help"), value=there.get("alias") or ""),
        Field("choice", "contact.channel", words("form.channel"), options=options(words, "channel", CHANNELS),
              value=contact["channel"]),
        Field("tick", "contact.explicit", words("form.explicit"), value=contact["explicit"]),
        Field("many", "needs", words("client.needs"), options=options(words, "need", NEEDS), value=there["needs"],
              more=True),
        Field("many", "accessibility", words("client.accessibility"), options=options(words, "feature", FEATURES),
              value=there["accessibility"], more=True),
        Field("choice", "registration", words("client.registration"), value=registration,
              options=options(words, "registration", REGISTRATIONS), more=True),
        Field("text", "case_manager", words("client.case_manager"), value=there.get("case_manager") or "",
              empty="null" if client else "leave", more=True),
    ]  # fmt: skip


def _personal(words: Words) -> list[Field]:
    sorts: tuple[tuple[str, Any], ...] = (
        ("name", "text"),
        ("birth_date", "date"),
        ("contact_details", "area"),
        ("documents", "area"),
        ("notes", "area"),
    )
    return [
        Field(sort, f"personal.{name}", words(f"personal.{name}"), words("form.sealed"), more=True)
        for name, sort in sorts
    ]


def _because(words: Words) -> Field:
    return chosen(words, "correction", CORRECTION_REASONS, "reason", words("form.because"))


def _correct(client: Row, words: Words) -> Form:
    return Form(
        "correct", words("form.correct"), words("form.correct_help"), _path(client, "correct"),
        words("form.correct_button"), words("form.corrected"), [_because(words), *_card(client, words)],
        version=client["version"],
    )  # fmt: skip


def _correct_personal(client: Row, words: Words) -> Form:
    fields = [replace(one, more=False) for one in _personal(words)]
    return Form(
        "personal", words("form.personal"), words("form.personal_help"), _path(client, "correct"),
        words("form.correct_button"), words("form.corrected"), [_because(words), *fields], {"personal": {}},
    )  # fmt: skip


def _read(client: Row, words: Words) -> Form:
    names = ("name", "birth_date", "contact_details", "documents", "notes")
    shown = Answer(
        words("form.read_answer"), words("form.read_answer_help"), [(name, words(f"personal.{name}")) for name in names]
    )
    return Form(
        "read", words("form.read"), words("form.read_help"), _path(client, "read-personal"), words("form.read_button"),
        "", [chosen(words, "purpose", PURPOSES, "purpose", words("form.purpose"))], answer=shown,
    )  # fmt: skip


def _erase(client: Row, words: Words) -> Form:
    names = ("erased_at", "key_destroyed_at", "complete_at")
    receipt = Answer(
        words("form.receipt"), words("form.receipt_help"), [(name, words(f"receipt.{name}")) for name in names],
        frozenset(names),
    )  # fmt: skip
    sure = Field("tick", "", words("form.erase_sure"), required=True)
    return Form(
        "erase", words("form.erase"), words("form.erase_help"), _path(client, "erase"), words("form.erase_button"), "",
        [sure], version=client["version"], answer=receipt, grave=True,
    )  # fmt: skip


def _request(client: Row, places: Sequence[Option], words: Words) -> Form:
    size = len(client["household"]) or 1
    nothing = [("", words("form.none"))]
    likely = "family_shelter" if size > 2 else "shelter_24h"
    fields = [
        Field("list", "kinds", words("form.kinds"), words("form.kinds_help"),
              [*nothing, *options(words, "kind", BED_KINDS)], [likely, *[""] * (KINDS - 1)]),
        Field("number", "household_size", words("sheet.people"), value=size, required=True, least=1),
        Field("many", "priority_facts", words("form.facts"), words("form.facts_help"),
              options(words, "priority", FACTS)),
        Field("many", "features", words("form.features"), options=options(words, "feature", FEATURES), more=True),
        Field("tick", "transfer", words("form.transfer"), value=False, more=True),
        Field("list", "not_at", words("form.not_at"), words("form.not_at_help"), [*nothing, *places], [""] * NOT_AT,
              more=True),
    ]  # fmt: skip
    return Form(
        "request", words("form.request"), words("form.request_help"), _path(client, "requests"),
        words("form.request_button"), words("form.requested"), fields,
    )  # fmt: skip


def _claim(client: Row, stays: Sequence[Option], words: Words) -> Form:
    """Somebody who walked in without a name turns out to be this client."""
    override = [("", words("form.none")), *options(words, "override", OVERRIDE_REASONS)]
    fields = [
        Field("choice", "stay", words("form.claim_which"), words("form.claim_which_help"), stays, pieces=True,
              required=True),
        Field("choice", "override", words("form.override"), options=override, more=True),
    ]  # fmt: skip
    return Form(
        "claim", words("form.claim"), words("form.claim_help"), _path(client, "stays"), words("form.claim_button"),
        words("form.claimed"), fields,
    )  # fmt: skip


def unclaimed(
    houses: Iterable[Row],
    places: Iterable[Row],
    stays: Iterable[Row],
    theirs: Iterable[str],
    now: datetime,
    words: Words,
) -> list[Option]:
    """The present stays of this site nobody is known by, the newest first. houses, places, stays: as the places service
    lists them. theirs: stays that are some file's already."""
    titles, named = {house["id"]: house["title"] or house["id"] for house in houses}, names(places, words)
    known = set(theirs)
    free = [stay for stay in stays if stay["id"] not in known and stay["location"] in titles]
    free.sort(key=lambda stay: (stay["began_at"], stay["id"]), reverse=True)
    return [
        (
            json.dumps({"stay_id": stay["id"], "location": stay["location"], "kind": stay["kind"]}),
            " · ".join([
                titles[stay["location"]], *[named[id_] for id_ in stay["place_ids"] if id_ in named],
                words("board.since", time=words.moment(datetime.fromisoformat(stay["began_at"]), now)),
                words.count("board.household", stay["household_size"]),
            ]),
        )
        for stay in free[:CLAIMS_MAX]
    ]  # fmt: skip


def _prioritize(client: Row, request: Row, words: Words) -> Form:
    facts = Field("many", "priority_facts", words("form.facts"), words("form.facts_help"),
                  options(words, "priority", FACTS), request["reasons"])  # fmt: skip
    return Form(
        "prioritize", words("form.prioritize"), words("form.prioritize_help"),
        _path(client, "requests", request["id"], "prioritize"), words("form.prioritize_button"),
        words("form.prioritized"), [facts],
    )  # fmt: skip


def _withdraw(client: Row, request: Row, words: Words) -> Form:
    return Form(
        "withdraw", words("form.withdraw"), words("form.withdraw_help"),
        _path(client, "requests", request["id"], "withdraw"), words("form.withdraw_button"), words("form.withdrawn"),
        [chosen(words, "request_end", WITHDRAWN, "reason", words("form.because"))],
    )  # fmt: skip


def _accept(client: Row, offer: Row, offers: Iterable[Row], now: datetime, words: Words) -> Form:
    """By when they come; and why, if another location that was told yes has not answered yet."""
    ahead = moments_ahead(now, words)
    fields = [Field("choice", "expected_by", words("form.expected"), words("form.expected_help"), ahead, ahead[1][0])]
    if any(one["in_slot"] and not one["answered"] and one["id"] != offer["id"] for one in offers):
        fields.append(chosen(words, "override", OVERRIDE_REASONS, "override", words("form.override")))
    code = Answer(words("form.code"), words("form.code_help"), [], big="arrival_code")
    return Form(
        "accept", words("form.accept"), words("form.accept_help"), _path(client, "offers", offer["id"], "accept"),
        words("form.accept_button"), "", fields, answer=code,
    )  # fmt: skip


def _decline(client: Row, offer: Row, words: Words) -> Form:
    return Form(
        "decline", words("form.decline"), words("form.decline_help"), _path(client, "offers", offer["id"], "decline"),
        words("form.decline_button"), words("form.declined"),
        [chosen(words, "decline", DECLINE_REASONS, "reason", words("form.because"))],
    )  # fmt: skip


def _trajectory(client: Row, words: Words) -> Form:
    return Form(
        "trajectory", words("form.trajectory"), words("form.trajectory_help"), _path(client, "trajectories"),
        words("form.trajectory_button"), words("form.started"),
        [Field("list", "goals", words("form.goals"), value=[""] * GOALS, required=True)],
    )  # fmt: skip


def _milestone(client: Row, trajectory: str, words: Words) -> Form:
    return Form(
        "milestone", words("form.milestone"), words("form.sealed"),
        _path(client, "trajectories", trajectory, "milestones"), words("form.milestone_button"), words("form.reached"),
        [Field("text", "milestone", words("form.milestone_label"), required=True)],
    )  # fmt: skip


def _end(client: Row, trajectory: str, words: Words) -> Form:
    kinds = [(json.dumps({"outcome": OUTCOME_OF[kind], "kind": kind}),
              words("form.outcome", kind=words(f"outcome_kind.{kind}"), outcome=words(f"outcome.{OUTCOME_OF[kind]}")))
             for kind in OUTCOME_KINDS]  # fmt: skip
    how = Field("choice", "", words("form.how_ended"), options=[("", words("form.choose")), *kinds], required=True,
                pieces=True)  # fmt: skip
    return Form(
        "end", words("form.end"), words("form.end_help"), _path(client, "trajectories", trajectory, "end"),
        words("form.end_button"), words("form.ended"), [how],
    )  # fmt: skip


def _refer(client: Row, words: Words) -> Form:
    members = [("", words("form.the_client"))]
    members += [(member["id"], words(f"age_band.{member['age_band']}")) for member in client["household"]]
    return Form(
        "refer", words("form.refer"), words("form.refer_help"), _path(client, "referrals"), words("form.refer_button"),
        words("form.referred"), [
            chosen(words, "partner", GROUP_OF, "partner_kind", words("form.partner_kind")),
            Field("text", "partner", words("form.partner"), words("form.sealed")),
            Field("choice", "member_id", words("form.member"), options=members),
        ],
    )  # fmt: skip


def _appointment(client: Row, referral: str, words: Words) -> Form:
    return Form(
        "appointment", words("form.appointment"), words("form.sealed"), _path(client, "referrals", referral, "follow"),
        words("form.appointment_button"), words("form.followed"),
        [Field("when", "appointment_at", words("form.when"), required=True)], {"state": "appointment"},
    )  # fmt: skip


def _follow(client: Row, referral: str, words: Words) -> Form:
    return Form(
        "follow", words("form.follow"), "", _path(client, "referrals", referral, "follow"), words("form.follow_button"),
        words("form.followed"), [chosen(words, "referral_state", FOLLOWED, "state", words("form.state"))],
    )  # fmt: skip
