"""The screens of caseworkers and of finance, on a network of its own: files are kept at noord and west, family places
at west, programmes at stad."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from services.console.words import words
from tests.browser import at_desks
from tests.browser.at_desks import city_with_desks, let_in, opens, registered, sign_in, visiting
from tests.browser.test_for_everybody import NARROW, everywhere, large_enough, violations
from tests.browser.visitor import PATIENCE_MS, PHONE, Scheme, Visitors
from tests.support.network import Network

HEBREW = "שם ארוך מאוד שלא מפסיק בכלל"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with city_with_desks(tmp_path_factory.mktemp("city")) as started:
        yield started


@pytest.fixture
def visitors(city: Network, browser: Browser) -> Iterator[Visitors]:
    with visiting(city, browser) as there:
        yield there


def test_a_household_of_five_registered_at_noord_gets_a_family_place_at_west(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1, kind="family_shelter", sleeps=6)
    with visitors.visitor("noord", size=PHONE) as desk, visitors.api() as west:
        sign_in(visitors, desk, "caseworker")
        registered(desk, **{"23-64": 2, "12-17": 1, "4-11": 1, "0-3": 1})
        form = opens(desk, "Ask for a place")
        expect(form.get_by_label("People")).to_have_value("5")
        form.get_by_label("children", exact=True).check()
        form.get_by_role("button", name="Ask").click()
        desk.says("Asked")
        offer = desk.page.locator("[data-offer]")
        expect(offer).to_contain_text(house.title().replace("-", " "), timeout=at_desks.SLOWLY_MS)
        expect(offer).to_contain_text("kept until")
        expect(desk.page.locator("[data-request]")).to_contain_text("Soon: children")
        hold = str(offer.get_attribute("data-offer"))
        assert west.get(f"/api/placement/places/{place}").json()["status"] == "held"
        form = opens(desk, "Accept")
        form.get_by_label("They come").select_option(index=2)
        form.get_by_role("button", name="Accept").click()
        code = desk.page.locator("[data-answer=arrival_code]")
        expect(code).to_have_text(re.compile(r"\S{4,}"), timeout=PATIENCE_MS)
        said = code.inner_text()
        desk.page.keyboard.press("Escape")
        expect(desk.page.locator("#sheet-body")).to_be_empty()
        assert said not in desk.page.content()
        expect(offer).to_contain_text("expected there", timeout=at_desks.SLOWLY_MS)
        stay = let_in(visitors, house, hold, place, said)
        expect(offer).to_contain_text("lives there", timeout=at_desks.SLOWLY_MS)
        expect(desk.page.locator("[data-request]")).to_contain_text("Has a place")
    assert visitors.post(f"stays/{stay}/end", reason="moved_on")
    assert visitors.post(f"locations/{house}/close")


def test_a_house_that_is_asked_first_says_not_now_then_yes_and_withdraws(visitors: Visitors) -> None:
    house, (place,) = visitors.house(1, kind="night_shelter")
    with visitors.visitor("west", size=PHONE) as door, visitors.api("noord", "caseworker") as intake:
        sign_in(visitors, door, "operator", f"/?location={house}").is_live()
        sheet = door.opens(door.page.get_by_role("button", name="Offers"))
        sheet.get_by_role("button", name="Ask us first").click()
        door.says("Noted")
        question = door.page.locator("[data-key^='question ']")
        clients = [intake.post("/api/intake/clients", json={}).json()["id"] for _ in range(2)]
        answers = (("Not now", "an hour"), ("Offer a place", "Offered"))
        for client, (answer, said) in zip(clients, answers, strict=True):
            body = {"kinds": ["night_shelter"]}
            asked = intake.post(f"/api/intake/clients/{client}/requests", json=body)
            assert asked.status_code == 201, asked.text
            expect(question).to_contain_text("answer by", timeout=at_desks.SLOWLY_MS)
            expect(question).to_contain_text("asked by Noord")
            door.sees(place, "free")  # nothing is held while somebody thinks
            question.get_by_role("button", name=answer).click()
            door.says(said)
            expect(question).to_have_count(0, timeout=PATIENCE_MS)
            if answer == "Not now":
                _asks_no_longer(intake, client, asked.json()["id"])
        door.sees(place, "held")
        coming = door.page.locator("[data-key^='expected ']")
        expect(coming).to_contain_text("not accepted yet")
        assert door.width() <= PHONE[0]
        sheet = door.opens(coming.locator("[data-tap=more]"))
        sheet.get_by_role("button", name="The place is needed").click()
        door.says("withdrawn")
        door.sees(place, "free")
        _asks_no_longer(intake, clients[1], asked.json()["id"])  # whoever waits is offered what another test opens
    assert visitors.post(f"locations/{house}/close")


def _asks_no_longer(intake: httpx.Client, client: str, request: str) -> None:
    path = f"/api/intake/clients/{client}/requests/{request}/withdraw"
    withdrawn = intake.post(path, json={"reason": "found_elsewhere"})
    assert withdrawn.is_success, withdrawn.text


def test_who_walked_in_without_a_name_is_found_among_the_stays_of_the_house(visitors: Visitors) -> None:
    """At a site that has both a desk for clients and a house."""
    name = visitors.network.new_name("house")
    with visitors.api("noord", "operator") as noord, visitors.visitor("noord") as desk:
        assert noord.post("/api/placement/locations", json={"name": name, "title": name.title()}).is_success
        body = {"location": name, "kind": "night_shelter", "room": "Hall", "count": 2}
        places = noord.post("/api/placement/places", json=body).json()["place_ids"]
        stay = noord.post("/api/placement/stays", json={"place_ids": [places[1]]}).json()["id"]
        sign_in(visitors, desk, "caseworker")
        registered(desk)
        form = opens(desk, "They stay here already")
        called = f"{name.title()} · Hall, place {sorted(places).index(places[1]) + 1}"
        which = form.locator("option", has_text=called).get_attribute("value")
        form.get_by_label("Which stay?").select_option(which)
        assert violations(desk) == []
        form.get_by_role("button", name="That is them").click()
        desk.says("the house says whether")
        asked = {"location": name, "word": "housed"}
        for _ in range(100):
            claimed = noord.get("/api/placement/offers", params=asked).json()["items"]
            if claimed:
                break
            desk.page.wait_for_timeout(100)
        assert [one["stay_id"] for one in claimed] == [stay]
        desk.page.reload()
        opens(desk, "Correct the file")
        desk.page.keyboard.press("Escape")
        desk.page.get_by_role("button", name="They stay here already").click()
        expect(desk.page.locator("#sheet")).not_to_contain_text(called)
        noord.post(f"/api/placement/stays/{stay}/end", json={"reason": "moved_on"})
        noord.post(f"/api/placement/locations/{name}/close")


def test_an_offer_is_on_the_list_and_declined_with_a_reason(visitors: Visitors) -> None:
    house, _ = visitors.house(1, kind="medical_respite")
    with visitors.visitor("noord") as desk:
        sign_in(visitors, desk, "caseworker")
        client = registered(desk)
        with visitors.api("noord", "caseworker") as intake:
            body = {"kinds": ["medical_respite"], "priority_facts": ["medical_urgent"]}
            assert intake.post(f"/api/intake/clients/{client}/requests", json=body).status_code == 201
        desk.page.get_by_role("link", name="All clients").click()
        offer = desk.page.locator("[data-offer]", has=desk.page.locator(f"a[href*='{client}']"))
        expect(offer).to_contain_text("kept until", timeout=at_desks.SLOWLY_MS)
        offer.get_by_role("link").click()
        desk.page.wait_for_url(re.compile(client), timeout=PATIENCE_MS)
        desk.is_live()
        form = opens(desk, "Decline")
        form.get_by_label("Why?").select_option("too_far")
        form.get_by_role("button", name="Decline").click()
        desk.says("Declined")
        expect(desk.page.locator("[data-offer]").first).to_contain_text("too far", timeout=PATIENCE_MS)
        form = opens(desk, "Ask no longer")
        form.get_by_label("Why?").select_option("found_elsewhere")
        form.get_by_role("button", name="End the request").click()
        expect(desk.page.locator("[data-request]")).to_contain_text("Ended", timeout=PATIENCE_MS)
    assert visitors.post(f"locations/{house}/close")


def test_personal_details_open_for_a_purpose_and_a_client_is_forgotten_with_a_receipt(visitors: Visitors) -> None:
    with visitors.visitor("noord") as desk:
        sign_in(visitors, desk, "caseworker")
        registered(desk)
        form = opens(desk, "Write personal details")
        form.get_by_label("Why?").select_option("news")
        form.get_by_label("Name", exact=True).fill(HEBREW)
        form.get_by_role("button", name="Save").click()
        desk.says("put right")
        assert HEBREW not in desk.page.content()
        form = opens(desk, "Open personal details")
        form.get_by_label("What for?").select_option("legal_help")
        form.get_by_role("button", name="Open").click()
        expect(desk.page.locator("[data-answer=name]")).to_have_text(HEBREW, timeout=PATIENCE_MS)
        desk.page.get_by_role("button", name="Never mind").click()
        expect(desk.page.locator("#looks")).to_contain_text("Caseworker · legal help", timeout=PATIENCE_MS)
        assert HEBREW not in desk.page.content()
        form = opens(desk, "Forget this client")
        form.get_by_role("button", name="Forget for good").click()
        expect(form).to_be_visible()  # nothing is sent before one has said that the client asked for it
        form.get_by_label("The client asked for this").check()
        form.get_by_role("button", name="Forget for good").click()
        expect(desk.page.locator("[data-answer=complete_at]")).to_have_text(re.compile(r"20\d\d"), timeout=PATIENCE_MS)
        desk.page.keyboard.press("Escape")
        expect(desk.page.locator("h1")).to_contain_text("An erased file", timeout=PATIENCE_MS)
        expect(desk.page.locator("button[data-sheet]")).to_have_count(0)
        expect(desk.page.locator("#looks")).to_contain_text("legal help")


def test_a_lost_answer_registers_nobody_twice_and_a_form_that_is_refused_keeps_what_was_typed(
    visitors: Visitors,
) -> None:
    keys: list[str] = []

    def lose_the_first(route: Any) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    with visitors.visitor("noord") as desk, visitors.api("noord", "caseworker") as intake:
        before = len(intake.get("/api/intake/clients?limit=500").json()["items"])
        sign_in(visitors, desk, "caseworker")
        desk.page.route("**/api/intake/clients", lose_the_first)
        registered(desk)
        assert len(intake.get("/api/intake/clients?limit=500").json()["items"]) == before + 1
        assert (len(keys), len(set(keys))) == (2, 1)
        form = opens(desk, "Start a trajectory")
        form.get_by_label("Goals 1").fill("a lawyer")
        form.get_by_role("button", name="Start").click()
        form = opens(desk, "Milestone")
        form.get_by_label("What was reached").fill("first talk")
        form.get_by_role("button", name="Write down").click()
        expect(desk.page.locator("[data-trajectory]")).to_contain_text("first talk", timeout=PATIENCE_MS)
        form = opens(desk, "Refer")
        form.get_by_label("Kind of partner").select_option("legal_aid")
        form.get_by_role("button", name="Refer").click()
        form = opens(desk, "Appointment")
        form.get_by_label("When").fill("1999-01-01T10:00")
        form.get_by_role("button", name="Write down").click()
        expect(form.get_by_role("alert")).to_contain_text("at most a year back", timeout=PATIENCE_MS)
        expect(form.get_by_label("When")).to_have_value("1999-01-01T10:00")
        desk.page.keyboard.press("Escape")
        expect(desk.page.locator("[data-key^='appointment']")).to_be_focused()
        form = opens(desk, "End the trajectory")
        form.get_by_label("How did it end?").select_option(label="Legal stay (durable)")
        form.get_by_role("button", name="End", exact=True).click()
        expect(desk.page.locator("[data-trajectory]")).to_contain_text("Legal stay", timeout=PATIENCE_MS)


def test_a_hundred_more_seats_show_at_another_site_and_a_run_is_approved_by_a_second_person(visitors: Visitors) -> None:
    with visitors.visitor("stad") as office, visitors.visitor("noord") as elsewhere:
        sign_in(visitors, office, "finance", "/money", "anna").is_live()
        form = opens(office, "Open a programme")
        form.get_by_label("Name").fill("Leefgeld")
        form.get_by_role("button", name="Open").click()
        office.says("The programme is open")
        sign_in(visitors, elsewhere, "coordinator", "/city").is_live()
        seats = elsewhere.page.locator("tr[data-key='kind allowance'] td.number").last
        expect(seats).to_have_text("100", timeout=at_desks.SLOWLY_MS)
        form = opens(office, "More or fewer seats")
        form.get_by_role("button", name="Set").click()
        expect(office.page.locator("[data-ceiling]")).to_have_text("200", timeout=PATIENCE_MS)
        expect(seats).to_have_text("200", timeout=at_desks.SLOWLY_MS)
        sign_in(visitors, elsewhere, "caseworker")
        registered(elsewhere)
        opens(elsewhere, "Ask for an allowance seat").get_by_role("button", name="Ask").click()
        expect(elsewhere.page.locator("[data-seat]")).to_contain_text("Granted", timeout=at_desks.SLOWLY_MS)
        expect(office.page.locator("[data-programme] .tallies")).to_contain_text("taken 1", timeout=at_desks.SLOWLY_MS)
        opens(office, "Draft a pay run").get_by_role("button", name="Draft").click()
        run = office.page.locator("[data-run]")
        expect(run).to_have_attribute("data-status", "drafted", timeout=PATIENCE_MS)
        form = opens(office, "Approve")
        form.get_by_role("button", name="Approve").click()
        expect(form.get_by_role("alert")).to_contain_text("somebody else approves it", timeout=PATIENCE_MS)
        sign_in(visitors, office, "finance", "/money", "bram").is_live()
        opens(office, "Approve").get_by_role("button", name="Approve").click()
        expect(run).to_have_attribute("data-status", "approved", timeout=PATIENCE_MS)
        opens(office, "Pay out").get_by_role("button", name="Pay out").click()
        expect(run).to_have_attribute("data-status", "executed", timeout=PATIENCE_MS)
        run.get_by_role("link", name="Lines").click()
        expect(office.page.locator("#lines")).to_be_visible()
        assert violations(office) == []
        office.page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
        assert office.width() <= NARROW[0]


def test_a_regime_is_declared_and_ended_from_the_screen(visitors: Visitors) -> None:
    with visitors.visitor("stad", language="nl", size=PHONE) as office:
        sign_in(visitors, office, "coordinator", "/money").is_live()
        opens(office, "Regime afkondigen").get_by_role("button", name="Afkondigen").click()
        regime = office.page.locator("[data-regime]")
        expect(regime).to_have_attribute("data-status", re.compile("planned|running"), timeout=PATIENCE_MS)
        opens(office, "Nu beëindigen").get_by_role("button", name="Nu beëindigen").click()
        expect(regime).to_have_attribute("data-status", "over", timeout=PATIENCE_MS)
        large_enough(office)


def test_somebody_known_at_two_desks_is_handed_over_from_one_to_the_other(visitors: Visitors) -> None:
    person = {"personal": {"name": "Semira Tesfay", "birth_date": "1991-04-12"}}
    with visitors.api("noord", "caseworker") as noord, visitors.api("west", "caseworker") as west:
        mine = noord.post("/api/intake/clients", json={"alias": "noordse merel", **person}).json()["id"]
        assert west.post("/api/intake/clients", json={"alias": "westelijke merel", **person}).status_code == 201
    with visitors.visitor("noord", size=PHONE) as desk, visitors.visitor("west", language="nl", size=PHONE) as other:
        sign_in(visitors, desk, "caseworker", f"/clients/{mine}").is_live()
        opens(desk, "Maybe known elsewhere?").get_by_role("button", name="Look").click()
        expect(desk.page.locator("[data-answer=maybe_known]")).to_have_text("nobody", timeout=PATIENCE_MS)
        desk.page.keyboard.press("Escape")
        expect(desk.page.locator("[data-maybe]")).to_contain_text("Maybe known at West", timeout=at_desks.SLOWLY_MS)
        assert violations(desk) == []
        form = opens(desk, "Hand over to another desk")
        expect(form.get_by_label("To which desk")).to_have_value("west")
        form.get_by_label("The client knows").check()
        form.get_by_role("button", name="Hand over").click()
        going = desk.page.locator("[data-going]")
        expect(going).to_contain_text("is being handed over to West", timeout=PATIENCE_MS)
        for frozen in ("Correct the file", "Ask for a place", "Forget this client", "Hand over to another desk"):
            expect(desk.page.get_by_role("button", name=frozen)).to_have_count(0)
        expect(desk.page.get_by_role("button", name="Open personal details")).to_be_visible()
        assert violations(desk) == []
        large_enough(desk)
        sign_in(visitors, other, "caseworker").is_live()
        coming = other.page.locator("[data-coming]")
        expect(coming).to_contain_text("Een dossier van Noord", timeout=at_desks.SLOWLY_MS)
        number = str(coming.get_attribute("data-coming"))[:8]
        assert number in coming.inner_text()
        assert number in going.inner_text()
        assert violations(other) == []
        for width in (PHONE, NARROW):
            other.page.set_viewport_size({"width": width[0], "height": width[1]})
            assert other.width() <= width[0]
        coming.get_by_role("button", name="Neem over").click()
        taken = other.page.locator("#sheet form.fill")
        expect(taken).to_contain_text(number, timeout=PATIENCE_MS)
        taken.get_by_role("button", name="Neem het over").click()
        theirs = coming.get_by_role("link")
        expect(theirs).to_be_visible(timeout=at_desks.SLOWLY_MS)
        expect(desk.page.locator("[data-key=gone]")).to_contain_text("handed over to West", timeout=at_desks.SLOWLY_MS)
        theirs.click()
        expect(other.page.locator("h1")).to_contain_text("noordse merel", timeout=PATIENCE_MS)


def test_a_file_is_kept_after_all_and_one_that_comes_is_not_taken(visitors: Visitors) -> None:
    with visitors.api("noord", "caseworker") as noord:
        mine = [noord.post("/api/intake/clients", json={"alias": f"specht {n}"}).json()["id"] for n in (1, 2)]
    with visitors.visitor("noord") as desk, visitors.visitor("west") as other:
        for client_id in mine:
            sign_in(visitors, desk, "caseworker", f"/clients/{client_id}").is_live()
            form = opens(desk, "Hand over to another desk")
            form.get_by_label("To which desk").select_option("west")
            form.get_by_label("The client knows").check()
            form.get_by_role("button", name="Hand over").click()
            going = desk.page.locator("[data-going]")
            expect(going).to_contain_text("is being handed over", timeout=PATIENCE_MS)
            if client_id == mine[0]:
                opens(desk, "Keep the file here").get_by_role("button", name="Keep it").click()
            else:
                sign_in(visitors, other, "caseworker").is_live()
                coming = other.page.locator("[data-coming]", has=other.page.get_by_role("button", name="Do not"))
                expect(coming).to_have_count(1, timeout=at_desks.SLOWLY_MS)
                coming.get_by_role("button", name="Do not").click()
                other.page.locator("#sheet form.fill").get_by_role("button", name="Do not take it").click()
                expect(coming).to_have_count(0, timeout=PATIENCE_MS)
            expect(desk.page.get_by_role("button", name="Correct the file")).to_be_visible(timeout=at_desks.SLOWLY_MS)
            expect(going).to_have_count(0)


def test_a_session_is_opened_booked_by_number_and_for_a_file_and_who_came_is_counted(visitors: Visitors) -> None:
    house = visitors.network.new_name("house")
    with visitors.api("noord", "caseworker") as noord, visitors.api("noord") as door:
        assert door.post("/api/placement/locations", json={"name": house, "title": house}).is_success
        client = noord.post("/api/intake/clients", json={}).json()["id"]
        noord.post(f"/api/intake/clients/{client}/referrals", json={"partner_kind": "legal_aid"})
        with visitors.visitor("noord", size=PHONE) as desk:
            sign_in(visitors, desk, "caseworker", "/sessions").is_live()
            at_desks.a_session_opens(desk, house)
            line = desk.page.locator("[data-session]")
            expect(line).to_contain_text("1 free", timeout=PATIENCE_MS)
            expect(desk.page.locator("[data-kind=consultation]")).to_contain_text("First free seat:")
            number = at_desks.booked(desk)
            expect(line).to_contain_text("Full", timeout=PATIENCE_MS)
            expect(desk.page.locator("[data-first]")).to_have_text("No free seat")
            expect(line.get_by_role("button", name="Book a seat")).to_have_count(0)
            form = opens(desk, "Cancel a booking")
            form.get_by_label("Number of the booking").fill("00000000")
            form.get_by_role("button", name="Cancel the booking").click()
            expect(form.get_by_role("alert")).to_contain_text("No booking", timeout=PATIENCE_MS)
            form.get_by_label("Number of the booking").fill(number.upper())
            form.get_by_role("button", name="Cancel the booking").click()
            desk.says("Cancelled")
            expect(line).to_contain_text("1 free", timeout=PATIENCE_MS)

            sign_in(visitors, desk, "caseworker", f"/clients/{client}").is_live()
            number = at_desks.booked(desk, "Session")
            expect(desk.page.locator("[data-referral]")).to_contain_text(f"seat {number} booked", timeout=PATIENCE_MS)
            [full] = noord.get("/api/placement/sessions?recent=true").json()["items"]
            assert (full["booked"], full["seats"]) == (1, 1)
            opens(desk, "Give the seat back").get_by_role("button", name="Give the seat back").click()
            desk.says("The seat is free")
            assert noord.get(f"/api/placement/sessions/{full['id']}").json()["booked"] == 0

            times = {"starts_at": datetime.now(UTC).isoformat(), "ends_at": full["ends_at"]}
            body = {"location": house, "kind": "activation", "seats": 2} | times
            begun = noord.post("/api/placement/sessions", json=body).json()["id"]
            noord.post(f"/api/placement/sessions/{begun}/book")
            sign_in(visitors, desk, "caseworker", "/sessions").is_live()
            opens(desk, "Count who came").get_by_role("button", name="Note").click()
            desk.says("Noted")
            line = desk.page.locator(f"[data-session='{begun}']")
            expect(line).to_contain_text("1 came", timeout=PATIENCE_MS)
            desk.page.get_by_role("button", name="Undo").click()
            expect(line).not_to_contain_text("1 came", timeout=PATIENCE_MS)
            assert noord.get(f"/api/placement/sessions/{begun}").json()["attended"] is None
            assert desk.width() <= PHONE[0]
            large_enough(desk)
            assert violations(desk) == []
        assert door.post(f"/api/placement/locations/{house}/close").is_success


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_municipality_makes_a_house_known_for_its_own_sessions(visitors: Visitors, language: str) -> None:
    """Once; who looks again finds it, and a page that fits whatever is wide."""
    spoken = words(language)
    with visitors.visitor("stad", language=language, size=PHONE) as office:
        sign_in(visitors, office, "coordinator", "/sessions").is_live()
        if office.page.locator("[data-key=no-house]").count():
            assert violations(office) == []
            form = opens(office, spoken("form.session.house"))
            form.get_by_label(spoken("form.session.title")).fill("Stadhuis")
            form.get_by_role("button", name=spoken("form.session.house_button")).click()
        opener = office.page.locator("[data-sheet='/sessions/form?about=open']")
        expect(opener).to_be_visible(timeout=PATIENCE_MS)
        expect(office.page.locator("[data-key=nothing]")).to_contain_text(spoken("sessions.empty_title"))
        assert office.width() <= PHONE[0]
        opener.click()
        expect(office.page.locator("#sheet form.fill")).to_be_visible(timeout=PATIENCE_MS)
        assert violations(office) == []
        assert office.page.locator("#sheet").evaluate("element => element.scrollWidth <= element.clientWidth")


@everywhere
def test_axe_finds_nothing_at_the_desk_and_long_names_fit_a_phone(
    visitors: Visitors, language: str, scheme: Scheme, size: tuple[int, int]
) -> None:
    with visitors.api("noord", "caseworker") as intake:
        alias = f"{HEBREW} een-heel-lange-schuilnaam-zonder-einde-{language}"
        body = {"alias": alias, "household": [{"age_band": "0-3"}], "personal": {"notes": "x"}}
        client = intake.post("/api/intake/clients", json=body).json()["id"]
        intake.post(f"/api/intake/clients/{client}/trajectories", json={"goals": ["a" * 110]})
        intake.post(f"/api/intake/clients/{client}/referrals", json={"partner_kind": "school", "partner": "b" * 110})
    with visitors.visitor("noord", language=language, scheme=scheme, size=size) as desk:
        sign_in(visitors, desk, "caseworker")
        assert violations(desk) == []
        desk.page.locator("[data-sheet='/clients/form']").click()
        desk.page.locator("#sheet summary").click()
        assert violations(desk) == []
        sign_in(visitors, desk, "caseworker", f"/clients/{client}").is_live()
        for width in (size, NARROW):
            desk.page.set_viewport_size({"width": width[0], "height": width[1]})
            assert desk.width() <= width[0]
        large_enough(desk)
        assert violations(desk) == []
        desk.page.locator("[data-sheet$='about=request']").click()
        expect(desk.page.locator("#sheet form[data-form=request]")).to_be_visible()
        assert desk.page.locator("#sheet").evaluate("element => element.scrollWidth <= element.clientWidth")


def test_a_house_shows_an_alias_once_its_client_has_said_so_and_not_after(visitors: Visitors) -> None:
    """Of somebody who walked in at west without a name, and has their file at noord."""
    house, places = visitors.house(2)
    stay, other = (visitors.post("stays", place_ids=[place])["id"] for place in places)
    with (
        visitors.visitor("noord", size=PHONE) as desk,
        visitors.visitor("west", size=NARROW) as door,
        visitors.api("noord", "caseworker") as intake,
    ):
        client = intake.post("/api/intake/clients", json={"alias": HEBREW}).json()["id"]
        body = {"stay_id": stay, "site": "west", "location": house, "kind": "shelter_24h"}
        assert intake.post(f"/api/intake/clients/{client}/stays", json=body).is_success
        sign_in(visitors, desk, "caseworker", f"/clients/{client}")
        state = desk.page.locator("#home-state")
        at_desks.lives_somewhere(desk, intake, client)
        expect(state).to_contain_text("Nobody at", timeout=PATIENCE_MS)
        sign_in(visitors, door, "operator", f"/list?location={house}")
        expect(door.page.locator("tr.is-occupied")).to_have_count(2)
        expect(door.page.locator(".alias")).to_have_count(0)
        at_desks.alias_is_handed_over(desk)
        expect(state).to_contain_text("see the alias beside the place", timeout=PATIENCE_MS)
        assert (violations(desk), desk.width() <= PHONE[0]) == ([], True)
        for more in ("", "&evacuation=true"):
            at_desks.listed(door, house, more)
            named = door.page.locator(f"tr[data-place='{places[0]}'] .alias")
            expect(named).to_have_text(HEBREW)
            expect(door.page.locator(".alias")).to_have_count(1)
            assert (violations(door), door.width() <= NARROW[0]) == ([], True)
            door.page.emulate_media(media="print")
            expect(named).to_be_visible()
            door.page.emulate_media(media="screen")
        opens(desk, "Take the alias back").get_by_role("button", name="Take it back").click()
        desk.says("no longer sees the alias")
        expect(state).to_contain_text("Nobody at", timeout=PATIENCE_MS)
        at_desks.listed(door, house)
        expect(door.page.locator("tr.is-occupied")).to_have_count(2)
        expect(door.page.locator(".alias")).to_have_count(0)
    for one in (stay, other):
        assert visitors.post(f"stays/{one}/end", reason="moved_on")
    assert visitors.post(f"locations/{house}/close")
