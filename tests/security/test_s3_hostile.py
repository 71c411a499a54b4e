"""Hostile requests, straight at the application: a precise code, no hang, one entry, nothing leaked, nothing stored."""

import asyncio
import hashlib
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.objects.s3.xml import MAX_DOCUMENT
from simulators.s3_client import HOST, speak
from simulators.s3_door import open_s3_door

WITHIN_S = 5


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/records")).status == 200
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


async def refused(door, request, status, code):
    """Run a request; it must end in time, with this code, one entry, and no object."""
    before = len(door.audit.entries)
    async with asyncio.timeout(WITHIN_S):
        answer = await request
    assert (answer.status, answer.code) == (status, code)
    assert len(door.audit.entries) == before + 1
    assert door.audit.entries[-1].outcome.value in ("failed", "denied")
    assert b"Traceback" not in answer.body
    assert b"nexus." not in answer.body
    assert answer.headers["x-amz-request-id"] == door.audit.entries[-1].operation.id
    listing = await door.client()("GET", "/records")
    assert listing.texts("Contents") == []
    return answer


def put(client, body=b"", headers=None, payload="UNSIGNED-PAYLOAD", target="/records/k"):
    return client.sign("PUT", target, headers or {"content-length": str(len(body))}, payload).items()


async def test_a_client_that_goes_silent_is_dropped(door, client):
    request = speak(door.app, "PUT", "/records/k", put(client, headers={"content-length": "9"}), [b"half"], hang=True)
    answer = await refused(door, request, 400, "RequestTimeout")
    assert answer.headers["connection"] == "close"


async def test_a_byte_now_and_then_keeps_no_connection(door, client):
    """The slow loris: never silent for long, never finished."""
    headers = put(client, headers={"content-length": "1000000"})

    async def drip():
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"x", "more_body": True}

    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "PUT", "raw_path": b"/records/k", "query_string": b"", "scheme": "https",
        "headers": [(n.encode(), v.encode()) for n, v in headers], "client": ("203.0.113.9", 1),
    }  # fmt: skip
    started = time.monotonic()
    async with asyncio.timeout(WITHIN_S):
        await door.app(scope, drip, send)
    assert time.monotonic() - started < WITHIN_S
    assert sent[0]["status"] == 400
    assert b"RequestTimeout" in sent[1]["body"]


async def test_a_client_that_leaves_in_the_middle_is_an_incomplete_body(door, client):
    request = speak(door.app, "PUT", "/records/k", put(client, headers={"content-length": "9"}), [b"half"], leave=True)
    await refused(door, request, 400, "IncompleteBody")


@pytest.mark.parametrize(("declared", "body"), [("10", b"short"), ("3", b"longer"), ("0", b"any")])
async def test_a_lying_content_length_is_found_out(door, client, declared, body):
    request = speak(door.app, "PUT", "/records/k", put(client, headers={"content-length": declared}), [body])
    await refused(door, request, 400, "IncompleteBody")


@pytest.mark.parametrize(
    ("length", "status", "code"),
    [
        (str(5 * 1024**3 + 1), 400, "EntityTooLarge"),
        ("9" * 19, 400, "EntityTooLarge"),
        ("9" * 40, 400, "InvalidArgument"),
        ("-1", 400, "InvalidArgument"),
        ("1.5", 400, "InvalidArgument"),
        ("0x10", 400, "InvalidArgument"),
    ],
)
async def test_absurd_lengths_are_refused_before_a_byte_is_read(door, client, length, status, code):
    await refused(
        door, speak(door.app, "PUT", "/records/k", put(client, headers={"content-length": length})), status, code
    )


