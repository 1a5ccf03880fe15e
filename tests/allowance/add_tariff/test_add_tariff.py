"""What a period is worth from a day on."""

from __future__ import annotations

from datetime import date

import pytest

from services.allowance import commands as cmd
from services.allowance import events as ev
from tests.allowance.sample import LEEFGELD, OPENED, T0, TARIFF, asked, at_municipality

MORE = asked(cmd.AddTariff, size_class="1", cents=47_500, valid_from=date(2026, 7, 1))


def test_a_tariff_begins_on_a_day() -> None:
    at_municipality.given(OPENED, TARIFF).when(MORE).then(ev.TariffAdded(LEEFGELD, "1", 47_500, date(2026, 7, 1), T0))


def test_the_same_again_changes_nothing() -> None:
    same = asked(cmd.AddTariff, size_class="1", cents=45_000, valid_from=date(2026, 1, 1))
    at_municipality.given(OPENED, TARIFF).when(same).then_nothing()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"size_class": "6"}, "size-class-unknown"),
        ({"cents": -1}, "amount-invalid"),
        ({"cents": 10**12}, "amount-invalid"),
        ({"valid_from": date(2020, 1, 1)}, "day-too-far"),
        ({"valid_from": date(2026, 1, 1)}, "tariff-overlaps"),
        ({"if_version": 1}, "version-stale"),
    ],
)
def test_what_cannot_be_a_tariff_says_why(fields: dict[str, object], code: str) -> None:
    given = {"size_class": "1", "cents": 1, "valid_from": date(2026, 7, 1)}
    at_municipality.given(OPENED, TARIFF).when(asked(cmd.AddTariff, **(given | fields))).then_rejected(code)


def test_there_is_an_end_to_tariffs() -> None:
    many = [ev.TariffAdded(LEEFGELD, "2", n, date(2026, 1, 1), T0) for n in range(400)]
    at_municipality.given(OPENED, *many).when(MORE).then_rejected("too-many-tariffs")
