"""Who takes messages up when they are due, asks where they go, and hands them to a channel.

What is written down, and when: `SendingBegan` before the channel is given anything, what came of it afterwards. A
process that dies in between leaves an attempt nobody knows the end of; what happens then is decided (`decider.py`).
Where a client is reached is asked after `SendingBegan`, used, and forgotten.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from services.notifications import commands as cmd
from services.notifications import events as ev
from services.notifications.adapters.begun import Begun
from services.notifications.adapters.contacts import Contacts, ContactsUnavailable
from services.notifications.adapters.pace import Pace
from services.notifications.adapters.port import Channel, ChannelProblem, Outgoing
from services.notifications.adapters.settings import ChannelSettings
from services.notifications.adapters.stops import Stops
from services.notifications.decider_recipient import Message, Recipient
from services.notifications.policy import message_of, quiet_until
from services.notifications.wording import STAFF_LANGUAGES, reads
from services.notifications.words import Written, write
from shared import metrics, schema
from shared.causes import following, timer_command
from shared.clock import Clock
from shared.contracts.contact import ContactAnswered, ContactAsked
from shared.envelope import SYSTEM_ROLE
from shared.handling import Context, Handled, Handler
from shared.http_models import is_id
from shared.ids import derived_id
from shared.ports import Append, Delete, DueTimer, OriginHalted, Put, Store, StoreUnavailable, VersionConflict
from shared.telemetry import logger

log = logger("courier")

Recipients = Handler[Recipient, cmd.RecipientCommand, ev.RecipientEvent]

SENT, FAILED = "sent", "failed"
FOLLOWS = (SENT, FAILED)
"""What is written down after an attempt began: names of commands that follow from that event."""

POLL_SECONDS = 0.25
PAUSE_SECONDS = 2.0
"""After the store refused to go on."""
PAGE = 200
AT_ONCE_MAX = 16
"""Messages on their way at the same time: a server that hangs holds up one of them."""
VAULT_RETRY = timedelta(seconds=15)
"""How soon it is asked again when nobody answers, or the vault is shut."""
SENDING_SECONDS_MAX = 90.0
"""Less than the lease of an attempt (`decider.LEASE`)."""


class Route(NamedTuple):
    """How a recipient is reached now. channel: None: the desk tells it, for this reason. languages: what they read."""

    channel: str | None
    desk_because: str = ""
    languages: tuple[str, ...] = ()
    explicit: bool = False
    quiet: datetime | None = None
    gone: bool = False


class Late(NamedTuple):
    """A message that waits for its channel or the vault. since: when it was due first. again_at: when it is tried."""

    since: datetime
    again_at: datetime


@dataclass
class Courier:
    """One process's. Several may run: an attempt begins once, whoever is first."""

    store: Store
    recipients: Recipients
    contacts: Contacts
    channels: Mapping[str, Channel]
    settings: ChannelSettings
    clock: Clock
    stops: Stops = field(default_factory=Stops)
    begun: Begun = field(default_factory=Begun)

    def __post_init__(self) -> None:
        self._paces = {name: Pace(channel.per_minute) for name, channel in self.channels.items()}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._next: deque[DueTimer] = deque()
        self._late: dict[str, Late] = {}

    # --- what is due --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Takes up what is due until cancelled."""
        try:
            while True:
                try:
                    await self.look()
                    await self.clock.sleep(POLL_SECONDS)
                except (StoreUnavailable, OriginHalted) as error:
                    log.warning("messages wait", reason=type(error).__name__, pause_seconds=PAUSE_SECONDS)
                    await self.clock.sleep(PAUSE_SECONDS)
        finally:
            self._next.clear()
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def look(self) -> None:
        """Begins with whatever is due and not under way yet; the rest of a page follows as soon as there is room."""
        now = self.clock.now()
        due = await self.store.due_timers(now, PAGE)
        metrics.MESSAGES_LAG_SECONDS.set(self._lag_seconds(due, now))
        self._next = deque(timer for timer in due if timer.id not in self._under_way)
        self._begin()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._under_way

    def _begin(self) -> None:
        while self._next and len(self._under_way) < AT_ONCE_MAX:
            timer = self._next.popleft()
            task = asyncio.create_task(self._one(timer))
            self._under_way[timer.id] = task
            task.add_done_callback(partial(self._ended, timer.id))

    def _ended(self, timer_id: str, _: asyncio.Task[None]) -> None:
        self._under_way.pop(timer_id, None)
        self._begin()

    def _lag_seconds(self, due: Sequence[DueTimer], now: datetime) -> float:
        """How late the latest message is, also one that waits for its channel or the vault and is due again later."""
        still = {timer.id for timer in due}
        if len(due) < PAGE:  # one that should be due and is not has been settled meanwhile
            self._late = {id_: late for id_, late in self._late.items() if late.again_at > now or id_ in still}
        since = [timer.due_at for timer in due] + [late.since for late in self._late.values()]
        return max(((now - moment).total_seconds() for moment in since), default=0.0)

    async def _one(self, timer: DueTimer) -> None:
        try:
            await self.take_up(timer)
            return
        except (StoreUnavailable, OriginHalted, VersionConflict) as error:
            log.warning("a message waits", reason=type(error).__name__)
            return
        except Exception as error:  # what it holds may be somebody's address: only its kind is written down
            log.error("a message was not taken up", reason=type(error).__name__)
        # Not in there: what went wrong here would be told with what went wrong before.
        with suppress(StoreUnavailable, OriginHalted, VersionConflict):  # it is due still
            await self._put_off(timer, VAULT_RETRY)

    async def take_up(self, timer: DueTimer) -> None:
        """One message that is due: sent, put at the desk, or left for later."""
        message_id = message_of(timer.id)
        state = (await self.recipients.load(timer.key))[0]
        message = state.open.get(message_id)
        if message is None:
            self._late.pop(timer.id, None)
            await self.store.append(Append(self.clock.now(), rows=[Delete(schema.timers, (timer.id,))]))
            return
        try:
            route = await self._route(timer.key, message)
        except ContactsUnavailable:
            await self._put_off(timer, VAULT_RETRY)
            return
        wait = self._wait(route)
        if wait:
            await self._put_off(timer, timedelta(seconds=wait))
            return
        self._late.pop(timer.id, None)
        keyed = route.channel is not None and self.channels[route.channel].keyed
        handled = await self._do(
            timer.key, timer_command(timer.id, message.due_at, timer.kind),  # also of one that was put off meanwhile
            cmd.TakeUpMessage(
                at=self.clock.now(), role=SYSTEM_ROLE, recipient=timer.key, message_id=message_id,
                channel=route.channel, desk_because=route.desk_because, keyed=keyed, quiet_until=route.quiet,
                erased=route.gone, gone_on=self.begun.on(message_id, message.attempts + 1),
            ),
        )  # fmt: skip
        for id_, event in handled.events:
            if isinstance(event, ev.SendingBegan):
                await self._send(timer.key, message, id_, event, route)
        if not handled.events and message.due_at > self.clock.now():  # the timer came before its time
            await self._move(timer, message.due_at - self.clock.now())

    async def _route(self, recipient: str, message: Message) -> Route:
        """How the recipient is reached now. Raises `ContactsUnavailable`."""
        if message.status == "desk":  # it has waited long enough
            return Route(None, "expired")
        if not is_id(recipient):
            staff = {str(role): found for role, found in self.settings.staff.items()}.get(recipient)
            if staff is None:
                return Route(None, "no-channel")
            return Route(staff.channel, languages=STAFF_LANGUAGES, explicit=True)
        answer = await self._ask(recipient, message.id)
        if answer.status == "gone":
            return Route(None, gone=True)
        if answer.channel in ("none", "desk"):
            return Route(None, f"channel-{answer.channel}")
        if answer.channel not in self.channels:
            return Route(None, "no-channel")
        if self.stops.has(recipient):  # the database may be an older one, that has not heard of it
            return Route(None, "stop-word")
        quiet = quiet_until(self.clock.now())
        return Route(answer.channel, "", answer.languages, answer.explicit, quiet)

    def _wait(self, route: Route) -> float:
        """Seconds a message has to wait for its channel."""
        if route.channel is None or route.quiet is not None:
            return 0.0
        return self._paces[route.channel].wait_seconds(self.clock.monotonic())

    async def _put_off(self, timer: DueTimer, pause: timedelta) -> None:
        """It could go now and cannot: it waits, and is late since it was due first."""
        since = self._late[timer.id].since if timer.id in self._late else timer.due_at
        self._late[timer.id] = Late(since, self.clock.now() + pause)
        await self._move(timer, pause)

    async def _move(self, timer: DueTimer, pause: timedelta) -> None:
        now = self.clock.now()
        moved = Put(schema.timers, (timer.id, now + pause, timer.kind, timer.key))
        await self.store.append(Append(now, rows=[moved]))

    # --- sending ------------------------------------------------------------------------------------------------------

    async def _send(
        self, recipient: str, message: Message, began_id: str, began: ev.SendingBegan, route: Route
    ) -> None:
        """Hands it to the channel and writes down what came of it. began_id: of the event."""
        pace = self._paces[began.channel]
        try:
            address = await self._address(recipient, began)
            written = await self._written(recipient, message, began, route)
            self._note(began)
            outgoing = Outgoing(message.id, address, written, began.repeat, began.at)
            try:
                async with asyncio.timeout(SENDING_SECONDS_MAX):
                    await self.channels[began.channel].send(outgoing)
            except TimeoutError:
                raise ChannelProblem("channel-silent", known=False, ours=True) from None
            except Exception as error:  # its text may be somebody's address: only its kind is written down
                if isinstance(error, ChannelProblem):
                    raise
                log.error("a channel failed", channel=began.channel, reason=type(error).__name__)
                raise ChannelProblem("channel-broken", known=False, ours=True) from None
        except ChannelProblem as problem:
            if problem.ours:
                pace.failed(self.clock.monotonic())
            metrics.MESSAGES.labels(began.channel, "failed").inc()
            log.info("a message was not taken", channel=began.channel, code=problem.code, attempt=began.attempt)
            failure = cmd.RecordFailure(
                at=self.clock.now(), role=SYSTEM_ROLE, recipient=recipient, message_id=message.id,
                attempt=began.attempt, code=problem.code, known=problem.known, lasting=problem.lasting,
            )  # fmt: skip
            await self._do(recipient, following(began_id, FAILED), failure)
            return
        pace.worked()
        metrics.MESSAGES.labels(began.channel, "sent").inc()
        sent = cmd.RecordSent(
            at=self.clock.now(), role=SYSTEM_ROLE, recipient=recipient, message_id=message.id,
            attempt=began.attempt, delivered=self.channels[began.channel].confirms,
        )  # fmt: skip
        await self._do(recipient, following(began_id, SENT), sent)

    def _note(self, began: ev.SendingBegan) -> None:
        """Nothing goes out that a database put back would not know of. Raises `ChannelProblem`: `attempt-not-noted`."""
        try:
            self.begun.note(began.message_id, began.attempt, began.channel, self.clock.now().date())
        except OSError as error:
            log.error("an attempt could not be noted", reason=type(error).__name__)
            raise ChannelProblem("attempt-not-noted", ours=True) from None

    async def _written(self, recipient: str, message: Message, began: ev.SendingBegan, route: Route) -> Written:
        count = (await self.recipients.load(recipient))[0].gathered
        return write(
            message.template, message.fields, reads(route.languages), explicit=route.explicit, repeat=began.repeat,
            count=count,
        )  # fmt: skip

    async def _address(self, recipient: str, began: ev.SendingBegan) -> str:
        """Where to, asked now. Raises `ChannelProblem`: `address-missing` (for the desk), `vault-shut`."""
        if not is_id(recipient):
            staff = {str(role): found for role, found in self.settings.staff.items()}[recipient]
            return staff.address or recipient
        read_id = derived_id("read", began.message_id, str(began.attempt))
        try:
            answer = await self.contacts.ask(ContactAsked(recipient, read_id, (began.channel,)))
        except ContactsUnavailable:
            raise ChannelProblem("vault-shut") from None
        if answer.status != "known":  # whoever was erased in this moment is suppressed when it is taken up again
            raise ChannelProblem("vault-shut")
        if answer.address is None:
            raise ChannelProblem("address-missing", lasting=True)
        return answer.address

    async def _ask(self, client_id: str, message_id: str) -> ContactAnswered:
        answer = await self.contacts.ask(ContactAsked(client_id, message_id))
        if answer.status == "shut":
            raise ContactsUnavailable
        return answer

    async def _do(self, recipient: str, command_id: str, command: cmd.RecipientCommand) -> Handled:
        handled = await self.recipients.handle(recipient, command, Context(command_id, command_id, command_id))
        if handled.rejected is not None:
            log.warning("a message moved on meanwhile", code=handled.rejected.code)
        return handled
