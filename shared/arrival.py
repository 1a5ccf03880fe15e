"""The code somebody says at a door: short enough to read out, too long to guess, and kept by nobody.

Whoever has to check it holds a salt and a slow hash. Its forty bits alone would be found in minutes under a quick one.
"""

from __future__ import annotations

import hashlib
import re

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter that is read as another one."""
CHARS = 8
ROUNDS = 100_000
"""About 30 ms a try on a small machine."""

_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})


def code_of(secret: bytes) -> str:
    """The code that follows from a secret of 5 bytes or more, in two groups: `7K2M-9QXD`."""
    number = int.from_bytes(secret[:5], "big")
    text = "".join(LETTERS[(number >> 5 * digit) & 31] for digit in reversed(range(CHARS)))
    return f"{text[:4]}-{text[4:]}"


def hashed(code: str, salt: str) -> str:
    """Salt and hash of a code, as it travels: `<32 hex>.<64 hex>`. Spaces, dashes and small letters mean nothing.

    salt: 16 bytes, hexadecimal.
    """
    plain = re.sub(r"[\s-]", "", code.upper()).translate(_READ_AS)
    digest = hashlib.pbkdf2_hmac("sha256", plain.encode(), bytes.fromhex(salt), ROUNDS)
    return f"{salt}.{digest.hex()}"
