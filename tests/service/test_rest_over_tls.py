"""The door over real sockets: TLS 1.3 only, its own authority only, slow and broken clients do no harm (AP-01)."""

import socket
import ssl
import time

import httpx
import pytest

from nexus.app.cli.connection import Place
from nexus.app.cli.rest_client import Refused, RestClient
from nexus.kernel.errors import Denied, Invalid, NotFound, Sealed, Unauthenticated, Unavailable
from simulators.door import open_door
from simulators.doorkeepers import ALICE
from simulators.tls_door import listening


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    door = open_door(tmp_path_factory.mktemp("door"))
    door.rights.give(ALICE, "note.create", "note.list", "note.read", "note.delete", "note.burn")
    door.tokens.sessions["token-cli"] = (ALICE, "nexus-cli")
    yield door
    door.db.close()


@pytest.fixture(scope="module")
def place(door, tmp_path_factory):
    with listening(door, tmp_path_factory.mktemp("tls")) as where:
        yield Place(where.url, where.ca)


def spec(door, name):
    return door.dispatcher.specs[name]


def test_the_client_carries_requests_and_results_through_tls(door, place):
    with RestClient(place, "token-cli") as client:
        made = client.call(spec(door, "note.create"), {"text": "é", "tags": ["a b", "c&d"]}, purpose="care")
        read = client.call(spec(door, "note.read"), {"id": made.document["id"]})
        listed = client.call(spec(door, "note.list"), {"limit": 5, "tags": ["x", "y"], "pinned": False})
        held = client.call(spec(door, "note.burn"), {"id": made.document["id"]})
    assert made.document["text"] == "é" == read.document["text"]
    assert made.document["tags"] == ["a b", "c&d"]
    assert listed.document["notes"][0]["id"] == made.document["id"]
    assert held.held and held.document["state"] == "proposed"
    assert made.operation.startswith("op_")


@pytest.mark.parametrize(
    ("token", "name", "document", "kind"),
    [
        ("", "note.list", {}, Unauthenticated),
        ("garbage", "note.list", {}, Unauthenticated),
        ("token-cli", "note.crash", {"id": "a"}, Denied),
        ("token-cli", "note.read", {"id": "note_404"}, NotFound),
        ("token-cli", "note.read", {"id": "../../healthz"}, NotFound),
        ("token-cli", "note.create", {"text": 5}, Invalid),
    ],
)
def test_a_refusal_arrives_as_the_error_that_it_was_with_its_operation(door, place, token, name, document, kind):
    with RestClient(place, token) as client, pytest.raises(Refused) as refused:
        client.call(spec(door, name), document)
    assert isinstance(refused.value.error, kind)


def test_a_sealed_platform_says_so(door, place):
    door.lease.held = False
    try:
        with RestClient(place, "token-cli") as client, pytest.raises(Refused) as refused:
            client.call(spec(door, "note.list"), {})
    finally:
        door.lease.held = True
    assert isinstance(refused.value.error, Sealed)


def test_another_authority_is_not_trusted(door, place, tmp_path):
    from nexus.app import pki
    from nexus.kernel.clock import SystemClock

    other = tmp_path / "other.pem"
    other.write_bytes(pki.found_authority("nx_other", SystemClock().now()).certificate)
    with RestClient(Place(place.url, other), "token-cli") as client, pytest.raises(Unavailable) as refused:
        client.call(spec(door, "note.list"), {})
    assert refused.value.code == "cli.certificate"


def test_anything_older_than_tls_1_3_is_refused(place):
    context = ssl.create_default_context(cafile=place.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(httpx.ConnectError), httpx.Client(verify=context) as http:
        http.get(f"{place.url}/healthz")


def raw(place, data: bytes, *, close: bool = False) -> bytes:
    host, port = place.url.removeprefix("https://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        with place.tls().wrap_socket(plain, server_hostname=host) as tls:
            tls.sendall(data)
            if close:
                return b""
            answer = b""
            while chunk := tls.recv(65536):
                answer += chunk
                if b"\r\n\r\n" in answer:
                    break
            return answer


REQUEST = b"POST /v1/notes HTTP/1.1\r\nHost: a\r\nUser-Agent: nexus-cli\r\nAuthorization: Bearer token-cli\r\nContent-Type: application/json\r\n"


def test_a_declared_length_beyond_the_limit_is_refused_without_reading(place):
    assert b" 413 " in raw(place, REQUEST + b"Content-Length: 99999999999\r\n\r\n")


def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_a_failed_entry(door, place):
    before = len(door.audit.entries)
    raw(place, REQUEST + b'Content-Length: 100\r\n\r\n{"text', close=True)
    deadline = time.monotonic() + 10
    while len(door.audit.entries) == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [entry.details["code"] for entry in door.audit.entries[before:]] == ["web.body-cut"]


@pytest.mark.parametrize("head", [b"NONSENSE\r\n\r\n", b"GET /v1/notes\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_not_http_gets_no_operation(door, place, head):
    before = len(door.audit.entries)
    answer = raw(place, head)
    assert answer == b"" or answer.split()[1].startswith(b"4")
    assert len(door.audit.entries) == before
