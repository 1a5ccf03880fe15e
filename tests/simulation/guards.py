"""The guards that are taken out on purpose, and the seed from which on each is looked for.

`.venv/bin/python -m tests.simulation.guards [NAME ...]` says in which seed each is missed first: a change of what
is done in the simulation, or of its order, moves these seeds.
"""

from __future__ import annotations

import re
import sys

from tests.simulation.broken import BROKEN
from tests.simulation.broken_allowance import BROKEN as BROKEN_ALLOWANCE
from tests.simulation.broken_post import BROKEN as BROKEN_POST
from tests.simulation.process import Parts
from tests.simulation.run import run_seed

GUARDS: tuple[type[Parts], ...] = (*BROKEN, *BROKEN_POST, *BROKEN_ALLOWANCE)

SEEDS_MAX = 80
"""The rarest of them takes a store that is put back and a stream that is lost at once: one seed in fifteen."""

BEGIN_AT: dict[str, int] = {
    "NoOrderGuard": 7, "NoDeduplication": 9, "CheckpointsMoveBack": 7, "NoTailCheck": 3, "MarksLost": 4,
    "NobodyAsked": 4, "CallOffsForgotten": 7, "TwoRequestsAtOnce": 4, "NoticesSayWhy": 4, "KeysKept": 4,
    "NobodyLeft": 6, "RepeatsUnmarked": 5, "RecordsBeforeSending": 11, "RemindsOfWhatIsOff": 8,
    "LimitsOfTheFirstWord": 38, "PaysTheErased": 6, "MovesAreNotHeard": 6, "AskedAfterwards": 15, "NobodyApproves": 6,
    "PaidIsNotPosted": 5, "CodesWorkTwice": 6, "PaymentsToldOnce": 217, "StatementsCountTwice": 5, "CardsOverflow": 11,
}  # fmt: skip
"""The first seed in which each is missed: every one before it is a whole life, lived to find that nothing is missed in
it. Who is not here is looked for from the first. Payments told once: a letter that was let go, and nothing told since,
which is one seed in two hundred."""

AMONG_MOVERS = frozenset({"MovesAreNotHeard", "PaidTwiceOver", "LimitsOfTheFirstWord"})
"""Looked for where clients are housed, and move."""

_DOES_NOT_FIT = re.compile(r"[^\n]*: (AttributeError|ImportError|NameError|TypeError)\(")
"""How it ends when what stands in for a guard calls what the product has no more: nobody has missed the guard then."""


def missed_in(parts: type[Parts], first: int) -> int | None:
    """The first seed, from `first` on, in which a guard that is taken out is missed; None: in none of `SEEDS_MAX`."""
    for seed in range(first, first + SEEDS_MAX):
        failure = run_seed(seed, parts(), movers=parts.__name__ in AMONG_MOVERS).failure
        if failure is not None:
            assert not _DOES_NOT_FIT.match(failure), f"{parts.__name__} does not fit the product any more: {failure}"
            return seed
    return None


def main() -> None:
    for parts in GUARDS:
        if parts.__name__ in (sys.argv[1:] or [parts.__name__]):
            sys.stdout.write(f'"{parts.__name__}": {missed_in(parts, 1)},\n')
            sys.stdout.flush()


if __name__ == "__main__":
    main()
