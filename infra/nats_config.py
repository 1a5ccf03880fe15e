"""Each site's nats-server configuration, made from the topology. Who may do what on the bus is written here only.

Accounts: CITY is linked to the hub's, LOCAL never leaves the server; at the hub the links end in LINK, which has no
stream of its own. Log subjects (`plek.>`) are denied on the link in both directions: logs cross it by sourcing and
mirroring only, so that one site cannot publish as another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.keys import CITY_ADMIN, LOCAL_ADMIN
from shared.settings import inbox_prefix
from shared.sourcing import keeper_subject
from shared.streams import (
    CITY,
    Account,
    Log,
    Topology,
    beat_subject,
    city_prefix,
    log_subject,
    source_prefix,
    stream_name,
)

Permissions = Mapping[str, Sequence[str]]
LOGS: tuple[Log, ...] = ("pub", "loc")

LINK = "LINK"
"""The hub's account the links of the other sites end in. What JetStream answers goes wherever the asker says, whatever
they may publish; in an account without a stream no answer can become a message of a log."""

QUESTIONS: Mapping[tuple[str, str], str] = {("notifications", "intake"): "contact"}
"""What services of one site ask each other on its own account: (who asks, who is asked). Nobody else can ask it, and
nobody else can listen."""

SYNC_INTERVAL = "1s"
"""How often what was written to streams is synced. A lost power may take that much off the end of a log; the relay
finds its stream behind and tells those rows again (`docs/decisions/0052-logs-are-not-synced-one-by-one.md`)."""

LINK_COMPRESSION = "s2_fast"
"""How what crosses a link is compressed. Left to itself a server looks how long the answer to a ping takes, and presses
harder the longer: it takes its own machine having much to do for a long way, and then has more to do
(`docs/decisions/0099-how-hard-a-link-is-pressed.md`)."""

STORE_BYTES_MAX = 2**50
"""What a server may store: the disk is the limit. Left to itself, a server takes three quarters of the room there is as
it starts; one that was started again while its disk was full would refuse everything from then on, however much room
there is by then."""

ANSWERS = ("_INBOX.>", "_R_.>")
"""Where answers go: an inbox, or what the hub's server puts in its place between two accounts. Names nobody can guess,
and only their owner may listen there. Answers to any reply (`allow_responses`) would do for a question whose answer is
to become a message of a log."""


@dataclass(frozen=True)
class SiteBus:
    """Where one site's nats-server listens and keeps its files, and the public keys of its users.

    `users` maps a bus user to its public nkey. At the hub, `leaves` maps every other site to the public key of its leaf
    link. At the others, `hub_url` and `leaf_seed` say how to reach the hub; `cut` takes the link down.
    """

    site: str
    port: int
    monitor_port: int
    store: Path
    users: Mapping[str, str]
    host: str = "127.0.0.1"
    leaf_port: int | None = None
    leaves: Mapping[str, str] = field(default_factory=dict)
    hub_url: str | None = None
    leaf_seed: str | None = None
    cut: bool = False


def configuration(topology: Topology, bus: SiteBus) -> str:
    """The text of the configuration file; it holds the leaf's seed, so write it where only its owner reads."""
    config: dict[str, Any] = {
        "server_name": bus.site,
        "host": bus.host,
        "port": bus.port,
        "http": f"{bus.host}:{bus.monitor_port}",
        "ping_interval": "5s",
        "ping_max": 2,
        "write_deadline": "5s",
        "jetstream": {
            "store_dir": str(bus.store),
            "domain": bus.site,
            "sync_interval": SYNC_INTERVAL,
            "max_file_store": STORE_BYTES_MAX,
        },
        "leafnodes": _leafnodes(bus),
        "accounts": {
            "CITY": {"jetstream": "enabled", "users": _users(topology, bus, "CITY")},
            "LOCAL": {"jetstream": "enabled", "users": _users(topology, bus, "LOCAL")},
        },
    }
    if bus.leaves:
        config["accounts"]["CITY"] |= _city_door(topology, sorted(bus.leaves))
        config["accounts"][LINK] = _link_door(topology) | {"users": _leaf_users(topology, bus)}
    # JSON is a subset of what nats-server reads, and leaves no doubt about quoting.
    return json.dumps(config, indent=2, ensure_ascii=False)


