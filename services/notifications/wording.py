"""What there is to say: every template with its English text, which is also the key of its translations, and what it
has to fill in. Plain language (B1 at most): short sentences, no jargon, no word that says who somebody is.

A text has two forms. The neutral one names nothing: it is all a client gets who did not choose otherwise, and all that
ever stands in a subject line or a preview. The explicit one says what it is about.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Literal, NamedTuple

LANGUAGES = ("nl", "en", "fr", "ar", "ti", "am", "fa", "es", "pt", "tr", "uk")
"""What clients can be written to in. English is the source."""
STAFF_LANGUAGES = ("nl", "en")
RIGHT_TO_LEFT = frozenset({"ar", "fa"})

KIN = {"prs": "fa", "tir": "ti"}
"""Another name, or a close form, of a language there is a catalogue for."""
FALLBACK = ("en", "nl")
"""For whoever reads none of them."""

FieldKind = Literal["date", "time", "word"]


class Template(NamedTuple):
    """text: explicit, in English. fields: what it fills in, and how that is written. staff: for those who work here."""

    text: str
    fields: Mapping[str, FieldKind] = {}
    staff: bool = False


SUBJECT = "A message for you"
NEUTRAL = "There is news for you. Please come to the desk or call us."
REPEATED = "You may have had this message before."
SUMMARY_ONE = "There is one more message for you. Please come to the desk or call us."
SUMMARY_MANY = "There are %(count)d more messages for you. Please come to the desk or call us."
COMMON = (SUBJECT, NEUTRAL, REPEATED)
"""What stands in every message."""

TEMPLATES: Mapping[str, Template] = {
    "request_noted": Template(
        "You asked for a place to stay. You are on the list since %(date)s. We write to you when there is news.",
        {"date": "date"},
    ),
    "request_ended": Template("You are no longer on the list for a place to stay. If this is wrong, come to the desk."),
    "offer_waiting": Template(
        "There is a place to stay for you. Do you want it? Come to the desk or call us before %(time)s.",
        {"time": "time"},
    ),
    "offer_lapsing": Template(
        "We keep a place to stay for you until %(time)s. Do you want it? Come to the desk or call us now.",
        {"time": "time"},
    ),
    "offer_confirmed": Template(
        "The place to stay is yours. Please be there before %(time)s. Any questions? Come to the desk or call us.",
        {"time": "time"},
    ),
    "offer_over": Template(
        "We no longer keep the place for you. Do you still need a place to stay? Come to the desk or call us."
    ),
    "allowance_ready": Template(
        "Your allowance is ready. Come to the desk before %(date)s to get it.", {"date": "date"}
    ),
    "stay_limit_near": Template(
        "Your stay ends on %(date)s at the latest. Come to the desk: we look together at what comes next.",
        {"date": "date"},
    ),
    "appointment_made": Template(
        "You have an appointment on %(time)s. Do you want to know where? Come to the desk or call us.", {"time": "time"}
    ),
    "appointment_moved": Template(
        "Your appointment has another time: %(time)s. Any questions? Come to the desk or call us.", {"time": "time"}
    ),
    "appointment_near": Template(
        "Do not forget your appointment on %(time)s. You cannot come? Tell the desk or call us.", {"time": "time"}
    ),
    "appointment_off": Template(
        "Your appointment on %(time)s is cancelled. Any questions? Come to the desk or call us.", {"time": "time"}
    ),
    "sheet_care": Template(
        "Everybody can get medical care when they need it. Are you ill or pregnant? Come to the desk: we help you find"
        " a doctor."
    ),
    "sheet_safe_reporting": Template(
        "Did somebody hurt you or steal from you? You can safely report it to the police. Come to the desk: we can go"
        " with you."
    ),
    "sheet_school": Template(
        "Every child can go to school until they are 18. Come to the desk: we help you find a school."
    ),
    "sheet_registration": Template(
        "Is a child born? The birth has to be registered at the city within three days. Come to the desk: we help you"
        " register."
    ),
    "evening": Template(
        "You are invited to an information evening on %(time)s. Ask at the desk where it is.", {"time": "time"}
    ),
    "answer_due": Template("An offer of a place needs an answer before %(time)s.", {"time": "time"}, staff=True),
    "question_waits": Template(
        "May somebody come to %(location)s? Please say so on the board before %(time)s.",
        {"location": "word", "time": "time"},
        staff=True,
    ),
    "offer_lapsed": Template("An offer of a place has lapsed: nobody answered in time.", staff=True),
    "offer_missed": Template(
        "Somebody did not come to the place they were offered. Their request waits again.", staff=True
    ),
    "hold_lapsed": Template(
        "A place that was kept at %(location)s is free again: nobody came.", {"location": "word"}, staff=True
    ),
    "regime_told": Template("%(name)s: extra places open from %(time)s.", {"name": "word", "time": "time"}, staff=True),
    "count_differs": Template(
        "At %(location)s %(counted)s people were counted, and %(expected)s were expected. Please look at the board.",
        {"location": "word", "counted": "word", "expected": "word"},
        staff=True,
    ),
    "count_due": Template(
        "At %(location)s nobody has counted since %(time)s.", {"location": "word", "time": "time"}, staff=True
    ),
    "run_waits": Template("The pay run of %(period)s waits for your approval.", {"period": "word"}, staff=True),
    "room_short": Template(
        "Of %(kind)s there are fewer than %(below)s free places in the city.",
        {"kind": "word", "below": "word"},
        staff=True,
    ),
    "message_parked": Template(
        "%(reader)s of %(service)s at %(site)s cannot read a message and waits. See plek parked list.",
        {"reader": "word", "service": "word", "site": "word"},
        staff=True,
    ),
    "site_silent": Template(
        "Nothing has been heard of %(site)s since %(time)s.", {"site": "word", "time": "time"}, staff=True
    ),
}
"""By the name that is stored. `summary` is the one beside them: it counts."""

EVENING = "evening"
SHEETS = ("sheet_care", "sheet_safe_reporting", "sheet_school", "sheet_registration", EVENING)
"""What a caseworker sends somebody: information sheets, and the invitation to an evening. None of them says, or lets
somebody guess, what papers its reader has."""


STOP_WORDS = (
    "stop", "stoppen", "stopt", "arrêt", "arrêter", "توقف", "قف", "إيقاف", "ኣቁም", "ጠጠው", "አቁም",
    "ይቁም", "بس", "لغو", "alto", "parar", "pare", "baja", "sair", "dur", "durdur", "iptal", "стоп", "стій", "зупинити",
)  # fmt: skip
"""An answer that is only one of these stops messages, in whatever language the client reads."""


def stops(text: str) -> bool:
    """Whether an answer is a word that stops messages, with or without accents, capitals and marks around it."""
    return _letters(text) in _STOPPING


def _letters(text: str) -> str:
    """A word as everybody writes it: `İPTAL` of a Turkish telephone is `iptal`, `arret` is `arrêt`, and the signs that
    a telephone puts around a word that is read from the right are no part of it. Between two words a space stays.
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    kept = (" " if sign.isspace() else sign for sign in plain if sign.isalnum() or sign.isspace())
    return "".join(kept).strip()


_STOPPING = frozenset(map(_letters, STOP_WORDS))


def reads(languages: tuple[str, ...]) -> str:
    """The language a client is written to in: the first of theirs there is a catalogue for, or a close one."""
    for language in languages:
        near = KIN.get(language, language)
        if near in LANGUAGES:
            return near
    return FALLBACK[0]
