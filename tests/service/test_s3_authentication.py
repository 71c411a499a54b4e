"""Who gets in: signatures in headers and URLs, clocks, coverage, and what each refusal is called."""

import pytest

from nexus.kernel.clock import DAY, MINUTE, SECOND
from simulators.clock import ManualClock
from simulators.s3_client import HOST, S3Client, speak
from simulators.s3_door import open_s3_door


@pytest.fixture
def door(tmp_path):
    opened = open_s3_door(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


@pytest.fixture
async def bucket(client):
    assert (await client("PUT", "/records")).status == 200
    assert (await client("PUT", "/records/a", b"hello")).status == 200
    return "/records"


async def test_a_signed_request_is_let_in_as_the_actor_of_its_key(door, client, bucket):
    answer = await client("GET", "/records/a")
    assert (answer.status, answer.body) == (200, b"hello")
    entry = door.audit.entries[-1]
    assert entry.operation.actor == door.owner
    assert (entry.operation.purpose, entry.operation.origin, entry.operation.door) == ("care", "203.0.113.9", "s3")
    assert entry.operation.id == answer.headers["x-amz-request-id"]


@pytest.mark.parametrize(
    "target", ["/records/caf%C3%A9%20%2B%26%3D%3F%23", "/records/..%2F..%2Fetc", "/records//a//b/", "/records/%00%01"]
)
async def test_any_key_can_be_signed_written_and_read(client, bucket, target):
    assert (await client("PUT", target, b"x")).status == 200
    assert (await client("GET", target)).body == b"x"


async def test_the_query_is_part_of_the_signature(client, bucket):
    signed = client.sign("GET", "/records?prefix=a", {}, "UNSIGNED-PAYLOAD")
    answer = await speak(client.app, "GET", "/records?prefix=b", signed.items())
    assert answer.code == "SignatureDoesNotMatch"


async def test_the_method_is_part_of_the_signature(client, bucket):
    signed = client.sign("GET", "/records/a", {}, "UNSIGNED-PAYLOAD")
    assert (await speak(client.app, "DELETE", "/records/a", signed.items())).code == "SignatureDoesNotMatch"
    assert (await client("GET", "/records/a")).status == 200


async def test_nobody_gets_in_without_a_signature(door, client, bucket):
    answer = await speak(door.app, "GET", "/records/a", [("host", HOST)])
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert door.audit.entries[-1].operation.actor.kind == "anonymous"
    assert door.entries()[-1] == ("objects.object.read", "denied", "s3.AccessDenied")


async def test_an_unknown_key_and_a_wrong_secret_have_their_own_codes(door, client, bucket):
    unknown = S3Client(door.app, "NXNOSUCHKEY", "x", door.clock)
    wrong = S3Client(door.app, door.owner_key.id, "x", door.clock)
    assert (await unknown("GET", "/records/a")).code == "InvalidAccessKeyId"
    assert (await wrong("GET", "/records/a")).code == "SignatureDoesNotMatch"


async def test_an_expired_access_key_is_unknown(tmp_path):
    clock = ManualClock()
    door = open_s3_door(tmp_path, clock=clock)
    clock.advance(366 * DAY)
    assert (await door.client()("GET", "/")).code == "InvalidAccessKeyId"
    door.close()


@pytest.mark.parametrize(("minutes", "status"), [(-16, 403), (-14, 200), (14, 200), (16, 403)])
async def test_a_clock_may_be_fifteen_minutes_off(door, bucket, minutes, status):
    theirs = ManualClock(door.clock.now() + minutes * MINUTE)
    answer = await door.client(clock=theirs)("GET", "/records/a")
    assert answer.status == status
    assert answer.code == ("" if status == 200 else "RequestTimeTooSkewed")


async def test_another_region_or_service_is_refused_and_the_right_one_told(door, client, bucket):
    answer = await door.client(region="us-west-2")("GET", "/records/a")
    assert (answer.code, answer.xml.findtext("Region")) == ("AuthorizationHeaderMalformed", "eu-test-1")
    assert (await door.client(region="us-west-2")("HEAD", "/records")).headers["x-amz-bucket-region"] == "eu-test-1"
    signed = client.sign("GET", "/records/a", {}, "UNSIGNED-PAYLOAD")
    signed["authorization"] = signed["authorization"].replace("/s3/", "/iam/")
    assert (await speak(door.app, "GET", "/records/a", signed.items())).code == "AuthorizationHeaderMalformed"


@pytest.mark.parametrize("name", ["x-amz-copy-source", "x-amz-meta-a", "x-nexus-purpose", "x-amz-tagging"])
async def test_a_header_that_changes_the_meaning_must_be_signed(client, bucket, name):
    answer = await client("PUT", "/records/b", b"x", unsigned={name: "records/a"})
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert answer.xml.findtext("HeadersNotSigned") == name


async def test_the_host_must_be_signed(client, bucket):
    signed = client.sign("GET", "/records/a", {}, "UNSIGNED-PAYLOAD")
    signed["authorization"] = signed["authorization"].replace("SignedHeaders=host;", "SignedHeaders=")
    assert (await speak(client.app, "GET", "/records/a", signed.items())).code == "AccessDenied"


AUTHORIZATIONS = {
    "AWS AKIA:c2lnbmF0dXJl": "InvalidRequest",
    "Bearer abc": "InvalidRequest",
    "AWS4-HMAC-SHA256": "AuthorizationHeaderMalformed",
    "AWS4-HMAC-SHA256 nonsense": "AuthorizationHeaderMalformed",
    "AWS4-HMAC-SHA256 Credential=a,Credential=b,Signature=c": "AuthorizationHeaderMalformed",
    "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=" + "0" * 64: "AuthorizationHeaderMalformed",
    "AWS4-ECDSA-P256-SHA256 Credential=a": "InvalidRequest",
}


@pytest.mark.parametrize("authorization", AUTHORIZATIONS)
async def test_an_authorization_that_is_none_is_refused_precisely(client, authorization):
    headers = client.sign("GET", "/", {}, "UNSIGNED-PAYLOAD") | {"authorization": authorization}
    answer = await speak(client.app, "GET", "/", headers.items())
    assert (answer.status, answer.code) == (400, AUTHORIZATIONS[authorization])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("Signature=", "Signature=Z"),
        lambda text: text.replace("Signature=", "Signature=" + "0" * 64),
        lambda text: text.replace("SignedHeaders=host", "SignedHeaders=zzz;host"),
        lambda text: text.replace("SignedHeaders=host", "SignedHeaders=Host"),
        lambda text: text.replace("/aws4_request", "/aws5_request"),
        lambda text: text.replace("Credential=", "Credential=" + "A" * 200),
    ],
)
async def test_a_claim_out_of_form_is_refused_precisely(client, change):
    signed = client.sign("GET", "/", {}, "UNSIGNED-PAYLOAD")
    signed["authorization"] = change(signed["authorization"])
    assert (await speak(client.app, "GET", "/", signed.items())).code == "AuthorizationHeaderMalformed"


