"""Other rules are tried on those who wait, before anybody is placed by them; what was shown is what then happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from services.intake.api_rules import RulesBody
from services.intake.app_keeper import Keeper
from services.intake.priority import CURRENT
from shared.logbook import openings
from shared.security import Role
from tests.support.intake_desk import IntakeDesk, open_intake

RULES: dict[str, Any] = {
    "version": CURRENT.version + 1, "points": {"under_23": 9, "baby": 3, "children": 3, "medical_urgent": 1},
    "bands": [8, 5, 2], "together": [{"facts": ["baby", "children"], "points": 2}],
}  # fmt: skip
FACTS: tuple[list[str], ...] = (
    ["under_23"],
    ["baby"],
    ["medical_urgent"],
    ["baby", "children"],
    ["sleeping_rough"],
    [],
)


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[IntakeDesk]:
    async with open_intake() as opened:
        yield opened


async def waiting(desk: IntakeDesk) -> list[str]:
    """Requests, in the order of `FACTS`."""
    made = []
    for facts in FACTS:
        client_id = await desk.registered()
        body = {"kinds": ["shelter_24h"], "priority_facts": facts}
        made.append(str((await desk.post(f"/clients/{client_id}/requests", body)).json()["id"]))
    return made


async def bands(desk: IntakeDesk) -> dict[str, int]:
    return {row["id"]: row["priority_band"] for row in (await desk.get("/requests")).json()["items"]}


async def test_who_would_move_is_shown_both_ways_and_nothing_changes(desk: IntakeDesk) -> None:
    young, baby, ill, both, rough, none = await waiting(desk)
    before, stored = await bands(desk), len(desk.disk.events)
    shown = (await desk.post("/rules/preview", RULES)).json()
    moved = {
        way: {one["request_id"]: (one["priority_band"], one["proposed_band"]) for one in shown[way]}
        for way in ("sooner", "later")
    }
    assert moved == {"sooner": {young: (3, 0)}, "later": {baby: (1, 2), ill: (0, 3), rough: (2, 3)}}
    assert (shown["unmoved"], shown["unreadable"]) == (2, 0)
    assert shown["bands"] == {"0": 2, "1": 0, "2": 1, "3": 3}
    assert next(one for one in shown["sooner"])["reasons"] == ["under_23"]
    assert (await bands(desk), len(desk.disk.events)) == (before, stored)
    assert before[both] == 0
    assert before[none] == 3


async def test_the_preview_is_what_then_happens(desk: IntakeDesk) -> None:
    made = await waiting(desk)
    broken = (await desk.get(f"/requests/{made[2]}")).json()["client_id"]
    del desk.keys.disk.keys[broken]  # type: ignore[attr-defined]
    desk.vault._known.pop(broken, None)
    expected = await bands(desk)
    shown = (await desk.post("/rules/preview", RULES)).json()
    assert shown["unreadable"] == 1
    expected |= {one["request_id"]: one["proposed_band"] for way in ("sooner", "later") for one in shown[way]}
    keeper = Keeper(
        desk.site, desk.store, desk.vault, desk.deciding, desk.clock, desk.openings, 365, desk.giving,
        RulesBody(**RULES).rules(),
    )  # fmt: skip
    await keeper.reconcile()
    assert await bands(desk) == expected
    assert list(shown["bands"].values()) == [list(expected.values()).count(band) for band in range(4)]


async def test_that_facts_were_opened_for_it_is_written_down(desk: IntakeDesk) -> None:
    await waiting(desk)
    before = len(desk.disk.tables.get(openings.name, {}))
    await desk.post("/rules/preview", RULES)
    assert len(desk.disk.tables[openings.name]) == before + len(FACTS)


async def test_while_the_vault_is_shut_nobody_is_said_to_stay(desk: IntakeDesk) -> None:
    await waiting(desk)
    desk.vault.shut = "vault-damaged"
    answer = await desk.post("/rules/preview", RULES)
    assert (answer.status_code, answer.json()["code"]) == (503, "vault-damaged")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"bands": [2, 5, 8]}, "rules-invalid"),
        ({"bands": [5, 5, 2]}, "rules-invalid"),
        ({"version": CURRENT.version}, "rules-invalid"),
        ({"points": {"tall": 3}}, "invalid"),
        ({"points": {"baby": -1}}, "invalid"),
        ({"bands": [5, 2]}, "invalid"),
        ({"together": [{"facts": ["baby"], "points": 3}]}, "invalid"),
    ],
)
async def test_what_are_no_rules(desk: IntakeDesk, wrong: dict[str, Any], code: str) -> None:
    answer = await desk.post("/rules/preview", RULES | wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_only_who_may_see_facts_may_try_rules_on_them(desk: IntakeDesk) -> None:
    roles: tuple[Role, ...] = ("operator", "coordinator", "auditor")
    for role in roles:
        assert (await desk.post("/rules/preview", RULES, role)).status_code == 403
