"""Keys of an embedded network, made once and kept: nkeys for the bus, an Ed25519 key for tokens, and for every site an
X25519 key to which letters are sealed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.streams import TELLS

if TYPE_CHECKING:
    from joserfc.jwk import OKPKey

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


def ensure_seal_keys(directory: Path) -> Path:
    """A site's private keys for letters (`letters.jwks`, the newest first), made where missing.

    A site gets a new key by a new one in front: letters are sealed to the first, and the others still open theirs.
    """
    path = directory / "letters.jwks"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        _write_private(path, json.dumps({"keys": [new_seal_key().as_dict(private=True)]}).encode())
    return path


def ensure_vault_key(directory: Path) -> Path:
    """The key under which a site's data keys are wrapped (`vault.jwks`, the newest first), made where missing.

    A site gets a new one by a new key in front: at the next start everything is wrapped under it.
    """
    import base64

    path = directory / "vault.jwks"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        secret = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        key = {"kty": "oct", "kid": os.urandom(6).hex(), "k": secret, "use": "enc"}
        _write_private(path, json.dumps({"keys": [key]}).encode())
    return path


def ensure_logbook_key(directory: Path) -> Path:
    """The key under which people's ids are encrypted for the logbook (`logbook.key`), made where missing."""
    path = directory / "logbook.key"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        _write_private(path, os.urandom(64).hex().encode())
    return path


def new_seal_key() -> OKPKey:
    """A key for letters, with its thumbprint as its id."""
    from joserfc.jwk import OKPKey

    return OKPKey.generate_key("X25519", parameters={"use": "enc", "alg": "ECDH-ES"}, auto_kid=True)


def ensure_letter_keys(
    directory: Path, sites: Sequence[str], public: Path, more: Mapping[str, Any] | None = None
) -> dict[str, Path]:
    """Every site's private keys for letters below `directory`/<site>, and all public ones in one file, for all to read.

    Returns site -> its private file. more: as in `publish_seal_keys`.
    """
    private = {site: ensure_seal_keys(directory / site / "keys") for site in sites}
    publish_seal_keys(public, private, more)
    return private


def publish_seal_keys(path: Path, sites: Mapping[str, Path], more: Mapping[str, Any] | None = None) -> Path:
    """Write every site's public keys for letters where each of them can read it, from the private ones in `sites`.

    more: what else the file says of the network (`shared/roster.py`).
    """
    from joserfc.jwk import KeySet

    public = {}
    for site, private in sites.items():
        keys = KeySet.import_key_set(json.loads(private.read_text("utf-8"))).keys
        public[site] = [key.as_dict(private=False) for key in keys]
    fresh = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh.write_text(json.dumps({"sites": public, **(more or {})}, indent=2), "utf-8")
    fresh.replace(path)
    return path


def seal_key_ids(path: Path, site: str) -> list[str]:
    """Ids of the keys for letters that `publish_seal_keys` wrote down of a site; none, when it wrote none."""
    return [str(key["kid"]) for key in json.loads(path.read_text("utf-8"))["sites"].get(site, ())]


def _write_private(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".tmp")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)
