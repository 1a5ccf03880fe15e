"""What the simulation is worth: taken out on purpose, each of the guards is missed at once."""

from __future__ import annotations

import pytest

from tests.simulation.broken import BROKEN
from tests.simulation.broken_allowance import BROKEN as BROKEN_ALLOWANCE
from tests.simulation.broken_post import BROKEN as BROKEN_POST
from tests.simulation.process import Parts
from tests.simulation.run import run_seed

SEEDS_MAX = 80
"""The rarest of them takes a store that is put back and a stream that is lost at once: one seed in fifteen."""

BEGIN_AT = {"PaymentsToldOnce": 91}
"""Where to begin with what takes longer still: a desk that is put back to before it heard, and nothing told since. One
seed in a hundred, and the hundred before it are half of the suite's simulation."""


@pytest.mark.parametrize("parts", [*BROKEN, *BROKEN_POST, *BROKEN_ALLOWANCE], ids=lambda parts: parts.__name__)
def test_a_guard_taken_out_is_noticed(parts: type[Parts]) -> None:
    first = BEGIN_AT.get(parts.__name__, 1)
    failures = (run_seed(seed, parts()).failure for seed in range(first, first + SEEDS_MAX))
    assert any(failure is not None for failure in failures)
