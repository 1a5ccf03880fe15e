"""Keys of an embedded network, made once and kept: nkeys for the bus, an Ed25519 key for tokens."""

from __future__ import annotations

import json
import os
from pathlib import Path

from shared.streams import TELLS

CITY_ADMIN = "city.admin"
LOCAL_ADMIN = "local.admin"
LEAF = "leaf"


def bus_users(services: list[str]) -> list[str]:
    """Every bus user of a site that runs `services`; a service has a relay user for each log it tells."""
    users = [CITY_ADMIN, LOCAL_ADMIN]
    for service in services:
        users += [f"city.{service}", f"local.{service}"]
        if "pub" in TELLS.get(service, ()):
            users.append(f"city.{service}.relay")
        if "loc" in TELLS.get(service, ()):
            users.append(f"local.{service}.relay")
    return users


def ensure_seed(path: Path) -> Path:
    """Make a file with a fresh nkey seed unless there is one; only its owner may read it."""
    import nkeys

    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_private(path, nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))
    return path


def public_key(seed: Path) -> str:
    """The public nkey that belongs to the seed in a file."""
    import nkeys

    return bytes(nkeys.from_seed(bytearray(seed.read_bytes().strip())).public_key).decode()


def ensure_site_keys(directory: Path, services: list[str]) -> dict[str, Path]:
    """Seeds of every bus user of a site under `directory`, made where missing. Returns user -> file."""
    return {user: ensure_seed(directory / f"{user}.nk") for user in bus_users(services)}


def ensure_token_key(directory: Path) -> tuple[Path, Path]:
    """The key that signs tokens (`tokens.jwk`) and its public set (`tokens.jwks`), made where missing."""
    from joserfc.jwk import OKPKey

    private, public = directory / "tokens.jwk", directory / "tokens.jwks"
    if not private.exists() or not public.exists():
        directory.mkdir(parents=True, exist_ok=True)
        key = OKPKey.generate_key("Ed25519", parameters={"use": "sig", "alg": "Ed25519"}, auto_kid=True)
        public.write_text(json.dumps({"keys": [key.as_dict(private=False)]}), "utf-8")
        _write_private(private, json.dumps(key.as_dict(private=True)).encode())
    return private, public


def _write_private(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".tmp")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)
