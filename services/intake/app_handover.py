"""The conversation by which a file goes from one desk to another: requests and replies between two live sites, on no
stream and kept by nobody.

Everybody in the network may ask, so nobody is believed for the name they give. A request is sealed to the key of the
site it is to, and its answer to the key of the site it names: only those two can read them. The answer repeats what the
request had made up for it (`nonce`), so it comes from whom it was asked of; and who asks has to repeat what an answer
gave them (`proof`), so they are who they say. The file itself is sealed once more, to a key that the desk which takes
it made for this one hand-over, and has in memory only: whoever kept what went over the wire, and gets hold of a site's
key later, reads nothing in it.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from services.intake import commands_handover as cmd
from services.intake import file as f
from services.intake import handover as h
from services.intake.api_desk import ClientHandler
from services.intake.app_away import sent_to
from services.intake.app_likeness import Keys
from services.intake.app_line import REQUEST_BYTES_MAX, Asked, Line, Said, Wrapped
from services.intake.decider_file import File
from services.intake.decider_handover import TAKING, Taking
from services.intake.events_handover import TakenReferral, TakenTrajectory, TakingEvent
from services.intake.priority import CURRENT, placed
from services.intake.views_guidance import milestones
from services.intake.views_handover import project_taking, takings
from shared.clock import Clock
from shared.envelope import SYSTEM_ROLE, Meta
from shared.handling import Also, Context, Handler
from shared.ids import Ids, derived_id
from shared.kernel import Rejected
from shared.letters import LetterRefused, Seals, seal_to
from shared.logbook import Openings
from shared.ports import NewEvent, Store, StreamWrite, VersionConflict
from shared.telemetry import logger
from shared.vault import TEXT_BYTES_MAX, Vault, VaultProblem

log = logger("hand-over")

ACTIVITY = "hand-over-v1"
"""What a file is opened for that is handed over, in the register of processing activities."""
EXCHANGES_MAX = 8
"""Requests in one conversation: to be proved, to be agreed on, the file, and what a process that starts anew adds."""
SIZE = 32 * 1024
"""A file is padded to a multiple of it, so that its length says little of who is in it."""
OPEN_OF_A_SITE_MAX = 20
"""Files of one site that wait here for somebody to say whether they are taken; the next ones are declined."""


class Giving:
    """The desk that has the file."""

    def __init__(
        self, site: str, clients: ClientHandler, vault: Vault, seals: Seals, line: Line, openings: Openings
    ) -> None:  # fmt: skip
        self._site, self._clients, self._vault, self._seals, self._line = site, clients, vault, seals, line
        self._openings, self._store = openings, openings.store

    async def talk(self, file: File, at: datetime) -> str | None:
        """One conversation about a file that is under way. How it stands in the other desk's word; None when it did not
        say. at: now. Raises `VaultProblem` when the file cannot be opened, `StoreUnavailable`."""
        known = file.hand_over
        assert known is not None
        ask = Asked(
            "hand-over-asked", known.id, self._site, known.site, os.urandom(16).hex(),
            "call_off" if known.called_off else "ask",
        )  # fmt: skip
        for _ in range(EXCHANGES_MAX):
            said = await self._exchange(ask)
            if said is None:
                return None
            if said.answer == "prove":
                ask = replace(ask, proof=said.proof, kind="ask" if ask.kind == "file" else ask.kind, file="")
            elif said.answer == "agreed" and ask.kind == "call_off":
                return None  # whatever they say: what is called off is not sent any more
            elif said.answer == "agreed":
                sealed = await self._sealed(file, said.key, at)
                if sealed is None:
                    return None
                ask = replace(ask, kind="file", file=sealed)
            else:
                return said.answer
        return None

    async def _exchange(self, ask: Asked) -> Said | None:
        asked = replace(ask, nonce=os.urandom(16).hex())
        sealed = self._seals.seal(ask.to, msgspec.json.encode(asked))
        if sealed is None:
            return None
        request = msgspec.json.encode(Wrapped(self._site, sealed))
        if len(request) > REQUEST_BYTES_MAX:
            log.error("a file is too large to be handed over", bytes=len(request))
            return None
        answer = await self._line.ask(ask.to, request)
        if answer is None:
            return None
        try:
            said = msgspec.json.decode(self._seals.unseal(answer.decode("ascii")), type=Said)
        except (LetterRefused, msgspec.MsgspecError, UnicodeDecodeError):
            log.warning("an answer about a hand-over cannot be read", site=ask.to)
            return None
        same = (said.id, said.sender, said.to, said.nonce) == (ask.id, ask.to, self._site, asked.nonce)
        return said if same else None

    async def _sealed(self, file: File, key: str, at: datetime) -> str | None:
        """The whole file, for whoever has the other half of `key`; None for what is no key. That it was opened is
        written down first, and that it is sent, where no backup of the database takes that back."""
        assert file.hand_over is not None
        await self._vault.send(file.id, sent_to(file.hand_over), at)
        async with self._openings.noting(ACTIVITY, SYSTEM_ROLE):
            carried = await self._carried(file)
        text = msgspec.json.encode(carried)
        try:
            return seal_to(key, text.ljust(-(-len(text) // SIZE) * SIZE))
        except LetterRefused:
            log.warning("a desk agreed to a hand-over and gave no key", site=file.hand_over and file.hand_over.site)
            return None

    async def _carried(self, file: File) -> h.Carried:
        personal = (
            f.Personal() if file.personal is None else await self._open(file, f.PERSONAL, file.personal, f.Personal)
        )
        request = None
        for asked in file.open_requests:
            request = h.CarriedRequest(
                asked.kinds, asked.features, asked.household_size, asked.not_at,
                await self._open(file, f.FACTS, asked.facts, f.Facts), asked.waiting_since,
                counted=asked.found or bool(asked.unmet),
            )  # fmt: skip
        rows = [row for id_ in file.trajectories for row in await self._store.rows(milestones, trajectory_id=id_)]
        reached = {row["id"]: row["at"] for row in rows}
        ways = [
            h.CarriedTrajectory(
                await self._open(file, f.GOALS, way.goals, f.Goals), way.started_at,
                tuple([
                    h.CarriedMilestone(await self._open(file, f.MILESTONE, sealed, f.Milestone), reached[id_])
                    for id_, sealed in way.milestones.items()
                ]),
                way.ended_at, await self._open(file, f.ENDING, way.outcome, f.Ending) if way.outcome else None,
            )
            for way in file.trajectories.values()
        ]  # fmt: skip
        referrals = [
            h.CarriedReferral(
                await self._open(file, f.REFERRAL, each.referral, f.Referred), each.made_at, each.state,
                await self._appointment(file, each.appointment), await self._appointment(file, each.first),
            )
            for each in file.referrals.values()
        ]  # fmt: skip
        card = await self._open(file, f.CARD, file.card, f.Card)
        return h.Carried(card, personal, request, tuple(ways), tuple(referrals))

    async def _appointment(self, file: File, sealed: str | None) -> f.Appointment | None:
        return None if sealed is None else await self._open(file, f.APPOINTMENT, sealed, f.Appointment)

    async def _open(self, file: File, name: str, sealed: str, kind: type[Any]) -> Any:
        text = await self._vault.unseal(file.id, name, sealed)
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.MsgspecError:  # it would quote what it read
            raise VaultProblem("vault-text-damaged", name) from None


class Receiving:
    """The desk that is to have it."""

    def __init__(
        self, site: str, store: Store, clients: ClientHandler, takings: Handler[Taking, cmd.TakingCommand, TakingEvent],
        vault: Vault, seals: Seals, clock: Clock, ids: Ids,
    ) -> None:  # fmt: skip
        self._site, self._store, self._clients, self._takings = site, store, clients, takings
        self._vault, self._seals, self._clock, self._ids = vault, seals, clock, ids
        self._secret, self._keys, self._one = os.urandom(32), Keys(clock), asyncio.Lock()

    async def answer(self, request: bytes) -> bytes | None:
        """What is answered to one request; None: nothing, for it is none, or this desk cannot answer now. Raises
        `StoreUnavailable`, `OriginHalted`, `VersionConflict`."""
        asked = self._read(request)
        if asked is None:
            return None
        try:
            async with self._one:  # two requests about one file, the second sent because the first took long
                said = await self._said(asked)
        except VaultProblem as problem:
            log.error("a file that was handed over is not taken yet", code=problem.code)
            return None
        sealed = self._seals.seal(asked.sender, msgspec.json.encode(said))
        return None if sealed is None else sealed.encode()

    def _read(self, request: bytes) -> Asked | None:
        if len(request) > REQUEST_BYTES_MAX:
            return None
        try:
            wrapped = msgspec.json.decode(request, type=Wrapped)
            asked = msgspec.json.decode(self._seals.unseal(wrapped.sealed), type=Asked)
        except (LetterRefused, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        believed = asked.sender == wrapped.site != self._site and asked.to == self._site
        return asked if believed and self._seals.knows(asked.sender) else None

    async def _said(self, asked: Asked) -> Said:
        proof = hmac.digest(self._secret, f"{asked.sender}/{asked.id}".encode(), "sha256").hex()
        said = Said("hand-over-said", asked.id, self._site, asked.sender, asked.nonce, "prove", proof)
        if not hmac.compare_digest(asked.proof.encode(), proof.encode()):
            return said
        at = self._clock.now()
        about: dict[str, Any] = {"at": at, "role": SYSTEM_ROLE, "hand_over_id": asked.id, "site": asked.sender}
        if asked.kind == "call_off":
            await self._do(cmd.CallOffTaking(**about))
        elif asked.kind == "ask":
            state = (await self._takings.load_settled(asked.id))[0]
            refuse = not state.id and await self._asks_too_much(asked.sender)
            await self._do(cmd.AskToTake(**about, refuse=refuse))
        else:
            await self._take(asked)
        state = (await self._takings.load_settled(asked.id))[0]
        if state.id and state.site != asked.sender:
            return replace(said, answer="declined")
        return self._stands(said, state)

    def _stands(self, said: Said, state: Taking) -> Said:
        match state.status:
            case "taken" | "declined" | "called_off" as how:
                self._keys.drop(state.id)
                return replace(said, answer=how)
            case "agreed" if self._vault.shut is None:
                return replace(said, answer="agreed", key=self._keys.give(state.id))
            case "":  # no id of ours: nothing of it was kept
                return replace(said, answer="declined")
            case _:
                return replace(said, answer="waiting")

    async def _asks_too_much(self, site: str) -> bool:
        open_ = [len(await self._store.rows(takings, site=site, status=status)) for status in ("asked", "agreed")]
        return sum(open_) >= OPEN_OF_A_SITE_MAX

    async def _do(self, command: cmd.AskToTake | cmd.CallOffTaking | cmd.DeclineToTake) -> None:
        command_id = derived_id("hand-over", type(command).__name__, command.hand_over_id)
        await self._takings.handle(command.hand_over_id, command, Context(command_id, command_id, command_id))

    async def _take(self, asked: Asked) -> None:
        """Takes the file that came, if it can be read and was agreed on; otherwise it is as it was. What no desk would
        have written down is declined."""
        state, version = await self._takings.load_settled(asked.id)
        key = self._keys.of(asked.id)
        if state.status != "agreed" or state.site != asked.sender or key is None or self._vault.shut is not None:
            return
        try:
            carried = msgspec.json.decode(key.unseal(asked.file), type=h.Carried)
        except LetterRefused:  # sealed to a key of an earlier process: another one is given
            return
        except (msgspec.MsgspecError, UnicodeDecodeError):
            refused: Rejected | None = Rejected("text-invalid", {})
        else:
            refused = h.carried_refused(carried, self._clock.now().date(), TEXT_BYTES_MAX)
        if refused is None:
            refused = await self._took(asked, carried, state, version)
        if refused is not None:
            log.warning("a file that was handed over is none", site=asked.sender, code=refused.code)
            at = self._clock.now()
            await self._do(cmd.DeclineToTake(at=at, role=SYSTEM_ROLE, hand_over_id=asked.id))

    async def _took(self, asked: Asked, carried: h.Carried, state: Taking, version: int) -> Rejected | None:
        """The file and that it was taken are one append: there is no moment with one and not the other."""
        client_id, at = self._ids.random_id(), self._clock.now()
        await self._vault.create(client_id)
        about: dict[str, Any] = {"at": at, "role": SYSTEM_ROLE, "hand_over_id": asked.id, "site": asked.sender}
        finished = TAKING.decide(state, cmd.FinishTaking(**about, client_id=client_id))
        assert not isinstance(finished, Rejected), finished
        command_id = derived_id("hand-over", "TakeFile", asked.id)
        meta = Meta(command_id, command_id, SYSTEM_ROLE, None)
        events = [
            NewEvent(self._ids.event_id(), TAKING.codec.name(each), TAKING.codec.encode(each), meta)
            for each in finished
        ]
        rows = project_taking(state, finished, TAKING.fold(state, finished), at)
        also = Also(rows, [StreamWrite(TAKING.stream(asked.id), version, events)])
        command = await self._resealed(client_id, carried, about)
        decided = self._clients.aggregate.decider.decide(File(), command)
        if isinstance(decided, Rejected):
            await self._vault.remove(client_id)
            return decided
        try:
            await self._clients.handle(client_id, command, Context(command_id, command_id, command_id), also)
        except VersionConflict:  # somebody declined it, or it was called off, in this moment
            await self._vault.remove(client_id)
        return None

    async def _resealed(self, client_id: str, carried: h.Carried, about: dict[str, Any]) -> cmd.TakeFile:
        async def seal(name: str, part: msgspec.Struct) -> str:
            return await self._vault.seal(client_id, name, msgspec.json.encode(part))

        ways, reached = list[TakenTrajectory](), dict[str, datetime]()
        for way in carried.trajectories:
            steps = {self._ids.random_id(): each for each in way.milestones}
            reached.update({id_: each.at for id_, each in steps.items()})
            ways.append(TakenTrajectory(
                self._ids.random_id(), await seal(f.GOALS, way.goals), way.started_at,
                {id_: await seal(f.MILESTONE, each.step) for id_, each in steps.items()}, way.ended_at,
                await seal(f.ENDING, way.ending) if way.ending is not None else "",
            ))  # fmt: skip
        sent = [(self._ids.random_id(), each) for each in carried.referrals]
        referrals = [
            TakenReferral(
                id_, await seal(f.REFERRAL, each.referred), each.made_at, each.state,
                None if each.appointment is None else await seal(f.APPOINTMENT, each.appointment),
                None if each.first is None else await seal(f.APPOINTMENT, each.first),
            )
            for id_, each in sent
        ]  # fmt: skip
        agreed = [(id_, each.appointment) for id_, each in sent if each.state == "appointment"]
        asked, request = carried.request, None
        if asked is not None:
            found = placed(asked.facts.facts, CURRENT)
            request = cmd.TakenRequest(
                self._ids.random_id(), asked.kinds, asked.features, asked.household_size, asked.not_at,
                await seal(f.FACTS, asked.facts), found.band, found.rules_version, asked.waiting_since, asked.counted,
            )  # fmt: skip
        return cmd.TakeFile(
            **about, client_id=client_id, card=await seal(f.CARD, carried.card),
            personal=None if carried.personal == f.Personal() else await seal(f.PERSONAL, carried.personal),
            trajectories=tuple(ways), referrals=tuple(referrals), request=request,
            reached=reached, expected={id_: one.at for id_, one in agreed if one is not None},
        )  # fmt: skip
