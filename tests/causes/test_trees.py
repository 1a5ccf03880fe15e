"""Steps found anywhere, in any order, make the same trees; nothing is lost in them and nothing told twice."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.causes import Parked, Step, StepKind, command_step, lines, linked, merged, policy_command, trees

AT = datetime(2026, 1, 10, 20, 0, tzinfo=UTC)


def step(id_: str, cause: str | None = None, seconds: int = 0, kind: StepKind = "event", **more: object) -> Step:
    made = Step(id=id_, kind=kind, site="west", service="placement", name=id_, at=AT + timedelta(seconds=seconds))
    return replace(made, cause=cause, **more)


def told(steps: list[Step]) -> list[tuple[int, str]]:
    return [(depth, branch.step.id) for depth, branch in lines(trees(steps))]


def test_a_tree_is_read_from_the_root_in_time() -> None:
    steps = [step("late", "root", 9), step("root"), step("early", "root", 2), step("deep", "early", 3)]
    assert told(steps) == [(0, "root"), (1, "early"), (2, "deep"), (1, "late")]
    [root] = trees(steps)
    assert [branch.waited_seconds for _, branch in lines([root])] == [None, 2.0, 1.0, 9.0]


def test_a_clock_that_is_behind_makes_nobody_wait_less_than_nothing() -> None:
    [root] = trees([step("root", seconds=5), step("before", "root", 1)])
    assert root.below[0].waited_seconds == 0.0


def test_what_follows_from_something_unknown_is_a_root() -> None:
    assert told([step("orphan", "nowhere"), step("child", "orphan", 1)]) == [(0, "orphan"), (1, "child")]


@given(st.lists(st.integers(0, 40), max_size=40), st.randoms(use_true_random=False))
def test_every_step_is_in_the_trees_once_whatever_causes_what(causes: list[int], chance: random.Random) -> None:
    """Also where two claim to be each other's cause: nobody can be sure of what another site tells."""
    steps = [step(str(number), str(cause), number) for number, cause in enumerate(causes)]
    chance.shuffle(steps)
    assert sorted(id_ for _, id_ in told(steps)) == sorted(str(number) for number in range(len(causes)))


@given(st.integers(1, 300), st.randoms(use_true_random=False))
def test_a_chain_is_read_as_a_chain_in_whatever_order_it_is_found(length: int, chance: random.Random) -> None:
    steps = [step(str(n), str(n - 1) if n else None, n) for n in range(length)]
    chance.shuffle(steps)
    assert told(steps) == [(n, str(n)) for n in range(length)]


def test_of_two_that_are_the_same_the_one_that_knows_more_counts() -> None:
    here = Parked("west", "placement", "capacity", "not-storable", AT, 0)
    there = Parked("stad", "placement", "capacity", "version-unknown", AT, 2)
    [both] = merged([step("m", parked=(here,))], [step("m", "cause", parked=(there,))], [step("m", parked=(here,))])
    assert (both.cause, both.parked) == ("cause", (here, there))
    [open_] = merged([step("e", withheld=True)], [step("e", "command")], [step("e", withheld=True)])
    assert (open_.withheld, open_.cause) == (False, "command")


def test_a_policys_command_is_known_by_its_id_and_by_nothing_else() -> None:
    message = step("00000000-0000-7000-8000-000000000001", kind="message", correlation_id="c")
    answer = policy_command(message.id, "letters")
    mine = step(command_step(answer, "west", "placement"), kind="command", correlation_id="c")
    same_time = step(command_step("another", "west", "placement"), kind="command", correlation_id="c")
    elsewhere = replace(mine, correlation_id="d")
    by = {"placement": ["figures", "letters"]}
    assert [at.cause for at in linked([message, mine, same_time], by)] == [None, message.id, None]
    assert [at.cause for at in linked([message, elsewhere], by)] == [None, None]
    assert [at.cause for at in linked([message, mine], {"placement": ["figures"]})] == [None, None]
