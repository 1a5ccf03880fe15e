"""Letters between sites: sealed to the addressee, padded, and believed only when inside and outside agree.

Everybody in the network can read every log, so what one site writes to one other is sealed with JWE: ECDH-ES over
X25519 with AES-256-GCM. The agreement makes a fresh key for each letter and needs no shared secret; X25519 has one
encoding of a point and no curves to choose between; GCM notices every changed bit, of the header too.

Anybody can seal to a public key, so the seal says nothing about the sender. Who sent a letter is known from the log it
came on: only that site's relay may publish there. The sealed text repeats sender, addressee, type, request and the
letter's own id; a letter that says otherwise inside was copied from somewhere, and is refused.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jwe
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import KeySet, OKPKey
from pydantic import ValidationError

from shared.contracts.base import Draft, Letter, Opened, Written
from shared.envelope import Message

SIZES = (1024, 4096, 16_384)
"""Bytes of a sealed text: it is padded to the first that is large enough, so that sizes do not tell letters apart."""

_ALGORITHMS = JWERegistry(algorithms=["ECDH-ES", "A256GCM"])
_ALGORITHMS.max_ciphertext_length = 1024 * 1024
"""base64url. The library reads no more than 64 kB by itself, and writes any amount: a file that is handed over is
larger. No message of the bus is larger than this; what a letter may hold its contract says."""
_HEADER = {"alg": "ECDH-ES", "enc": "A256GCM"}


class LetterRefused(Exception):
    """Why a letter is put aside: a kebab-case code, and a detail that quotes nothing of it.

    `letter-key-unknown`, `letter-unreadable`, `letter-size-wrong`, `letter-forged`, `letter-replayed`,
    `letter-body-invalid`.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


class LetterTooLong(Exception):
    """A draft does not fit into the largest size: its contract allows too much."""


class Sealed(msgspec.Struct, rename={"sender": "from"}, forbid_unknown_fields=True):
    """The text under the seal."""

    id: str
    sender: str
    to: str
    type: str
    request_id: str
    body: msgspec.Raw


class Seals:
    """One site's keys for letters.

    own: its private keys; each opens what was sealed to it, so an old one stays until nothing sealed to it is on its
    way. network: the newest public key of every site, by name. earlier: ids of the keys of sites of this name that have
    left the network.
    """

    def __init__(self, site: str, own: KeySet, network: Mapping[str, OKPKey], earlier: Collection[str] = ()) -> None:
        self.site, self._own, self._network = site, own, dict(network)
        self._earlier = frozenset(earlier) - {key.kid for key in own.keys}

    def learn(self, network: Mapping[str, OKPKey]) -> None:
        """Sites came, went, or have new keys: from now on letters are sealed to these."""
        self._network = dict(network)

    def knows(self, site: str) -> bool:
        """Whether a letter can be sealed to a site."""
        return site in self._network

    def encode(self, draft: Written[Any] | Draft, id_: str) -> bytes | None:
        """The payload of a told event: a letter is sealed, anything else is as it is. id_: of the event.

        None for a letter to a site whose key nobody has handed out: nobody could read it.
        """
        if type(draft) is Written:
            return draft.payload
        assert isinstance(draft, Draft)
        key = self._network.get(draft.to)
        if key is None:
            return None
        inside = Sealed(
            id_, self.site, draft.to, draft.letter.type_name, draft.request_id,
            msgspec.Raw(draft.body.model_dump_json().encode()),
        )  # fmt: skip
        text = self._sealed(padded(msgspec.json.encode(inside)), key)
        return draft.letter(to=draft.to, request_id=draft.request_id, sealed=text).encode()

    def seal(self, to: str, text: bytes) -> str | None:
        """A text that is no letter, sealed to another site, to be asked of it directly. It says itself what it is, so
        that neither is taken for the other. None as for a letter."""
        key = self._network.get(to)
        return None if key is None else self._sealed(text, key)

    def unseal(self, sealed: str) -> bytes:
        """A text that `seal` of another site has sealed to this one. Raises `LetterRefused`."""
        return self._unsealed(sealed)

    def meant_for_earlier(self, letter: Letter) -> bool:
        """Whether a letter is sealed to a key of a site of this name that has left: nobody can or should read it."""
        return bool(self._earlier) and _key_named(letter.sealed) in self._earlier

    def open(self, message: Message, letter: Letter) -> Opened:
        """What a letter to this site says, once everything about it agrees. Raises `LetterRefused`."""
        text = self._unsealed(letter.sealed)
        if len(text) not in SIZES:
            raise LetterRefused("letter-size-wrong", f"{len(text)} bytes")
        try:
            inside = msgspec.json.decode(text, type=Sealed)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise LetterRefused("letter-unreadable", "not what a letter holds") from None
        said = (inside.sender, inside.to, inside.type, inside.request_id)
        if said != (message.origin.site, self.site, message.type, letter.request_id):
            raise LetterRefused("letter-forged", "inside and outside differ")
        if inside.id != message.id:
            raise LetterRefused("letter-replayed", "it came before under another id")
        try:
            body = letter.body_type.model_validate_json(bytes(inside.body))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise LetterRefused("letter-body-invalid", str(first["type"])[:60]) from None
        return Opened(inside.sender, inside.request_id, body)

    def _sealed(self, text: bytes, key: OKPKey) -> str:
        return jwe.encrypt_compact({**_HEADER, "kid": key.kid}, text, key, registry=_ALGORITHMS)

    def _unsealed(self, sealed: str) -> bytes:
        try:
            return bytes(jwe.decrypt_compact(sealed, self._own, registry=_ALGORITHMS).plaintext or b"")
        except InvalidKeyIdError:
            raise LetterRefused("letter-key-unknown", "sealed to a key this site does not have") from None
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            # The library reads a header that anybody may have written; what it stumbles on is no letter of ours.
            raise LetterRefused("letter-unreadable", "the seal is broken") from None


