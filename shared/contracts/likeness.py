"""What is in the letters of desks about who may be known at both: four of them a check (`intake.py`).

Nothing that describes anybody travels before the desk that is asked has given a key for this one check, which it holds
in memory and nowhere else: what lies on the logs can be read by nobody once that key is gone, whoever is erased where.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.contracts.base import SEALED_PATTERN, LetterBody
from shared.contracts.vocabulary import CheckAnswer

QUESTION_CHARS_MAX = 15_000
CHECK_KEY_PATTERN = r"^[A-Za-z0-9_-]{43}$"
"""A public key of X25519, base64url."""


class CheckBegunBody(LetterBody):
    """Nothing of anybody yet."""


class CheckKeyGivenBody(LetterBody):
    """key: to seal the question to; for this check alone."""

    key: Annotated[str, Field(pattern=CHECK_KEY_PATTERN)]


class CheckAskedBody(LetterBody):
    """question: marks of one person under a key made for this question, sealed to the key that was given."""

    question: Annotated[str, Field(pattern=SEALED_PATTERN, max_length=QUESTION_CHARS_MAX)]


class CheckAnsweredBody(LetterBody):
    """Yes or no; or nothing was compared, because this site asks too much."""

    answer: CheckAnswer
