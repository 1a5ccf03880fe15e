"""What a new epoch of the allowance service begins with: enough for whoever has forgotten the old one."""

from __future__ import annotations

from services.allowance.app_repair import first_rows
from shared.contracts import allowance as told
from shared.epochs import begin_epoch
from shared.ids import SystemIds
from tests.support.allowance_desk import open_allowance


async def test_seats_and_who_is_entitled_are_told_anew() -> None:
    async with open_allowance() as network:
        programme = await network.programme()
        body = {"programme": programme, "client_id": SystemIds().random_id()}
        asked = (await network.west.post("/entitlements", body)).json()["id"]
        await network.west.seen(f"/entitlements/{asked}", lambda it: it["status"] == "granted" and it["told"])
        await network.stop()
        stad = await first_rows(network.stad.store, network.clock, SystemIds())
        west = await first_rows(network.west.store, network.clock, SystemIds())
        figures = [row.contract for row in stad if isinstance(row.contract, told.SeatsTold)]
        assert [(it.programme_id, it.total, it.occupied, it.held) for it in figures] == [(programme, 2, 1, 0)]
        granted = [row.contract for row in west if isinstance(row.contract, told.EntitlementGranted)]
        assert [(it.entitlement_id, it.client_id) for it in granted] == [(asked, body["client_id"])]
        for desk, rows in ((network.stad, stad), (network.west, west)):
            origin = await begin_epoch(desk.store, rows, SystemIds(), network.clock)
            assert origin.epoch == 2
