"""Offers, and the one slot of a file: empty, accepted, housed.

Several sites may offer at once, and one is taken. An acceptance takes the slot before its owner has answered; only the
owner's word frees it, whatever a clock says, for a person may be on the way. What owners and desk say is numbered, and
of each the latest counts, in whatever order it arrives.

Whoever lives somewhere and asks for another place is to be transferred: what they accept stands beside the slot until
they are checked in there. Then it fills the slot, and the owner of where they lived is written to until it says that
they left.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec.structs import replace

from services.intake import commands_offers as oc
from services.intake import decider_limits as limits
from services.intake import events_offers as oe
from services.intake.decider_file import File, doubles
from services.intake.decider_slot import Offer
from shared.contracts.vocabulary import DECLINE_REASONS, OFFER_WORDS, OVERRIDE_REASONS
from shared.forward import GRACE, pause
from shared.kernel import Rejected

Outcome: TypeAlias = Sequence[oe.OfferEvent] | Rejected

EXPECTED_WITHIN = timedelta(hours=48)
"""How far ahead somebody may be expected; owners keep a place no longer."""
HOUSED_ASKED_EVERY = timedelta(hours=12)
"""How often the owner is asked whether somebody lives there still: its word that they left may have been lost."""
OPEN_A_FILE_MAX = 20
"""Offers a file listens to at once."""


def decide_offer(file: File, command: oc.OfferCommand) -> Outcome:
    """Refused: as each command's function says. An erased file goes on answering owners, and hears them."""
    match command:
        case oc.HearOffer():
            return hear_offer(file, command)
        case oc.HearWord():
            return hear_word(file, command)
        case oc.HearStay():
            return hear_stay(file, command)
        case oc.CloseOffer():
            return close(file, command)
        case oc.RepeatOfferLetter():
            return repeat(file, command)
        case _ if file.erased_at is not None:
            return Rejected("client-erased", {"erased_at": file.erased_at.isoformat()})
        case oc.AcceptOffer():
            return accept(file, command)
        case oc.DeclineOffer():
            return decline(file, command)
        case oc.ClaimStay():
            return claim(file, command)


def hear_offer(file: File, command: oc.HearOffer) -> Outcome:
    """Keeps it for the desk; what cannot be taken is declined at once, so that the place is free again. Refused:
    `request-unknown`, `id-invalid`, `offer-of-another-site`, `too-many-offers`."""
    request = file.requests.get(command.request_id)
    if request is None:
        return Rejected("request-unknown", {})
    known = file.offers.get(command.offer_id)
    if known is not None:
        return () if known.site == command.site else Rejected("offer-of-another-site", {})
    refused = limits.id_refused(command.offer_id)
    if refused:
        return refused
    if sum(offer.going_on for offer in file.offers.values()) >= OPEN_A_FILE_MAX:
        return Rejected("too-many-offers", {"offers_max": OPEN_A_FILE_MAX})
    received = oe.OfferReceived(
        file.id, request.id, command.offer_id, command.site, command.location, command.kind, command.sleeps,
        command.expires_at, command.expires_at + GRACE, command.at,
    )  # fmt: skip
    slot, home = file.rival(request.id), file.home
    lives_there = home is not None and home.location == command.location
    if not request.open or file.erased_at is not None:
        why = "request_ended"
    elif lives_there or command.location in request.not_at or command.kind not in request.kinds:
        why = "not_suitable"  # whoever offers it has not read the notice; it may be where somebody waits for them
    elif command.sleeps < request.household_size:
        why = "too_small"
    elif slot is not None and not slot.unanswered:
        why = "accepted_other"
    else:
        return [received]
    offer = Offer(
        command.offer_id, request.id, command.site, command.location, command.kind, command.sleeps, command.expires_at
    )
    fits = why not in ("not_suitable", "too_small")
    return [replace(received, fits=fits), _declined(file, offer, why, command.at)]


