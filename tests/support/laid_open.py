"""What lies in databases and in the files of a bus, laid open row by row and message by message; and somebody who has
all of it in hand and joins whatever has anything in common.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.postgres import find_binaries
from tests.support.joining import Joined

MARK = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\.\d+"
)
"""Ids, digests and moments: what hardly stands in two places by chance."""
_BYTES = re.compile(r"\\\\x([0-9a-f]*)")
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
            yield data[at + _HEAD.size : at + length - _CHECKSUM_BYTES].decode("utf-8", "replace")
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


def joinable(records: Iterable[str], people: Mapping[str, Iterable[str]]) -> list[tuple[str, str, str]]:
    """Whose ids can be joined: who, and which two. people: by person the ids that must not be. What stands with several
    people's ids, a programme or a run, tells nothing of one of them."""
    owners = {id_: person for person, ids in people.items() for id_ in ids}
    found: list[tuple[set[str], set[str]]] = []
    with_whom: dict[str, set[str]] = {}
    for record in records:
        for piece in pieces(record, owners):
            marks = set(MARK.findall(piece))
            persons = {owners[mark] for mark in marks & owners.keys()}
            found.append((marks, persons))
            for mark in marks:
                with_whom.setdefault(mark, set()).update(persons)
    joined = Joined()
    for marks, _ in found:
        own = sorted(mark for mark in marks if len(with_whom[mark]) < 2)
        if own:
            joined.join(own)
    return [
        (person, first, second)
        for person, ids in people.items()
        for first in ids for second in ids if first < second and joined.root(first) == joined.root(second)
    ]  # fmt: skip
