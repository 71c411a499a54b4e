"""Bodies: six ways of protecting them, each verified before anything is committed (aws-chunked, trailers, checksums)."""

import base64
import hashlib
import zlib

import pytest
from awscrt import checksums as crt

from nexus.objects.s3.signature import SigningKey, chunk_string_to_sign, signing_key, trailer_string_to_sign
from simulators.s3_client import speak
from simulators.s3_door import open_s3_door

BODY = b"the quick brown fox " * 5_000
SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def b64(value):
    return base64.b64encode(value).decode()


CRC32 = b64(zlib.crc32(BODY).to_bytes(4, "big"))
CHECKSUMS = {
    "crc32": CRC32,
    "crc32c": b64(crt.crc32c(BODY).to_bytes(4, "big")),
    "crc64nvme": b64(crt.crc64nvme(BODY).to_bytes(8, "big")),
    "sha1": b64(hashlib.sha1(BODY).digest()),
    "sha256": b64(hashlib.sha256(BODY).digest()),
}


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/records")).status == 200
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


async def stored(client, key="/records/k"):
    answer = await client("GET", key)
    return answer.body if answer.status == 200 else None


async def test_a_payload_under_its_own_sha256_is_verified_before_commit(client):
    assert (await client("PUT", "/records/k", BODY)).status == 200
    assert await stored(client) == BODY
    answer = await client("PUT", "/records/k", b"other", payload=hashlib.sha256(BODY).hexdigest())
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    assert await stored(client) == BODY


async def test_an_unsigned_payload_is_for_tls_only(client):
    assert (await client("PUT", "/records/k", BODY, payload="UNSIGNED-PAYLOAD")).status == 200
    answer = await client("PUT", "/records/k", b"x", payload="UNSIGNED-PAYLOAD", scheme="http")
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert await stored(client) == BODY


async def test_an_unknown_way_of_protecting_a_payload_is_refused(client):
    for mode in ("", "nonsense", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "A" * 64):
        assert (await client("PUT", "/records/k", b"x", payload=mode or "-")).code == "InvalidArgument"


@pytest.mark.parametrize("name", CHECKSUMS)
async def test_a_checksum_header_is_verified_stored_and_returned(client, name):
    header = f"x-amz-checksum-{name}"
    answer = await client("PUT", "/records/k", BODY, {header: CHECKSUMS[name]})
    assert (answer.status, answer.headers[header]) == (200, CHECKSUMS[name])
    asked = await client("HEAD", "/records/k", headers={"x-amz-checksum-mode": "ENABLED"})
    assert (asked.headers[header], asked.headers["x-amz-checksum-type"]) == (CHECKSUMS[name], "FULL_OBJECT")
    assert header not in (await client("HEAD", "/records/k")).headers
    wrong = await client("PUT", "/records/k", b"other", {header: CHECKSUMS[name]})
    assert (wrong.status, wrong.code) == (400, "BadDigest")
    assert await stored(client) == BODY


async def test_without_a_checksum_crc64nvme_is_computed(client):
    answer = await client("PUT", "/records/k", BODY)
    assert answer.headers["x-amz-checksum-crc64nvme"] == CHECKSUMS["crc64nvme"]


async def test_content_md5_is_verified(client):
    right, wrong = b64(hashlib.md5(BODY).digest()), b64(hashlib.md5(b"").digest())
    assert (await client("PUT", "/records/k", BODY, {"content-md5": right})).status == 200
    assert (await client("PUT", "/records/k", BODY, {"content-md5": wrong})).code == "BadDigest"
    assert (await client("PUT", "/records/k", BODY, {"content-md5": "zzz"})).code == "InvalidDigest"


def framed(chunks, trailer=b""):
    return b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + b"0\r\n" + trailer + b"\r\n"


async def put_with_trailer(client, body, trailer, *, length=None, name="crc32", **extra):
    headers = {
        "x-amz-decoded-content-length": str(len(BODY) if length is None else length),
        "x-amz-trailer": f"x-amz-checksum-{name}",
        "content-encoding": "aws-chunked",
        **extra,
    }
    return await client(
        "PUT", "/records/k", framed([body[:70_000], body[70_000:]], trailer), headers,
        payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    )  # fmt: skip


@pytest.mark.parametrize("name", CHECKSUMS)
async def test_an_unsigned_stream_is_held_to_the_checksum_in_its_trailer(client, name):
    trailer = f"x-amz-checksum-{name}:{CHECKSUMS[name]}\r\n".encode()
    answer = await put_with_trailer(client, BODY, trailer, name=name)
    assert (answer.status, answer.headers[f"x-amz-checksum-{name}"]) == (200, CHECKSUMS[name])
    back = await client("GET", "/records/k")
    assert back.body == BODY
    assert "content-encoding" not in back.headers, "the framing is not the object's encoding"


async def test_a_wrong_missing_or_other_trailer_commits_nothing(client):
    right = f"x-amz-checksum-crc32:{CRC32}\r\n".encode()
    for trailer, code in (
        (b"x-amz-checksum-crc32:AAAAAA==\r\n", "BadDigest"),
        (b"x-amz-checksum-crc32:AAAA\r\n", "BadDigest"),
        (b"", "IncompleteBody"),
        (b"x-amz-checksum-sha1:" + CHECKSUMS["sha1"].encode() + b"\r\n", "IncompleteBody"),
        (right + right, "IncompleteBody"),
    ):
        assert (await put_with_trailer(client, BODY, trailer)).code == code, trailer
    assert await stored(client) is None


