"""Holds for other sites: each id is decided once, and every further question gets the same answer.

Asks and call-offs come by letter, late, twice, or in the wrong order. Whoever has asked is remembered with the outcome
(`Location.guests`) for as long as it may ask again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from services.placement import commands as cmd
from services.placement import decider_holds as holds
from services.placement import decider_limits as limits
from services.placement import events as ev
from services.placement.decider_location import GUESTS_MAX, Location
from services.placement.decider_places import Outcome
from shared.kernel import Rejected


def hold_for_site(state: Location, command: cmd.HoldForSite) -> Outcome:
    """Holds, or refuses for good, with the code the asking site is told: as `decider_holds.hold_places` says,
    `hold-lapsed` when nobody waits any more, `location-unknown` and `location-closed`.

    Refused without an answer: `id-invalid`, `site-invalid`, `hold-id-used` (not that site's hold), `too-many-asked`.
    """
    refused = _not_its_own(state, command)
    if refused:
        return refused
    if command.hold_id in state.guests:
        return [ev.AnswerRepeated(command.hold_id, command.at)]
    if command.hold_id in state.holds or command.hold_id in state.ended_holds:
        return Rejected("hold-id-used", {"hold_id": command.hold_id})
    if _crowded(state, command.at):
        return Rejected("too-many-asked", {"asked_max": GUESTS_MAX})
    asked = ev.HoldAsked(command.hold_id, command.site, command.expires_at, command.at)
    if command.at >= command.expires_at:
        return [asked, ev.HoldRefused(command.hold_id, "hold-lapsed", command.at)]
    nowhere = (
        Rejected("location-unknown") if not state.exists else Rejected("location-closed") if state.closed else None
    )
    held = nowhere or holds.hold_places(state, _as_ours(command))
    if isinstance(held, Rejected):
        return [asked, ev.HoldRefused(command.hold_id, held.code, command.at)]
    return [asked, *(_no_longer_than_awaited(event, command) for event in held)]


def _nowhere(state: Location) -> Rejected | None:
    if not state.exists:
        return Rejected("location-unknown")
    return Rejected("location-closed") if state.closed else None


def call_off(state: Location, command: cmd.CallOffForSite) -> Outcome:
    """Frees the places, or remembers that none are wanted. Refused without an answer: `id-invalid`, `site-invalid`,
    `hold-id-used`, `too-many-asked`."""
    refused = _not_its_own(state, command)
    if refused:
        return refused
    hold = state.holds.get(command.hold_id)
    if hold is not None and command.hold_id in state.guests:
        if command.at >= hold.expires_at:
            return holds.lapse(state, cmd.LapseHold(**_about(command)))
        return holds.cancel(state, cmd.CancelHold(**_about(command)))
    if command.hold_id in state.guests:
        return [ev.AnswerRepeated(command.hold_id, command.at)]
    if hold is not None or command.hold_id in state.ended_holds:
        return Rejected("hold-id-used", {"hold_id": command.hold_id})
    if _crowded(state, command.at):
        return Rejected("too-many-asked", {"asked_max": GUESTS_MAX})
    return [ev.HoldCalledOff(command.hold_id, command.site, command.expires_at, command.at)]


def _not_its_own(state: Location, command: cmd.HoldForSite | cmd.CallOffForSite) -> Rejected | None:
    """Refused: `id-invalid`, `site-invalid`, `hold-id-used` when another site asked for it."""
    if not limits.is_site_name(command.site):
        return Rejected("site-invalid", {"site": command.site[:80]})
    guest = state.guests.get(command.hold_id)
    if guest is not None and guest.site != command.site:
        return Rejected("hold-id-used", {"hold_id": command.hold_id})
    return limits.id_refused(command.hold_id)


def _crowded(state: Location, at: datetime) -> bool:
    return len(state.guests) >= GUESTS_MAX and len(state.guests_at(at)) >= GUESTS_MAX


def _as_ours(command: cmd.HoldForSite) -> cmd.HoldPlaces:
    return cmd.HoldPlaces(
        at=command.at, role=command.role, location=command.location, hold_id=command.hold_id, kind=command.kind,
        household_size=command.household_size, features=command.features, hold_minutes=command.hold_minutes,
    )  # fmt: skip


def _about(command: cmd.CallOffForSite) -> dict[str, Any]:
    return {"at": command.at, "role": command.role, "location": command.location, "hold_id": command.hold_id}


def _no_longer_than_awaited(event: ev.LocationEvent, command: cmd.HoldForSite) -> ev.LocationEvent:
    """A letter may have been on its way for long: the places are kept while somebody may still come, and no longer."""
    if isinstance(event, ev.PlaceHeld) and event.expires_at > command.expires_at:
        return replace(event, expires_at=command.expires_at)
    return event
