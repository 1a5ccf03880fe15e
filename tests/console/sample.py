"""One told event of every type there is, and the messages they travel in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.contracts import hold_letters
from shared.contracts import placement as told
from shared.contracts.base import Contract, Draft, Letter, LetterBody
from shared.contracts.figures import CapacityRow, SessionSeats, SessionWeekRow
from shared.contracts.offer_letters import PlaceAnsweredBody, PlaceOfferedBody, StayToldBody
from shared.envelope import Log, Message, Origin, bus_subject, to_headers
from tests.support.letters import site_seals
from tests.support.memory_bus import MemoryBus

AT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)
WEST = Origin("west", "placement", 1)


def uid(number: int) -> str:
    """The id this number stands for."""
    return f"00000000-0000-4000-8000-{number:012d}"


PLACE, HOLD, STAY = uid(1), uid(2), uid(3)


def contracts() -> list[Contract]:
    """One of each."""
    row = CapacityRow(
        kind="shelter_24h", size_class="1", feature_class="", total=2, overflow=0, occupied=1, held=0, blocked=0,
        people=1, observed_at=AT,
    )  # fmt: skip
    here: dict[str, Any] = {"location": "west", "place_ids": (PLACE,), "at": AT}
    night: dict[str, Any] = {"location": "west", "programme": "1", "stays": ((STAY, PLACE),), "at": AT}
    return [
        told.CapacityTold(location="west", site="west", title="West", district="West", rows=(row,)),
        told.OfferModeTold(location="west", site="west", mode="ask"),
        told.PlacesOpened(**here, kind="shelter_24h", rooms=("1",), sleeps=1, features=("quiet",), overflow=False),
        told.PlacesBlocked(**here, reason="repair", until=None),
        told.PlacesUnblocked(**here),
        told.PlacesClosed(**here),
        told.PlaceHeld(**here, hold_id=HOLD, kind="shelter_24h", household_size=1, expires_at=AT),
        told.HoldEnded(**here, hold_id=HOLD, how="lapsed", stay_id=None),
        told.StayBegan(**here, stay_id=STAY, kind="shelter_24h", household_size=1, began_at=AT, hold_id=None),
        told.StayEnded(**here, stay_id=STAY, reason="moved_on", ended_at=AT),
        told.StaysBegan(**night, kind="shelter_24h", began_at=AT),
        told.StaysEnded(**night, reason="moved_on", ended_at=AT),
        told.StayMoved(**here, stay_id=STAY, kind="shelter_24h", moved_at=AT),
        told.StayCorrected(**here, stay_id=STAY, household_size=2, began_at=AT),
        told.StayResumed(**here, stay_id=STAY),
        told.HeadsCounted(
            location="west", count_id=uid(11), kind="shelter_24h", counted=2, expected=1, superseded=False,
            observed_at=AT, at=AT,
        ),
        told.EpochBegan(at=AT),
        told.SiteEpochBegan(at=AT),
        told.RegimeTold(
            regime_id=uid(9), site="stad", revision=1, name="Winter cold", kinds=("night_shelter",), starts_at=AT,
            ends_at=AT,
        ),
        told.SessionsTold(
            location="west",
            site="west",
            title="West",
            district="West",
            rows=(SessionSeats(kind="consultation", sessions=1, seats=5, booked=2),),
        ),
        told.SessionWeekTold(
            location="west",
            site="west",
            week=date(2026, 1, 5),
            rows=(
                SessionWeekRow(
                    kind="consultation", sessions=1, counted=1, booked=5, attended=4, full=1, wait_days=None
                ),
            ),
        ),
        told.QuestionTold(location="west", question_id=STAY, kind="shelter_24h", open=True, answer_by=AT, at=AT),
        *_letters(),
    ]  # fmt: skip


def _letters() -> list[Contract]:
    """One of each, as the log shows them: nobody but the addressee knows what is in them."""
    ask = hold_letters.HoldAskedBody(
        location="noord", kind="shelter_24h", household_size=1, features=(), hold_minutes=90, expires_at=AT
    )
    bodies: dict[type[Letter], LetterBody] = {
        told.HoldAsked: ask,
        told.HoldCalledOff: hold_letters.HoldCalledOffBody(location="noord", expires_at=AT),
        told.HoldAnswered: hold_letters.HoldAnsweredBody(status="active", code=None, expires_at=AT),
        told.PlaceOffered: PlaceOfferedBody(
            offered_for=STAY, location="west", kind="shelter_24h", sleeps=1, expires_at=AT
        ),
        told.PlaceAnswered: PlaceAnsweredBody(
            offered_for=STAY, word="open", reason=None, turn=0, number=1, expires_at=AT
        ),
        told.StayTold: StayToldBody(offered_for=STAY, number=1, lived=(("shelter_24h", AT),), ended_at=None),
    }
    west = site_seals(("west", "noord"))["west"]
    return [
        letter.model_validate_json(west.encode(Draft(letter, "noord", HOLD, body), HOLD) or b"")
        for letter, body in bodies.items()
    ]


def message(
    contract: Contract, sequence: int, *, log: Log | None = None, minutes: int = 0, origin: Origin = WEST, **more: Any
) -> Message:
    """An event in its envelope; `minutes` after `AT`."""
    number = {"pub": 10_000, "loc": 20_000}[log or contract.log] + sequence
    fields: dict[str, Any] = {
        "origin": origin,
        "log": log or contract.log,
        "sequence": sequence,
        "id": uid(number + origin.epoch * 100_000),
        "type": contract.type_name,
        "subject": "west",
        "time": AT + timedelta(minutes=minutes),
        "correlation_id": uid(7),
        "causation_id": uid(8),
        "data": contract.encode(),
    }
    return Message(**(fields | more))


def put(bus: MemoryBus, site: str, stream: str, told_event: Message, data: bytes | None = None) -> None:
    """Puts a message on a stream of a site; `data` instead of what it says."""
    body = told_event.data if data is None else data
    bus.put(site, stream, bus_subject(told_event), to_headers(told_event), body)
