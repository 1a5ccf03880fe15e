"""The peer: the `eventsourcing` library with its PostgreSQL recorder, as its documentation sets it up."""

from __future__ import annotations

import threading
import time
from uuid import UUID, uuid4

from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from bench.ground import payload
from infra.postgres import SUPERUSER, Postgres

THREADS = 16


def datastore(server: Postgres, database: str) -> PostgresDatastore:
    """The peer's connections to a database of its own; close it afterwards."""
    socket = server.dsn().partition("host=")[2].partition("&")[0]
    return PostgresDatastore(
        dbname=database,
        host=socket,
        port="5432",
        user=SUPERUSER,
        password="",
        pool_size=THREADS,
        max_overflow=THREADS,
    )


def appends_a_second(store: PostgresDatastore, table: str, seconds: float, threads: int = THREADS) -> float:
    """One event of 600 bytes a transaction from each of `threads` threads, each with a stream of its own."""
    recorder = PostgresApplicationRecorder(store, events_table_name=table)
    recorder.create_table()
    state = payload()
    counts = [0] * threads
    until = time.perf_counter() + seconds

    def work(number: int) -> None:
        stream: UUID = uuid4()
        version = 0
        while time.perf_counter() < until:
            version += 1
            recorder.insert_events([StoredEvent(stream, version, "placement:PlaceHeld", state)])
        counts[number] = version

    began = time.perf_counter()
    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)
