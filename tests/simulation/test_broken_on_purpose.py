"""What the simulation is worth: taken out on purpose, each of the guards is missed at once."""

from __future__ import annotations

import pytest

from shared.envelope import Log
from shared.outbox import Relay
from tests.simulation.guards import BEGIN_AT, GUARDS, missed_in
from tests.simulation.process import Parts, Process


@pytest.mark.parametrize("parts", GUARDS, ids=lambda parts: parts.__name__)
def test_a_guard_taken_out_is_noticed(parts: type[Parts]) -> None:
    assert missed_in(parts, BEGIN_AT.get(parts.__name__, 1)) is not None


class CallsWhatIsGone(Parts):
    """What was written for a product of long ago."""

    def relay(self, process: Process, log: Log) -> Relay:
        return process.relay_of_long_ago(log)  # type: ignore[attr-defined, no-any-return]


def test_what_does_not_fit_the_product_any_more_is_no_guard_that_was_missed() -> None:
    with pytest.raises(AssertionError, match="CallsWhatIsGone does not fit"):
        missed_in(CallsWhatIsGone, 1)
