"""What a caseworker's forms ask: each becomes one request that intake knows, and says all its words."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from services.console import desk
from services.console.forms import Field, Form, moments_ahead
from services.console.words import LANGUAGES, words
from services.intake import api_guidance, api_models
from shared.contracts import vocabulary as said
from shared.http_models import Body
from tests.console.sample import uid
from tests.console.test_board import place, stay
from tests.console.test_clients import NOW, OFFER, REQUEST, client, offer, request

HOUSES = [("west-2", "West 2")]
OPEN = [request(offer())]
BODIES: dict[str, type[BaseModel]] = {
    "register": api_models.ClientBody, "correct": api_models.CorrectBody, "personal": api_models.CorrectBody,
    "read": api_models.ReadBody, "request": api_models.RequestBody, "prioritize": api_models.PrioritizeBody,
    "withdraw": api_models.WithdrawBody, "accept": api_models.AcceptBody, "decline": api_models.DeclineBody,
    "trajectory": api_guidance.TrajectoryBody, "milestone": api_guidance.MilestoneBody,
    "end": api_guidance.EndTrajectoryBody, "refer": api_guidance.ReferralBody, "appointment": api_guidance.FollowBody,
    "follow": api_guidance.FollowBody, "erase": Body, "claim": api_models.StayBody,
}  # fmt: skip
CLAIM = {"stay_id": uid(3), "location": "west", "kind": "night_shelter"}
ABOUT = {"prioritize": REQUEST, "withdraw": REQUEST, "accept": OFFER, "decline": OFFER}


def form(about: str, *, requests: list[dict[str, Any]] = OPEN, language: str = "en", **more: Any) -> Form:
    if about == "register":
        return desk.register(words(language))
    of = ABOUT.get(about, uid(1))
    places = [(json.dumps(CLAIM), "West · Room 1, place 1")] if about == "claim" else HOUSES
    made = desk.client_form(about, of, client(**more), requests, places, NOW, words(language))
    assert made is not None
    return made


def put(body: dict[str, Any], path: str, value: Any) -> None:
    *names, last = path.split(".")
    for name in names:
        body = body.setdefault(name, {})
    body[last] = value


def taken(body: dict[str, Any], field: Field, chosen: str) -> None:
    """What `static/forms.js` does with one field. chosen: of a choice, which of its options."""
    match field.sort:
        case "choice" if field.pieces:
            body.update(json.loads(chosen))
        case "choice":
            if chosen:
                put(body, field.name, chosen)
        case "many":
            put(body, field.name, [option for option, _ in field.options])
        case "list":
            given = [option for option, _ in field.options if option] or ["a line"]
            put(body, field.name, given[: len(field.value)])
        case "bands":
            put(body, field.name, [{"age_band": band} for band, _ in field.options])
        case "number":
            put(body, field.name, field.most)
        case "tick":
            if field.name:
                put(body, field.name, True)
        case "date":
            put(body, field.name, "2001-02-03")
        case "when":
            put(body, field.name, NOW.isoformat())
        case _:
            put(body, field.name, "some words")


def bodies(made: Form) -> list[dict[str, Any]]:
    """A body for every option of every choice, everything else filled in."""
    choices = [[option for option, _ in field.options if option or not field.required]
               for field in made.fields if field.sort == "choice"]  # fmt: skip
    found = []
    for number in range(max([1, *map(len, choices)])):
        body: dict[str, Any] = json.loads(json.dumps(made.body))
        left = iter(choices)
        for field in made.fields:
            of = next(left) if field.sort == "choice" else [""]
            taken(body, field, of[number % len(of)])
        found.append(body)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("about", BODIES)
def test_everything_a_form_can_send_is_a_request_that_intake_knows(about: str, language: str) -> None:
    made = form(about, language=language)
    assert made.name == about
    for body in bodies(made):
        if about == "refer" and body.get("member_id"):
            assert body["member_id"] in {member["id"] for member in client()["household"]}
        BODIES[about].model_validate_json(json.dumps(body))


def test_a_file_is_corrected_as_it_was_seen_and_a_grave_step_is_marked() -> None:
    assert form("correct").version == 4
    assert (form("erase").version, form("erase").grave) == (4, True)
    assert form("personal").version is None  # what is not shown cannot have been seen


def test_a_correction_begins_with_what_is_written_down() -> None:
    fields = {field.name: field for field in form("correct").fields}
    members = client()["household"]
    assert fields["household"].value["23-64"] == [members[0]["id"], members[1]["id"]]
    assert fields["languages"].value == ["ti", "en", ""]
    assert (fields["alias"].value, fields["case_manager"].empty) == ("blauwe reiger 7", "null")
    assert not any(field.name.startswith("personal") for field in form("correct").fields)


def test_a_request_begins_with_the_household_and_the_kind_that_suits_it() -> None:
    fields = {field.name: field for field in form("request", requests=[]).fields}
    assert (fields["household_size"].value, fields["kinds"].value[0]) == (5, "family_shelter")
    alone = {field.name: field for field in form("request", requests=[], household=[]).fields}
    assert (alone["household_size"].value, alone["kinds"].value[0]) == (1, "shelter_24h")
    assert fields["not_at"].options[1:] == HOUSES


def test_whoever_walked_in_without_a_name_is_known_by_a_stay_that_is_nobodys_yet() -> None:
    houses = [{"id": "west", "title": "West"}]
    lived_in = [stay("p1", id=uid(3), location="west"), stay("p2", id=uid(4), location="west"),
                stay("p2", id=uid(5), location="elsewhere")]  # fmt: skip
    lived_in[0]["began_at"] = (NOW - timedelta(minutes=5)).isoformat()
    rooms = [place("p0", "free", location="east"), place("p1", "occupied"), place("p2", "occupied")]
    found = desk.unclaimed(houses, rooms, lived_in, [], NOW, words("en"))
    assert [said for _, said in found] == [
        f"West · Room 101, place {number} · since {since} · 1 person"
        for number, since in ((1, words("en").clock(NOW - timedelta(minutes=5))),
                              (2, words("en").clock(NOW - timedelta(hours=1))))
    ]  # fmt: skip
    assert json.loads(found[0][0]) == {"stay_id": uid(3), "location": "west", "kind": "shelter_24h"}
    assert [json.loads(body)["stay_id"] for body, _ in desk.unclaimed(
        houses, rooms, lived_in, [uid(3)], NOW, words("en"))] == [uid(4)]  # fmt: skip
    assert desk.client_form("claim", "", client(), [], [], NOW, words("en")) is None


def test_who_takes_another_offer_before_the_first_is_answered_says_why() -> None:
    waits = offer(id=uid(5), status="accepted", in_slot=True, answered=False)
    asked = {field.name for field in form("accept", requests=[request(offer(), waits)]).fields}
    assert asked == {"expected_by", "override"}
    heard = waits | {"answered": True}
    assert {field.name for field in form("accept", requests=[request(offer(), heard)]).fields} == {"expected_by"}


def test_the_code_for_the_door_is_all_that_an_acceptance_shows() -> None:
    made = form("accept")
    assert made.answer is not None
    assert (made.answer.big, made.answer.lines) == ("arrival_code", [])


def test_nobody_is_expected_later_than_a_place_is_kept() -> None:
    ahead = [value for value, _ in moments_ahead(NOW, words("en"))]
    assert ahead == sorted(set(ahead))
    assert len(ahead) >= 4
    latest = (NOW + timedelta(hours=48)).isoformat()
    assert all(NOW.isoformat() < value < latest for value in ahead)


@pytest.mark.parametrize("about", ["withdraw", "prioritize", "accept", "decline", "nonsense"])
def test_there_is_no_form_about_what_is_not_there(about: str) -> None:
    gone = [request(status="withdrawn")]
    assert desk.client_form(about, ABOUT.get(about, uid(1)), client(), gone, [], NOW, words("en")) is None


def test_nothing_is_asked_of_an_erased_file() -> None:
    erased = client(erased_at=NOW.isoformat())
    assert all(
        desk.client_form(about, ABOUT.get(about, ""), erased, OPEN, [], NOW, words("en")) is None for about in BODIES
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_a_file_is_told_in_can_be_said(language: str) -> None:
    spoken = words(language)
    for part, names in (
        ("age_band", said.AgeBand), ("need", said.Need), ("channel", said.ContactChannel),
        ("registration", said.RegistrationState), ("priority", said.PriorityFact), ("purpose", said.ReadPurpose),
        ("correction", said.CorrectionReason), ("request_end", said.RequestEndReason), ("offer", said.OfferWord),
        ("decline", said.DeclineReason), ("override", said.OverrideReason), ("outcome", said.Outcome),
        ("outcome_kind", said.OutcomeKind), ("partner", said.PartnerKind), ("referral_state", said.ReferralState),
    ):  # fmt: skip
        assert set(get_args(names)) <= spoken.part(part).keys(), part
    assert {str(band) for band in range(4)} == spoken.part("band").keys()


def test_what_is_offered_to_choose_is_all_there_is() -> None:
    assert set(desk.NEEDS) == set(get_args(said.Need))
    assert set(desk.CHANNELS) == set(get_args(said.ContactChannel))
    assert set(desk.REGISTRATIONS) == set(get_args(said.RegistrationState))
    assert set(desk.FACTS) == set(get_args(said.PriorityFact))
    assert set(desk.PURPOSES) == set(said.READ_PURPOSES) - {"trouble"}
    assert set(desk.WITHDRAWN) == set(said.REQUEST_END_REASONS) - {"erased"}
