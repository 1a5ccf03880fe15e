"""The location: the one place where rooms, nights and households of a house are decided.

The state is in `decider_location`, how events change it in `decider_fold`, each noun's decisions in `decider_<noun>`.
"""

from __future__ import annotations

from typing import assert_never

from services.placement import commands as cmd
from services.placement import decider_counts as counts
from services.placement import decider_holds as holds
from services.placement import decider_limits as limits
from services.placement import decider_moves as moves
from services.placement import decider_offers as offers
from services.placement import decider_places as places
from services.placement import decider_sites as sites
from services.placement import decider_standby as standby
from services.placement import decider_stays as stays
from services.placement import events as ev
from services.placement.commands_house import RuleCommand
from services.placement.commands_offers import (
    ClaimStay,
    DropOffer,
    GiveUpPlace,
    OfferCommand,
    OfferPlace,
    TakeOffer,
)
from services.placement.commands_regimes import NoteRegime, TurnRegime
from services.placement.decider_fold import evolve
from services.placement.decider_hours import decide_rule, with_ends
from services.placement.decider_location import Location, group_key
from services.placement.decider_night import record_night, record_nights
from services.placement.decider_places import Outcome
from services.placement.decider_sessions import SessionCommand, decide_session
from shared.ids import derived_id
from shared.kernel import Decider, Rejected

TAKE_IN = (
    cmd.OpenPlaces,
    cmd.HoldPlaces,
    cmd.BeginStay,
    cmd.CheckInHold,
    cmd.MoveStay,
    cmd.RecordNight,
    cmd.RecordNights,
    cmd.OpenSession,
    cmd.BookSeat,
    OfferPlace,
)
"""What a closed house does no more: nobody new, nothing new. Whoever is there may leave."""


BEFORE_OPENING = (
    cmd.OpenLocation, cmd.HoldForSite, cmd.CallOffForSite, TakeOffer, DropOffer, GiveUpPlace, ClaimStay,
)  # fmt: skip
"""What is decided of a house nobody has opened here: that it opens, and letters that ask for it."""


def decide(state: Location, command: cmd.LocationCommand) -> Outcome:
    """The events that follow from `command`, none when it changes nothing, or why not.

    Refused: `location-unknown` (not opened, or another one's stream), `location-closed`, and what each command's
    function says. Another site that asks for a location nobody has opened here is answered like any other, so that it
    need not ask for ever.
    """
    if command.location != state.name and not (state.name == "" and isinstance(command, BEFORE_OPENING)):
        return Rejected("location-unknown", {"location": command.location[:80]})
    if state.closed and isinstance(command, TAKE_IN):
        return Rejected("location-closed", {"location": state.name})
    outcome = _decide(state, command)
    if isinstance(outcome, Rejected):
        return outcome
    return with_ends(state, offers.with_offers(state, outcome), command.at)


def _decide(state: Location, command: cmd.LocationCommand) -> Outcome:
    """What is given most often comes first: each case that does not fit costs a look."""
    match command:
        case cmd.HoldPlaces():
            return holds.hold_places(state, command)
        case cmd.CheckInHold():
            return offers.check_in(state, command)
        case cmd.CancelHold():
            return holds.cancel(state, command)
        case cmd.LapseHold():
            return holds.lapse(state, command)
        case cmd.HoldForSite():
            return sites.hold_for_site(state, command)
        case cmd.CallOffForSite():
            return sites.call_off(state, command)
        case cmd.BeginStay():
            return begin_stay(state, command)
        case cmd.EndStay():
            return stays.end(state, command)
        case cmd.OpenLocation():
            return open_location(state, command)
        case cmd.OpenPlaces():
            return places.open_places(state, command)
        case cmd.BlockPlaces():
            return places.block_places(state, command)
        case cmd.UnblockPlace():
            return places.unblock_place(state, command)
        case cmd.ClosePlace():
            return places.close_place(state, command)
        case _:
            if isinstance(command, OfferCommand):
                return offers.decide_offer(state, command)
            return decide_rule(state, command) if isinstance(command, RuleCommand) else _decide_rest(state, command)


