"""A mapping that is never changed: a new one is made, which shares with the old one all but a page or two.

Where a state of many things is a dictionary, a command that changes one of them copies it: each thing and each key is
touched twice, once to be copied and once to be let go of.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Generic, TypeVar, overload

import msgspec

V = TypeVar("V")
D = TypeVar("D")

_BITS = 3
PAGE = 1 << _BITS
"""Things a page. Each change copies one page, and the list of pages: eight of sixty things, and eight pages."""


class Paged(msgspec.Struct, Generic[V], frozen=True, array_like=True, gc=False):
    """Things by their key, in the order in which they were added, as a dictionary has them.

    pages: full ones, all but the last. numbers: where in that order each is; it is shared by all that know the same
    keys.
    """

    numbers: dict[str, int] = {}
    pages: tuple[tuple[V, ...], ...] = ()

    def __getitem__(self, key: str) -> V:
        number = self.numbers[key]
        return self.pages[number >> _BITS][number & PAGE - 1]

    @overload
    def get(self, key: str) -> V | None: ...
    @overload
    def get(self, key: str, default: D) -> V | D: ...
    def get(self, key: str, default: D | None = None) -> V | D | None:
        number = self.numbers.get(key)
        return default if number is None else self.pages[number >> _BITS][number & PAGE - 1]

    def __contains__(self, key: object) -> bool:
        return key in self.numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def values(self) -> Iterator[V]:
        return chain.from_iterable(self.pages)

    def items(self) -> Iterator[tuple[str, V]]:
        return zip(self.numbers, self.values(), strict=True)

    def edit(self) -> Edit[V]:
        """The next one in the making."""
        return Edit(self)


class Edit(Generic[V]):
    """Changes of a `Paged` that are seen here at once, and by nobody else."""

    __slots__ = ("_before", "_gone", "_new")

    def __init__(self, before: Paged[V]) -> None:
        self._before = before
        self._new: dict[str, V] = {}
        self._gone: tuple[str, ...] = ()

    def __getitem__(self, key: str) -> V:
        """The thing of this key, which is there."""
        new = self._new.get(key)
        return self._before[key] if new is None else new

    def __setitem__(self, key: str, thing: V) -> None:
        self._new[key] = thing

    def pop(self, key: str) -> V:
        """Takes out the thing of this key, which is there. Put in again, it comes last."""
        if key in self._before and key not in self._gone:
            self._gone += (key,)
            return self._new.pop(key, self._before[key])
        return self._new.pop(key)

    def done(self) -> Paged[V]:
        """What has become of it: the same one where nothing has changed."""
        if self._gone:
            return self._with_other_keys()
        if not self._new:
            return self._before
        numbers, pages = self._before.numbers, list(self._before.pages)
        for key, thing in self._new.items():
            number = numbers.get(key)
            if number is None:
                return self._with_other_keys()
            page = list(pages[number >> _BITS])
            page[number & PAGE - 1] = thing
            pages[number >> _BITS] = tuple(page)
        return Paged(numbers, tuple(pages))

    def _with_other_keys(self) -> Paged[V]:
        things = dict(self._before.items())
        for key in self._gone:
            del things[key]
        things |= self._new
        every = tuple(things.values())
        pages = tuple([every[first : first + PAGE] for first in range(0, len(every), PAGE)])
        return Paged(dict(zip(things, range(len(every)), strict=True)), pages)
