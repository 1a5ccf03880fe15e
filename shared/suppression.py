"""Small counts in a table of totals and parts are left out, together with what would give them away by subtraction.

Pure: whoever shows or exports figures about people hands its table in. A count of nobody stays: it is nobody's.

What a reader of the rest can find out is this. Under a total that is shown, the counts that are left out add up to a
number they can work out; everything under a total that is itself left out moves freely. So below every total that is
shown either nothing is left out, or at least two counts are, which are not small together and not all of them one
(`tests/suppression` holds this against a reader who tries every table that fits).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

BELOW = 5
"""Counts of 1 up to this one, without it, are small, unless settings say otherwise (the municipality's own rule)."""

Table: TypeAlias = "int | Mapping[str, Table]"
"""A count, or a total by its parts; parts may be totals themselves."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What may be shown of one count. count: None when it is left out. parts: of a total, by name."""

    count: int | None
    parts: Mapping[str, Shown] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Shown:
        return self.parts[name]


def suppress(table: Table, below: int = BELOW) -> Shown:
    """The table without its small counts, those from 1 to `below` - 1. The same table gives the same answer.

    Raises `ValueError` for a count below zero.
    """
    root = _Node.of("", table)
    for node in root.walk():
        node.hidden = 0 < node.count < below
    while any(_cover(node, below) for node in root.walk()):
        pass
    return root.shown()


class _Node:
    """A count on its way. hidden: it is left out."""

    __slots__ = ("count", "hidden", "name", "parts")

    def __init__(self, name: str, count: int, parts: tuple[_Node, ...]) -> None:
        if count < 0:
            raise ValueError("a count is never below zero")
        self.name, self.count, self.parts, self.hidden = name, count, parts, False

    @classmethod
    def of(cls, name: str, table: Table) -> _Node:
        if isinstance(table, int):
            return cls(name, table, ())
        parts = tuple(cls.of(part, inside) for part, inside in table.items())
        return cls(name, sum(part.count for part in parts), parts)

    def walk(self) -> Iterator[_Node]:
        yield self
        for part in self.parts:
            yield from part.walk()

    def left_out(self) -> Iterator[_Node]:
        """The counts below this one that add up to what a reader lacks of it: through totals that are left out too."""
        for part in self.parts:
            if part.hidden:
                yield from part.left_out() if part.parts else (part,)

    def could_hide(self) -> Iterator[_Node]:
        """What else could be left out so that more is unknown below this one."""
        for part in self.parts:
            if part.hidden:
                yield from part.could_hide()
            elif part.count:
                yield part

    def shown(self) -> Shown:
        parts = {part.name: part.shown() for part in self.parts}
        return Shown(None if self.hidden else self.count, parts)


def _cover(node: _Node, below: int) -> bool:
    """Leaves one more count out where the rest would give one away. Whether it did."""
    if not node.parts:
        return False
    if node.hidden:
        if any(part.hidden for part in node.parts):
            return False
        _smallest(node.could_hide()).hidden = True  # all its parts are shown: they add up to it
        return True
    if not any(part.hidden for part in node.parts):
        return False
    unknown = list(node.left_out())
    together = sum(each.count for each in unknown)
    if len(unknown) > 1 and together >= below and together > len(unknown):
        return False
    more = list(node.could_hide())
    (_smallest(iter(more)) if more else node).hidden = True
    return True


def _smallest(nodes: Iterator[_Node]) -> _Node:
    return min(nodes, key=lambda node: (node.count, node.name))
