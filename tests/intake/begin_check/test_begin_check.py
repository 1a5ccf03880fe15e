"""Another desk is to be asked about somebody."""

from __future__ import annotations

from services.intake.policy import check_timers
from services.intake.publish_likeness import tell_check
from shared.contracts.base import Draft
from shared.timers import TimerSet
from tests.intake.checks import BEGUN, CHECK_ID, SOON, asking, begin
from tests.intake.sample import T0


def test_it_is_begun_and_the_other_desk_is_written_to_without_a_word_of_anybody() -> None:
    begun = asking.when(begin()).then(BEGUN).state
    [telling] = tell_check(begun, [BEGUN], begun)
    assert isinstance(telling.contract, Draft)
    assert (telling.contract.to, telling.contract.body.model_dump()) == ("west", {})
    assert check_timers([BEGUN]) == [TimerSet(f"check/{CHECK_ID}", SOON, "check", CHECK_ID)]


def test_once_more_changes_nothing() -> None:
    asking.given(BEGUN).when(begin()).then_nothing()


def test_an_id_is_of_one_check() -> None:
    asking.given(BEGUN).when(begin(site="zuidoost")).then_rejected("check-id-used")


def test_bad_input_is_refused() -> None:
    asking.when(begin(check_id="anna")).then_rejected("id-invalid")
    asking.when(begin(client_id="anna")).then_rejected("id-invalid")
    asking.when(begin(site="../west")).then_rejected("site-invalid")
    asking.when(begin(until=T0)).then_rejected("check-expired")
    asking.when(begin(until=T0.replace(tzinfo=None))).then_rejected("time-without-zone")
