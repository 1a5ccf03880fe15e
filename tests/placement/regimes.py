"""One regime, and the words the tests of regimes are written in."""

from __future__ import annotations

from datetime import UTC, datetime

from services.placement import commands_regimes as cmd
from services.placement import events_regimes as ev
from services.placement.decider_regimes import REGIME
from tests.placement.sample import uid
from tests.support.scenario import Scenario

COLD = uid(701)
AT = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
FROM, UNTIL = datetime(2026, 1, 10, 16, 0, tzinfo=UTC), datetime(2026, 1, 13, 9, 0, tzinfo=UTC)
"""Three nights."""

DECLARE = cmd.DeclareRegime(
    at=AT, role="coordinator", regime_id=COLD, site="stad", name="Winter cold", kinds=("night_shelter",),
    starts_at=FROM, ends_at=UNTIL,
)  # fmt: skip
DECLARED = ev.RegimeDeclared(COLD, "stad", "Winter cold", ("night_shelter",), FROM, UNTIL, None, AT)
END = cmd.EndRegime(at=FROM, role="coordinator", regime_id=COLD)
CUT_SHORT = ev.RegimeCutShort(COLD, 2, FROM, FROM)
HEAR = cmd.HearRegime(
    at=AT, role="system", regime_id=COLD, site="stad", revision=1, name="Winter cold", kinds=("night_shelter",),
    starts_at=FROM, ends_at=UNTIL,
)  # fmt: skip
HEARD = ev.RegimeHeard(COLD, "stad", 1, "Winter cold", ("night_shelter",), FROM, UNTIL, AT)

regime = Scenario(REGIME)
