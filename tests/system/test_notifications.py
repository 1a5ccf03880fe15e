"""Notifications on a real network, with a real SMTP server: the right words on a channel that is safe, to nobody who is
erased; and where somebody is reached is in the vault and in the message that went out, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.notifications.policy import quiet_until
from tests.support.mailbox import HOST, Mailbox, open_mailbox
from tests.support.network import Network, eventually, network_of, running_network
from tests.system.test_intake import lying_about

SERVICES = ("intake", "placement", "notifications", "console")
ADDRESS, LATE = "kanarie-adres@example.org", "kanarie-laat@example.org"
ASK = {"kinds": ["shelter_24h"]}


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    with open_mailbox(tmp_path_factory.mktemp("mail")) as opened:
        yield opened


@pytest.fixture(scope="module")
def network(mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("network")
    channels, file = folder / "channels.toml", folder / "network.toml"
    server = f'host = "{HOST}"\nport = {mailbox.port}\nca_file = "{mailbox.ca_file}"'
    channels.write_text(f'[email]\n{server}\nsender = "desk@west.example"\n')
    text = network_of("west", services=SERVICES).replace('link = "stad"', f'link = "stad"\nchannels = "{channels}"')
    file.write_text(text)
    with running_network(network=file) as started:
        yield started


async def register(desk: Any, language: str, channel: str, explicit: bool = True, **personal: str) -> str:
    body = {"alias": "kanarie-alias", "languages": [language], "contact": {"channel": channel, "explicit": explicit},
            "personal": personal}  # fmt: skip
    answer = await desk.post("/api/intake/clients", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def ask(desk: Any, client_id: str) -> str:
    answer = await desk.post(f"/api/intake/clients/{client_id}/requests", json=ASK)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def messages(desk: Any, recipient: str) -> list[dict[str, Any]]:
    answer = await desk.get("/api/notifications/messages", params={"recipient": recipient})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def become(desk: Any, recipient: str, *statuses: str) -> None:
    async def so() -> bool:
        return sorted(one["status"] for one in await messages(desk, recipient)) == sorted(statuses)

    await eventually(f"the messages to {recipient} are {statuses}", so)


def go_to(network: Network, *, night: bool) -> None:
    """Moves the network's clock to an hour at which messages wait, or do not."""
    ahead_seconds = httpx.get(f"{network.urls['west']}/healthz").json()["clock_offset_seconds"]
    now = datetime.now(UTC) + timedelta(seconds=ahead_seconds)
    ahead = 0
    while (quiet_until(now + timedelta(minutes=ahead)) is not None) != night:
        ahead += 15
    if ahead:
        done = network.plek("clock", "advance", f"{ahead + 15}m")
        assert done.returncode == 0, done.stderr
        network.sign_in_again()


async def test_a_story_in_arabic_by_mail_and_in_tigrinya_at_the_desk(network: Network, mailbox: Mailbox) -> None:
    go_to(network, night=False)
    async with network.client("west", "caseworker") as desk:
        amina = await register(desk, "ar", "email", contact_details=f"mail: {ADDRESS}")
        senait = await register(desk, "ti", "none")
        for client in (amina, senait):
            await ask(desk, client)
        await become(desk, amina, "sent")
        await become(desk, senait, "desk")
        [mail] = mailbox.to(ADDRESS)
        assert mail["Subject"] == "رسالة لك"
        text = mail.get_body(("plain",))
        assert text is not None
        assert "لقد طلبت مكانًا للإقامة" in text.get_content()
        assert "U hebt om een slaapplek gevraagd" in text.get_content()  # nobody has reviewed the Arabic yet
        assert text.get_content().startswith("هناك خبر لك")  # what a preview shows says nothing
        assert 'dir="rtl"' in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
        [told] = (await desk.get("/api/notifications/desk")).json()["items"]
        assert (told["recipient"], told["alias"], told["because"]) == (senait, "kanarie-alias", "channel-none")
        assert told["texts"][0]["language"] == "ti"
        assert "መንበሪ ቦታ ሓቲትኩም" in told["texts"][0]["text"]
        async with network.client("west") as operator:
            done = await operator.post(f"/api/notifications/messages/{told['id']}/told")
            assert done.status_code == 200, done.text
        await become(desk, senait, "delivered")
        reads = (await desk.get("/api/intake/personal-reads", params={"client_id": amina})).json()["items"]
        assert [(one["role"], one["purpose"]) for one in reads] == [("system", "contact")]
        assert (await desk.get("/api/intake/personal-reads", params={"client_id": senait})).json()["items"] == []
        assert lying_about(network.data, (ADDRESS, "kanarie-alias", "لقد طلبت", "መንበሪ")) == []
        assert mailbox.in_the_open == 0


async def test_a_client_who_did_not_choose_otherwise_gets_words_that_say_nothing(
    network: Network, mailbox: Mailbox
) -> None:
    go_to(network, night=False)
    async with network.client("west", "caseworker") as desk:
        address = "stil@example.org"
        client = await register(desk, "nl", "email", explicit=False, contact_details=address)
        await ask(desk, client)
        await become(desk, client, "sent")
        [mail] = mailbox.to(address)
        assert mail.get_body(("plain",)).get_content().strip() == "Er is nieuws voor u. Kom naar de balie of bel ons."  # type: ignore[union-attr]


async def test_what_waits_for_the_morning_does_not_go_to_whoever_is_erased_at_night(
    network: Network, mailbox: Mailbox
) -> None:
    go_to(network, night=True)
    async with network.client("west", "caseworker") as desk:
        client = await register(desk, "fr", "email", contact_details=LATE)
        await ask(desk, client)
        await become(desk, client, "queued")
        assert (await desk.post(f"/api/intake/clients/{client}/erase")).status_code == 200
        await become(desk, client, "suppressed")
    go_to(network, night=False)
    async with network.client("west", "caseworker") as desk:
        other = await register(desk, "en", "email", contact_details="after@example.org")
        await ask(desk, other)
        await become(desk, other, "sent")  # the morning has come, and whatever was due went out
        assert mailbox.to(LATE) == []
        assert lying_about(network.data, (LATE,)) == []


def test_the_folder_of_the_site_holds_no_text(network: Network) -> None:
    assert lying_about(Path(network.data), ("Er is nieuws voor u",)) == []
