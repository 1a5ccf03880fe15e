"""Messages on their way, over real channels: none is lost and none comes twice unmarked, whatever dies in between."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest
import pytest_asyncio
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import generate_latest

from services.notifications.adapters.port import ChannelProblem, Outgoing
from services.notifications.adapters.settings import ChannelSettings, EmailSettings
from services.notifications.adapters.smtp import SmtpChannel
from services.notifications.decider import LEASE
from services.notifications.decider_recipient import RECENT_MAX, SETTLED_KEPT
from services.notifications.wording import REPEATED
from services.notifications.words import say, write
from shared import metrics, telemetry
from shared.contracts.contact import ContactAnswered, ContactAsked
from shared.ports import StoreUnavailable
from tests.support.border import SITE
from tests.support.gateway import Gateway, open_gateway
from tests.support.intake_desk import IntakeDesk, open_intake
from tests.support.mailbox import Mailbox, open_mailbox
from tests.support.memory_store import Disk, MemoryStore
from tests.support.post_office import Killed, PostOffice, by_day, by_gateway, by_mail
from tests.support.processes import soon
from tests.support.rush import faults, rush, rush_clock

ROUNDS = 20
STORM = 10_000
ADDRESS, NUMBER = "kanarie@example.org", "+31 6 12345678"
CANARY = "+31 6 24682468"
REPEAT = {language: say(REPEATED, language) for language in ("nl", "en")}


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


async def client_of(desk: IntakeDesk, channel: str = "email", details: str = ADDRESS) -> str:
    contact = {"channel": channel, "explicit": True}
    return await desk.registered(languages=["nl"], contact=contact, personal={"contact_details": details})


def body_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


class Broken:
    """A channel with a mistake in it."""

    keyed, confirms, per_minute = False, False, 600

    async def send(self, outgoing: Outgoing) -> None:
        raise KeyError(outgoing.address)


async def test_a_channel_that_breaks_is_a_failure_like_any_other_and_quotes_nothing(
    desk: IntakeDesk, caplog: pytest.LogCaptureFixture
) -> None:
    office = PostOffice(desk, ChannelSettings(), channels={"email": Broken()})
    client = await client_of(desk)
    message_id = await office.choose(client, "a")
    with caplog.at_level(logging.DEBUG):
        await office.work()
    assert await office.status(message_id) == "failed"
    assert await office.store.due_timers(office.clock.now(), 10) == [], "it is not tried again at once"
    assert ADDRESS not in caplog.text
    await office.work_on(4)
    assert await office.status(message_id) == "desk"


async def test_a_chat_goes_out_as_a_text_message_does_by_its_own_gateway(desk: IntakeDesk, gateway: Gateway) -> None:
    office = PostOffice(desk, ChannelSettings(chat=by_gateway(gateway).sms))
    by_chat, by_text = [await office.choose(await client_of(desk, how, NUMBER), "a") for how in ("chat", "sms")]
    await office.work()
    assert (await office.status(by_chat), await office.status(by_text)) == ("delivered", "desk")
    assert [call["to"] for call in gateway.calls] == [NUMBER.replace(" ", "")]


async def test_an_attempt_under_way_elsewhere_is_not_asked_about_again_and_again(desk: IntakeDesk) -> None:
    office = PostOffice(desk, ChannelSettings(), channels={"email": Broken()})
    message_id = await office.choose(await client_of(desk), "a")
    [timer] = await office.store.due_timers(office.clock.now(), 10)
    await office.work()
    await office.courier.take_up(timer)  # as another process would that read the timer before
    assert await office.status(message_id) == "failed"
    assert await office.store.due_timers(office.clock.now(), 10) == []


def test_an_address_that_is_none_is_refused_and_not_quoted() -> None:
    written = write("request_ended", {}, "nl", explicit=False)
    outgoing = Outgoing("an id", "anna..b@example.org", written, repeat=False, at=by_day().now())
    channel = SmtpChannel(EmailSettings(host="mail.example.org", sender="desk@west.example"))
    with pytest.raises(ChannelProblem) as problem:
        asyncio.run(channel.send(outgoing))
    assert (problem.value.code, problem.value.lasting) == ("address-refused", True)
    assert "anna" not in "".join(traceback.format_exception(problem.value))


STEPS = {
    "chosen, not begun": (1, 0, [False]),
    "begun, not sent": (2, 0, [True]),
    "sent, not written down": (3, 1, [False, True]),
}
"""Where the process dies: the step on its disk, mails that went out before, and which of all are marked as repeats."""


@pytest.mark.parametrize("step", STEPS)
async def test_killed_twenty_times_every_mail_comes_once_or_twice_and_says_so(
    desk: IntakeDesk, mailbox: Mailbox, step: str
) -> None:
    office, (dies_at, out, marks) = PostOffice(desk, by_mail(mailbox)), STEPS[step]
    for number in range(ROUNDS):
        address = f"{dies_at}-{number}@example.org"
        client = await client_of(desk, details=address)
        message_id = await office.choose(client, str(number))
        office.dies_at = dies_at
        with pytest.raises(Killed):
            await office.work()
        office.start()
        assert await office.status(message_id) == ("chosen" if dies_at == 1 else "sending")
        assert len(mailbox.to(address)) == out
        office.clock.ahead += LEASE + timedelta(seconds=1)
        await office.work()
        assert await office.status(message_id) == "sent"
        assert [REPEAT["nl"] in body_of(mail) for mail in mailbox.to(address)] == marks


@pytest.mark.parametrize("step", STEPS)
async def test_killed_twenty_times_a_gateway_that_knows_messages_has_each_once(
    desk: IntakeDesk, gateway: Gateway, step: str
) -> None:
    office, (dies_at, out, marks) = PostOffice(desk, by_gateway(gateway)), STEPS[step]
    ids = []
    for number in range(ROUNDS):
        client = await client_of(desk, "sms", NUMBER)
        ids.append(await office.choose(client, str(number)))
        office.dies_at = dies_at
        with pytest.raises(Killed):
            await office.work()
        office.start()
        assert len(gateway.calls) == number * len(marks) + out
        office.clock.ahead += LEASE + timedelta(seconds=1)
        await office.work()
        assert await office.status(ids[-1]) == "delivered"
    assert list(gateway.taken) == ids
    assert len(gateway.calls) == ROUNDS * len(marks)
    assert not any(call["repeat"] for call in gateway.calls)
    assert {call["to"] for call in gateway.calls} == {"+31612345678"}


async def test_a_server_that_takes_it_and_says_nothing_gets_it_once_more_and_then_the_desk_tells_it(
    desk: IntakeDesk, mailbox: Mailbox
) -> None:
    office, address = PostOffice(desk, by_mail(mailbox)), "stil@example.org"
    message_id = await office.choose(await client_of(desk, details=address), "a")
    mailbox.answers += ["silent", "silent"]
    await office.work_on(2)
    assert await office.status(message_id) == "desk"
    assert [REPEAT["nl"] in body_of(mail) for mail in mailbox.to(address)] == [False, True]


async def test_what_is_refused_for_now_comes_later_and_what_is_refused_for_good_is_told_at_the_desk(
    desk: IntakeDesk, mailbox: Mailbox
) -> None:
    office = PostOffice(desk, by_mail(mailbox))
    mailbox.refuses.add("weg@example.org")
    later = await office.choose(await client_of(desk, details="later@example.org"), "a")
    mailbox.answers += ["451 later", "452 later"]
    await office.work_on(1)
    gone = await office.choose(await client_of(desk, details="weg@example.org"), "a")
    nowhere = await office.choose(await client_of(desk, details=""), "a")
    await office.work()
    assert [await office.status(one) for one in (later, gone, nowhere)] == ["sent", "desk", "desk"]
    assert len(mailbox.to("later@example.org")) == 1
    assert REPEAT["nl"] not in body_of(mailbox.to("later@example.org")[0])


async def test_nothing_is_sent_where_the_server_has_no_tls_we_believe(desk: IntakeDesk, mailbox: Mailbox) -> None:
    settings = by_mail(mailbox)
    assert settings.email is not None
    stranger = settings.model_copy(update={"email": settings.email.model_copy(update={"ca_file": None})})
    office, address = PostOffice(desk, stranger), "open@example.org"
    message_id = await office.choose(await client_of(desk, details=address), "a")
    await office.work_on(10)
    assert await office.status(message_id) == "desk"
    assert (mailbox.to(address), mailbox.in_the_open) == ([], 0)


async def test_while_the_vault_does_not_answer_messages_wait(desk: IntakeDesk, mailbox: Mailbox) -> None:
    office, address = PostOffice(desk, by_mail(mailbox)), "kluis@example.org"
    message_id = await office.choose(await client_of(desk, details=address), "a")
    office.contacts.down = True
    await office.work_on(1)
    assert (await office.status(message_id), mailbox.to(address)) == ("chosen", [])
    office.contacts.down = False
    await office.work_on(0.1)
    assert await office.status(message_id) == "sent"


async def test_an_address_is_opened_once_for_each_attempt_and_never_for_the_desk(
    desk: IntakeDesk, mailbox: Mailbox
) -> None:
    office = PostOffice(desk, by_mail(mailbox))
    safe, unsafe = await client_of(desk), await client_of(desk, "none", "geheim@example.org")
    for client in (safe, unsafe):
        await office.choose(client, "a")
    await office.work()
    reads = (await desk.get("/personal-reads")).json()["items"]
    assert [(one["client_id"], one["role"], one["purpose"]) for one in reads] == [(safe, "system", "contact")]
    assert [asked.channels for asked in office.contacts.asked if asked.client_id == unsafe] == [()]
    before = (await desk.get(f"/clients/{safe}")).json()
    assert before["active_at"] == before["registered_at"]  # a message that goes out is no visit


async def test_a_client_who_is_erased_gets_nothing_although_this_service_has_not_heard_of_it(
    desk: IntakeDesk, mailbox: Mailbox
) -> None:
    office, address = PostOffice(desk, by_mail(mailbox)), "gewist@example.org"
    client = await client_of(desk, details=address)
    message_id = await office.choose(client, "a")
    assert (await desk.post(f"/clients/{client}/erase")).status_code == 200
    await office.work()
    assert (await office.status(message_id), mailbox.to(address)) == ("suppressed", [])


async def test_an_hour_of_channels_that_fail_one_call_in_five_loses_nothing(mailbox: Mailbox, gateway: Gateway) -> None:
    """A smaller round of `bench post`."""
    clock = rush_clock()
    async with open_intake(clock=clock) as desk:
        store = MemoryStore(Disk(), SITE, "notifications")
        outcome = await rush(store, desk, clock, mailbox, gateway, 240)
    assert len(outcome.statuses) == 240
    assert faults(outcome, mailbox, gateway) == []
    assert {"sent", "delivered"} <= set(outcome.statuses.values())
    assert timedelta(minutes=50) <= outcome.took < timedelta(hours=5)


async def test_a_storm_about_one_person_is_ten_messages_and_a_summary_and_keeps_nobody_waiting(
    desk: IntakeDesk, gateway: Gateway
) -> None:
    office = PostOffice(desk, by_gateway(gateway))
    stormed, other = await client_of(desk, "sms", NUMBER), await client_of(desk, "sms", "+31 6 87654321")
    for number in range(STORM):
        await office.choose(stormed, str(number))
    waits = await office.choose(other, "a")
    assert len(await office.store.due_timers(office.clock.now(), STORM)) == RECENT_MAX + 1
    await office.work()
    assert await office.status(waits) == "delivered"
    await office.work_on(1.5)
    texts = Counter(call["texts"][0]["text"] for call in gateway.calls if call["to"] == "+31612345678")
    [summary] = [text for text in texts if str(STORM - RECENT_MAX) in text]
    assert (texts[summary], sum(texts.values())) == (1, RECENT_MAX + 1)
    assert len((await office.recipients.load(stormed))[0].settled) == SETTLED_KEPT, "it is not remembered for ever"


async def test_what_waits_for_its_channel_or_the_vault_counts_as_late_since_it_was_due(
    desk: IntakeDesk, gateway: Gateway
) -> None:
    office = PostOffice(desk, by_gateway(gateway, per_minute=1))
    client = await client_of(desk, "sms", NUMBER)
    before, ids = office.clock.ahead, [await office.choose(client, str(number)) for number in range(3)]
    office.contacts.down = True
    await office.work()
    office.contacts.down = False
    for ahead in (20, 40):  # the vault was away; then the channel takes one a minute
        office.clock.ahead += timedelta(seconds=ahead)
        await office.courier.look()
        assert office.clock.ahead - before <= timedelta(seconds=_lag()) < timedelta(hours=1)
        while not office.courier.idle:
            await asyncio.sleep(0.001)
    await office.work_on(0.5)
    await office.courier.look()
    assert {await office.status(one) for one in ids} == {"delivered"}
    assert _lag() == 0, "what has gone out is late no more"


async def test_where_somebody_is_reached_is_in_the_outgoing_message_and_nowhere_else(
    desk: IntakeDesk, mailbox: Mailbox, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever becomes of it: sent, refused for now and for good, at the desk, erased. Intake's files are sealed."""
    settings = ChannelSettings(email=by_mail(mailbox).email, sms=by_gateway(gateway).sms)
    office, exporter = PostOffice(desk, settings), InMemorySpanExporter()
    mailbox.answers += ["451 kanarie", "550 kanarie"]
    gateway.answers += [503, 410, 0]
    telemetry.setup(service="notifications", site="west", processors=[SimpleSpanProcessor(exporter)])
    try:
        with caplog.at_level(logging.DEBUG):
            for number, (channel, details) in enumerate((("email", ADDRESS), ("sms", CANARY), ("none", ADDRESS)) * 4):
                await office.choose(await client_of(desk, channel, details), str(number))
            gone = await client_of(desk, details=ADDRESS)
            await office.choose(gone, "gone")
            assert (await desk.post(f"/clients/{gone}/erase")).status_code == 200
            await office.work_on(1)
        spans = [f"{span.name} {dict(span.attributes or {})} {span.events}" for span in exporter.get_finished_spans()]
    finally:
        telemetry.shutdown()
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("mail.")]  # the server's own
    assert ours
    assert spans
    kept = {
        "events, tables and outbox": repr(vars(office.disk)),
        "intake": repr(vars(desk.disk)),
        "logs": "".join(ours),
        "spans": "".join(spans),
        "metrics": generate_latest(metrics.REGISTRY).decode(),
    }
    canaries = ("kanarie", CANARY, CANARY.replace(" ", ""))
    assert [(where, word) for where, text in kept.items() for word in canaries if word in text] == []
    assert "request_ended" in kept["events, tables and outbox"]
    assert mailbox.to(ADDRESS)
    assert CANARY.replace(" ", "") in {call["to"] for call in gateway.calls}


class Away(PostOffice):
    """Its vault answers with a mistake that quotes somebody; then its database is away."""

    async def ask(self, _: ContactAsked) -> ContactAnswered:
        self.quoted = True
        raise KeyError(CANARY)

    async def _step(self, what: str) -> None:
        if getattr(self, "quoted", False) and what.startswith("append"):
            raise StoreUnavailable("as a test wants it")


async def test_what_fails_while_a_mistake_is_put_right_does_not_quote_it(
    desk: IntakeDesk, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    office = Away(desk, by_mail(mailbox))
    await office.choose(await client_of(desk), "a")
    office.courier.contacts = office
    await office.courier.look()
    await soon(lambda: office.courier.idle, "it was tried")
    gc.collect()  # a task whose end nobody asked for says so when it goes
    told = [record.getMessage() + caplog.handler.format(record) for record in caplog.records]
    assert any("KeyError" in one for one in told)
    assert [one for one in told if CANARY in one] == []


def _lag() -> float:
    value = metrics.REGISTRY.get_sample_value("plek_messages_lag_seconds")
    assert value is not None
    return value
