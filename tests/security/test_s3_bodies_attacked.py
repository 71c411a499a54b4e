"""Bodies that lie: trailers of aws-chunked, forms of browsers, policies that nest. Each has one answer, one entry, and stores nothing.

The tables are what `docs/reference/attacks.md` shows.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.objects.s3.form import MAX_FIELDS, MAX_FIELDS_BYTES
from nexus.objects.s3.signature import SigningKey, chunk_string_to_sign, signing_key, trailer_string_to_sign
from nexus.objects.s3.stream import MAX_DRAINED_OF_ADMITTED
from simulators.s3_client import HOST, speak
from simulators.s3_door import open_s3_door
from simulators.s3_forms import BOUNDARY, USUAL, form, signed

BODY = b"hello"
CRC = b"x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big"))
CHUNKS = b"5\r\nhello\r\n0\r\n"
UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
PIECE = 65_536


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/records")).status == 200
    yield opened
    opened.close()


async def refused(door, request, code):
    """One answer with this code, one entry that says the same, nothing told, nothing stored."""
    before = len(door.audit.entries)
    answer = await request
    assert answer.code == code, answer.body
    (entry,) = door.audit.entries[before:]
    assert entry.outcome.value in ("denied", "failed")
    assert entry.details["code"] == f"s3.{code}"
    told = b"".join([answer.body, repr(answer.headers).encode(), repr(entry).encode()])
    secrets = [key.secret.reveal() for key in door.ring.keys.values()]
    assert [each for each in (*secrets, BODY, b"Traceback", b"nexus.objects") if each in told] == []
    assert (await door.client()("GET", "/records")).texts("Contents/Key") == []


TRAILERS = {
    "none, though one was announced": (b"", "IncompleteBody"),
    "another than was announced": (b"x-amz-checksum-sha1:qvTGHdzF6KLavt4PO0gs2a6pQ00=\r\n", "IncompleteBody"),
    "one more than was announced": (CRC + b"\r\nx-amz-meta-a:b\r\n", "IncompleteBody"),
    "the same twice": (CRC + b"\r\n" + CRC + b"\r\n", "IncompleteBody"),
    "a header of the request": (b"content-length:5\r\n" + CRC + b"\r\n", "IncompleteBody"),
    "a signature that was not announced": (
        CRC + b"\r\nx-amz-trailer-signature:" + b"0" * 64 + b"\r\n",
        "IncompleteBody",
    ),
    "a wrong checksum": (b"x-amz-checksum-crc32:AAAAAA==\r\n", "BadDigest"),
    "a checksum of another length": (b"x-amz-checksum-crc32:AAAA\r\n", "BadDigest"),
    "more than 1 KiB": (b"x-amz-checksum-crc32:" + b"A" * 1_100 + b"\r\n", "IncompleteBody"),
    "lines without end": (b"a:b\r\n" * 5_000, "IncompleteBody"),
    "a folded line": (b"x-amz-checksum-crc32:\r\n NhCmhg==\r\n", "IncompleteBody"),
    "a blank before the colon": (CRC.replace(b":", b" :") + b"\r\n", "IncompleteBody"),
    "a NUL": (CRC + b"\x00\r\n", "IncompleteBody"),
    "a second request": (CRC + b"\r\n\r\nDELETE /records/a HTTP/1.1\r\n", "IncompleteBody"),
}
"""What stands after the last chunk, and the answer."""


@pytest.mark.parametrize("name", TRAILERS)
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "byte by byte"])
async def test_trailers_that_lie_are_refused_however_they_arrive(door, name, cut):
    trailer, code = TRAILERS[name]
    headers = {"x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32"}
    head = door.client().sign("PUT", "/records/k", headers, UNSIGNED)
    body = CHUNKS + trailer + b"\r\n"
    pieces = [body[at : at + 1] for at in range(len(body))] if cut else [body]
    await refused(door, speak(door.app, "PUT", "/records/k", head.items(), pieces), code)


ANNOUNCED = {
    "metadata as a trailer": ({"x-amz-trailer": "x-amz-meta-a"}, "InvalidRequest"),
    "two trailers": ({"x-amz-trailer": "x-amz-checksum-crc32,x-amz-checksum-sha1"}, "InvalidRequest"),
    "a trailer and a checksum": (
        {"x-amz-trailer": "x-amz-checksum-crc32", "x-amz-checksum-sha1": "qvTGHdzF6KLavt4PO0gs2a6pQ00="},
        "InvalidRequest",
    ),
    "no trailer, in a mode that has one": ({}, "InvalidRequest"),
    "a length that is none": (
        {"x-amz-trailer": "x-amz-checksum-crc32", "x-amz-decoded-content-length": "5x"},
        "InvalidArgument",
    ),
}
"""What the headers announce, and the answer."""


@pytest.mark.parametrize("name", ANNOUNCED)
async def test_announcements_that_contradict_each_other_are_refused(door, name):
    headers, code = ANNOUNCED[name]
    head = door.client().sign("PUT", "/records/k", {"x-amz-decoded-content-length": "5"} | headers, UNSIGNED)
    body = CHUNKS + CRC + b"\r\n\r\n"
    await refused(door, speak(door.app, "PUT", "/records/k", head.items(), [body]), code)


async def test_a_trailer_whose_announcement_is_not_signed_is_refused(door):
    head = door.client().sign("PUT", "/records/k", {"x-amz-decoded-content-length": "5"}, UNSIGNED)
    head["x-amz-trailer"] = "x-amz-checksum-crc32"
    body = CHUNKS + CRC + b"\r\n\r\n"
    await refused(door, speak(door.app, "PUT", "/records/k", head.items(), [body]), "AccessDenied")


def stream(door, trailer: bytes = CRC) -> Iterator[bytes]:
    """A signed stream: its head as one block, its chunk, its last chunk, its trailer, its trailer's signature."""
    client = door.client()
    headers = {"x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32"}
    head = client.sign("PUT", "/records/k", headers, SIGNED)
    signature, timestamp = head["authorization"].rpartition("Signature=")[2], head["x-amz-date"]
    scope = f"{timestamp[:8]}/{client.region}/s3/aws4_request"
    key = SigningKey(signing_key(door.owner_key.secret.reveal(), timestamp[:8], client.region))
    yield json.dumps(head).encode()
    for chunk in (BODY, b""):
        signature = key.sign(chunk_string_to_sign(timestamp, scope, signature, hashlib.sha256(chunk).hexdigest()))
        yield b"%x;chunk-signature=%s\r\n" % (len(chunk), signature.encode()) + (chunk + b"\r\n" if chunk else b"")
    yield trailer + b"\r\n"
    last = key.sign(trailer_string_to_sign(timestamp, scope, signature, trailer + b"\n"))
    yield b"x-amz-trailer-signature:" + last.encode() + b"\r\n\r\n"


