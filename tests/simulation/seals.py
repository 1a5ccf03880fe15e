"""The seals of simulated sites: those of the product, or, in most worlds, envelopes in their place.

What is inside a letter, its padding, whom it is for and what has to agree are the product's in both. Only the cipher is
another one: it is a library's, `tests/letters` holds it to what it promises, and it was a seventh of a simulated life.
"""

from __future__ import annotations

import base64

from joserfc.jwk import OKPKey

from shared.letters import LetterRefused, Seals


class Envelopes(Seals):
    """Whoever has the key a letter was sealed to can open it, and nobody else; a machine could read it all the same."""

    def _sealed(self, text: bytes, key: OKPKey) -> str:
        return f"{key.kid}..{'n' * 16}.{base64.urlsafe_b64encode(text).decode().rstrip('=')}.{'t' * 22}"

    def _unsealed(self, sealed: str) -> bytes:
        kid, _, _, text, _ = sealed.split(".")
        if kid not in {key.kid for key in self._own.keys}:
            raise LetterRefused("letter-key-unknown", "sealed to a key this site does not have")
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def seals_of(seals: Seals, *, whole: bool) -> Seals:
    """A site's seals, for one world alone. whole: those of the product."""
    mine = Seals.__new__(Seals if whole else Envelopes)
    mine.__dict__.update(vars(seals))
    return mine
