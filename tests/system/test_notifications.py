"""Notifications on a real network, with a real SMTP server: the right words on a channel that is safe, to nobody who is
erased; and where somebody is reached is in the vault and in the message that went out, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from babel.dates import format_datetime

from services.notifications.policy import CITY_ZONE, quiet_until
from services.notifications.policy_appointments import reminded_at
from tests.support.mailbox import HOST, Mailbox, open_mailbox
from tests.support.network import Network, eventually, network_of, running_network
from tests.system.test_intake import lying_about

SERVICES = ("intake", "placement", "notifications", "console")
ADDRESS, LATE, EXPECTED = "kanarie-adres@example.org", "kanarie-laat@example.org", "kanarie-afspraak@example.org"
KIND = "medical_respite"
"""What only the story asks for: the others' requests wait before it, or after."""
SLOWLY = 90.0


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


async def ask(desk: Any, client_id: str, kind: str = "shelter_24h") -> str:
    answer = await desk.post(f"/api/intake/clients/{client_id}/requests", json={"kinds": [kind]})
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


async def moment(network: Network, ahead: timedelta) -> datetime:
    """A moment after the network's now."""
    async with httpx.AsyncClient(timeout=60) as client:
        answer = (await client.get(f"{network.urls['west']}/healthz")).json()
    return datetime.now(UTC) + timedelta(seconds=answer["clock_offset_seconds"]) + ahead


def go_to(network: Network, *, night: bool) -> None:
    """Moves the network's clock to an hour at which messages wait, or do not."""
    ahead_seconds = httpx.get(f"{network.urls['west']}/healthz", timeout=60).json()["clock_offset_seconds"]
    now = datetime.now(UTC) + timedelta(seconds=ahead_seconds)
    ahead = 0
    while (quiet_until(now + timedelta(minutes=ahead)) is not None) != night:
        ahead += 15
    if ahead:
        done = network.plek("clock", "advance", f"{ahead + 15}m")
        assert done.returncode == 0, done.stderr
        network.sign_in_again()


def said_in(mail: EmailMessage) -> str:
    """The plain text of a mail."""
    text = mail.get_body(("plain",))
    assert text is not None
    return str(text.get_content())


async def offered(desk: Any, request_id: str) -> str:
    """The offer that waits for an answer to a request."""

    async def there() -> bool:
        return bool((await desk.get(f"/api/intake/requests/{request_id}")).json()["status"] == "offered")

    await eventually("an offer", there, SLOWLY)
    [offer] = (await desk.get(f"/api/intake/requests/{request_id}")).json()["offers"]
    return str(offer["id"])


async def become_of(desk: Any, recipient: str, wanted: dict[str, str]) -> None:
    """Waits until exactly these templates have become this."""

    async def so() -> bool:
        items = await messages(desk, recipient)
        return len(items) == len(wanted) and {one["template"]: one["status"] for one in items} == wanted

    await eventually(f"{recipient} is told {wanted}", so, SLOWLY)


