"""A site hears of a regime: the municipality's highest word counts, whatever comes when, and however often."""

from datetime import timedelta

from msgspec.structs import replace

from tests.placement.regimes import AT, DECLARED, FROM, HEAR, HEARD, regime

LATER = replace(HEAR, revision=2, ends_at=FROM)
CUT = replace(HEARD, revision=2, ends_at=FROM)


def test_it_is_known_as_it_was_told() -> None:
    state = regime.when(HEAR).then(HEARD).state
    assert (state.site, state.declared_here, state.revision) == ("stad", False, 1)


def test_a_higher_word_counts_and_a_lower_or_the_same_does_not() -> None:
    regime.given(HEARD).when(LATER).then(CUT)
    regime.given(HEARD).when(replace(HEAR, at=AT + timedelta(days=1))).then_nothing()
    regime.given(HEARD, CUT).when(HEAR).then_nothing()
    regime.when(LATER).then(CUT)


def test_nobody_speaks_for_another_site_or_for_this_one() -> None:
    regime.given(HEARD).when(replace(LATER, site="noord")).then_rejected("regime-id-used")
    regime.given(DECLARED).when(LATER).then_rejected("regime-id-used")
