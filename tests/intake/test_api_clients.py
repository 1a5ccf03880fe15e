"""Clients over HTTP: registered, corrected, read for a purpose, erased; and what is left of them afterwards."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from services.intake import file as kept
from services.intake.app_keeper import ERASED_A_LOOK_MAX
from services.intake.commands import CorrectClient
from services.intake.file import made_alias
from shared.handling import Context
from shared.security import Role
from shared.vault import Vault, VaultProblem
from shared.vault_files import FileKeys
from tests.support.intake_desk import IntakeDesk, open_intake
from tests.support.memory_keys import SITE_KEY, MemoryKeys

CANARY = "zilverreiger"
NOBODY = "00000000-0000-4000-8000-000000000000"
PERSONAL = {
    "name": f"Name {CANARY}", "birth_date": "1987-03-04", "contact_details": f"+31 6 12345678, {CANARY}",
    "documents": f"passport {CANARY}", "notes": f"notes {CANARY}",
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "alias": f"alias {CANARY}", "languages": ["ti", "nl"], "household": [{"age_band": "23-64"}, {"age_band": "0-3"}],
    "needs": ["medical"], "accessibility": ["step_free"], "contact": {"channel": "sms", "explicit": False},
    "case_manager": f"manager {CANARY}", "personal": PERSONAL,
}  # fmt: skip


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[IntakeDesk]:
    async with open_intake() as opened:
        yield opened


def dumped(desk: IntakeDesk) -> str:
    """Everything a process leaves behind in its database, as text."""
    disk = desk.disk
    parts = [repr(vars(event)) if hasattr(event, "__dict__") else repr(event) for event in disk.events]
    parts += [repr(row) for rows in disk.outbox.values() for row in rows]
    parts += [repr(sorted(table.items(), key=repr)) for table in disk.tables.values()]
    parts += [repr(record) for record in disk.keys.values()]
    return "\n".join(parts)


async def test_of_files_asked_for_by_their_ids_no_other_is_opened(desk: IntakeDesk) -> None:
    made = [(await desk.post("/clients", {})).json()["id"] for _ in range(4)]
    opened, unseal = list[str](), desk.vault.unseal

    async def watched(key_id: str, name: str, sealed: str) -> bytes:
        opened.append(key_id)
        return await unseal(key_id, name, sealed)

    desk.vault.unseal = watched  # type: ignore[method-assign]
    page = (await desk.get("/clients", id=[made[2], NOBODY, made[0]], erased=False)).json()
    assert sorted(item["id"] for item in page["items"]) == sorted(opened) == sorted([made[0], made[2]])
    assert page["next"] is None
    assert (await desk.get("/clients", id=["no id"])).status_code == 422
    assert (await desk.get("/clients", id=[NOBODY] * 101)).status_code == 422


async def test_a_client_is_registered_with_as_little_as_nothing(desk: IntakeDesk) -> None:
    answer = (await desk.post("/clients", {})).json()
    assert [event["type"] for event in answer["events"]] == ["client-registered.v1"]
    shown = (await desk.get(f"/clients/{answer['id']}", after=answer["position"])).json()
    assert shown["alias"] == answer["alias"] != ""
    assert (shown["languages"], shown["household"], shown["has_personal"]) == ([], [], False)


async def test_what_was_given_is_shown_at_the_desk_and_what_is_personal_is_not(desk: IntakeDesk) -> None:
    client_id = await desk.registered(**WHOLE)
    answer = await desk.get(f"/clients/{client_id}")
    shown = answer.json()
    assert answer.headers["etag"] == f'"{shown["version"]}"'
    assert {name: shown[name] for name in ("alias", "languages", "needs", "accessibility", "contact")} == {
        name: WHOLE[name] for name in ("alias", "languages", "needs", "accessibility", "contact")
    }
    assert [member["age_band"] for member in shown["household"]] == ["23-64", "0-3"]
    assert shown["has_personal"]
    assert "passport" not in answer.text
    assert "Name" not in answer.text
    assert (await desk.get("/clients")).json()["items"] == [shown]


async def test_nothing_that_was_given_lies_in_the_database_in_the_open(desk: IntakeDesk) -> None:
    client_id = await desk.registered(**WHOLE)
    await desk.post("/clients", WHOLE, key="one")
    correction = {"reason": "news", "alias": f"new {CANARY}", "personal": {"name": f"New {CANARY}"}}
    await desk.post(f"/clients/{client_id}/correct", correction, key="two")
    await desk.post(f"/clients/{client_id}/read-personal", {"purpose": "contact"}, key="three")
    facts = {"kinds": ["shelter_24h"], "priority_facts": ["fleeing_violence"]}
    await desk.post(f"/clients/{client_id}/requests", facts, key="four")
    kept = dumped(desk)
    for secret in (CANARY, "1987-03-04", "medical", "fleeing_violence", '"sms"', "23-64", "passport"):
        assert secret not in kept, secret


async def test_the_fingerprint_of_a_request_is_not_one_that_can_be_guessed(desk: IntakeDesk) -> None:
    body = {"personal": {"name": "Anna", "birth_date": "1990-01-01"}}
    await desk.post("/clients", body, key="one")
    kept = [record.body_hash for record in desk.disk.keys.values()]
    async with open_intake() as other:
        await other.post("/clients", body, key="one")
        assert kept != [record.body_hash for record in other.disk.keys.values()]


async def test_one_key_registers_one_client_and_leaves_one_key_in_the_vault(desk: IntakeDesk) -> None:
    answers = await asyncio.gather(*(desk.post("/clients", WHOLE, key="tap") for _ in range(5)))
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["alias"] == WHOLE["alias"]
    other = await desk.post("/clients", {"alias": "somebody else"}, key="tap")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert (await desk.vault.state()).keys == 1


def unusable(channel: str, details: str) -> dict[str, Any]:
    """Somebody who wants to be written to where nobody can write."""
    return {"contact": {"channel": channel}, "personal": {"contact_details": details}}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"languages": ["xx"]}, "language-unknown"),
        ({"languages": [f"{CANARY}"]}, "invalid"),
        ({"household": [{"age_band": CANARY}]}, "invalid"),
        ({"needs": [CANARY]}, "invalid"),
        ({"alias": f"{CANARY}\nx"}, "alias-invalid"),
        ({"alias": CANARY * 20}, "invalid"),
        ({"household": [{"id": NOBODY, "age_band": "0-3"}]}, "household-member-unknown"),
        ({"personal": {"birth_date": "1987-02-30"}}, "invalid"),
        ({"personal": {"birth_date": "2999-01-01"}}, "birth-date-impossible"),
        ({"personal": {"birth_date": "1850-01-01"}}, "birth-date-impossible"),
        ({"personal": {"name": f"{CANARY}\x00"}}, "text-invalid"),
        ({"personal": {"notes": "x" * 4001}}, "invalid"),
        (unusable("email", f"mail {CANARY}@localhost"), "contact-address-unusable"),
        (unusable("email", f"{CANARY}@example.org en {CANARY}@example.com"), "contact-address-unusable"),
        (unusable("sms", "06 12345678"), "contact-address-unusable"),
        (unusable("sms", "+31 6 1234"), "contact-address-unusable"),
        ({CANARY: 1}, "invalid"),
    ],
)  # fmt: skip
async def test_what_is_wrong_has_a_code_and_leaves_nothing(desk: IntakeDesk, body: dict[str, Any], code: str) -> None:
    before = await desk.store.last_position()
    answer = await desk.post("/clients", body, key="tap")
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await desk.store.last_position() == before
    assert (await desk.vault.state()).keys == 0
    assert CANARY not in dumped(desk)


async def test_texts_are_composed_and_never_interpreted(desk: IntakeDesk) -> None:
    given = "  Zoe\u0308 <b>{{7*7}}</b>; drop table clients  "
    client_id = await desk.registered(personal={"name": given})
    read = (await desk.post(f"/clients/{client_id}/read-personal", {"purpose": "contact"})).json()
    assert read["name"] == "Zo\u00eb <b>{{7*7}}</b>; drop table clients"


async def test_a_channel_and_the_address_for_it_have_to_suit_each_other_whichever_is_corrected(
    desk: IntakeDesk,
) -> None:
    client_id = await desk.registered(personal={"contact_details": "bij mijn zus, 06 12345678"})
    path = f"/clients/{client_id}/correct"
    refused = await desk.post(path, {"reason": "news", "contact": {"channel": "sms"}})
    assert (refused.status_code, refused.json()["code"]) == (422, "contact-address-unusable")
    assert refused.json()["facts"] == {"channel": "sms", "wanted": "one-number-with-its-country"}
    better = {"reason": "news", "contact": {"channel": "sms"}, "personal": {"contact_details": "+31 6 12345678"}}
    assert (await desk.post(path, better)).status_code == 200
    worse = await desk.post(path, {"reason": "news", "personal": {"contact_details": "06 12345678"}})
    assert worse.json()["code"] == "contact-address-unusable"
    gone = await desk.post(path, {"reason": "news", "personal": {"contact_details": None}})
    assert gone.status_code == 200, "a client may have no address yet: the desk tells them"


async def test_an_address_that_was_stored_before_it_was_checked_does_not_hold_up_other_corrections(
    desk: IntakeDesk,
) -> None:
    client_id = await desk.registered(contact={"channel": "sms"}, personal={"contact_details": "+31 6 12345678"})
    file = (await desk.intake.handler.load(client_id))[0]
    sealed = await desk.intake.seal(client_id, kept.PERSONAL, kept.Personal(contact_details="06 12345678"))
    stored = CorrectClient(
        at=desk.clock.now(), role="caseworker", client_id=client_id, reason="mistake", card=file.card, personal=sealed
    )
    handled = await desk.intake.handler.handle(client_id, stored, Context(client_id, client_id, client_id))
    assert handled.rejected is None, handled.rejected
    as_a_form_says_it_again = {"alias": "amber fox 3", "contact": {"channel": "sms", "explicit": True}}
    for change in ({"alias": "amber fox 2"}, {"personal": {"notes": "x"}}, as_a_form_says_it_again):
        assert (await desk.post(f"/clients/{client_id}/correct", {"reason": "news", **change})).status_code == 200


async def test_a_correction_changes_what_it_names_and_no_more(desk: IntakeDesk) -> None:
    client_id = await desk.registered(**WHOLE)
    member = (await desk.get(f"/clients/{client_id}")).json()["household"][0]
    body = {
        "reason": "mistake", "languages": ["am"], "household": [member | {"age_band": "65+"}, {"age_band": "4-11"}],
        "personal": {"documents": None},
    }  # fmt: skip
    answer = await desk.post(f"/clients/{client_id}/correct", body)
    assert [event["type"] for event in answer.json()["events"]] == ["client-corrected.v1"]
    shown = (await desk.get(f"/clients/{client_id}")).json()
    assert (shown["languages"], shown["alias"]) == (["am"], WHOLE["alias"])
    assert shown["household"][0] == {"id": member["id"], "age_band": "65+"}
    read = (await desk.post(f"/clients/{client_id}/read-personal", {"purpose": "identity"})).json()
    assert (read["documents"], read["name"]) == (None, PERSONAL["name"])
    twice = await desk.post(f"/clients/{client_id}/correct", {"reason": "news", "household": [member, member]})
    assert (twice.status_code, twice.json()["code"]) == (422, "household-member-twice")


async def test_two_corrections_at_once_both_stay_and_a_stale_one_is_refused(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    parts: list[dict[str, Any]] = [{"languages": ["am"]}, {"needs": ["legal"]}, {"accessibility": ["quiet"]}]
    path = f"/clients/{client_id}/correct"
    answers = await asyncio.gather(
        *(desk.post(path, {"reason": "news", **part}, key=f"tap-{n}") for n, part in enumerate(parts))
    )
    assert [answer.status_code for answer in answers] == [200] * 3
    shown = (await desk.get(f"/clients/{client_id}")).json()
    assert (shown["languages"], shown["needs"], shown["accessibility"]) == (["am"], ["legal"], ["quiet"])
    stale = await desk.post(path, {"reason": "news", "languages": ["nl"]}, if_match=1)
    assert (stale.status_code, stale.json()["code"]) == (412, "version-stale")


async def test_reading_what_is_personal_needs_a_purpose_and_is_recorded(desk: IntakeDesk) -> None:
    client_id = await desk.registered(**WHOLE)
    without = await desk.post(f"/clients/{client_id}/read-personal", {"purpose": "curiosity"})
    assert without.status_code == 422
    read = (await desk.post(f"/clients/{client_id}/read-personal", {"purpose": "medical_care"}, key="tap")).json()
    assert {name: read[name] for name in PERSONAL} == PERSONAL
    await desk.post(f"/clients/{client_id}/read-personal", {"purpose": "medical_care"}, key="tap")
    seen = (await desk.get("/personal-reads", role="auditor", client_id=client_id)).json()["items"]
    assert [(row["client_id"], row["purpose"], row["role"]) for row in seen] == [
        (client_id, "medical_care", "caseworker")
    ]


async def test_an_erased_client_is_gone_and_the_receipt_says_when_everywhere(desk: IntakeDesk) -> None:
    client_id = await desk.registered(**WHOLE)
    request = (await desk.post(f"/clients/{client_id}/requests", {"kinds": ["shelter_24h"]})).json()["id"]
    receipt = (await desk.post(f"/clients/{client_id}/erase", key="tap")).json()
    assert [event["type"] for event in receipt["events"]] == [
        "request-unmet.v1", "request-withdrawn.v1", "client-erased.v1",
    ]  # fmt: skip
    assert receipt["ended_requests"] == [request]
    gone, complete = (datetime.fromisoformat(receipt[name]) for name in ("key_destroyed_at", "complete_at"))
    assert complete - gone == timedelta(days=7)
    shown = (await desk.get(f"/clients/{client_id}")).json()
    assert (shown["alias"], shown["contact"], shown["has_personal"]) == (None, None, False)
    assert shown["erasure_complete_at"] == receipt["complete_at"]
    assert await desk.keys.get(client_id) is None
    for path, body in (
        ("read-personal", {"purpose": "contact"}), ("correct", {"reason": "news"}),
        ("requests", {"kinds": ["shelter_24h"]}),
    ):  # fmt: skip
        answer = await desk.post(f"/clients/{client_id}/{path}", body)
        assert (answer.status_code, answer.json()["code"]) == (410, "client-erased"), path
    again = await desk.post(f"/clients/{client_id}/erase")
    assert (again.status_code, again.json()["events"], again.json()["complete_at"]) == (
        200, [], receipt["complete_at"],
    )  # fmt: skip
    assert (await desk.get("/clients", erased=False)).json()["items"] == []


async def test_an_answer_that_was_kept_does_not_outlive_the_client(desk: IntakeDesk) -> None:
    first = await desk.post("/clients", WHOLE, key="tap")
    path = f"/clients/{first.json()['id']}"
    await desk.post(f"{path}/read-personal", {"purpose": "contact"}, key="read")
    await desk.post(f"{path}/erase")
    for answer in (
        await desk.post("/clients", WHOLE, key="tap"),
        await desk.post(f"{path}/read-personal", {"purpose": "contact"}, key="read"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "client-erased")
        assert CANARY not in answer.text


async def test_who_is_nobody_is_unknown(desk: IntakeDesk) -> None:
    for id_ in (NOBODY, "nonsense", "%00"):
        for answer in (
            await desk.get(f"/clients/{id_}"),
            await desk.post(f"/clients/{id_}/erase"),
            await desk.post(f"/clients/{id_}/read-personal", {"purpose": "contact"}),
            await desk.post(f"/clients/{id_}/correct", {"reason": "news"}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "client-unknown")


async def test_an_older_backup_of_the_database_brings_nobody_back(desk: IntakeDesk) -> None:
    client_id = await desk.registered(**WHOLE)
    request = (await desk.post(f"/clients/{client_id}/requests", {"kinds": ["shelter_24h"]})).json()["id"]
    backup = copy.deepcopy(desk.disk)
    await desk.post(f"/clients/{client_id}/erase")
    async with open_intake(backup, desk.keys) as restored:
        shown = (await restored.get(f"/clients/{client_id}")).json()
        assert shown["alias"] is None
        assert shown["erasure_complete_at"] is not None
        assert (await restored.get(f"/requests/{request}")).json()["status"] == "withdrawn"
        read = await restored.post(f"/clients/{client_id}/read-personal", {"purpose": "contact"})
        assert (read.status_code, read.json()["code"]) == (410, "client-erased")


async def test_an_older_backup_of_the_keys_and_their_list_brings_nobody_back(tmp_path: Path) -> None:
    keys = FileKeys(tmp_path / "keys", tmp_path / "list")
    async with open_intake(keys=keys) as desk:
        client_id = await desk.registered(**WHOLE)
        wrapped = await keys.get(client_id)
        await desk.post(f"/clients/{client_id}/erase")
    assert wrapped is not None
    (tmp_path / "list").unlink()
    await FileKeys(tmp_path / "keys", tmp_path / "list").put_new(client_id, wrapped)
    async with open_intake(desk.disk, FileKeys(tmp_path / "keys", tmp_path / "list")) as again:
        assert await again.keys.get(client_id) is None
        assert client_id in again.vault.destroyed()


class StuckKeys(MemoryKeys):
    """Keys on a disk that is full."""

    stuck = False

    async def destroy(self, key_id: str, at: datetime) -> None:
        if self.stuck:
            raise VaultProblem("vault-disk-full")
        await super().destroy(key_id, at)


async def test_a_key_that_cannot_be_destroyed_now_is_destroyed_as_soon_as_it_can() -> None:
    keys = StuckKeys()
    async with open_intake(keys=keys) as desk:
        client_id = await desk.registered(**WHOLE)
        keys.stuck = True
        refused = await desk.post(f"/clients/{client_id}/erase")
        assert (refused.status_code, refused.json()["code"]) == (503, "vault-disk-full")
        shown = (await desk.get(f"/clients/{client_id}")).json()
        assert (shown["alias"], shown["erasure_complete_at"]) == (None, None)
        assert await desk.fire_due() == ["destroy-key"]
        assert await desk.fire_due() == []  # not at once again
        keys.stuck = False
        desk.clock.ahead = timedelta(minutes=2)
        assert await desk.fire_due() == ["destroy-key"]
        assert (await desk.get(f"/clients/{client_id}")).json()["erasure_complete_at"] is not None
        assert await desk.fire_due() == []


async def test_files_nobody_uses_are_erased_and_a_line_is_written_every_day(desk: IntakeDesk) -> None:
    old = await desk.registered(**WHOLE)
    desk.clock.ahead = timedelta(days=200)
    used = await desk.registered()
    desk.clock.ahead = timedelta(days=366)
    assert "retention" in await desk.fire_due()
    assert await desk.fire_due() == []
    desk.clock.ahead = timedelta(days=368)
    await desk.fire_due()
    lines = (await desk.get("/retention", role="auditor")).json()["items"]
    assert [line["erased"] for line in lines] == [0, 1, 0]
    assert (await desk.get(f"/clients/{old}")).json()["erasure_complete_at"] is not None
    assert (await desk.get(f"/clients/{used}")).json()["erased_at"] is None


async def test_a_clock_that_is_far_ahead_erases_no_more_than_a_days_worth_at_once(desk: IntakeDesk) -> None:
    desk.clock.to_noon()
    noon = desk.clock.ahead
    for _ in range(ERASED_A_LOOK_MAX + 3):
        await desk.registered()
    for days in (400, 401, 402):
        desk.clock.ahead = noon + timedelta(days=days)
        await desk.fire_due()
    lines = (await desk.get("/retention", role="auditor")).json()["items"]
    assert sorted(line["erased"] for line in lines) == [0, 0, 3, ERASED_A_LOOK_MAX]


async def test_only_caseworkers_see_clients(desk: IntakeDesk) -> None:
    client_id = await desk.registered(**WHOLE)
    others: tuple[Role, ...] = ("operator", "coordinator", "finance", "oncall", "auditor")
    for role in others:
        for path in ("/clients", f"/clients/{client_id}", "/requests"):
            assert (await desk.get(path, role=role)).status_code == 403
        assert (await desk.post("/clients", {}, role=role)).status_code == 403
    assert (await desk.get("/vault", role="oncall")).json() == {
        "code": None, "keys": 1, "older": 0, "destroyed": 0, "damaged": 0,
    }  # fmt: skip


async def test_while_the_vault_is_shut_nothing_is_done_and_the_reason_is_said() -> None:
    desk = IntakeDesk(*(await _left_behind()))
    answer = await desk.post("/clients", WHOLE, key="tap")
    assert (answer.status_code, answer.json()["code"]) == (503, "vault-unavailable")
    assert (await desk.get("/vault", role="oncall")).json()["code"] == "vault-unavailable"
    assert CANARY not in dumped(desk)


async def test_a_damaged_list_shuts_the_vault_with_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("damaged\n")
    desk = IntakeDesk(*(await _left_behind()))
    vault = Vault([SITE_KEY], FileKeys(tmp_path / "keys", tmp_path / "list"))
    with pytest.raises(VaultProblem):
        await vault.open()
    assert vault.shut == "vault-damaged"
    object.__setattr__(desk.intake, "vault", vault)
    answer = await desk.post("/clients", WHOLE, key="tap")
    assert (answer.status_code, answer.json()["code"]) == (503, "vault-damaged")


async def _left_behind() -> tuple[Any, Any, Any]:
    async with open_intake() as desk:
        return desk.disk, desk.keys, desk.clock


def test_the_canary_would_be_found() -> None:
    assert CANARY in repr(msgspec.json.encode(WHOLE))


async def test_a_look_that_is_repeated_later_is_another_look(desk: IntakeDesk) -> None:
    client_id = await desk.registered(**WHOLE)
    path = f"/clients/{client_id}/read-personal"
    first = (await desk.post(path, {"purpose": "contact"}, key="tap")).json()
    for minutes, looks in ((0, 1), (10, 2), (-10, 3)):
        desk.clock.ahead = timedelta(minutes=minutes)
        again = (await desk.post(path, {"purpose": "contact"}, key="tap")).json()
        assert (again["events"], again["name"]) == (first["events"], first["name"])
        assert len((await desk.get("/personal-reads", role="auditor")).json()["items"]) == looks


async def test_what_a_request_is_known_by_again_says_nothing_either(desk: IntakeDesk) -> None:
    client_id = await desk.registered()
    await desk.post("/clients", {}, key=CANARY)
    refused = await desk.post(f"/clients/{client_id}/requests/{CANARY}/withdraw", {"reason": "mistake"}, key=CANARY)
    assert (refused.status_code, refused.json()["code"]) == (404, "request-unknown")
    assert len(desk.disk.keys) == 2
    assert CANARY not in dumped(desk)
    assert client_id not in repr([(record.scope, record.key) for record in desk.disk.keys.values()])


async def test_an_alias_that_was_made_cannot_be_made_again_from_the_id_that_stays(desk: IntakeDesk) -> None:
    answers = [(await desk.post("/clients", {})).json() for _ in range(3)]
    assert [answer["alias"] for answer in answers] != [made_alias(answer["id"]) for answer in answers]


async def test_while_the_list_is_damaged_a_file_is_not_shown_and_nobody_is_registered(tmp_path: Path) -> None:
    async with open_intake(keys=FileKeys(tmp_path / "keys", tmp_path / "list")) as desk:
        client_id = await desk.registered(**WHOLE)
        (tmp_path / "list").write_text("damaged\n")
        for answer in (
            await desk.get(f"/clients/{client_id}"), await desk.get("/clients"), await desk.post("/clients", {}),
        ):  # fmt: skip
            assert (answer.status_code, answer.json()["code"]) == (503, "vault-damaged")


async def test_a_card_of_another_vocabulary_hides_no_other_and_is_quoted_nowhere(desk: IntakeDesk) -> None:
    class Later(msgspec.Struct):
        alias: str
        needs: tuple[str, ...]

    client_id, other = await desk.registered(), await desk.registered(alias="other")
    card = await desk.intake.seal(client_id, "card", Later("x", (CANARY,)))
    correct = CorrectClient(at=desk.clock.now(), role="caseworker", client_id=client_id, reason="news", card=card)
    await desk.intake.handler.handle(client_id, correct, Context("1", "1", "1"))
    shown = {one["id"]: one for one in (await desk.get("/clients")).json()["items"]}
    assert (shown[client_id]["unreadable"], shown[other]["alias"]) == ("vault-text-damaged", "other")


async def test_an_origin_that_takes_no_commands_leaves_no_keys_behind(desk: IntakeDesk) -> None:
    desk.store.halt("others have heard more")
    for _ in range(3):
        answer = await desk.post("/clients", WHOLE)
        assert (answer.status_code, answer.json()["code"]) == (503, "origin-halted")
    assert (await desk.vault.state()).keys == 0
