"""HTTP: regimes. The municipality declares and ends them; every site shows those it knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from services.placement import api_models as m
from services.placement.api_desk import INPUT_CODES, Asked, Placement, base, outcome
from services.placement.commands_regimes import DeclareRegime, EndRegime, RegimeCommand
from services.placement.events_regimes import RegimeDeclared
from services.placement.views_regimes import regimes
from shared import metrics
from shared.handling import Handled
from shared.http import Claim, IfMatch
from shared.http_access import CurrentActor
from shared.http_models import Body, CommandAnswer, Moment, PageQuery
from shared.http_problems import Problem, rejected


class RegimeBody(Body):
    """Standby places of these kinds open at every location from `starts_at` to `ends_at`.

    reason: needed when it lasts less than three nights.
    """

    name: m.Label
    kinds: Annotated[list[m.BedKind], Field(max_length=20)]
    starts_at: Moment
    ends_at: Moment
    reason: m.Label | None = None


class RegimeView(BaseModel):
    """site: the municipality's. ends_at: earlier than declared if it was cut short. reason: at that site only."""

    id: str
    site: str
    name: str
    kinds: list[str]
    starts_at: Moment
    ends_at: Moment
    reason: str | None
    status: Literal["planned", "running", "over"]
    version: int


class RegimesQuery(PageQuery):
    pass


class RegimeWrites:
    """Every command about regimes, one method each."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement

    async def declare(self, body: RegimeBody, actor: CurrentActor, claim: Claim) -> CommandAnswer:
        """Open the standby places of these kinds for a while, everywhere. Refused: `municipality-only`."""
        if not self._placement.municipality:
            raise Problem(409, "municipality-only", "Regimes are declared at the municipality's site.")
        handled = await self._do(Asked(actor, claim), DeclareRegime(
            at=self._placement.clock.now(), role=actor.role, regime_id=self._placement.ids.random_id(),
            site=self._placement.site, name=body.name, kinds=tuple(body.kinds), starts_at=body.starts_at,
            ends_at=body.ends_at, reason=body.reason,
        ))  # fmt: skip
        declared = next(event for _, event in handled.events if isinstance(event, RegimeDeclared))
        return CommandAnswer(**base(declared.regime_id, handled))

    async def end(self, regime_id: str, actor: CurrentActor, claim: Claim, version: IfMatch) -> CommandAnswer:
        """It ends now, before its time. Refused: `regime-over`, `regime-elsewhere` (another site's)."""
        await self._placement.row(regimes, regime_id, "regime")
        handled = await self._do(Asked(actor, claim), EndRegime(
            at=self._placement.clock.now(), role=actor.role, regime_id=regime_id, if_version=version
        ))  # fmt: skip
        return CommandAnswer(**base(regime_id, handled))

    async def _do(self, asked: Asked, command: RegimeCommand) -> Handled:
        assert isinstance(command, DeclareRegime | EndRegime)
        handled = await self._placement.regimes.handle(command.regime_id, command, self._placement.context(asked))
        metrics.COMMANDS.labels("placement", type(command).__name__, outcome(handled)).inc()
        if handled.rejected is not None:
            raise rejected(handled.rejected, INPUT_CODES)
        return handled


def shown_regime(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A regime as it is shown. now: by this site's clock."""
    over = now >= row["ends_at"] or row["ends_at"] <= row["starts_at"]
    return {
        **{name: row[name] for name in ("id", "site", "name", "starts_at", "ends_at", "reason", "version")},
        "kinds": list(row["kinds"]), "status": "over" if over else "running" if now >= row["starts_at"] else "planned",
    }  # fmt: skip
