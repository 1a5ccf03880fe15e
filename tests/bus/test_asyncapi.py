"""The description of what a service says on the bus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared.asyncapi import asyncapi_document
from shared.beats import Beat, Beats, Links
from shared.bus import make_broker
from shared.clock import SystemClock
from shared.contracts.placement import CONTRACTS, CapacityTold
from shared.envelope import Origin, to_headers
from tests.support.buses import row


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    broker = make_broker({"servers": ["nats://127.0.0.1:4222"]})

    async def own() -> Beat:
        return Beat.of(Origin("west", "placement", 1), {})

    Beats(broker, Links("west", ["west"]), "placement", own, SystemClock())
    return asyncapi_document(broker, CONTRACTS, site="west", service="placement", version="1.2.3")


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_it_is_asyncapi_3_and_plain_json(document: dict[str, Any]) -> None:
    assert document["asyncapi"].startswith("3.")
    assert document["info"] == {"title": "Plek placement at west", "version": "1.2.3"}
    assert json.loads(json.dumps(document)) == document


def test_every_told_event_has_a_channel_an_operation_and_its_schema(document: dict[str, Any]) -> None:
    for contract in CONTRACTS:
        channel = f"plek.west.{contract.log}.placement.{contract.type_name.split('.')[3]}"
        assert contract.type_name in document["channels"][channel]["messages"]
        assert document["operations"][channel]["action"] == "send"
        payload = document["components"]["messages"][contract.type_name]["payload"]
        schema = document["components"]["schemas"][payload["$ref"].rpartition("/")[2]]
        assert set(schema["properties"]) == set(contract.model_fields)
        assert schema["additionalProperties"] is False


def test_beats_are_said_and_heard_with_their_schema(document: dict[str, Any]) -> None:
    assert document["operations"]["beat.west.placement"]["action"] == "send"
    assert document["operations"]["beats"]["action"] == "receive"
    for message in ("beat.west.placement:Message", "beats:SubscribeMessage"):
        assert document["components"]["messages"][message]["payload"] == {"$ref": "#/components/schemas/Beat"}
    assert set(document["components"]["schemas"]["Beat"]["properties"]) == set(Beat.model_fields)


def test_the_described_headers_are_the_ones_that_are_sent(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["CloudEventsHeaders"]
    assert set(schema["properties"]) == set(to_headers(row(1)))
    headers = document["components"]["messages"][CapacityTold.type_name]["headers"]
    assert headers == {"$ref": "#/components/schemas/CloudEventsHeaders"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in set(references(document)):
        assert reference.startswith("#/")
        part = document
        for step in reference[2:].split("/"):
            part = part[step.replace("~1", "/").replace("~0", "~")]
