"""Offers at a desk over HTTP: seen with their request, accepted with a code that is kept nowhere, declined."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from services.intake import commands_offers as oc
from services.intake import events_offers as oe
from services.intake import policy
from services.intake.app_repair import first_rows
from services.intake.decider import CLIENT
from shared.arrival import hashed
from shared.contracts import intake as told
from shared.contracts.intake import ClientHoused
from shared.contracts.weeks import week_ends, week_of
from shared.handling import Context
from shared.ids import SystemIds
from tests.intake.offers import OFFER, OFFER_2
from tests.support.intake_desk import IntakeDesk, open_intake

FAMILY = {"kinds": ["family_shelter"], "household_size": 5}


async def offered(desk: IntakeDesk, request_id: str, offer_id: str = OFFER) -> None:
    """A letter of west has come."""
    now = desk.clock.now()
    letter = oc.HearOffer(
        at=now, role="system", client_id="", request_id=request_id, offer_id=offer_id, site="noord", location="noord",
        kind="family_shelter", sleeps=6, expires_at=now + timedelta(hours=4),
    )  # fmt: skip
    handled = await desk.deciding[policy.REQUEST].handle(request_id, letter, Context(offer_id, offer_id, offer_id))
    assert handled.rejected is None, handled.rejected


async def waiting(desk: IntakeDesk) -> tuple[str, str]:
    """A client who asks, and the request."""
    client = await desk.registered()
    return client, (await desk.post(f"/clients/{client}/requests", FAMILY)).json()["id"]


def soon(desk: IntakeDesk, **more: Any) -> dict[str, Any]:
    return {"expected_by": (desk.clock.now() + timedelta(hours=6)).isoformat()} | more


async def test_an_offer_is_shown_with_its_request() -> None:
    async with open_intake() as desk:
        _, request = await waiting(desk)
        await offered(desk, request)
        shown = (await desk.get(f"/requests/{request}")).json()
        [offer] = shown["offers"]
        assert (shown["status"], offer["status"], offer["location"]) == ("offered", "open", "noord")
        assert (offer["in_slot"], offer["answered"], offer["possible_double"]) == (False, False, False)


async def test_the_code_is_the_same_for_the_same_request_and_kept_nowhere() -> None:
    async with open_intake() as desk:
        client, request = await waiting(desk)
        await offered(desk, request)
        path, body = f"/clients/{client}/offers/{OFFER}/accept", soon(desk)
        first = await desk.post(path, body, key="one")
        assert (first.status_code, first.json()["status"], first.json()["in_slot"]) == (200, "accepted", True)
        assert (await desk.post(path, body, key="one")).json() == first.json()
        code = first.json()["arrival_code"]
        again = (await desk.post(path, body, key="two")).json()["arrival_code"]
        assert again != code
        kept = repr(vars(desk.disk)).replace("-", "")
        assert code.replace("-", "") not in kept
        assert again.replace("-", "") not in kept
        assert "arrival" not in (await desk.get(f"/requests/{request}")).text


async def test_each_of_two_who_accept_at_once_shows_the_code_its_owner_is_told() -> None:
    async with open_intake() as desk:
        client, request = await waiting(desk)
        await offered(desk, request)
        path, body = f"/clients/{client}/offers/{OFFER}/accept", soon(desk)
        answers = await asyncio.gather(desk.post(path, body, key="one"), desk.post(path, body, key="two"))
        codes = {answer.json()["arrival_code"] for answer in answers}
        made = [CLIENT.codec.decode(one.data) for one in desk.disk.events if one.type == "offer-accepted.v1"]
        told = [event.arrival for event in made if isinstance(event, oe.OfferAccepted)]
        assert len(codes) == len(told) == 2
        assert {any(hashed(code, one.partition(".")[0]) == one for code in codes) for one in told} == {True}


async def test_an_offer_is_taken_by_whom_it_was_made_to() -> None:
    async with open_intake() as desk:
        _, request = await waiting(desk)
        await offered(desk, request)
        stranger = await desk.registered()
        answer = await desk.post(f"/clients/{stranger}/offers/{OFFER}/accept", soon(desk))
        assert (answer.status_code, answer.json()["code"]) == (404, "offer-unknown")


async def test_a_second_one_needs_a_reason_and_what_is_wrong_is_said() -> None:
    async with open_intake() as desk:
        client, request = await waiting(desk)
        await offered(desk, request)
        await offered(desk, request, OFFER_2)
        first, second = (f"/clients/{client}/offers/{one}" for one in (OFFER, OFFER_2))
        wrong = await desk.post(f"{first}/accept", {"expected_by": desk.clock.now().isoformat()})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "expected-by-invalid")
        assert (await desk.post(f"{first}/accept", soon(desk))).status_code == 200
        refused = await desk.post(f"{second}/accept", soon(desk))
        assert (refused.status_code, refused.json()["code"]) == (409, "slot-unanswered")
        taken = await desk.post(f"{second}/accept", soon(desk, override="emergency"))
        assert (taken.status_code, taken.json()["possible_double"]) == (200, True)
        doubles = [one["possible_double"] for one in (await desk.get(f"/requests/{request}")).json()["offers"]]
        assert doubles == [True, True]


async def test_a_declined_offer_says_why_and_its_owner_is_written_to_again() -> None:
    async with open_intake() as desk:
        client, request = await waiting(desk)
        await offered(desk, request)
        path = f"/clients/{client}/offers/{OFFER}/decline"
        answer = await desk.post(path, {"reason": "too_far"})
        assert (answer.status_code, answer.json()["status"], answer.json()["reason"]) == (200, "declined", "too_far")
        assert (await desk.get(f"/requests/{request}")).json()["status"] == "waiting"
        assert (await desk.post(path, {"reason": "rain"})).json()["code"] == "decline-reason-unknown"
        desk.clock.ahead += timedelta(seconds=3)
        assert await desk.fire_due() == ["offer"]


STAY = "99999999-9999-4999-8999-999999999999"
WALKED_IN = {"stay_id": STAY, "site": "noord", "location": "noord", "kind": "night_shelter"}


async def answered(
    desk: IntakeDesk, offer_id: str, word: str, request_id: str | None = None, number: int = 7
) -> None:  # fmt: skip
    """The owner's letter has come. request_id: of a claim it is the same."""
    said = oc.HearWord(
        at=desk.clock.now(), role="system", client_id="", request_id=request_id or offer_id, offer_id=offer_id,
        site="noord", word=word, turn=1, number=number,
    )  # fmt: skip
    letter = SystemIds().random_id()
    handled = await desk.deciding[policy.REQUEST].handle(request_id or offer_id, said, Context(letter, letter, letter))
    assert handled.rejected is None, handled.rejected