class OneKey:
    """A pair of keys that is in memory only: what is sealed to it can be read by nobody once the process has let it go.

    public: what others seal to, base64url.
    """

    def __init__(self) -> None:
        self._private = OKPKey.generate_key("X25519")
        self.public = str(self._private.as_dict(private=False)["x"])

    def unseal(self, sealed: str) -> bytes:
        """Raises `LetterRefused`."""
        try:
            return bytes(jwe.decrypt_compact(sealed, self._private, registry=_ALGORITHMS).plaintext or b"")
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise LetterRefused("letter-unreadable", "sealed to another key, or broken") from None


def seal_to(public: str, text: bytes) -> str:
    """A text that only whoever holds the other half of `public` can read. Raises `LetterRefused` for what is no key."""
    try:
        key = OKPKey.import_key({"kty": "OKP", "crv": "X25519", "x": public})
        return jwe.encrypt_compact(dict(_HEADER), text, key, registry=_ALGORITHMS)
    except (JoseError, ValueError, TypeError):
        raise LetterRefused("letter-key-unknown", "no key") from None


def _key_named(sealed: str) -> str | None:
    """What a seal says it is sealed to, which anybody may have written; None when it says nothing readable."""
    head = sealed.partition(".")[0]
    try:
        kid = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return kid if isinstance(kid, str) else None


def padded(text: bytes) -> bytes:
    """The text with blanks behind it, which mean nothing in JSON. Raises `LetterTooLong`."""
    for size in SIZES:
        if len(text) <= size:
            return text.ljust(size)
    raise LetterTooLong(f"{len(text)} bytes, at most {SIZES[-1]}")


def load_seals(site: str, own: Path, network: Path) -> Seals:
    """The keys of one site from its two files: its own private set, and the network's public keys.

    own: a JWK set, the newest key first. network: `{"sites": {site: [JWK, ...]}}`, the newest first, and under `left`
    the ids of the keys (`keys`) of sites that have left (`shared/roster.py`).
    """
    keys = KeySet.import_key_set(json.loads(own.read_text("utf-8")))
    told = json.loads(network.read_text("utf-8"))
    sites: Mapping[str, list[dict[str, Any]]] = told["sites"]
    gone = told.get("left", {}).get(site, ())
    return Seals(site, keys, newest_keys(sites), [kid for one in gone for kid in one.get("keys", ())])


def newest_keys(sites: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, OKPKey]:
    """The key to seal to of every site that has one, out of what is written of each, the newest first."""
    return {name: OKPKey.import_key(dict(found[0])) for name, found in sites.items() if found}