def _decide_rest(
    state: Location,
    command: cmd.EndStays
    | cmd.MoveStay
    | cmd.NoteAway
    | cmd.CorrectStay
    | cmd.UndoStay
    | cmd.CountHeads
    | cmd.CloseLocation
    | cmd.RecordNight
    | cmd.RecordNights
    | cmd.NoteNoShow
    | cmd.UndoHold
    | cmd.UndoBlock
    | cmd.ComposeRoom
    | NoteRegime
    | TurnRegime
    | SessionCommand,
) -> Outcome:
    match command:
        case cmd.NoteNoShow():
            return offers.no_show(state, command)
        case cmd.UndoHold():
            return holds.undo(state, command)
        case cmd.UndoBlock():
            return places.undo_block(state, command)
        case NoteRegime() | TurnRegime():
            return standby.follow(state, command)
        case cmd.OpenSession() | cmd.BookSeat() | cmd.GiveSeatBack():
            return decide_session(state, command)
        case cmd.ComposeRoom():
            return places.compose_room(state, command)
        case cmd.RecordNight():
            return record_night(state, command)
        case cmd.RecordNights():
            return record_nights(state, command)
        case cmd.CountHeads():
            return counts.count_heads(state, command)
        case cmd.CloseLocation():
            return counts.close_location(state, command)
        case cmd.EndStays():
            return moves.end_many(state, command)
        case cmd.MoveStay():
            return moves.move(state, command)
        case cmd.NoteAway():
            return moves.note_away(state, command)
        case cmd.CorrectStay():
            return moves.correct(state, command)
        case cmd.UndoStay():
            return moves.undo(state, command)
        case _:
            assert_never(command)


def open_location(state: Location, command: cmd.OpenLocation) -> Outcome:
    """Refused: `location-name-invalid`, `location-differs` (it is open with other words), `title-invalid`,
    `district-invalid`, `site-invalid`."""
    if state.exists:
        same = (state.title, state.district, state.site) == (
            command.title,
            command.district,
            command.site,
        )
        return () if same else Rejected("location-differs", {"location": state.name})
    refused = limits.location_name_refused(command.location)
    if refused:
        return refused
    if not 1 <= len(command.title) <= limits.TITLE_CHARS_MAX:
        return Rejected("title-invalid", {"length_max": limits.TITLE_CHARS_MAX})
    if len(command.district) > limits.DISTRICT_CHARS_MAX:
        return Rejected("district-invalid", {"length_max": limits.DISTRICT_CHARS_MAX})
    if not limits.is_site_name(command.site):
        return Rejected("site-invalid", {"site": command.site[:80]})
    return [ev.LocationOpened(command.location, command.title, command.district, command.site, command.at)]


def begin_stay(state: Location, command: cmd.BeginStay) -> Outcome:
    """Refused: `stay-id-used`, `id-invalid`, `time-without-zone`, `observed-in-future`, `observed-too-old`,
    `observed-before-place-free`, and as `decider_holds.household_places` says."""
    known = stays.repeated(state, command)
    if known is not None:
        return known
    refused = limits.id_refused(command.stay_id) or limits.observed_refused(command.observed_at, command.at)
    if refused:
        return refused
    found = holds.household_places(state, command)
    if not isinstance(found, Rejected):
        return stays.begin(state, command, found)
    if command.extra and command.kind is not None and found.code in NOTHING_FITS:
        return _begin_extra(state, command, command.kind)
    return found


NOTHING_FITS = frozenset({"no-place-free", "household-too-large"})


def _begin_extra(state: Location, command: cmd.BeginStay, kind: str) -> Outcome:
    """More people than beds on a bad night: an overflow place of their own, gone with their stay.

    Refused: `household-too-large` (more than one place may sleep), `too-many-places`, `too-many-groups`.
    """
    features = tuple(sorted(set(command.features)))
    group = group_key(kind, command.household_size, features)
    if command.household_size > limits.SLEEPS_MAX:
        return Rejected("household-too-large", {"household_size_max": limits.SLEEPS_MAX})
    if state.places_there_are >= limits.PLACES_A_LOCATION_MAX:
        return Rejected("too-many-places", {"places_max": limits.PLACES_A_LOCATION_MAX})
    refused = limits.groups_refused(state.groups, len(state.groups), group)
    if refused:
        return refused
    began_at = limits.in_utc(command.observed_at) or command.at
    ids = (derived_id("extra", state.name, command.stay_id),)
    room, size = f"extra {state.places_made + 1}", command.household_size
    return [
        ev.PlacesOpened(ids, kind, room, size, features, command.at, began_at, overflow=True),
        ev.StayBegan(command.stay_id, ids, kind, size, began_at, command.at),
    ]


LOCATION: Decider[Location, cmd.LocationCommand, ev.LocationEvent] = Decider(
    name="location",
    initial=Location(),
    decide=decide,
    evolve=evolve,
    codec=ev.CODEC,
    state_type=Location,
    state_version=10,
    commands=cmd.COMMANDS,
)
"""Stream `location/<name>`."""
