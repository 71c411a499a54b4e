"""Hostile clients at the socket, against granian and TLS as they serve: no hang, no smuggling, no wrong byte."""

import os
import socket
import ssl
import time

import psutil
import pytest

from nexus.kernel.clock import SystemClock
from simulators.s3_door import open_s3_door
from simulators.s3_socket import WAIT_S, files, raw_client, read_all, read_head
from simulators.tls_door import listening

HUGE = 24 * 1024 * 1024


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sockets")
    door = open_s3_door(folder, clock=SystemClock(), body_idle_s=1)
    with listening(door, folder) as server:
        yield door, server, folder
    door.close()


@pytest.fixture(scope="module")
def door(world):
    return world[0]


@pytest.fixture
def raw(world):
    door, server, _ = world
    with raw_client(door, server) as client:
        yield client


@pytest.fixture
def connect(raw):
    return raw.tls


@pytest.fixture
def host(raw):
    return raw.host


def head_of(door, host, method, target, headers=(), payload="UNSIGNED-PAYLOAD"):
    """The bytes of a signed request, up to its body."""
    signed = door.client().sign(method, target, dict(headers), payload, host=host)
    lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode()


@pytest.fixture(scope="module", autouse=True)
def bucket(world):
    import httpx

    door, server, _ = world
    signed = door.client().sign("PUT", "/records", {}, "UNSIGNED-PAYLOAD", host=server.url.removeprefix("https://"))
    context = ssl.create_default_context(cafile=str(server.ca))
    assert httpx.put(f"{server.url}/records", headers=signed, verify=context).status_code == 200


def put(connect, door, host, target, body):
    connection = connect()
    connection.sendall(head_of(door, host, "PUT", target, {"content-length": str(len(body))}) + body)
    assert b"200 ok" in read_head(connection)[0]


def test_tls_1_2_and_plain_text_get_nowhere(world):
    """AP-01: nothing older than TLS 1.3."""
    address = world[1].url.removeprefix("https://").split(":")
    old = ssl.create_default_context(cafile=str(world[1].ca))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(address, timeout=WAIT_S) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname=address[0])
    with socket.create_connection(address, timeout=WAIT_S) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"HTTP/1.1 200" not in read_all(plain)


def test_continue_is_sent_before_the_body_and_not_to_who_is_refused(connect, door, host):
    expecting = {"expect": "100-continue", "content-length": "5"}
    connection = connect()
    connection.sendall(head_of(door, host, "PUT", "/records/continued", expecting))
    assert read_head(connection)[0].startswith(b"http/1.1 100")
    connection.sendall(b"hello")
    assert b"200 ok" in read_head(connection)[0]
    stranger = connect()
    stranger.sendall(b"PUT /records/k HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert read_head(stranger)[0].startswith(b"http/1.1 403")


def test_head_says_the_length_and_sends_nothing(connect, door, host):
    put(connect, door, host, "/records/headed", b"hello")
    connection = connect()
    connection.sendall(head_of(door, host, "HEAD", "/records/headed", {"connection": "close"}))
    head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert b"content-length: 5" in head.lower()
    assert body == b""


def test_a_connection_serves_many_requests_one_after_the_other(connect, door, host):
    put(connect, door, host, "/records/kept", b"hello")
    connection = connect()
    for _ in range(3):
        connection.sendall(head_of(door, host, "GET", "/records/kept"))
        head, body = read_head(connection)
        assert b"200 ok" in head
        assert (body or connection.recv(5)) == b"hello"


def test_a_half_closed_connection_ends_in_an_incomplete_body(connect, door, host):
    before = len(door.audit.entries)
    connection = connect()
    connection.sendall(head_of(door, host, "PUT", "/records/half", {"content-length": "1000"}) + b"half")
    connection.shutdown(socket.SHUT_WR)
    connection.close()
    deadline = time.monotonic() + WAIT_S
    while len(door.audit.entries) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    entry = door.audit.entries[-1]
    assert (entry.outcome.value, entry.details["code"]) == ("failed", "s3.IncompleteBody")


def test_a_slow_body_gets_a_request_timeout_and_the_connection_ends(connect, door, host):
    connection = connect()
    connection.sendall(head_of(door, host, "PUT", "/records/slow", {"content-length": "1000"}) + b"slow")
    answer = read_all(connection)
    assert b"RequestTimeout" in answer
    assert b"<silence>" not in answer


def test_a_refused_flood_gets_its_answer_and_the_connection_ends(connect, host):
    connection = connect()
    connection.sendall(b"PUT /records/k HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" % (host.encode(), HUGE))
    sent = 0
    try:
        while sent < HUGE:
            connection.sendall(bytes(65_536))
            sent += 65_536
    except OSError:
        pass
    assert sent < HUGE, "the door must not read what it refused"


def test_damage_in_the_middle_ends_the_connection_short_of_its_length(connect, door, host, world):
    body = os.urandom(8 * 1024 * 1024)
    put(connect, door, host, "/records/damaged", body)
    newest = files(world[2] / "blobs")[0]
    content = bytearray(newest.read_bytes())
    content[len(content) * 3 // 4] ^= 1
    newest.write_bytes(content)
    connection = connect()
    connection.sendall(head_of(door, host, "GET", "/records/damaged"))
    head, start = read_head(connection)
    assert b"content-length: 8388608" in head
    received = start + read_all(connection)
    assert len(received) < len(body)
    assert body.startswith(received)
    assert [e.outcome.value for e in door.audit.entries[-2:]] == ["allowed", "failed"]


def test_readers_that_stop_reading_cost_no_memory(connect, door, host):
    """The body waits for the client: what is not asked for is not opened."""
    put(connect, door, host, "/records/stalled", os.urandom(1024 * 1024) * 24)
    before = psutil.Process().memory_info().rss
    stalled = [connect() for _ in range(8)]
    for connection in stalled:
        connection.sendall(head_of(door, host, "GET", "/records/stalled"))
        read_head(connection)
    time.sleep(1)
    grown = psutil.Process().memory_info().rss - before
    assert grown < 64 * 1024 * 1024, f"{grown >> 20} MiB for eight stalled readers of 24 MiB"
