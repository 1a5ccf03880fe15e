"""Who belongs to the network now, and who has left it: read again while a site runs, so that no process restarts when a
site comes or goes.

The file is the one with everybody's public keys for letters (`network_keys`): `{"sites": {site: [JWK, ...]}}`. One that
also names `origins` (all that tell the network, as `site/service`) says by its keys who the sites are, and under `left`
since when sites are gone: `{site: [{"at": time, "epoch": number, "keys": [id]}]}`. Without `origins` the settings say
it.

What a site that left has told stays known. It counts for the time before, and no longer for the time after; a site that
comes back under the same name begins a later epoch, so the two are never taken for one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.letters import newest_keys
from shared.settings import SiteSettings

LOOK_SECONDS = 1.0
"""How often a process looks whether the file has changed."""

log = logging.getLogger("plek.roster")


class Departure(msgspec.Struct, frozen=True):
    """A site left the network. epoch: the last one anybody has heard of its origins. keys: ids of those that letters to
    it were sealed to; `letters.load_seals` reads them.
    """

    at: datetime
    epoch: int
    keys: list[str] = []


class _File(msgspec.Struct):
    sites: dict[str, list[dict[str, Any]]]
    origins: list[str] | None = None
    left: dict[str, list[Departure]] = {}


class Roster(Collection[str]):
    """The sites of the network, as a collection of names; `look` brings it up to date.

    origins: all that tell the network; none where the file does not say. keys: the newest public key of every site that
    has one. on_change: called after each change, with no argument.
    """

    def __init__(self, settings: SiteSettings) -> None:
        self._settings = settings
        self._path: Path = settings.network_keys
        self._stamp: tuple[int, int] | None = None
        self._left: Mapping[str, Sequence[Departure]] = {}
        self.sites: Sequence[str] = settings.sites
        self.origins: Sequence[str] = ()
        self.keys: Mapping[str, OKPKey] = {}
        self.on_change: list[Callable[[], None]] = []
        self._read()

    def look(self) -> None:
        """Reads the file if it is another than before. What cannot be read changes nothing and is said in the log."""
        try:
            if self._stamp_now() != self._stamp:
                self._read()
                log.info("the network is %s", ", ".join(self.sites))
                for changed in self.on_change:
                    changed()
        except (OSError, ValueError, KeyError, TypeError, JoseError, msgspec.MsgspecError) as error:
            log.warning("who belongs to the network cannot be read: %s", type(error).__name__)

    def left_at(self, site: str) -> datetime | None:
        """When a site left; None for one that belongs to the network, and for one that never did."""
        return None if site in self.sites else self.began_after(site)

    def began_after(self, site: str) -> datetime | None:
        """When the last earlier site of this name left; None when there was none."""
        gone = self._left.get(site, ())
        return gone[-1].at if gone else None

    def counts(self, site: str, epoch: int, at: datetime | None = None) -> bool:
        """Whether what a site told in an epoch counts at a time (None: now)."""
        return not any(epoch <= gone.epoch and (at is None or gone.at <= at) for gone in self._left.get(site, ()))

    def _read(self) -> None:
        self._stamp = self._stamp_now()  # a file that cannot be read is looked at again when it has changed
        text = self._path.read_bytes()
        found = msgspec.json.decode(text, type=_File)
        self.keys = newest_keys(json.loads(text)["sites"])
        if found.origins is not None:
            self.sites, self.origins = list(found.sites), found.origins
        self._left = {site: sorted(gone, key=lambda one: one.at) for site, gone in found.left.items()}

    def _stamp_now(self) -> tuple[int, int]:
        there = self._path.stat()
        return there.st_mtime_ns, there.st_ino

    def __contains__(self, site: object) -> bool:
        return site in self.sites

    def __iter__(self) -> Iterator[str]:
        return iter(self.sites)

    def __len__(self) -> int:
        return len(self.sites)
