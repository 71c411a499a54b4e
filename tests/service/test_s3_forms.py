"""Uploads by the form of a browser: whoever signed the policy decides what may come, and the form is hostile input."""

import json
from base64 import b64encode

import pytest

from nexus.objects.store.usage import Limit
from simulators.operations import operation
from simulators.s3_client import HOST, speak
from simulators.s3_door import machine, open_s3_door
from simulators.s3_forms import BOUNDARY, USUAL, form, signed


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/records")).status == 200
    yield opened
    opened.close()


async def post(door, body, *, target="/records", kind=f"multipart/form-data; boundary={BOUNDARY}", size=1):
    headers = [("host", HOST), ("content-type", kind), ("content-length", str(len(body)))]
    pieces = [body] if size == 1 else [body[at : at + size] for at in range(0, len(body), size)]
    return await speak(door.app, "POST", target, headers, pieces)


@pytest.mark.parametrize("size", [1, 3, 70, 1_000])
async def test_a_file_arrives_however_the_network_cut_the_form(door, size):
    content = b"\r\n--xYz almost the boundary \r\n--xYzZ" + bytes(range(256)) * 200
    fields = {"key": "up/${filename}", **signed(door, [*USUAL[:2]])}
    answer = await post(door, form(fields, content), size=size)
    assert (answer.status, answer.headers["location"]) == (204, "/records/up/scan.dcm")
    read = await door.client()("GET", "/records/up/scan.dcm")
    assert (read.body, read.headers["content-type"]) == (content, "application/dicom")
    entry = next(e for e in reversed(door.audit.entries) if e.action == "objects.object.write")
    assert (entry.outcome.value, entry.operation.actor.id) == ("allowed", "mac_owner")


async def test_fields_become_metadata_tags_and_encryption(door):
    more = [["starts-with", f"${name}", ""] for name in ("x-amz-meta-ward", "tagging", "x-amz-server-side-encryption")]
    fields = {
        "key": "up/k",
        "x-amz-meta-ward": "cardiology",
        "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
        "x-amz-server-side-encryption": "AES256",
        "success_action_status": "201",
        **signed(door, [*USUAL, *more, {"success_action_status": "201"}]),
    }
    answer = await post(door, form(fields))
    assert (answer.status, answer.texts("Key")) == (201, ["up/k"])
    head = await door.client()("HEAD", "/records/up/k")
    assert head.headers["x-amz-meta-ward"] == "cardiology"
    assert head.headers["x-amz-server-side-encryption"] == "AES256"
    assert head.headers["x-amz-tagging-count"] == "1"


@pytest.mark.parametrize(
    ("conditions", "fields", "code"),
    [
        (USUAL, {"key": "elsewhere/k"}, "AccessDenied"),
        (USUAL[1:], {"key": "up/k"}, "AccessDenied"),
        (USUAL, {"key": "up/k", "x-amz-meta-extra": "1"}, "AccessDenied"),
        ([{"bucket": "other"}, *USUAL[1:]], {"key": "up/k"}, "AccessDenied"),
        ([*USUAL, ["eq", "$x-amz-meta-a", "b"]], {"key": "up/k", "x-amz-meta-a": "c"}, "AccessDenied"),
        ([*USUAL[:2], ["content-length-range", 0, 3]], {"key": "up/k"}, "EntityTooLarge"),
        ([*USUAL[:2], ["content-length-range", 100, 200]], {"key": "up/k"}, "EntityTooSmall"),
        ([*USUAL[:2], ["content-length-range", 0]], {"key": "up/k"}, "InvalidPolicyDocument"),
        ([*USUAL, ["almost", "$key", "up"]], {"key": "up/k"}, "InvalidPolicyDocument"),
        ([*USUAL, 7], {"key": "up/k"}, "InvalidPolicyDocument"),
        (USUAL, {}, "InvalidArgument"),
        (USUAL, {"key": "up/" + "k" * 1_100}, "KeyTooLongError"),
    ],
)
async def test_what_the_policy_does_not_let_in_is_refused_and_nothing_is_written(door, conditions, fields, code):
    answer = await post(door, form({**fields, **signed(door, conditions)}))
    assert answer.code == code
    assert (await door.client()("GET", "/records")).texts("Contents/Key") == []
    assert door.audit.entries[-2].outcome.value in ("denied", "failed")


