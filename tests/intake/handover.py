"""A file to hand over: Anna's, from `noord` to `west`, and `west`'s half of it."""

from __future__ import annotations

from typing import Any

from services.intake import commands_handover as cmd
from services.intake import events_handover as ev
from services.intake.decider_handover import TAKING
from tests.intake.sample import ANNA, CARD, PERSONAL, T0, asked
from tests.support.scenario import Scenario

OVER, OVER_2 = "88888888-8888-4888-8888-888888888888", "99999999-9999-4999-8999-999999999999"

BEGUN = ev.HandOverBegun(ANNA, OVER, "west", T0)
CALLED_OFF = ev.HandOverCalledOff(ANNA, OVER, T0)
TAKEN_OVER = ev.FileTakenOver(ANNA, OVER, "noord", CARD, PERSONAL, (), (), T0)

at_taking = Scenario(TAKING)
ASKED_FOR = ev.TakingAsked(OVER, "noord", T0)
AGREED = ev.TakingAgreed(OVER, T0)
FINISHED = ev.TakingFinished(OVER, ANNA, T0)


def ended(how: str) -> ev.HandOverEnded:
    return ev.HandOverEnded(ANNA, OVER, how, T0)


def not_taken(how: str) -> ev.TakingEnded:
    return ev.TakingEnded(OVER, "noord", how, T0)


def hand_over(**fields: Any) -> cmd.HandOver:
    made: cmd.HandOver = asked(cmd.HandOver, **({"hand_over_id": OVER, "site": "west"} | fields))
    return made


def hear(how: str, **fields: Any) -> cmd.HearHandOver:
    made: cmd.HearHandOver = asked(cmd.HearHandOver, **({"hand_over_id": OVER, "how": how, "role": "system"} | fields))
    return made


def take(**fields: Any) -> cmd.TakeFile:
    given: dict[str, Any] = {"hand_over_id": OVER, "site": "noord", "card": CARD, "personal": PERSONAL}
    made: cmd.TakeFile = asked(cmd.TakeFile, **(given | fields))
    return made


def of(command: type[Any], **fields: Any) -> Any:
    """A command about the taking; of what the other desk asks it says which desk."""
    site = {"site": "noord"} if "site" in command.__struct_fields__ else {}
    return command(**({"at": T0, "role": "system", "hand_over_id": OVER} | site | fields))
