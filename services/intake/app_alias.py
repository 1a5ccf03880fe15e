"""The aliases of those who live here, asked of the desks that have their files, and told by this desk to other houses.

An alias is in the sealed card of a file and nowhere else. A house that shows who sleeps where asks when somebody looks:
by request and reply, on no stream. What it hears is in the memory of this process and in no store, so there is nothing
that a backup could bring back: whoever is erased, has moved on or does not want it any more is not told of when it is
asked next. While a desk is not heard, what it said last is remembered for some hours; then it is forgotten.

Everybody in the network may ask, so nobody is believed for the name they give. A question is sealed to the desk it is
to, and its answer to the house it names; the answer repeats what the question made up (`nonce`), and a question what an
answer gave (`proof`). The aliases are sealed once more, to a key that the house made for this one question: whoever
kept what went over the wire, and gets hold of a site's key later, reads nothing in it.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from services.intake.api_alias import GUESTS_MAX
from services.intake.api_desk import ClientHandler, Told
from services.intake.app_line import REQUEST_BYTES_MAX, Line, Wrapped
from services.intake.file import CARD, Card, card_refused
from services.intake.views_offers import client_offers
from shared.clock import Clock
from shared.envelope import SYSTEM_ROLE
from shared.http_models import is_id
from shared.letters import LetterRefused, OneKey, Seals, seal_to
from shared.logbook import Openings
from shared.telemetry import logger
from shared.unspoken import Unspoken
from shared.vault import Vault, VaultProblem

log = logger("aliases")

ACTIVITY = "alias-v1"
"""What a card is opened for that is told to a house, in the register of processing activities."""
QUESTION = "aliases"
ASKED_AT_ONCE = 50
"""Files a desk opens for one question; it answers one question after another, and other houses wait for their turn."""
ANSWER_SECONDS = 3.0
"""How long somebody waits for a list."""
SIZE = 16 * 1024
"""What is asked and told is padded to a multiple of it, so that its length does not say of how many."""
FORGET_SECONDS = 600.0
"""How often it is looked for what has been remembered too long."""


class AliasesAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question, under its seal. offers: by which those live here who are asked about. key: what the answer is sealed
    to once more. proof: what the last answer gave."""

    about: Literal["aliases-asked"]
    sender: str
    to: str
    nonce: str
    key: str
    offers: tuple[str, ...]
    proof: str = ""


