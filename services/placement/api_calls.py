"""HTTP: holds at another site. They are asked for by letter, so the first answer is that it is on its way (202)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from services.placement import api_models as m
from services.placement import decider_limits as limits
from services.placement.api_desk import INPUT_CODES, Asked, Placement, base, outcome
from services.placement.views_calls import remote_holds
from shared import metrics
from shared.contracts.vocabulary import HOLD_MINUTES_MAX, HOLD_MINUTES_MIN
from shared.forward import PENDING, CallCommand, CallMade, GiveUpCall, MakeCall
from shared.handling import Handled
from shared.http_problems import Problem, rejected
from shared.kernel import Rejected

LATER: Mapping[str, dict[int | str, dict[str, Any]]] = {
    "/holds": {202: {"model": m.HoldPending, "description": "Another site was asked."}},
    "/holds/{hold_id}/cancel": {202: {"model": m.CancelPending, "description": "Another site was told."}},
}
"""What is answered while another site has the word, by path."""


class Elsewhere:
    """What a desk asks of other sites."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement

    async def site_of(self, body: m.HoldBody) -> str | None:
        """The other site a hold is asked for at: the one named, or where the location is known to be. None: here.

        Raises 404 `site-unknown`, 409 `site-retired`.
        """
        own = self._placement.site
        if body.site is not None:
            self._must_be_there(body.site)
            return None if body.site == own else body.site
        if body.location is None or (await self._placement.handler.load(body.location))[0].exists:
            return None
        rows = [row for row in await self._rows(location=body.location) if row.site != own]
        sites = sorted({row.site for row in rows}, key=lambda site: site not in self._placement.sites)
        if sites:
            self._must_be_there(sites[0])
        return sites[0] if sites else None

    def _must_be_there(self, site: str) -> None:
        """Nobody at a site that has left would ever answer."""
        left_at = self._placement.left_at(site)
        if left_at is not None:
            raise Problem(409, "site-retired", facts={"site": site, "left_at": left_at.isoformat()})
        if site not in self._placement.sites:
            raise Problem(404, "site-unknown", facts={"site": site})

    async def hold(self, site: str, body: m.HoldBody, asked: Asked) -> m.HoldAnswer:
        """Ask another site. Refused: `remote-hold-not-possible` (places are named, or no letter can be sealed to it),
        `places-missing`, `location-unknown`, `no-place-free` (it has none of this kind), and what is wrong with the
        request itself, as for an own hold."""
        if body.place_ids or not self._placement.can_write_to(site):
            raise Problem(409, "remote-hold-not-possible", facts={"site": site})
        refused = _refused(body)
        if refused is not None:
            raise rejected(refused, INPUT_CODES)
        now = self._placement.clock.now()
        call = MakeCall(
            at=now, role=asked.actor.role, call_id=self._placement.ids.random_id(), site=site,
            body={
                "location": await self._location(site, body), "kind": body.kind, "household_size": body.household_size,
                "features": sorted(set(body.features)), "hold_minutes": body.hold_minutes,
            },
            expires_at=now + timedelta(minutes=body.hold_minutes),
        )  # fmt: skip
        handled = await self._do(call, asked)
        made = event_of_call(handled)
        return m.HoldPending(
            **base(made.call_id, handled), site=made.site, location=made.body["location"], place_ids=[],
            kind=made.body["kind"], household_size=made.body["household_size"], status=PENDING,
            expires_at=made.expires_at,
        )  # fmt: skip

    async def row(self, hold_id: str) -> dict[str, Any] | None:
        """A hold asked for at another site, or None."""
        return await self._placement.find(remote_holds, hold_id)

    async def give_up(self, hold_id: str, asked: Asked, version: int | None) -> m.CancelAnswer:
        """Nobody is coming. It has ended when its owner says so: until then 202. Refused: `hold-ended`."""
        now = self._placement.clock.now()
        call = GiveUpCall(at=now, role=asked.actor.role, call_id=hold_id, if_version=version)
        handled = await self._do(call, asked)
        row = await self.row(hold_id)
        assert row is not None
        if row["given_up"]:
            return m.CancelPending(**base(hold_id, handled), status=PENDING)
        return m.CancelAnswer(**base(hold_id, handled), status=row["status"])

    async def _do(self, command: CallCommand, asked: Asked) -> Handled:
        handled = await self._placement.calls.handle(command.call_id, command, self._placement.context(asked))
        metrics.COMMANDS.labels("placement", type(command).__name__, outcome(handled)).inc()
        refusal = handled.rejected
        if refusal is not None:
            code = "hold-ended" if refusal.code == "call-ended" else refusal.code
            raise rejected(Rejected(code, refusal.facts))
        return handled

    async def _location(self, site: str, body: m.HoldBody) -> str:
        """Where at that site: as asked, or where this site knows most places of the kind to be free. What is known may
        be old; the owner decides."""
        rows = [row for row in await self._rows(site=site) if body.location in (None, row.location)]
        if not rows and body.location is not None:
            raise Problem(404, "location-unknown", facts={"location": body.location, "site": site})
        fitting = sorted((-row.available, row.location) for row in rows if row.kind == body.kind)
        if body.location is not None:
            return body.location
        if not fitting:
            raise Problem(409, "no-place-free", facts={"kind": body.kind, "site": site})
        return str(fitting[0][1])

    async def _rows(self, **where: str) -> list[Any]:
        return list((await self._placement.capacity.capacity(**where))["rows"])  # type: ignore[arg-type]


def event_of_call(handled: Handled) -> CallMade:
    """The event a new call has led to."""
    return next(event for _, event in handled.events if isinstance(event, CallMade))


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """A hold at another site as it is shown here: its places are nobody's business but its owner's."""
    copied = ("id", "site", "location", "kind", "household_size", "status", "code", "expires_at", "version")
    return {
        **{name: row[name] for name in copied},
        "place_ids": [], "stay_id": None, "expected_from": None, "given_up": row["given_up"], "offer_id": None,
    }  # fmt: skip


def _refused(body: m.HoldBody) -> Rejected | None:
    """What is wrong with the request itself, whoever decides about it."""
    if body.kind is None:
        return Rejected("places-missing", {})
    if not HOLD_MINUTES_MIN <= body.hold_minutes <= HOLD_MINUTES_MAX:
        facts = {"hold_minutes_min": HOLD_MINUTES_MIN, "hold_minutes_max": HOLD_MINUTES_MAX}
        return Rejected("hold-minutes-out-of-range", facts)
    return (
        limits.household_refused(body.household_size)
        or limits.kind_refused(body.kind)
        or limits.features_refused(body.features)
    )
