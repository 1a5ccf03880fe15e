"""The letters a call sends: the ask, the same ask again, and that nobody is coming after all."""

from __future__ import annotations

from collections.abc import Sequence

from services.placement.publish import Telling
from shared.contracts import hold_letters
from shared.contracts import placement as told
from shared.contracts.base import Draft
from shared.forward import Call, CallEvent, CallGivenUp, CallLapsed, CallMade, CallRepeated


def tell(before: Call, events: Sequence[CallEvent], after: Call) -> list[Telling]:
    """One letter for whatever has to be said to the owner; what the owner has said itself needs none."""
    return [
        Telling(_called_off(after) if after.given_up else _asked(after), after.site, None)
        for event in events
        if isinstance(event, CallMade | CallRepeated | CallGivenUp | CallLapsed)
    ]


def _asked(call: Call) -> Draft:
    body = hold_letters.HoldAskedBody.model_validate({
        "location": call.body["location"], "kind": call.body["kind"], "household_size": call.body["household_size"],
        "features": tuple(call.body["features"]), "hold_minutes": call.body["hold_minutes"],
        "expires_at": call.expires_at,
    })  # fmt: skip
    return Draft(told.HoldAsked, call.site, call.id, body)


def _called_off(call: Call) -> Draft:
    facts = {"location": call.body["location"], "expires_at": call.expires_at}
    return Draft(told.HoldCalledOff, call.site, call.id, hold_letters.HoldCalledOffBody.model_validate(facts))
