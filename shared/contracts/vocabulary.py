"""The closed lists of the domain: the same words in code, contracts, screens and tests (see docs/glossary.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, get_args

Kind = Literal[
    "shelter_24h",
    "night_shelter",
    "family_shelter",
    "medical_respite",
    "allowance",
    "activation",
    "consultation",
    "internship",
]
SessionKind = Literal["activation", "consultation", "internship"]
BedKind = Literal["shelter_24h", "night_shelter", "family_shelter", "medical_respite"]
Feature = Literal[
    "step_free",
    "women_only",
    "men_only",
    "lgbtq_safe",
    "pets",
    "private",
    "isolation",
    "cot",
    "quiet",
]
BlockReason = Literal["cleaning", "repair", "isolation", "unstaffed", "safety", "reserved", "other"]
StayEndReason = Literal[
    "moved_on",
    "left_without_notice",
    "transferred",
    "stay_limit",
    "excluded",
    "medical",
    "deceased",
    "entered_in_error",
]
Composition = Literal["men", "women", "mixed", "family"]
HoldEnd = Literal["checked_in", "cancelled", "lapsed", "no_show"]
HoldAnswerStatus = Literal["active", "refused", "checked_in", "cancelled", "lapsed", "no_show"]
PlaceStatus = Literal["free", "held", "occupied", "blocked", "closed"]
SizeClass = Literal["1", "2", "3-4", "5+"]
FlowEnd = Literal["shelter_24h", "night_shelter", "family_shelter", "medical_respite", "allowance", "out"]

AgeBand = Literal["0-3", "4-11", "12-17", "18-22", "23-64", "65+"]
Need = Literal[
    "medical",
    "mental_health",
    "legal",
    "protection",
    "mobility",
    "pregnancy",
    "addiction_care",
    "child_care",
    "interpreter",
    "documents",
]
ContactChannel = Literal["desk", "phone", "sms", "chat", "email", "post", "none"]
PriorityFact = Literal[
    "sleeping_rough",
    "baby",
    "children",
    "pregnant",
    "medical_urgent",
    "fleeing_violence",
    "over_65",
    "under_23",
]
CorrectionReason = Literal["mistake", "news", "asked_by_client"]
ReadPurpose = Literal[
    "contact", "guidance", "medical_care", "legal_help", "identity", "asked_by_client", "complaint", "trouble"
]  # fmt: skip
RequestEndReason = Literal["found_elsewhere", "no_longer_needed", "lost_contact", "mistake", "erased"]
ErasureCause = Literal["asked_by_client", "retention", "backup_restored", "handed_over"]
HandOverEnd = Literal["taken", "declined", "called_off", "site_left"]
NoticeStatus = Literal["waiting", "offered", "accepted", "closed"]
Outcome = Literal["durable", "semi_durable", "none"]
OutcomeKind = Literal[
    "legal_stay",
    "return",
    "onward_migration",
    "new_application",
    "medical_deferral",
    "left",
    "lost_contact",
]
PartnerGroup = Literal["legal", "care", "activity", "education", "registration", "reporting"]
PartnerKind = Literal[
    "legal_aid",
    "general_practice",
    "dental_care",
    "physiotherapy",
    "contraception_and_abortion_care",
    "population_screening",
    "day_activity",
    "pre_school",
    "school",
    "vocational_education",
    "work_placement",
    "statelessness_desk",
    "birth_registration",
    "safe_reporting",
]
RegistrationState = Literal["unknown", "pending", "registered", "stateless_claimed"]
ReferralState = Literal["made", "appointment", "attended", "did_not_attend", "ended"]
DeclineReason = Literal[
    "not_suitable",
    "too_far",
    "found_elsewhere",
    "not_reached",
    "refused_by_client",
    "other",
    "too_small",
    "request_ended",
    "accepted_other",
    "overridden",
]
WithdrawReason = Literal["place_needed", "place_unusable", "mistake", "location_closed", "other"]
OfferMode = Literal["automatic", "ask"]
OverrideReason = Literal["owner_silent", "emergency", "other"]
OfferWord = Literal[
    "open",
    "expected",
    "housed",
    "left",
    "declined",
    "withdrawn",
    "lapsed",
    "called_off",
    "no_show",
]
District = Literal[
    "Centrum",
    "Nieuw-West",
    "Noord",
    "Oost",
    "Weesp",
    "West",
    "Westpoort",
    "Zuid",
    "Zuidoost",
]
CheckAnswer = Literal["known", "unknown", "refused"]
CheckEnd = Literal["lapsed", "client_erased", "site_left", "nothing_to_compare"]
PayMethod = Literal["voucher", "prepaid_card", "transfer"]
EntitlementEnd = Literal["sheltered", "own_income", "left_the_city", "trajectory_over", "asked_by_client", "mistake"]

BED_KINDS: tuple[str, ...] = (
    "shelter_24h",
    "night_shelter",
    "family_shelter",
    "medical_respite",
)
"""Kinds counted in places where people sleep; only these have stays."""

KINDS_WITH_MEALS: tuple[str, ...] = ("shelter_24h", "family_shelter", "medical_respite")
"""Kinds of bed that come with meals. A night shelter gives a bed and a breakfast, and has nobody by day."""

SEAT_KINDS: tuple[str, ...] = ("allowance",)
"""Kinds counted in seats of a programme; the allowance service writes them."""

SESSION_KINDS: tuple[str, ...] = ("activation", "consultation", "internship")
"""Kinds counted in seats of something with a beginning and an end."""

KINDS: tuple[str, ...] = BED_KINDS + SEAT_KINDS + SESSION_KINDS

FEATURES: tuple[str, ...] = (
    "step_free",
    "women_only",
    "men_only",
    "lgbtq_safe",
    "pets",
    "private",
    "isolation",
    "cot",
    "quiet",
)

BLOCK_REASONS: tuple[str, ...] = (
    "cleaning",
    "repair",
    "isolation",
    "unstaffed",
    "safety",
    "reserved",
    "other",
)

STAY_END_REASONS: tuple[str, ...] = (
    "moved_on",
    "left_without_notice",
    "transferred",
    "stay_limit",
    "excluded",
    "medical",
    "deceased",
    "entered_in_error",
)

STAY_DAYS_MAX: dict[str, int] = {"shelter_24h": 547}
"""How long a stay is at most, in days, by kind of place: a year and a half in the city's programme of 24-hour shelter.
Other kinds have no such limit."""

CORRECTION_REASONS: tuple[str, ...] = get_args(CorrectionReason)
READ_PURPOSES: tuple[str, ...] = get_args(ReadPurpose)
REQUEST_END_REASONS: tuple[str, ...] = get_args(RequestEndReason)
ERASURE_CAUSES: tuple[str, ...] = get_args(ErasureCause)
HAND_OVER_ENDS: tuple[str, ...] = get_args(HandOverEnd)
"""How handing a file over ends, in the word of the desk that was to have it; or it has left the network."""
REFERRAL_STATES: tuple[str, ...] = get_args(ReferralState)
PARTNER_GROUPS: tuple[str, ...] = get_args(PartnerGroup)
OUTCOME_KINDS: tuple[str, ...] = get_args(OutcomeKind)

OUTCOME_OF: dict[str, Outcome] = {
    "legal_stay": "durable",
    "return": "durable",
    "onward_migration": "durable",
    "new_application": "semi_durable",
    "medical_deferral": "semi_durable",
    "left": "none",
    "lost_contact": "none",
}
"""What each kind of ending counts as."""

GROUP_OF: dict[str, PartnerGroup] = {
    "legal_aid": "legal",
    "general_practice": "care",
    "dental_care": "care",
    "physiotherapy": "care",
    "contraception_and_abortion_care": "care",
    "population_screening": "care",
    "day_activity": "activity",
    "pre_school": "education",
    "school": "education",
    "vocational_education": "education",
    "work_placement": "activity",
    "statelessness_desk": "registration",
    "birth_registration": "registration",
    "safe_reporting": "reporting",
}
"""The coarse group a referral is counted in: all that anybody outside the desk may learn of it."""

DECLINE_REASONS: tuple[str, ...] = get_args(DeclineReason)[:6]
"""Why a client or their caseworker does not take an offer."""
DECLINED_BY_ITSELF: tuple[str, ...] = get_args(DeclineReason)[6:]
"""Why a file declines by itself: the places sleep too few, nobody asks any more, another offer was taken, or it was
taken in spite of this one."""
OVERRIDE_REASONS: tuple[str, ...] = get_args(OverrideReason)
OFFER_MODES: tuple[str, ...] = get_args(OfferMode)
WITHDRAW_REASONS: tuple[str, ...] = get_args(WithdrawReason)
LIVED_MAX = 60
"""Kinds of place that one stay is told in, one after the other: a move every week for more than a year."""

OFFER_WORDS: tuple[str, ...] = get_args(OfferWord)
"""How it stands with an offer, in its owner's word: `open`; once accepted `expected`, `housed`, `left`, or it came to
nothing as `called_off` or `no_show`; or it ended as `declined`, `withdrawn` or `lapsed`."""

CHECK_ANSWERS: tuple[str, ...] = get_args(CheckAnswer)
"""What a desk says when another asks whether somebody may be known there; `refused` when it was asked too much."""
CHECK_ENDS: tuple[str, ...] = get_args(CheckEnd)
"""Why nobody asks another desk any more."""

PAY_METHODS: tuple[str, ...] = get_args(PayMethod)
ENTITLEMENT_ENDS: tuple[str, ...] = get_args(EntitlementEnd)

DISTRICTS: tuple[str, ...] = get_args(District)
"""The city's districts, by the names it gives them (Amsterdam, 2022). What was needed is counted by these words and no
others: a text of somebody's own would leave the desk with the count."""
ANYWHERE = "anywhere"
"""In no district in particular."""

