"""Who seals questions to other desks, opens theirs, and compares: what a check needs beside its decisions.

A question is made anew from the file each time it is asked, and sealed to a key that the other desk holds in memory for
this one check. So nothing of a person who is erased while a check is under way lies anywhere: not at this desk, which
never could open it, and not at the other one, whose key is gone with its answer or its process.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from services.intake.api_checks import LIKENESS
from services.intake.api_likeness import SHOWN_MAX, Files
from services.intake.commands_likeness import (
    AskCheck,
    CheckCommand,
    EndCheck,
    HearCheckAnswer,
    RepeatCheck,
    ReplyCommand,
    ReplyToCheck,
)
from services.intake.decider_likeness import Check, Reply
from services.intake.events_likeness import CheckEvent, ReplyEvent
from services.intake.likeness import Kept, alike, of_one_person, under
from services.intake.views_likeness import check_replies
from shared.aggregate import Aggregate, Encode
from shared.clock import Clock
from shared.envelope import SYSTEM_ROLE
from shared.handling import NOTHING_ELSE, Also, Context, Handled, Handler
from shared.ids import Ids
from shared.letters import LetterRefused, OneKey, seal_to
from shared.logbook import Openings
from shared.ports import Store
from shared.telemetry import logger
from shared.unspoken import Unspoken
from shared.vault import VaultProblem

log = logger("checks")

KEY_BYTES, KEY_BYTES_MAX = 32, 64
KEYS_MAX = 500
KEY_LIVES = timedelta(days=1)
"""How long a key that was given waits for its question."""
CHECKS_A_DAY_MAX = 50
"""Checks of one site that are answered in a day; the next ones are refused, and that is kept too. A desk registers a
handful of people a day; whoever asks about everybody learns who is where."""


class Question(Unspoken, frozen=True, forbid_unknown_fields=True):
    """Marks of one person, under a key made for this question."""

    key: bytes
    names: dict[str, int]
    nearly: dict[str, int]
    born: dict[str, int]


class Asking(Handler[Check, CheckCommand, CheckEvent]):
    """Handles what happens to checks at other desks."""

    def __init__(
        self, store: Store, aggregate: Aggregate[Check, CheckCommand, CheckEvent], clock: Clock, ids: Ids,
        encode: Encode, files: Files,
    ) -> None:  # fmt: skip
        super().__init__(store, aggregate, clock, ids, encode)
        self._files, self._openings = files, Openings(store, clock, ids.random_id)

    async def handle(self, key: str, command: CheckCommand, context: Context, also: Also = NOTHING_ELSE) -> Handled:
        """As `Handler.handle`. Of somebody who is erased nothing more is asked or heard. A file that was opened for a
        question has its line by the event, or by a row where none followed."""
        if not isinstance(command, AskCheck | RepeatCheck | HearCheckAnswer):
            return await super().handle(key, command, context, also)
        async with self._openings.noting(LIKENESS, SYSTEM_ROLE) as found:
            handled = await super().handle(key, await self._filled(command), context, also)
            if handled.events and not handled.replayed:
                found.noted |= found.subjects.keys()
        return handled

    async def _filled(self, command: AskCheck | RepeatCheck | HearCheckAnswer) -> CheckCommand:
        check = (await self.load(command.check_id))[0]
        if not check.id or check.settled:
            return command
        try:
            if await self._files.gone(check.client_id):
                return _ended(command, "client_erased")
            if not isinstance(command, AskCheck):
                return command
            mine = await self._files.kept(check.client_id)
            if mine is None or not mine.names:
                return _ended(command, "nothing_to_compare")
            key = os.urandom(KEY_BYTES)
            sent = under(mine, key)
            question = Question(key, dict(sent.names), dict(sent.nearly), dict(sent.born))
            return replace(command, question=seal_to(command.key, msgspec.json.encode(question)))
        except (VaultProblem, LetterRefused) as problem:  # it is begun again in a while
            log.info("a question to another desk was not asked", code=problem.code)
            return command


def _ended(command: CheckCommand, because: str) -> EndCheck:
    return EndCheck(at=command.at, role=command.role, check_id=command.check_id, because=because)


class Keys:
    """The keys of questions that have not come yet, in memory and nowhere else."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: OrderedDict[str, tuple[OneKey, datetime]] = OrderedDict()

    def of(self, check: str) -> OneKey | None:
        """The key of a check, if it is still there."""
        oldest = self._clock.now() - KEY_LIVES
        while self._keys and (len(self._keys) > KEYS_MAX or next(iter(self._keys.values()))[1] < oldest):
            self._keys.popitem(last=False)
        found = self._keys.get(check)
        return None if found is None else found[0]

    def give(self, check: str) -> str:
        """The public half; the same as before while the key is there."""
        known = self.of(check)
        if known is None:
            known = OneKey()
            self._keys[check] = (known, self._clock.now())
        return known.public

    def drop(self, check: str) -> None:
        self._keys.pop(check, None)


