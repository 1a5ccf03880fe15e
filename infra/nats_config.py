"""Each site's nats-server configuration, made from the topology. Who may do what on the bus is written here only.

Accounts: CITY is bound to the leaf link, LOCAL never leaves the server. Log subjects (`plek.>`) are denied on the link
in both directions: logs cross it by sourcing and mirroring only, so that one site cannot publish as another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.keys import CITY_ADMIN, LOCAL_ADMIN
from shared.settings import inbox_prefix
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
    sync_always: bool = True


def configuration(topology: Topology, bus: SiteBus) -> str:
    """The text of the configuration file; it holds the leaf's seed, so write it where only its owner reads."""
    jetstream: dict[str, Any] = {"store_dir": str(bus.store), "domain": bus.site}
    if bus.sync_always:
        jetstream["sync_interval"] = "always"
    config: dict[str, Any] = {
        "server_name": bus.site,
        "host": bus.host,
        "port": bus.port,
        "http": f"{bus.host}:{bus.monitor_port}",
        "ping_interval": "5s",
        "ping_max": 2,
        "write_deadline": "5s",
        "jetstream": jetstream,
        "leafnodes": _leafnodes(bus),
        "accounts": {
            "CITY": {"jetstream": "enabled", "users": _city_users(topology, bus)},
            "LOCAL": {"jetstream": "enabled", "users": _users(topology, bus, "LOCAL")},
        },
    }
    # JSON is a subset of what nats-server reads, and leaves no doubt about quoting.
    return json.dumps(config, indent=2, ensure_ascii=False)


def _leafnodes(bus: SiteBus) -> dict[str, Any]:
    # `no_advertise` also keeps a leaf from trying addresses of the hub that it cannot reach.
    leafnodes: dict[str, Any] = {"no_advertise": True}
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
        }
        leafnodes |= {"reconnect": "1s", "remotes": [remote]}
    return leafnodes


def _city_users(topology: Topology, bus: SiteBus) -> list[dict[str, Any]]:
    users = _users(topology, bus, "CITY")
    for site, key in sorted(bus.leaves.items()):
        publish, subscribe = leaf_permissions(topology, site)
        users.append(_user(key, publish, subscribe) | {"allowed_connection_types": ["LEAFNODE"]})
    return users


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
            # Answer what you were asked, once, and nobody else's inbox.
            "allow_responses": {"max": 1, "expires": "1m"},
        },
    }


def permissions(topology: Topology, site: str, user: str) -> tuple[list[str], list[str]]:
    """What a bus user of a site may publish and subscribe to: (publish, subscribe), each a list of subjects."""
    inbox = f"{inbox_prefix(site, user)}.>"
    account, _, rest = user.partition(".")
    if user in (CITY_ADMIN, LOCAL_ADMIN):
        return _admin(site), [inbox]
    service, _, relay = rest.partition(".")
    log: Log = "pub" if account == "city" else "loc"
    if relay:
        return _relay(site, service, log), [inbox]
    readable = [stream_name(site, teller, log) for teller in topology.tellers(site, log)]
    publish = [subject for stream in readable for subject in _read(stream)]
    if account == "local":
        return publish, [inbox]
    # The hub is a service of every site's bus for questions; the beat is its own, so that nobody can pretend it lives.
    publish += [*_read(CITY), beat_subject(site, service), "ask.>"]
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
        # Answers to questions of others: an inbox is a name nobody can guess, and only its owner may listen there.
        "_INBOX.>",
    ]
    subscribe = [f"{city_prefix(site)}.>", "$JSC.R.*", "beat.>", f"ask.{site}.>", f"_INBOX.{site}.>"]
    for service in tellers:
        stream = stream_name(site, service, "pub")
        asked = f"$JS.{site}.API.CONSUMER.CREATE.{stream}"
        subscribe += [asked, f"{asked}.>", f"$JS.FC.{stream}.>"]
    return publish, subscribe
