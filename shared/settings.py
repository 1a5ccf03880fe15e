"""What one site's processes need to know, read from one JSON file.

The file is written by `plek up` for embedded networks and by the deployment elsewhere. Secrets (database addresses)
are `SecretStr`: they never show in a log line, an exception text or `repr`; keys are named by path, never read here.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_serializer, model_validator

SITE_FILE_VARIABLE = "PLEK_SITE_FILE"

LOOPBACK = ("127.0.0.1", "::1", "localhost")

LogLevel = Literal["debug", "info", "warning", "error"]


class SettingsError(Exception):
    """A settings file that cannot be used; the text is one line for a person and holds no value from the file."""


class LocationSettings(BaseModel):
    """A house with places, at exactly one site."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    district: str = ""


class KeySettings(BaseModel):
    """Where keys are that something is sealed with (`shared/vault.py`).

    site_keys: a JWK set, the newest first. keys: the folder of data keys; a backup of it lives 7 days at most.
    destroyed: the list of destroyed keys, out of the reach of every backup that is ever put back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    site_keys: Path
    keys: Path
    destroyed: Path


class VaultSettings(KeySettings):
    """Where the keys of a site's personal data are.

    retention_days: how long a file may lie unused before it is erased. alias_hours: how long it is remembered, in
    memory, what a desk that is not heard any more told last of those who live here; 0: not at all.
    """

    retention_days: int = Field(default=365, ge=1)
    alias_hours: int = Field(default=12, ge=0, le=168)


class LogbookSettings(BaseModel):
    """Where lines about people's data go (`shared/logbook.py`).

    endpoint: base address of a logbook that speaks OTLP/HTTP; over TLS, unless it is on this machine. key: a file with
    64 bytes in hexadecimal digits, under which people's ids are encrypted for it. Whoever keeps it can tell whose a
    line is; under a new one the lines of before cannot be found any more, so it stays.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    key: Path

    @model_validator(mode="after")
    def _is_safe(self) -> LogbookSettings:
        address = urlsplit(self.endpoint)
        if address.scheme != "https" and (address.scheme != "http" or address.hostname not in LOOPBACK):
            raise ValueError("a logbook on another machine is spoken to over https")
        return self


class SiteSettings(BaseModel):
    """One site's settings.

    `databases` maps a service to an address asyncpg understands; `credentials` maps a bus user (`city.<service>`,
    `city.<service>.relay`, `local.<service>`, `local.<service>.relay`, `city.admin`, `local.admin`) to the file with
    its nkey seed. `municipality_site` is the site whose regimes count (none: the hub's). `origins` are all that tell
    the network, as `site/service`. `seal_keys` is this site's private keys for letters, `network_keys` every site's
    public ones, and who belongs to the network now (`shared/roster.py`). `first_epoch` is where its stores begin when
    they are new: later than any epoch that others have heard of an earlier site of this name. `vault` is there at a
    site that runs intake, `notes` where one shift leaves notes for the next: the keys they are sealed with. `channels`
    is the file that says how messages leave the site (none: all go to the desk).
    `agreed` is the municipality's list of places agreed with each location, `map` its map of districts (GeoJSON).
    `journal_days` is how long the console keeps what was told. Counts of people under `small_counts_below` are shown to
    nobody. `otlp_endpoint` is where spans go (none: an embedded site keeps them itself, others make none), `trace_link`
    a page of that place about one trace, with `{trace_id}` in it. `logbook` is where lines about people's data go
    (none: nowhere; who opened a file is kept all the same).
    `token_signing_key`, `clock_file` and `embedded` exist for networks that `plek up` started only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: str
    hub: str
    sites: list[str]
    origins: list[str] = Field(default_factory=list)
    municipality: bool = False
    municipality_site: str | None = None
    locations: list[LocationSettings] = Field(default_factory=list)
    services: list[str]
    host: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    databases: dict[str, SecretStr]
    nats_url: str
    credentials: dict[str, Path]
    token_keys: Path
    seal_keys: Path
    network_keys: Path
    vault: VaultSettings | None = None
    notes: KeySettings | None = None
    channels: Path | None = None
    agreed: Path | None = None
    map: Path | None = None
    first_epoch: int = Field(default=1, ge=1)
    small_counts_below: int = Field(default=5, ge=1, le=1_000)
    token_signing_key: Path | None = None
    clock_file: Path | None = None
    otlp_endpoint: str | None = None
    trace_link: str | None = None
    logbook: LogbookSettings | None = None
    log_format: Literal["json", "console"] = "json"
    log_level: LogLevel = "info"
    embedded: bool = False
    demo: bool = False
    journal_days: int = Field(default=90, ge=1)
    trace_sample_ratio: float = Field(default=0.1, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _hangs_together(self) -> SiteSettings:
        for name in (self.site, self.hub):
            if name not in self.sites:
                raise ValueError("site and hub must both be among sites")
        if missing := [service for service in self.services if service not in self.databases]:
            raise ValueError(f"no database for {', '.join(missing)}")
        return self

    @field_serializer("databases", when_used="json")
    def _databases_in_the_open(self, databases: dict[str, SecretStr]) -> dict[str, str]:
        """Only `save` writes JSON: a settings file without its secrets would be of no use to anybody."""
        return {service: dsn.get_secret_value() for service, dsn in databases.items()}

    @property
    def is_hub(self) -> bool:
        """Whether this site keeps the network's `CITY` stream that every other site copies."""
        return self.site == self.hub

    @property
    def own_address(self) -> str:
        """Where this site answers over HTTP, for its own services."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
        host = everywhere.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def nats_options(self, user: str) -> dict[str, Any]:
        """Keyword arguments for `nats.connect` (and FastStream's `NatsBroker`) to connect as `user` of this site.

        The inbox prefix is part of the permissions: a user may listen to its own inbox only.
        """
        return {
            "servers": [self.nats_url],
            "nkeys_seed": str(self.credentials[user]),
            "inbox_prefix": inbox_prefix(self.site, user),
            "name": f"{self.site}.{user}",
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": 0.25,
        }

    def save(self, path: Path) -> None:
        """Write the settings where only their owner may read them; a reader sees the old file or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".tmp")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(self.model_dump_json(indent=2))
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path | None = None) -> SiteSettings:
        """Read the settings from `path`, or from the file the environment variable PLEK_SITE_FILE names.

        Raises `SettingsError` with one line when there is no such file or it does not hold valid settings.
        """
        if path is None:
            named = os.environ.get(SITE_FILE_VARIABLE)
            if not named:
                raise SettingsError(f"no settings file: {SITE_FILE_VARIABLE} is not set")
            path = Path(named)
        try:
            return cls.model_validate(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            raise SettingsError(f"no settings file at {path}") from None
        except OSError as error:
            raise SettingsError(f"cannot read {path}: {error.strerror}") from None
        except ValueError as error:
            raise SettingsError(f"{path} is not a site's settings: {_first_mistake(error)}") from None


def inbox_prefix(site: str, user: str) -> str:
    """The only subject tree on which `user` of `site` may wait for answers, without a trailing dot."""
    return f"_INBOX.{site}.{user.replace('.', '-')}"


def _first_mistake(error: ValueError) -> str:
    """Name the first wrong field without its value: the value may be a secret."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        return f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    return "not JSON"
