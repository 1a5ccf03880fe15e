"""Work that belongs together and ends together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence


async def until_one_fails(works: Sequence[Awaitable[None]]) -> None:
    """Runs all until one fails; then none runs any more."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