COMPOSITIONS: tuple[str, ...] = ("men", "women", "mixed", "family")
"""Who a room is for, and who a household is. A mixed room takes anybody."""

HOLD_ENDS: tuple[str, ...] = ("checked_in", "cancelled", "lapsed", "no_show")

SIZE_CLASSES: tuple[str, ...] = ("1", "2", "3-4", "5+")

ETHOS_LIGHT: dict[str, int] = {
    "night_shelter": 2,
    "shelter_24h": 3,
    "family_shelter": 3,
    "medical_respite": 3,
}
"""ETHOS Light category of the kinds that have one: 2 emergency accommodation, 3 temporary accommodation."""

FLOW_ENDS: tuple[str, ...] = get_args(FlowEnd)
"""Where a household comes from and goes to from one week to the next: the kind of place it lives in, an allowance
without a place, or `out`, neither of both as far as its desk knows."""

LANGUAGES: frozenset[str] = frozenset({
    "aa", "ab", "af", "ak", "am", "an", "ar", "as", "av", "ay", "az", "ba", "be", "bg", "bh", "bi", "bm", "bn", "bo",
    "br", "bs", "ca", "ce", "ch", "co", "cs", "cu", "cv", "cy", "da", "de", "dv", "dz", "ee", "el", "en", "eo", "es",
    "et", "eu", "fa", "ff", "fi", "fj", "fo", "fr", "fy", "ga", "gd", "gl", "gn", "gu", "gv", "ha", "he", "hi", "ho",
    "hr", "ht", "hu", "hy", "hz", "ia", "id", "ie", "ig", "ii", "ik", "io", "is", "it", "iu", "ja", "jv", "ka", "kg",
    "ki", "kj", "kk", "kl", "km", "kn", "ko", "kr", "ks", "ku", "kv", "kw", "ky", "la", "lb", "lg", "li", "ln", "lo",
    "lt", "lu", "lv", "mg", "mh", "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "na", "nb", "nd", "ne", "ng", "nl",
    "nn", "no", "nr", "nv", "ny", "oc", "oj", "om", "or", "os", "pa", "pi", "pl", "ps", "pt", "qu", "rm", "rn", "ro",
    "ru", "rw", "sa", "sc", "sd", "se", "sg", "si", "sk", "sl", "sm", "sn", "so", "sq", "sr", "ss", "st", "su", "sv",
    "sw", "ta", "te", "tg", "th", "ti", "tk", "tl", "tn", "to", "tr", "ts", "tt", "tw", "ty", "ug", "uk", "ur", "uz",
    "ve", "vi", "vo", "wa", "wo", "xh", "yi", "yo", "za", "zh", "zu", "ber", "ckb", "dng", "fon", "kab", "kmr", "kri",
    "pap", "pcm", "prs", "rif", "rom", "sgn", "shi", "srn", "tir", "zgh",
})  # fmt: skip
"""Codes of ISO 639-1, and those of ISO 639-3 for what is spoken at the desks of this city and has no shorter one."""

HOLD_MINUTES_MIN = 30
HOLD_MINUTES_MAX = 240
HOLD_MINUTES_DEFAULT = 90


def size_class(sleeps: int) -> SizeClass:
    """The size class a place of so many sleepers is counted in."""
    if sleeps >= 5:
        return "5+"
    if sleeps >= 3:
        return "3-4"
    return "2" if sleeps == 2 else "1"


def feature_class(features: Iterable[str]) -> str:
    """The feature class a place is counted in: its features sorted and joined by `+`; empty for a place with none."""
    return "+".join(sorted(set(features)))


OVERNIGHT_LICENCE = "Contains information licensed under the Open Government Licence - Toronto."
"""What has to stand wherever figures of the public overnight reports are shown."""

_REPORTED = re.compile(r"(loc|shelter)-[0-9]+")


def is_reported(location: str) -> bool:
    """Whether a location comes from the public overnight reports: it is named `loc-<id>`, or `shelter-<id>` without
    one.
    """
    return _REPORTED.fullmatch(location) is not None
