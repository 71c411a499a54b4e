"""Requests that two readers could read differently, written into the door's own socket, each before a second, signed request.

Every request here is signed by an owner who may do everything: what were taken for a request would be carried out, and the
object `kept` would be gone. The table `ATTACKS` is what `docs/reference/attacks.md` shows.
"""

import re
import ssl
from contextlib import suppress

import pytest

from nexus.kernel.clock import SystemClock
from simulators.s3_door import open_s3_door
from simulators.s3_socket import SILENCE, raw_client, read_all
from simulators.tls_door import listening

CONTENT = b"glioblastoma, female, 1954"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"5\r\nhello\r\n0\r\n\r\n"

ATTACKS = {
    "two lengths that differ": (b"Content-Length: 5\r\nContent-Length: 60\r\n", b"hello", "400"),
    "a list of lengths": (b"Content-Length: 5, 60\r\n", b"hello", "400"),
    "a length with a sign": (b"Content-Length: +5\r\n", b"hello", "400"),
    "a negative length": (b"Content-Length: -1\r\n", b"hello", "400"),
    "a length in hexadecimal": (b"Content-Length: 0x5\r\n", b"hello", "400"),
    "an empty length": (b"Content-Length:\r\n", b"hello", "400"),
    "a length beyond 64 bits": (b"Content-Length: 18446744073709551621\r\n", b"hello", "400"),
    "TE.TE: chunked, then identity": (CHUNKED + b"Transfer-Encoding: identity\r\n", HELLO, "400"),
    "TE.TE: chunked and identity in one line": (b"Transfer-Encoding: chunked, identity\r\n", HELLO, "400"),
    "TE.TE: a coding that only looks like chunked": (b"Transfer-Encoding: xchunked\r\n", HELLO, "400"),
    "TE.TE: chunked in quotes": (b'Transfer-Encoding: "chunked"\r\n', HELLO, "400"),
    "TE.TE: a vertical tab before the coding": (b"Transfer-Encoding: \x0bchunked\r\n", HELLO, "400"),
    "TE.TE: a blank before the colon": (b"Transfer-Encoding : chunked\r\n", HELLO, "400"),
    "TE.TE: the coding on a folded line": (b"Transfer-Encoding:\r\n chunked\r\n", HELLO, "400"),
    "TE.TE: an unknown coding, then chunked": (b"Transfer-Encoding: x\r\n" + CHUNKED, HELLO, "InvalidRequest"),
    "TE.TE: chunked twice": (CHUNKED * 2, HELLO, "InvalidRequest"),
    "TE.TE: a coding before chunked": (b"Transfer-Encoding: gzip, chunked\r\n", HELLO, "NotImplemented"),
    "CL.TE: an empty coding beside a length": (b"Transfer-Encoding:\r\nContent-Length: 5\r\n", b"hello", "400"),
    "CL.TE: the coding folded under the length": (
        b"Content-Length: 5\r\n Transfer-Encoding: chunked\r\n",
        HELLO,
        "400",
    ),
    "a NUL in a header": (b"X: a\x00b\r\nContent-Length: 5\r\n", b"hello", "400"),
    "a bare CR before another length": (b"X: a\rContent-Length: 5\r\n", b"hello", "400"),
    "a header without a colon": (b"Content-Length\r\n", b"hello", "400"),
    "a header name that is no token": (b"\xc3\xa9: x\r\n", b"hello", "400"),
    "more than 100 headers": (b"X: y\r\n" * 101, b"hello", "431"),
    "headers of more than 256 KiB": (b"X: " + b"y" * 1_000_000 + b"\r\n", b"hello", "431"),
    "headers of more than 16 KiB": (b"X: " + b"y" * 17_000 + b"\r\n", b"", "RequestHeaderSectionTooLarge"),
    "CL.TE: a length, then chunks": (b"Content-Length: 4\r\n" + CHUNKED, HELLO, "MissingContentLength"),
    "TE.CL: chunks, then a length": (CHUNKED + b"Content-Length: 500\r\n", HELLO, "MissingContentLength"),
    "a second host": (b"Host: elsewhere\r\n", b"", "InvalidRequest"),
}
"""What it is -> header lines that are added to a signed PUT, its body, and the answer: a code, or where the HTTP engine in
front of the door answers, its status. A length beside chunks is not believed, and what a proxy believed of it goes nowhere:
nothing more is read from that connection (RFC 9112, 6.3)."""

STREAM = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
"""What the chunks of HTTP hold: the chunks of AWS."""
SIZE = b"%x" % len(STREAM)

