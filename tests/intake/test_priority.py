"""Who goes first: the same facts give the same band, whoever lists them, and no fact makes anybody wait longer."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from services.intake.priority import CURRENT, Rules, placed
from shared.contracts.vocabulary import PriorityFact

FACTS = st.lists(st.sampled_from(get_args(PriorityFact)), max_size=8)


def test_danger_goes_first_and_nothing_goes_last() -> None:
    assert placed(["fleeing_violence"]).band == placed(["medical_urgent"]).band == 0
    assert placed(["baby", "sleeping_rough"]).band == 0
    assert placed(["pregnant"]).band == 1
    assert placed(["sleeping_rough"]).band == 2
    assert placed([]).band == 3


def test_the_reasons_are_said_heaviest_first() -> None:
    assert placed(["under_23", "baby", "sleeping_rough"]).reasons == ("baby", "sleeping_rough", "under_23")


def test_every_fact_counts_for_something() -> None:
    assert set(CURRENT.points) == set(get_args(PriorityFact))


@given(FACTS, FACTS)
def test_order_and_repeats_change_nothing_and_more_facts_never_make_anybody_wait_longer(
    some: list[PriorityFact], more: list[PriorityFact]
) -> None:
    assert placed(some) == placed([*reversed(some), *some])
    assert placed(some + more).band <= placed(some).band


def test_rules_are_data() -> None:
    turned = Rules(2, {"under_23": 9}, (8, 5, 2))
    assert (placed(["under_23"], turned).band, placed(["medical_urgent"], turned).band) == (0, 3)
    assert placed(["under_23"], turned).rules_version == 2
