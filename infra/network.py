"""The network file: sites, locations, links, and which services run where, read with one clear line per mistake."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from shared.streams import TELLS, Topology

NAME = r"^[a-z][a-z0-9-]{0,30}$"
NAME_RULE = "a name is a lower case letter, then at most 30 lower case letters, digits or dashes"
SITES_MAX = 1000
DEFAULT_FILE = Path(__file__).with_name("network.toml")

Name = Annotated[str, Field(pattern=NAME)]


class NetworkError(Exception):
    """A network file that cannot be used; `mistakes` has one line for each thing to mend."""

    def __init__(self, path: Path, mistakes: list[str]) -> None:
        super().__init__("\n".join(f"{path}: {mistake}" for mistake in mistakes))
        self.mistakes = mistakes


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Location(_Table):
    """A house with places."""

    name: Name
    title: str = Field(min_length=1, max_length=200)
    district: str = Field(default="", max_length=200)


class Site(_Table):
    """A deployment. `postgres` is the address of a server to use instead of an embedded one; `retention_days` how long
    a client's file may lie unused before it is erased, `alias_hours` how long its houses remember the alias of somebody
    who lives there while the desk that told it is not heard; `channels` the file that says how messages leave the site;
    `agreed` the municipality's list of places agreed with each location, `map` its map of districts in GeoJSON."""

    name: Name
    title: str = Field(default="", max_length=200)
    hub: bool = False
    municipality: bool = False
    link: Name | None = None
    services: list[str] = Field(min_length=1)
    locations: list[Location] = Field(default_factory=list, alias="location")
    postgres: SecretStr | None = None
    retention_days: int = Field(default=365, ge=1, le=3650)
    alias_hours: int = Field(default=12, ge=0, le=168)
    channels: str | None = Field(default=None, min_length=1)
    agreed: str | None = Field(default=None, min_length=1)
    map: str | None = Field(default=None, min_length=1)

    @property
    def files(self) -> Mapping[str, str]:
        """The files it names, by the setting they are for."""
        named = {"channels": self.channels, "agreed": self.agreed, "map": self.map}
        return {setting: path for setting, path in named.items() if path is not None}


class Telemetry(_Table):
    """Where spans go, and lines about people's data, and how much is written down. trace_link: a page of the place
    where spans go about one trace, with `{trace_id}` in it; screens link to it."""

    otlp_endpoint: str | None = None
    trace_link: str | None = Field(default=None, pattern=r"^https?://[^\s{}]*\{trace_id\}[^\s{}]*$")
    logbook_endpoint: str | None = None
    trace_sample_ratio: float = Field(default=0.1, ge=0.0, le=1.0)
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Network(_Table):
    """The whole network. `platform` is where PostgreSQL comes from when a site names no address of its own. Counts of
    people under `small_counts_below` are shown to nobody, and of referrals not even told."""

    sites: list[Site] = Field(alias="site", min_length=1, max_length=SITES_MAX)
    platform: Literal["embedded", "container"] = "embedded"
    telemetry: Telemetry = Field(default_factory=Telemetry)
    small_counts_below: int = Field(default=5, ge=1, le=1_000)

    @property
    def hub(self) -> Site:
        """The site whose bus the others are linked to."""
        return next(site for site in self.sites if site.hub)

    @property
    def topology(self) -> Topology:
        """What the streams are made from."""
        return Topology(self.hub.name, {site.name: tuple(site.services) for site in self.sites})

    def site(self, name: str) -> Site:
        """One site by its name; KeyError when there is none."""
        for site in self.sites:
            if site.name == name:
                return site
        raise KeyError(name)


