"""What lies in databases and in the files of a bus, laid open row by row and message by message; and somebody who has
all of it in hand and joins whatever has anything in common.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from infra.postgres import find_binaries

MARK = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+"
)
"""Ids, digests and moments: what hardly stands in two places by chance."""
_BYTES = re.compile(r"\\\\x([0-9a-f]*)")
_ORDER = re.compile(r"Nats-(?:Expected-Last-)?Msg-Id: *[0-9a-f]+\r\n")
"""By which a message names the one before it: its number in the log says the same, of everybody's."""
_HEAD = struct.Struct("<IQQH")
_HEADERS, _CHECKSUM_BYTES = 1 << 31, 8


def dumped(dsn: str) -> list[str]:
    """Every row of a database, as `pg_dump` writes it: what is compressed on disk lies open there. Bytes are text."""
    dump = subprocess.run(
        [find_binaries().directory / "pg_dump", f"--dbname={dsn}"], capture_output=True, check=True, timeout=120
    ).stdout.decode()
    assert "CREATE TABLE" in dump
    rows, inside = [], False
    for line in dump.splitlines():
        if inside and line != "\\.":
            rows.append(_BYTES.sub(lambda found: bytes.fromhex(found[1]).decode("utf-8", "replace"), line))
        inside = line.startswith("COPY ") or (inside and line != "\\.")
    return rows


def messages(blocks: Iterable[Path]) -> Iterator[str]:
    """Every message in these files of a bus, subject and headers too. A record of a block is: its length (the highest
    bit: it has headers), sequence, time, length of the subject, subject, headers, body, checksum (nats-server,
    `filestore.go`)."""
    for path in blocks:
        data, at = path.read_bytes(), 0
        while at + _HEAD.size <= len(data):
            length, _, _, subject = _HEAD.unpack_from(data, at)
            length &= ~_HEADERS
            assert _HEAD.size + subject + _CHECKSUM_BYTES <= length <= len(data) - at, f"{path} is no block of messages"
            text = data[at + _HEAD.size : at + length - _CHECKSUM_BYTES].decode("utf-8", "replace")
            yield _ORDER.sub("", text)
            at += length


def pieces(text: str, owners: Mapping[str, str]) -> Iterator[str]:
    """A row or message, where it is about one person; where it is about several, what of its JSON is about each.
    owners: who it is, by id."""
    if len({person for id_, person in owners.items() if id_ in text}) < 2:
        yield text
        return
    decoder, at = json.JSONDecoder(), 0
    while (at := min((found for found in (text.find(each, at) for each in "{[") if found >= 0), default=-1)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            at += 1
            continue
        yield from _parts(value, owners)


def _parts(value: Any, owners: Mapping[str, str]) -> Iterator[str]:
    text = json.dumps(value)
    if len({person for id_, person in owners.items() if id_ in text}) < 2:
        yield text
    elif isinstance(value, dict):
        for name, inside in value.items():
            yield from _parts([name, inside] if name in owners else inside, owners)
    elif isinstance(value, list):
        for inside in value:
            yield from _parts(inside, owners)


def joinable(
    records: Iterable[str], people: Mapping[str, Iterable[str]], nobodys: Collection[str] = ()
) -> list[tuple[str, ...]]:
    """Whose ids can be joined: who, and the marks that lead from one id to the other. people: by person the ids that
    must not be. What stands with several people's ids, a programme or a run, tells nothing of one of them; nor does
    what only says such a one's name once more (nobodys)."""
    owners = {id_: person for person, ids in people.items() for id_ in ids}
    found: list[set[str]] = []
    with_whom: dict[str, set[str]] = {}
    for record in records:
        for piece in pieces(record, owners):
            marks = set(MARK.findall(piece)).difference(nobodys)
            found.append(marks)
            for mark in marks:
                with_whom.setdefault(mark, set()).update(owners[other] for other in marks & owners.keys())
    where: dict[str, list[set[str]]] = {}
    for marks in found:
        own = {mark for mark in marks if len(with_whom[mark]) < 2}
        for mark in own:
            where.setdefault(mark, []).append(own)
    ways = (
        (person, _way(where, first, second)) for person, ids in people.items() for first, second in combinations(ids, 2)
    )
    return [(person, *way) for person, way in ways if way]


def joined(
    records: Iterable[str], people: Mapping[str, Iterable[str]], nobodys: Collection[str] = ()
) -> dict[str, list[tuple[str, str]]]:
    """As `joinable`, for as many records as a year has, and by ids and digests alone: where time is simulated much
    happens in one moment. By person the pairs of ids that hang together somehow. nobodys: ids everybody knows, of a
    programme or a regime."""

    def marks_in(text: str) -> set[str]:
        return {mark for mark in MARK.findall(text) if ":" not in mark and mark not in nobodys}

    owners = {id_: person for person, ids in people.items() for id_ in ids}
    found, with_whom, above = list[set[str]](), dict[str, set[str]](), dict[str, str]()
    for record in records:
        whole = marks_in(record)
        several = len({owners[mark] for mark in whole & owners.keys()}) > 1
        for marks in [marks_in(piece) for piece in pieces(record, owners)] if several else [whole]:
            whose = {owners[mark] for mark in marks & owners.keys()}
            found.append(marks)
            for mark in marks if whose else ():
                with_whom.setdefault(mark, set()).update(whose)

    def root(mark: str) -> str:
        while (up := above.setdefault(mark, mark)) != mark:
            above[mark] = above[up]
            mark = up
        return mark

    for marks in found:
        first, *others = [mark for mark in marks if len(with_whom.get(mark, ())) < 2] or [""]
        for other in others:
            above[root(other)] = root(first)
    hang: dict[str, list[tuple[str, str]]] = {}
    for person, ids in people.items():
        seen: dict[str, str] = {}
        for id_ in ids:
            if id_ in above and (before := seen.setdefault(root(id_), id_)) != id_:
                hang.setdefault(person, []).append((before, id_))
    return hang


def _way(where: Mapping[str, Iterable[set[str]]], first: str, last: str) -> list[str]:
    """The marks that lead from one to the other, each found beside the one before; none when there is no such way."""
    came_from: dict[str, str] = {first: ""}
    ahead = deque([first])
    while ahead and last not in came_from:
        mark = ahead.popleft()
        for other in sorted({one for own in where.get(mark, ()) for one in own} - came_from.keys()):
            came_from[other] = mark
            ahead.append(other)
    way = [last] if last in came_from else []
    while way and way[0] != first:
        way.insert(0, came_from[way[0]])
    return way
