"""What is in a client's file before it is sealed, and what may not be: read by the desk, never by the decider.

The card is what the desk works with; what is personal opens for a purpose only.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import date, datetime, timedelta

import phonenumbers

from shared.contracts.vocabulary import (
    LANGUAGES,
    OUTCOME_OF,
    AgeBand,
    ContactChannel,
    Feature,
    Need,
    Outcome,
    OutcomeKind,
    PartnerKind,
    PriorityFact,
    RegistrationState,
)
from shared.kernel import Rejected
from shared.unspoken import Unspoken

CARD, PERSONAL, FACTS = "card", "personal", "facts"
GOALS, MILESTONE, ENDING = "goals", "milestone", "ending"
REFERRAL, APPOINTMENT = "referral", "appointment"
"""The names under which the parts of a file are sealed."""

SCHOOLS: dict[AgeBand, tuple[PartnerKind, ...]] = {
    "0-3": ("pre_school",),
    "4-11": ("school",),
    "12-17": ("school", "vocational_education"),
}
"""Where a child of each age is referred to."""

BORN_AFTER = date(1900, 1, 1)
LINE_CHARS_MAX, TEXT_CHARS_MAX = 120, 4_000
MEMBERS_MAX, GOALS_MAX = 20, 10
APPOINTMENT_AGE_MAX, APPOINTMENT_AHEAD_MAX = timedelta(days=366), timedelta(days=731)

_EMAIL = re.compile(
    r"(?![^@]{65})[A-Za-z0-9_%+-]+(?:\.[A-Za-z0-9_%+-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_NUMBER = re.compile(r"\+[1-9][0-9 ().-]{6,}[0-9]")
WANTED: dict[ContactChannel, str] = {
    "email": "one-email-address", "sms": "one-number-with-its-country", "chat": "one-number-with-its-country",
}  # fmt: skip
"""What the details have to hold for a channel that goes by an address."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Member(Unspoken, frozen=True):
    """One of the household, the client included. id: random, so that a correction can name one."""

    id: str
    age_band: AgeBand


class Contact(Unspoken, frozen=True):
    """What is safe. explicit: whether a message may say what it is about."""

    channel: ContactChannel = "desk"
    explicit: bool = False


class Card(Unspoken, frozen=True):
    """alias: what the desk calls the client. case_manager: who guides them, as the desk knows that person.

    registration: with the city, as far as is known.
    """

    alias: str
    languages: tuple[str, ...] = ()
    household: tuple[Member, ...] = ()
    needs: tuple[Need, ...] = ()
    accessibility: tuple[Feature, ...] = ()
    contact: Contact = Contact()
    case_manager: str | None = None
    registration: RegistrationState = "unknown"


class Personal(Unspoken, frozen=True, omit_defaults=True):
    """Every part is optional: as little as possible is asked."""

    name: str | None = None
    birth_date: date | None = None
    contact_details: str | None = None
    documents: str | None = None
    notes: str | None = None


class Facts(Unspoken, frozen=True):
    """What gives a request its priority."""

    facts: tuple[PriorityFact, ...]


class Goals(Unspoken, frozen=True):
    """What a trajectory is to lead to, in the words of whoever guides it."""

    goals: tuple[str, ...]


class Milestone(Unspoken, frozen=True):
    """A step that was made."""

    milestone: str


class Ending(Unspoken, frozen=True):
    """How a trajectory ended, and by what."""

    outcome: Outcome
    kind: OutcomeKind


class Referred(Unspoken, frozen=True):
    """To whom. partner: as the desk knows them. member_id: who of the household; None: the client."""

    partner_kind: PartnerKind
    partner: str | None = None
    member_id: str | None = None


class Seat(Unspoken, frozen=True):
    """A seat that was booked for somebody in a session of this site. The session knows the booking, and nobody."""

    session_id: str
    booking_id: str


class Appointment(Unspoken, frozen=True):
    """When a partner expects somebody. seat: booked for it, if one was."""

    at: datetime
    seat: Seat | None = None


def tidy(text: str) -> str:
    """A text as it is kept: composed (NFC), without blanks around it. Never interpreted."""
    return unicodedata.normalize("NFC", text).strip()


def card_refused(card: Card) -> Rejected | None:
    """Refused: `alias-invalid`, `language-unknown`, `household-member-twice`, `household-size-invalid`,
    `text-invalid`."""
    if not card.alias or not _is_line(card.alias):
        return Rejected("alias-invalid", {"characters_max": LINE_CHARS_MAX})
    if any(language not in LANGUAGES for language in card.languages):
        return Rejected("language-unknown", {})
    if len({member.id for member in card.household}) != len(card.household):
        return Rejected("household-member-twice", {})
    if len(card.household) > MEMBERS_MAX:
        return Rejected("household-size-invalid", {"household_size_max": MEMBERS_MAX})
    if card.case_manager is not None and not _is_line(card.case_manager):
        return Rejected("text-invalid", {"characters_max": LINE_CHARS_MAX})
    return None