CHUNKED = {"x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-crc32"}


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhello",
        b"5\r\nhello\r\n0\r\n",
        b"fffffffffffffffff\r\n",
        b"7fffffffffffffff\r\nx",
        b"5;x=y\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloGET / HTTP/1.1\r\n\r\n",
        b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\nPUT /records/smuggled HTTP/1.1\r\n\r\n",
        b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        b"5\r\nhello\r\n0\r\n" + b"a:b\r\n" * 500 + b"\r\n",
        b"\x00" * 1000,
        b"a" * 100_000,
    ],
)
async def test_hostile_chunk_framing_is_refused(door, client, body):
    headers = put(client, headers=CHUNKED, payload="STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    await refused(door, speak(door.app, "PUT", "/records/k", headers, [body]), 400, "IncompleteBody")


async def test_framing_and_plain_modes_do_not_mix(door, client):
    for headers, payload in (
        ({"content-encoding": "aws-chunked", "content-length": "5"}, "UNSIGNED-PAYLOAD"),
        ({"x-amz-trailer": "x-amz-checksum-crc32", "content-length": "5"}, hashlib.sha256(b"hello").hexdigest()),
        ({"x-amz-decoded-content-length": "5"}, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ({"x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-meta-a"}, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    ):
        signed = put(client, headers=headers, payload=payload)
        await refused(door, speak(door.app, "PUT", "/records/k", signed, [b"hello"]), 400, "InvalidRequest")


BOMB = b'<!DOCTYPE d [<!ENTITY a "' + b"a" * 1000 + b'"><!ENTITY b "' + b"&a;" * 1000 + b'">]>'


@pytest.mark.parametrize(
    ("target", "root"),
    [
        ("PUT /records?versioning", b"VersioningConfiguration"),
        ("PUT /fresh", b"CreateBucketConfiguration"),
        ("POST /records?delete", b"Delete"),
        ("PUT /records/k?tagging", b"Tagging"),
        ("POST /records/k?uploadId=u", b"CompleteMultipartUpload"),
    ],
)
@pytest.mark.parametrize(
    "document",
    [
        b"<%s", b"<%s>", b"\xff\xfe", b"{}", BOMB + b"<%s>&b;</%s>",
        b'<!DOCTYPE x SYSTEM "http://203.0.113.1/x"><%s/>',
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><%s>&e;</%s>',
        b"<Wrong/>", b"<a>" * 3000 + b"</a>" * 3000,
    ],
)  # fmt: skip
async def test_hostile_xml_is_malformed_wherever_xml_is_taken(door, client, target, root, document):
    method, _, path = target.partition(" ")
    body = document.replace(b"%s", root)
    md5 = __import__("base64").b64encode(hashlib.md5(body).digest()).decode()
    await refused(door, client(method, path, body, {"content-md5": md5}), 400, "MalformedXML")


async def test_a_document_beyond_its_limit_is_refused_by_its_declared_length(door, client):
    headers = {"content-length": str(MAX_DOCUMENT + 1), "content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    signed = client.sign("POST", "/records?delete", headers, "UNSIGNED-PAYLOAD")
    await refused(door, speak(door.app, "POST", "/records?delete", signed.items()), 400, "EntityTooLarge")


async def test_a_document_beyond_its_limit_is_refused_as_it_comes(door, client):
    headers = {"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    signed = client.sign("POST", "/records?delete", headers, "UNSIGNED-PAYLOAD")
    pieces = [b" " * 65_536] * (MAX_DOCUMENT // 65_536 + 1)
    await refused(door, speak(door.app, "POST", "/records?delete", signed.items(), pieces), 400, "EntityTooLarge")


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/records/%ff", 400, "InvalidURI"),
        ("/records/%", 400, "InvalidURI"),
        ("/records/%c0%ae%c0%ae/", 400, "InvalidURI"),
        ("/records/" + "a" * 1025, 400, "KeyTooLongError"),
        ("/records/" + "a" * 20_000, 414, "URITooLong"),
        ("/records/k?a=%zz", 400, "InvalidURI"),
        ("/records/k?" + "&".join(f"p{n}=" for n in range(65)), 400, "InvalidArgument"),
        ("/records/k?tagging&acl", 400, "InvalidArgument"),
        ("/records/k?website", 501, "NotImplemented"),
        ("/../records/k", 403, "AccessDenied"),
        ("//records/k", 403, "AccessDenied"),
        ("/%2e%2e/k", 403, "AccessDenied"),
    ],
)
async def test_hostile_targets_without_a_signature_get_a_precise_answer(door, target, status, code):
    await refused(door, speak(door.app, "GET", target, [("host", HOST)]), status, code)


async def test_a_bucket_name_never_becomes_a_path(door, client, tmp_path):
    before = sorted(path for path in tmp_path.rglob("*"))
    for name in ("..", "%2e%2e", "%2F", "a%2Fb", "%00"):
        answer = await client("PUT", f"/{name}")
        assert answer.code == "InvalidBucketName", name
    assert sorted(path for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["host", "authorization", "x-amz-date", "content-length", "x-amz-content-sha256"])
async def test_a_repeated_header_is_refused_whichever_comes_first(door, client, name):
    signed = list(put(client))
    for headers in ([*signed, (name, "other")], [(name, "other"), *signed]):
        await refused(door, speak(door.app, "PUT", "/records/k", headers), 400, "InvalidRequest")


async def test_too_many_or_too_large_headers_are_refused(door, client):
    for extra in ([(f"h{n}", "v") for n in range(130)], [("h", "v" * 17_000)]):
        request = speak(door.app, "PUT", "/records/k", [*put(client), *extra])
        await refused(door, request, 400, "RequestHeaderSectionTooLarge")


async def test_a_refused_body_is_drained_or_the_connection_closed(door):
    small = await speak(door.app, "PUT", "/records/k", [("host", HOST), ("content-length", "5")], [b"hello"])
    assert "connection" not in small.headers
    flood = [b"x" * 65_536] * 40
    large = await speak(door.app, "PUT", "/records/k", [("host", HOST), ("content-length", "2621440")], flood)
    assert (large.status, large.headers["connection"]) == (403, "close")


HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "authorization",
            "x-amz-date",
            "x-amz-content-sha256",
            "x-amz-copy-source",
            "range",
            "if-match",
            "x-amz-tagging",
            "content-md5",
            "x-amz-decoded-content-length",
            "x-amz-trailer",
            "x-amz-checksum-crc32",
            "content-length",
            "x-nexus-purpose",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60),
    max_size=5,
)
TARGETS = st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=60).map(lambda text: "/" + text)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "BREW"]), target=TARGETS, headers=HEADERS)
async def test_whatever_strangers_send_is_refused_with_one_entry(door, method, target, headers):
    before = len(door.audit.entries)
    async with asyncio.timeout(WITHIN_S):
        answer = await speak(door.app, method, target, [("host", HOST), *headers.items()])
    assert 400 <= answer.status < 502
    assert answer.status != 500
    assert len(door.audit.entries) == before + 1


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(headers=HEADERS, query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
async def test_whatever_a_known_client_sends_never_ends_in_an_internal_error(door, headers, query):
    client = door.client()
    given_headers = {n: v.strip() for n, v in headers.items() if n not in ("authorization", "x-amz-date")}
    payload = given_headers.pop("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    target = "/records/k?" + query.replace("#", "%23")
    try:
        signed = client.sign("PUT", target, given_headers, payload or "-")
    except Exception:  # botocore itself refuses to sign some of it
        return
    before = len(door.audit.entries)
    async with asyncio.timeout(WITHIN_S):
        answer = await speak(door.app, "PUT", target, signed.items(), [b"hello"])
    assert answer.status != 500
    assert len(door.audit.entries) >= before + 1
