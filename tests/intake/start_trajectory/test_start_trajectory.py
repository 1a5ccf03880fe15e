"""Somebody begins to guide a client."""

from __future__ import annotations

from services.intake import commands_guidance as cmd
from services.intake import events_guidance as ev
from tests.intake.guided import ENDED, STARTED, WAY, WAY_2, sealed
from tests.intake.sample import ANNA, ERASED, REGISTERED, T0, asked, at_desk

START = asked(cmd.StartTrajectory, trajectory_id=WAY, goals=sealed("goals"))
AGAIN = asked(cmd.StartTrajectory, trajectory_id=WAY_2, goals=sealed("goals"))


def test_a_client_is_guided_towards_goals() -> None:
    at_desk.given(REGISTERED).when(START).then(STARTED)


def test_the_same_once_more_changes_nothing() -> None:
    at_desk.given(REGISTERED, STARTED).when(START).then_nothing()


def test_one_trajectory_at_a_time_and_another_when_it_is_over() -> None:
    at_desk.given(REGISTERED, STARTED).when(AGAIN).then_rejected("trajectory-open", trajectory_id=WAY)
    at_desk.given(REGISTERED, STARTED, ENDED).when(AGAIN).then(ev.TrajectoryStarted(ANNA, WAY_2, sealed("goals"), T0))


def test_what_cannot_be_says_why_and_repeats_nothing() -> None:
    given = at_desk.given(REGISTERED)
    given.when(asked(cmd.StartTrajectory, trajectory_id="x", goals=sealed("goals"))).then_rejected("id-invalid")
    given.when(asked(cmd.StartTrajectory, trajectory_id=WAY, goals="papers")).then_rejected("not-sealed")
    at_desk.given(REGISTERED, STARTED, ENDED).when(START).then_rejected("trajectory-id-used")
    at_desk.given(REGISTERED, ERASED).when(START).then_rejected("client-erased")
    at_desk.when(START).then_rejected("client-unknown")


def test_a_file_has_so_many_and_no_more() -> None:
    given = at_desk.given(REGISTERED)
    for number in range(50):
        id_ = f"{number:08x}-0000-4000-8000-000000000000"
        begun = ev.TrajectoryStarted(ANNA, id_, sealed("goals"), T0)
        given = given.given(begun, ev.TrajectoryEnded(ANNA, id_, sealed("ending"), T0))
    given.when(START).then_rejected("too-many-trajectories", trajectories_max=50)
