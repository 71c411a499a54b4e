"""Clients of STS for tests: what they ask for, and what they do with the keys that they get."""

import json

from simulators.s3_client import S3Client
from simulators.s3_door import REGION, SITE

STEWARD = f"arn:aws:iam::{SITE}:role/data_steward"


def credentials(answer):
    assert answer.status == 200, answer.body
    return [answer.texts(f".//{name}")[0] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]


def acting(door, answer, **changed):
    """An S3 client with the credentials of an answer, some of them replaced."""
    given = dict(zip(("key_id", "secret", "token"), credentials(answer), strict=True)) | changed
    return S3Client(door.app, given["key_id"], given["secret"], door.platform.clock, REGION, given["token"])


def assume(sts, policy=None, role=STEWARD, name="nightly", **more):
    fields = {"RoleArn": role, "RoleSessionName": name, **more}
    if policy is not None:
        fields["Policy"] = policy if isinstance(policy, str) else json.dumps(policy)
    return sts("AssumeRole", **fields)


def allow(*actions, resource="*", **more):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def code_of(answer):
    return answer.texts("Error/Code")[0]


async def filled_bucket(door):
    """Rita's own access key, and her bucket `records` with two objects."""
    made = await door.key(door.steward)
    whole = door.client(made)
    assert (await whole("PUT", "/records")).status == 200
    for name in ("in/k", "out/k"):
        assert (await whole("PUT", f"/records/{name}", name.encode())).status == 200
    return made
