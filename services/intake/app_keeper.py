"""Who keeps the vault and the files of one truth, whatever died in between: destroys the keys of erased files, erases
files whose keys were destroyed before an older backup came back, and looks every day for files nobody uses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import msgspec

from services.intake import commands as cmd
from services.intake import policy, views
from services.intake.app_away import OwnFiles, sent_to
from services.intake.app_handover import Giving
from services.intake.app_weeks import WeekCounter
from services.intake.commands_handover import CallOffHandOver, HearHandOver
from services.intake.commands_likeness import CheckCommand, EndCheck
from services.intake.commands_offers import CloseOffer
from services.intake.decider_file import File
from services.intake.decider_handover import TAKEN
from services.intake.events import ClientErased
from services.intake.file import FACTS, Facts
from services.intake.priority import CURRENT, Rules, placed
from services.intake.views_handover import CALLING_OFF, UNDER_WAY
from shared import schema
from shared.causes import timer_command
from shared.clock import Clock
from shared.contracts.vocabulary import HAND_OVER_ENDS
from shared.envelope import SYSTEM_ROLE
from shared.handling import Context, Handled, Handler
from shared.ids import derived_id
from shared.logbook import OPENINGS_KEPT, Openings, forget_openings_before, noted
from shared.policies import Handlers
from shared.ports import Append, Delete, DueTimer, Put, Store
from shared.store import PgStore
from shared.telemetry import logger
from shared.vault import Vault, VaultProblem

log = logger("intake")

PAGE = 500
VAULT_RETRY_SECONDS = 5.0
"""How soon a vault that does not open is tried again."""
KEY_RETRY = timedelta(seconds=60)
"""How soon a key that could not be destroyed is tried again."""
DAY_RETRY = timedelta(hours=1)
"""How soon it is looked whether another day has begun, when the clock was put back."""
ERASED_A_LOOK_MAX = 20
"""Files one day's look erases at most. A desk has one or two a day that nobody used for so long; a clock that is a year
ahead makes it all of them, and what is erased does not come back."""
RETENTION_AT = time(3, tzinfo=UTC)
"""When the day's look begins, if the site is up; otherwise as soon as it is."""


OPEN = ("waiting", "offered", "accepted")
"""How a request stands that is open."""

HAND_OVER_WAITS = timedelta(days=1)
"""How long another desk has to say whether it takes a file. Then it is called off; a frozen file helps nobody."""
HAND_OVER_PAUSES = timedelta(seconds=5), timedelta(minutes=5)
"""The shortest and the longest pause before another desk is asked again; a quarter of what it has lasted."""

KEYS_KEPT = timedelta(days=8)
"""How long a request that is repeated is known again; 7 days are promised. Its fingerprint of what was said of a person
goes then: whoever takes the whole machine could go on guessing at it after that person was erased."""
FORGET_EVERY_SECONDS = 3600.0
PLACING = "request-v1"
"""What a request's facts are opened for by newer rules, in the register of processing activities."""


async def forget_keys(store: PgStore, clock: Clock) -> None:
    """Takes away what repeated requests are known by, once it is `KEYS_KEPT` old. For ever."""
    while True:
        await forget_keys_before(store, clock.now() - KEYS_KEPT)
        await clock.sleep(FORGET_EVERY_SECONDS)


async def forget_keys_before(store: PgStore, before: datetime) -> None:
    """Raises `StoreUnavailable`."""
    await store.query(lambda pool: pool.execute("delete from idempotency where recorded_at < $1", before))


HAND_OVERS_KEPT = timedelta(days=90)
"""How long it is listed which files went to other desks, and came from them; the events stay."""
CHECKS_KEPT = timedelta(days=90)
"""How long it is listed what other desks were asked and answered, and what they asked; the events stay."""


async def forget_checks(store: PgStore, clock: Clock) -> None:
    """Takes checks off the lists once they are `CHECKS_KEPT` old. For ever."""
    while True:
        await forget_checks_before(store, clock.now() - CHECKS_KEPT)
        await clock.sleep(FORGET_EVERY_SECONDS)


async def forget_checks_before(store: PgStore, before: datetime) -> None:
    """One that is still waited for is none of them: it lasts seven days. Raises `StoreUnavailable`."""
    await store.query(lambda pool: pool.execute("delete from checks where begun_at < $1", before))
    await store.query(lambda pool: pool.execute("delete from check_replies where since < $1", before))


async def forget_hand_overs(store: PgStore, clock: Clock) -> None:
    """Takes hand-overs off the lists of both desks once they are over and `HAND_OVERS_KEPT` old. For ever."""
    while True:
        await forget_hand_overs_before(store, clock.now() - HAND_OVERS_KEPT)
        await clock.sleep(FORGET_EVERY_SECONDS)


