"""How Anna is guided, to test with. Sealed texts stand for themselves here."""

from __future__ import annotations

from datetime import timedelta

from services.intake import events_guidance as ev
from services.intake.decider_parts import turn_at
from tests.intake.sample import ANNA, T0


def sealed(mark: str) -> str:
    """A text as only a vault can have made it."""
    return "v1." + "s" * 16 + "." + mark


WAY, WAY_2 = "55555555-5555-4555-8555-555555555555", "66666666-6666-4666-8666-666666666666"
STEP, STEP_2 = "77777777-7777-4777-8777-777777777777", "88888888-8888-4888-8888-888888888888"
SENT, SENT_2 = "99999999-9999-4999-8999-999999999999", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"

STARTED = ev.TrajectoryStarted(ANNA, WAY, sealed("goals"), T0)
REACHED = ev.MilestoneReached(ANNA, WAY, STEP, sealed("milestone"), T0)
ENDED = ev.TrajectoryEnded(ANNA, WAY, sealed("ending"), T0)
REFERRED = ev.ReferralMade(ANNA, SENT, sealed("referral"), T0)
AGREED = ev.ReferralFollowed(ANNA, SENT, "appointment", sealed("monday"), T0)
ATTENDED = ev.ReferralFollowed(ANNA, SENT, "attended", None, T0)
MONDAY, FRIDAY = T0 + timedelta(days=7), T0 + timedelta(days=11)
EXPECTED = ev.AppointmentMade(ANNA, SENT, turn_at(T0, 3), MONDAY, T0)
"""Of a file that begins with `REGISTERED`, `REFERRED`, `AGREED`."""
WENT = ev.AppointmentEnded(ANNA, SENT, EXPECTED.turn, "over", MONDAY, T0)
OVER = ev.ReferralFollowed(ANNA, SENT, "ended", None, T0)