def personal_refused(personal: Personal, today: date) -> Rejected | None:
    """Refused: `birth-date-impossible`, `text-invalid`."""
    if personal.birth_date is not None and not BORN_AFTER <= personal.birth_date <= today:
        return Rejected("birth-date-impossible", {})
    if personal.name is not None and not _is_line(personal.name):
        return Rejected("text-invalid", {"characters_max": LINE_CHARS_MAX})
    texts = (personal.contact_details, personal.documents, personal.notes)
    if any(text is not None and (len(text) > TEXT_CHARS_MAX or _CONTROL.search(text)) for text in texts):
        return Rejected("text-invalid", {"characters_max": TEXT_CHARS_MAX})
    return None


def address_refused(contact: Contact, details: str | None) -> Rejected | None:
    """Whether messages can go where the client wants them, as far as details were given. Refused:
    `contact-address-unusable`; nothing of the details is repeated."""
    wanted = WANTED.get(contact.channel)
    if wanted is None or not details or address_for(contact.channel, details) is not None:
        return None
    return Rejected("contact-address-unusable", {"channel": contact.channel, "wanted": wanted})


def lines_refused(*lines: str) -> Rejected | None:
    """Refused: `text-invalid` unless each is one line."""
    return None if all(map(_is_line, lines)) else Rejected("text-invalid", {"characters_max": LINE_CHARS_MAX})


def ending_refused(ending: Ending) -> Rejected | None:
    """Refused: `outcome-kind-other`: each kind of ending belongs to one outcome."""
    return None if OUTCOME_OF[ending.kind] == ending.outcome else Rejected("outcome-kind-other", {})


def referred_refused(referred: Referred, card: Card) -> Rejected | None:
    """Refused: `text-invalid`, `household-member-unknown`."""
    refused = lines_refused(referred.partner or "")
    if refused:
        return refused
    known = referred.member_id is None or any(each.id == referred.member_id for each in card.household)
    return None if known else Rejected("household-member-unknown", {})


def appointment_refused(at: datetime, now: datetime) -> Rejected | None:
    """Refused: `appointment-impossible`. It may be written down afterwards."""
    if now - APPOINTMENT_AGE_MAX <= at <= now + APPOINTMENT_AHEAD_MAX:
        return None
    return Rejected("appointment-impossible", {})


def address_for(channel: str, details: str) -> str | None:
    """The address for a channel out of the details a client gave, which are a text for people; None: there is none, or
    more than one, or it is none that can be written to.

    An e-mail address has a name and a domain with a dot; a number for text messages or a chat is written with its
    country (`+31` ...), so that nobody else's is guessed.
    """
    match channel:
        case "email":
            found = {word.lstrip("<>(),;:\"'").rstrip("<>(),;:.\"'") for word in details.split() if "@" in word}
            valid = {word for word in found if _EMAIL.fullmatch(word)}
            return valid.pop() if len(found) == len(valid) == 1 else None
        case "sms" | "chat":
            # `+31 (0)6 ...`: the nought is left out by whoever dials the country, too.
            numbers = {re.sub(r"[ ().-]", "", number.replace("(0)", "")) for number in _NUMBER.findall(details)}
            return numbers.pop() if len(numbers) == 1 and all(map(_is_number, numbers)) else None
        case _:
            return None


def _is_number(number: str) -> bool:
    """Whether somebody may have it, by its country's plan. A text where a second number follows the first is none."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def made_alias(chance: str) -> str:
    """An alias for a file that was given none: two plain words and a number, nobody's name. Two may share one.

    chance: anything random that is kept nowhere. Never the file's id: that stays when the alias is to be forgotten.
    """
    number = int.from_bytes(hashlib.sha256(chance.encode()).digest()[:8], "big")
    number, colour = divmod(number, len(COLOURS))
    number, animal = divmod(number, len(ANIMALS))
    return f"{COLOURS[colour]} {ANIMALS[animal]} {number % 1000:03}"


COLOURS = ("amber", "blue", "bronze", "coral", "golden", "green", "grey", "ivory", "olive", "red", "silver", "white")
ANIMALS = (
    "crane", "deer", "dolphin", "eagle", "falcon", "finch", "fox", "gull", "hare", "heron", "horse", "lark", "lynx",
    "otter", "owl", "raven", "robin", "stork", "swan", "tern",
)  # fmt: skip


def _is_line(text: str) -> bool:
    return len(text) <= LINE_CHARS_MAX and "\n" not in text and "\r" not in text and _CONTROL.search(text) is None
