"""The memory twin of the vault's files: what a simulation keeps its keys in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from shared.vault import KeyStore, SiteKey, Vault

SITE_KEY = SiteKey("test", bytes(range(32)))


class KeyDisk:
    """What survives a process: the keys, and the list of the destroyed ones, which no backup takes back."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.gone: dict[str, datetime] = {}
        self.away: dict[str, str] = {}


class MemoryKeys:
    """Keys in a dictionary."""

    def __init__(self, disk: KeyDisk | None = None) -> None:
        self.disk = disk or KeyDisk()

    async def open(self) -> None:
        for key_id in self.disk.gone:
            self.disk.keys.pop(key_id, None)

    def destroyed(self) -> Mapping[str, datetime]:
        return self.disk.gone

    def away(self) -> Mapping[str, str]:
        return self.disk.away

    async def put_away(self, key_id: str, where: str, at: datetime) -> None:
        if key_id not in self.disk.gone:
            self.disk.away[key_id] = where

    async def take_back(self, key_id: str, where: str, at: datetime) -> None:
        if self.disk.away.get(key_id) == where:
            del self.disk.away[key_id]

    async def get(self, key_id: str) -> bytes | None:
        return self.disk.keys.get(key_id)

    async def put_new(self, key_id: str, wrapped: bytes) -> bool:
        if key_id in self.disk.keys or key_id in self.disk.gone:
            return False
        self.disk.keys[key_id] = wrapped
        return True

    async def replace(self, key_id: str, wrapped: bytes) -> None:
        if key_id in self.disk.keys:
            self.disk.keys[key_id] = wrapped

    async def remove(self, key_id: str) -> None:
        self.disk.keys.pop(key_id, None)

    async def destroy(self, key_id: str, at: datetime) -> None:
        self.disk.gone.setdefault(key_id, at)
        self.disk.keys.pop(key_id, None)
        self.disk.away.pop(key_id, None)

    async def everything(self) -> Mapping[str, bytes]:
        return dict(sorted(self.disk.keys.items()))


async def open_vault(store: KeyStore | None = None) -> Vault:
    """An open vault over these keys; in memory unless said otherwise."""
    vault = Vault([SITE_KEY], store or MemoryKeys())
    await vault.open()
    return vault
