"""A stay that has ended already."""

from tests.placement.end_stay.test_ended import ENDED, STAYING
from tests.placement.sample import AT, after, end


def test_the_same_end_again_changes_nothing() -> None:
    STAYING.given(ENDED).when(end()).then_nothing()
    STAYING.given(ENDED).when(end(at=after(hours=5), observed_at=AT)).then_nothing()