STREAMS = {
    "a trailer without its signature": (lambda a, b: [*a[1:4], b"\r\n"], "SignatureDoesNotMatch"),
    "the trailer of another stream": (lambda a, b: [*a[1:3], *b[3:]], "SignatureDoesNotMatch"),
    "the signature of another trailer": (lambda a, b: [*a[1:4], b[4]], "SignatureDoesNotMatch"),
    "the chunk of another stream": (lambda a, b: [b[1], *a[2:]], "SignatureDoesNotMatch"),
    "a chunk left out": (lambda a, b: a[2:], "SignatureDoesNotMatch"),
    "a chunk twice": (lambda a, b: [a[1], a[1], *a[2:]], "IncompleteBody"),
    "a chunk without a signature": (lambda a, b: [b"5\r\nhello\r\n", *a[2:]], "IncompleteBody"),
    "no last chunk": (lambda a, b: [a[1]], "IncompleteBody"),
}
"""What becomes of a signed stream `a`, where somebody also holds the stream `b` of the same key a minute later."""


@pytest.mark.parametrize("name", STREAMS)
async def test_signed_streams_are_one_chain_from_the_head_to_the_trailer(door, name):
    bend, code = STREAMS[name]
    one = list(stream(door))
    door.clock.advance(60 * 1_000_000)
    other = list(stream(door, trailer=b"x-amz-checksum-crc32:AAAAAA=="))
    head = json.loads(one[0])
    await refused(door, speak(door.app, "PUT", "/records/k", head.items(), bend(one, other)), code)


