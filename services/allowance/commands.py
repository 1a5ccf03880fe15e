"""What may be asked about a programme: by the municipality, and by letters of the sites whose clients have its seats.

if_version: of the programme as whoever asks has seen it.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias, get_args

from services.allowance.days import Span, Tariff
from shared.contracts.vocabulary import PayMethod, SizeClass
from shared.kernel import Command
from shared.money import PeriodKind


class OpenProgramme(Command, frozen=True, kw_only=True):
    """Let there be a programme. methods: how it may be paid. tariffs: what it is worth from the beginning."""

    programme_id: str
    site: str
    name: str
    period: PeriodKind
    ceiling: int
    methods: tuple[PayMethod, ...]
    tariffs: tuple[Tariff, ...] = ()


class MoveCeiling(Command, frozen=True, kw_only=True):
    """Have so many seats. planned: where that is fewer than are taken, let them go as they come free."""

    programme_id: str
    ceiling: int
    planned: bool = False
    if_version: int | None = None


class AddTariff(Command, frozen=True, kw_only=True):
    """A period is worth so much to a household of this size class from a day on."""

    programme_id: str
    size_class: SizeClass
    cents: int
    valid_from: date
    if_version: int | None = None


class GrantBudget(Command, frozen=True, kw_only=True):
    """So much may be paid for the periods that begin in a year."""

    programme_id: str
    year: int
    cents: int
    if_version: int | None = None


class NameAccount(Command, frozen=True, kw_only=True):
    """Transfers for people at `site` go to this account; of the programme's own site: they come from there. by: a
    person, under a name that leads to nobody elsewhere."""

    programme_id: str
    site: str
    name: str
    iban: str
    by: str
    if_version: int | None = None


class LimitCards(Command, frozen=True, kw_only=True):
    """So much may be on a card, and so much of it be drawn in cash a day."""

    programme_id: str
    balance_cents_max: int
    cash_cents_a_day_max: int
    if_version: int | None = None


class EndSeat(Command, frozen=True, kw_only=True):
    """Take a seat back from a site that left, or that does not know of it any more; paid until `from_day`."""

    programme_id: str
    seat_id: str
    from_day: date
    if_version: int | None = None


class HearEntitlement(Command, frozen=True, kw_only=True):
    """A site says how it stands with one entitlement of its own. revision: the higher one counts.

    status: `asked` wants a seat, `granted` has given it to somebody, `ended` gives it back.
    """

    programme_id: str
    seat_id: str
    site: str
    revision: int
    status: Literal["asked", "granted", "ended"]
    method: PayMethod
    spans: tuple[Span, ...]


ProgrammeCommand: TypeAlias = (
    OpenProgramme | MoveCeiling | AddTariff | GrantBudget | NameAccount | LimitCards | EndSeat | HearEntitlement
)

COMMANDS: tuple[type[ProgrammeCommand], ...] = get_args(ProgrammeCommand)
