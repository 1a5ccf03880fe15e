"""Bodies, queries and answers of the allowance service. Money is whole cents; a day is a day of the city."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.allowance.decider_limits import CEILING_MAX, HOUSEHOLD_SIZE_MAX
from shared.contracts.vocabulary import EntitlementEnd, PayMethod, SizeClass
from shared.http_models import Body, CommandAnswer, Ids, PageQuery, Uuid
from shared.money import CENTS_MAX, PeriodKind


def _day(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and len(value) == len("2000-01-01"):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("date_invalid", "not a date")


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Cents = Annotated[int, Field(ge=0, le=CENTS_MAX)]
Places = Annotated[int, Field(ge=0, le=CEILING_MAX)]
Size = Annotated[int, Field(ge=1, le=HOUSEHOLD_SIZE_MAX)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 .,'()/&+-]{0,59}$")]


class TariffBody(Body):
    """What a period is worth to a household of one size class from a day on."""

    size_class: SizeClass
    cents: Cents
    valid_from: Day


class ProgrammeBody(Body):
    """places: its ceiling."""

    name: Name
    places: Places
    period: PeriodKind
    tariffs: Annotated[tuple[TariffBody, ...], Field(max_length=40, strict=False)] = ()
    methods: Annotated[tuple[PayMethod, ...], Field(min_length=1, max_length=10, strict=False)] = ("voucher",)


class CeilingBody(Body):
    """planned: where that is fewer than are taken, let them go as they come free."""

    places: Places
    planned: bool = False


class BudgetBody(Body):
    """For the periods that begin in this year; instead of what was granted before."""

    year: Annotated[int, Field(ge=2018, le=2099)]
    cents: Cents


class AccountBody(Body):
    """Where transfers for people at `site` go; of the municipality's own site: where they come from."""

    site: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    name: Name
    iban: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$")]


class CardsBody(Body):
    """What may be on a card, and drawn from it in cash a day."""

    balance_cents_max: Cents
    cash_cents_a_day_max: Cents