async def test_from_offer_to_place_in_arabic_by_mail_and_in_tigrinya_at_the_desk(
    network: Network, mailbox: Mailbox
) -> None:
    go_to(network, night=False)
    async with network.client("west", "caseworker") as desk, network.client("west") as operator:
        amina = await register(desk, "ar", "email", contact_details=f"mail: {ADDRESS}")
        senait = await register(desk, "ti", "none")
        requests = [await ask(desk, client, KIND) for client in (amina, senait)]
        await become(desk, amina, "sent")
        await become(desk, senait, "desk")
        places = {"location": "west", "kind": KIND, "room": "1", "sleeps": 1, "count": 2}
        assert (await operator.post("/api/placement/places", json=places)).status_code == 201
        offers = [await offered(desk, request) for request in requests]
        waits = {"request_noted": "sent", "offer_waiting": "chosen", "offer_lapsing": "chosen"}
        await become_of(desk, amina, waits)
    assert network.plek("clock", "advance", "1m").returncode == 0
    network.sign_in_again()
    async with network.client("west", "caseworker") as desk, network.client("west") as operator:
        await become_of(desk, amina, waits | {"offer_waiting": "sent"})
        await become_of(desk, senait, {"request_noted": "desk", "offer_waiting": "desk", "offer_lapsing": "chosen"})
        codes = []
        for client, offer in ((amina, offers[0]), (senait, offers[1])):
            expected = {"expected_by": (await moment(network, timedelta(hours=4))).isoformat()}
            taken = await desk.post(f"/api/intake/clients/{client}/offers/{offer}/accept", json=expected)
            assert taken.status_code == 200, taken.text
            codes.append(taken.json()["arrival_code"])
        over = {"request_noted": "sent", "offer_waiting": "sent", "offer_lapsing": "suppressed"}
        await become_of(desk, amina, over | {"offer_confirmed": "sent"})
        at_desk = {"request_noted": "desk", "offer_waiting": "suppressed", "offer_lapsing": "suppressed"}
        await become_of(desk, senait, at_desk | {"offer_confirmed": "desk"})
        await by_mail_in_arabic(network, desk, mailbox, amina)
        await at_the_desk_in_tigrinya(desk, operator, senait)
        for offer, request, code in zip(offers, requests, codes, strict=True):
            await move_in(desk, operator, offer, request, code)
        await become_of(desk, amina, over | {"offer_confirmed": "sent"})
        told_there = {"request_noted": "delivered", "offer_confirmed": "delivered"}
        await become_of(desk, senait, at_desk | told_there)
        assert len(mailbox.to(ADDRESS)) == 3, "whoever lives there is told nothing more of it"
        due = await messages(desk, "caseworker")
        assert [(one["template"], one["status"]) for one in due] == [("answer_due", "suppressed")] * 2
        assert mailbox.in_the_open == 0
        told = (ADDRESS, "kanarie-alias", "لقد طلبت", "مكان الإقامة أصبح", "መንበሪ")
        assert lying_about(network.data, told) == []


async def move_in(desk: Any, operator: Any, offer: str, request: str, code: str) -> None:
    """They come, say the code at the door, and have their place."""
    arrived = await operator.post(f"/api/placement/holds/{offer}/check-in", json={"arrival_code": code})
    assert arrived.status_code == 200, arrived.text

    async def placed() -> bool:
        return bool((await desk.get(f"/api/intake/requests/{request}")).json()["status"] == "placed")

    await eventually("the request to be placed", placed, SLOWLY)


async def test_operators_hear_of_a_count_that_is_not_what_the_board_says(network: Network) -> None:
    go_to(network, night=False)
    async with network.client("west", "caseworker") as desk, network.client("west") as operator:
        house, _ = await network.new_location(operator, 2, kind="night_shelter")  # nobody asks for one here
        body = {"location": house, "kind": "night_shelter", "counted": 2}
        assert (await operator.post("/api/placement/head-counts", json=body)).status_code == 201

        async def told() -> bool:
            items = (await operator.get("/api/notifications/desk")).json()["items"]
            return any(one["template"] == "count_differs" and house in one["texts"][-1]["text"] for one in items)

        await eventually("the difference at the desk", told, SLOWLY)
        waits = {one["template"]: one["status"] for one in await messages(desk, "operator")}
        assert waits["count_due"] == "chosen"


async def by_mail_in_arabic(network: Network, desk: Any, mailbox: Mailbox, client: str) -> None:
    """Exactly the mails that were to be sent, and each look at the address written down."""
    noted, waiting, sure = mailbox.to(ADDRESS)
    for mail, arabic, dutch in (
        (noted, "لقد طلبت مكانًا للإقامة", "U hebt om een slaapplek gevraagd"),
        (waiting, "هناك مكان للإقامة لك", "Er is een slaapplek voor u"),
        (sure, "مكان الإقامة أصبح لك", "De slaapplek is voor u"),
    ):
        assert mail["Subject"] == "رسالة لك"
        text = said_in(mail)
        assert text.startswith("هناك خبر لك")  # what a preview shows says nothing
        assert arabic in text
        assert dutch in text  # nobody has reviewed the Arabic yet
        assert "west" not in text.lower(), "where somebody sleeps is said at the desk"
        assert 'dir="rtl"' in mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    reads = (await desk.get("/api/intake/personal-reads", params={"client_id": client})).json()["items"]
    assert [(one["role"], one["purpose"]) for one in reads] == [("system", "contact")] * 3


