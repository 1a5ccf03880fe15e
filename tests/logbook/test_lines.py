"""A line for every processing of a person's data, one to one, whatever dies in between, in the fields the standard asks
for (Logboek Dataverwerkingen, Logius: components Logboek and Applicatie).
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from pydantic import ValidationError

from services.intake.api import CONSULTATION
from services.intake.api_checks import LIKENESS
from services.intake.app_keeper import PLACING
from services.intake.app_logbook import ACTIVITIES, concerns_of
from services.intake.app_weeks import STATISTICS
from shared import metrics
from shared.contracts.activities import URI, register
from shared.envelope import Recorded
from shared.logbook import (
    Concern,
    Courier,
    Line,
    LogbookAway,
    OtlpLogbook,
    Subjects,
    openings,
    otlp,
    span_of,
)
from shared.ports import StoreUnavailable
from shared.settings import LogbookSettings
from tests.support.border import SITE
from tests.support.intake_desk import IntakeDesk, open_intake
from tests.support.memory_keys import MemoryKeys
from tests.support.memory_store import Disk, MemoryStore

SUBJECTS = Subjects(bytes(range(64)), SITE)
PERSON: dict[str, Any] = {"alias": "Zilver", "personal": {"name": "Anna Zilver", "contact_details": "anna@example.org"}}


class Trial:
    """A logbook that loses what it is told, or that it has heard, and keeps each line once."""

    def __init__(self, chance: random.Random, trouble: float) -> None:
        self._chance, self.trouble, self.kept = chance, trouble, dict[str, Line]()
        self.written = 0

    async def write(self, lines: Sequence[Line]) -> None:
        if self._chance.random() < self.trouble:
            raise LogbookAway("it did not hear")
        for line in lines:
            assert self.kept.setdefault(line.span_id, line) == line, "a line that is sent again says the same"
        self.written += len(lines)
        if self._chance.random() < self.trouble:
            raise LogbookAway("nobody heard that it did")


def courier(desk: IntakeDesk, logbook: Trial, store: MemoryStore | None = None) -> Courier:
    return Courier(store or desk.store, desk.clock, logbook, SUBJECTS, concerns_of(desk.store), rows=True)


async def carried(desk: IntakeDesk) -> list[Line]:
    """Everything there is for the logbook, in the order in which it was sent."""
    logbook = Trial(random.Random(0), 0.0)
    sending = courier(desk, logbook)
    while await sending.carry():
        pass
    return list(logbook.kept.values())


def of(lines: Sequence[Line]) -> list[tuple[str, str]]:
    """What was done with whom."""
    return [(line.activity.rpartition(":")[2], SUBJECTS.find(line.subject)) for line in lines]


async def test_what_is_done_with_a_file_and_who_looks_into_it_is_a_line_each() -> None:
    async with open_intake() as desk:
        anna, omar = await desk.registered(**PERSON), await desk.registered(alias="Omar")
        done = [("registration-v1", anna), ("registration-v1", omar)]
        assert of(await carried(desk)) == done
        await desk.get(f"/clients/{anna}")
        await desk.post(f"/clients/{anna}/read-personal", {"purpose": "contact"})
        await desk.get("/clients")
        looked = of(await carried(desk))
        assert sorted(looked) == sorted(
            [("personal-v1", anna), (CONSULTATION, anna), (CONSULTATION, anna), (CONSULTATION, omar)]
        )


async def test_whoever_is_compared_with_somebody_has_a_line_though_nothing_is_shown_of_them() -> None:
    async with open_intake() as desk:
        anna = await desk.registered(**PERSON)
        omar = await desk.registered(personal={"name": "Omar Haddad"})
        await desk.registered(alias="Nameless")
        await carried(desk)
        before = set(_rows(desk.disk))
        answer = await desk.post(f"/clients/{anna}/look-alikes", {})
        assert answer.json()["maybe_known"] == []
        rows = [row for key, row in _rows(desk.disk).items() if key not in before]
        assert [(row[1], row[2], row[3]) for row in rows] == [(omar, LIKENESS, "caseworker")]


async def test_what_is_opened_to_be_counted_has_a_line() -> None:
    async with open_intake() as desk:
        anna = await desk.registered(**PERSON)
        started = await desk.post(f"/clients/{anna}/trajectories", {"goals": ["a home"]})
        path = f"/clients/{anna}/trajectories/{started.json()['id']}/end"
        ended = await desk.post(path, {"outcome": "durable", "kind": "legal_stay"})
        assert ended.status_code == 200, ended.text
        before = set(_rows(desk.disk))
        desk.clock.ahead += timedelta(days=8)
        await desk.fire_due()
        rows = [row for key, row in _rows(desk.disk).items() if key not in before]
        assert [(row[1], row[2], row[3]) for row in rows] == [(anna, STATISTICS, "system")]


async def test_nothing_is_answered_when_it_cannot_be_written_down() -> None:
    async with open_intake() as desk:
        anna = await desk.registered(**PERSON)

        async def full(what: str) -> None:
            if what == "append":
                raise StoreUnavailable("the disk is full")

        desk.store.hook = full
        answer = await desk.get(f"/clients/{anna}")
        assert answer.status_code == 503
        assert "Zilver" not in answer.text


async def test_a_client_is_told_who_looked_when_and_why_also_after_erasure() -> None:
    async with open_intake() as desk:
        anna = await desk.registered(**PERSON)
        await desk.get(f"/clients/{anna}")
        await desk.post(f"/clients/{anna}/read-personal", {"purpose": "contact"})
        told = (await desk.get(f"/clients/{anna}/looks", role="auditor")).json()
        assert sorted((look["role"], look["why"]) for look in told["looks"]) == [
            ("caseworker", "consultation-v1"), ("caseworker", "contact"),
        ]  # fmt: skip
        await desk.post(f"/clients/{anna}/erase", {})
        after = await desk.get(f"/clients/{anna}/looks")
        assert after.json()["looks"] == told["looks"]
        assert "Zilver" not in after.text
        assert (await desk.get(f"/clients/{anna}/looks", role="oncall")).status_code == 403


class Doom:
    """A process that dies after so many steps: from then on nothing of it reaches the disk, or comes back from it."""

    def __init__(self, chance: random.Random) -> None:
        self._left = chance.randint(5, 90)

    async def step(self, _: str) -> None:
        self._left -= 1
        if self._left <= 0:
            raise StoreUnavailable("the process died")


class Watched:
    """What a vault has opened since it was asked last."""

    def __init__(self, desk: IntakeDesk) -> None:
        self._unseal, self.opened = desk.vault.unseal, set[str]()
        desk.vault.unseal = self._noting  # type: ignore[method-assign]

    async def _noting(self, key_id: str, name: str, sealed: str) -> bytes:
        text = await self._unseal(key_id, name, sealed)
        self.opened.add(key_id)
        return text


@pytest.mark.parametrize("seed", range(12))
async def test_lines_and_processing_are_one_to_one_whatever_dies(seed: int) -> None:
    """What was done is judged by what the vault opened and the store has; what is said of it by what came out."""
    chance, clients = random.Random(seed), list[str]()
    disk, keys, logbook = Disk(), MemoryKeys(), Trial(chance, 0.3)
    for _ in range(8):  # lives of the process
        async with open_intake(disk, keys) as desk:
            desk.store.hook, watched = Doom(chance).step, Watched(desk)
            for _ in range(10):
                watched.opened.clear()
                events, rows = len(disk.events), set(_rows(disk))
                answer = await something(desk, chance, clients)
                new = [_rows(disk)[key] for key in _rows(disk).keys() - rows]
                said = [row[1] for row in new]
                done = {one.subject for one in await concerned(disk, disk.events[events:])}
                assert len(said) == len(set(said)), "one answer, one line a person"
                assert set(said) <= watched.opened, "a line of what nobody opened"
                if answer.status_code < 500:
                    assert watched.opened <= {*said, *done}, "opened, and nobody says so"
                if chance.random() < 0.4:
                    with suppress(LogbookAway, StoreUnavailable):
                        await courier(desk, logbook).carry()
    logbook.trouble = 0.0
    async with open_intake(disk, keys) as desk:
        while await courier(desk, logbook).carry():
            pass
    concerns = concerns_of(MemoryStore(disk, SITE, "intake"))
    stored = {span_of(event.id, one.subject) for event in disk.events for one in await concerns(event)}
    assert logbook.kept.keys() == stored | {span_of(str(key[0])) for key in _rows(disk)}
    assert logbook.written > len(logbook.kept) > 10, "some were sent twice, and kept once"


async def concerned(disk: Disk, events: Sequence[Recorded]) -> list[Concern]:
    """Whom these events concern."""
    concerns = concerns_of(MemoryStore(disk, SITE, "intake"))
    return [one for event in events for one in await concerns(event)]


def _rows(disk: Disk) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    return disk.tables.get(openings.name, {})


async def something(desk: IntakeDesk, chance: random.Random, clients: list[str]) -> httpx.Response:
    """What a desk does all day."""
    if not clients or chance.random() < 0.2:
        name = chance.choice(["Anna Zilver", "Oksana Shevchenko"])
        answer = await desk.post("/clients", PERSON | {"personal": {"name": name, "birth_date": "1990-05-06"}})
        if answer.status_code == 201:
            clients.append(answer.json()["id"])
        return answer
    client = chance.choice(clients)
    match chance.randrange(7):
        case 0:
            return await desk.get("/clients")
        case 1:
            return await desk.get(f"/clients/{client}")
        case 2:
            return await desk.post(f"/clients/{client}/read-personal", {"purpose": "contact"})
        case 3:
            return await desk.post(f"/clients/{client}/look-alikes", {})
        case 4:
            return await desk.post(f"/clients/{client}/correct", {"reason": "news", "alias": f"new {chance.random()}"})
        case 5:
            body = {"kinds": ["shelter_24h"], "priority_facts": ["medical"]}
            return await desk.post(f"/clients/{client}/requests", body)
        case _:
            return await desk.post(f"/clients/{client}/erase", {})


async def test_how_long_lines_wait_for_the_logbook_can_be_seen() -> None:
    def waited() -> float:
        return metrics.REGISTRY.get_sample_value("plek_logbook_waiting_seconds", {"service": "intake"}) or 0.0

    class Days:
        """Time passes only while the courier rests, ten minutes each time; then it is looked how long lines wait."""

        def __init__(self) -> None:
            self.at, self.seen = 0.0, list[float]()

        def monotonic(self) -> float:
            return self.at

        def now(self) -> datetime:
            return desk.clock.now()

        async def sleep(self, seconds: float) -> None:
            self.at += 600
            self.seen.append(waited())
            assert sending.waiting_seconds == self.seen[-1]
            if len(self.seen) == 3:
                logbook.trouble = 0.0
            if len(self.seen) == 4:
                raise asyncio.CancelledError

    async with open_intake() as desk:
        await desk.registered(**PERSON)
        logbook, days = Trial(random.Random(0), 1.0), Days()

        async def at_once(*_: Any) -> None:
            pass

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(desk.store.appended, "wait_at_most", at_once)
            sending = Courier(desk.store, days, logbook, SUBJECTS, concerns_of(desk.store), rows=True)
            with pytest.raises(asyncio.CancelledError):
                await sending.run()
        assert days.seen == [0.0, 600.0, 1200.0, 0.0]
        assert logbook.kept


# --- the standard's field rules ---------------------------------------------------------------------------------------

DPL = {"dpl.core.processing_activity_id", "dpl.core.data_subject_id", "dpl.core.data_subject_id_type"}


async def test_every_line_passes_the_field_rules() -> None:
    """trace_id 16 bytes, span_id 8 bytes and no two alike, status of three, a name, times in milliseconds, an activity
    of the register, one subject, encrypted, of a named kind, and nothing beside what the standard has."""
    async with open_intake() as desk:
        chance, clients = random.Random(1), list[str]()
        for _ in range(60):
            await something(desk, chance, clients)
        lines = await carried(desk)
    sent = msgspec.json.decode(otlp(lines, SITE, "intake"))
    [scope] = sent["resourceSpans"][0]["scopeSpans"]
    assert len(scope["spans"]) == len(lines) > 60
    assert len({span["spanId"] for span in scope["spans"]}) == len(lines)
    for span in scope["spans"]:
        assert re.fullmatch(r"[0-9a-f]{32}", span["traceId"])
        assert set(span["traceId"]) != {"0"}
        assert re.fullmatch(r"[0-9a-f]{16}", span["spanId"])
        assert re.fullmatch(r"[0-9a-f]{16}", span.get("parentSpanId", "0" * 16))
        assert span["status"]["code"] in (0, 1, 2)
        assert span["name"]
        began, ended = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        assert 0 < began <= ended
        assert (began % 1_000_000, ended % 1_000_000) == (0, 0)
        given = {each["key"]: each["value"]["stringValue"] for each in span["attributes"]}
        assert given.keys() == DPL
        activity = given["dpl.core.processing_activity_id"]
        assert activity in {URI.format(id=id_) for id_ in register()}
        hidden = given["dpl.core.data_subject_id"]
        assert SUBJECTS.find(hidden) in clients
        assert not any(client in str(span) for client in clients)
        assert given["dpl.core.data_subject_id_type"] == f"urn:nld:plek:{SITE}:client"


async def test_a_line_keeps_the_trace_of_whoever_asked() -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    async with open_intake() as desk:
        anna = await desk.registered(**PERSON)
        await desk.get(f"/clients/{anna}", traceparent=f"00-{trace}-{parent}-01")
        [_, looked] = await carried(desk)
    assert looked.trace_id == trace
    assert looked.parent_id not in (None, parent)  # our own span of the request lies between


def test_an_id_is_hidden_from_whoever_has_no_key_and_looks_the_same_every_time() -> None:
    hidden = SUBJECTS.hide("a")
    assert hidden == SUBJECTS.hide("a") != SUBJECTS.hide("b")
    assert SUBJECTS.find(hidden) == "a"
    for other in (Subjects(bytes(64), SITE), Subjects(bytes(range(64)), "noord")):
        with pytest.raises(ValueError, match="not hidden with this key"):
            other.find(hidden)


def test_every_event_of_a_file_has_its_entry_in_the_register() -> None:
    assert set(ACTIVITIES.values()) | {CONSULTATION, LIKENESS, PLACING, STATISTICS} <= register().keys()


REGISTERED = {
    "registration-v1": "58ff39d207df",
    "consultation-v1": "a5d6e2382fe6",
    "likeness-v1": "1865b913fa62",
    "statistics-v1": "3c509d02af18",
    "personal-v1": "c3a7e7f9ae78",
    "request-v1": "5a074ecb0626",
    "guidance-v1": "627e603005a1",
    "hand-over-v1": "1159f25410e8",
    "erasure-v1": "88c3a50d6de1",
    "allowance-v1": "15ec041e82a7",
    "messages-v1": "c46a19407f4a",
    "alias-v1": "0a92607ea4fd",
}


def test_an_entry_that_changes_gets_a_new_id() -> None:
    """Component Register: a line refers to one version of an activity. Whoever changes a text here adds an entry."""
    found = {
        id_: hashlib.blake2b(msgspec.json.encode(entry), digest_size=6).hexdigest() for id_, entry in register().items()
    }
    assert found == REGISTERED


# --- over OTLP --------------------------------------------------------------------------------------------------------

LINE = Line("4" * 32, "5" * 16, None, "file opened", "Unset", 1, 2, URI.format(id=CONSULTATION), "ab", "urn:x")


def answering_with(status: int, body: bytes = b"{}") -> tuple[OtlpLogbook, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, content=body)

    return OtlpLogbook("http://127.0.0.1:4318/", SITE, "intake", httpx.MockTransport(answer)), seen


async def test_lines_go_where_otlp_goes_and_are_acknowledged() -> None:
    logbook, seen = answering_with(200)
    await logbook.write([LINE])
    assert [(one.url.path, one.headers["content-type"]) for one in seen] == [("/v1/traces", "application/json")]


@pytest.mark.parametrize(
    ("status", "body"),
    [(503, b"{}"), (400, b"{}"), (202, b"{}"), (200, b"no"), (200, b"[]"),
     (200, b'{"partialSuccess": {"rejectedSpans": "1"}}')],
)  # fmt: skip
async def test_what_is_no_acknowledgement_is_none(status: int, body: bytes) -> None:
    logbook, _ = answering_with(status, body)
    with pytest.raises(LogbookAway):
        await logbook.write([LINE])


def test_a_logbook_elsewhere_is_spoken_to_over_tls() -> None:
    assert LogbookSettings(endpoint="https://logboek.example", key=Path("k")).endpoint
    assert LogbookSettings(endpoint="http://127.0.0.1:4318", key=Path("k")).endpoint
    with pytest.raises(ValidationError, match="over https"):
        LogbookSettings(endpoint="http://logboek.example", key=Path("k"))
