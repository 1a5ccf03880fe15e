"""Between a route and the handler: the vault's answers as problems, and the parts every command needs.

A request's fingerprint is kept for some days so that a repeated one is known. A plain hash of a name and a birth date
is guessed in seconds: here it is one only the vault can make, also of the key and the path it came with
(`Intake.context`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
import sqlalchemy as sa

from services.intake import commands as cmd
from services.intake import events as ev
from services.intake.commands_handover import TakingCommand
from services.intake.commands_likeness import CheckCommand
from services.intake.commands_weeks import WeekCommand
from services.intake.decider_file import File
from services.intake.decider_handover import Taking
from services.intake.decider_likeness import Check
from services.intake.decider_weeks import Weeks
from services.intake.events_handover import TakingEvent
from services.intake.events_likeness import CheckEvent
from services.intake.events_weeks import WeekEvent
from services.intake.file import CARD, FACTS, PERSONAL, Card, Facts, Personal
from shared import metrics
from shared.archive import Look
from shared.clock import Clock
from shared.handling import Context, Handled, Handler, KeyClaim
from shared.http import Streams
from shared.http_models import EventRef, is_id
from shared.http_problems import Problem, rejected
from shared.ids import Ids
from shared.kernel import Rejected
from shared.logbook import Openings, noted
from shared.ports import Store
from shared.security import Actor, Role
from shared.telemetry import current_traceparent
from shared.unspoken import Unspoken
from shared.vault import Vault, VaultProblem

INPUT_CODES = frozenset({
    "check-answer-unknown", "check-end-unknown", "hand-over-end-unknown",
    "arrival-invalid", "decline-reason-unknown", "expected-by-invalid", "offer-word-unknown", "override-reason-unknown",
    "site-invalid",
    "alias-invalid", "appointment-impossible", "appointment-missing", "birth-date-impossible",
    "contact-address-unusable", "correction-reason-unknown", "district-unknown", "erasure-cause-unknown",
    "feature-unknown", "household-member-twice", "household-member-unknown", "household-size-invalid", "id-invalid",
    "kind-repeated", "kind-unknown", "kind-without-beds", "kinds-missing", "language-unknown", "location-name-invalid",
    "not-sealed",
    "outcome-kind-other", "priority-invalid", "read-purpose-unknown", "referral-state-unknown",
    "retention-days-invalid", "rules-invalid", "text-invalid", "time-without-zone", "too-many-locations",
    "withdrawal-reason-unknown",
})  # fmt: skip
"""Refusals that say the request itself is wrong, whatever the state of the file: 422."""

SAME_LOOK = timedelta(minutes=1)
"""A request to look at what is personal that is repeated so soon only asks for an answer that was lost."""

E = TypeVar("E", bound=ev.ClientEvent)
S = TypeVar("S", bound=msgspec.Struct)
ClientHandler = Handler[File, cmd.ClientCommand, ev.ClientEvent]

Route = tuple[str, str, Callable[..., Any], int, tuple[Role, ...]]
"""Method, path, endpoint, status of success, who may call."""

DESK: tuple[Role, ...] = ("caseworker",)


class Told(Unspoken, frozen=True):
    """aliases: by offer, of those who handed theirs over. unheard: the desks that did not answer now; of theirs what
    they said last, for some hours."""

    aliases: Mapping[str, str]
    unheard: Sequence[str]


class Listener(Protocol):
    """Asks the desks of those who live here."""

    async def aliases(self, guests: Mapping[str, Sequence[str]], role: str, silent: Iterable[str] = ()) -> Told:
        """guests: offers by which somebody lives here, by the site of the desk that accepted them. role: of who looks.
        silent: desks that nobody needs to be kept waiting for. Raises `VaultProblem`, `StoreUnavailable`."""
        ...


class Asked(NamedTuple):
    """Who asks for a command, and under which idempotency key."""

    actor: Actor
    claim: KeyClaim | None


@contextmanager
def vault_problems() -> Iterator[None]:
    """What the vault says, as it is answered: 410 `client-erased` for a key that was destroyed, else 503 and why."""
    try:
        yield
    except VaultProblem as problem:
        if problem.code == "vault-key-destroyed":
            raise Problem(410, "client-erased") from None
        raise Problem(503, problem.code, headers={"Retry-After": "5"}) from None


def accepted(refusal: Rejected | None) -> None:
    """Nothing; or the refusal, raised as the `Problem` it becomes."""
    if refusal is not None:
        raise rejected(refusal, INPUT_CODES)


@dataclass(frozen=True)
class Intake:
    """What the routes work with. destroy_key: of an erased file; returns since when it is gone (`app_keeper.py`).
    can_write_to: whether a letter can be sealed to a site. desks: the other sites that have one, now. openings: writes
    down which files an answer opened. live: whether the desk of another site is heard now. listener: hears what those
    who live here are called (`app_alias.py`)."""

    site: str
    handler: ClientHandler
    store: Store
    vault: Vault
    destroy_key: Callable[[str], Awaitable[datetime]]
    clock: Clock
    ids: Ids
    weeks: Handler[Weeks, WeekCommand, WeekEvent]
    streams: Streams
    can_write_to: Callable[[str], bool]
    checks: Handler[Check, CheckCommand, CheckEvent]
    takings: Handler[Taking, TakingCommand, TakingEvent]
    desks: Callable[[], Sequence[str]]
    openings: Openings
    live: Callable[[str], bool]
    listener: Listener

    async def do(self, client_id: str, asked: Asked, command: type[cmd.ClientCommand], **fields: Any) -> Handled:
        """Let the file decide. A refusal is raised as the `Problem` it becomes."""
        if not is_id(client_id):
            raise Problem(404, "client-unknown")
        made = command(at=self.clock.now(), role=asked.actor.role, client_id=client_id, **fields)
        context = self.context(asked)
        with vault_problems():  # who cannot read which files were sent to other desks works with none
            handled = await self.handler.handle(client_id, made, context)
        metrics.COMMANDS.labels("intake", command.__name__, outcome(handled)).inc()
        accepted(handled.rejected)
        if handled.events and not handled.replayed:
            noted(client_id)
        return handled

    def context(self, asked: Asked) -> Context:
        """Where a command from outside comes from. Raises 503 while the vault is shut."""
        command_id, claim = self.ids.event_id(), asked.claim
        if claim is not None:
            with vault_problems():
                scope, key = (self.vault.fingerprint(part.encode()).hex() for part in (claim.scope, claim.key))
                body_hash = self.vault.fingerprint(claim.body_hash)
            claim = msgspec.structs.replace(claim, scope=scope, key=key, body_hash=body_hash)
        return Context(command_id, self.ids.random_id(), command_id, current_traceparent(), claim)

    async def file(self, client_id: str) -> File:
        """A file that is there and not erased. Raises 404 `client-unknown`, 410 `client-erased`."""
        file = (await self.handler.load(client_id))[0] if is_id(client_id) else File()
        if not file.id:
            raise Problem(404, "client-unknown")
        if file.erased_at is not None:
            raise rejected(Rejected("client-erased", {"erased_at": file.erased_at.isoformat()}))
        return file

    async def record_look(self, client_id: str, look: Look) -> None:
        """Writes down that somebody follows a chain of causes through a file. Raises the `Problem` of a refusal: a file
        that was erased stays shut.
        """
        command = cmd.ReadPersonal(
            at=self.clock.now(), role=look.role, client_id=client_id, read_id=self.ids.random_id(), purpose=look.purpose
        )
        command_id = self.ids.event_id()
        context = Context(command_id, self.ids.random_id(), command_id, current_traceparent())
        with vault_problems():
            handled = await self.handler.handle(client_id, command, context)
        metrics.COMMANDS.labels("intake", "ReadPersonal", outcome(handled)).inc()
        accepted(handled.rejected)
        noted(client_id)

    async def seal(self, client_id: str, name: str, part: msgspec.Struct) -> str:
        """A part of a file, sealed under the client's key."""
        with vault_problems():
            return await self.vault.seal(client_id, name, msgspec.json.encode(part))

    async def card(self, client_id: str, sealed: str) -> Card:
        """The card again."""
        return await self.opened(client_id, CARD, sealed, Card)

    async def personal(self, client_id: str, sealed: str | None) -> Personal:
        """What is personal again; empty when nothing was given."""
        return Personal() if sealed is None else await self.opened(client_id, PERSONAL, sealed, Personal)

    async def facts(self, client_id: str, sealed: str) -> Facts:
        """The facts of a request again; none of one that ended."""
        return await self.opened(client_id, FACTS, sealed, Facts) if sealed else Facts(())

    async def opened(self, client_id: str, name: str, sealed: str, kind: type[S]) -> S:
        """A sealed part of a file again. Raises the vault's problems: 410 `client-erased`, 503."""
        with vault_problems():
            text = await self.vault.unseal(client_id, name, sealed)
            try:
                return msgspec.json.decode(text, type=kind)
            except msgspec.MsgspecError:  # it would quote what it read
                raise VaultProblem("vault-text-damaged", name) from None

    async def row(self, table: sa.Table, id_: str, noun: str) -> dict[str, Any]:
        """One row by its id. Raises 404 `<noun>-unknown`."""
        rows = await self.store.rows(table, id=id_) if is_id(id_) else []
        if not rows:
            raise Problem(404, f"{noun}-unknown")
        return rows[0]

    def now(self) -> datetime:
        return self.clock.now()


def outcome(handled: Handled) -> str:
    """What came of a command, as it is counted."""
    if handled.replayed:
        return "replayed"
    if handled.rejected is not None:
        return "rejected"
    return "applied" if handled.events else "nothing"


def base(id_: str, handled: Handled) -> dict[str, Any]:
    """The fields every command's answer has."""
    events = [EventRef(id=one, type=str(type(event).__struct_config__.tag)) for one, event in handled.events]
    return {"id": id_, "version": handled.version, "position": handled.position, "events": events}


def event_of(handled: Handled, kind: type[E]) -> E:
    """The one event of this kind a command must have led to."""
    return next(event for _, event in handled.events if isinstance(event, kind))