CHUNK_ATTACKS = {
    "a chunk longer than its size": (SIZE + b"\r\n" + STREAM + b"GET / HTTP/1.1\r\n0\r\n\r\n", "IncompleteBody"),
    "a chunk shorter than its size": (SIZE + b"\r\n" + STREAM[:-2] + b"\r\n0\r\n\r\n", "IncompleteBody"),
    "a chunk size beyond 64 bits": (b"1" + b"0" * 14 + SIZE + b"\r\n" + STREAM + b"\r\n0\r\n\r\n", "IncompleteBody"),
    "a negative chunk size": (b"-" + SIZE + b"\r\n" + STREAM + b"\r\n0\r\n\r\n", "IncompleteBody"),
    "a chunk size with 0x": (b"0x" + SIZE + b"\r\n" + STREAM + b"\r\n0\r\n\r\n", "IncompleteBody"),
    "a bare LF after a chunk size": (SIZE + b"\n" + STREAM + b"\r\n0\r\n\r\n", "IncompleteBody"),
    "a bare LF in a chunk extension": (SIZE + b";a\nb\r\n" + STREAM + b"\r\n0\r\n\r\n", "IncompleteBody"),
    "trailers without end": (SIZE + b"\r\n" + STREAM + b"\r\n0\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", "IncompleteBody"),
}
"""What it is -> the body of a signed PUT in chunks, and the answer."""

