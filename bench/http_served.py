"""The S3 application behind one of several HTTP servers, in a process of its own: `http_served.py <server> <folder>`.

Store, signature, audit log and durable commits are the real ones; the key service and the gate (4 us a decision, `authorisation`)
stand in, so that what differs between two runs is the server. It says on its output where it listens and which key may write.

With `NEXUS_BENCH_SAMPLES` in its environment it also looks every millisecond of processor time at what its loop is doing, and
writes into that file how often it found each layer.
"""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
import urllib.parse
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import uvloop
from aiohttp import web
from certificates import self_signed
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from storage import Bench

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
from nexus.app.connections import LIMITS
from nexus.kernel.clock import SystemClock
from nexus.objects.s3.app import create_app
from simulators.doorkeepers import Leash
from simulators.s3_door import KeyRing, OneSite, SiteRights, machine

REGION = "eu-bench-1"
BUCKET = "bench"
SAMPLE_S = 0.001
LAYERS = (
    ("nexus/crypto", "sealing"),
    ("nexus/objects/sealing", "sealing"),
    ("nexus/objects/sealed_stream", "sealing"),
    ("nexus/objects/receiving", "sealing"),
    ("nexus/objects/s3/signature", "signature"),
    ("nexus/objects/s3/authenticate", "signature"),
    ("nexus/objects/s3", "S3: parsing, conditions, answers"),
    ("nexus/objects/store", "SQL of reads"),
    ("nexus/kernel/engines", "SQL of reads"),
    ("nexus/kernel", "waiting for commits"),
    ("nexus/objects", "stories of the store"),
    ("nexus/audit", "audit entries"),
    ("asyncio", "tasks and locks"),
    ("granian", "the server's edge"),
    ("aiohttp", "the server's edge"),
    ("http_served", "other threads while the loop waits: HTTP and TLS, the writer of the database"),
)
"""Where a file lies -> what its time went into; the first that fits."""


async def granian(app: Any, port: int, certificate: Path, key: Path, *, threads: int = 1) -> None:
    """As doors are served (`app/serving.py`), with more threads of its runtime if wanted."""
    server = Server(
        app,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=LIMITS.buffer_bytes),
        runtime_threads=threads,
        websockets=False,
        backlog=LIMITS.backlog,
        backpressure=LIMITS.most,
        log_enabled=False,
        ssl_cert=certificate,
        ssl_key=key,
    )
    await server.serve()


async def granian_two(app: Any, port: int, certificate: Path, key: Path) -> None:
    await granian(app, port, certificate, key, threads=2)


async def aiohttp(app: Any, port: int, certificate: Path, key: Path) -> None:
    """The server of aiohttp (parser in C, TLS by OpenSSL inside the loop), adapted to ASGI."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    server = web.Server(lambda request: _answered(app, request), access_log=None)
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context, backlog=LIMITS.backlog).start()
    await asyncio.Event().wait()


async def _answered(app: Any, request: web.BaseRequest) -> web.StreamResponse:
    raw, _, query = request.raw_path.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https",
        "path": urllib.parse.unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }
    answer: list[web.StreamResponse] = []

    async def receive() -> dict[str, Any]:
        piece = await request.content.readany()
        return {"type": "http.request", "body": piece, "more_body": not request.content.at_eof()}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.append(web.StreamResponse(status=message["status"]))
            for name, value in message["headers"]:
                answer[0].headers.add(name.decode("latin-1"), value.decode("latin-1"))
            await answer[0].prepare(request)
            return
        if message.get("body"):
            await answer[0].write(
                bytes(message["body"])
            )  # a copy: it may keep what it cannot send yet, and pieces are lent
        if not message.get("more_body"):
            await answer[0].write_eof()

    await app(scope, receive, send)
    return answer[0]


class Sampler:
    """Counts the layer of the loop's thread at each millisecond of processor time that the process spends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: Counter[str] = Counter()
        signal.signal(signal.SIGPROF, self._look)
        signal.signal(signal.SIGUSR1, lambda *_: self._begin())
        signal.signal(signal.SIGUSR2, lambda *_: self._end())

    def _begin(self) -> None:
        self._found.clear()
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_S, SAMPLE_S)

    def _end(self) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        self._path.write_text(json.dumps(self._found))

    def _look(self, _: int, frame: FrameType | None) -> None:
        while frame is not None:
            where = frame.f_code.co_filename
            for part, layer in LAYERS:
                if part in where and not where.endswith("runners.py"):
                    self._found[layer] += 1
                    return
            frame = frame.f_back
        self._found["others"] += 1


SERVERS: dict[str, tuple[Callable[[Any, int, Path, Path], Awaitable[None]], Callable[[Any], Any]]] = {
    "granian": (granian, uvloop.run),
    "granian, two threads": (granian_two, uvloop.run),
    "granian, loop of asyncio": (granian, asyncio.run),
    "aiohttp": (aiohttp, uvloop.run),
}
"""Name -> the server, and the loop that it runs in."""


async def serve(name: str, folder: Path) -> None:
    """Until it is killed."""
    bench, clock = Bench(folder), SystemClock()
    ring, rights, owner = KeyRing(clock), SiteRights(), machine("owner")
    rights.give(owner, "*", site="*")
    key = ring.add(owner)
    app = create_app(
        bench.objects,
        access_keys=ring,
        gate=rights,
        lease=Leash(),
        audit=bench.database,
        placements=OneSite(),
        clock=clock,
        region=REGION,
    )
    await bench.bucket(BUCKET)
    certificate, secret = self_signed(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if samples := os.environ.get("NEXUS_BENCH_SAMPLES"):
        Sampler(Path(samples))
    told = {"port": port, "key": key.id, "secret": key.secret.reveal().decode(), "authority": str(certificate)}
    print(json.dumps(told), flush=True)
    await SERVERS[name][0](app, port, certificate, secret)


if __name__ == "__main__":
    SERVERS[sys.argv[1]][1](serve(sys.argv[1], Path(sys.argv[2])))