def accept(file: File, command: oc.AcceptOffer) -> Outcome:
    """Takes the slot. Said anew of the same offer it changes when somebody is expected, and the code.

    Refused: `offer-unknown`, `version-stale`, `request-ended`, `offer-ended`, `offer-lapsed`, `expected-by-invalid`,
    `override-reason-unknown`, `arrival-invalid`, `slot-taken`, `slot-unanswered` (the owner of another one has not
    answered: a reason to override it is needed).
    """
    offer = file.offers.get(command.offer_id)
    if offer is None or offer.stay_id:
        return Rejected("offer-unknown", {})
    refused = _stale(file, offer, command.if_version) or limits.arrival_refused(command.arrival)
    if refused:
        return refused
    if command.override is not None and command.override not in OVERRIDE_REASONS:
        return Rejected("override-reason-unknown", {})
    request = file.requests[offer.request_id]
    if not request.open:
        return Rejected("request-ended", {"status": request.status})
    if offer.status not in ("open", "accepted") or offer.settled:
        return Rejected("offer-ended", {"how": offer.status})
    if (offer.status, offer.arrival, offer.expected_by) == ("accepted", command.arrival, command.expected_by):
        return ()
    if command.turn not in (None, offer.turn + 1):  # the code would not be the one that is shown
        return Rejected("version-stale", {"expected": command.turn, "actual": offer.turn + 1})
    if offer.status == "open" and command.at >= offer.expires_at:
        return Rejected("offer-lapsed", {"expires_at": offer.expires_at.isoformat()})
    expected_by = command.expected_by
    if expected_by.tzinfo is None or not command.at < expected_by <= command.at + EXPECTED_WITHIN:
        return Rejected("expected-by-invalid", {"ahead_hours_max": 48})
    accepted = oe.OfferAccepted(
        file.id, request.id, offer.id, offer.turn + 1, request.household_size, expected_by, command.arrival, None,
        command.at + pause(0, late=False), command.at,
    )  # fmt: skip
    slot = file.rival(request.id)
    if slot is None or slot.id == offer.id:
        return [accepted]
    if not slot.unanswered:
        return Rejected("slot-taken", {"offer_id": slot.id})
    if command.override is None:
        return Rejected("slot-unanswered", {"offer_id": slot.id, "site": slot.site})
    overriding = _accepted_anew(accepted, command.override)
    return [_declined(file, slot, "overridden", command.at), overriding]


def _accepted_anew(accepted: oe.OfferAccepted, override: str) -> oe.OfferAccepted:
    return oe.OfferAccepted(
        accepted.client_id, accepted.request_id, accepted.offer_id, accepted.turn, accepted.household_size,
        accepted.expected_by, accepted.arrival, override, accepted.again_at, accepted.at,
    )  # fmt: skip


def decline(file: File, command: oc.DeclineOffer) -> Outcome:
    """Not taken; or, when it was accepted, called off: the slot is theirs until its owner has said so. Refused:
    `decline-reason-unknown`, `offer-unknown`, `version-stale`, `offer-ended`, `client-housed`."""
    if command.reason not in DECLINE_REASONS:
        return Rejected("decline-reason-unknown", {})
    offer = file.offers.get(command.offer_id)
    if offer is None:
        return Rejected("offer-unknown", {})
    stale = _stale(file, offer, command.if_version)
    if stale:
        return stale
    if offer.word == "housed":
        return Rejected("client-housed", {})
    if offer.status == "declined":
        return () if offer.reason == command.reason or offer.settled else Rejected("offer-ended", {"how": offer.status})
    if offer.settled:
        return Rejected("offer-ended", {"how": offer.status})
    return [_declined(file, offer, command.reason, command.at)]


