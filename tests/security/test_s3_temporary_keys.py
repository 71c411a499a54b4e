"""Attacks on temporary access keys: each is refused, recorded, and leaves no key (issues 3 and 6)."""

import asyncio
import base64
import json
from datetime import UTC, datetime

import pytest

from nexus.iam.temporary import MAX_IN_FORCE
from nexus.kernel.clock import HOUR, MINUTE, Instant
from nexus.kernel.errors import Invalid
from nexus.objects.s3.signature import SigningKey, signing_key
from simulators.s3_client import HOST, QueryClient, S3Client, speak
from simulators.s3_door import REGION
from simulators.s3_people import open_with_people, settle
from simulators.sts import STEWARD, acting, assume, code_of, credentials, filled_bucket

OBJECT = "/records/in/k"


@pytest.fixture
async def door(tmp_path):
    with open_with_people(tmp_path) as opened:
        await settle(opened)
        yield opened


@pytest.fixture
async def key(door):
    return await filled_bucket(door)


@pytest.fixture
def sts(door, key):
    return QueryClient(door.client(key))


async def test_a_token_that_is_missing_altered_surplus_or_of_another_key_is_refused(door, key, sts):
    first, second = await assume(sts), await assume(sts)
    token = credentials(first)[2]
    for client, code in (
        (acting(door, first, token=None), "InvalidToken"),
        (acting(door, first, token=token[:-1] + ("A" if token[-1] != "A" else "B")), "InvalidToken"),
        (acting(door, first, token=token + "A"), "InvalidToken"),
        (acting(door, first, token=credentials(second)[2]), "InvalidToken"),
        (door.client(key, token), "InvalidToken"),  # a key that is not temporary has none
        (acting(door, first, secret=credentials(second)[1]), "SignatureDoesNotMatch"),
        (acting(door, first, key_id=credentials(second)[0]), "SignatureDoesNotMatch"),
        (acting(door, first, key_id="NT" + "A" * 18), "ExpiredToken"),
    ):
        assert (await client("GET", OBJECT)).code == code
        assert (await speak(door.app, "GET", client.presign("GET", OBJECT), [("host", HOST)])).code == code
        entry = door.platform.recorder.entries[-1]
        assert entry.operation.actor.id == "anonymous" and entry.outcome.value in ("denied", "failed")
    assert (await acting(door, first)("GET", OBJECT)).status == 200


async def test_a_token_counts_only_where_the_signature_stands_and_covers_it(door, sts):
    client = acting(door, await assume(sts))
    bare = acting(door, await assume(sts), token=None)
    token = client.credentials.token
    added = await bare("GET", OBJECT, unsigned={"x-amz-security-token": token})
    assert added.code == "AccessDenied"  # a header that the signature does not cover
    target = bare.presign("GET", OBJECT)
    more = f"&X-Amz-Security-Token={token}"
    assert (await speak(door.app, "GET", target + more, [("host", HOST)])).code == "SignatureDoesNotMatch"
    headers = [("host", HOST), ("x-amz-security-token", token)]
    assert (await speak(door.app, "GET", target, headers)).status in (400, 403)
    both = [("host", HOST), ("x-amz-security-token", token)]
    assert (await speak(door.app, "GET", client.presign("GET", OBJECT), both)).status in (400, 403)
    assert (await speak(door.app, "GET", OBJECT, headers)).status in (400, 403)


async def test_a_signature_is_for_one_service_one_region_one_body_and_its_time(door, key, sts):
    assert (await sts("GetCallerIdentity", tamper=lambda body: body + b"&X=1")).texts("Error/Code") == [
        "SignatureDoesNotMatch"
    ]
    for wrong in ({"service": "s3"}, {"service": "iam"}, {"region": "eu-other-1"}):
        assert code_of(await sts("GetCallerIdentity", **wrong)) == "SignatureDoesNotMatch", wrong
    s3 = sts.s3
    signed = s3.sign("POST", "/", {"content-type": "application/x-www-form-urlencoded"}, "0" * 64)
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    answer = await speak(
        door.app, "POST", "/", {**signed, "content-length": str(len(body))}.items(), [body]
    )  # a signature for S3 opens no STS
    assert code_of(answer) == "SignatureDoesNotMatch"
    assert code_of(await sts("GetCallerIdentity", signed=False)) == "AccessDenied"
    late = S3Client(door.app, key.id, key.secret.reveal().decode(), LateClock(door.platform.clock))
    assert code_of(await QueryClient(late)("AssumeRole", RoleArn=STEWARD, RoleSessionName="late")) == (
        "RequestTimeTooSkewed"
    )


class LateClock:
    def __init__(self, clock):
        self._clock = clock

    def now(self):
        return Instant(self._clock.now() - HOUR)