async def test_a_signed_stream_that_nobody_bent_is_stored(door):
    """The control: what the attacks above start from is good."""
    head, *body = stream(door)
    assert (await speak(door.app, "PUT", "/records/k", json.loads(head).items(), body)).status == 200
    assert (await door.client()("GET", "/records/k")).body == BODY


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=80), st.lists(st.sampled_from([CRC, b"\r\n", b"\n", b":", b"a", b"0\r\n"]))))
async def test_whatever_stands_after_the_last_chunk_is_the_trailer_or_stores_nothing(door, noise):
    after = noise if isinstance(noise, bytes) else b"".join(noise)
    headers = {"x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32"}
    head = door.client().sign("PUT", "/records/k", headers, UNSIGNED)
    answer = await speak(door.app, "PUT", "/records/k", head.items(), [CHUNKS + after])
    if answer.status == 200:
        assert after.startswith(CRC)
        await door.client()("DELETE", "/records/k")
    else:
        assert answer.code in ("IncompleteBody", "BadDigest")
        assert (await door.client()("HEAD", "/records/k")).status == 404


def field(head: bytes, value: bytes = b"x") -> bytes:
    return f"--{BOUNDARY}\r\n".encode() + head + b"\r\n\r\n" + value + b"\r\n"


NAMED = b'Content-Disposition: form-data; name="%s"'
FORMS = {
    "an empty body": (b"", "MalformedPOSTRequest"),
    "a boundary and nothing more": (b"--xYzZy", "MalformedPOSTRequest"),
    "no boundary at all": (b"nothing of a form", "MalformedPOSTRequest"),
    "a part without a name": (field(b"Content-Disposition: form-data"), "MalformedPOSTRequest"),
    "a part without a disposition": (field(b"X: y"), "MalformedPOSTRequest"),
    "a name of more than 256 bytes": (field(NAMED % (b"n" * 300)), "MalformedPOSTRequest"),
    "a name that is not UTF-8": (field(NAMED % b"\xff"), "MalformedPOSTRequest"),
    "a value that is not UTF-8": (field(NAMED % b"key", b"\xff\xfe"), "MalformedPOSTRequest"),
    "a field twice": (field(NAMED % b"key") * 2, "InvalidArgument"),
    "more fields than 64": (
        b"".join(field(NAMED % b"x-ignore-%d" % n) for n in range(MAX_FIELDS + 1)),
        "MaxPostPreDataLengthExceededError",
    ),
    "a field that is larger than all may be": (
        field(NAMED % b"key", b"x" * (MAX_FIELDS_BYTES + 1)),
        "MaxPostPreDataLengthExceededError",
    ),
    "headers of a part without end": (
        f"--{BOUNDARY}\r\n".encode() + b"X: y\r\n" * 20_000,
        "MaxPostPreDataLengthExceededError",
    ),
    "a preamble without end": (b"x" * (MAX_FIELDS_BYTES + 1), "MaxPostPreDataLengthExceededError"),
    "a form within a field": (
        field(NAMED % b"key" + b"\r\nContent-Type: multipart/mixed; boundary=in", b"--in\r\n\r\n\r\n--in--"),
        "MalformedPOSTRequest",
    ),
    "no policy": (form({"key": "up/k"}), "AccessDenied"),
}
"""A form, and the answer."""


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("size", [PIECE, 7])
async def test_hostile_forms_are_refused_however_they_arrive(door, name, size):
    body, code = FORMS[name]
    await refused(door, post(door, [body[at : at + size] for at in range(0, len(body), size)], len(body)), code)


def post(door, pieces, length, kind=f"multipart/form-data; boundary={BOUNDARY}"):
    headers = [("host", HOST), ("content-type", kind), ("content-length", str(length))]
    return speak(door.app, "POST", "/records", headers, pieces)


