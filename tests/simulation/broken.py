"""The product broken on purpose, one thing at a time, by overriding what it does: the simulation has to notice each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from services.intake import publish
from services.intake.app import CLIENTS
from services.intake.app_alias import Teller
from services.intake.app_handover import Giving
from services.intake.app_keeper import Keeper
from services.intake.commands import ClientCommand, NoteKeyDestroyed, OpenRequest
from services.intake.decider import CLIENT
from services.intake.decider_file import File
from services.intake.events import ClientEvent
from services.intake.publish import Telling
from services.intake.views_offers import client_offers
from services.placement.app import AGGREGATE, CALLS, REGIMES
from services.placement.commands import CallOffForSite, HoldForSite, LocationCommand
from services.placement.decider import LOCATION
from services.placement.decider_location import Location
from shared import schema
from shared.contracts.intake import RequestNoticed
from shared.envelope import Log, Message
from shared.handling import Handler
from shared.heard import Nobody
from shared.inbox import Reader, Turn, View
from shared.outbox import Relay
from shared.policies import Handlers
from shared.ports import Append, Appended, Put, Store
from tests.simulation.intake import IntakeProcess
from tests.simulation.oracle import PLACEMENT
from tests.simulation.process import Parts, Process, WatchedStore

if TYPE_CHECKING:
    from tests.simulation.world import World


class _AppliesEarly(Reader):
    def turn(self, message: Message, epoch: int, sequence: int) -> Turn:
        turn = super().turn(message, epoch, sequence)
        return "next" if turn == "early" else turn


class NoOrderGuard(Parts):
    """A reader that applies whatever is newer than what it has, whether or not something is missing between."""

    def reader(self, process: Process, store: Store, view: View) -> Reader:
        return _AppliesEarly(store, view, process.site.clock)


class _AppliesTwice(Reader):
    def turn(self, message: Message, epoch: int, sequence: int) -> Turn:
        turn = super().turn(message, epoch, sequence)
        return "next" if turn == "duplicate" else turn


class NoDeduplication(Parts):
    """A reader that applies what it has applied already."""

    def reader(self, process: Process, store: Store, view: View) -> Reader:
        return _AppliesTwice(store, view, process.site.clock)


class _TwoAppends(WatchedStore):
    """Stores how far a reader has read before what it has read, in an append of its own."""

    async def append(self, append: Append) -> Appended:
        marks = [
            row for row in append.rows if isinstance(row, Put) and row.table in {schema.checkpoints, schema.cursors}
        ]
        if append.streams or not marks:
            return await super().append(append)
        rest = [row for row in append.rows if row not in marks]
        await super().append(Append(append.recorded_at, rows=marks))
        return await super().append(Append(append.recorded_at, rows=rest))


class CheckpointApart(Parts):
    """A reader whose checkpoint is not in the transaction of its effects."""

    def store(self, process: Process, service: str) -> WatchedStore:
        return _TwoAppends(process, process.site.disks[service], service)


class _Unfenced(WatchedStore):
    def _refuse_to_go_back(self, append: Append) -> None:
        pass


class CheckpointsMoveBack(Parts):
    """A store that lets a reader of yesterday, dead or lagging, write over what has been read since."""

    def store(self, process: Process, service: str) -> WatchedStore:
        return _Unfenced(process, process.site.disks[service], service)


class _TrustingRelay(Relay):
    async def _resume(self) -> int | None:
        tail = await self._writer.last()
        return 0 if tail is None else tail.sequence


class NoTailCheck(Parts):
    """A relay that goes on after the last number on the bus, whatever message has it."""

    def relay(self, process: Process, log: Log) -> Relay:
        writer = process.world.bus.log(process.site.name, PLACEMENT, log, process.io)
        return _TrustingRelay(process.store, log, writer, process.site.clock, Nobody())


class _Forgetful(WatchedStore):
    def _store(self, append: Append) -> Appended:
        append.rows = [row for row in append.rows if not (isinstance(row, Put) and row.table is schema.discarded)]
        return super()._store(append)


class MarksLost(Parts):
    """A discard that leaves no mark on the view."""

    def store(self, process: Process, service: str) -> WatchedStore:
        return _Forgetful(process, process.site.disks[service], service)


class NobodyAsked(Parts):
    """A relay that fills an empty stream without asking how far others have heard it."""

    def relay(self, process: Process, log: Log) -> Relay:
        writer = process.world.bus.log(process.site.name, PLACEMENT, log, process.io)
        return Relay(process.store, log, writer, process.site.clock, Nobody())


class _Decides(Parts):
    """Deciders of one's own in place of the product's."""

    def location(self, state: Location, command: LocationCommand) -> Any:
        return LOCATION.decide(state, command)

    def handlers(self, process: Process) -> Handlers:
        encode = process.world.seals[process.site.name].encode
        rest = (process.site.clock, process.world.ids, encode)
        places = replace(AGGREGATE, decider=replace(LOCATION, decide=self.location))
        return {
            "location": Handler(process.store, places, *rest),
            "call": Handler(process.store, CALLS, *rest),
            "regime": Handler(process.store, REGIMES, *rest),
        }


class CallOffsForgotten(_Decides):
    """An owner that does not remember what was called off before it was asked for."""

    def location(self, state: Location, command: LocationCommand) -> Any:
        known = isinstance(command, CallOffForSite) and command.hold_id not in state.guests
        return () if known else super().location(state, command)


class AsksDecidedAnew(_Decides):
    """An owner that decides again whenever it is asked again."""

    def location(self, state: Location, command: LocationCommand) -> Any:
        if isinstance(command, HoldForSite) and command.hold_id not in state.holds:
            guests = {id_: guest for id_, guest in state.guests.items() if id_ != command.hold_id}
            state = msgspec.structs.replace(state, guests=guests)
        return super().location(state, command)


class _AsksTwice(IntakeProcess):
    def deciding(self) -> Handlers:
        def decide(file: File, command: ClientCommand) -> Any:
            seen = msgspec.structs.replace(file, requests={}) if isinstance(command, OpenRequest) else file
            return CLIENT.decide(seen, command)

        site, world = self.process.site, self.process.world
        files = replace(CLIENTS, decider=replace(CLIENT, decide=decide))
        seals = world.seals[site.name]
        return dict(super().deciding()) | {"client": Handler(self.store, files, site.clock, world.ids, seals.encode)}


class TwoRequestsAtOnce(Parts):
    """A file that asks again while it asks."""

    def intake(self, process: Process) -> IntakeProcess:
        return _AsksTwice(process)


class _Uncut(RequestNoticed):
    cut = False


class _TellsItsCause(IntakeProcess):
    def deciding(self) -> Handlers:
        def tell(before: File, events: Sequence[ClientEvent], after: File) -> list[Telling]:
            told = publish.tell(before, events, after)
            return [
                one._replace(event=_Uncut.written(**one.contract.model_dump()))
                if isinstance(one.contract, RequestNoticed) else one
                for one in told
            ]  # fmt: skip

        site, world = self.process.site, self.process.world
        files = replace(CLIENTS, tell=tell)
        seals = world.seals[site.name]
        return dict(super().deciding()) | {"client": Handler(self.store, files, site.clock, world.ids, seals.encode)}


class NoticesSayWhy(Parts):
    """Notices that travel under the correlation of whatever led to them."""

    def intake(self, process: Process) -> IntakeProcess:
        return _TellsItsCause(process)


class _KeepsKeys(Keeper):
    async def destroy_key(self, client_id: str) -> datetime:
        at = self._clock.now()
        command = NoteKeyDestroyed(at=at, role="system", client_id=client_id, destroyed_at=at)
        await self._do(client_id, command, "key-destroyed")
        return at


class _Keeps(IntakeProcess):
    keeper_kind = _KeepsKeys


class KeysKept(Parts):
    """An erasure that says the key is gone, and leaves it where it is."""

    def intake(self, process: Process) -> IntakeProcess:
        return _Keeps(process)


class NobodyLeft(Parts):
    """Calls to a site that has left the network wait for its word."""

    def retired(self, world: World, site: str) -> bool:
        return False


class _Impatient(Giving):
    async def talk(self, file: File, at: datetime) -> str | None:
        called_off = file.hand_over is not None and file.hand_over.called_off
        return "called_off" if called_off else await super().talk(file, at)


class _TakesBack(IntakeProcess):
    giving_kind = _Impatient


class TakenBackUnasked(Parts):
    """A desk that takes a file back which it has called off, and does not ask whether the other one has it by now."""

    def intake(self, process: Process) -> IntakeProcess:
        return _TakesBack(process)


class _TellsEverybody(Teller):
    async def _alias(self, site: str, offer_id: str) -> str | None:
        rows = await self._store.rows(client_offers, id=offer_id)
        return "somebody" if rows and rows[0]["site"] == site else None


class _TellsAll(IntakeProcess):
    teller_kind = _TellsEverybody


class AliasOfEverybody(Parts):
    """A desk that tells a house the alias of everybody who lives there."""

    def intake(self, process: Process) -> IntakeProcess:
        return _TellsAll(process)


BROKEN: tuple[type[Parts], ...] = (
    NoOrderGuard, NoDeduplication, CheckpointApart, CheckpointsMoveBack, NoTailCheck, MarksLost, NobodyAsked,
    CallOffsForgotten, AsksDecidedAnew, TwoRequestsAtOnce, NoticesSayWhy, KeysKept, NobodyLeft,
)  # fmt: skip