def claim(file: File, command: oc.ClaimStay) -> Outcome:
    """Takes the slot, as an acceptance does; the stay's owner says whether it is theirs to claim. A claim that was
    refused may be made again. Refused: `id-invalid`, `site-invalid`, and what is wrong with location and kind
    (`decider_limits`), `override-reason-unknown`, `slot-taken`, `slot-unanswered` (as of an acceptance), `offer-ended`.
    """
    refused = (
        limits.id_refused(command.claim_id, command.stay_id)
        or limits.site_refused(command.site)
        or limits.kinds_refused((command.kind,))
        or limits.wishes_refused((), 1, (command.location,))
    )
    if refused:
        return refused
    known = file.offers.get(command.claim_id)
    if known is not None and known.going_on:
        return ()
    if known is not None and known.word != "withdrawn":
        return Rejected("offer-ended", {"how": known.word or known.status})
    if command.override is not None and command.override not in OVERRIDE_REASONS:
        return Rejected("override-reason-unknown", {})
    slot = file.offers.get(file.slot)
    if slot is not None and not slot.unanswered:
        return Rejected("slot-taken", {"offer_id": slot.id})
    if slot is not None and command.override is None:
        return Rejected("slot-unanswered", {"offer_id": slot.id, "site": slot.site})
    turn = 1 if known is None else known.turn + 1
    claimed = oe.StayClaimed(
        file.id, command.claim_id, command.claim_id, turn, command.stay_id, command.site, command.location,
        command.kind, command.at + pause(0, late=False), command.at, None if slot is None else command.override,
    )  # fmt: skip
    return [claimed] if slot is None else [_declined(file, slot, "overridden", command.at), claimed]


def hear_word(file: File, command: oc.HearWord) -> Outcome:
    """The owner's word counts. An older one says nothing; one about an offer this file does not know neither. Refused:
    `offer-unknown`, `offer-of-another-site`, `offer-word-unknown`."""
    offer = file.offers.get(command.offer_id)
    if offer is None:
        return Rejected("offer-unknown", {})
    if offer.site != command.site:
        return Rejected("offer-of-another-site", {})
    if command.word not in OFFER_WORDS:
        return Rejected("offer-word-unknown", {})
    if (command.epoch, command.number) <= (offer.epoch, offer.number):
        return ()
    if (command.word, command.turn, command.until) == (offer.word, offer.owner_turn, offer.until):
        return ()
    return _heard(file, offer, command)


def hear_stay(file: File, command: oc.HearStay) -> Outcome:
    """The owner's newest word counts. Refused: `offer-unknown`, `offer-of-another-site`."""
    offer = file.offers.get(command.offer_id)
    if offer is None:
        return Rejected("offer-unknown", {})
    if offer.site != command.site:
        return Rejected("offer-of-another-site", {})
    known = offer.stay
    if known is not None and (command.epoch, command.number) <= (known.epoch, known.number):
        return ()
    if known is not None and (command.lived, command.ended_at) == (known.lived, known.ended_at):
        return ()
    return [oe.StayHeard(
        file.id, offer.request_id, offer.id, command.lived, command.ended_at, command.epoch, command.number, command.at
    )]  # fmt: skip


def _heard(file: File, offer: Offer, command: oc.HearWord) -> list[oe.OfferEvent]:
    at, final = command.at, command.word in FINAL
    heard = oe.OfferWordHeard(
        file.id, offer.request_id, offer.id, command.word, command.reason, command.turn, command.epoch, command.number,
        command.until, None if final else _asked_again_at(offer, command), at, command.said_at,
    )  # fmt: skip
    events: list[oe.OfferEvent] = [heard]
    request = file.requests.get(offer.request_id)
    if command.word == "housed" and request is not None and request.open and file.erased_at is None:
        events.append(oe.RequestPlaced(file.id, request.id, offer.id, at))
    if command.word == "housed" or (command.word == "expected" and offer.status == "accepted"):
        events += [_declined(file, other, "accepted_other", at) for other in _beside(file, offer)]
    home = file.home
    if command.word == "housed" and home is not None and offer.id == file.moving_to:
        since = min(command.said_at or at, at)  # the letter may have lain for days: they moved when its owner said so
        moved_on = oe.PlaceGivenUp(
            file.id, home.request_id, home.id, home.turn + 1, since, at + pause(0, late=False), at
        )  # fmt: skip
        events.append(moved_on)
    slot = file.offers.get(file.moving_to or file.slot)
    single = slot is not None and slot.id != offer.id and doubles(file) == [offer.id]
    if final and single and slot is not None and slot.expected_by is not None:
        events.append(_letter(file, slot, slot.turn + 1, at))  # its owner is told that there is no double any more
    return events


