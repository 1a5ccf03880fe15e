"""Who may sign in, and how often a password may be tried. Pure: what the time is, and what a browser says, comes in."""

from __future__ import annotations

import re
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta

PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX = 12, 200
NAME_CHARS_MAX = 40
NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{NAME_CHARS_MAX - 1}}}")
"""An account's name, as it is typed: nothing is told from capitals."""

SESSION_LIFETIME = timedelta(hours=12)
"""A shift and the hand-over: as long as a token counts."""
DEVICE_DAYS = 90
"""How long a browser somebody signed in with is remembered as theirs."""

DEMO_PASSWORD = "plek-demo"  # noqa: S105
"""Of all accounts of a demonstration, and printed beside them: it counts nowhere else."""

TRIES_AT_ONCE = 5
TRY_EVERY_SECONDS = 30.0
"""Wrong passwords: five at once, then one every half minute. Nobody is ever locked out; they wait."""
WATCHED_MAX = 10_000

_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "Mac"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def name_of(typed: str) -> str | None:
    """The account somebody means; None when no account can be called that."""
    name = typed.strip().lower()
    return name if NAME.fullmatch(name) else None


def as_typed(password: str) -> str:
    """A password as it counts: one keyboard sends é as one sign and another as two (NFKC, NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def weakness(name: str, password: str) -> str | None:
    """Why a password is refused, as a code; None when it is good enough. Length is what counts (NIST SP 800-63B)."""
    password = as_typed(password)
    if len(password) < PASSWORD_CHARS_MIN:
        return "password-too-short"
    if len(password) > PASSWORD_CHARS_MAX:
        return "password-too-long"
    if name in password.lower() or len(set(password)) < 5 or password == DEMO_PASSWORD:
        return "password-too-plain"
    return None


def device_of(user_agent: str) -> str:
    """A browser in the few words by which its owner knows it, and nobody else: `Firefox · Android`."""
    parts = [next((name for mark, name in table if mark in user_agent), "") for table in (_BROWSERS, _SYSTEMS)]
    return " · ".join(part for part in parts if part)


@dataclass
class Tries:
    """How often each account was tried, from each device it knows and from all it does not know together.

    A stranger who tries for ever makes other strangers wait, and never somebody at a device they have signed in with.
    Times are on a clock that never goes back.
    """

    _free_at: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def take(self, key: str, at: float) -> float:
        """Counts a try. 0 when it may be made; else after how many seconds the next one may, and it is not counted."""
        free_at = max(self._free_at.get(key, at), at)
        wait = free_at - at - (TRIES_AT_ONCE - 1) * TRY_EVERY_SECONDS
        if wait > 0:
            return wait
        self._free_at[key] = free_at + TRY_EVERY_SECONDS
        self._free_at.move_to_end(key)
        if len(self._free_at) > WATCHED_MAX:
            self._free_at.popitem(last=False)
        return 0.0

    def succeeded(self, key: str) -> None:
        """The password was right: what was tried before is forgotten."""
        self._free_at.pop(key, None)
