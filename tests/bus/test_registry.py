"""Decoding a told event by its type name."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.base import Contract, Registry
from shared.envelope import Malformed


class LampLit(Contract):
    """A lamp was lit."""

    type_name: ClassVar[str] = "nl.plek.street.lamp-lit.v2"
    log: ClassVar[Literal["pub", "loc"]] = "pub"

    lamp: str
    watts: int


REGISTRY = Registry([LampLit])
LIT = LampLit(lamp="dam-één", watts=40)


def refusal(type_name: str, data: bytes) -> Malformed:
    with pytest.raises(Malformed) as caught:
        REGISTRY.decode(type_name, data)
    return caught.value


def test_a_known_event_is_read_back_as_it_was_told() -> None:
    assert REGISTRY.decode(LampLit.type_name, LIT.encode()) == LIT
    assert list(REGISTRY) == [LampLit]


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_another_version_of_a_known_event_is_refused(version: str) -> None:
    assert refusal(f"nl.plek.street.lamp-lit.{version}", LIT.encode()).code == "version-unknown"


def test_an_event_nobody_subscribed_to_is_none() -> None:
    assert REGISTRY.decode("nl.plek.street.lamp-broken.v1", b"whatever") is None


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "the data: json_invalid"),
        (b"\xff", "the data: json_invalid"),
        (b"[]", "the data: model_type"),
        (b'{"lamp": "a"}', "watts: missing"),
        (b'{"lamp": "a", "watts": "40"}', "watts: int_type"),
        (b'{"lamp": "a", "watts": 40, "by\\n<b>": 1}', "by??b?: extra_forbidden"),
        (b'{"lamp": "a\\u0000", "watts": 40}', "a character no database stores"),
    ],
)
def test_data_that_the_contract_does_not_allow_is_refused_without_repeating_it(data: bytes, detail: str) -> None:
    wrong = refusal(LampLit.type_name, data)
    assert (wrong.code, wrong.detail) == ("data-invalid", detail)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    refusal(LampLit.type_name, data)


def test_two_contracts_of_one_name_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two contracts"):
        Registry([LampLit, LampLit])
