"""Who wants no messages, written down where no older backup of the database is ever put back: beside the list of
destroyed keys. One empty file a client, named by their id, which leads to nobody.
"""

from __future__ import annotations

import os
from pathlib import Path

from shared.settings import VaultSettings


class Stops:
    """folder: None: there is none at this site, and only the database knows."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def has(self, client_id: str) -> bool:
        """Whether they said a word that stops messages, and have not taken it back."""
        return self._folder is not None and (self._folder / client_id).exists()

    def add(self, client_id: str) -> None:
        """They want no messages. A second time changes nothing. Raises `OSError`."""
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._folder / client_id, os.O_WRONLY | os.O_CREAT, 0o600))
            self._sync(self._folder)

    def remove(self, client_id: str) -> None:
        """They want messages again. Raises `OSError`."""
        if self._folder is not None and self.has(client_id):
            (self._folder / client_id).unlink(missing_ok=True)
            self._sync(self._folder)

    @staticmethod
    def _sync(folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def stops_of(vault: VaultSettings | None) -> Stops:
    """Those of a site: where it runs intake, whose vault has such a place."""
    return Stops(None if vault is None else vault.destroyed.with_suffix(".stopped"))
