"""Limits of the allowance service, and what is wrong with a value whoever gives it."""

from __future__ import annotations

import re
from collections.abc import Sized
from datetime import date, datetime, timedelta

from services.allowance.days import SPANS_MAX, Spans, in_order
from shared.contracts.vocabulary import PAY_METHODS, SIZE_CLASSES
from shared.kernel import Rejected
from shared.money import CENTS_MAX, day_of

HOUSEHOLD_SIZE_MAX = 20
CEILING_MAX = 20_000
SEATS_MAX = 50_000
"""Seats a programme remembers, given and refused: more than a hundred a week for years."""
TARIFFS_MAX = 400
DAYS_BACK_MAX, DAYS_AHEAD_MAX = 731, 366
"""How far back days may be corrected, and how far ahead they may be named."""
YEARS = range(2018, 2100)

REPEAT_SECONDS_MIN, REPEAT_SECONDS_MAX = 2, 3600
"""The first pause before another site is told again; it doubles up to an hour, without end: money hangs on it."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,'()/&+-]{0,59}")

_SITE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
IBAN_LENGTHS = {
    "AD": 24, "AL": 28, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20,
    "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MT": 31, "NL": 18, "NO": 15,
    "PL": 28, "PT": 25, "RO": 24, "RS": 22, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "VA": 22,
}  # fmt: skip
"""Characters of an account number by country of the payments area (EPC409-09; lengths of the IBAN registry)."""


def id_refused(*ids: str) -> Rejected | None:
    """Refused: `id-invalid`."""
    return None if all(map(_UUID.fullmatch, ids)) else Rejected("id-invalid", {})


def stale_refused(expected: int | None, actual: int) -> Rejected | None:
    """Refused: `version-stale`."""
    if expected in (None, actual):
        return None
    return Rejected("version-stale", {"expected": expected, "actual": actual})


def name_refused(name: str) -> Rejected | None:
    """Refused: `programme-name-invalid`."""
    return None if _NAME.fullmatch(name) else Rejected("programme-name-invalid", {})


def site_refused(site: str) -> Rejected | None:
    """Refused: `account-site-invalid`."""
    return None if _SITE.fullmatch(site) else Rejected("account-site-invalid", {})


def account_name_refused(name: str) -> Rejected | None:
    """Refused: `account-name-invalid`."""
    return None if _NAME.fullmatch(name) else Rejected("account-name-invalid", {})


def iban_refused(iban: str) -> Rejected | None:
    """Refused: `iban-invalid`: of no country of the area, too long or short, or its check digits are others (ISO 13616:
    the country moved behind, letters as 10 to 35, it leaves 1 when divided by 97)."""
    known = _IBAN.fullmatch(iban) is not None and len(iban) == IBAN_LENGTHS.get(iban[:2])
    if known and int("".join(str(int(one, 36)) for one in iban[4:] + iban[:4])) % 97 == 1:
        return None
    return Rejected("iban-invalid", {})


def ceiling_refused(ceiling: int) -> Rejected | None:
    """Refused: `ceiling-out-of-range`."""
    return None if 0 <= ceiling <= CEILING_MAX else Rejected("ceiling-out-of-range", {"ceiling_max": CEILING_MAX})


def cents_refused(cents: int) -> Rejected | None:
    """Refused: `amount-invalid`. Cents are whole and not negative."""
    if type(cents) is int and 0 <= cents <= CENTS_MAX:
        return None
    return Rejected("amount-invalid", {"cents_max": CENTS_MAX})


def methods_refused(methods: tuple[str, ...]) -> Rejected | None:
    """Refused: `methods-missing`, `method-unknown`."""
    if not methods:
        return Rejected("methods-missing", {})
    return None if set(methods) <= set(PAY_METHODS) else Rejected("method-unknown", {"known": list(PAY_METHODS)})


def size_class_refused(size_class: str) -> Rejected | None:
    """Refused: `size-class-unknown`."""
    return None if size_class in SIZE_CLASSES else Rejected("size-class-unknown", {"known": list(SIZE_CLASSES)})


def household_refused(size: int, least: int = 1) -> Rejected | None:
    """Refused: `household-size-invalid`."""
    if least <= size <= HOUSEHOLD_SIZE_MAX:
        return None
    return Rejected("household-size-invalid", {"household_size_max": HOUSEHOLD_SIZE_MAX})


def day_refused(day: date, at: datetime) -> Rejected | None:
    """Refused: `day-too-far`: further back than days are corrected, or too far ahead."""
    today = day_of(at)
    if today - timedelta(days=DAYS_BACK_MAX) <= day <= today + timedelta(days=DAYS_AHEAD_MAX):
        return None
    return Rejected("day-too-far", {"days_back_max": DAYS_BACK_MAX, "days_ahead_max": DAYS_AHEAD_MAX})


def ahead_refused(day: date, at: datetime) -> Rejected | None:
    """Refused: `day-ahead`: the first day without pay of somebody whose seat is given back now: tomorrow at the latest.
    Else the seat would be somebody else's, and paid twice."""
    tomorrow = day_of(at) + timedelta(days=1)
    return None if day <= tomorrow else Rejected("day-ahead", {"day_max": tomorrow.isoformat()})


def pieces_refused(days: Sized) -> Rejected | None:
    """Refused: `days-in-too-many-pieces`."""
    return Rejected("days-in-too-many-pieces", {"pieces_max": SPANS_MAX}) if len(days) > SPANS_MAX else None


def spans_refused(spans: Spans) -> Rejected | None:
    """Refused: `days-in-too-many-pieces`, `days-invalid`."""
    return pieces_refused(spans) or (None if in_order(spans) else Rejected("days-invalid", {}))


def again(at: datetime, repeated: int = 0) -> datetime:
    """When another site is told again what it has not said that it heard."""
    return at + timedelta(seconds=min(REPEAT_SECONDS_MIN * 2 ** min(repeated, 16), REPEAT_SECONDS_MAX))
