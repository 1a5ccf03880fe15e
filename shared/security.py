"""Bearer tokens: who acts, in which role, at which site.

A token is a JWT signed with Ed25519. A process verifies it against the public keys of its site
(`SiteSettings.token_keys`); only an embedded network also holds the signing key, for `plek token`.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NamedTuple, cast, get_args

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

Role = Literal["operator", "caseworker", "coordinator", "finance", "oncall", "auditor"]
ROLES: tuple[Role, ...] = get_args(Role)
ALGORITHM = "Ed25519"
LIFETIME = timedelta(hours=12)
# Clocks of two machines differ; a token is not refused for having been issued a moment ahead of ours.
LEEWAY = timedelta(seconds=60)
SUBJECT_LENGTH_MAX = 200
TOKEN_LENGTH_MAX = 4096
VERIFIED_MAX = 1_000
"""Checked signatures a process remembers; the least recently used goes first."""

TokenErrorCode = Literal["token-invalid", "token-expired", "token-other-site", "session-ended"]


class TokenError(Exception):
    """A token or session that is not accepted: token-invalid, token-expired, token-other-site or session-ended. Never
    holds it."""

    def __init__(self, code: TokenErrorCode) -> None:
        super().__init__(code)
        self.code: TokenErrorCode = code


@dataclass(frozen=True)
class Actor:
    """Who calls: `subject` is opaque (never a person's name), `role` one of `ROLES`, `site` where the token counts."""

    subject: str
    role: Role
    site: str


def issue_token(key: OKPKey, subject: str, role: Role, site: str, now: datetime, lifetime: timedelta = LIFETIME) -> str:
    """Sign a token for `subject` in `role` at `site`, valid from `now` (aware) for `lifetime`."""
    issued = int(now.timestamp())
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": key.kid}
    claims = {
        "sub": subject,
        "role": role,
        "site": site,
        "iat": issued,
        "exp": issued + int(lifetime.total_seconds()),
    }
    return jwt.encode(header, claims, key, algorithms=[ALGORITHM])


class Claims(NamedTuple):
    """What a token of ours says, its signature checked. issued, expires: seconds since 1970."""

    subject: str
    role: Role
    home: str
    issued: int
    expires: int

    def actor(self, site: str, now: datetime) -> Actor:
        """Who it speaks for at `site` and `now` (aware). Raises `TokenError`."""
        moment = now.timestamp()
        if self.issued > moment + LEEWAY.total_seconds():
            raise TokenError("token-invalid")
        if self.expires <= moment:
            raise TokenError("token-expired")
        if self.home != site:
            raise TokenError("token-other-site")
        return Actor(self.subject, self.role, self.home)


def signed_claims(keys: KeySet, token: str) -> Claims:
    """Check a token's signature and the shape of its claims. Raises `TokenError`: `token-invalid`."""
    if len(token) > TOKEN_LENGTH_MAX:
        raise TokenError("token-invalid")
    try:
        claims = jwt.decode(token, keys, algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError, TypeError, KeyError):
        # From None: the library's message may quote the token.
        raise TokenError("token-invalid") from None
    subject, role, home = claims.get("sub"), claims.get("role"), claims.get("site")
    issued, expires = claims.get("iat"), claims.get("exp")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_LENGTH_MAX:
        raise TokenError("token-invalid")
    if role not in ROLES or not isinstance(home, str) or type(issued) is not int or type(expires) is not int:
        raise TokenError("token-invalid")
    return Claims(subject, cast("Role", role), home, issued, expires)


def verify_token(keys: KeySet, token: str, site: str, now: datetime) -> Actor:
    """Check a token's signature, claims, age at `now` (aware) and site, and tell who it speaks for.

    Raises `TokenError`: `token-invalid` (not a token of ours, or issued in the future), `token-expired`,
    `token-other-site` (good, but for another site than `site`).
    """
    return signed_claims(keys, token).actor(site, now)


class Verifier:
    """Verifies tokens at one site, and remembers the signatures it has checked: one costs as much as a small command.

    Only the signature is remembered, under the whole token's hash; age and site are looked at every time.
    """

    def __init__(self, keys: KeySet, site: str) -> None:
        self._keys, self._site = keys, site
        self._known: OrderedDict[bytes, Claims] = OrderedDict()

    def __call__(self, token: str, now: datetime) -> Actor:
        """As `verify_token`."""
        name = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        claims = self._known.get(name)
        if claims is None:
            claims = self._known[name] = signed_claims(self._keys, token)
            if len(self._known) > VERIFIED_MAX:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(name)
        return claims.actor(self._site, now)


def load_signing_key(path: Path) -> OKPKey:
    """Read the private key of an embedded network."""
    return OKPKey.import_key(json.loads(path.read_text("utf-8")))


def load_public_keys(path: Path) -> KeySet:
    """Read a public JWKS file."""
    return KeySet.import_key_set(json.loads(path.read_text("utf-8")))