async def test_a_role_of_another_account_and_names_that_are_none_are_refused(sts):
    for arn, code in (
        ("arn:aws:iam::elsewhere:role/data_steward", "AccessDenied"),
        ("arn:aws:iam::*:role/data_steward", "AccessDenied"),
        ("arn:aws:sts::chu-test:role/data_steward", "ValidationError"),
        ("arn:aws:iam::chu-test:user/data_steward", "ValidationError"),
        ("arn:aws:iam::chu-test:role/", "ValidationError"),
        ("data_steward", "ValidationError"),
    ):
        assert code_of(await assume(sts, role=arn)) == code, arn
    for name in ("a", "x" * 65, "white space", "new\nline", "é" * 3):
        assert code_of(await assume(sts, name=name)) == "ValidationError", name


async def test_what_is_not_understood_is_refused_and_never_ignored(door, sts):
    for field, value in (
        ("ExternalId", "x"),
        ("SerialNumber", "arn:aws:iam::x:mfa/y"),
        ("TokenCode", "123456"),
        ("SourceIdentity", "somebody"),
        ("Tags.member.1.Key", "a"),
        ("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/AdministratorAccess"),
        ("policyDocument", "{}"),
    ):
        assert code_of(await assume(sts, **{field: value})) == "ValidationError", field
    for action, code in (
        ("GetFederationToken", "NotImplemented"),
        ("", "InvalidAction"),
        ("assumerole", "NotImplemented"),
    ):
        assert code_of(await sts(action)) == code
    twice = await sts("GetCallerIdentity", tamper=lambda body: body + b"&Action=GetSessionToken")
    assert code_of(twice) == "ValidationError"
    huge = await sts("GetCallerIdentity", Policy="x" * 70_000)
    assert code_of(huge) == "ValidationError"
    for body in (b"", b"Action", b"%ff=%ff", b"\xff", b"Action=%zz&Version=2011-06-15"):
        answer = await sts("GetCallerIdentity", tamper=lambda _, body=body: body)
        assert answer.status in (400, 403, 501), body
    assert not door.platform.entries("iam.temporary-key.create") or all(
        entry.outcome.value != "allowed" for entry in door.platform.entries("iam.temporary-key.create")
    )


async def test_one_identity_has_so_many_temporary_keys_and_no_more(door, key, sts):
    keys, op = door.platform.service.temporary_keys, door.platform.op(key.actor)
    await asyncio.gather(*(keys.from_key(op, key, seconds=900) for _ in range(MAX_IN_FORCE)))
    assert code_of(await sts("GetSessionToken")) == "LimitExceeded"
    door.platform.clock.advance(15 * MINUTE)
    assert (await sts("GetSessionToken")).status == 200


async def test_a_purpose_that_is_none_is_refused(door):
    with pytest.raises(Invalid):
        await door.platform.service.temporary_keys.from_session(
            door.platform.op(door.steward), door.steward.actor.session, seconds=900, purpose="fun"
        )


async def test_a_form_is_uploaded_with_a_temporary_key_if_its_policy_names_the_token(door, sts):
    key_id, secret, token = credentials(await sts("GetSessionToken"))
    now = datetime.fromtimestamp(door.platform.clock.now() / 1e6, UTC)
    date = now.strftime("%Y%m%d")
    fields = {
        "key": "in/form",
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{key_id}/{date}/{REGION}/s3/aws4_request",
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
        "x-amz-security-token": token,
    }

    async def post(fields, named):
        conditions = [{"bucket": "records"}, *({name: fields[name]} for name in named if name in fields)]
        expiration = datetime.fromtimestamp(door.platform.clock.now() / 1e6 + 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        policy = base64.b64encode(json.dumps({"expiration": expiration, "conditions": conditions}).encode())
        signature = SigningKey(signing_key(secret.encode(), date, REGION)).sign(policy)
        every = {**fields, "policy": policy.decode(), "x-amz-signature": signature}
        rows = [
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in every.items()
        ]
        file = '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n--b--\r\n'
        body = ("".join(rows) + file).encode()
        headers = {"host": HOST, "content-type": "multipart/form-data; boundary=b", "content-length": str(len(body))}
        return await speak(door.app, "POST", "/records", headers.items(), [body])

    assert (await post(fields, fields)).status == 204
    assert (await sts.s3("GET", "/records/in/form")).body == b"hello"
    assert (await post(fields, set(fields) - {"x-amz-security-token"})).status == 403
    assert (await post({**fields, "x-amz-security-token": token + "x"}, fields)).code == "InvalidToken"
    without = {name: value for name, value in fields.items() if name != "x-amz-security-token"}
    assert (await post(without, fields)).code == "InvalidToken"
