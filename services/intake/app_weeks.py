"""Who counts what happened at a desk by week, once each: when the week is over, or before a file's key goes.

What a client adds to a week is sealed in their file until then. A timer stands for each of it; it goes in the append
that counts it, under a key of its own, so that two processes, or one that died half-way, count nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import msgspec

from services.intake import commands_weeks as cmd
from services.intake import policy
from services.intake.decider_file import File
from services.intake.decider_flows import flow_of
from services.intake.file import ENDING, REFERRAL, Ending, Referred
from services.intake.need import need_of
from shared import schema
from shared.clock import Clock
from shared.contracts.vocabulary import GROUP_OF
from shared.contracts.weeks import WEEK, week_of
from shared.envelope import SYSTEM_ROLE
from shared.handling import Also, Context, Handler
from shared.ids import derived_id
from shared.logbook import Openings
from shared.policies import Handlers
from shared.ports import Append, Delete, KeyRecord, KeyTaken, Store
from shared.telemetry import logger
from shared.vault import Vault, VaultProblem

log = logger("intake")

STATISTICS = "statistics-v1"
"""What is opened here is opened for, in the register of processing activities."""

COUNTED = "counted"
"""The scope of the keys that keep one thing from being counted twice."""

TOGETHER_MAX = 500
"""What is counted in one append at most."""

Row = Mapping[str, Any]


class Item(NamedTuple):
    """One thing to count. part: of the week's counts. word: which of that part's."""

    week: date
    part: str
    word: str = ""


class WeekCounter:
    """Counts for one site. openings: writes down whose sealed texts were opened to be counted."""

    def __init__(
        self, site: str, store: Store, vault: Vault, handlers: Handlers, clock: Clock, openings: Openings
    ) -> None:
        self._site, self._store, self._vault, self._clock, self._openings = site, store, vault, clock, openings
        self._clients: Handler[Any, Any, Any] = handlers[policy.CLIENT]
        self._weeks: Handler[Any, Any, Any] = handlers[policy.WEEKS]

    async def close(self, now: datetime) -> bool:
        """Counts what belongs to weeks that are over, and closes the last of them. Whether it was still open.

        Raises `VaultProblem` while the vault is shut.
        """
        await self.count_due(now)
        week = week_of(now) - WEEK
        command = cmd.CloseWeek(
            at=now, role=SYSTEM_ROLE, site=self._site, week=week, again_at=policy.week_closes(week_of(now))
        )
        handled = await self._weeks.handle(self._site, command, _context("close-week", self._site, week.isoformat()))
        return bool(handled.events)

    async def count_due(self, now: datetime) -> None:
        """Counts whatever is due. Raises `VaultProblem` while the vault is shut."""
        rows = await self._store.rows(schema.timers, kind=policy.COUNT)
        await self._count([row for row in rows if row["due_at"] <= now], erasing=False)

    async def count_client(self, client_id: str) -> None:
        """Counts what is left to count of one file, whatever its week: its key goes next. What cannot be read by then
        is counted as that; nobody waits to be forgotten because we would like to count them.
        """
        rows = await self._store.rows(schema.timers, kind=policy.COUNT, key=client_id)
        await self._count(rows, erasing=True)

    async def _count(self, rows: list[dict[str, Any]], *, erasing: bool) -> None:
        by_week: dict[date, list[tuple[Row, Item]]] = {}
        async with self._openings.noting(STATISTICS, SYSTEM_ROLE):
            for row in rows:
                item = await self._item((await self._clients.load_settled(row["key"]))[0], row["id"], erasing=erasing)
                by_week.setdefault(item.week, []).append((row, item))
        for week, found in sorted(by_week.items()):
            for first in range(0, len(found), TOGETHER_MAX):
                await self._store_counts(week, found[first : first + TOGETHER_MAX])

    async def _store_counts(self, week: date, found: list[tuple[Row, Item]]) -> None:
        """One append. When somebody else has counted one of them by now, each by itself: that one is left out."""
        timers = [row["id"] for row, _ in found]
        command = _command(self._site, self._clock.now(), week, [item for _, item in found])
        also = Also(
            rows=[Delete(schema.timers, (id_,)) for id_ in timers],
            keys=[KeyRecord(COUNTED, id_, b"", self._weeks_stream, 1, 0) for id_ in timers],
        )
        try:
            handled = await self._weeks.handle(self._site, command, _context("count", *sorted(timers)), also)
        except KeyTaken:
            for each in found if len(found) > 1 else []:
                await self._store_counts(week, [each])
            if len(found) == 1:  # a word that came late has set the timer of a week again that was counted
                await self._store.append(Append(self._clock.now(), rows=[Delete(schema.timers, (timers[0],))]))
            return
        assert handled.rejected is None, handled.rejected

    @property
    def _weeks_stream(self) -> str:
        return f"{policy.WEEKS}/{self._site}"

    async def _item(self, file: File, timer: str, *, erasing: bool) -> Item:
        part, _, id_ = timer.removeprefix(policy.COUNTING).partition("/")
        if part == policy.REGISTRATION:
            assert file.registered_at is not None
            return Item(week_of(file.registered_at), part)
        if part == policy.FLOW:
            week = date.fromisoformat(id_.rpartition("/")[2])
            flow = flow_of(file, week)
            return Item(week, part, "" if flow is None else flow.word)
        if part == policy.UNMET:
            request = file.requests[id_]
            need = need_of(request.kinds, request.household_size, request.features, request.unmet)
            assert request.unmet_at is not None
            return Item(week_of(request.unmet_at), part, need.word)
        if part == policy.TRAJECTORY:
            trajectory = file.trajectories[id_]
            assert trajectory.ended_at is not None
            week, name, sealed = week_of(trajectory.ended_at), ENDING, trajectory.outcome
        else:
            referral = file.referrals[id_]
            week, name, sealed = week_of(referral.made_at), REFERRAL, referral.referral
        try:
            text = await self._vault.unseal(file.id, name, sealed)
            if part == policy.TRAJECTORY:
                return Item(week, part, msgspec.json.decode(text, type=Ending).kind)
            return Item(week, part, GROUP_OF[msgspec.json.decode(text, type=Referred).partner_kind])
        except VaultProblem as problem:
            passing = problem.code == "vault-unavailable" if self._vault.shut is None else not erasing
            if passing:
                raise
            log.error("something was counted as unreadable", code=problem.code)
        except msgspec.MsgspecError:
            log.error("something was counted as unreadable", code="vault-text-damaged")
        return Item(week, "unreadable")


def _command(site: str, at: datetime, week: date, items: Iterable[Item]) -> cmd.CountWeek:
    parts = Counter(item.part for item in items)
    words = {part: Counter(item.word for item in items if item.part == part) for part in parts}
    return cmd.CountWeek(
        at=at, role=SYSTEM_ROLE, site=site, week=week, registrations=parts[policy.REGISTRATION],
        referrals=dict(words.get(policy.REFERRAL, {})), outcomes=dict(words.get(policy.TRAJECTORY, {})),
        unreadable=parts["unreadable"], unmet=dict(words.get(policy.UNMET, {})),
        flows={word: count for word, count in words.get(policy.FLOW, {}).items() if word},
    )  # fmt: skip


def _context(*why: str) -> Context:
    command_id = derived_id(*why)
    return Context(command_id, command_id, command_id)
