"""What `/metrics` shows, in Prometheus' conventions: base units, `_total` for counters. Labels are few and never a
person.

One module, so that a dashboard or an alert finds every name in one place. Whoever does the work counts it here.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

REGISTRY = CollectorRegistry(auto_describe=True)
"""The process's own registry: nothing a library registers on the side shows up here."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

# The store.
STORE_BATCH_APPENDS = Histogram(
    "plek_store_batch_appends",
    "Appends that shared one transaction.",
    ["service"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    registry=REGISTRY,
)
STORE_POSITION = Gauge("plek_store_position", "Position of the last event stored.", ["service"], registry=REGISTRY)
DATABASE_SECONDS = Gauge(
    "plek_database_seconds",
    "How long the database took last to answer behind the writer's lock; while it is asked, for how long it has been.",
    ["service"],
    registry=REGISTRY,
)
SCHEMA_WRONG = Gauge(
    "plek_schema_wrong", "1 while the database has another schema than the code wants.", ["service"], registry=REGISTRY
)
COMMANDS = Counter(
    "plek_commands_total",
    "Commands handled, by what came of them: applied, nothing, rejected, replayed.",
    ["service", "command", "outcome"],
    registry=REGISTRY,
)

# The outbox and its relay.
OUTBOX_SEQUENCE = Gauge(
    "plek_outbox_last_sequence", "Last sequence written to the outbox.", ["service", "log"], registry=REGISTRY
)
OUTBOX_DEPTH = Gauge(
    "plek_outbox_depth_messages", "Outbox rows the bus has not acknowledged yet.", ["service", "log"], registry=REGISTRY
)
RELAY_SEQUENCE = Gauge(
    "plek_relay_last_sequence", "Last sequence the bus acknowledged.", ["service", "log"], registry=REGISTRY
)
RELAY_STANDING_SECONDS = Gauge(
    "plek_relay_standing_seconds",
    "For how long nothing has left although something waited.",
    ["service", "log"],
    registry=REGISTRY,
)
ORIGIN_HALTED = Gauge(
    "plek_origin_halted",
    "1 while this origin takes no command because its history would fork.",
    ["service"],
    registry=REGISTRY,
)

# The logbook.
LOGBOOK_WAITING_SECONDS = Gauge(
    "plek_logbook_waiting_seconds",
    "For how long lines have waited that the logbook did not acknowledge.",
    ["service"],
    registry=REGISTRY,
)

# The readers. origin: `west/placement`.
READER_APPLIED = Counter(
    "plek_reader_applied_messages_total", "Messages applied.", ["service", "reader", "origin"], registry=REGISTRY
)
READER_DUPLICATES = Counter(
    "plek_reader_duplicate_messages_total", "Messages that had been applied before.", ["service", "reader", "origin"],
    registry=REGISTRY,
)  # fmt: skip
READER_GAPS = Counter(
    "plek_reader_gaps_total", "Times a message came before the one it follows.", ["service", "reader", "origin"],
    registry=REGISTRY,
)  # fmt: skip
READER_PARKED = Gauge(
    "plek_reader_parked_messages",
    "Messages put aside because they could not be digested.",
    ["service", "reader", "origin"],
    registry=REGISTRY,
)
READER_LAG = Gauge(
    "plek_reader_lag_messages", "Messages known to exist and not applied yet.", ["service", "reader", "origin"],
    registry=REGISTRY,
)  # fmt: skip
READER_DELAY_SECONDS = Histogram(
    "plek_reader_delay_seconds",
    "From the time a message was recorded at its origin to the time it was applied here: of each batch, the oldest.",
    ["service", "reader"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800),
    registry=REGISTRY,
)
READER_PAUSED = Gauge(
    "plek_reader_paused", "1 while somebody has a reader stand still.", ["service", "reader"], registry=REGISTRY
)
READER_STANDING_SECONDS = Gauge(
    "plek_reader_standing_seconds",
    "For how long a reader has not gone on with an origin of which there was more.",
    ["service", "reader", "origin"],
    registry=REGISTRY,
)
LINK_SILENT_SECONDS = Gauge(
    "plek_link_silent_seconds", "Time since the last beat of another site.", ["from_site"], registry=REGISTRY
)

# The streams of the own site, and what it runs on. stream: its name on the bus.
STREAM_WRONG = Gauge(
    "plek_stream_wrong", "1 while a stream of this site is lost or not as declared.", ["stream"], registry=REGISTRY
)
STREAMS_MADE_ANEW = Counter(
    "plek_streams_made_anew_total", "Times a lost stream of this site was made anew.", ["stream"], registry=REGISTRY
)
CLOCK_SECONDS = Gauge("plek_clock_seconds", "What the process takes the time to be, since 1970.", registry=REGISTRY)
DISK_FREE_BYTES = Gauge(
    "plek_disk_free_bytes", "Room left on the disk of the site's keys and vault.", registry=REGISTRY
)

# Timers.
TIMERS_DUE = Gauge("plek_timers_due", "Timers past their time and not handled yet.", ["service"], registry=REGISTRY)
TIMERS_FIRED = Counter("plek_timers_fired_total", "Timers handled.", ["service", "kind"], registry=REGISTRY)

# Messages to people. channel: `email`, ...; outcome: what one attempt came to.
MESSAGES = Counter("plek_messages_total", "Attempts to send a message.", ["channel", "outcome"], registry=REGISTRY)
MESSAGES_LAG_SECONDS = Gauge(
    "plek_messages_lag_seconds", "How long the message that waits longest is past its time.", registry=REGISTRY
)

# HTTP. route: the template, never the path; `unmatched` when there is none.
HTTP_REQUESTS = Counter(
    "plek_http_requests_total", "Requests answered.", ["method", "route", "status"], registry=REGISTRY
)
HTTP_REQUEST_SECONDS = Histogram(
    "plek_http_request_duration_seconds",
    "Time from a request's first byte to the end of its answer; event streams are not in it.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)
HTTP_STREAMS_OPEN = Gauge("plek_http_streams_open", "Event streams being read now.", registry=REGISTRY)


def exposition() -> bytes:
    """Every metric of this process as Prometheus reads it."""
    return generate_latest(REGISTRY)
