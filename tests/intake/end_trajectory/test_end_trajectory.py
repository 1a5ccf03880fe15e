"""The guidance of a client is over."""

from __future__ import annotations

from services.intake import commands_guidance as cmd
from services.intake import events as ev
from tests.intake.guided import ENDED, REACHED, STARTED, WAY, WAY_2, sealed
from tests.intake.sample import ANNA, CARD_2, ERASED, REGISTERED, T0, asked, at_desk

END = asked(cmd.EndTrajectory, trajectory_id=WAY, outcome=sealed("ending"))


def test_it_ends_with_an_outcome() -> None:
    ended = at_desk.given(REGISTERED, STARTED, REACHED).when(END).then(ENDED)
    assert ended.state.open_trajectory is None


def test_the_very_same_outcome_again_changes_nothing() -> None:
    at_desk.given(REGISTERED, STARTED, ENDED).when(END).then_nothing()


def test_an_outcome_is_given_once() -> None:
    other = asked(cmd.EndTrajectory, trajectory_id=WAY, outcome=sealed("other"))
    at_desk.given(REGISTERED, STARTED, ENDED).when(other).then_rejected("trajectory-ended")


def test_a_version_counts_from_when_the_trajectory_moved() -> None:
    corrected = ev.ClientCorrected(ANNA, "news", CARD_2, None, T0)
    given = at_desk.given(REGISTERED, STARTED, REACHED, corrected)
    for version, fits in ((2, False), (3, True), (4, True), (5, False)):
        when = given.when(asked(cmd.EndTrajectory, trajectory_id=WAY, outcome=sealed("ending"), if_version=version))
        if fits:
            when.then(ENDED)
        else:
            when.then_rejected("version-stale", actual=3)


def test_what_cannot_be_says_why() -> None:
    given = at_desk.given(REGISTERED, STARTED)
    given.when(asked(cmd.EndTrajectory, trajectory_id=WAY, outcome="left")).then_rejected("not-sealed")
    unknown = asked(cmd.EndTrajectory, trajectory_id=WAY_2, outcome=sealed("ending"))
    given.when(unknown).then_rejected("trajectory-unknown")
    given.given(ERASED).when(END).then_rejected("client-erased")
