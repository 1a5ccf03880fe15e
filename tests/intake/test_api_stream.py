"""What changes at a desk, as it happens: which files, never what is in them."""

from __future__ import annotations

import asyncio

from services.intake.api_stream import changes
from tests.support.intake_desk import open_intake


async def test_a_listener_hears_which_files_changed_and_nothing_of_what_is_in_them() -> None:
    async with open_intake() as desk:
        before = await desk.registered()
        stream = changes(desk.store)
        opened = await anext(stream)
        assert opened.data == {"change": "open", "position": await desk.store.last_position()}
        coming = asyncio.ensure_future(anext(stream))  # listens before anything happens
        client = await desk.registered(alias="kanarie", personal={"name": "kanarie"})
        heard = await coming
        assert heard.data["types"] == ["client-registered.v1"]
        assert (heard.data["clients"], heard.id) == ([client], str(heard.data["position"]))
        assert "kanarie" not in str(heard.data)
        await desk.post(f"/clients/{before}/requests", {"kinds": ["night_shelter"]})
        await desk.post(f"/clients/{before}/erase")
        told = await anext(stream)  # what happened meanwhile is one message
        assert told.data["clients"] == [before]
        assert {"request-opened.v1", "client-erased.v1", "key-destroyed.v1"} <= set(told.data["types"])


async def test_what_is_about_no_file_is_not_told() -> None:
    async with open_intake() as desk:
        stream = changes(desk.store)
        await anext(stream)
        assert (await desk.post("/unmet-needs", {"kind": "night_shelter"})).status_code == 200
        client = await desk.registered()
        assert (await anext(stream)).data["clients"] == [client]


async def test_only_the_desk_listens() -> None:
    async with open_intake() as desk:
        for role in ("operator", "coordinator", "auditor"):
            assert (await desk.get("/stream", role=role)).status_code == 403
