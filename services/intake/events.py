"""What happened to one client's file: the private events of the intake service.

Whatever describes the person is sealed (`shared/vault.py`): `card` is what the desk works with (alias, languages,
household, needs, contact), `personal` what only a purpose opens (name, birth date, contact details, notes), `facts`
what gave a request its priority. Without the client's key all three mean nothing; the rest says that somebody asked for
a place, and when, and stays when the key is gone.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeAlias, get_args

from services.intake.events_alias import AliasEvent
from services.intake.events_flows import FlowEvent
from services.intake.events_guidance import GuidanceEvent
from services.intake.events_handover import HandOverEvent
from services.intake.events_offers import OfferEvent
from shared.kernel import Codec, Event


class ClientRegistered(Event, frozen=True, tag="client-registered.v1"):
    """There is a file. personal: None when nothing personal was given."""

    client_id: str
    card: str
    personal: str | None
    at: datetime


class ClientCorrected(Event, frozen=True, tag="client-corrected.v1"):
    """What the file said was wrong, or is no longer so; None leaves a part as it was. reason: a word of the list."""

    client_id: str
    reason: str
    card: str | None
    personal: str | None
    at: datetime


class PersonalRead(Event, frozen=True, tag="personal-read.v1"):
    """Somebody of this role opened what is personal, for this purpose."""

    client_id: str
    read_id: str
    purpose: str
    role: str
    at: datetime
    in_list: bool = False


class RequestOpened(Event, frozen=True, tag="request-opened.v1"):
    """The client asks for a place of one of these kinds, the most wanted first.

    request_id: random, and all that leaves the site. facts: sealed; the band follows from them under the rules of
    `rules_version`. counted: it came from another desk, where it is no need any more that could count as not met.
    """

    client_id: str
    request_id: str
    kinds: tuple[str, ...]
    features: tuple[str, ...]
    household_size: int
    not_at: tuple[str, ...]
    facts: str
    priority_band: int
    rules_version: int
    waiting_since: date
    at: datetime
    counted: bool = False


class RequestPrioritized(Event, frozen=True, tag="request-prioritized.v1"):
    """Other facts, or other rules (`by_rules`: nobody touched the file); the request waits since when it did."""

    client_id: str
    request_id: str
    facts: str
    priority_band: int
    rules_version: int
    at: datetime
    by_rules: bool = False


class RequestWithdrawn(Event, frozen=True, tag="request-withdrawn.v1"):
    """The client asks no longer; the reason is a word of the list."""

    client_id: str
    request_id: str
    reason: str
    at: datetime


class RequestUnmet(Event, frozen=True, tag="request-unmet.v1"):
    """Nothing was found for this request: it counts once as a need that was not met, of the week this was said in.

    district: where somebody looked for it, or `anywhere`.
    """

    client_id: str
    request_id: str
    district: str
    at: datetime


class ClientErased(Event, frozen=True, tag="client-erased.v1"):
    """From now on nobody may read this file; its key goes right after. because: who wanted it."""

    client_id: str
    because: str
    at: datetime


class KeyDestroyed(Event, frozen=True, tag="key-destroyed.v1"):
    """The key of an erased file is gone since `destroyed_at`."""

    client_id: str
    destroyed_at: datetime
    at: datetime


FileEvent: TypeAlias = (
    ClientRegistered
    | ClientCorrected
    | PersonalRead
    | RequestOpened
    | RequestPrioritized
    | RequestWithdrawn
    | RequestUnmet
    | ClientErased
    | KeyDestroyed
    | GuidanceEvent
    | HandOverEvent
    | FlowEvent
    | AliasEvent
)
"""What happens at the desk."""

ClientEvent: TypeAlias = FileEvent | OfferEvent

CODEC: Codec[ClientEvent] = Codec(get_args(ClientEvent))
"""Reads and writes the events of a file. A changed event is a new class with its upcaster directly under it."""


class RetentionDone(Event, frozen=True, tag="retention-done.v1"):
    """The files nobody used for `retention_days` were looked for, and so many erased; also when there were none."""

    site: str
    day: date
    retention_days: int
    erased: int
    at: datetime
    again_at: datetime


RETENTION_CODEC: Codec[RetentionDone] = Codec((RetentionDone,))
