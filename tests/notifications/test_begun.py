"""After an older backup of the database: what may have been sent since comes again marked, and none a third time."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from services.notifications.adapters import begun as adapter
from services.notifications.adapters.begun import KEPT, Begun, begun_of
from services.notifications.adapters.settings import ChannelSettings
from services.notifications.views import messages
from services.notifications.wording import REPEATED
from services.notifications.words import say
from tests.support.gateway import Gateway, open_gateway
from tests.support.intake_desk import IntakeDesk, open_intake
from tests.support.mailbox import Mailbox, open_mailbox
from tests.support.post_office import PostOffice, by_day, by_gateway, by_mail

REPEAT, NUMBER = say(REPEATED, "nl"), "+31 6 12345678"
TODAY = date(2026, 1, 20)
SENT = "55555555-5555-5555-8555-555555555555"


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    with open_mailbox(tmp_path_factory.mktemp("mail")) as opened:
        yield opened


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with open_gateway() as opened:
        yield opened


@pytest_asyncio.fixture
async def desk() -> AsyncIterator[IntakeDesk]:
    async with open_intake(clock=by_day()) as opened:
        yield opened


async def client_of(desk: IntakeDesk, channel: str, details: str) -> str:
    contact = {"channel": channel, "explicit": True}
    return await desk.registered(languages=["nl"], contact=contact, personal={"contact_details": details})


def said_in(mailbox: Mailbox, address: str) -> list[bool]:
    """Whether each mail to somebody says that it may have come before."""
    bodies = [mail.get_body(("plain",)) for mail in mailbox.to(address)]
    return [body is not None and REPEAT in body.get_content() for body in bodies]


async def test_what_was_sent_since_the_backup_comes_once_more_marked_and_what_was_not_comes_unmarked(
    desk: IntakeDesk, mailbox: Mailbox, gateway: Gateway, tmp_path: Path
) -> None:
    folder = tmp_path / "west.begun"
    settings = ChannelSettings(email=by_mail(mailbox).email, sms=by_gateway(gateway).sms)
    office = PostOffice(desk, settings, begun=folder)
    addresses = [f"{name}@restored.example" for name in ("before", "waited", "since", "never")]
    before, waited, since, never = [await client_of(desk, "email", address) for address in addresses]
    by_text = await client_of(desk, "sms", NUMBER)
    await office.choose(before, "a")
    await office.work()
    for client in (waited, by_text):  # chosen before the backup, sent after it
        await office.choose(client, "a")
    backup = office.disk.copy()
    await office.choose(since, "a")  # known to nobody but the folder
    await office.work()
    restored = PostOffice(desk, settings, backup, begun=folder)
    again = [await restored.choose(client, "a") for client in (since, never)]  # told once more by its own site's log
    await restored.work()
    assert [said_in(mailbox, address) for address in addresses] == [[False], [False, True], [False, True], [False]]
    assert (len(gateway.calls), len(gateway.taken)) == (2, 1), "the gateway has it once"
    assert not any(REPEAT in repr(call) for call in gateway.calls)
    rows = [(await restored.store.rows(messages, id=id_))[0] for id_ in again]
    assert [(row["status"], row["repeat"]) for row in rows] == [("sent", True), ("sent", False)]


async def test_put_back_twice_nobody_gets_it_unmarked(desk: IntakeDesk, mailbox: Mailbox, tmp_path: Path) -> None:
    address, folder = "twice@restored.example", tmp_path / "west.begun"
    office = PostOffice(desk, by_mail(mailbox), begun=folder)
    await office.choose(await client_of(desk, "email", address), "a")
    backup = office.disk.copy()
    await office.work()
    for _ in range(2):
        await PostOffice(desk, by_mail(mailbox), backup.copy(), begun=folder).work()
    assert said_in(mailbox, address) == [False, True, True]


async def test_what_cannot_be_noted_does_not_go_out(desk: IntakeDesk, mailbox: Mailbox, tmp_path: Path) -> None:
    address, folder = "unnoted@restored.example", tmp_path / "west.begun"
    folder.write_text("where the folder should be")
    office = PostOffice(desk, by_mail(mailbox), begun=folder)
    message_id = await office.choose(await client_of(desk, "email", address), "a")
    await office.work()
    [row] = await office.store.rows(messages, id=message_id)
    assert (row["status"], row["because"]) == ("failed", "attempt-not-noted")
    assert said_in(mailbox, address) == []
    folder.unlink()
    await office.work_on(1)
    assert said_in(mailbox, address) == [False]


def test_an_attempt_is_known_by_its_number_and_for_two_weeks(tmp_path: Path) -> None:
    first = Begun(tmp_path / "begun")
    first.note(SENT, 1, "email", TODAY)
    first.note(SENT, 2, "sms", TODAY)
    for known in (first, Begun(tmp_path / "begun")):
        assert [known.on(SENT, attempt) for attempt in (1, 2, 3)] == ["sms", "sms", ""]
        assert known.on("another", 1) == ""
    later = Begun(tmp_path / "begun")
    later.note("another", 1, "email", TODAY + KEPT + timedelta(days=1))
    later.close()
    assert Begun(tmp_path / "begun").on(SENT, 1) == ""
    first.close()


def test_a_torn_line_and_what_is_none_of_it_hide_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "begun"
    folder.mkdir()
    (folder / TODAY.isoformat()).write_bytes(b"\nhalf a li\xff\n" + f"{SENT} 1 email\n{SENT[:9]}".encode())
    (folder / "notes.txt").write_text(f"{SENT} 9 email")
    known = Begun(folder)
    assert (known.on(SENT, 1), known.on(SENT, 2)) == ("email", "")
    known.note("another", 1, "sms", TODAY)
    known.close()
    assert Begun(folder).on("another", 1) == "sms"


def test_a_line_of_which_the_disk_took_a_part_is_not_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is nearly full fails only at the next line: this message would go out unmarked after a backup."""
    begun, write = Begun(tmp_path / "begun"), os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, line: write(file, line[:20]))
        with pytest.raises(OSError, match="a part"):
            begun.note(SENT, 1, "email", TODAY)
    begun.note("another", 1, "email", TODAY)
    begun.close()
    known = Begun(tmp_path / "begun")
    assert (known.on(SENT, 1), known.on("another", 1)) == ("", "email")


def test_the_newest_are_known_and_no_more_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "MESSAGES_MAX", 2)
    known = Begun()
    for message_id in ("a", "b", "a", "c"):
        known.note(message_id, 1, "email", TODAY)
    assert [known.on(message_id, 1) for message_id in ("a", "b", "c")] == ["email", "", "email"]


def test_a_site_without_a_vault_names_its_folder_among_its_channels(tmp_path: Path) -> None:
    settings = ChannelSettings(begun=tmp_path / "here")
    noted = begun_of(None, settings)
    noted.note(SENT, 1, "webhook", TODAY)
    noted.close()
    assert begun_of(None, settings).on(SENT, 1) == "webhook"
    assert begun_of(None, ChannelSettings()).on(SENT, 1) == ""