LINES = {
    "HTTP/1.0 with chunks": (b"HTTP/1.0", b"/records/k", "400"),
    "HTTP/1.2": (b"HTTP/1.2", b"/records/k", "400"),
    "HTTP/2 in the request line": (b"HTTP/2.0", b"/records/k", "400"),
    "a blank in the target": (b"HTTP/1.1", b"/records/k x", "400"),
    "a NUL in the target": (b"HTTP/1.1", b"/records/\x00k", "400"),
    "a target that is an authority": (b"HTTP/1.1", b"elsewhere:443", "InvalidURI"),
    "a target that is an asterisk": (b"HTTP/1.1", b"*", "InvalidURI"),
}
"""What it is -> the version and target of the request line of a PUT in chunks, and the answer."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smuggling")
    door = open_s3_door(folder, clock=SystemClock(), body_idle_s=1)
    with listening(door, folder) as server:
        with raw_client(door, server) as client:
            assert b" 200 OK" in client.ask("PUT", "/records")
        yield door, server
    door.close()


@pytest.fixture
def door(world):
    return world[0]


@pytest.fixture
def raw(world):
    with raw_client(*world) as client:
        assert b" 200 OK" in client.ask("PUT", "/records/kept", CONTENT)
        yield client
        assert client.ask("GET", "/records/kept").endswith(CONTENT), "the second request was carried out"


def smuggled(raw):
    return raw.head("DELETE", "/records/kept")


def streamed(raw, target):
    """The head of a PUT whose body is chunks of AWS in chunks of HTTP, as SDKs send what they do not know the length of."""
    headers = {"x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32"}
    return raw.head("PUT", target, headers, more=CHUNKED, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER")


def require_one_refusal(door, raw, request, expected):
    """One answer of the kind expected, the end of the connection, an entry where the door was asked, and nothing told."""
    before, connection = len(door.audit.entries), raw.tls()
    connection.settimeout(2)
    with suppress(OSError):  # the door may close before it has read all
        connection.sendall(request)
    answer = read_all(connection)
    assert re.findall(rb"HTTP/1\.\d (\d+)", answer)[1:] == [], "the second request was taken for one"
    assert SILENCE not in answer, "the connection must end"
    recorded = door.audit.entries[before:]
    if expected.isdigit():
        assert answer.startswith(b"HTTP/1.1 " + expected.encode())
        assert (
            answer.endswith(b"content-length: 0\r\n\r\n") or b"\r\n\r\n" in answer[-4:] or b"content-length" in answer
        )
        assert recorded == []
    else:
        assert f"<Code>{expected}</Code>".encode() in answer
        (entry,) = recorded
        assert (entry.outcome.value, entry.details["code"]) == ("failed", f"s3.{expected}")
        assert entry.operation.id.encode() in answer
    told = answer + repr(recorded).encode()
    secret = door.owner_key.secret.reveal()
    assert [each for each in (secret, CONTENT, b"Traceback", b"nexus.objects") if each in told] == []


@pytest.mark.parametrize("name", ATTACKS)
def test_ambiguous_framing_gets_one_refusal_and_the_connection_ends(door, raw, name):
    lines, body, expected = ATTACKS[name]
    require_one_refusal(door, raw, raw.head("PUT", "/records/k", more=lines) + body + smuggled(raw), expected)


@pytest.mark.parametrize("name", CHUNK_ATTACKS)
def test_chunks_that_lie_get_one_refusal_and_the_connection_ends(door, raw, name):
    body, expected = CHUNK_ATTACKS[name]
    require_one_refusal(door, raw, streamed(raw, "/records/k") + body + smuggled(raw), expected)
    assert b" 404 " in raw.ask("GET", "/records/k")


@pytest.mark.parametrize("name", LINES)
def test_a_request_line_of_another_kind_gets_one_refusal_and_the_connection_ends(door, raw, name):
    version, target, expected = LINES[name]
    _, _, head = raw.head("PUT", "/records/k", more=CHUNKED).partition(b"\r\n")
    line = b"PUT " + target + b" " + version + b"\r\n"
    ending = b"Connection: close\r\n" if not expected.isdigit() else b""
    require_one_refusal(door, raw, line + ending + head + HELLO + smuggled(raw), expected)


def wholly_stored_and_then_served(raw, request):
    """Whether a request and a second one after it are two, and the first wrote `hello`."""
    connection = raw.tls()
    connection.sendall(request + raw.head("GET", "/records/plain", {"connection": "close"}))
    first, _, rest = read_all(connection).partition(b"HTTP/1.1 200 OK")[2].partition(b"HTTP/1.1 200 OK")
    assert b"etag" in first
    assert b"x-amz-meta" not in rest
    return rest.endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(
    "lines",
    [b"Content-Length: 5\r\nContent-Length: 5\r\n", b"Content-Length: 005\r\n", b"X: y\nContent-Length: 5\r\n"],
    ids=["twice the same", "zeros before it", "a line that ends in LF alone"],
)
def test_a_length_that_all_read_alike_ends_where_it_says(raw, lines):
    """A line may end in LF alone: RFC 9112, 2.2."""
    assert wholly_stored_and_then_served(raw, raw.head("PUT", "/records/plain", more=lines) + b"hello")


@pytest.mark.parametrize(
    "body",
    [
        SIZE + b"\r\n" + STREAM + b"\r\n0\r\n\r\n",
        SIZE + b";name=value\r\n" + STREAM + b"\r\n0;last\r\n\r\n",
        SIZE + b" \r\n" + STREAM + b"\r\n0\r\n\r\n",
        b"00" + SIZE + b"\r\n" + STREAM + b"\r\n000\r\n\r\n",
        SIZE + b"\r\n" + STREAM + b"\r\n0\r\nContent-Length: 9\r\nx-amz-meta-a: b\r\n\r\n",
    ],
    ids=["plain", "extensions", "a blank after the size", "zeros before the size", "trailers, which become no headers"],
)
@pytest.mark.parametrize("coding", [CHUNKED, b"Transfer-Encoding:\tCHUNKED \r\n"])
def test_chunks_that_all_read_alike_end_where_they_say(raw, coding, body):
    assert wholly_stored_and_then_served(raw, streamed(raw, "/records/plain").replace(CHUNKED, coding) + body)


def test_a_client_of_http_1_0_that_stays_gets_its_answers_one_by_one(raw):
    connection = raw.tls()
    kept = raw.head("GET", "/records/kept", {"connection": "keep-alive"}).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    last = raw.head("GET", "/records/kept", {"connection": "close"})
    connection.sendall(kept + last)
    assert read_all(connection).count(CONTENT) == 2


def test_a_target_with_an_authority_means_what_was_signed(door, raw):
    """A proxy may route by the authority; the door goes by the host and the path, which the signature covers."""
    connection = raw.tls()
    close = {"connection": "close"}
    connection.sendall(raw.head("GET", "/records/kept", close, written="https://elsewhere/records/kept"))
    assert read_all(connection).endswith(CONTENT)
    for written in ("https://elsewhere/records/k", "https://records.s3.nexus.test/kept"):
        connection = raw.tls()
        connection.sendall(raw.head("GET", "/records/kept", close, written=written))
        assert b"<Code>SignatureDoesNotMatch</Code>" in read_all(connection)
        assert door.entries()[-1][1:] == ("denied", "s3.SignatureDoesNotMatch")


def test_a_request_without_a_host_is_refused(door, raw):
    """RFC 9112, 3.2: also where strangers would be let in."""
    connection = raw.tls()
    connection.sendall(b"GET /records/kept HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert b"<Code>InvalidRequest</Code>" in read_all(connection)
    assert door.entries()[-1][1:] == ("failed", "s3.InvalidRequest")


@pytest.mark.parametrize("upgrade", ["h2c", "websocket", "TLS/1.0"])
def test_a_connection_becomes_no_other_protocol(raw, upgrade):
    more = f"Upgrade: {upgrade}\r\nConnection: Upgrade\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n".encode()
    connection = raw.tls()
    connection.settimeout(1)
    connection.sendall(raw.head("GET", "/records/kept", more=more))
    answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.removesuffix(SILENCE).endswith(CONTENT)


def test_http_2_is_not_spoken_neither_by_agreement_nor_by_its_first_words(door, raw):
    before = len(door.audit.entries)
    try:
        agreed = raw.tls("h2", "http/1.1").selected_alpn_protocol()
        with pytest.raises(ssl.SSLError):
            raw.tls("h2")
    except ssl.SSLError:
        agreed = None
    assert agreed in (None, "http/1.1")
    connection = raw.tls()
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
    assert read_all(connection) == b""
    assert len(door.audit.entries) == before