async def test_version_2_in_the_query_is_refused_precisely(client):
    answer = await speak(client.app, "GET", "/?AWSAccessKeyId=a&Signature=b&Expires=1", [("host", HOST)])
    assert (answer.status, answer.code) == (400, "InvalidRequest")


async def test_session_tokens_are_refused(client):
    answer = await client("GET", "/", headers={"x-amz-security-token": "t"})
    assert answer.code == "InvalidToken"


async def test_header_and_query_together_are_refused(client):
    signed = client.sign("GET", "/", {}, "UNSIGNED-PAYLOAD")
    answer = await speak(client.app, "GET", client.presign("GET", "/"), signed.items())
    assert answer.code == "InvalidArgument"


# Presigned URLs


async def test_a_presigned_url_reads_writes_and_says_what_to_answer(client, bucket):
    put = client.presign("PUT", "/records/up%20load")
    assert (await speak(client.app, "PUT", put, [("host", HOST), ("content-length", "3")], [b"abc"])).status == 200
    get = client.presign("GET", "/records/up%20load?response-content-type=text%2Fplain")
    answer = await speak(client.app, "GET", get, [("host", HOST)])
    assert (answer.body, answer.headers["content-type"]) == (b"abc", "text/plain")


async def test_a_presigned_url_expires_and_a_replay_is_refused(door, client, bucket):
    url = client.presign("GET", "/records/a", expires=60)
    assert (await speak(client.app, "GET", url, [("host", HOST)])).status == 200
    door.clock.advance(61 * SECOND)
    answer = await speak(client.app, "GET", url, [("host", HOST)])
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert answer.xml.findtext("Message") == "Request has expired"


async def test_a_presigned_url_of_the_future_is_not_valid_yet(door, bucket):
    theirs = ManualClock(door.clock.now() + 16 * MINUTE)
    url = door.client(clock=theirs).presign("GET", "/records/a")
    assert (await speak(door.app, "GET", url, [("host", HOST)])).code == "AccessDenied"


async def test_a_presigned_url_is_worthless_for_anything_else(client, bucket):
    url = client.presign("GET", "/records/a")
    for method, target, headers in (
        ("PUT", url, []),
        ("GET", url.replace("/records/a", "/records/b"), []),
        ("GET", url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"), []),
        ("GET", url + "&versionId=null", []),
    ):
        answer = await speak(client.app, method, target, [("host", HOST), *headers])
        assert answer.code == "SignatureDoesNotMatch", target
    answer = await speak(client.app, "GET", url, [("host", HOST), ("x-amz-meta-a", "b")])
    assert answer.code == "AccessDenied"


@pytest.mark.parametrize(
    ("expires", "status", "code"),
    [
        ("0", 403, "AccessDenied"),
        ("604801", 403, "AccessDenied"),
        ("-1", 403, "AccessDenied"),
        ("1e3", 400, "AuthorizationQueryParametersError"),
        ("", 400, "AuthorizationQueryParametersError"),
        ("9999999999", 400, "AuthorizationQueryParametersError"),
    ],
)
async def test_the_life_of_a_presigned_url_has_limits(client, expires, status, code):
    url = client.presign("GET", "/").replace("X-Amz-Expires=60", f"X-Amz-Expires={expires}")
    answer = await speak(client.app, "GET", url, [("host", HOST)])
    assert (answer.status, answer.code) == (status, code)


async def test_a_presigned_url_needs_all_its_parameters(client):
    url = client.presign("GET", "/").replace("&X-Amz-Expires=60", "")
    assert (await speak(client.app, "GET", url, [("host", HOST)])).code == "AuthorizationQueryParametersError"


# Purpose


async def test_the_purpose_of_a_request_is_that_of_its_header_else_of_its_key(door, client, bucket):
    await client("GET", "/records/a", headers={"x-nexus-purpose": "research"})
    assert door.audit.entries[-1].operation.purpose == "research"
    answer = await client("GET", "/records/a", headers={"x-nexus-purpose": "curiosity"})
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert door.entries()[-1] == ("objects.object.read", "failed", "s3.InvalidArgument")
