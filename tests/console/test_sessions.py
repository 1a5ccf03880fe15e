"""Consultation hours, activities and internships: what is coming, full and over; and forms that are whole requests of
the services that decide."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel
from starlette.responses import JSONResponse

from services.console.forms import Form
from services.console.sessions import book_for, give_back_for, session_form, sessions
from services.console.words import LANGUAGES, words
from services.intake.api_guidance import FollowBody
from services.placement.api_models import LocationBody
from services.placement.api_shapes import AttendanceBody, BookingAnswer, BookingBody, SessionBody
from shared.contracts.vocabulary import SESSION_KINDS
from shared.http_models import Body
from shared.security import Role
from tests.console.sample import uid
from tests.console.test_clients import NOW, client
from tests.console.test_desk_forms import bodies
from tests.console.test_desk_pages import Desk
from tests.console.test_pages import CLOCK, Pages

EN = words("en")
WEST, BOTH = {"west": "Huis West"}, {"west": "Huis West", "stad": "Stadhuis"}


def session(number: int, starts: float, hours: float = 2, booked: int = 0, **more: Any) -> dict[str, Any]:
    """One that begins so many hours from now, with three seats."""
    starts_at = NOW + timedelta(hours=starts)
    return {
        "id": uid(number), "site": "west", "location": "west", "kind": "consultation", "seats": 3, "booked": booked,
        "starts_at": starts_at.isoformat(), "ends_at": (starts_at + timedelta(hours=hours)).isoformat(),
        "attended": None, "version": 1,
    } | more  # fmt: skip


FREE, FULL = session(1, 30, booked=2), session(2, 14, booked=3)
RUNS, OVER = session(3, -1, 400, kind="internship", booked=3), session(4, -50, booked=2)
ROWS = [FREE, OVER, FULL, RUNS]


def test_what_is_coming_is_shown_by_kind_the_first_first_and_what_is_full_says_so() -> None:
    shown = sessions(ROWS, WEST, NOW, EN)
    assert [(kind.name, [one.id for one in kind.sessions]) for kind in shown.coming] == [
        ("Consultation hour", [FULL["id"], FREE["id"]]), ("Internship", [RUNS["id"]]),
    ]  # fmt: skip
    full, free = shown.coming[0].sessions
    assert (full.said, full.state, full.books, full.gives_back, full.counts) == ("Full", "full", False, True, False)
    assert (free.said, free.books, free.counts) == ("1 free", True, False)
    assert (free.when, free.about) == ("Mon 12 Jan 03:00 to 05:00", "2 of 3 seats booked")
    assert [kind.first for kind in shown.coming] == ["First free seat: Mon 12 Jan 03:00", "No free seat"]


def test_what_has_begun_is_counted_and_what_is_over_until_it_is_forgotten() -> None:
    shown = sessions([*ROWS, session(5, -60, attended=1, booked=2)], BOTH, NOW, EN)
    [running] = shown.coming[1].sessions
    assert (running.counts, running.books) == (True, False)
    assert [(one.id, one.said, one.counts, one.books) for one in shown.over] == [
        (OVER["id"], "Not counted yet", True, False), (uid(5), "1 came", True, False),
    ]  # fmt: skip
    assert shown.over[0].about == "Huis West · Consultation hour · 2 were booked"  # there is more than one house
    now = sessions([session(6, -1)], WEST, NOW, EN).coming[0]
    assert now.first == "There is a seat now"


def form(about: str, of: str = "", *, language: str = "en", houses: dict[str, str] = WEST, role: str = "coordinator",
         rows: list[dict[str, Any]] = ROWS) -> Form | None:  # fmt: skip
    return session_form(about, of, rows, list(houses.items()), "stad", role, NOW, words(language))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("about", "of", "houses", "model"),
    [
        ("open", "", WEST, SessionBody), ("open", "", BOTH, SessionBody), ("house", "", {}, LocationBody),
        ("book", FREE["id"], WEST, Body), ("give-back", FULL["id"], WEST, BookingBody),
        ("came", RUNS["id"], WEST, AttendanceBody), ("came", OVER["id"], WEST, AttendanceBody),
    ],
)  # fmt: skip
def test_everything_a_form_can_send_is_a_request_the_places_service_knows(
    about: str, of: str, houses: dict[str, str], model: type[BaseModel], language: str
) -> None:
    made = form(about, of, language=language, houses=houses)
    assert made is not None
    for body in bodies(made):
        if about == "give-back":
            body["booking_id"] = "5B1E7A52"
        model.model_validate_json(json.dumps(body))
    if about == "open":
        assert {body["kind"] for body in bodies(made)} <= set(SESSION_KINDS)
        assert {body["location"] for body in bodies(made)} == houses.keys()


def test_a_booking_is_known_by_its_number_and_a_count_can_be_taken_back() -> None:
    booked, came = form("book", FREE["id"]), form("came", RUNS["id"])
    assert booked is not None
    assert booked.answer is not None
    assert booked.answer.big in BookingAnswer.model_fields
    assert booked.path == f"/api/placement/sessions/{FREE['id']}/book"
    assert came is not None
    assert came.undo == f"/api/placement/sessions/{RUNS['id']}/undo"
    assert (came.fields[0].most, came.fields[0].value) == (3, 3)


def test_there_is_no_form_for_what_cannot_be_done() -> None:
    for about, of in (("book", FULL["id"]), ("book", OVER["id"]), ("give-back", OVER["id"]), ("came", FREE["id"]),
                      ("came", uid(99)), ("house", ""), ("nothing", FREE["id"])):  # fmt: skip
        assert form(about, of) is None, about
    assert form("open", houses={}) is None
    assert form("house", houses={}, role="caseworker") is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_by_way_of_a_file_the_seat_is_booked_without_a_name_and_noted_with_its_time(language: str) -> None:
    made = book_for(client(), uid(80), ROWS, BOTH, NOW, words(language))
    assert made.then is not None
    [chosen] = [body for body in bodies(made) if body]
    assert chosen == {"session_id": FREE["id"], "appointment_at": FREE["starts_at"]}  # nobody's id
    facts = chosen | {"booking_id": uid(9)}
    told = json.dumps(made.then.body)
    for name, value in facts.items():
        told = told.replace(f"{{{name}}}", value)
    followed = FollowBody.model_validate_json(told)
    assert followed.seat is not None
    assert (followed.state, followed.seat.booking_id, followed.seat.session_id) == ("appointment", uid(9), FREE["id"])
    BookingBody.model_validate_json(json.dumps(made.then.back_body).replace("{booking_id}", uid(9)))
    [nothing] = book_for(client(), uid(80), [FULL, OVER], WEST, NOW, words(language)).fields
    assert (nothing.options, nothing.required) == ([("", words(language)("sessions.no_seat"))], True)


def test_the_seat_of_a_file_is_given_back_by_what_is_noted() -> None:
    made = give_back_for({"seat": {"session_id": FREE["id"], "booking_id": uid(9)}}, EN)
    assert made is not None
    assert (made.path, made.body) == (f"/api/placement/sessions/{FREE['id']}/give-back", {"booking_id": uid(9)})
    assert give_back_for({"seat": None}, EN) is None


@pytest.mark.parametrize("path", ["/sessions", "/sessions/live"])
async def test_the_page_says_when_it_cannot_be_read_and_is_for_who_organises(tmp_path: Path, path: str) -> None:
    desk = Desk(Pages(tmp_path))
    silent = await desk.get(path, "coordinator")
    assert (silent.status_code, EN("sessions.no_answer_title") in silent.text) == (503, True)
    for role in ("finance", "oncall", "auditor"):
        assert (await desk.get(path, role)).status_code == 403
    assert (await desk.get("/sessions/form?about=open", "operator")).status_code == 503


async def page(tmp_path: Path, rows: list[dict[str, Any]], houses: dict[str, str], role: Role, path: str) -> str:
    """What is shown at a site with these sessions and houses."""

    async def places(scope: Any, receive: Any, send: Any) -> None:
        located = scope["path"] == "/api/placement/locations"
        assert located or b"recent=true" in scope["query_string"]
        items = [{"id": name, "title": title} for name, title in houses.items()] if located else rows
        await JSONResponse({"items": items, "next": None})(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=places), base_url="http://west.test") as asked:
        return (await Desk(Pages(tmp_path), asked=asked).get(path, role)).text


def from_today(row: dict[str, Any]) -> dict[str, Any]:
    """The same as far from the moment at which a page is made."""
    ahead = CLOCK.now() - NOW
    return row | {name: (datetime.fromisoformat(row[name]) + ahead).isoformat() for name in ("starts_at", "ends_at")}


async def test_each_session_has_its_buttons_and_each_button_says_of_which(tmp_path: Path) -> None:
    shown = await page(tmp_path, [from_today(row) for row in ROWS], WEST, "operator", "/sessions/live")
    for about, row in (("book", FREE), ("give-back", FULL), ("came", RUNS), ("came", OVER)):
        assert f"/sessions/form?about={about}&amp;of={row['id']}" in shown
    assert f"about=book&amp;of={FULL['id']}" not in shown
    assert shown.count("3 of 3 seats booked</span>") == 3  # two buttons of the internship, one of what is full
    assert 'data-state="full"' in shown


async def test_a_site_without_a_house_or_a_session_says_so(tmp_path: Path) -> None:
    none = await page(tmp_path, [], {}, "coordinator", "/sessions")
    assert EN("sessions.no_house_title") in none
    assert "about=house" in none
    assert "about=house" not in await page(tmp_path, [], {}, "caseworker", "/sessions")
    assert EN("sessions.empty_title") in await page(tmp_path, [], WEST, "operator", "/sessions")


async def test_a_form_of_a_session_is_a_piece_of_the_page(tmp_path: Path) -> None:
    made = await page(tmp_path, [from_today(OVER)], WEST, "operator", f"/sessions/form?about=came&of={OVER['id']}")
    assert f'data-undo="/api/placement/sessions/{OVER["id"]}/undo"' in made
    gone = await page(tmp_path, [], WEST, "operator", f"/sessions/form?about=came&of={OVER['id']}")
    assert "data-undo" not in gone