def _leafnodes(bus: SiteBus) -> dict[str, Any]:
    # `no_advertise` also keeps a leaf from trying addresses of the hub that it cannot reach.
    leafnodes: dict[str, Any] = {"no_advertise": True, "compression": LINK_COMPRESSION}
    if bus.leaf_port is not None:
        leafnodes |= {"host": bus.host, "port": bus.leaf_port}
    if bus.hub_url is not None:
        remote = {
            "url": bus.hub_url,
            "account": "CITY",
            "nkey": bus.leaf_seed,
            "deny_imports": ["plek.>"],
            "deny_exports": ["plek.>"],
            "disabled": bus.cut,
            "compression": "off" if _same_machine(bus.hub_url) else LINK_COMPRESSION,
        }
        leafnodes |= {"reconnect": "1s", "remotes": [remote]}
    return leafnodes


def _same_machine(url: str) -> bool:
    """Whether an address is of the machine that asks: nothing that goes there is short of room on the way."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _leaf_users(topology: Topology, bus: SiteBus) -> list[dict[str, Any]]:
    users = []
    for site, key in sorted(bus.leaves.items()):
        publish, subscribe = leaf_permissions(topology, site)
        users.append(_user(key, publish, subscribe) | {"allowed_connection_types": ["LEAFNODE"]})
    return users


def _city_door(topology: Topology, leaves: Sequence[str]) -> dict[str, Any]:
    """What the hub's CITY lets the links have, and what it takes from each of them."""
    hub = topology.hub
    services = [*_creates("$JS.API", CITY), f"$JS.FC.{CITY}.>", f"ask.{hub}.>"]
    exports = [{"stream": subject} for subject in ("mir.>", f"beat.{hub}.>")]
    exports += [{"service": subject} for subject in services]
    imports: list[dict[str, Any]] = []
    for site in leaves:
        streams, services = [f"beat.{site}.>"], [f"ask.{site}.>"]
        for service in topology.tellers(site, "pub"):
            stream = stream_name(site, service, "pub")
            streams.append(f"{source_prefix(site, service)}.>")
            services += [*_creates(f"$JS.{site}.API", stream), f"$JS.FC.{stream}.>"]
        imports += [{"stream": {"account": LINK, "subject": subject}} for subject in streams]
        imports += [{"service": {"account": LINK, "subject": subject}} for subject in services]
    return {"exports": exports, "imports": imports}


def _link_door(topology: Topology) -> dict[str, Any]:
    """The other side of it."""
    hub = topology.hub
    exports = [{"stream": subject} for subject in ("src.>", "beat.>")]
    exports += [{"service": subject} for subject in ("ask.>", "$JS.*.API.CONSUMER.CREATE.>", "$JS.FC.>")]
    imports: list[dict[str, Any]] = [
        {"stream": {"account": "CITY", "subject": subject}} for subject in ("mir.>", f"beat.{hub}.>")
    ]
    creates = _creates("$JS.API", CITY)
    here = [f"$JS.FC.{CITY}.>", f"ask.{hub}.>", *creates]
    imports += [{"service": {"account": "CITY", "subject": subject}} for subject in here]
    # A site asks under the hub's domain. The server takes that off as the question comes in, but lets the link know
    # only of the names that are here.
    for own, seen in zip(creates, _creates(f"$JS.{hub}.API", CITY), strict=True):
        imports.append({"service": {"account": "CITY", "subject": own}, "to": seen})
    return {"exports": exports, "imports": imports}


def _creates(api: str, stream: str) -> tuple[str, str]:
    """The two subjects on which a consumer of a stream is made."""
    return f"{api}.CONSUMER.CREATE.{stream}", f"{api}.CONSUMER.CREATE.{stream}.>"


def _users(topology: Topology, bus: SiteBus, account: Account) -> list[dict[str, Any]]:
    made = []
    for user, key in sorted(bus.users.items()):
        if user.startswith(account.lower()):
            publish, subscribe = permissions(topology, bus.site, user)
            made.append(_user(key, publish, subscribe))
    return made


