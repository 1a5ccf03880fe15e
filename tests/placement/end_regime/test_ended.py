"""A regime is cut short: once, by whoever declared it, while it is not over."""

from datetime import timedelta

from msgspec.structs import replace

from tests.placement.regimes import AT, CUT_SHORT, DECLARED, END, FROM, HEARD, UNTIL, regime


def test_it_ends_now() -> None:
    state = regime.given(DECLARED).when(END).then(CUT_SHORT).state
    assert (state.ends_at, state.revision) == (FROM, 2)


def test_before_it_began_it_never_will() -> None:
    early = AT + timedelta(minutes=1)
    cut = replace(CUT_SHORT, ends_at=early, at=early)
    regime.given(DECLARED).when(replace(END, at=early)).then(cut)


def test_a_second_tap_changes_nothing() -> None:
    regime.given(DECLARED, CUT_SHORT).when(replace(END, at=UNTIL)).then_nothing()


def test_what_is_over_unknown_elsewhere_or_changed_is_refused() -> None:
    regime.given(DECLARED).when(replace(END, at=UNTIL)).then_rejected("regime-over")
    regime.when(END).then_rejected("regime-unknown")
    regime.given(HEARD).when(END).then_rejected("regime-elsewhere", site="stad")
    regime.given(DECLARED).when(replace(END, if_version=2)).then_rejected("version-stale")
