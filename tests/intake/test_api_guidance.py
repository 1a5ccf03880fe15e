"""Guidance over HTTP: trajectories and referrals, at their own desk, sealed, and gone with the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from services.intake.app_repair import first_rows
from shared.contracts.intake import AppointmentMade
from shared.ids import SystemIds
from shared.security import Role
from tests.support.intake_desk import IntakeDesk, open_intake, said, told

GOALS = {"goals": ["kanarie-doel", "a school for the eldest"]}


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[IntakeDesk]:
    async with open_intake() as opened:
        yield opened


def dumped(desk: IntakeDesk) -> str:
    """Everything the service has stored, as text."""
    return repr((desk.disk.events, desk.disk.tables, desk.disk.outbox, desk.disk.keys))


async def test_a_client_is_guided_from_goals_by_milestones_to_an_outcome(desk: IntakeDesk) -> None:
    path = f"/clients/{await desk.registered()}/trajectories"
    started = (await desk.post(path, GOALS)).json()
    step = await desk.post(f"{path}/{started['id']}/milestones", {"milestone": "kanarie-stap"})
    assert (step.status_code, step.json()["trajectory_id"]) == (201, started["id"])
    ended = await desk.post(f"{path}/{started['id']}/end", {"outcome": "semi_durable", "kind": "medical_deferral"})
    assert (ended.status_code, ended.json()["status"]) == (200, "ended")
    shown = (await desk.get(f"/trajectories/{started['id']}", after=ended.json()["position"])).json()
    assert [each["milestone"] for each in shown["milestones"]] == ["kanarie-stap"]
    assert {name: shown[name] for name in ("goals", "status", "outcome", "kind")} == {
        "goals": GOALS["goals"], "status": "ended", "outcome": "semi_durable", "kind": "medical_deferral",
    }  # fmt: skip
    assert (await desk.get("/trajectories", client_id=shown["client_id"])).json()["items"] == [shown]


async def test_a_referral_goes_from_made_to_ended(desk: IntakeDesk) -> None:
    client_id = await desk.registered(household=[{"age_band": "23-64"}, {"age_band": "4-11"}])
    child = (await desk.get(f"/clients/{client_id}")).json()["household"][1]["id"]
    body = {"partner_kind": "school", "partner": "kanarie-partner", "member_id": child}
    made = (await desk.post(f"/clients/{client_id}/referrals", body)).json()
    path = f"/clients/{client_id}/referrals/{made['id']}/follow"
    when = desk.clock.now().replace(microsecond=0).isoformat()
    for state, more in (("appointment", {"appointment_at": when}), ("attended", {}), ("ended", {})):
        assert (await desk.post(path, {"state": state} | more)).json()["state"] == state
    shown = (await desk.get(f"/referrals/{made['id']}")).json()
    assert {name: shown[name] for name in ("partner_kind", "group", "partner", "member_id", "state")} == {
        **body, "group": "education", "state": "ended",
    }  # fmt: skip
    assert shown["appointment_at"].replace("Z", "+00:00") == when
    assert shown["seat"] is None
    assert (await desk.get("/referrals", state="ended")).json()["items"] == [shown]


async def test_a_seat_that_was_booked_for_somebody_is_known_to_their_file_and_sealed_there(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    made = (await desk.post(f"/clients/{client_id}/referrals", {"partner_kind": "legal_aid"})).json()
    path = f"/clients/{client_id}/referrals/{made['id']}/follow"
    seat = {"session_id": "11111111-1111-4111-8111-111111111111", "booking_id": "22222222-2222-4222-8222-222222222222"}
    when = {"state": "appointment", "appointment_at": desk.clock.now().isoformat()}
    alone = await desk.post(path, {"state": "attended", "seat": seat})
    assert (alone.status_code, alone.json()["code"]) == (422, "appointment-missing")
    assert (await desk.post(path, when | {"seat": seat})).status_code == 200
    assert (await desk.get(f"/referrals/{made['id']}")).json()["seat"] == seat
    stored = [event.data for event in await desk.store.read_all(0, 10_000)]
    assert len(stored) > 3
    assert not any(seat["booking_id"].encode() in data for data in stored)
    assert (await desk.post(path, when)).status_code == 200  # another appointment, without one
    assert (await desk.get(f"/referrals/{made['id']}")).json()["seat"] is None


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("trajectories", {"goals": []}, 422, "goals"),
        ("trajectories", {"goals": ["a\nb"]}, 422, "text-invalid"),
        ("referrals", {"partner_kind": "kanarie-partner"}, 422, "partner_kind"),
        ("referrals", {"partner_kind": "school", "member_id": "11111111-1111-4111-8111-111111111111"}, 422,
         "household-member-unknown"),
    ],
)  # fmt: skip
async def test_what_is_wrong_leaves_nothing_and_is_not_repeated(
    desk: IntakeDesk, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    client_id = await desk.registered()
    before = len(desk.disk.events)
    answer = await desk.post(f"/clients/{client_id}/{path}", body)
    assert (answer.status_code, code in answer.text) == (status, True), answer.text
    assert "kanarie" not in answer.text
    assert len(desk.disk.events) == before


async def test_an_outcome_has_its_own_kinds_and_an_appointment_its_limits(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    trajectory = (await desk.post(f"/clients/{client_id}/trajectories", GOALS)).json()["id"]
    wrong = {"outcome": "durable", "kind": "lost_contact"}
    answer = await desk.post(f"/clients/{client_id}/trajectories/{trajectory}/end", wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "outcome-kind-other")
    referral = (await desk.post(f"/clients/{client_id}/referrals", {"partner_kind": "legal_aid"})).json()["id"]
    path = f"/clients/{client_id}/referrals/{referral}/follow"
    for body, status, code in (
        ({"state": "appointment", "appointment_at": "2100-01-01T10:00:00Z"}, 422, "appointment-impossible"),
        ({"state": "appointment"}, 422, "appointment-missing"),
        ({"state": "attended"}, 409, "referral-without-appointment"),
    ):
        answer = await desk.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_nothing_of_it_lies_in_the_open_or_is_told_and_nothing_is_left_after_erasure(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    path = f"/clients/{client_id}"
    before = len(await told(desk, "loc")), len(await told(desk, "pub"))
    trajectory = (await desk.post(f"{path}/trajectories", GOALS, key="one")).json()["id"]
    await desk.post(f"{path}/trajectories/{trajectory}/milestones", {"milestone": "kanarie-stap"})
    body = {"partner_kind": "safe_reporting", "partner": "kanarie-partner"}
    referral = (await desk.post(f"{path}/referrals", body, key="two")).json()["id"]
    when = {"state": "appointment", "appointment_at": "2026-02-03T04:05:06Z"}
    assert (await desk.post(f"{path}/referrals/{referral}/follow", when)).status_code == 200
    await desk.post(f"{path}/trajectories/{trajectory}/end", {"outcome": "durable", "kind": "legal_stay"})
    for word in ("kanarie", "safe_reporting", "reporting", "legal_stay", "durable"):
        assert word not in dumped(desk), word
    heard = (await told(desk, "loc"))[before[0] :]
    assert [said(one).keys() for one in heard] == [  # of all of it only that they are expected, and when
        {"client_id", "appointment_id", "turn", "replaces", "known", "starts_at", "at"}
    ]
    assert len(await told(desk, "pub")) == before[1]
    assert (await desk.post(f"{path}/erase")).status_code == 200
    shown = (await desk.get(f"/trajectories/{trajectory}")).json()
    assert (shown["goals"], shown["outcome"], shown["kind"], shown["status"]) == ([], None, None, "ended")
    assert [each["milestone"] for each in shown["milestones"]] == [None]
    shown = (await desk.get(f"/referrals/{referral}")).json()
    assert (shown["partner_kind"], shown["group"], shown["partner"], shown["appointment_at"]) == (None,) * 4
    refused = await desk.post(f"{path}/referrals", body, key="two")
    assert (refused.status_code, refused.json()["code"]) == (410, "client-erased")


async def test_whoever_reminds_a_client_hears_when_they_are_expected_and_when_no_more(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    body = {"partner_kind": "general_practice"}
    referral = (await desk.post(f"/clients/{client_id}/referrals", body)).json()["id"]
    monday, friday = (desk.clock.now() + timedelta(days=days) for days in (7, 11))
    for body in (
        {"state": "appointment", "appointment_at": monday.isoformat()},
        {"state": "appointment", "appointment_at": friday.isoformat()},
        {"state": "ended"},
    ):
        assert (await desk.post(f"/clients/{client_id}/referrals/{referral}/follow", body)).status_code == 200
    heard = [one for one in await told(desk, "loc") if one.name.startswith("appointment-")]
    assert [one.name for one in heard] == ["appointment-made", "appointment-made", "appointment-ended"]
    first, moved, off = map(said, heard)
    assert {one["appointment_id"] for one in (first, moved, off)} == {referral}
    assert (first["replaces"], moved["replaces"], off["turn"]) == (None, first["turn"], moved["turn"])
    assert [datetime.fromisoformat(one["starts_at"]) for one in (first, moved, off)] == [monday, friday, friday]
    assert off["how"] == "called_off"


async def test_a_new_epoch_tells_of_appointments_to_come_as_they_were_made(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    for days in (-1, 7):
        referral = (await desk.post(f"/clients/{client_id}/referrals", {"partner_kind": "school"})).json()["id"]
        when = (desk.clock.now() + timedelta(days=days)).isoformat()
        body = {"state": "appointment", "appointment_at": when}
        await desk.post(f"/clients/{client_id}/referrals/{referral}/follow", body)
    *_, made = await told(desk, "loc")
    rows = await first_rows(desk.store, desk.clock, SystemIds(), {})
    again = [row.contract for row in rows if isinstance(row.contract, AppointmentMade)]
    assert again == [AppointmentMade.model_validate_json(made.data)]


async def test_one_key_makes_one_referral(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    body = {"partner_kind": "dental_care"}
    answers = [await desk.post(f"/clients/{client_id}/referrals", body, key="tap") for _ in range(2)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await desk.get("/referrals")).json()["items"]) == 1


async def test_only_caseworkers_see_how_somebody_is_guided(desk: IntakeDesk) -> None:
    roles: tuple[Role, ...] = ("operator", "coordinator", "oncall", "auditor")
    for role in roles:
        for path in ("/trajectories", "/referrals"):
            assert (await desk.get(path, role=role)).status_code == 403
    assert msgspec.json.decode((await desk.get("/trajectories")).content)["items"] == []


async def test_what_is_sealed_opens_for_a_purpose_that_is_written_down_once_an_hour(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    started = (await desk.post(f"/clients/{client_id}/trajectories", GOALS)).json()
    other = await desk.registered()  # nothing of theirs is opened
    shown = (await desk.get(f"/clients/{client_id}")).json()
    for path in ("/trajectories", f"/trajectories/{started['id']}", "/trajectories"):
        assert (await desk.get(path)).status_code == 200
    assert (await desk.get("/trajectories", purpose="complaint")).status_code == 200
    reads = (await desk.get("/personal-reads", role="auditor")).json()["items"]
    assert sorted((read["client_id"], read["purpose"]) for read in reads) == [
        (client_id, "complaint"), (client_id, "guidance"),
    ]  # fmt: skip
    assert other not in str(reads)
    after = (await desk.get(f"/clients/{client_id}")).json()
    assert after["active_at"] == shown["active_at"]  # to stand in a list is no use of a file: it can still be forgotten
    corrected = await desk.post(
        f"/clients/{client_id}/correct", {"reason": "news", "alias": "heron"}, if_match=shown["version"]
    )
    assert corrected.status_code == 200, corrected.text  # nor does it make what somebody sees stale
    desk.clock.ahead += timedelta(hours=1)
    await desk.get("/trajectories")
    assert len((await desk.get("/personal-reads", role="auditor")).json()["items"]) == 3
    assert (await desk.get("/trajectories", purpose="curiosity")).status_code == 422


async def test_what_cannot_be_written_down_is_not_opened(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    await desk.post(f"/clients/{client_id}/trajectories", GOALS)
    desk.store.halt("others have heard what is not here")
    answer = await desk.get("/trajectories")
    assert answer.status_code == 503
    assert "kanarie" not in answer.text