def _user(key: str, publish: Sequence[str], subscribe: Sequence[str]) -> dict[str, Any]:
    return {
        "nkey": key,
        "permissions": {
            "publish": {"allow": list(publish)},
            "subscribe": {"allow": list(subscribe)},
        },
    }


def permissions(topology: Topology, site: str, user: str) -> tuple[list[str], list[str]]:
    """What a bus user of a site may publish and subscribe to: (publish, subscribe), each a list of subjects."""
    inbox = f"{inbox_prefix(site, user)}.>"
    account, _, rest = user.partition(".")
    if user == CITY_ADMIN:  # it watches the site's CITY, and says to others of its kind that the link is up
        others = [each for each in topology.sites if each != site] if site == topology.hub else [topology.hub]
        return [*_admin(site), *map(keeper_subject, others), *ANSWERS], [inbox, keeper_subject(site)]
    if user == LOCAL_ADMIN:
        return _admin(site), [inbox]
    service, _, relay = rest.partition(".")
    log: Log = "pub" if account == "city" else "loc"
    if relay:
        return _relay(site, service, log), [inbox]
    readable = [stream_name(site, teller, log) for teller in topology.tellers(site, log)]
    publish = [subject for stream in readable for subject in _read(stream)]
    if account == "local":
        asks = [f"ask.{site}.{asked}.{question}" for (asker, asked), question in QUESTIONS.items() if asker == service]
        hears = [(asker, question) for (asker, asked), question in QUESTIONS.items() if asked == service]
        answers = [f"{inbox_prefix(site, f'local.{asker}')}.>" for asker, _ in hears]
        return publish + asks + answers, [inbox, *(f"ask.{site}.{service}.{question}" for _, question in hears)]
    # The hub is a service of every site's bus for questions; the beat is its own, so that nobody can pretend it lives.
    publish += [*_read(CITY), beat_subject(site, service), "ask.>", *ANSWERS]
    return publish, [inbox, "beat.>", f"ask.{site}.{service}.>"]


def _admin(site: str) -> list[str]:
    # Streams and consumers of its account at its own server: made, changed, reset, asked; and what repairs need.
    # Without the domain prefix a request stays at the server it was sent to.
    return ["$JS.API.>", f"$JS.{site}.API.>"]


def _relay(site: str, service: str, log: Log) -> list[str]:
    stream = stream_name(site, service, log)
    return [
        log_subject(site, service, log, ">"),
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
    ]


def _read(stream: str) -> list[str]:
    return [
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.*",
        f"$JS.API.CONSUMER.INFO.{stream}.*",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.*",
        f"$JS.API.CONSUMER.DELETE.{stream}.*",
        f"$JS.ACK.{stream}.>",
        f"$JS.FC.{stream}.>",
    ]


def leaf_permissions(topology: Topology, site: str) -> tuple[list[str], list[str]]:
    """What a site's leaf link may send into the hub and hear from it: (publish, subscribe).

    Deliveries of its own logs and the hub's questions for them, its own questions for CITY, the answers and flow
    control of both, its own beats, questions and answers. A site that asks for CITY chooses where the hub delivers it.
    A delivery always carries a reply subject and a beat never does: a beat with one is not believed.
    """
    tellers = topology.tellers(site, "pub")
    asks = f"$JS.{topology.hub}.API.CONSUMER.CREATE.{CITY}"
    publish = [f"{source_prefix(site, service)}.>" for service in tellers]
    publish += [
        asks,
        f"{asks}.>",
        f"$JS.FC.{CITY}.>",
        # Answers to the questions above and below; they hold a consumer's figures only.
        "$JSC.R.*",
        f"beat.{site}.>",
        "ask.>",
        *ANSWERS,
    ]
    subscribe = [f"{city_prefix(site)}.>", "$JSC.R.*", "beat.>", f"ask.{site}.>", f"_INBOX.{site}.>"]
    for service in tellers:
        stream = stream_name(site, service, "pub")
        asked = f"$JS.{site}.API.CONSUMER.CREATE.{stream}"
        subscribe += [asked, f"{asked}.>", f"$JS.FC.{stream}.>"]
    return publish, subscribe
