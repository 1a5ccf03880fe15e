"""Which sites an embedded network has beside those of its file: what `plek site add` and `plek site remove` decided.

It is one file in the data directory, written by the verbs and followed by the supervisor. It says what is wanted and
not how far that is: whoever is interrupted anywhere begins again from it, and the next `plek up` starts what it says.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from infra.network import Network, NetworkError, Site, check
from infra.processes import PlatformError, lock_file
from infra.running import Files
from shared.settings import SiteSettings

PATIENCE_SECONDS = 5.0


class Left(BaseModel):
    """A site left then. epoch: the last one anybody has heard of its origins. keys: ids of its keys for letters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    epoch: int = Field(ge=0)
    keys: list[str] = Field(default_factory=list)


class Members(BaseModel):
    """added: sites the network file need not know. removed: sites it may still know. left: every departure so far."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    added: dict[str, dict[str, Any]] = Field(default_factory=dict)
    removed: list[str] = Field(default_factory=list)
    left: dict[str, list[Left]] = Field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Members:
        """What was decided so far; nothing, when there is no such file. Raises `PlatformError` when it is damaged."""
        with suppress(FileNotFoundError):
            try:
                return cls.model_validate_json(path.read_bytes())
            except ValueError as error:
                raise PlatformError(f"{path} is damaged ({type(error).__name__}): put it back from a backup") from None
        return cls()

    def over(self, network: Network) -> Network:
        """The network of a file as it is by now. Raises `NetworkError` when the two do not go together."""
        sites = [site for site in network.sites if site.name not in self.removed]
        known = {site.name for site in sites}
        sites += [Site.model_validate(table) for name, table in self.added.items() if name not in known]
        now = network.model_copy(update={"sites": sites})
        if mistakes := list(check(now)):
            raise NetworkError(Path("the network with its added sites"), mistakes)
        return now

    def with_site(self, site: Site) -> Members:
        """The site belongs to the network from now on."""
        table = site.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        if site.postgres is not None:
            table["postgres"] = site.postgres.get_secret_value()
        added = {**self.added, site.name: table}
        return self.model_copy(update={"added": added, "removed": [name for name in self.removed if name != site.name]})

    def without_site(self, name: str, left: Left) -> Members:
        """The site has left."""
        added = {other: table for other, table in self.added.items() if other != name}
        departures = {**self.left, name: [*self.left.get(name, ()), left]}
        return Members(added=added, removed=[*self.removed, name], left=departures)

    def first_epoch(self, name: str) -> int:
        """Where a new store of this site begins: later than any epoch others have heard of an earlier one."""
        return max((gone.epoch for gone in self.left.get(name, ())), default=0) + 1

    def as_told(self) -> Mapping[str, Any]:
        """The departures as the sites read them (`shared/roster.py`)."""
        return {name: [gone.model_dump(mode="json") for gone in all_of_it] for name, all_of_it in self.left.items()}


@contextmanager
def deciding(path: Path) -> Iterator[Members]:
    """What was decided so far, while nobody else may decide. Raises `PlatformError` when somebody else does."""
    descriptor = lock_file(path.with_suffix(".lock"), PATIENCE_SECONDS, "somebody else adds or removes a site now")
    try:
        yield Members.load(path)
    finally:
        os.close(descriptor)


def decide(path: Path, members: Members) -> None:
    """Write down what is wanted; only its owner may read it (a site may name its database's address)."""
    fresh = path.with_suffix(".tmp")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(members.model_dump(mode="json"), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def set_aside(files: Files, members: Members) -> None:
    """Move what an earlier site has kept out of the way: a later one of the same name begins with nothing."""
    for name, departures in members.left.items():
        settings, directory = files.settings(name), files.sites / name
        if name in members.removed or _begun_before(settings, members.first_epoch(name)):
            if directory.exists():
                files.retired.mkdir(mode=0o700, exist_ok=True)
                directory.replace(_free(files.retired / f"{name}-{departures[-1].epoch}"))
            settings.unlink(missing_ok=True)  # last: until then it says that what is there is an earlier site's


def _begun_before(settings: Path, epoch: int) -> bool:
    return settings.exists() and SiteSettings.load(settings).first_epoch < epoch


def _free(path: Path) -> Path:
    later = (Path(f"{path}-{n}") for n in itertools.count(2))
    return next(one for one in itertools.chain((path,), later) if not one.exists())
