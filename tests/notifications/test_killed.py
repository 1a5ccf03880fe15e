"""Processes that are really killed, twenty times at each step: no message is lost, and none comes twice unmarked; none
at all where the channel knows messages by their id.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import NamedTuple

import pytest

from services.notifications import app, policy
from services.notifications.adapters.settings import ChannelSettings
from services.notifications.commands import ChooseMessage
from services.notifications.decider import LEASE
from services.notifications.views import messages
from services.notifications.wording import REPEATED
from services.notifications.words import say
from shared.contracts.contact import ContactAsked
from shared.handling import Context
from shared.ids import SystemIds
from shared.store import PgStore
from tests.notifications import dying
from tests.notifications.dying import Orders
from tests.support.border import SITE
from tests.support.gateway import Gateway, open_gateway
from tests.support.intake_desk import IntakeDesk, open_intake
from tests.support.mailbox import Mailbox, open_mailbox
from tests.support.post_office import Asking, by_day, by_gateway, by_mail
from tests.support.rush import said_in

ROUNDS = 20
REPEAT, NUMBER = say(REPEATED, "nl"), "+31 6 12345678"
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([dying.__name__])


class Step(NamedTuple):
    """A moment at which the process is killed: sending has begun. times: it is handed to the channel. marked: which of
    those times it says that it may have come before.
    """

    dies: str
    times: int
    marked: list[bool]


STEPS = {
    "between choosing and sending": Step("sent", 1, [True]),
    "between sending and recording": Step("recorded", 2, [False, True]),
}


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    with open_mailbox(tmp_path_factory.mktemp("mail")) as opened:
        yield opened


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with open_gateway() as opened:
        yield opened


class House:
    """A desk that chooses messages, and processes that send them and die of it."""

    def __init__(self, desk: IntakeDesk, store: PgStore, dsn: str, settings: ChannelSettings) -> None:
        self.desk, self.store, self.clock = desk, store, desk.clock
        self._dsn, self._settings, self._asking = dsn, settings, Asking(desk)
        self._recipients = app.handlers(store, desk.clock, SystemIds())[policy.RECIPIENT]

    async def choose(self, channel: str, details: str) -> tuple[str, str]:
        """A message for a client of its own. Their id, and the message's."""
        contact = {"channel": channel, "explicit": True}
        client = await self.desk.registered(languages=["nl"], contact=contact, personal={"contact_details": details})
        now, id_ = self.clock.now(), policy.message_id_of(client, "request_ended", "a")
        command = ChooseMessage(
            at=now, role="system", recipient=client, message_id=id_, cause_id=id_, template="request_ended", fields={},
            expires_at=now + policy.WAITS,
        )  # fmt: skip
        await self._recipients.handle(client, command, Context(id_, id_, id_))
        return client, id_

    async def live(self, recipient: str = "", dies: str = "") -> int | None:
        """One life of a process; a signal that ended it is a negative number."""
        ours, theirs = PROCESSES.Pipe()
        orders = Orders(self._dsn, self._settings, self.clock.ahead, recipient, dies)
        process = PROCESSES.Process(target=dying.live, args=(orders, theirs), daemon=True)
        process.start()
        theirs.close()
        while (asked := await asyncio.to_thread(_heard, ours)) is not None:
            ours.send(await self._asking.ask(asked))
        await asyncio.to_thread(process.join)
        ours.close()
        return process.exitcode

    async def killed_each_time(self, step: Step) -> dict[str, list[str]]:
        """Messages by mail and through the gateway in turns; a process that has one to send is killed at this step of
        it, and the next one finds it when the time of an attempt is over. The messages' ids, by address."""
        ids: dict[str, list[str]] = {}
        for number in range(ROUNDS):
            address = f"{step.dies}-{number}@example.org" if number % 2 else NUMBER
            client, id_ = await self.choose("email" if number % 2 else "sms", address)
            assert await self.live(client, step.dies) == -signal.SIGKILL
            assert await self.status(id_) == "sending"
            self.clock.ahead += LEASE + timedelta(seconds=1)
            ids.setdefault(address, []).append(id_)
        assert await self.live() == 0
        return ids

    async def status(self, message_id: str) -> str:
        [row] = await self.store.rows(messages, id=message_id)
        return str(row["status"])


def _heard(pipe: Connection) -> ContactAsked | None:
    """The next question; None when there will be none, because whoever asked has ended or is dead."""
    try:
        said = pipe.recv()
    except EOFError:
        return None
    return said if isinstance(said, ContactAsked) else None


@asynccontextmanager
async def house(dsn: str, settings: ChannelSettings) -> AsyncIterator[House]:
    await app.migrate(dsn)
    async with open_intake(clock=by_day()) as desk:
        store = PgStore(dsn, SITE, app.NAME, app.INLINE_TABLES)
        await store.open(desk.clock.now())
        try:
            yield House(desk, store, dsn, settings)
        finally:
            await store.close()


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
async def test_none_is_lost_a_mail_that_comes_again_says_so_and_a_gateway_that_knows_messages_has_each_once(
    database: str, mailbox: Mailbox, gateway: Gateway, step: Step
) -> None:
    settings = ChannelSettings(email=by_mail(mailbox).email, sms=by_gateway(gateway).sms)
    async with house(database, settings) as there:
        ids = await there.killed_each_time(step)
        texted = ids.pop(NUMBER)
        assert [await there.status(id_) for id_ in texted] == ["delivered"] * (ROUNDS // 2)
        assert [await there.status(id_) for [id_] in ids.values()] == ["sent"] * (ROUNDS // 2)
    for address in ids:
        assert [REPEAT in said_in(mail) for mail in mailbox.to(address)] == step.marked
    assert list(gateway.taken) == texted
    assert len(gateway.calls) == ROUNDS // 2 * step.times
    assert not any(call["repeat"] for call in gateway.calls)
