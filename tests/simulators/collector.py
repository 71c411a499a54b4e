"""A collector of traces: takes OTLP (protobuf) over HTTP or TLS, or refuses, as the test says."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATH = "/v1/traces"


class Collector:
    """What came, and what is answered."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.asked = 0
        self.status = 200
        self.location = ""
        self.address = ""

    def spans(self) -> list[tuple[str, Any]]:
        """(process, span) of everything that came."""
        found = []
        for body in list(self.bodies):
            for told in ExportTraceServiceRequest.FromString(body).resource_spans:
                process = next(a.value.string_value for a in told.resource.attributes if a.key == "nexus.process")
                found += [(process, span) for scope in told.scope_spans for span in scope.spans]
        return found

    def traces(self) -> dict[bytes, list[tuple[str, Any]]]:
        """By the id of the trace."""
        found: dict[bytes, list[tuple[str, Any]]] = {}
        for process, span in self.spans():
            found.setdefault(span.trace_id, []).append((process, span))
        return found


def attributes(span: Any) -> dict[str, Any]:
    """The attributes of a span."""
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


@contextmanager
def collecting(certificate: tuple[Path, Path] | None = None) -> Iterator[Collector]:
    """A collector that listens on this machine; with `certificate` (chain, key), over TLS."""
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.asked += 1
            if made.status == 200 and self.path == PATH:
                made.bodies.append(body)
                made.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(made.status)
            if made.location:
                self.send_header("location", made.location)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket, scheme = context.wrap_socket(server.socket, server_side=True), "https"
    made.address = f"{scheme}://127.0.0.1:{server.server_address[1]}{PATH}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
