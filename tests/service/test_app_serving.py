"""A door listens with TLS 1.3 only, with a key that never had a file, and finishes what it began."""

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from nexus.app import pki, serving
from nexus.app.doctor import tls
from nexus.app.doctor.finding import State
from nexus.kernel.clock import SystemClock
from nexus.kernel.errors import Unavailable
from nexus.web.proxies import NO_PROXIES, Proxies, proxies

NOW = SystemClock().now()


@pytest.fixture(scope="module")
def authority():
    return pki.found_authority("nx_test", NOW)


async def answer(send, body: bytes = b"ok") -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def app(scope, receive, send) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    if scope["path"] == "/never":
        await asyncio.sleep(3_600)
    if scope["path"] == "/who":
        names = b" ".join(sorted(name for name, _ in scope["headers"] if b"cert" in name))
        await answer(send, scope["client"][0].encode() + b" " + names)
        return
    await answer(send)


@asynccontextmanager
async def door(authority, *, grace_s: float = 5.0, trusted: Proxies = NO_PROXIES):
    """A running door: its port, and the event that stops it."""
    with serving.reserve_port("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
        stop, ready = asyncio.Event(), asyncio.Event()
        leaf = pki.issue(authority, [], 1, NOW)
        task = asyncio.create_task(
            serving.serve(
                app,
                host="127.0.0.1",
                port=port,
                leaf=leaf,
                stop=stop,
                grace_s=grace_s,
                ready=ready.set,
                trusted=trusted,
            )
        )
        await asyncio.wait({task, asyncio.ensure_future(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
        try:
            yield port, stop, task
        finally:
            stop.set()
            await task


def client(authority) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=ssl.create_default_context(cadata=authority.certificate.decode()))


async def test_a_client_that_trusts_the_authority_is_served(authority):
    async with door(authority) as (port, _, _), client(authority) as http:
        assert (await http.get(f"https://localhost:{port}/")).text == "ok"


@pytest.mark.parametrize(("trusted", "seen"), [(NO_PROXIES, "127.0.0.1 "), (proxies(["127.0.0.1"]), "192.0.2.7 ")])
async def test_only_a_trusted_proxy_says_where_a_request_comes_from(authority, trusted, seen):
    said = {"X-Forwarded-For": "127.0.0.1, 192.0.2.7", "Forwarded": "for=198.51.100.1", "Client-Cert": ":MIIB:"}
    async with door(authority, trusted=trusted) as (port, _, _), client(authority) as http:
        assert (await http.get(f"https://localhost:{port}/who", headers=said)).text == seen


async def test_tls_1_2_is_refused_and_the_doctor_sees_it(authority):
    async with door(authority) as (port, _, _):
        found = await asyncio.to_thread(tls.versions, "s3", "127.0.0.1", port)
        assert found.state is State.REAL
        assert (await asyncio.to_thread(tls.certificate, "s3", "127.0.0.1", port)).state is State.REAL


async def test_the_doctor_tells_key_exchanges_apart(authority):
    async with door(authority) as (port, _, _):
        assert await asyncio.to_thread(tls.offers, "127.0.0.1", port, 0x001D)  # X25519: the positive control
        assert not await asyncio.to_thread(tls.offers, "127.0.0.1", port, 0x0019)  # P-521, which rustls has not
        offered = await asyncio.to_thread(tls.offers, "127.0.0.1", port, tls.X25519MLKEM768)
        found = await asyncio.to_thread(tls.key_exchange, "s3", "127.0.0.1", port)
        assert found.state is (State.REAL if offered else State.DEGRADED)


async def test_the_doctor_sees_a_door_that_accepts_old_tls(authority, tmp_path):
    leaf = pki.issue(authority, [], 1, NOW)
    (tmp_path / "chain.pem").write_bytes(leaf.chain + leaf.key.reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem")
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await asyncio.to_thread(tls.versions, "s3", "127.0.0.1", port)
    assert found.state is State.BROKEN and "1.2" in found.says


async def test_the_doctor_says_that_a_door_is_closed():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        for check in (tls.versions, tls.certificate, tls.key_exchange):
            assert (await asyncio.to_thread(check, "s3", "127.0.0.1", port)).state is State.BROKEN


async def test_a_running_request_is_finished_before_the_door_closes(authority):
    async with door(authority) as (port, stop, task), client(authority) as http:
        running = asyncio.create_task(http.get(f"https://localhost:{port}/slow"))
        await asyncio.sleep(0.2)
        stop.set()
        assert (await running).text == "ok"
        await task


async def test_a_request_that_never_ends_does_not_keep_the_door_open(authority):
    async with door(authority, grace_s=0.3) as (port, stop, task), client(authority) as http:
        running = asyncio.create_task(http.get(f"https://localhost:{port}/never", timeout=30))
        await asyncio.sleep(0.2)
        stop.set()
        async with asyncio.timeout(10):
            await task
        running.cancel()


async def test_the_private_key_is_never_in_a_file_and_not_in_memory_files_afterwards(authority):
    async with door(authority) as (port, _, _), client(authority) as http:
        await http.get(f"https://localhost:{port}/")
        kept = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink() and link.exists()]
        assert not [path for path in kept if "memfd:tls" in str(path)]


async def test_a_port_that_is_taken_is_an_error_in_words(authority):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        leaf = pki.issue(authority, [], 1, NOW)
        with pytest.raises(Unavailable) as raised:
            await serving.serve(
                app,
                host="127.0.0.1",
                port=other.getsockname()[1],
                leaf=leaf,
                stop=asyncio.Event(),
                grace_s=1,
                ready=lambda: None,
            )
    assert raised.value.code == "door.port" and "NEXUS_S3_PORT" in raised.value.hint
