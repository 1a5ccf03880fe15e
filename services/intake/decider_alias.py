"""Whether a client's alias may be told where they live. It is off until they say so, for one stay: whoever moves on is
asked anew, and a stay that is over tells nobody anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from services.intake import commands_alias as ac
from services.intake import decider_limits as limits
from services.intake import events_alias as ae
from services.intake.decider_file import File
from shared.kernel import Rejected

Outcome: TypeAlias = Sequence[ae.AliasEvent] | Rejected


def decide(file: File, command: ac.AliasCommand) -> Outcome:
    """Refused: as each function says."""
    match command:
        case ac.HandAliasOver():
            return hand_over(file, command)
        case ac.TakeAliasBack():
            return take_back(file, command)


def hand_over(file: File, command: ac.HandAliasOver) -> Outcome:
    """Only of where they live now. Said once more under the same id it changes nothing; under another one, the one
    before was taken back in a word this file does not know (it comes from an older backup). Refused: `id-invalid`,
    `offer-unknown`, `client-not-housed`."""
    refused = limits.id_refused(command.say_so)
    if refused:
        return refused
    offer, home = file.offers.get(command.offer_id), file.home
    if offer is None:
        return Rejected("offer-unknown", {})
    if home is None or home.id != offer.id:
        return Rejected("client-not-housed", {})
    if offer.say_so == command.say_so:
        return ()
    return [ae.AliasHandedOver(file.id, offer.request_id, offer.id, command.say_so, command.at)]


def take_back(file: File, command: ac.TakeAliasBack) -> Outcome:
    """Wherever they live by now. A word that is not the newest, or was taken back already, changes nothing.
    Refused: `offer-unknown`."""
    offer = file.offers.get(command.offer_id)
    if offer is None:
        return Rejected("offer-unknown", {})
    if not offer.say_so or offer.say_so != command.say_so:
        return ()
    return [ae.AliasTakenBack(file.id, offer.request_id, offer.id, offer.say_so, command.at)]