async def forget_hand_overs_before(store: PgStore, before: datetime) -> None:
    """One that is not over stays, however old: its file is frozen, or waits for somebody to say whether it is taken.
    What was decided stays in the events: it is answered again whenever it is asked. Raises `StoreUnavailable`."""
    given = "delete from hand_overs where begun_at < $1 and status <> all($2)"
    await store.query(lambda pool: pool.execute(given, before, [UNDER_WAY, CALLING_OFF]))
    taken = "delete from takings where since < $1 and status <> all($2)"
    await store.query(lambda pool: pool.execute(taken, before, ["asked", "agreed"]))


async def forget_openings(store: PgStore, clock: Clock, *, kept_elsewhere: bool) -> None:
    """Takes away who opened a file once that is `OPENINGS_KEPT` old, and the logbook has it where there is one. For
    ever."""
    while True:
        await forget_openings_before(store, clock.now() - OPENINGS_KEPT, unsent=not kept_elsewhere)
        await clock.sleep(FORGET_EVERY_SECONDS)


class Keeper:
    """openings: writes down whose sealed texts were opened. retention_days: how long a file may lie unused before it is
    erased. retired: whether a site has left."""

    def __init__(
        self, site: str, store: Store, vault: Vault, handlers: Handlers, clock: Clock, openings: Openings,
        retention_days: int, giving: Giving, rules: Rules = CURRENT, retired: Callable[[str], bool] = lambda _: False,
    ) -> None:  # fmt: skip
        self._site, self._store, self._vault, self._clock = site, store, vault, clock
        clients = handlers[policy.CLIENT]
        assert isinstance(clients, OwnFiles)
        self._clients = clients
        self._retention: Handler[Any, Any, Any] = handlers[policy.RETENTION]
        self._checks: Handler[Any, Any, Any] = handlers[policy.CHECK]
        self._days, self._rules, self._retired = retention_days, rules, retired
        self._openings, self._giving = openings, giving
        self._counter = WeekCounter(site, store, vault, handlers, clock, openings)

    async def begin(self) -> None:
        """Opens the vault, as soon as it can be, and puts right what was left undone."""
        while True:
            try:
                await self._vault.open()
                break
            except VaultProblem as problem:
                log.error("the vault does not open", code=problem.code, detail=problem.detail)
                await self._clock.sleep(VAULT_RETRY_SECONDS)
        await self.reconcile()
        await self.look_for_unused()
        while True:
            try:
                await self._counter.close(self._clock.now())
                return
            except VaultProblem as problem:  # it has shut again
                log.error("a week was not counted", code=problem.code, again_seconds=VAULT_RETRY_SECONDS)
                await self._clock.sleep(VAULT_RETRY_SECONDS)

    async def fire(self, timer: DueTimer, now: datetime) -> None:
        """What is done when a timer falls due. It goes, or moves, with what follows from that."""
        if timer.kind == policy.RETENTION_DAY:
            if not await self.look_for_unused():
                await self._move(timer, now + DAY_RETRY)
            return
        if timer.kind in (policy.COUNT, policy.WEEK_OVER):
            await self._count(timer, now)
            return
        if timer.kind == policy.OFFER:
            await self._write_again(timer, now)
            return
        if timer.kind == policy.UNMET_NEED:
            await self._note_unmet(timer, now)
            return
        if timer.kind == policy.CHECK:
            await self._ask_again(timer, now)
            return
        if timer.kind == policy.HAND_OVER:
            try:
                await self._hand_over(timer, now)
            except VaultProblem as problem:
                log.error("a file cannot be handed over", code=problem.code, again_seconds=KEY_RETRY.total_seconds())
                await self._move(timer, now + KEY_RETRY)
            return
        assert timer.kind == policy.DESTROY_KEY
        if not await self._try_to_destroy(timer.key):
            await self._move(timer, now + KEY_RETRY)

    async def _count(self, timer: DueTimer, now: datetime) -> None:
        """Everything that is due with it, too: those find nothing left to do. A week that does not close waits: the
        vault is shut, or the clock was put back."""
        try:
            if timer.kind == policy.COUNT:
                await self._counter.count_due(now)
            elif not await self._counter.close(now):
                await self._move(timer, now + DAY_RETRY)
        except VaultProblem as problem:
            log.error("a week was not counted", code=problem.code, again_seconds=KEY_RETRY.total_seconds())
            await self._move(timer, now + KEY_RETRY)

    async def _write_again(self, timer: DueTimer, now: datetime) -> None:
        """Writes to the owner of an offer again; of one that has left the network nothing more is expected."""
        command: cmd.ClientCommand = policy.offer_due(timer.id, timer.key, now)
        offer = (await self._clients.load(timer.key))[0].offers.get(timer.id.partition("/")[2])
        if offer is not None and self._retired(offer.site):
            command = CloseOffer(at=now, role=SYSTEM_ROLE, client_id=timer.key, offer_id=offer.id)
        command_id = timer_command(timer.id, timer.due_at, timer.kind)
        handled = await self._clients.handle(timer.key, command, Context(command_id, command_id, command_id))
        if not handled.events and (offer is None or offer.again_at is None):
            await self._store.append(Append(now, rows=[Delete(schema.timers, (timer.id,))]))

    async def _note_unmet(self, timer: DueTimer, now: datetime) -> None:
        """A request has waited for a day. Of one that was offered a place meanwhile, or has ended, nothing follows."""
        command = policy.unmet_due(timer.id, timer.key, now)
        command_id = timer_command(timer.id, timer.due_at, timer.kind)
        handled = await self._clients.handle(timer.key, command, Context(command_id, command_id, command_id))
        if handled.rejected is not None and handled.rejected.code == "hand-over-under-way":
            await self._move(timer, now + DAY_RETRY)  # it counts here, if the file stays here
        elif not handled.events:
            await self._store.append(Append(now, rows=[Delete(schema.timers, (timer.id,))]))

    async def _ask_again(self, timer: DueTimer, now: datetime) -> None:
        """Another desk has not answered; one that has left the network will not."""
        check = (await self._checks.load(timer.key))[0]
        command: CheckCommand = policy.check_due(timer.key, now)
        if check.id and self._retired(check.site):
            command = EndCheck(at=now, role=SYSTEM_ROLE, check_id=timer.key, because="site_left")
        command_id = timer_command(timer.id, timer.due_at, timer.kind)
        handled = await self._checks.handle(timer.key, command, Context(command_id, command_id, command_id))
        if not handled.events and check.settled:
            await self._store.append(Append(now, rows=[Delete(schema.timers, (timer.id,))]))

    async def _hand_over(self, timer: DueTimer, now: datetime) -> None:
        """Asks the other desk, and sends it the file when it takes it. One that has left takes nothing."""
        await self._clients.freeze_sent(timer.key)
        file: File = (await self._clients.load_settled(timer.key))[0]
        known = file.hand_over
        if known is None:
            await self._store.append(Append(now, rows=[Delete(schema.timers, (timer.id,))]))
            return
        command: cmd.ClientCommand = CallOffHandOver(at=now, role=SYSTEM_ROLE, client_id=timer.key)
        if known.called_off or now - known.begun_at < HAND_OVER_WAITS or self._retired(known.site):
            how = "site_left" if self._retired(known.site) else await self._giving.talk(file, now)
            if how not in HAND_OVER_ENDS:
                shortest, longest = HAND_OVER_PAUSES
                after = self._clock.now()  # the other desk may have let this one wait
                await self._move(timer, after + min(max((after - known.begun_at) / 4, shortest), longest))
                return
            if how != TAKEN:  # first: until the file says so too it is frozen
                await self._vault.take_back(timer.key, sent_to(known), self._clock.now())
            command = HearHandOver(
                at=self._clock.now(), role=SYSTEM_ROLE, client_id=timer.key, hand_over_id=known.id, how=how
            )
        command_id = timer_command(timer.id, timer.due_at, timer.kind)
        handled = await self._clients.handle(timer.key, command, Context(command_id, command_id, command_id))
        if any(isinstance(event, ClientErased) for _, event in handled.events):
            await self._try_to_destroy(timer.key)

    async def destroy_key(self, client_id: str) -> datetime:
        """Destroys the key of an erased file, once what it adds to its weeks is counted, and writes down since when.
        Raises `VaultProblem`."""
        await self._counter.count_client(client_id)
        since = await self._vault.destroy(client_id, self._clock.now())
        command = cmd.NoteKeyDestroyed(
            at=self._clock.now(), role=SYSTEM_ROLE, client_id=client_id, destroyed_at=since
        )  # fmt: skip
        await self._do(client_id, command, "key-destroyed")
        return since

    async def reconcile(self) -> None:
        """After an older backup of the database: whatever file was sent to another desk is frozen (again), and
        whoever's key is destroyed is erased (again). After one of the keys and of their list: whoever is erased loses
        the key (again). And requests placed under older rules are placed anew.
        """
        for client_id in list(self._vault.away()):
            await self._clients.freeze_sent(client_id)
        gone = self._vault.destroyed()
        async for row in self._pages(views.clients):
            client_id, erased = row["id"], row["erased_at"] is not None
            if client_id in gone and not erased:
                await self._erase(client_id, "backup_restored")
                erased = True
            if erased and (row["key_gone_at"] is None or client_id not in gone):
                await self._try_to_destroy(client_id)
        for status in OPEN:
            async for row in self._pages(views.requests, status=status):
                if row["rules_version"] != self._rules.version:
                    await self._place_anew(row["client_id"], row["id"])

    async def look_for_unused(self) -> bool:
        """Erases whatever file nobody used for so long, once a day, and writes a line also when there was none. What is
        more than `ERASED_A_LOOK_MAX` waits for the next days, and the log says so.

        Whether that line was written: there is one for this day already, or for a later one, when it was not.
        """
        now = self._clock.now()
        unused, erased = now - timedelta(days=self._days), 0
        async for row in self._pages(views.clients, erased_at=None):
            if row["active_at"] <= unused:
                if erased == ERASED_A_LOOK_MAX:
                    log.error("more files are due than a day erases: is the clock right?", erased=erased)
                    break
                handled = await self._erase(row["id"], "retention", unused)
                if handled.events:
                    erased += 1
                    await self._try_to_destroy(row["id"])
        tomorrow = datetime.combine(now.date() + timedelta(days=1), RETENTION_AT)
        command = cmd.RecordRetention(
            at=now, role=SYSTEM_ROLE, site=self._site, day=now.date(), retention_days=self._days, erased=erased,
            again_at=tomorrow,
        )  # fmt: skip
        handled = await self._retention.handle(self._site, command, _context("retention", self._site, str(now.date())))
        if handled.events:
            log.info("looked for files nobody uses", erased=erased, retention_days=self._days)
        return bool(handled.events)

    async def _try_to_destroy(self, client_id: str) -> bool:
        """Whether the key is gone. If not, its timer stands: it is tried again."""
        try:
            await self.destroy_key(client_id)
        except VaultProblem as problem:
            log.error("a key was not destroyed", code=problem.code, again_seconds=KEY_RETRY.total_seconds())
            return False
        return True

    async def _move(self, timer: DueTimer, due_at: datetime) -> None:
        moved = Put(schema.timers, (timer.id, due_at, timer.kind, timer.key))
        await self._store.append(Append(self._clock.now(), rows=[moved]))

    async def _erase(self, client_id: str, because: str, idle_since: datetime | None = None) -> Handled:
        command = cmd.EraseClient(
            at=self._clock.now(), role=SYSTEM_ROLE, client_id=client_id, because=because, idle_since=idle_since
        )
        return await self._do(client_id, command, f"erase-{because}")

    async def _place_anew(self, client_id: str, request_id: str) -> None:
        """By the facts the file holds by now: somebody at the desk may be changing them. One that cannot be read stays
        where it is, and keeps no other from being placed.
        """
        while True:
            file: File = (await self._clients.load(client_id))[0]
            request = file.requests[request_id]
            if not request.open or request.rules_version == self._rules.version:
                return
            async with self._openings.noting(PLACING, SYSTEM_ROLE):
                try:
                    text = await self._vault.unseal(client_id, FACTS, request.facts)
                    found = placed(msgspec.json.decode(text, type=Facts).facts, self._rules)
                except (VaultProblem, msgspec.MsgspecError) as problem:
                    log.error("a request stays under older rules", reason=type(problem).__name__)
                    return
                command = cmd.PrioritizeRequest(
                    at=self._clock.now(), role=SYSTEM_ROLE, client_id=client_id, request_id=request_id,
                    facts=request.facts, priority_band=found.band, rules_version=found.rules_version, by_rules=True,
                    if_version=file.version,
                )  # fmt: skip
                handled = await self._do(client_id, command, f"rules-{found.rules_version}-{request_id}")
                if handled.events:
                    noted(client_id)
            if handled.rejected is None or handled.rejected.code != "version-stale":
                return

    async def _do(self, client_id: str, command: cmd.ClientCommand, why: str) -> Handled:
        return await self._clients.handle(client_id, command, _context(why, client_id))

    async def _pages(self, table: Any, **where: Any) -> AsyncIterator[dict[str, Any]]:
        after: str | None = None
        while rows := await self._store.page(table, after, PAGE, **where):
            for row in rows:
                yield row
            after = str(rows[-1]["id"])


def _context(*why: str) -> Context:
    command_id = derived_id(*why)
    return Context(command_id, command_id, command_id)
