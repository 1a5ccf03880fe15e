"""A voucher's code: what a client shows at the desk, and what is kept of it. Pure."""

from __future__ import annotations

import hashlib
import re

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is taken for a digit."""
CHARACTERS = 16
"""80 bits: a hash of one cannot be tried out, and a guess at the desk finds none."""
CHANCE_BYTES = CHARACTERS * 5 // 8

_CODE = re.compile(f"[{ALPHABET}]{{{CHARACTERS}}}")


def code_of(chance: bytes) -> str:
    """A code to be read out, `XXXX-XXXX-XXXX-XXXX`, of `CHANCE_BYTES` random bytes."""
    number = int.from_bytes(chance, "big")
    letters = "".join(ALPHABET[number >> (5 * place) & 31] for place in reversed(range(CHARACTERS)))
    return "-".join(letters[first : first + 4] for first in range(0, CHARACTERS, 4))


def hashed(code: str) -> str | None:
    """All that is kept of a code, in hexadecimal; None of what cannot be one. Small letters, blanks, hyphens and an O
    for a zero are as good."""
    plain = re.sub(r"[\s-]", "", code[:80]).upper().replace("O", "0").replace("I", "1").replace("L", "1")
    return hashlib.sha256(b"plek voucher " + plain.encode()).hexdigest() if _CODE.fullmatch(plain) else None
