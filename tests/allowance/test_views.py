"""What a site believes of programmes it hears of."""

from __future__ import annotations

from services.allowance import publish
from services.allowance.decider import PROGRAMME
from services.allowance.views import network_programmes, network_rows
from shared.contracts.base import Contract
from shared.envelope import Message, Origin
from shared.ports import Put
from tests.allowance.sample import ANNA, LEEFGELD, OPENED, T0


def test_a_programme_is_whoever_tells_it() -> None:
    """A site that says it is the municipality's would be asked for seats, and believed."""
    told = publish.seats(PROGRAMME.fold(PROGRAMME.initial, [OPENED])).contract
    assert isinstance(told, Contract)
    message = Message(Origin("west", "allowance", 1), "pub", 1, ANNA, told.type_name, LEEFGELD, T0, ANNA, ANNA, b"")
    [row] = network_rows(message, told)
    assert isinstance(row, Put)
    assert dict(zip(network_programmes.columns.keys(), row.values, strict=True))["site"] == "west"
