"""What one connection may cost a door: time for a head, time for an answer, its place among so many. Against the real server."""

import asyncio
import os
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from nexus.app.connections import ConnectionLimits, cut
from nexus.kernel.clock import SystemClock
from nexus.objects.s3.answer import MIN_ANSWER_RATE, send_response
from nexus.objects.s3.http import Response
from simulators.s3_door import open_s3_door
from simulators.s3_socket import SILENCE, raw_client, read_all, read_head
from simulators.tls_door import listening

LIMITS = ConnectionLimits(most=4, head_ms=1_000, unread_ms=2_000)
STALL_S = 1.0
HUGE = 24 * 1024 * 1024
ENDS_WITHIN_S = 15
"""Generous, for a machine that others share; without its limit, each of these connections lives for ever."""


@contextmanager
def serving(folder, limits):
    door = open_s3_door(folder, clock=SystemClock(), body_idle_s=1, answer_stall_s=STALL_S)
    with listening(door, folder, limits=limits) as server:
        with raw_client(door, server) as client:
            assert b" 200 OK" in client.ask("PUT", "/records")
            assert b" 200 OK" in client.ask("PUT", "/records/huge", os.urandom(HUGE))
            assert b" 200 OK" in client.ask("PUT", "/records/small", b"hello")
        yield door, server
    door.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("limits"), LIMITS) as served:
        yield served


@pytest.fixture
def raw(world):
    with raw_client(*world) as client:
        yield client


@pytest.fixture
def patient(tmp_path):
    """A door whose kernel would wait longer than any test, so that it must end connections by itself."""
    with serving(tmp_path, replace(LIMITS, unread_ms=600_000)) as served, raw_client(*served) as client:
        yield client


def ended(connection, drip=b""):
    """Whether the server ends a connection in time, to which a client goes on sending `drip`, and reads what comes."""
    connection.settimeout(0.2)
    deadline = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < deadline:
        try:
            if drip:
                connection.sendall(drip)
            if not connection.recv(65_536):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


HEADS = {
    "a TLS handshake that goes on for ever": (None, b"\x00"),
    "silence instead of a request": (b"", b""),
    "a head that stops": (b"GET / HTTP/1.1\r\nHost: a\r\n", b""),
    "a head that never ends": (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"y"),
    "empty lines instead of a request": (b"\r\n", b"\r\n"),
    "silence after an answer": (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b""),
    "a refused body that drips": (b"PUT /r/k HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n", b"y"),
    "a refused chunk size that never ends": (
        b"PUT /r/k HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;",
        b"y",
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_a_slow_sender_loses_its_connection(raw, name):
    first, drip = HEADS[name]
    connection = raw.plain() if first is None else raw.tls()
    connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" if first is None else first)
    assert ended(connection, drip)


def test_headers_that_never_end_are_cut(raw):
    connection = raw.tls()
    connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
    with pytest.raises(OSError):
        for number in range(10_000):
            connection.sendall(b"X-%d: " % number + b"y" * 8_192 + b"\r\n")
    assert number < 9_999


def test_connections_beyond_the_limit_wait_and_are_served_once_the_silent_ones_end(raw):
    silent = [raw.tls() for _ in range(LIMITS.most)]
    start = time.monotonic()
    served = raw.ask("GET", "/records/small")
    assert served.endswith(b"hello")
    assert time.monotonic() - start > LIMITS.head_ms / 2_000, "it was served beside all the others: the limit is none"
    assert all(ended(connection) for connection in silent)


def open_connections(raw):
    """The server's side of connections to this door that the kernel still holds open."""
    import psutil

    port = int(raw.host.rpartition(":")[2])
    return [c for c in psutil.net_connections("tcp4") if c.laddr.port == port and c.status == "ESTABLISHED"]


def all_are_gone(raw):
    deadline = time.monotonic() + ENDS_WITHIN_S
    while open_connections(raw) and time.monotonic() < deadline:
        time.sleep(0.1)
    return open_connections(raw) == []


def test_a_reader_that_stops_loses_its_connection_and_what_waits_for_it(patient, caplog):
    """An answer of any size: the door gives it up, and the engine's buffers go with it."""
    connection = patient.tls(receive_buffer=4_096)
    connection.sendall(patient.head("GET", "/records/huge"))
    read_head(connection)
    assert all_are_gone(patient), "the engine goes on waiting for a client that reads nothing"
    assert "broke off: TimeoutError" in caplog.text
    assert len(read_all(connection)) < HUGE


def test_a_reader_of_a_little_now_and_then_loses_its_connection(patient):
    """Its window opens again and again, so that the kernel finds nothing amiss: the door gives up, and cuts."""
    connection = patient.tls(receive_buffer=8_192)
    connection.sendall(patient.head("GET", "/records/huge"))
    read_head(connection)
    stop = threading.Event()

    def sip():
        while not stop.wait(0.2):
            try:
                if not connection.recv(4_096):
                    return
            except OSError:
                return

    reader = threading.Thread(target=sip)
    reader.start()
    try:
        assert all_are_gone(patient)
    finally:
        stop.set()
        reader.join()


def test_answers_that_nobody_reads_end_the_connection_without_the_door(raw):
    """Strangers: thousands of refusals, none of them read. The door is done with each; the kernel ends what is left."""
    connection = raw.tls(receive_buffer=4_096)
    connection.settimeout(1)
    asked = b"GET /records/small HTTP/1.1\r\nHost: a\r\n\r\n" * 200
    with pytest.raises(OSError):
        for _ in range(1_000):
            connection.sendall(asked)
    assert all_are_gone(raw)


def test_a_connection_is_cut_by_its_own_address_and_no_other(raw):
    port = int(raw.host.rpartition(":")[2])
    cut_one, other = raw.tls(), raw.tls()
    assert cut(port, cut_one.getsockname())
    cut_one.settimeout(LIMITS.head_ms / 3_000)
    assert SILENCE not in read_all(cut_one)
    other.sendall(raw.head("GET", "/records/small", {"connection": "close"}))
    assert read_all(other).endswith(b"hello")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert not cut(port, nobody.getsockname())


async def test_an_answer_that_is_taken_too_slowly_is_given_up_though_it_never_stands_still():
    """What may still be waited for grows with what was taken: by MIN_ANSWER_RATE, once the longest time is over."""
    sent = []

    async def slow(message):
        await asyncio.sleep(0.02)
        sent.append(message)

    async def body(pieces, size):
        for _ in range(pieces):
            yield bytes(size)

    async def answer(pieces, size):
        response = Response(200, body=body(pieces, size), length=pieces * size)
        await send_response(slow, response, "op_x", close=False, stall_s=0.1)

    with pytest.raises(TimeoutError):
        await answer(100, 1)
    assert 2 <= len(sent) < 50
    sent.clear()
    await answer(30, MIN_ANSWER_RATE)
    assert len(sent) == 31
