"""What a service says on the bus, described after AsyncAPI 3: FastStream's own channels and the events it tells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from faststream.specification import AsyncAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.beats import HEARD_SCHEMA, Beat
from shared.bus_connection import Broker
from shared.contracts.base import Contract
from shared.envelope import DATA_BYTES_MAX, Log

_SCHEMAS = "#/components/schemas/"
_WHO_HEARS: dict[Log, str] = {"pub": "every site", "loc": "the services of the same site"}


def asyncapi_document(
    broker: Broker, contracts: Iterable[type[Contract]], *, site: str, service: str, version: str
) -> dict[str, Any]:
    """The AsyncAPI 3 document of one service, ready for JSON.

    broker: the service's broker with everything declared on it; it need not be connected (`make_broker`).
    contracts: what the service tells. A contract's channel is the NATS subject it is published on, in the log's stream.
    """
    document: dict[str, Any] = (
        AsyncAPI(broker, title=f"Plek {service} at {site}", version=version, schema_version="3.0.0")
        .to_specification()
        .to_jsonable()
    )
    parts = document.setdefault("components", {})
    messages, schemas = parts.setdefault("messages", {}), parts.setdefault("schemas", {})
    told = tuple(contracts)
    models: list[tuple[type[BaseModel], Literal["validation"]]] = [(model, "validation") for model in told]
    payloads, definitions = models_json_schema([*models, (Beat, "validation")], ref_template=_SCHEMAS + "{model}")
    schemas |= definitions.get("$defs", {}) | {"CloudEventsHeaders": _headers_schema()}
    schemas.pop(HEARD_SCHEMA, None)
    for message in messages.values():
        if message.get("payload") == {"$ref": _SCHEMAS + HEARD_SCHEMA}:
            message["payload"] = dict(payloads[(Beat, "validation")])
    for contract in told:
        name = contract.type_name.split(".")[3]
        channel = f"plek.{site}.{contract.log}.{service}.{name}"
        messages[contract.type_name] = {
            "name": contract.type_name,
            "title": contract.__name__,
            "summary": (contract.__doc__ or "").strip().partition("\n")[0],
            "contentType": "application/json",
            "headers": {"$ref": _SCHEMAS + "CloudEventsHeaders"},
            "correlationId": {"location": "$message.header#/ce-correlationid"},
            "payload": dict(payloads[(contract, "validation")]),
        }
        told_here = document["channels"].setdefault(channel, _channel(channel, contract.log))
        told_here["messages"][contract.type_name] = {"$ref": f"#/components/messages/{contract.type_name}"}
        operation = document["operations"].setdefault(channel, _operation(channel))
        operation["messages"].append({"$ref": f"#/channels/{channel}/messages/{contract.type_name}"})
    return document


def _channel(address: str, log: Log) -> dict[str, Any]:
    return {
        "address": address,
        "description": f"Told to {_WHO_HEARS[log]}, kept in order and for good (JetStream).",
        "messages": {},
        "bindings": {"nats": {"subject": address, "bindingVersion": "custom"}},
    }


def _operation(channel: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "messages": []}


def _headers_schema() -> dict[str, Any]:
    """The CloudEvents attributes as `shared.envelope.to_headers` writes them."""
    text = {"type": "string"}
    uuid = {"type": "string", "format": "uuid"}
    moment = {"type": "string", "format": "date-time"}
    count = {"type": "string", "pattern": "^[1-9][0-9]*$"}
    properties = {
        "ce-specversion": {"const": "1.0"},
        "ce-id": uuid,
        "ce-source": text | {"description": "urn:nld:plek:<site>:<service>:<log>"},
        "ce-type": text,
        "ce-subject": text
        | {"maxLength": 200, "description": "What it is about, for example a location; never a person"},
        "ce-time": moment | {"description": "When it was recorded"},
        "ce-dataschema": {"type": "string", "format": "uri"},
        "ce-datacontenttype": {"const": "application/json"},
        "ce-sequence": count | {"description": "Its place in the log: 1, 2, 3 without a hole in each epoch"},
        "ce-sequencetype": {"const": "Integer"},
        "ce-epoch": count,
        "ce-correlationid": uuid,
        "ce-causationid": uuid,
        "ce-observedat": moment | {"description": "When somebody saw it, if not when it was recorded"},
        "ce-traceparent": text | {"description": "W3C trace context"},
    }
    optional = ("ce-observedat", "ce-traceparent")
    return {
        "type": "object",
        "description": "CloudEvents 1.0 attributes (NL GOV profile) in the NATS binding's binary mode. "
        f"The payload is at most {DATA_BYTES_MAX} bytes.",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
