"""Bodies, queries and answers of the intake service. A wrong field is named in the answer, never what it held."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.intake.file import LINE_CHARS_MAX, MEMBERS_MAX, TEXT_CHARS_MAX, tidy
from shared.contracts.intake import FEATURES_MAX, KINDS_MAX, NOT_AT_MAX
from shared.contracts.vocabulary import (
    AgeBand,
    BedKind,
    ContactChannel,
    CorrectionReason,
    District,
    Feature,
    Need,
    OverrideReason,
    PriorityFact,
    ReadPurpose,
    RegistrationState,
    RequestEndReason,
)
from shared.http_models import Body, CommandAnswer, Ids, Moment, PageQuery, Slug, Uuid
from shared.unspoken import Withheld


def _day(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and len(value) == len("2000-01-01"):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("date_invalid", "not a date")


def _tidied(value: object) -> object:
    return tidy(value) if isinstance(value, str) else value


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Line = Annotated[str, BeforeValidator(_tidied), StringConstraints(min_length=1, max_length=LINE_CHARS_MAX)]
Text = Annotated[str, BeforeValidator(_tidied), StringConstraints(max_length=TEXT_CHARS_MAX)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Needs = Annotated[list[Need], Field(max_length=20)]
Wishes = Annotated[list[Feature], Field(max_length=FEATURES_MAX)]
Facts = Annotated[list[PriorityFact], Field(max_length=20)]


class MemberBody(Body):
    """One of the household, the client included. id: of somebody who is in the file already."""

    id: Uuid | None = None
    age_band: AgeBand


class ContactBody(Body):
    """What is safe: by which channel, and whether a message may say what it is about."""

    channel: ContactChannel = "desk"
    explicit: bool = False


class PersonalBody(Withheld, Body):
    """What is sealed and opens for a purpose only. Each part may be left out; null takes it away."""

    name: Line | None = None
    birth_date: Day | None = None
    contact_details: Text | None = None
    documents: Text | None = None
    notes: Text | None = None


Household = Annotated[list[MemberBody], Field(max_length=MEMBERS_MAX)]
Languages = Annotated[list[Language], Field(max_length=20)]


class ClientBody(Withheld, Body):
    """As little as possible: everything may be left out. alias: made for the client when none is given."""

    alias: Line | None = None
    languages: Languages = Field(default_factory=list)
    household: Household = Field(default_factory=list)
    needs: Needs = Field(default_factory=list)
    accessibility: Wishes = Field(default_factory=list)
    contact: ContactBody = Field(default_factory=ContactBody)
    case_manager: Line | None = None
    registration: RegistrationState = "unknown"
    personal: PersonalBody = Field(default_factory=PersonalBody)


class CorrectBody(Withheld, Body):
    """What is left out stays as it is."""

    reason: CorrectionReason
    alias: Line | None = None
    languages: Languages | None = None
    household: Household | None = None
    needs: Needs | None = None
    accessibility: Wishes | None = None
    contact: ContactBody | None = None
    case_manager: Line | None = None
    registration: RegistrationState | None = None
    personal: PersonalBody | None = None


class ReadBody(Body):
    """Why what is personal is read."""

    purpose: ReadPurpose


class RequestBody(Body):
    """kinds: the most wanted first. household_size: of those in the file unless said otherwise.

    priority_facts: what gives it priority; they stay at this desk. transfer: for a client who lives somewhere and is to
    move to another location.
    """

    kinds: Annotated[list[BedKind], Field(min_length=1, max_length=KINDS_MAX)]
    features: Wishes = Field(default_factory=list)
    household_size: Annotated[int, Field(ge=1, le=20)] | None = None
    not_at: Annotated[list[Slug], Field(max_length=NOT_AT_MAX)] = Field(default_factory=list)
    priority_facts: Facts = Field(default_factory=list)
    transfer: bool = False


class PrioritizeBody(Body):
    """The facts as they are now: all of them."""

    priority_facts: Facts


class UnmetBody(Body):
    """Somebody looked and found nothing. request_id: of the client it was for, who then counts once however often is
    looked; with it only `district` is said. district: where it would have been best.
    """

    kind: BedKind | None = None
    household_size: Annotated[int, Field(ge=1, le=20)] = 1
    features: Wishes = Field(default_factory=list)
    district: District | None = None
    request_id: Uuid | None = None


class WithdrawBody(Body):
    reason: RequestEndReason


class MemberView(BaseModel):
    id: str
    age_band: str


class ContactView(BaseModel):
    channel: str
    explicit: bool


class ClientView(Withheld, BaseModel):
    """A file as the desk sees it. Of an erased one nothing is left but that there was one.

    erasure_complete_at: when backups of the keys cannot bring it back either; null until its key is destroyed.
    unreadable: why the card cannot be opened, as a code of the vault; null when it can.
    """

    id: str
    alias: str | None
    languages: list[str]
    household: list[MemberView]
    needs: list[str]
    accessibility: list[str]
    contact: ContactView | None
    case_manager: str | None
    registration: RegistrationState | None
    has_personal: bool
    requests: list[str]
    registered_at: Moment
    active_at: Moment
    erased_at: Moment | None
    erasure_complete_at: Moment | None
    unreadable: str | None
    version: int


class ClientAnswer(Withheld, CommandAnswer):
    """alias: given, or made for the client."""

    alias: str


class PersonalAnswer(Withheld, CommandAnswer):
    """What is personal, opened once for this purpose. It is not kept anywhere as it stands here."""

    purpose: str
    name: str | None
    birth_date: Day | None
    contact_details: str | None
    documents: str | None
    notes: str | None


class ErasureAnswer(CommandAnswer):
    """The receipt. key_destroyed_at: from then on nobody can read the file here. complete_at: nor out of any backup."""

    erased_at: Moment
    key_destroyed_at: Moment
    complete_at: Moment
    ended_requests: list[str]


class RequestAnswer(CommandAnswer):
    """reasons: what counted for the band, the heaviest first."""

    client_id: str
    priority_band: int
    reasons: list[str]
    rules_version: int
    waiting_since: Day
    status: str


class UnmetAnswer(CommandAnswer):
    """id: the request's, or the week's. counted: false when it counted before, or a place was offered meanwhile."""

    counted: bool


class WithdrawAnswer(CommandAnswer):
    """reason: why it ended, when it did."""

    client_id: str
    reason: str


class RequestView(BaseModel):
    """A request as its own desk sees it. reasons: while it is open."""

    id: str
    client_id: str
    kinds: list[str]
    features: list[str]
    household_size: int
    not_at: list[str]
    priority_band: int
    rules_version: int
    reasons: list[str]
    status: str
    reason: str | None
    waiting_since: Day
    opened_at: Moment
    offers: list[OfferView]
    version: int


class AcceptBody(Body):
    """expected_by: until when the place is wanted, at most 48 hours ahead. override: why it is taken though the owner
    of another offer has not answered yet."""

    expected_by: Moment
    override: OverrideReason | None = None


class StayBody(Body):
    """A stay nobody knows whose it is. site: where it is, if not here; location, kind: as its owner shows it. override:
    why it is claimed though the owner of a place they accepted has not answered yet."""

    stay_id: Uuid
    location: Slug
    kind: BedKind
    site: Slug | None = None
    override: OverrideReason | None = None


class DeclineBody(Body):
    reason: Annotated[str, Field(max_length=40)]


class OfferView(BaseModel):
    """A place kept for a request, as its desk sees it. site, location: whose it is.

    status: `open`, `accepted`, `declined`, `withdrawn`, `lapsed`. word: how it stands by its owner's newest word.
    answered: whether its owner has read what this desk said last. in_slot: whether it fills the client's one slot.
    possible_double: the client may be, or be expected, in two places.
    """

    id: str
    request_id: str
    hold_id: str
    site: str
    location: str
    kind: str
    sleeps: int
    status: str
    word: str | None
    reason: str | None
    expires_at: Moment
    expected_by: Moment | None
    answered: bool
    in_slot: bool
    possible_double: bool
    version: int


class OfferAnswer(CommandAnswer):
    """The offer as it is then; the fields as in `OfferView`."""

    request_id: str
    hold_id: str
    site: str
    location: str
    kind: str
    sleeps: int
    status: str
    word: str | None
    reason: str | None
    expires_at: Moment
    expected_by: Moment | None
    answered: bool
    in_slot: bool
    possible_double: bool


class AcceptAnswer(OfferAnswer):
    """arrival_code: what the client says at the door; it is shown here and nowhere else."""

    arrival_code: str


class ReadView(BaseModel):
    """One time that somebody opened what is personal."""

    id: str
    client_id: str
    purpose: str
    role: str
    at: Moment


class RetentionView(BaseModel):
    """One day's look for files nobody uses. retention_days: how long a file may lie unused."""

    day: Day
    retention_days: int
    erased: int
    at: Moment


class VaultView(BaseModel):
    """code: null while the vault is open, else why it is not. older: keys still under an older site key. destroyed:
    lines of the list, of keys and of say-sos that were taken back. damaged: keys that are not what was written; the
    cards they sealed are `unreadable`.
    """

    code: str | None
    keys: int
    older: int
    destroyed: int
    damaged: int


class AfterQuery(Body):
    """after: a position this answer must have seen."""

    model_config = PageQuery.model_config

    after: Annotated[int | None, Field(ge=0, le=2**63 - 1)] = None


class ClientsQuery(PageQuery):
    """erased: only those that are, or only those that are not. id: only these; a file that is not asked for is not
    opened."""

    erased: bool | None = None
    id: Ids = Field(default_factory=list)


class RequestsQuery(PageQuery):
    client_id: Uuid | None = None
    status: Slug | None = None


class ReadsQuery(PageQuery):
    client_id: Uuid | None = None