class Replying(Handler[Reply, ReplyCommand, ReplyEvent]):
    """Handles checks of other desks."""

    def __init__(
        self, store: Store, aggregate: Aggregate[Reply, ReplyCommand, ReplyEvent], clock: Clock, ids: Ids,
        encode: Encode, files: Files,
    ) -> None:  # fmt: skip
        super().__init__(store, aggregate, clock, ids, encode)
        self._files, self._at_hand = files, Keys(clock)
        self._openings = Openings(store, clock, ids.random_id)

    async def handle(self, key: str, command: ReplyCommand, context: Context, also: Also = NOTHING_ELSE) -> Handled:
        """As `Handler.handle`. Which files were opened is written down before there is an answer; the key goes once
        that is stored."""
        async with self._openings.noting(LIKENESS, SYSTEM_ROLE):
            command = await self._filled(key, command)
        handled = await super().handle(key, command, context, also)
        if (await self.load(key))[0].answer:
            self._at_hand.drop(key)
        return handled

    async def _filled(self, key: str, command: ReplyCommand) -> ReplyCommand:
        reply = (await self.load(key))[0]
        if reply.answer or (reply.id and reply.site != command.site):
            return command
        if not reply.id and await self._asks_too_much(command.site, command.at):
            log.warning("a site asks about too many people", site=command.site, checks_max=CHECKS_A_DAY_MAX)
            return replace(command, refuse=True)
        known = self._at_hand.of(key)
        if isinstance(command, ReplyToCheck) and known is not None:
            try:
                found = await self._found(known.unseal(command.question))
                return command if found is None else replace(command, answer=found[0], clients=found[1])
            except LetterRefused:  # sealed to a key of an earlier process
                pass
        return replace(command, key=self._at_hand.give(key))

    async def _asks_too_much(self, site: str, at: datetime) -> bool:
        rows = await self._store.rows(check_replies, site=site, day=at.date().isoformat(), counts=True)
        return len(rows) >= CHECKS_A_DAY_MAX

    async def _found(self, text: bytes) -> tuple[str, tuple[str, ...]] | None:
        """The answer, and the files it is about; None while the vault is shut: it is asked again. What is no question
        of ours is answered as one about nobody."""
        try:
            asked = msgspec.json.decode(text, type=Question)
        except msgspec.MsgspecError:
            return "unknown", ()
        theirs = Kept(asked.names, asked.nearly, asked.born)
        if not 16 <= len(asked.key) <= KEY_BYTES_MAX or not of_one_person(theirs):
            return "unknown", ()
        try:
            rows: list[Any] = list(await self._files.alike(lambda mine: alike(under(mine, asked.key), theirs)))
        except VaultProblem as problem:
            log.info("a question of another desk is not answered yet", code=problem.code)
            return None
        return ("known" if rows else "unknown"), tuple(str(row["id"]) for row in rows[:SHOWN_MAX])