def _beside(file: File, offer: Offer) -> list[Offer]:
    """What else is open when somebody is sure to come by an offer; not what they ask for who live there already."""
    if offer.stay_id:
        return []
    return [
        other
        for other in file.offers.values()
        if other.id != offer.id and other.status == "open"
        and (other.request_id == offer.request_id or file.home is None or file.home.id != offer.id)
    ]  # fmt: skip


FINAL = frozenset({"left", "declined", "withdrawn", "lapsed", "called_off", "no_show"})
"""Words after which an owner has no other."""


def _asked_again_at(offer: Offer, command: oc.HearWord) -> datetime:
    """When the owner is asked how it stands if it says nothing by itself."""
    if command.turn < offer.turn or offer.given_up is not None:  # it has not read our last letter yet
        return command.at + pause(0, late=False)
    if command.word == "housed":
        return command.at + HOUSED_ASKED_EVERY
    return max(command.until or command.at, command.at) + GRACE


def close(file: File, command: oc.CloseOffer) -> Outcome:
    """Whatever it was, it is withdrawn. Never refused."""
    offer = file.offers.get(command.offer_id)
    if offer is None or offer.settled:
        return ()
    return _heard(file, offer, oc.HearWord(
        at=command.at, role=command.role, client_id=file.id, request_id=offer.request_id, offer_id=offer.id,
        site=offer.site, word="left" if offer.word == "housed" else "withdrawn", reason="site-retired", turn=offer.turn,
        epoch=offer.epoch, number=offer.number + 1,
    ))  # fmt: skip


def repeat(file: File, command: oc.RepeatOfferLetter) -> Outcome:
    """Never refused: a timer may fire late, early or twice. Whom nobody answered in time has declined."""
    offer = file.offers.get(command.offer_id)
    if offer is None or offer.again_at is None or command.at < offer.again_at:
        return ()
    if offer.status == "open":
        return [_declined(file, offer, "not_reached", command.at)]
    # Words that an older file had said before are no news to its owner.
    said_in_vain = offer.given_up is not None and offer.owner_turn >= offer.turn
    return [_letter(file, offer, offer.turn + said_in_vain, command.at)]


def ended_with(file: File, request_id: str | None, at: datetime) -> list[oe.OfferEvent]:
    """What a request that ends, or a file that is erased (None), has offers declined; whoever is housed stays."""
    return [
        _declined(file, offer, "request_ended", at)
        for offer in file.offers.values()
        if request_id in (None, offer.request_id) and offer.going_on and offer.word != "housed"
        and offer.status in ("open", "accepted")
    ]  # fmt: skip


def _declined(file: File, offer: Offer, reason: str, at: datetime) -> oe.OfferDeclined:
    return oe.OfferDeclined(file.id, offer.request_id, offer.id, offer.turn + 1, reason, at + pause(0, late=False), at)


def _letter(file: File, offer: Offer, turn: int, at: datetime) -> oe.OfferLetterRepeated:
    """Less and less often; somebody who lives there is asked for twice a day."""
    lives = offer.word == "housed" and offer.owner_turn >= turn
    again_at = at + (HOUSED_ASKED_EVERY if lives else pause(offer.asked, late=at > offer.expires_at))
    return oe.OfferLetterRepeated(file.id, offer.request_id, offer.id, turn, again_at, at)


def _stale(file: File, offer: Offer, if_version: int | None) -> Rejected | None:
    """Refused: `version-stale`. As of a request: any version of the file from the one on in which the offer moved."""
    if if_version is None or offer.version <= if_version <= file.version:
        return None
    return Rejected("version-stale", {"expected": if_version, "actual": offer.version})
