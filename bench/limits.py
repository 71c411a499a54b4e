"""The limits of this machine, which every other figure is read beside: raw AES-GCM, a bare TLS 1.3 socket, fdatasync,
a bare SQLite commit, a trivial handler behind granian. Nothing here uses Nexus."""

import asyncio
import multiprocessing
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

import apsw
from certificates import self_signed
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from harness import GIB, Figure, figure, latencies, main, rate
from wire import Load, tls_context

SEGMENT = 1 << 16
TLS_BYTES = GIB // 2
TLS_PIECE = 1 << 18
SYNCS = 300
COMMITS = 300


def aes_gcm(rounds: int) -> Figure:
    """AES-256-GCM over 64 KiB segments, one core."""
    cipher, segment, nonce = AESGCM(bytes(32)), os.urandom(SEGMENT), bytes(12)

    def seal() -> int:
        for _ in range(256):
            cipher.encrypt(nonce, segment, None)
        return 256 * SEGMENT

    return figure("AES-256-GCM, 64 KiB segments, one core", [r / GIB for r in rate(seal, rounds=rounds)], "GiB/s")


def tls_socket(rounds: int) -> Figure:
    """One sender and one receiver, each a process, `ssl` sockets on loopback."""
    return figure("bare TLS 1.3 socket, one stream", [speed for speed, _, _ in _tls_rounds(rounds)], "GiB/s")


def tls_socket_cpu(rounds: int) -> Figure:
    """What the sending side alone costs: the floor of a GET."""
    return figure("bare TLS 1.3 socket, sender", [cpu for _, cpu, _ in _tls_rounds(rounds)], "CPU-s/GiB")


def tls_receiver_cpu(rounds: int) -> Figure:
    """What the receiving side alone costs: the floor of a PUT."""
    return figure("bare TLS 1.3 socket, receiver", [cpu for _, _, cpu in _tls_rounds(rounds)], "CPU-s/GiB")


def fdatasync(rounds: int) -> Figure:
    """Append 4 KiB and sync, one after the other."""
    with tempfile.TemporaryFile(dir=_disk()) as file:

        def append() -> None:
            os.write(file.fileno(), bytes(4096))
            os.fdatasync(file.fileno())

        samples = [SYNCS / sum(latencies(append, SYNCS)) for _ in range(rounds)]
    return figure("append 4 KiB and fdatasync", samples, "/s")


def sqlite_commit(rounds: int) -> Figure:
    """One small row a transaction, write-ahead log, full sync, no encryption."""
    samples = [COMMITS / sum(commit_latencies()) for _ in range(rounds)]
    return figure("bare SQLite, one row a commit", samples, "/s")


def commit_latencies() -> list[float]:
    """Seconds that each of some such commits took."""
    with tempfile.TemporaryDirectory(dir=_disk()) as folder:
        connection = apsw.Connection(str(Path(folder) / "limit.db"))
        for pragma in ("journal_mode = wal", "synchronous = full"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute("CREATE TABLE row (body BLOB)")
        insert = lambda: connection.execute("INSERT INTO row VALUES (?)", (bytes(200),))  # noqa: E731
        took = latencies(insert, COMMITS)
        connection.close()
    return took


def granian(rounds: int) -> Figure:
    """A handler that answers a constant, over TLS 1.3, 16 connections kept open: requests per CPU second of the server."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        certificate, key = self_signed(Path(folder))
        port = _free_port()
        server = stack.enter_context(_serving(port, certificate, key))
        stack.callback(server.terminate)
        load = Load("127.0.0.1", port, tls_context(certificate), pid=server.pid)
        asyncio.run(load.until_answering(b"GET / HTTP/1.1\r\nHost: limit\r\n\r\n"))
        samples = []
        for _ in range(rounds):
            requests = [b"GET / HTTP/1.1\r\nHost: limit\r\n\r\n"] * 4000
            result = asyncio.run(load.run(requests, connections=16))
            samples.append(result.requests_per_cpu_second)
    return figure("trivial granian handler, TLS, one core", samples, "/CPU-s")


LIMITS: dict[str, Callable[[int], Figure]] = {
    "aes-gcm": aes_gcm,
    "tls-socket": tls_socket,
    "tls-socket-cpu": tls_socket_cpu,
    "tls-receiver-cpu": tls_receiver_cpu,
    "fdatasync": fdatasync,
    "sqlite-commit": sqlite_commit,
    "granian": granian,
}


def measure_limits(names: Iterable[str], *, rounds: int) -> dict[str, Figure]:
    """The named limits, measured now."""
    return {name: LIMITS[name](rounds) for name in sorted(names)}


def measure(rounds: int) -> Iterable[Figure]:
    return (limit(rounds) for limit in LIMITS.values())


def _disk() -> str:
    """The disk that the data directory would be on: not a memory file system."""
    return str(Path(__file__).resolve().parent)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serving(port: int, certificate: Path, key: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "granian", "--interface", "asginl", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--ssl-certificate", str(certificate), "--ssl-keyfile", str(key), "--loop", "uvloop", "--no-access-log"]
    command += ["--log-level", "error", "trivial:answer"]
    return subprocess.Popen(command, cwd=Path(__file__).parent)


def _tls_rounds(rounds: int) -> list[tuple[float, float, float]]:
    """(GiB/s, CPU seconds of the sender a GiB, of the receiver a GiB) for each round."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = self_signed(Path(folder))
        for _ in range(rounds):
            with socket.create_server(("127.0.0.1", 0)) as listening:
                mine, theirs = multiprocessing.Pipe()
                sender = multiprocessing.Process(target=_send, args=(listening, certificate, key, theirs))
                sender.start()
                seconds, cpu = _receive(listening.getsockname()[1], certificate)
                results.append((TLS_BYTES / GIB / seconds, mine.recv() * GIB / TLS_BYTES, cpu * GIB / TLS_BYTES))
                sender.join()
    return results


def _send(
    listening: socket.socket, certificate: Path, key: Path, report: "multiprocessing.connection.Connection"
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    connection, _ = listening.accept()
    with context.wrap_socket(connection, server_side=True) as stream:
        piece = os.urandom(TLS_PIECE)  # not `bytes`: untouched memory is one page of zeros, and always in the cache
        before = time.process_time()
        for _ in range(TLS_BYTES // TLS_PIECE):
            stream.sendall(piece)
        report.send(time.process_time() - before)


def _receive(port: int, certificate: Path) -> tuple[float, float]:
    """Seconds, and CPU seconds of this side."""
    buffer = bytearray(TLS_PIECE)
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        tls_context(certificate).wrap_socket(connection, server_hostname="localhost") as stream,
    ):
        left, start, before = TLS_BYTES, time.perf_counter(), time.process_time()
        while left:
            left -= stream.recv_into(buffer)
        return time.perf_counter() - start, time.process_time() - before


if __name__ == "__main__":
    main(measure)