async def test_a_stay_at_a_site_nobody_knows_is_not_claimed_and_the_right_one_still_can_be() -> None:
    async with open_intake() as desk:
        client = await desk.registered()
        refused = await desk.post(f"/clients/{client}/stays", WALKED_IN | {"site": "nord"})
        assert (refused.status_code, refused.json()["code"]) == (404, "site-unknown")
        assert (await desk.post(f"/clients/{client}/stays", WALKED_IN)).json()["in_slot"]


async def test_a_walk_in_is_claimed_and_its_owner_answers_about_the_claim() -> None:
    async with open_intake() as desk:
        client = await desk.registered()
        first = await desk.post(f"/clients/{client}/stays", WALKED_IN)
        assert first.status_code == 200, first.text
        claim = first.json()
        assert (claim["in_slot"], claim["answered"], claim["word"]) == (True, False, None)
        assert claim["id"] != STAY
        again = (await desk.post(f"/clients/{client}/stays", WALKED_IN)).json()
        assert (again["id"], again["events"]) == (claim["id"], [])
        await answered(desk, claim["id"], "housed")
        refused = await desk.post(f"/clients/{client}/requests", FAMILY)
        assert (refused.status_code, refused.json()["code"]) == (409, "client-housed")
        moving = await desk.post(f"/clients/{client}/requests", FAMILY | {"transfer": True})
        assert moving.status_code == 201, moving.text
        shown = (await desk.get(f"/requests/{moving.json()['id']}")).json()
        assert shown["not_at"] == ["noord"]


async def test_a_stay_outlives_its_clients_erasure_with_every_count_right() -> None:
    """Who lives somewhere is forgotten at the desk: the house hears nothing, and its last word still counts."""
    async with open_intake() as desk:
        client, request = await waiting(desk)
        await offered(desk, request)
        assert (await desk.post(f"/clients/{client}/offers/{OFFER}/accept", soon(desk))).status_code == 200
        await answered(desk, OFFER, "housed", request)
        before = len(await desk.store.read_outbox("pub", 0, 500))
        assert (await desk.post(f"/clients/{client}/erase")).status_code == 200
        told_since = (await desk.store.read_outbox("pub", 0, 500))[before:]
        assert [row.type for row in told_since] == [], "the owner of the stay is told nothing"
        file = (await desk.deciding[policy.REQUEST].load(client))[0]
        assert (file.slot, file.offers[OFFER].word) == (OFFER, "housed")
        await answered(desk, OFFER, "left", request, number=12)
        file = (await desk.deciding[policy.REQUEST].load(client))[0]
        assert (file.slot, file.offers[OFFER].settled) == ("", True)
        week = week_of(desk.clock.now())
        desk.clock.ahead += week_ends(week) + timedelta(hours=2) - desk.clock.now()
        await desk.fire_due()
        rows = await desk.store.read_outbox("pub", 0, 500)
        [counted] = [told.WeekTold.model_validate_json(row.data) for row in rows if row.type == told.WeekTold.type_name]
        [unmet] = [told.UnmetTold.model_validate_json(row.data) for row in rows if row.type == told.UnmetTold.type_name]
        assert (counted.registrations, unmet.total) == (1, 0)


