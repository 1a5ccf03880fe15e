"""What a reader makes of a payload: the event, or why not, without repeating what somebody else wrote."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.base import Contract
from shared.inbox_batch import Undigestible, understood


class LampLit(Contract):
    """A lamp was lit."""

    type_name: ClassVar[str] = "nl.plek.street.lamp-lit.v2"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    lamp: str
    watts: int


LIT = LampLit(lamp="dam-één", watts=40)


def refusal(data: bytes) -> Undigestible:
    with pytest.raises(Undigestible) as caught:
        understood(LampLit, data)
    return caught.value


def test_an_event_is_read_back_as_it_was_told() -> None:
    assert understood(LampLit, LIT.encode()) == LIT


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "the data: json_invalid"),
        (b"\xff", "the data: json_invalid"),
        (b"[]", "the data: model_type"),
        (b'{"lamp": "a"}', "watts: missing"),
        (b'{"lamp": "a", "watts": "40"}', "watts: int_type"),
        (b'{"lamp": "a", "watts": 40, "by\\n<b>": 1}', "by??b?: extra_forbidden"),
    ],
)
def test_data_that_the_contract_does_not_allow_is_refused_without_repeating_it(data: bytes, detail: str) -> None:
    wrong = refusal(data)
    assert (wrong.code, wrong.detail) == ("body-invalid", detail)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    refusal(data)
