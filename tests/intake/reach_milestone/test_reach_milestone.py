"""A step on the way is made."""

from __future__ import annotations

from services.intake import commands_guidance as cmd
from services.intake import events_guidance as ev
from tests.intake.guided import ENDED, REACHED, STARTED, STEP, STEP_2, WAY, WAY_2, sealed
from tests.intake.sample import ANNA, ERASED, REGISTERED, T0, asked, at_desk

STEP_MADE = {"trajectory_id": WAY, "milestone_id": STEP, "milestone": sealed("milestone")}
REACH = asked(cmd.ReachMilestone, **STEP_MADE)


def test_a_milestone_is_reached_and_then_another() -> None:
    more = asked(cmd.ReachMilestone, **(STEP_MADE | {"milestone_id": STEP_2}))
    reached = at_desk.given(REGISTERED, STARTED).when(REACH).then(REACHED)
    reached.when(more).then(ev.MilestoneReached(ANNA, WAY, STEP_2, sealed("milestone"), T0))


def test_the_same_once_more_changes_nothing_also_when_it_is_over() -> None:
    at_desk.given(REGISTERED, STARTED, REACHED).when(REACH).then_nothing()
    at_desk.given(REGISTERED, STARTED, REACHED, ENDED).when(REACH).then_nothing()


def test_what_cannot_be_says_why() -> None:
    given = at_desk.given(REGISTERED, STARTED, REACHED)
    for wrong, code in (
        ({"milestone_id": "x"}, "id-invalid"),
        ({"milestone": "got papers"}, "not-sealed"),
        ({"trajectory_id": WAY_2}, "trajectory-unknown"),
        ({"milestone": sealed("other")}, "milestone-id-used"),
    ):
        given.when(asked(cmd.ReachMilestone, **(STEP_MADE | wrong))).then_rejected(code)
    at_desk.given(REGISTERED, STARTED, ENDED).when(REACH).then_rejected("trajectory-ended")
    at_desk.given(REGISTERED, STARTED, ERASED).when(REACH).then_rejected("client-erased")


def test_a_way_has_so_many_steps_and_no_more() -> None:
    given = at_desk.given(REGISTERED, STARTED)
    for number in range(100):
        id_ = f"{number:08x}-0000-4000-8000-000000000000"
        given = given.given(ev.MilestoneReached(ANNA, WAY, id_, sealed("milestone"), T0))
    given.when(REACH).then_rejected("too-many-milestones", milestones_max=100)