async def test_another_clients_claim_of_the_same_stay_has_another_id() -> None:
    async with open_intake() as desk:
        made = [
            (await desk.post(f"/clients/{await desk.registered()}/stays", WALKED_IN)).json()["id"] for _ in range(2)
        ]
        assert len(set(made)) == 2


async def test_nobody_is_transferred_who_lives_nowhere() -> None:
    async with open_intake() as desk:
        client = await desk.registered()
        refused = await desk.post(f"/clients/{client}/requests", FAMILY | {"transfer": True})
        assert (refused.status_code, refused.json()["code"]) == (409, "client-not-housed")


async def test_a_new_epoch_tells_the_clients_site_of_offers_that_go_on() -> None:
    async with open_intake() as desk:
        client, request = await waiting(desk)
        for offer_id in (OFFER, OFFER_2):
            await offered(desk, request, offer_id)
        await desk.post(f"/clients/{client}/offers/{OFFER}/accept", soon(desk))
        rows = await first_rows(desk.store, desk.clock, SystemIds(), {})
        assert [row.subject for row in rows if isinstance(row.contract, told.OfferReceived)] == [OFFER_2]
        now = desk.clock.now()
        word = oc.HearWord(
            at=now, role="system", client_id="", request_id=request, offer_id=OFFER, site="noord", word="expected",
            reason=None, turn=1, epoch=1, number=3, until=now + timedelta(hours=6),
        )  # fmt: skip
        handled = await desk.deciding[policy.REQUEST].handle(request, word, Context("w", "w", "w"))
        assert handled.rejected is None, handled.rejected
        rows = await first_rows(desk.store, desk.clock, SystemIds(), {})
        sure = [row.contract for row in rows if isinstance(row.contract, told.OfferConfirmed)]
        assert [(one.offer_id, one.expected_by) for one in sure] == [(OFFER, now + timedelta(hours=6))]
        assert not any(isinstance(row.contract, told.OfferReceived) for row in rows), "the other one was declined"


async def test_a_new_epoch_tells_this_site_how_it_stands_with_offers_and_who_is_housed() -> None:
    async with open_intake() as desk:
        client, request = await waiting(desk)
        await offered(desk, request)
        await offered(desk, request, OFFER_2)
        assert await retold(desk) == [("OfferReceived", OFFER), ("OfferReceived", OFFER_2)]
        by = soon(desk)
        assert (await desk.post(f"/clients/{client}/offers/{OFFER}/accept", by)).status_code == 200
        assert await retold(desk) == [("OfferAccepted", OFFER), ("OfferReceived", OFFER_2)]
        await word(desk, request, "expected", 1)
        assert await retold(desk) == [("OfferConfirmed", OFFER), ("OfferDeclined", OFFER_2)]
        housed_at = desk.clock.now()
        await word(desk, request, "housed", 2)
        desk.clock.ahead += timedelta(days=3)
        [housed, _] = await retold(desk, whole=True)
        assert (housed.type_name, housed.site, housed.location) == (ClientHoused.type_name, "noord", "noord")
        assert abs(housed.at - housed_at) < timedelta(hours=1)  # since when it was, not since the repair
        await word(desk, request, "left", 3)
        assert await retold(desk) == [("ClientLeft", OFFER), ("OfferDeclined", OFFER_2)]
        await desk.post(f"/clients/{client}/erase")
        assert await retold(desk) == []


async def word(desk: IntakeDesk, request_id: str, said: str, number: int) -> None:
    """The owner says how it stands with the first offer."""
    now = desk.clock.now()
    letter = oc.HearWord(
        at=now, role="system", client_id="", request_id=request_id, offer_id=OFFER, site="noord", word=said, turn=1,
        number=number, until=now + timedelta(hours=6) if said == "expected" else None,
    )  # fmt: skip
    context = Context(f"{OFFER}-{number}", OFFER, OFFER)
    assert (await desk.deciding[policy.REQUEST].handle(request_id, letter, context)).rejected is None


async def retold(desk: IntakeDesk, *, whole: bool = False) -> list[Any]:
    """What a new epoch would tell of offers."""
    rows = await first_rows(desk.store, desk.clock, SystemIds(), {})
    about = [row for row in rows if row.subject in (OFFER, OFFER_2)]
    return [row.contract for row in about] if whole else [(type(row.contract).__name__, row.subject) for row in about]
