"""A small OTLP/HTTP endpoint: keeps every span it is sent, so that a test sees a trace as a backend would."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

BODY_BYTES_MAX = 16 * 1024 * 1024


@dataclass(frozen=True)
class SeenSpan:
    """One span as it arrived."""

    site: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    start_nanoseconds: int
    attributes: dict[str, str]


@dataclass
class Collector:
    """Everything received so far. endpoint: what `OTEL_EXPORTER_OTLP_ENDPOINT` is set to."""

    endpoint: str
    spans: list[SeenSpan] = field(default_factory=list)

    def trace(self, trace_id: str) -> list[SeenSpan]:
        """The spans of one trace, and those linked to it, oldest first."""
        mine = [span for span in self.spans if span.trace_id == trace_id or trace_id in span.links]
        return sorted(mine, key=lambda span: span.start_nanoseconds)

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            about = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(SeenSpan(
                        about.get("plek.site", ""), span.name, span.trace_id.hex(), span.span_id.hex(),
                        span.parent_span_id.hex(), tuple(link.trace_id.hex() for link in span.links),
                        span.start_time_unix_nano,
                        {attribute.key: str(attribute.value) for attribute in span.attributes},
                    ))  # fmt: skip


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listens on a free port of the loopback until the block ends."""
    collector = Collector("")

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("Content-Length", "0")), BODY_BYTES_MAX))
            collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing: the test prints what matters."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    collector.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
