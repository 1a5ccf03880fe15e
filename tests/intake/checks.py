"""A check to test with: `noord` asks `west` whether Anna may be known there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.intake import commands_likeness as cmd
from services.intake import events_likeness as ev
from services.intake.decider_likeness import CHECK, REPLY
from tests.intake.sample import ANNA, T0
from tests.support.scenario import Scenario

CHECK_ID = "77777777-7777-4777-8777-777777777777"
KEY, OTHER_KEY = "k" * 43, "m" * 43
QUESTION = "eyJ9..nnnnnnnnnnnnnnnn.qqqq.tttttttttttttttttttttt"
UNTIL = T0 + timedelta(days=7)
SOON, LATER = T0 + timedelta(seconds=2), T0 + timedelta(seconds=4)

asking, replying = Scenario(CHECK), Scenario(REPLY)

BEGUN = ev.CheckBegun(CHECK_ID, ANNA, "west", UNTIL, SOON, T0)
PUT = ev.CheckAsked(CHECK_ID, QUESTION, LATER, T0)
ANSWERED = ev.CheckAnswered(CHECK_ID, "known", T0)
ENDED = ev.CheckEnded(CHECK_ID, "client_erased", T0)

GIVEN = ev.CheckKeyGiven(CHECK_ID, "noord", KEY, T0)
REPLIED = ev.CheckReplied(CHECK_ID, "noord", "known", (ANNA,), T0)
SAID_AGAIN = ev.CheckReplyRepeated(CHECK_ID, T0)


def begin(**fields: Any) -> cmd.BeginCheck:
    given: dict[str, Any] = {
        "at": T0, "check_id": CHECK_ID, "role": "caseworker", "client_id": ANNA, "site": "west", "until": UNTIL,
    }  # fmt: skip
    return cmd.BeginCheck(**(given | fields))


def of(command: type[Any], **fields: Any) -> Any:
    """A command that a letter or a timer led to."""
    return command(**({"at": T0, "role": "system", "check_id": CHECK_ID} | fields))
