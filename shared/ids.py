"""Ids are handed in like time, so that a simulation repeats itself to the letter."""

from __future__ import annotations

import uuid
from typing import Protocol

import uuid_utils

NAMESPACE = uuid.UUID("7a1f3c0e-5b0f-4a55-9d60-0e1c8f3d2b11")
"""The namespace of every id that is derived from others (`derived_id`)."""


class Ids(Protocol):
    """Where new ids come from. All ids are lower-case hyphenated UUID strings."""

    def event_id(self) -> str:
        """An id ordered by time (UUIDv7), for events and commands."""
        ...

    def random_id(self) -> str:
        """An id that tells nothing, not even when it was made (UUIDv4): for whatever leaves a site."""
        ...


class SystemIds:
    """Ids from the operating system's randomness."""

    def event_id(self) -> str:
        return str(uuid_utils.uuid7())

    def random_id(self) -> str:
        return str(uuid_utils.uuid4())


def derived_id(*parts: str) -> str:
    """The id that always belongs to these parts (UUIDv5): the same cause gives the same command id however often it
    comes.
    """
    return str(uuid.uuid5(NAMESPACE, "\x1f".join(parts)))
