"""Several reported nights in one command: the same as one by one, and told night by night."""

from services.placement import commands as cmd
from services.placement import events as ev
from services.placement.decider import LOCATION
from services.placement.publish import tell
from shared.contracts.placement import CapacityTold
from shared.kernel import Rejected
from tests.placement.record_night.nights import counts, night, published, seen
from tests.placement.sample import AT, at_place, west

NIGHTS = (night(4, 1, 2), night(5, 1, 3, days=1), night(2, 0, 1, programme="7", days=1), night(5, 0, 6, days=2))


def together(*nights: cmd.RecordNight) -> cmd.RecordNights:
    return cmd.RecordNights(at=AT, role="system", location="west", nights=nights)


def one_by_one(*nights: cmd.RecordNight) -> list[ev.LocationEvent]:
    events: list[ev.LocationEvent] = []
    state = west.state
    for command in nights:
        outcome = LOCATION.decide(state, command)
        assert not isinstance(outcome, Rejected)
        state = LOCATION.fold(state, outcome)
        events += list(outcome)
    return events


def test_they_are_the_same_as_one_by_one() -> None:
    outcome = LOCATION.decide(west.state, together(*NIGHTS))
    assert not isinstance(outcome, Rejected)
    state = west.when(together(*NIGHTS)).then(*outcome).state
    assert list(outcome) == one_by_one(*NIGHTS)
    assert (counts(state), counts(state, "7")) == (published(5, 0, 6), published(2, 0, 1))


def test_every_night_is_told_once_with_its_own_figures() -> None:
    outcome = LOCATION.decide(west.state, together(*NIGHTS))
    assert not isinstance(outcome, Rejected)
    told = tell(west.state, outcome, LOCATION.fold(west.state, outcome))
    figures = [
        (telling.observed_at, telling.contract.rows[0].occupied)
        for telling in told
        if isinstance(telling.contract, CapacityTold)
    ]
    assert figures == [(seen(), 2), (seen(1), 4), (seen(2), 7)]


def test_a_night_that_comes_after_a_later_one_is_told_by_itself() -> None:
    """Programme by programme instead of night by night: nothing is told as seen in a night it is not of."""
    nights = (night(4, 1, 2), night(5, 1, 3, days=1), night(2, 0, 1, programme="7"))
    outcome = LOCATION.decide(west.state, together(*nights))
    assert not isinstance(outcome, Rejected)
    told = tell(west.state, outcome, LOCATION.fold(west.state, outcome))
    figures = [(it.observed_at, it.contract.rows[0].occupied) for it in told if isinstance(it.contract, CapacityTold)]
    assert figures == [(seen(), 2), (seen(1), 3), (None, 4)]


def test_a_night_that_cannot_be_adopted_is_left_out() -> None:
    wrong = (night(4, 5, 0, days=1), night(9, 9, 9, days=-1))
    outcome = LOCATION.decide(west.state, together(NIGHTS[0], *wrong, NIGHTS[1]))
    assert not isinstance(outcome, Rejected)
    assert list(outcome) == one_by_one(NIGHTS[0], NIGHTS[1])


def test_the_same_again_changes_nothing() -> None:
    west.after(together(*NIGHTS)).when(together(*NIGHTS)).then_nothing()
    west.when(together()).then_nothing()


def test_there_is_a_limit() -> None:
    west.when(together(*[NIGHTS[0]] * 51)).then_rejected("too-many-nights", nights_max=50)
    at_place.when(together(*NIGHTS)).then_rejected("location-unknown")