class AliasesSaid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Its answer, under its seal: a proof to ask with, or the aliases, sealed to the key of the question."""

    about: Literal["aliases-said"]
    sender: str
    to: str
    nonce: str
    proof: str = ""
    told: str = ""


class Aliases(Unspoken, frozen=True, forbid_unknown_fields=True):
    """Of those who have handed it over, by offer."""

    aliases: dict[str, str]


class Teller:
    """The desk that has the files."""

    def __init__(self, site: str, clients: ClientHandler, vault: Vault, seals: Seals, openings: Openings) -> None:
        self._site, self._clients, self._vault, self._seals = site, clients, vault, seals
        self._openings, self._store, self._secret = openings, openings.store, os.urandom(32)

    async def answer(self, request: bytes) -> bytes | None:
        """What is answered to one question; None: nothing, for it is none, or this desk cannot answer now. Raises
        `StoreUnavailable`, `OriginHalted`, `VersionConflict`."""
        asked = self._read(request)
        if asked is None:
            return None
        proof = hmac.digest(self._secret, asked.sender.encode(), "sha256").hex()
        said = AliasesSaid("aliases-said", self._site, asked.sender, asked.nonce)
        if not hmac.compare_digest(asked.proof.encode(), proof.encode()):
            said = replace(said, proof=proof)
        else:
            try:
                found = await self.tell(asked.sender, asked.offers, SYSTEM_ROLE)
                said = replace(said, told=seal_to(asked.key, _padded(msgspec.json.encode(Aliases(found)))))
            except (VaultProblem, LetterRefused) as problem:
                log.error("a house is told no alias", site=asked.sender, code=problem.code)
                return None
        sealed = self._seals.seal(asked.sender, msgspec.json.encode(said))
        return None if sealed is None else sealed.encode()

    async def tell(self, site: str, offers: Iterable[str], role: str) -> dict[str, str]:
        """The aliases of those who live at `site` by one of these offers, and have handed theirs over. Of all others
        nothing, and not why. That their cards are opened is written down before anybody hears. Raises `VaultProblem`
        while nobody can say what was taken back, and as `answer`."""
        if self._vault.shut is not None:
            raise VaultProblem(self._vault.shut, "not open")
        async with self._openings.noting(ACTIVITY, role):
            found = {}
            for offer_id in filter(is_id, offers):
                found[offer_id] = await self._alias(site, offer_id)
                await asyncio.sleep(0)  # what needs no look into the database would keep everybody else waiting
        return {offer_id: alias for offer_id, alias in found.items() if alias is not None}

    async def _alias(self, site: str, offer_id: str) -> str | None:
        rows = await self._store.rows(client_offers, id=offer_id)
        if not rows or rows[0]["site"] != site:
            return None
        client_id = str(rows[0]["client_id"])
        file = (await self._clients.load_settled(client_id))[0]
        home = file.home
        if file.erased_at is not None or home is None or (home.id, home.site) != (offer_id, site) or not home.say_so:
            return None
        if home.say_so in self._vault.destroyed() or client_id in self._vault.away():
            return None  # taken back, or gone to another desk, in a word that an older backup does not know
        try:
            card = msgspec.json.decode(await self._vault.unseal(client_id, CARD, file.card), type=Card)
        except (VaultProblem, msgspec.MsgspecError):  # one card that cannot be opened hides no other
            return None
        return card.alias

    def _read(self, request: bytes) -> AliasesAsked | None:
        if len(request) > REQUEST_BYTES_MAX:
            return None
        try:
            wrapped = msgspec.json.decode(request, type=Wrapped)
            asked = msgspec.json.decode(self._seals.unseal(wrapped.sealed), type=AliasesAsked)
        except (LetterRefused, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        believed = asked.sender == wrapped.site != self._site and asked.to == self._site
        return asked if believed and self._seals.knows(asked.sender) and len(asked.offers) <= GUESTS_MAX else None


class _Remembered(Unspoken, frozen=True):
    alias: str
    heard: datetime


class Listener:
    """The house that shows who sleeps where. kept: how long it remembers what a desk said that it does not hear
    any more; 0: not at all."""

    def __init__(
        self, site: str, teller: Teller, seals: Seals, line: Line, openings: Openings, clock: Clock,
        kept: timedelta,
    ) -> None:  # fmt: skip
        self._site, self._teller, self._seals, self._line = site, teller, seals, line
        self._openings, self._clock, self._kept = openings, clock, kept
        self._known: dict[tuple[str, str], _Remembered] = {}
        self._proofs: dict[str, str] = {}
        self._questions = 0
        self._under_way: set[int] = set()
        self._answered: dict[tuple[str, str], tuple[int, str | None]] = {}
        """What an answer said while an older question was under way, and to which: the older one is believed less."""

    async def aliases(self, guests: Mapping[str, Sequence[str]], role: str, silent: Iterable[str] = ()) -> Told:
        """Of those who live here and have handed theirs over. guests: offers by which somebody lives here, by the site
        of the desk that accepted them. role: of who looks. silent: desks that nobody needs to be kept waiting for.
        That they are shown is written down first. Raises `VaultProblem`, `StoreUnavailable`."""
        began, away = self._clock.now(), {*silent}
        asked = await asyncio.gather(*(self._of(site, offers, role, away) for site, offers in guests.items()))
        found = {offer_id: alias for heard, _ in asked for offer_id, alias in heard.items()}
        theirs = [offer_id for site, offers in guests.items() if site != self._site for offer_id in offers]
        await self._openings.write([one for one in theirs if one in found], ACTIVITY, role, began, "Unset")
        return Told(found, sorted(site for site, (_, answered) in zip(guests, asked, strict=True) if not answered))

    def forget(self) -> None:
        """What was heard too long ago is not remembered any more."""
        before = self._clock.now() - self._kept
        self._known = {key: known for key, known in self._known.items() if known.heard > before}

    async def keep_forgetting(self) -> None:
        """For ever."""
        while True:
            self.forget()
            await self._clock.sleep(FORGET_SECONDS)

    async def _of(self, site: str, offers: Sequence[str], role: str, silent: set[str]) -> tuple[dict[str, str], bool]:
        """What a desk says of these, and whether it said so now."""
        if site == self._site:
            return await self._teller.tell(site, offers, role), True
        heard = None if site in silent else await self._heard(site, offers)
        self.forget()
        if heard is not None:
            return heard, True
        known = {offer_id: self._known.get((site, offer_id)) for offer_id in offers}
        return {offer_id: one.alias for offer_id, one in known.items() if one is not None}, False

    async def _heard(self, site: str, offers: Sequence[str]) -> dict[str, str] | None:
        """What a desk says now, or has said to a question that was put later and answered sooner. It is remembered."""
        self._questions += 1
        number = self._questions
        self._under_way.add(number)
        try:
            said = await self._ask(site, offers)
            if said is None:
                return None
            now, heard = self._clock.now(), dict[str, str]()
            for offer_id in offers:
                key = (site, offer_id)
                self._answered[key] = max(self._answered.get(key, (0, None)), (number, said.get(offer_id)), key=_first)
                alias = self._answered[key][1]
                self._known.pop(key, None)
                if alias is not None:
                    heard[offer_id], self._known[key] = alias, _Remembered(alias, now)
            return heard
        finally:
            self._under_way.discard(number)
            oldest = min(self._under_way, default=self._questions)
            self._answered = {key: found for key, found in self._answered.items() if found[0] > oldest}

    async def _ask(self, site: str, offers: Sequence[str]) -> dict[str, str] | None:
        """What a desk says of all of them, a few at a time; None where it did not answer about some."""
        found = dict[str, str]()
        for first in range(0, len(offers), ASKED_AT_ONCE):
            said = await self._ask_part(site, tuple(offers[first : first + ASKED_AT_ONCE]))
            if said is None:
                return None
            found |= said
        return found

    async def _ask_part(self, site: str, offers: tuple[str, ...]) -> dict[str, str] | None:
        """Asks until the desk believes who asks: once more where it began anew since."""
        for _ in range(2):
            key = OneKey()
            asked = AliasesAsked(
                "aliases-asked", self._site, site, os.urandom(16).hex(), key.public, offers, self._proofs.get(site, "")
            )
            said = await self._exchange(asked)
            if said is None:
                return None
            if not said.proof:
                return self._read(said, key, offers)
            self._proofs[site] = said.proof
        return None

    async def _exchange(self, asked: AliasesAsked) -> AliasesSaid | None:
        sealed = self._seals.seal(asked.to, _padded(msgspec.json.encode(asked)))
        if sealed is None:
            return None
        answer = await self._line.ask(asked.to, msgspec.json.encode(Wrapped(self._site, sealed)))
        if answer is None:
            return None
        try:
            said = msgspec.json.decode(self._seals.unseal(answer.decode("ascii")), type=AliasesSaid)
        except (LetterRefused, msgspec.MsgspecError, UnicodeDecodeError):
            log.warning("an answer about aliases is put aside", site=asked.to, code="letter-unreadable")
            return None
        if (said.sender, said.to, said.nonce) != (asked.to, self._site, asked.nonce):
            log.warning("an answer about aliases is put aside", site=asked.to, code="letter-forged")
            return None
        return said

    def _read(self, said: AliasesSaid, key: OneKey, offers: tuple[str, ...]) -> dict[str, str] | None:
        """What it holds of those who were asked about; what no desk would have written down is no alias."""
        try:
            told = msgspec.json.decode(key.unseal(said.told), type=Aliases).aliases
        except (LetterRefused, msgspec.MsgspecError, UnicodeDecodeError):
            log.warning("an answer about aliases is put aside", site=said.sender, code="letter-unreadable")
            return None
        fit = {id_: told[id_] for id_ in offers if id_ in told and card_refused(Card(told[id_])) is None}
        if len(fit) < len(told):
            log.warning("an alias is put aside", site=said.sender, code="alias-invalid")
        return fit


def _padded(text: bytes) -> bytes:
    return text.ljust(-(-len(text) // SIZE) * SIZE)


def _first(answered: tuple[int, str | None]) -> int:
    return answered[0]
