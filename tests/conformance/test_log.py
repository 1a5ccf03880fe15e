"""What a log promises its relay (`shared.ports.LogWriter`), in memory and on the real nats-server."""

from __future__ import annotations

import asyncio

import pytest

from shared.envelope import Origin
from shared.ports import BusUnavailable, LogMoved, Tail
from tests.support.buses import DEADLINE_SECONDS, BusUnderTest, once_available, row, rows

pytestmark = pytest.mark.asyncio

ONE_BY_ONE, ATOMIC, THREE_BATCHES = 3, 40, 2_300


def tail_of(sequence: int) -> Tail:
    return Tail(sequence, row(sequence).id, 1)


async def test_an_empty_log_has_no_last_message(bus: BusUnderTest) -> None:
    log = await bus.log()
    assert await log.last() is None
    assert await log.at(1) is None


@pytest.mark.parametrize("count", [1, ONE_BY_ONE, 15, 16, ATOMIC, THREE_BATCHES])
async def test_every_row_is_at_its_own_sequence(bus: BusUnderTest, count: int) -> None:
    log = await bus.log()
    assert await log.publish(rows(1, count)) == count
    assert await log.last() == tail_of(count)
    for sequence in {1, count // 2 + 1, count}:
        assert await log.at(sequence) == tail_of(sequence)
    assert await log.at(count + 1) is None


async def test_the_tail_says_which_epoch_it_is_of(bus: BusUnderTest) -> None:
    log = await bus.log()
    await log.publish([row(1, Origin("stad", "placement", 4))])
    assert await log.last() == Tail(1, row(1).id, 4)


@pytest.mark.parametrize("count", [ONE_BY_ONE, ATOMIC])
async def test_rows_that_leave_a_hole_are_refused(bus: BusUnderTest, count: int) -> None:
    log = await bus.log()
    await log.publish(rows(1, 2))
    with pytest.raises(LogMoved):
        await log.publish(rows(4, 3 + count))
    assert await log.last() == tail_of(2)


@pytest.mark.parametrize("count", [ONE_BY_ONE, ATOMIC])
async def test_a_relay_whose_acknowledgement_was_lost_resumes_after_what_is_there(
    bus: BusUnderTest, count: int
) -> None:
    before_the_crash = await bus.log()
    await before_the_crash.publish(rows(1, count))
    log = await bus.log()
    with pytest.raises(LogMoved):
        await log.publish(rows(1, count))
    last = await log.last()
    assert last == tail_of(count)
    assert await log.publish(rows(last.sequence + 1, last.sequence + 2)) == count + 2
    assert await log.last() == tail_of(count + 2)


@pytest.mark.parametrize("count", [ONE_BY_ONE, ATOMIC])
async def test_a_second_relay_is_fenced(bus: BusUnderTest, count: int) -> None:
    first, second = await bus.log(), await bus.log()
    await first.publish(rows(1, 5))
    await second.publish(rows(6, 5 + count))
    with pytest.raises(LogMoved):
        await first.publish(rows(6, 5 + count))
    assert await first.last() == tail_of(5 + count)


async def test_of_two_relays_at_once_each_row_is_there_once(bus: BusUnderTest) -> None:
    first, second = await bus.log(), await bus.log()
    outcomes = await asyncio.gather(*(log.publish(rows(1, ATOMIC)) for log in (first, second)), return_exceptions=True)
    assert sorted(map(str, map(type, outcomes))) == sorted(map(str, (int, LogMoved)))
    assert await first.last() == tail_of(ATOMIC)


FOREIGN = (b"plek.stad.pub.placement.x", b"NATS/1.0\r\nce-epoch: 1\r\n\r\n", b"not a row of this store")


async def test_rows_on_the_wire_do_not_close_up_behind_a_foreign_message(bus: BusUnderTest) -> None:
    """The first is refused, since somebody else's message has its number; the next would fit by number alone."""
    log = await bus.log()
    await log.publish(rows(1, 2))
    await bus.put(*FOREIGN)
    with pytest.raises(LogMoved):
        await log.publish(rows(3, 6))
    assert await log.last() == Tail(3, "", 1)


async def test_a_number_nobody_can_have_reached_is_none(bus: BusUnderTest) -> None:
    """Python refuses to read one of 5,000 digits, and raises what nobody expects."""
    log = await bus.log()
    headers = b"NATS/1.0\r\nce-epoch: %b\r\nce-sequence: %b\r\n\r\n" % (b"9" * 5_000, b"9" * 5_000)
    await bus.put(b"plek.stad.pub.placement.x", headers, b"")
    assert await log.last() == Tail(1, "", 0)


async def test_rows_may_leave_before_those_before_them_are_answered(bus: BusUnderTest) -> None:
    log = await bus.log()
    calls = [asyncio.ensure_future(log.publish(rows(first, last))) for first, last in ((1, 1), (2, 5), (6, 6), (7, 20))]
    assert await asyncio.gather(*calls) == [1, 5, 6, 20]
    assert await log.last() == tail_of(20)
    assert await log.publish(rows(21, 20 + ATOMIC)) == 20 + ATOMIC
    assert await log.publish(rows(21 + ATOMIC, 22 + ATOMIC)) == 22 + ATOMIC


async def test_what_was_sent_behind_a_refused_row_is_refused_and_nothing_leaves_before_it_was_looked_at(
    bus: BusUnderTest,
) -> None:
    log = await bus.log()
    await log.publish(rows(1, 2))
    await bus.put(*FOREIGN)
    calls = [asyncio.ensure_future(log.publish(rows(number, number))) for number in (3, 4, 5)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [LogMoved] * 3
    with pytest.raises(LogMoved):
        await log.publish(rows(4, 4))
    assert await log.last() == Tail(3, "", 1)


async def test_a_server_that_was_killed_still_knows_whose_message_is_the_last(bus: BusUnderTest) -> None:
    log = await bus.log()
    await log.publish(rows(1, 2))
    await bus.kill()
    await bus.restart()
    await once_available(lambda: log.at(2))
    assert await log.publish(rows(3, 4)) == 4


async def test_rows_leave_before_anybody_awaits_that_they_are_acknowledged(bus: BusUnderTest) -> None:
    log = await bus.log()
    assert await log.last() is None
    answers = [log.publish(rows(1, 2)), log.publish(rows(3, 3))]
    async with asyncio.timeout(DEADLINE_SECONDS):
        while await log.last() != tail_of(3):
            await asyncio.sleep(0.01)
    assert [await answer for answer in answers] == [2, 3]


async def test_rows_on_the_wire_of_a_server_that_is_killed_are_given_up_or_there(bus: BusUnderTest) -> None:
    log = await bus.log()
    assert await log.last() is None
    answers = [log.publish(rows(1, 2)), log.publish(rows(3, 3))]
    await bus.kill()
    outcomes = await asyncio.gather(*answers, return_exceptions=True)
    assert all(isinstance(outcome, int | BusUnavailable | LogMoved) for outcome in outcomes), outcomes
    await bus.restart()
    last = await once_available(log.last)
    there = 0 if last is None else last.sequence
    assert there >= max([outcome for outcome in outcomes if isinstance(outcome, int)], default=0)
    assert await log.publish(rows(there + 1, there + 2)) == there + 2


async def test_an_atomic_batch_is_there_as_a_whole_or_not_at_all(bus: BusUnderTest) -> None:
    log = await bus.log()
    await log.publish(rows(1, 10))
    with pytest.raises(LogMoved):
        await log.publish(rows(6, 6 + ATOMIC))
    assert await log.last() == tail_of(10)


@pytest.mark.parametrize("pause_seconds", [0.0, 0.005, 0.02])
async def test_a_server_killed_during_an_atomic_batch_keeps_all_of_it_or_nothing(
    bus: BusUnderTest, pause_seconds: float
) -> None:
    log = await bus.log()
    publishing = asyncio.ensure_future(log.publish(rows(1, 1_000)))
    await asyncio.wait({publishing}, timeout=pause_seconds)
    await bus.kill()
    outcome = (await asyncio.gather(publishing, return_exceptions=True))[0]
    assert outcome == 1_000 or isinstance(outcome, BusUnavailable)
    await bus.restart()
    last = await once_available(log.last)
    assert last in (None, tail_of(1_000))
    if outcome == 1_000:
        assert last is not None, "it was acknowledged"
    after = last.sequence if last else 0
    assert await once_available(lambda: log.publish(rows(after + 1, 1_020))) == 1_020
    assert await log.last() == tail_of(1_020)


async def test_without_a_server_nothing_is_answered_and_afterwards_all_is_still_there(bus: BusUnderTest) -> None:
    log, other = await bus.log(), await bus.log()
    await log.publish(rows(1, 20))
    await bus.kill()
    for action in (log.last, lambda: log.at(1), lambda: log.publish(rows(21, 22)), lambda: other.publish(rows(21, 60))):
        with pytest.raises(BusUnavailable):
            await action()
    await bus.restart()
    assert await once_available(log.last) == tail_of(20)
    assert await log.publish(rows(21, 22)) == 22


async def test_a_foreign_message_on_the_log_is_seen_as_no_row_of_ours(bus: BusUnderTest) -> None:
    log = await bus.log()
    await log.publish(rows(1, 2))
    await bus.put(b"plek.stad.pub.placement.x", b"NATS/1.0\r\nce-epoch: \xd9\xa3\r\n\r\n", b"hello")
    assert await log.last() == Tail(3, "", 0)
    with pytest.raises(LogMoved):
        await log.publish(rows(3, 3))


async def test_a_log_made_anew_is_filled_from_its_first_row(bus: BusUnderTest) -> None:
    log = await bus.log()
    await log.publish(rows(1, 30))
    await bus.remake()
    assert await log.last() is None
    with pytest.raises(LogMoved):
        await log.publish(rows(31, 32))
    with pytest.raises(LogMoved):
        await log.publish(rows(1, 2))  # not before it has looked again
    assert await log.last() is None
    assert await log.publish(rows(1, 32)) == 32
    assert await log.last() == tail_of(32)