@pytest.mark.parametrize("boundary", ["", "b" * 71, '""', "=?utf-8?q?x?="], ids=["none", "too long", "empty", "odd"])
async def test_a_form_whose_boundary_is_none_is_refused(door, boundary):
    odd = boundary.startswith("=?")
    kind = "multipart/form-data; boundary=" + boundary
    await refused(door, post(door, [b"x"], 1, kind), "MalformedPOSTRequest" if odd else "PreconditionFailed")


async def test_a_field_that_never_ends_is_read_no_further_than_is_polite(door):
    """A gigabyte in one field, announced: it is refused after 64 KiB, and the connection ends instead of reading it."""
    taken = 0

    def flood():
        nonlocal taken
        yield field(NAMED % b"key")[:-3]
        while True:
            taken += PIECE
            yield b"x" * PIECE

    pieces = flood()
    sent = []

    async def receive():
        return {"type": "http.request", "body": next(pieces), "more_body": True}

    async def send(message):
        sent.append(message)

    lines = [
        (b"host", HOST.encode()),
        (b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode()),
        (b"content-length", b"1073741824"),
    ]
    scope = {
        "type": "http", "method": "POST", "raw_path": b"/records", "query_string": b"", "scheme": "https",
        "headers": lines, "client": ("203.0.113.9", 1), "http_version": "1.1",
    }  # fmt: skip
    await door.app(scope, receive, send)
    assert b"MaxPostPreDataLengthExceededError" in sent[1]["body"]
    assert (b"connection", b"close") in sent[0]["headers"]
    assert taken <= MAX_DRAINED_OF_ADMITTED + 2 * PIECE


NESTED = b"[" * 20_000
POLICIES = {
    "that nests without end": (NESTED, "InvalidPolicyDocument"),
    "that is one long number": (b"1" * 20_000, "InvalidPolicyDocument"),
    "that is no JSON": (b"{", "InvalidPolicyDocument"),
    "that is not UTF-8": (b"\xff\xfe\xfd", "InvalidPolicyDocument"),
    "whose conditions nest": (
        b'{"expiration": "2999-01-01T00:00:00Z", "conditions": ' + b"[" * 500 + b"]" * 500 + b"}",
        "InvalidPolicyDocument",
    ),
}
"""A policy of a form, signed by somebody who may, and the answer."""


@pytest.mark.parametrize("name", POLICIES)
async def test_policies_of_forms_that_swell_are_refused(door, name):
    import hmac

    policy, code = POLICIES[name]
    encoded = base64.b64encode(policy).decode()
    fields = signed(door, USUAL)
    day = fields["x-amz-date"][:8]
    key = signing_key(door.owner_key.secret.reveal(), day, door.region)
    fields |= {"policy": encoded, "x-amz-signature": hmac.digest(key, encoded.encode(), "sha256").hex()}
    body = form({"key": "up/k", **fields})
    await refused(door, post(door, [body], len(body)), code)


@pytest.mark.parametrize("policy", [NESTED, b'{"Statement":' + NESTED, b'{"Version": ' + b"1" * 10_000 + b"}"])
async def test_policies_of_buckets_that_nest_are_refused(door, policy):
    await refused(door, door.client()("PUT", "/records?policy", policy[:20_000]), "MalformedPolicy")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
async def test_a_form_that_was_bent_anywhere_is_refused_or_is_still_the_one_that_was_signed(door, data):
    body = bytearray(form({"key": "up/k", **signed(door, USUAL)}))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        bend = data.draw(st.sampled_from([b"", b"\r\n", b"--" + BOUNDARY.encode(), b'"', b"\x00", b";", b"x"]))
        body[at : at + data.draw(st.integers(0, 3))] = bend
    answer = await post(door, [bytes(body)], len(body))
    assert answer.status < 500
    keys = (await door.client()("GET", "/records")).texts("Contents/Key")
    assert all(key.startswith("up/") for key in keys), "the policy names this prefix"
    for key in keys:
        await door.client()("DELETE", "/records/" + key)
