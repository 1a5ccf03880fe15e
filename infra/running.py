"""The files by which an embedded network is known, all under its data directory, and questions to its sites.

`plek.lock` (held while a supervisor runs, holds its process id) · `network.json` (addresses and process ids) ·
`sites/<site>.json` (settings) · `sites/<site>/` (servers' data, keys, vault and logs) · `erased/<site>.txt` (destroyed
keys) · `keys/` (token keys, every site's public keys for letters) · `clock.json` · `links.json` · `demo.json` (which
houses are furnished) · `members.json` (sites added and removed) · `retired/` (what sites that left have kept)
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.keys import ensure_logbook_key, ensure_vault_key
from infra.network import Site
from infra.processes import PlatformError, explain
from shared.settings import KeySettings, LogbookSettings, SiteSettings, VaultSettings
from shared.streams import ACCOUNTS, Admin, Admins, Topology


class Files:
    """Where everything of one network is."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.lock = data / "plek.lock"
        self.network = data / "network.json"
        self.links = data / "links.json"
        self.members = data / "members.json"
        self.retired = data / "retired"
        self.clock = data / "clock.json"
        self.demo = data / "demo.json"
        self.keys = data / "keys"
        self.network_keys = self.keys / "letters.json"
        self.sites = data / "sites"
        self.erased = data / "erased"
        self.log = data / "plek.log"

    def settings(self, site: str) -> Path:
        """One site's settings file."""
        return self.sites / f"{site}.json"

    def vault(self, site: Site) -> VaultSettings:
        """Where one site's vault is, its site key made where missing. The list of destroyed keys is beside the sites,
        where no backup of one of them takes it back."""
        own = self.sites / site.name
        return VaultSettings(
            site_keys=ensure_vault_key(own / "keys"), keys=own / "vault", destroyed=self.erased / f"{site.name}.txt",
            retention_days=site.retention_days, alias_hours=site.alias_hours,
        )  # fmt: skip

    def notes(self, site: str) -> KeySettings:
        """Where the keys of the notes of one site's shifts are: wrapped under the site's key, apart from its vault."""
        own = self.sites / site
        site_keys, destroyed = ensure_vault_key(own / "keys"), self.erased / f"{site}.notes.txt"
        return KeySettings(site_keys=site_keys, keys=own / "notes", destroyed=destroyed)

    def logbook(self, site: str, configured: str | None) -> LogbookSettings | None:
        """Where one site's lines about people's data go, its key made where missing; the environment's word counts."""
        endpoint = os.environ.get("PLEK_LOGBOOK_ENDPOINT") or configured
        if not endpoint:
            return None
        return LogbookSettings(endpoint=endpoint, key=ensure_logbook_key(self.sites / site / "keys"))

    def service_log(self, site: str) -> Path:
        """What one site's process printed."""
        return self.sites / site / "service.log"


@dataclass(frozen=True)
class RunningSite:
    """One site as `network.json` tells it; a process id is None while that part is down (or not ours)."""

    url: str
    service: int | None
    nats: int | None
    postgres: int | None
    nats_monitor: str
    link: str = "up"
    log: str = ""


@dataclass(frozen=True)
class RunningNetwork:
    """A network that runs now. `pid` is its supervisor's.

    change: the site that comes or goes now, the step it is at, and what keeps it (`site`, `step`, `trouble`).
    """

    data: Path
    pid: int
    hub: str
    ready: bool
    sites: dict[str, RunningSite] = field(default_factory=dict)
    change: Mapping[str, str] | None = None

    @classmethod
    def load(cls, data: Path) -> RunningNetwork:
        """The network running in `data`. Raises `PlatformError` with one line when none does."""
        files = Files(data)
        if supervisor(data) is not None:
            with suppress(FileNotFoundError):
                told = json.loads(files.network.read_text("utf-8"))
                sites = {name: RunningSite(**site) for name, site in told["sites"].items()}
                return cls(data, told["pid"], told["hub"], told["ready"], sites, told["change"])
        raise PlatformError(f"no network is running in {data}: start one with `plek up --data {data}`")

    def site(self, name: str) -> RunningSite:
        """One site. Raises `PlatformError` naming the sites there are."""
        if name not in self.sites:
            raise PlatformError(f'there is no site "{name}" in {self.data}: there is {", ".join(sorted(self.sites))}')
        return self.sites[name]

    def token(self, site: str, role: str, lifetime: timedelta | None = None) -> str:
        """A token for scripts, valid from the network's own (possibly advanced) time. `lifetime` default 12 hours."""
        return token(self.data, site, role, lifetime)


def token(data: Path, site: str, role: str, lifetime: timedelta | None = None) -> str:
    """A bearer token for `role` at `site`, signed with the embedded network's key; `lifetime` default 12 hours.

    Raises `PlatformError` with one line for an unknown role or site, or when there is no network in `data`.
    """
    from shared.security import LIFETIME, ROLES, issue_token, load_signing_key

    known = next((name for name in ROLES if name == role), None)
    if known is None:
        raise PlatformError(f'there is no role "{role}": there is {", ".join(ROLES)}')
    settings = site_settings(data, site)
    if settings.token_signing_key is None:
        raise PlatformError(f"{site} is not part of an embedded network: its tokens come from elsewhere")
    now = datetime.now(UTC) + timedelta(seconds=clock_offset(data))
    return issue_token(
        load_signing_key(settings.token_signing_key), f"script-{role}", known, site, now, lifetime or LIFETIME
    )


def site_settings(data: Path, site: str) -> SiteSettings:
    """One site's settings. Raises `PlatformError` naming the sites there are."""
    path = Files(data).settings(site)
    if not path.exists():
        known = ", ".join(site_names(data))
        raise PlatformError(
            f'there is no site "{site}" in {data}: there is {known}' if known else f"there is no network in {data}"
        )
    return SiteSettings.load(path)


def site_names(data: Path) -> list[str]:
    """Every site with a settings file."""
    return sorted(path.stem for path in Files(data).sites.glob("*.json"))


def topology_and_admins(settings: list[SiteSettings]) -> tuple[Topology, Admins]:
    """What `shared.streams.apply` needs, out of every site's settings."""
    topology = Topology(settings[0].hub, {site.site: tuple(site.services) for site in settings})
    admins = {
        (site.site, account): Admin(site.nats_url, site.credentials[f"{account.lower()}.admin"])
        for site in settings
        for account in ACCOUNTS.values()
    }
    return topology, admins


def supervisor(data: Path) -> int | None:
    """The process id of the supervisor that runs in `data`, None when none does."""
    path = Files(data).lock
    if not path.exists():
        return None
    with path.open("rb") as file:
        try:
            # Shared: two verbs that look at the same moment must not take each other for the supervisor.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            with suppress(ValueError):
                return int(file.read())
    return None


def clock_offset(data: Path) -> float:
    """How far the network's clock is ahead of the machine's, in seconds."""
    with suppress(FileNotFoundError):
        return float(json.loads(Files(data).clock.read_text("utf-8"))["offset_seconds"])
    return 0.0


def links_cut(data: Path) -> set[str]:
    """The sites whose link to the hub was asked to be down."""
    with suppress(FileNotFoundError):
        return set(json.loads(Files(data).links.read_text("utf-8"))["cut"])
    return set()


def replace_json(path: Path, content: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        fresh.replace(path)
    except OSError as error:
        raise explain(error, path) from None
