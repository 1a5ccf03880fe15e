"""The positions a consumer's messages are held to."""

from __future__ import annotations

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.bus_consumer import ConsumerLost, deliveries
from shared.envelope import bus_subject, to_headers
from tests.support.buses import row


def message(position: int, reply: str = "$JS.ACK.PUB_stad_placement.reader.1.{}.1.1700000000000000000.0") -> Msg:
    told = row(position)
    return Msg(Client(), bus_subject(told), reply.format(position), told.data, to_headers(told))


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.PUB_stad_placement.reader.1.{}.77.1700000000000000000.5",
        "$JS.ACK._.A1b2.PUB_stad_placement.reader.1.{}.77.1700000000000000000.5",
        "$JS.ACK.west.A1b2.PUB_stad_placement.reader.1.{}.77.1700000000000000000.5.xYz",
    ],
)
def test_positions_are_read_from_either_form_of_reply_subject(reply: str) -> None:
    read = deliveries([message(4, reply), message(5, reply)], after=3)
    assert [delivery.position for delivery in read] == [4, 5]
    assert [delivery.message for delivery in read] == [row(4), row(5)]


@pytest.mark.parametrize(("after", "positions"), [(0, [2]), (0, [1, 3]), (3, [3]), (3, [4, 4]), (3, [5, 4])])
def test_a_hole_a_repeat_or_another_order_is_refused(after: int, positions: list[int]) -> None:
    with pytest.raises(ConsumerLost):
        deliveries([message(position) for position in positions], after)