async def test_a_file_that_does_not_fit_into_the_quota_is_refused(door):
    records = door.objects.buckets.find("records")
    await door.objects.capacity.set_bucket_quota(operation(), records, Limit(bytes=6))
    fields = {"key": "up/k", **signed(door, USUAL)}
    answer = await post(door, form(fields, b"content"))
    assert (answer.status, answer.code) == (403, "QuotaExceeded")
    assert door.audit.entries[-1].outcome.value == "denied"
    assert (await post(door, form(fields, b"conten"))).status == 204


async def test_a_policy_ends_and_must_be_whole_and_signed_by_somebody_with_the_right(door):
    ok = signed(door, USUAL)
    stranger = door.ring.add(machine("stranger"))
    for fields, code in (
        (signed(door, USUAL, seconds=-1), "AccessDenied"),
        (signed(door, [{}]), "InvalidPolicyDocument"),
        (signed(door, USUAL, expiration="tomorrow"), "InvalidPolicyDocument"),
        ({**ok, "x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({**ok, "x-amz-credential": ok["x-amz-credential"].replace("NXTEST", "NXNONE")}, "InvalidAccessKeyId"),
        ({**ok, "x-amz-algorithm": "AWS4-NONE"}, "InvalidRequest"),
        ({"AWSAccessKeyId": door.owner_key.id, "signature": "eA==", "policy": ok["policy"]}, "InvalidRequest"),
        ({}, "AccessDenied"),
        (signed(door, USUAL, key=stranger), "AccessDenied"),
    ):
        assert (await post(door, form({"key": "up/k", **fields}))).code == code, fields
    assert (await post(door, form({"key": "up/k", **ok}))).status == 204


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--xYzZy",
        b"nothing of a form",
        b"--xYzZy\r\n\r\n\r\n",
        form({"key": "up/k"}).replace(b'name="key"', b""),
        form({"key": "up/k"})[:-20],
        form({f"x-ignore-{n}": "" for n in range(70)}),
        form({"x-ignore-long": "x" * 70_000}),
        form({"key": "up/k"}).replace(b"up/k", b"\xff\xfe"),
    ],
)
async def test_what_is_no_form_is_refused(door, body):
    answer = await post(door, body)
    assert 400 <= answer.status < 500
    assert answer.status != 404


async def test_a_form_that_ends_within_its_file_is_not_stored(door):
    cut = form({"key": "up/k", **signed(door, USUAL)})[: -len(BOUNDARY) - 8]
    assert (await post(door, cut)).code == "IncompleteBody"
    assert (await door.client()("HEAD", "/records/up/k")).status == 404


async def test_a_form_of_another_type_is_told_so(door):
    assert (await post(door, b"a=b", kind="application/x-www-form-urlencoded")).code == "PreconditionFailed"


async def test_a_redirect_goes_to_web_pages_only(door):
    for address, status in (("https://hospital.example/done?x=1", 303), ("javascript:alert(1)", 204)):
        more = ["eq", "$success_action_redirect", address]
        fields = {"key": "up/k", "success_action_redirect": address, **signed(door, [*USUAL, more])}
        answer = await post(door, form(fields))
        assert answer.status == status
        if status == 303:
            assert answer.headers["location"].startswith("https://hospital.example/done?x=1&bucket=records&key=up%2Fk")


async def test_forms_signed_with_version_2_are_accepted_only_where_that_was_asked_for(door, tmp_path):
    import hmac

    from simulators.s3_door import OpenSharing

    policy = signed(door, USUAL)["policy"]
    signature = b64encode(hmac.digest(door.owner_key.secret.reveal(), policy.encode(), "sha1")).decode()
    fields = {"key": "up/k", "AWSAccessKeyId": door.owner_key.id, "policy": policy, "signature": signature}
    assert (await post(door, form(fields))).code == "InvalidRequest"
    (tmp_path / "b").mkdir()
    other = open_s3_door(tmp_path / "b", sharing=OpenSharing())
    try:
        await other.client()("PUT", "/records")
        usual = [{"bucket": "records"}, ["starts-with", "$key", "up/"]]
        policy = b64encode(json.dumps({"expiration": "2999-01-01T00:00:00Z", "conditions": usual}).encode()).decode()
        signature = b64encode(hmac.digest(other.owner_key.secret.reveal(), policy.encode(), "sha1")).decode()
        legacy = {"key": "up/k", "AWSAccessKeyId": other.owner_key.id, "policy": policy, "signature": signature}
        assert (await post(other, form(legacy))).status == 204
        assert (await post(other, form({**legacy, "signature": signature[::-1]}))).status == 403
    finally:
        other.close()
