"""A client's file as its events make it."""

from __future__ import annotations

from datetime import date, datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from services.intake import events as ev


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request. status: `waiting`, or `withdrawn` with its reason. version: of the file when it last moved."""

    id: str
    kinds: tuple[str, ...]
    features: tuple[str, ...]
    household_size: int
    not_at: tuple[str, ...]
    facts: str
    priority_band: int
    rules_version: int
    waiting_since: date
    opened_at: datetime
    status: str = "waiting"
    reason: str | None = None
    version: int = 0

    @property
    def open(self) -> bool:
        return self.status == "waiting"


class File(msgspec.Struct, frozen=True, gc=False):
    """card, personal: sealed, and empty once erased. active_at: when anything was last done with it by a person.

    last_read_id: so that one look that is recorded twice counts once. key_gone_at: when the vault destroyed the key.
    """

    id: str = ""
    card: str = ""
    personal: str | None = None
    registered_at: datetime | None = None
    active_at: datetime | None = None
    requests: dict[str, Request] = {}
    last_read_id: str = ""
    erased_at: datetime | None = None
    key_gone_at: datetime | None = None
    version: int = 0

    @property
    def open_requests(self) -> list[Request]:
        return [request for request in self.requests.values() if request.open]


def evolve(file: File, event: ev.ClientEvent) -> File:
    """The file after `event`."""
    version = file.version + 1
    match event:
        case ev.ClientRegistered():
            return File(event.client_id, event.card, event.personal, event.at, event.at, version=version)
        case ev.ClientCorrected():
            card = file.card if event.card is None else event.card
            personal = file.personal if event.personal is None else event.personal
            return replace(file, card=card, personal=personal, active_at=event.at, version=version)
        case ev.PersonalRead():
            return replace(file, last_read_id=event.read_id, active_at=event.at, version=version)
        case ev.RequestOpened():
            opened = Request(
                event.request_id, event.kinds, event.features, event.household_size, event.not_at, event.facts,
                event.priority_band, event.rules_version, event.waiting_since, event.at, version=version,
            )  # fmt: skip
            return _with(file, opened, version, event.at)
        case ev.RequestPrioritized():
            known = file.requests[event.request_id]
            moved = replace(
                known, facts=event.facts, priority_band=event.priority_band, rules_version=event.rules_version,
                version=version,
            )  # fmt: skip
            return _with(file, moved, version, None if event.by_rules else event.at)
        case ev.RequestWithdrawn():
            known = file.requests[event.request_id]
            ended = replace(known, status="withdrawn", reason=event.reason, facts="", version=version)
            return _with(file, ended, version, event.at)
        case ev.ClientErased():
            return replace(file, card="", personal=None, erased_at=event.at, version=version)
        case ev.KeyDestroyed():
            return replace(file, key_gone_at=event.destroyed_at, version=version)
        case _:
            assert_never(event)


def _with(file: File, request: Request, version: int, at: datetime | None) -> File:
    requests = file.requests | {request.id: request}
    return replace(file, requests=requests, active_at=at or file.active_at, version=version)