async def test_a_content_encoding_besides_the_framing_is_kept(client):
    trailer = f"x-amz-checksum-crc32:{CRC32}\r\n".encode()
    await put_with_trailer(client, BODY, trailer, **{"content-encoding": "aws-chunked,gzip"})
    assert (await client("HEAD", "/records/k")).headers["content-encoding"] == "gzip"


async def test_the_declared_length_is_the_length(client):
    trailer = f"x-amz-checksum-crc32:{CRC32}\r\n".encode()
    for length in (len(BODY) - 1, len(BODY) + 1):
        assert (await put_with_trailer(client, BODY, trailer, length=length)).code == "IncompleteBody"
    for length in ("-1", "1e3", "", "9" * 30):
        answer = await put_with_trailer(client, BODY, trailer, length=length or "x")
        assert answer.code == "InvalidArgument"
    assert (await put_with_trailer(client, BODY, trailer, length=5 * 1024**3 + 1)).code == "EntityTooLarge"


async def test_a_stream_needs_its_decoded_length(client):
    answer = await client("PUT", "/records/k", framed([BODY]), payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    assert (answer.status, answer.code) == (411, "MissingContentLength")


def signed_stream(door, client, chunks, *, trailer=b"", forge=None):
    """Body and headers of a signed stream; `forge` is the chunk whose signature is made up."""
    mode = SIGNED + ("-TRAILER" if trailer else "")
    headers = {"x-amz-decoded-content-length": str(sum(map(len, chunks))), "content-encoding": "aws-chunked"}
    if trailer:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32"
    signed = client.sign("PUT", "/records/k", headers, mode)
    signature = signed["authorization"].rpartition("Signature=")[2]
    timestamp = signed["x-amz-date"]
    scope = f"{timestamp[:8]}/{client.region}/s3/aws4_request"
    key = SigningKey(signing_key(door.owner_key.secret.reveal(), timestamp[:8], client.region))
    body = b""
    for number, chunk in enumerate([*chunks, b""]):
        digest = hashlib.sha256(chunk).hexdigest()
        signature = key.sign(chunk_string_to_sign(timestamp, scope, signature, digest))
        if number == forge:
            signature = "0" * 64
        body += b"%x;chunk-signature=%s\r\n" % (len(chunk), signature.encode())
        if chunk:
            body += chunk + b"\r\n"
    if trailer:
        last = key.sign(trailer_string_to_sign(timestamp, scope, signature, trailer + b"\n"))
        if forge == "trailer":
            last = "0" * 64
        body += trailer + b"\r\nx-amz-trailer-signature:" + last.encode() + b"\r\n"
    return body + b"\r\n", signed


CHUNKS = [BODY[:65_536], BODY[65_536:]]


@pytest.mark.parametrize("trailer", [b"", f"x-amz-checksum-crc32:{CRC32}".encode()])
async def test_a_signed_stream_is_verified_chunk_by_chunk(door, client, trailer):
    body, signed = signed_stream(door, client, CHUNKS, trailer=trailer)
    pieces = [body[at : at + 777] for at in range(0, len(body), 777)]
    answer = await speak(door.app, "PUT", "/records/k", signed.items(), pieces)
    assert answer.status == 200
    assert await stored(client) == BODY


@pytest.mark.parametrize("forge", [0, 1, 2, "trailer"])
async def test_a_forged_chunk_or_trailer_commits_nothing(door, client, forge):
    trailer = f"x-amz-checksum-crc32:{CRC32}".encode() if forge == "trailer" else b""
    body, signed = signed_stream(door, client, CHUNKS, trailer=trailer, forge=forge)
    answer = await speak(door.app, "PUT", "/records/k", signed.items(), [body])
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert await stored(client) is None


async def test_a_signed_stream_without_its_last_chunk_commits_nothing(door, client):
    body, signed = signed_stream(door, client, CHUNKS)
    cut = body[: body.rindex(b"0;chunk-signature")]
    answer = await speak(door.app, "PUT", "/records/k", signed.items(), [cut])
    assert (answer.status, answer.code) == (400, "IncompleteBody")
    assert await stored(client) is None


async def test_chunks_cannot_be_swapped(door, client):
    body, signed = signed_stream(door, client, [b"a" * 10, b"b" * 10])
    first, second = body[:96], body[96:192]
    answer = await speak(door.app, "PUT", "/records/k", signed.items(), [second + first + body[192:]])
    assert answer.code == "SignatureDoesNotMatch"


async def test_a_body_without_length_is_refused(client):
    signed = client.sign("PUT", "/records/k", {}, "UNSIGNED-PAYLOAD")
    answer = await speak(client.app, "PUT", "/records/k", [*signed.items(), ("transfer-encoding", "chunked")], [b"abc"])
    assert (answer.status, answer.code) == (411, "MissingContentLength")


async def test_an_empty_object_is_an_object(client):
    assert (await client("PUT", "/records/k", headers={"content-length": "0"})).status == 200
    answer = await client("GET", "/records/k")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "0")
