"""The REST door as it stands in the world: granian, TLS 1.3, a certificate of the platform's own authority."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nexus.app import pki
from nexus.app.connections import LIMITS, ConnectionLimits
from nexus.app.serving import serve
from nexus.kernel.clock import SystemClock
from simulators.console import Console
from simulators.door import Door
from simulators.s3_door import S3Door

START_WAIT_S = 20


@dataclass
class Listening:
    """`ca` is the file that clients trust."""

    url: str
    ca: Path


@contextmanager
def listening(
    door: Door | Console | S3Door, folder: Path, port: int = 0, *, limits: ConnectionLimits = LIMITS
) -> Iterator[Listening]:
    """Serve a door from a thread of its own, on a free port unless one is named, for as long as the block runs."""
    now = SystemClock().now()
    authority = pki.found_authority("nx_test", now)
    leaf = pki.issue(authority, (), 1, now)
    (folder / "ca.pem").write_bytes(authority.certificate)
    port, ready = port or free_port(), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        asyncio.set_event_loop(loop)
        serving = serve(
            door.app, host="127.0.0.1", port=port, leaf=leaf, stop=stop, grace_s=1, ready=ready.set, limits=limits
        )
        loop.run_until_complete(serving)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(START_WAIT_S), "the door did not open"
    try:
        yield Listening(f"https://127.0.0.1:{port}", folder / "ca.pem")
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_WAIT_S)


def free_port() -> int:
    """A port that nobody listens on now."""
    from nexus.app.serving import reserve_port

    with reserve_port("127.0.0.1", 0) as holder:
        return int(holder.getsockname()[1])
