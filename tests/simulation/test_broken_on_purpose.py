"""What the simulation is worth: taken out on purpose, each of the guards is missed at once."""

from __future__ import annotations

import pytest

from tests.simulation.guards import BEGIN_AT, GUARDS, missed_in
from tests.simulation.process import Parts


@pytest.mark.parametrize("parts", GUARDS, ids=lambda parts: parts.__name__)
def test_a_guard_taken_out_is_noticed(parts: type[Parts]) -> None:
    assert missed_in(parts, BEGIN_AT.get(parts.__name__, 1)) is not None
