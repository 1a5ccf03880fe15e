"""The vault: what is personal is sealed under a key of the person's own, and erasing is destroying that key.

A data key for each subject (AES-256-GCM), itself wrapped under the site's key. Sealed texts may lie in events,
snapshots and backups for ever; without the data key nobody reads them. So keys live outside the database, and an
append-only list of destroyed key ids outlives both: whatever older backup is put back, of the database or of the keys,
a destroyed key is refused and removed again (`shared/vault_files.py`). The same list says whose texts were sent
elsewhere, so that an older database does not take for its own what somebody else has.

The site's key comes from a file named in the settings. A new one in front of the old one is used from the next start
on, when every data key is wrapped anew; then the old one can go.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.logbook import opened

KEY_BYTES, NONCE_BYTES = 32, 12

BLOCK_BYTES = 256
"""A sealed text is padded to a multiple of this, so that its length does not tell one name from another."""

TEXT_BYTES_MAX = 64 * 1024

KEY_BACKUP_DAYS_MAX = 7
"""How long a backup of the keys may live: then an erasure is complete there too (domain, rule 10)."""

KEYS_KEPT_MAX = 2_000
"""Data keys in memory between two uses."""

FINGERPRINTS = "00000000-0000-4000-8000-0000000f1f70"
"""The id of the one key that is nobody's: with it a request's fingerprint tells only us that it came before."""


class VaultProblem(Exception):
    """Why the vault does not do what was asked: a kebab-case code, and a detail that quotes nothing kept in it.

    `vault-damaged`: a file of the vault is not what was written. `vault-disk-full`, `vault-unavailable`: nothing was
    written. `vault-key-unknown`: wrapped under a site key that is not in the settings. `vault-key-wrong`: the site key
    of that name is another one. `vault-key-missing`: there is no such data key. `vault-key-destroyed`: there was.
    `vault-key-used`: there is one already. `vault-text-damaged`: the sealed text was cut, changed, or is somebody
    else's.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail = code, detail


class KeyStore(Protocol):
    """Where wrapped keys are kept, and which keys were destroyed.

    All of it raises `VaultProblem`: `vault-damaged`, `vault-disk-full`, `vault-unavailable`.
    """

    async def open(self) -> None:
        """Reads the list of destroyed keys and removes each of them that is there (again)."""
        ...

    def destroyed(self) -> Mapping[str, datetime]:
        """Every destroyed key with the time it first was, including what another process has destroyed just now."""
        ...

    def away(self) -> Mapping[str, str]:
        """Every key whose texts were sent elsewhere and may be somebody else's by now, with where: the last word."""
        ...

    async def put_away(self, key_id: str, where: str, at: datetime) -> None:
        """Writes down that what is sealed under the key is sent elsewhere; durable when this returns."""
        ...

    async def take_back(self, key_id: str, where: str, at: datetime) -> None:
        """It was not taken there. Nothing happens when the last word is of another place."""
        ...

    async def get(self, key_id: str) -> bytes | None: ...

    async def put_new(self, key_id: str, wrapped: bytes) -> bool:
        """Keeps a new key; durable when this returns. False: there is one of that id, or there was."""
        ...

    async def replace(self, key_id: str, wrapped: bytes) -> None:
        """The same key, wrapped anew. Nothing happens when it is gone by now."""
        ...

    async def remove(self, key_id: str) -> None:
        """Takes away a key nothing was ever sealed with."""
        ...

    async def destroy(self, key_id: str, at: datetime) -> None:
        """Writes down that the key is destroyed, then removes it. A second time changes nothing."""
        ...

    async def everything(self) -> Mapping[str, bytes]:
        """Every key there is, by id in order: some hundred bytes each, a few thousand a second."""
        ...


class SiteKey(NamedTuple):
    id: str
    key: bytes


class Wrapped(msgspec.Struct, forbid_unknown_fields=True):
    """A data key as it is kept. site_key: the name of the site key it is wrapped under."""

    v: int
    site_key: str
    nonce: bytes
    key: bytes


class VaultState(NamedTuple):
    """code: None when the vault is open, else why not. keys: how many. older: wrapped under another than the newest
    site key. destroyed: how many, ever. damaged: of the keys, those that are not what was written."""

    code: str | None
    keys: int = 0
    older: int = 0
    destroyed: int = 0
    damaged: int = 0


