"""The municipality opens standby places for a while: at least three nights, or it says why not."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from services.placement.decider_regimes import nights
from tests.placement.regimes import COLD, DECLARE, DECLARED, FROM, UNTIL, regime


def test_there_is_a_regime_and_everybody_may_know_it() -> None:
    state = regime.when(DECLARE).then(DECLARED).state
    assert (state.id, state.revision, state.declared_here) == (COLD, 1, True)


def test_the_same_again_changes_nothing_and_another_under_its_id_is_refused() -> None:
    regime.given(DECLARED).when(DECLARE).then_nothing()
    regime.given(DECLARED).when(replace(DECLARE, name="Storm")).then_rejected("regime-id-used")


def test_less_than_three_nights_needs_a_reason() -> None:
    short = replace(DECLARE, ends_at=UNTIL - timedelta(days=1))
    regime.when(short).then_rejected("regime-too-short", nights=2, nights_min=3)
    because = replace(short, reason="A storm, one night")
    expected = replace(DECLARED, ends_at=short.ends_at, reason="A storm, one night")
    regime.when(because).then(expected)


def test_nights_are_the_citys_also_when_the_clocks_change() -> None:
    before, after = datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert nights(before, after) == 1  # the night of 23 hours
    assert nights(datetime(2026, 10, 24, 21, 59, tzinfo=UTC), datetime(2026, 10, 24, 22, 0, tzinfo=UTC)) == 1
    assert nights(datetime(2026, 1, 10, 23, tzinfo=UTC), datetime(2026, 1, 11, 22, tzinfo=UTC)) == 0


@pytest.mark.parametrize(("change", "code"), [
    ({"kinds": ()}, "kinds-missing"), ({"kinds": ("hotel",)}, "kind-unknown"),
    ({"kinds": ("consultation",)}, "kind-without-beds"), ({"name": ""}, "regime-name-invalid"),
    ({"reason": "\n"}, "reason-invalid"), ({"site": "Stad!"}, "site-invalid"), ({"regime_id": "x"}, "id-invalid"),
    ({"starts_at": FROM.replace(tzinfo=None)}, "time-without-zone"),
    ({"ends_at": FROM}, "regime-times-invalid"), ({"ends_at": FROM + timedelta(days=367)}, "regime-times-invalid"),
    ({"starts_at": FROM - timedelta(days=9), "ends_at": FROM - timedelta(days=1)}, "regime-times-invalid"),
    ({"starts_at": FROM + timedelta(days=4000), "ends_at": FROM + timedelta(days=4005)}, "until-too-far"),
])  # fmt: skip
def test_regimes_that_cannot_be(change: dict[str, object], code: str) -> None:
    regime.when(replace(DECLARE, **change)).then_rejected(code)


def test_one_that_has_begun_already_may_be_declared() -> None:
    since = FROM - timedelta(days=1)
    regime.when(replace(DECLARE, starts_at=since)).then(replace(DECLARED, starts_at=since))
