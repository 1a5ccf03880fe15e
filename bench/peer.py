"""The peer: the `eventsourcing` library with its PostgreSQL recorder, as its documentation sets it up."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Any
from uuid import uuid4

import psycopg
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from bench.ground import payload
from infra.postgres import SUPERUSER, Postgres
from tests.support.servers import database_name

THREADS = 16
NAME = f"eventsourcing, {THREADS} threads, psycopg {psycopg.pq.__impl__}"
"""The driver has a C and a pure Python form; which one is installed moves the peer by a factor of two."""


def address(server: Postgres, dsn: str) -> dict[str, Any]:
    """Where the peer finds a database of ours."""
    socket = server.dsn().partition("host=")[2].partition("&")[0]
    return {"dbname": database_name(dsn), "host": socket, "port": "5432", "user": SUPERUSER, "password": ""}


def appends_a_second(server: Postgres, dsn: str, table: str, seconds: float) -> float:
    """One event of 600 bytes a transaction from each of 16 threads, each with a stream of its own."""
    with closing(PostgresDatastore(**address(server, dsn), pool_size=THREADS, max_overflow=THREADS)) as store:
        recorder = PostgresApplicationRecorder(store, events_table_name=table)
        recorder.create_table()
        counts = [0] * THREADS
        began = time.perf_counter()
        running = [
            threading.Thread(target=_append, args=(recorder, counts, number, began + seconds))
            for number in range(THREADS)
        ]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return sum(counts) / (time.perf_counter() - began)


def _append(recorder: PostgresApplicationRecorder, counts: list[int], number: int, until: float) -> None:
    stream, version, state = uuid4(), 0, payload()
    while time.perf_counter() < until:
        version += 1
        recorder.insert_events([StoredEvent(stream, version, "placement:PlaceHeld", state)])
    counts[number] = version
