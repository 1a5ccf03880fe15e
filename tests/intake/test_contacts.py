"""Where a client is reached: what intake answers, and what it writes down first."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.intake.app_contacts import GONE, SHUT, Contacts
from services.intake.file import address_for
from shared.contracts.contact import ContactAnswered, ContactAsked
from tests.support.intake_desk import IntakeDesk, open_intake

READ = "44444444-4444-4444-8444-444444444444"
ADDRESS = "anna@example.org"
WHOLE = {
    "alias": "amber fox 1", "languages": ["ti", "nl"], "contact": {"channel": "email", "explicit": True},
    "personal": {"name": "Anna", "contact_details": f"mail {ADDRESS}, niet bellen"},
}  # fmt: skip


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[IntakeDesk]:
    async with open_intake() as opened:
        yield opened


def contacts(desk: IntakeDesk) -> Contacts:
    return Contacts(desk.intake.handler, desk.vault, desk.clock, desk.openings)


async def reads(desk: IntakeDesk) -> list[tuple[str, str]]:
    return [(one["role"], one["purpose"]) for one in (await desk.get("/personal-reads")).json()["items"]]


async def test_how_is_answered_without_a_look_at_what_is_personal(desk: IntakeDesk) -> None:
    client = await desk.registered(**WHOLE)
    answer = await contacts(desk).answer(ContactAsked(client, READ))
    assert answer == ContactAnswered("known", "email", True, ("ti", "nl"), "amber fox 1", None)
    assert await reads(desk) == []


async def test_where_is_answered_once_it_is_written_down(desk: IntakeDesk) -> None:
    client = await desk.registered(**WHOLE)
    for _ in range(2):  # an answer that was lost is asked for again: that is one look
        answer = await contacts(desk).answer(ContactAsked(client, READ, ("email",)))
        assert answer.address == ADDRESS
    assert await reads(desk) == [("system", "contact")]
    row = (await desk.get(f"/clients/{client}")).json()
    assert row["active_at"] == row["registered_at"]


async def test_an_address_for_another_channel_than_the_clients_is_not_opened(desk: IntakeDesk) -> None:
    client = await desk.registered(**WHOLE)
    answer = await contacts(desk).answer(ContactAsked(client, READ, ("sms",)))
    assert (answer.channel, answer.address) == ("email", None)
    assert await reads(desk) == []


async def test_of_whoever_is_erased_or_never_was_nothing_is_known(desk: IntakeDesk) -> None:
    client = await desk.registered(**WHOLE)
    assert (await desk.post(f"/clients/{client}/erase")).status_code == 200
    for who in (client, READ, "x"):
        assert await contacts(desk).answer(ContactAsked(who, READ, ("email",))) == GONE


async def test_a_key_that_is_destroyed_in_that_moment_is_gone_and_one_that_is_missing_is_not(desk: IntakeDesk) -> None:
    client, other = await desk.registered(**WHOLE), await desk.registered(**WHOLE)
    await desk.vault.remove(other)
    assert await contacts(desk).answer(ContactAsked(other, READ, ("email",))) == SHUT
    await desk.vault.destroy(client, desk.clock.now())
    assert await contacts(desk).answer(ContactAsked(client, READ, ("email",))) == GONE


@pytest.mark.parametrize(
    ("channel", "details", "address"),
    [
        ("email", "anna@example.org", "anna@example.org"),
        ("email", "schrijf naar <anna.b+plek@sub.example.org>.", "anna.b+plek@sub.example.org"),
        ("email", "anna@example.org of bo@example.org", None),
        ("email", "anna@example.org anna@example.org", "anna@example.org"),
        ("email", "anna@localhost", None),
        ("email", ".anna@example.org", None),
        ("email", "anna..b@example.org", None),
        ("email", "anna@example.org\nBcc: bo@example", None),
        ("email", "tel 0612345678", None),
        ("sms", "+31 6 12 34 56 78", "+31612345678"),
        ("sms", "bel (+44) of +251-911-234567", "+251911234567"),
        ("sms", "0612345678", None),
        ("sms", "+31612345678 / +31687654321", None),
        ("sms", "+31 (0)6 12345678", "+31612345678"),
        ("sms", "+31612345678 0687654321", None),
        ("sms", "+31612345678 12", None),
        ("chat", "WhatsApp +251-911-234567", "+251911234567"),
        ("chat", "0612345678", None),
        ("sms", "+32470123456 0687654321", None),
        ("phone", "+31612345678", None),
        ("none", "anna@example.org", None),
    ],
)
def test_an_address_is_never_guessed(channel: str, details: str, address: str | None) -> None:
    assert address_for(channel, details) == address