async def at_the_desk_in_tigrinya(desk: Any, operator: Any, client: str) -> None:
    """Exactly what somebody has to be told, and nothing of it any more once they were."""
    listed = (await desk.get("/api/notifications/desk")).json()["items"]
    told = {one["template"]: one for one in listed if one["recipient"] == client}
    assert set(told) == {"request_noted", "offer_confirmed"}
    for template, words in (("request_noted", "መንበሪ ቦታ ሓቲትኩም"), ("offer_confirmed", "እቲ መንበሪ ቦታ ናትኩም እዩ")):
        one = told[template]
        assert (one["alias"], one["because"], one["texts"][0]["language"]) == ("kanarie-alias", "channel-none", "ti")
        assert words in one["texts"][0]["text"]
        done = await operator.post(f"/api/notifications/messages/{one['id']}/told")
        assert done.status_code == 200, done.text
    over = {"offer_waiting": "suppressed", "offer_lapsing": "suppressed"}
    await become_of(desk, client, over | {"request_noted": "delivered", "offer_confirmed": "delivered"})
    assert (await desk.get("/api/intake/personal-reads", params={"client_id": client})).json()["items"] == []


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


async def test_a_client_hears_of_an_appointment_the_day_before_and_never_where(
    network: Network, mailbox: Mailbox
) -> None:
    """The whole way: noted at the desk, told in Ukrainian by mail, reminded of, and off."""
    go_to(network, night=False)
    async with network.client("west", "caseworker") as desk:
        client = await register(desk, "uk", "email", contact_details=EXPECTED)
        referral = {"partner_kind": "dental_care", "partner": "kanarie-tandarts"}
        made = await desk.post(f"/api/intake/clients/{client}/referrals", json=referral)
        path = f"/api/intake/clients/{client}/referrals/{made.json()['id']}/follow"
        when = await moment(network, timedelta(days=3))
        body = {"state": "appointment", "appointment_at": when.isoformat()}
        assert (await desk.post(path, json=body)).status_code == 200
        await become_of(desk, client, {"appointment_made": "chosen", "appointment_near": "chosen"})
    assert network.plek("clock", "advance", "2m").returncode == 0
    go_to(network, night=False)
    async with network.client("west", "caseworker") as desk:
        await become_of(desk, client, {"appointment_made": "sent", "appointment_near": "chosen"})
    ahead = reminded_at(when) - await moment(network, timedelta())
    assert network.plek("clock", "advance", f"{ahead // timedelta(minutes=1) + 2}m").returncode == 0
    network.sign_in_again()
    async with network.client("west", "caseworker") as desk:
        await become_of(desk, client, {"appointment_made": "sent", "appointment_near": "sent"})
        assert (await desk.post(path, json={"state": "ended"})).status_code == 200
        await become_of(
            desk, client, dict.fromkeys(("appointment_made", "appointment_near", "appointment_off"), "sent")
        )
    mails = mailbox.to(EXPECTED)
    day = format_datetime(when, "d MMMM HH:mm", tzinfo=CITY_ZONE, locale="uk")
    for mail, said in zip(mails, ("У вас є зустріч", "Не забудьте", "скасовано"), strict=True):
        assert mail["Subject"] == "Повідомлення для вас"
        text = said_in(mail)
        assert said in text
        assert day in text
        assert "afspraak" in text  # nobody has reviewed the Ukrainian yet
    assert lying_about(network.data, ("kanarie-tandarts", "dental", EXPECTED)) == []


def test_the_folder_of_the_site_holds_no_text(network: Network) -> None:
    assert lying_about(Path(network.data), ("Er is nieuws voor u",)) == []