class Vault:
    """Seals and opens texts, each under its subject's key. Nothing works before `open`."""

    def __init__(self, site_keys: Sequence[SiteKey], store: KeyStore) -> None:
        """site_keys: the newest first; at least one."""
        self._site_keys = {each.id: each.key for each in reversed(site_keys)}
        self._newest = site_keys[0]
        self._store = store
        self._known: dict[str, bytes] = {}
        self._fingerprint_key: bytes | None = None
        self.shut: str | None = "vault-unavailable"
        """Why it is not open yet, as a code; None once it is."""

    async def open(self) -> None:
        """Makes it ready, and wraps every key that is under an older site key anew. Raises `VaultProblem`.

        A key that is damaged is no reason to keep everybody waiting: only what it sealed does not open.
        """
        try:
            await self._store.open()
            for key_id, data in (await self._store.everything()).items():
                wrapped = _readable(data)
                if wrapped is not None and wrapped.site_key != self._newest.id:
                    await self._store.replace(key_id, self._wrap(key_id, self._unwrap(key_id, wrapped)))
            if await self._store.get(FINGERPRINTS) is None:
                await self._store.put_new(FINGERPRINTS, self._wrap(FINGERPRINTS, os.urandom(KEY_BYTES)))
            self._fingerprint_key = await self._key(FINGERPRINTS)
        except VaultProblem as problem:
            self.shut = problem.code
            raise
        self.shut = None

    async def create(self, key_id: str) -> None:
        """A key for a new subject. Raises `VaultProblem`: `vault-key-used`, and what keeping it may raise."""
        self._needs_open()
        key = os.urandom(KEY_BYTES)
        if not await self._store.put_new(key_id, self._wrap(key_id, key)):
            raise VaultProblem("vault-key-used")
        self._remember(key_id, key)

    async def knows(self, key_id: str) -> bool:
        """Whether there is a data key of that id. Raises `VaultProblem`."""
        self._needs_open()
        return await self._store.get(key_id) is not None

    async def remove(self, key_id: str) -> None:
        """Takes back a key that was made for somebody who was not registered after all."""
        self._known.pop(key_id, None)
        await self._store.remove(key_id)

    async def destroy(self, key_id: str, at: datetime) -> datetime:
        """From now on nothing sealed under this key can be read. Returns since when: a second time changes nothing.
        It needs no open vault: whoever wants to be forgotten does not wait for a key that is missing. Also of an id
        that never had a key, for what was allowed under it: no backup of the database allows it again.
        """
        await self._store.destroy(key_id, at)
        self._known.pop(key_id, None)
        return self._store.destroyed()[key_id]

    def destroyed(self) -> Mapping[str, datetime]:
        """Every key, and every other id, that was ever destroyed, and when."""
        return self._store.destroyed()

    def away(self) -> Mapping[str, str]:
        """Every key whose texts were sent elsewhere and may be somebody else's by now, with where. No backup of the
        database takes it back. Raises `VaultProblem`: a list that was damaged says of nobody that they are here."""
        if self.shut == "vault-damaged":
            raise VaultProblem(self.shut, "the list says who is elsewhere")
        return self._store.away()

    async def send(self, key_id: str, where: str, at: datetime) -> None:
        """Writes down, before anything leaves, that what is sealed under this key is sent elsewhere. where: at most 120
        of `a-z0-9-/`. Raises `VaultProblem`: then nothing may leave."""
        await self._store.put_away(key_id, where, at)

    async def take_back(self, key_id: str, where: str, at: datetime) -> None:
        """What was sent there was not taken, and never will be. Raises `VaultProblem`."""
        await self._store.take_back(key_id, where, at)

    async def seal(self, key_id: str, name: str, text: bytes) -> str:
        """A JSON text, sealed. name: what it is (`card`); it opens under that name only. Raises `VaultProblem`."""
        assert len(text) <= TEXT_BYTES_MAX
        self._needs_open()
        nonce = os.urandom(NONCE_BYTES)
        padded = text.ljust(-(-len(text) // BLOCK_BYTES) * BLOCK_BYTES)
        sealed = AESGCM(await self._key(key_id)).encrypt(nonce, padded, _about(key_id, name))
        return f"v1.{_text(nonce)}.{_text(sealed)}"

    async def unseal(self, key_id: str, name: str, sealed: str) -> bytes:
        """The JSON text again; that it was opened is noted (`shared/logbook.py`).

        Raises `VaultProblem`: `vault-key-destroyed`, `vault-text-damaged`, ..."""
        self._needs_open()
        version, _, rest = sealed.partition(".")
        nonce, _, body = rest.partition(".")
        key = await self._key(key_id)
        try:
            if version != "v1":
                raise ValueError(version)
            text = AESGCM(key).decrypt(_bytes(nonce), _bytes(body), _about(key_id, name))
        except (InvalidTag, ValueError):
            raise VaultProblem("vault-text-damaged", name) from None
        opened(key_id)
        return text.rstrip(b" ")

    def fingerprint(self, data: bytes) -> bytes:
        """Tells whether two texts are the same, to nobody but who has this vault: a plain hash of a name and a birth
        date is guessed in seconds."""
        if self._fingerprint_key is None:
            raise VaultProblem(self.shut or "vault-unavailable", "not open yet")
        return hmac.digest(self._fingerprint_key, data, hashlib.sha256)

    async def state(self) -> VaultState:
        """How it is doing. Never raises."""
        try:
            found = [_readable(data) for id_, data in (await self._store.everything()).items() if id_ != FINGERPRINTS]
            older = sum(each is not None and each.site_key != self._newest.id for each in found)
            return VaultState(self.shut, len(found), older, len(self._store.destroyed()), found.count(None))
        except VaultProblem as problem:
            return VaultState(problem.code)

    def _needs_open(self) -> None:
        """A new key under the wrong site key, or a text read while nobody knows who was erased, must not be."""
        if self.shut is not None:
            raise VaultProblem(self.shut, "not open")

    async def _key(self, key_id: str) -> bytes:
        if key_id in self._store.destroyed():  # perhaps by another process, a moment ago
            self._known.pop(key_id, None)
            raise VaultProblem("vault-key-destroyed")
        key = self._known.get(key_id)
        if key is None:
            data = await self._store.get(key_id)
            if data is None:
                raise VaultProblem("vault-key-missing")
            key = self._unwrap(key_id, _wrapped(data))
            self._remember(key_id, key)
        return key

    def _remember(self, key_id: str, key: bytes) -> None:
        if len(self._known) >= KEYS_KEPT_MAX:
            self._known.pop(next(iter(self._known)))
        self._known[key_id] = key

    def _wrap(self, key_id: str, key: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        wrapped = AESGCM(self._newest.key).encrypt(nonce, key, _about(key_id, "key"))
        return msgspec.json.encode(Wrapped(1, self._newest.id, nonce, wrapped))

    def _unwrap(self, key_id: str, wrapped: Wrapped) -> bytes:
        site_key = self._site_keys.get(wrapped.site_key)
        if site_key is None:
            raise VaultProblem("vault-key-unknown", f"site key {wrapped.site_key[:80]}")
        try:
            return AESGCM(site_key).decrypt(wrapped.nonce, wrapped.key, _about(key_id, "key"))
        except (InvalidTag, ValueError):
            raise VaultProblem("vault-key-wrong", f"site key {wrapped.site_key[:80]}") from None


def load_site_keys(path: Path) -> list[SiteKey]:
    """The keys of one site from a JWK set of `oct` keys, the newest first. Raises `VaultProblem`."""
    try:
        keys = [SiteKey(str(each["kid"]), _bytes(each["k"])) for each in json.loads(path.read_text("utf-8"))["keys"]]
    except OSError as error:
        raise VaultProblem("vault-unavailable", f"the site's key: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise VaultProblem("vault-damaged", "the site's key is no JWK set") from None
    if not keys or any(len(each.key) != KEY_BYTES for each in keys):
        raise VaultProblem("vault-damaged", f"a site key has {KEY_BYTES} bytes")
    return keys


def _wrapped(data: bytes) -> Wrapped:
    try:
        return msgspec.json.decode(data, type=Wrapped)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise VaultProblem("vault-damaged", "a key is not what was written") from None


def _readable(data: bytes) -> Wrapped | None:
    """A data key as it is kept, or None when it is not what was written."""
    try:
        return _wrapped(data)
    except VaultProblem:
        return None


def _about(key_id: str, name: str) -> bytes:
    """What a text is bound to: it opens for this subject, under this name, and nowhere else."""
    return f"plek\x1f{key_id}\x1f{name}".encode()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