def load_network(path: Path = DEFAULT_FILE) -> Network:
    """Read a network file. Raises `NetworkError` with one line per mistake."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NetworkError(path, ["there is no such file"]) from None
    except OSError as error:
        raise NetworkError(path, [f"cannot be read: {(error.strerror or '').lower()}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise NetworkError(path, [f"is not TOML: {error}".replace("\n", " ")]) from None
    try:
        network = Network.model_validate(raw)
    except ValidationError as error:
        raise NetworkError(path, [_line(raw, dict(mistake)) for mistake in error.errors()]) from None
    if mistakes := list(check(network)):
        raise NetworkError(path, mistakes)
    return network


def site_of(table: Mapping[str, Any]) -> Site:
    """One site out of its table. Raises `NetworkError` with one line per mistake."""
    try:
        return Site.model_validate(table)
    except ValidationError as error:
        raise NetworkError(
            Path(f"site {table['name']}"), [_line(table, dict(wrong)) for wrong in error.errors()]
        ) from None


def check(network: Network) -> Iterator[str]:
    """What each table cannot know by itself: names used twice, hubs, links, services."""
    yield from _twice("site", Counter(site.name for site in network.sites))
    for what, found in (
        ("hub", [site.name for site in network.sites if site.hub]),
        ("municipality", [site.name for site in network.sites if site.municipality]),
    ):
        if not found:
            yield f"no site is the {what}: give one site `{what} = true`"
        if len(found) > 1:
            yield f"only one site can be the {what}, not {' and '.join(found)}"
    hubs = {site.name for site in network.sites if site.hub}
    names = {site.name for site in network.sites}
    homes: dict[str, list[str]] = {}
    for site in network.sites:
        yield from _site_mistakes(site, hubs, names)
        for location in site.locations:
            homes.setdefault(location.name, []).append(site.name)
    for location_name, sites in homes.items():
        if len(set(sites)) > 1:
            yield f'location "{location_name}" is at two sites: {" and ".join(dict.fromkeys(sites))}'


def _site_mistakes(site: Site, hubs: set[str], names: set[str]) -> Iterator[str]:
    where = f'site "{site.name}": '
    for service in site.services:
        if service not in TELLS:
            yield f'{where}unknown service "{service}", known are {", ".join(sorted(TELLS))}'
    for mistake in _twice("service", Counter(site.services)):
        yield where + mistake
    for mistake in _twice("location", Counter(location.name for location in site.locations)):
        yield where + mistake
    if site.hub and site.link is not None:
        yield f"{where}the hub has no link of its own"
    elif not site.hub and site.link is None:
        yield f"{where}no link: a site is linked to the hub"
    elif site.link is not None and site.link not in names:
        yield f'{where}linked to "{site.link}", which is no site'
    elif site.link is not None and hubs and site.link not in hubs:
        yield f'{where}linked to "{site.link}", which is not the hub'


def _twice(what: str, counts: Counter[str]) -> Iterator[str]:
    for name, count in counts.items():
        if count > 1:
            yield f'{what} "{name}" is named {count} times'


def _line(raw: Mapping[str, Any], mistake: Mapping[str, Any]) -> str:
    """One of pydantic's mistakes as a line that names the table by its own name, and no secret value."""
    where, key = _where(raw, mistake["loc"])
    match mistake["type"]:
        case "extra_forbidden":
            return f'{where}unknown key "{key}"'
        case "missing":
            return f'{where}"{key}" is missing'
        case "string_pattern_mismatch":
            return f'{where}{key} "{mistake["input"]}": {NAME_RULE}'
        case _:
            return f"{where}{key}: {mistake['msg'][:1].lower()}{mistake['msg'][1:]}"


def _where(raw: Any, path: Sequence[str | int]) -> tuple[str, str]:
    """The tables on the way as `site "west": location "x": `, and the key itself."""
    named, key, table = "", "", raw
    for step in path:
        try:
            table = table[step]
        except (KeyError, IndexError, TypeError):
            table = None
        if isinstance(step, str):
            named, key = (f"{named}{key}: " if key else named), step
        elif isinstance(table, dict):
            name = table.get("name")
            named, key = f'{named}{key} "{name}": ' if isinstance(name, str) else f"{named}{key} {step + 1}: ", ""
    return named, key
