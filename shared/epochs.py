"""A new epoch: how an origin goes on after its store was restored older than what the bus has heard.

The events after the backup are lost, and others have heard of them. Going on under the same numbers would tell two
stories, so
the origin begins a new epoch instead: its logs are numbered from 1 again, the first rows carry its full figures, and
whoever reads the first one forgets what the old epoch told (`architecture.md`, rules 3 and 10).

The service is stopped while this is done and starts anew afterwards. Every step may be repeated: whoever crashes
half-way calls `repair_origin` again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from shared.clock import Clock
from shared.envelope import SYSTEM_ROLE, Log, Meta, Origin
from shared.handling import Telling
from shared.ids import Ids
from shared.ports import LogWriter, Store, Told
from shared.telemetry import logger

log = logger("epochs")


async def repair_origin(
    store: Store,
    writers: Mapping[Log, LogWriter],
    remake: Callable[[Log], Awaitable[None]],
    figures: Callable[[], Awaitable[Sequence[Telling]]],
    ids: Ids,
    clock: Clock,
) -> bool:
    """Begins a new epoch if a log has moved on from its outbox, and makes the streams of an older epoch anew.

    remake: deletes a log's stream and makes it again, empty. figures: everything the network needs to know of this
    origin. The store comes first: were the stream emptied first, a crash would leave a relay that refills it under the
    old numbers. Returns whether there was anything to repair. Raises `BusUnavailable`, `StoreUnavailable`.
    """
    begins = await forked(store, writers)
    if begins:
        used = [await _epoch_of(writer) for writer in writers.values()]
        await begin_epoch(store, await figures(), ids, clock, max(used))
    stale = [which for which, writer in writers.items() if await _epoch_of(writer) not in (0, store.origin.epoch)]
    for which in stale:
        await remake(which)
    return begins or bool(stale)


async def forked(store: Store, writers: Mapping[Log, LogWriter]) -> bool:
    """Whether a log of this epoch ends with a message that is not the outbox row it should be."""
    for which, writer in writers.items():
        tail = await writer.last()
        if tail is not None and tail.epoch >= store.origin.epoch:
            rows = await store.read_outbox(which, tail.sequence - 1, 1)
            if tail.epoch > store.origin.epoch or not rows or rows[0].id != tail.id:
                return True
    return False


async def begin_epoch(store: Store, first: Sequence[Telling], ids: Ids, clock: Clock, used: int = 0) -> Origin:
    """The next epoch, whose logs begin with `first`: the full figures of everything this origin owns.

    At least one of them is for `pub`: with it readers learn that the old epoch is over.
    used: an epoch others have heard of already; the new one is later than that and than the store's own.
    Raises `StoreUnavailable`, and `OriginHalted` when somebody else has begun an epoch meanwhile.
    """
    if not any(telling.contract.log == "pub" for telling in first):
        raise ValueError("an epoch begins with figures: nobody would learn of it")
    cause = ids.event_id()
    told = [
        Told(
            telling.contract.log,
            ids.event_id(),
            telling.contract.type_name,
            telling.subject,
            telling.contract.encode(),
            Meta(cause, cause, SYSTEM_ROLE, None, telling.observed_at),
        )
        for telling in first
    ]
    origin = await store.begin_epoch(told, max(used, store.origin.epoch) + 1, clock.now())
    log.warning("epoch begun", site=origin.site, service=origin.service, epoch=origin.epoch, first_rows=len(told))
    return origin


async def _epoch_of(writer: LogWriter) -> int:
    """The epoch of a log's last message; 0 when it is empty."""
    tail = await writer.last()
    return 0 if tail is None else tail.epoch
