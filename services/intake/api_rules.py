"""HTTP: what other rules would make of those who wait at this desk, before anybody is placed by them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from services.intake import views
from services.intake.api_desk import Intake, accepted
from services.intake.file import FACTS
from services.intake.file import Facts as SealedFacts
from services.intake.priority import CURRENT, Rules, placed, rules_refused
from shared.contracts.intake import RULES_MAX
from shared.contracts.vocabulary import PriorityFact
from shared.http_models import Body
from shared.http_problems import Problem

OPEN = ("waiting", "offered", "accepted")
PAGE = 200
Points = Annotated[int, Field(ge=0, le=100)]


class TogetherBody(Body):
    """Facts that count so much more when all of them are there."""

    facts: Annotated[list[PriorityFact], Field(min_length=2, max_length=8)]
    points: Points


class RulesBody(Body):
    """points: what each fact counts; one that is left out counts nothing. bands: from how many points on a request is
    in band 0, 1, 2."""

    version: Annotated[int, Field(ge=1, le=RULES_MAX)]
    points: dict[PriorityFact, Points]
    bands: Annotated[list[Points], Field(min_length=3, max_length=3)]
    together: Annotated[list[TogetherBody], Field(max_length=20)] = Field(default_factory=list)

    def rules(self) -> Rules:
        first, second, third = self.bands
        together = tuple((frozenset(each.facts), each.points) for each in self.together)
        return Rules(self.version, dict(self.points), (first, second, third), together)


class MoveView(BaseModel):
    """A request that would be in another band. reasons: what would count then, the heaviest first."""

    request_id: str
    client_id: str
    priority_band: int
    proposed_band: int
    reasons: list[str]


class PreviewAnswer(BaseModel):
    """sooner, later: requests that would be in a more, and in a less urgent band; the rest stays. unreadable: those
    whose facts cannot be opened: they stay where they are, as they do when rules change. bands: how many would be in
    each, those that cannot be read by the band they have."""

    rules_version: int
    proposed_version: int
    sooner: list[MoveView]
    later: list[MoveView]
    unmoved: int
    unreadable: int
    bands: dict[int, int]


class RulesReads:
    """What rules make of facts."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def preview(self, body: RulesBody) -> PreviewAnswer:
        """Who would move, both ways, at this desk. Nothing changes. What gave each request its band is opened for it,
        and that is written down. Refused: `rules-invalid` (a more urgent band from fewer points on, or not newer than
        the rules that hold); 503 while the vault is shut."""
        intake, rules = self._intake, body.rules()
        accepted(rules_refused(rules))
        sooner, later = list[MoveView](), list[MoveView]()
        unmoved = unreadable = 0
        bands = dict.fromkeys(range(len(rules.bands) + 1), 0)
        for status in OPEN:
            after: str | None = None
            while rows := await intake.store.page(views.requests, after, PAGE, status=status):
                after = str(rows[-1]["id"])
                for row in rows:
                    band = row["priority_band"]
                    try:
                        facts = await intake.opened(row["client_id"], FACTS, row["facts"], SealedFacts)
                    except Problem:
                        if intake.vault.shut is not None:
                            raise
                        unreadable += 1
                        bands[band] += 1
                        continue
                    found = placed(facts.facts, rules)
                    bands[found.band] += 1
                    if found.band == band:
                        unmoved += 1
                        continue
                    (sooner if found.band < band else later).append(MoveView(
                        request_id=row["id"], client_id=row["client_id"], priority_band=band,
                        proposed_band=found.band, reasons=list(found.reasons),
                    ))  # fmt: skip
        return PreviewAnswer(
            rules_version=CURRENT.version, proposed_version=rules.version, sooner=sooner, later=later, unmoved=unmoved,
            unreadable=unreadable, bands=bands,
        )  # fmt: skip
