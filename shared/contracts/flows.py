"""What an intake tells of households that went from one kind of place to another."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.counts import FlowCount


class FlowsTold(Contract):
    """How many households of a desk's files went from one kind of place to another in one week that is over, as
    absolute counts: the newest of a week counts. week: its Monday. Every pair is there, also those nobody went.
    """

    type_name: ClassVar[str] = "nl.plek.intake.flows-told.v1"
    log: ClassVar[Literal["pub", "loc"]] = "pub"
    cut: ClassVar[bool] = True

    week: date
    flows: Annotated[tuple[FlowCount, ...], Field(max_length=60)]
