"""The register of processing activities, as the logbook's lines refer to it (`activities.toml`)."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import msgspec

URI = "urn:nld:plek:register:{id}"
"""How a line names an entry."""


class Activity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry. ground: on which it is lawful. subjects, data: whose, and what. kept: how long."""

    name: str
    purpose: str
    ground: str
    subjects: str
    data: str
    kept: str


def register() -> dict[str, Activity]:
    """Every entry by its id."""
    text = (files("shared.contracts") / "activities.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Activity])