class FileBody(Body):
    """text: of a bank's or the cards' issuer's file; a longer one is handed in by parts."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=240_000)]


class SettleBody(Body):
    """paid: whether the payee has the money, as ordered or as the bank took it before."""

    paid: bool


class HandoutView(BaseModel):
    """What one site hands out of a run. waiting: payments nobody has fetched yet. after_all: those that had gone back
    (finance took them back, or nobody had come), and for which the site handed out cash all the same: they are paid.
    otherwise: those it paid other amounts for than this run says, as it was made a second time; otherwise_cents: more,
    or less, than it says, which is taken off what comes next, or due with it."""

    id: str
    site: str
    waiting: int
    waiting_cents: int
    after_all: int
    after_all_cents: int
    otherwise: int
    otherwise_cents: int


class AccountView(BaseModel):
    site: str
    name: str
    iban: str


class AccountsView(BaseModel):
    """Where transfers come from and go to, and what may be on a card, and drawn from it in cash a day."""

    accounts: list[AccountView]
    balance_cents_max: int
    cash_cents_a_day_max: int


class LineRefused(BaseModel):
    """A line of a file that books nothing, and why."""

    line: int
    code: str


class FileAnswer(CommandAnswer):
    """What a file came to. paid, returned: orders that are new so; refused: the other lines."""

    paid: int
    returned: int
    refused: list[LineRefused]


class OrderView(BaseModel):
    """What was asked of a bank or the cards' issuer in one payment. lines: entitlements in it. reason: why it came
    back."""

    id: str
    run_id: str
    site: str
    method: str
    lines: int
    cents: int
    paid_cents: int
    status: Literal["sent", "paid", "returned"]
    reason: str


class ChangeView(BaseModel):
    """households: how many it concerns. cents: by how much the run is more than the last one because of them."""

    households: int
    cents: int


class RunCheck(BaseModel):
    """What whoever approves a run looks at. budget_cents: of its year; left_cents: of it after this run, below 0: it is
    not enough. households: paid for its own period; ceiling: seats there are now. twice: entitlements in two lines, of
    which there are none. last: the run before it, null for the first; difference_cents: by how much this one is more,
    which is the sum of the five below it."""

    budget_cents: int
    left_cents: int
    households: int
    ceiling: int
    twice: int
    last: str | None
    last_period: str | None
    last_total_cents: int
    difference_cents: int
    new: ChangeView
    gone: ChangeView
    other: ChangeView
    corrections: ChangeView
    carried: ChangeView


class OrdersSum(BaseModel):
    """All that a run ordered, however many pages it is. cents: of those of each status; methods: ways to pay in it."""

    total: int
    sent: int
    paid: int
    returned: int
    sent_cents: int
    paid_cents: int
    returned_cents: int
    methods: list[PayMethod]


class OrdersQuery(PageQuery):
    """find: an order's id, its reference in the bank's file, or an entitlement that is in it."""

    status: Literal["sent", "paid", "returned"] | None = None
    find: Annotated[str, Field(min_length=1, max_length=80)] | None = None


class PayFileView(BaseModel):
    """A file of a run, as it was made when that was executed: the same bytes each time. text: UTF-8."""

    id: str
    run_id: str
    kind: Literal["transfers", "loads"]
    sha256: str
    text: str


class EntitlementBody(Body):
    """from_day: today, where nothing is said."""

    programme: Uuid
    client_id: Uuid
    household_size: Size = 1
    method: PayMethod = "voucher"
    from_day: Day | None = None


class FromBody(Body):
    """from_day: the first day it is so; today, where nothing is said."""

    from_day: Day | None = None


class EndBody(Body):
    """from_day: the first day it is over; today, where nothing is said."""

    reason: EntitlementEnd
    from_day: Day | None = None


class DaysBody(Body):
    """From `first` to before `until` (null: until further notice) the household is this large; 0: nothing is paid.
    no_meals: they are paid for these days, past ones, in spite of what was heard of a stay."""

    first: Day
    until: Day | None
    household_size: Annotated[int, Field(ge=0, le=HOUSEHOLD_SIZE_MAX)]
    no_meals: bool = False


class EntitlementsQuery(PageQuery):
    """id: only these."""

    client_id: Uuid | None = None
    id: Ids = Field(default_factory=list)
    status: Literal["asked", "granted", "suspended", "ended", "refused"] | None = None


class SeatsQuery(PageQuery):
    programme: Uuid | None = None
    status: Literal["reserved", "granted", "ended", "refused"] | None = None


class AfterQuery(Body):
    """after: a position of this site's store; the answer shows at least that."""

    after: Annotated[int | None, Field(ge=0)] = None


class EntitlementAnswer(CommandAnswer):
    """status: `asked` until the municipality's site has answered."""

    status: str


class SpanView(BaseModel):
    """until: the first day after these, null: until further notice."""

    first: date
    until: date | None
    size_class: str


class EntitlementView(BaseModel):
    """spans: the days that are paid. meals: days on which the client has meals elsewhere, from the first to before the
    last. told: whether the municipality has heard all of it. code: why it was refused, or
    ended."""

    id: str
    client_id: str
    programme_id: str
    household_size: int
    method: str
    status: str
    code: str | None
    spans: list[SpanView]
    meals: list[tuple[date, date | None]]
    told: bool
    version: int


class ProgrammeView(BaseModel):
    """A programme as this site has heard of it."""

    id: str
    site: str
    name: str
    period: str
    methods: list[str]
    total: int
    occupied: int
    held: int
    available: int


class TariffView(BaseModel):
    size_class: str
    cents: int
    valid_from: date


class ProgrammeDetail(ProgrammeView):
    """A programme at the municipality. budgets: cents by year."""

    planned: int | None
    tariffs: list[TariffView]
    budgets: dict[str, int]
    version: int


class SeatView(BaseModel):
    """One entitlement as the municipality knows it: of whom, nobody here can say."""

    id: str
    programme_id: str
    site: str
    status: str
    method: str | None
    code: str | None
    version: int
