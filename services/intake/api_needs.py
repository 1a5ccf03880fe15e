"""HTTP: that somebody looked for a place and found none, so that the city sees what it does not offer."""

from __future__ import annotations

from services.intake import api_models as m
from services.intake import commands as cmd
from services.intake import views
from services.intake.api_desk import Asked, Intake, accepted, base
from services.intake.commands_weeks import CountWeek
from services.intake.need import need_of
from shared.contracts.vocabulary import ANYWHERE
from shared.contracts.weeks import week_of
from shared.http import Claim
from shared.http_access import CurrentActor
from shared.http_problems import Problem
from shared.kernel import Rejected


class NeedWrites:
    """What nothing was found for."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    async def note(self, body: m.UnmetBody, actor: CurrentActor, claim: Claim) -> m.UnmetAnswer:
        """Count a need that was not met. With a request once however often is looked; without one each time, by what
        was looked for. Refused: `kinds-missing`, `request-unknown`, `request-ended`; 403 for a request by anybody but
        its caseworkers: it is a client's."""
        intake, district = self._intake, body.district or ANYWHERE
        asked = Asked(actor, claim)
        if body.request_id is not None:
            if actor.role != "caseworker":
                raise Problem(403, "role-not-allowed", facts={"role": actor.role, "allowed": ["caseworker"]})
            row = await intake.row(views.requests, body.request_id, "request")
            handled = await intake.do(
                row["client_id"], asked, cmd.NoteUnmet, request_id=body.request_id, district=district
            )
            return m.UnmetAnswer(**base(body.request_id, handled), counted=bool(handled.events))
        if body.kind is None:
            accepted(Rejected("kinds-missing", {}))
        need = need_of((str(body.kind),), body.household_size, body.features, district)
        now = intake.now()
        command = CountWeek(at=now, role=actor.role, site=intake.site, week=week_of(now), unmet={need.word: 1})
        counted = await intake.weeks.handle(intake.site, command, intake.context(asked))
        accepted(counted.rejected)
        return m.UnmetAnswer(**base(week_of(now).isoformat(), counted), counted=True)
