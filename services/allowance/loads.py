"""What goes to whoever runs the prepaid cards, and what comes back: lines of text (CSV, RFC 4180). Pure: the same run
gives the same bytes.

A card is known by the entitlement it was given for, and ends with it: nothing here joins two entitlements of one
person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from shared.money import CENTS_MAX

HEAD = "load_id,card,load_cents,balance_cents_max,cash_cents_a_day_max"
ANSWER_HEAD = "load_id,loaded_cents,balance_cents"

_ANSWER = re.compile(
    r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}),(?P<loaded>[0-9]{1,12}),(?P<balance>[0-9]{1,12})"
)


class Load(NamedTuple):
    """What a card is loaded with; nothing asks only what is on it."""

    load_id: str
    card: str
    cents: int


class CardLine(NamedTuple):
    """What was loaded on one card, and what is on it now. number: of its line in the file, the head being 1."""

    number: int
    load_id: str
    cents: int
    balance_cents: int


class WrongLine(NamedTuple):
    """A line that is none."""

    number: int


def load_file(loads: Sequence[Load], balance_cents_max: int, cash_cents_a_day_max: int) -> bytes:
    """The file of one run, or nothing where nobody is paid so."""
    if not loads:
        return b""
    limits = f"{balance_cents_max},{cash_cents_a_day_max}"
    lines = [HEAD, *(f"{load.load_id},{load.card},{load.cents},{limits}" for load in loads)]
    return "".join(line + "\r\n" for line in lines).encode()


def read_answer(text: str) -> list[CardLine | WrongLine] | None:
    """What was loaded, line by line; None of a file with another head."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].strip() != ANSWER_HEAD:
        return None
    found: list[CardLine | WrongLine] = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        written = _ANSWER.fullmatch(line.strip())
        loaded, balance = (-1, -1) if written is None else (int(written["loaded"]), int(written["balance"]))
        if written is None or max(loaded, balance) > CENTS_MAX:
            found.append(WrongLine(number))
        else:
            found.append(CardLine(number, written["id"], loaded, balance))
    return found
