"""What clients use of IAM over S3's door: oneself, one's machines, one's keys; nothing of anybody else (issue 6)."""

import pytest

from nexus.iam.model import Role
from nexus.iam.requests.machines import CreateMachine
from simulators.s3_client import QueryClient
from simulators.s3_door import SITE
from simulators.s3_people import open_with_people, settle
from simulators.sts import acting, assume, code_of

IAM = {"service": "iam", "version": "2010-05-08"}


@pytest.fixture
async def door(tmp_path):
    with open_with_people(tmp_path) as opened:
        yield await settle(opened)


@pytest.fixture
async def key(door):
    return await door.key(door.steward)


@pytest.fixture
def iam(door, key):
    return QueryClient(door.client(key), **IAM)


async def test_one_sees_oneself_ones_machines_and_the_roles_that_one_may_assume(door, key, iam):
    rita = door.steward
    answer = await iam("GetUser")
    assert answer.texts("GetUserResult/User/UserName") == [rita.id]
    assert answer.texts(".//Arn") == [f"arn:aws:iam::{SITE}:user/{rita.id}"]
    await door.platform.sign_in(door.ada)
    request = CreateMachine(name="m", owner=rita.id)
    machine = await door.platform.call("iam.machine.create", door.platform.op(door.ada), request)
    assert (await iam("ListUsers")).texts(".//UserName") == [rita.id, machine.id]
    (arn,) = (await iam("ListRoles")).texts(".//Arn")
    assert arn == f"arn:aws:iam::{SITE}:role/site/{SITE}/data_steward"
    assert (await assume(QueryClient(door.client(key)), role=arn)).status == 200
    assert (await iam("ListAccessKeys", UserName=machine.id)).texts(".//AccessKeyId") == []


async def test_ones_keys_are_listed_and_stopped(door, key, iam):
    other, third = await door.key(door.steward), await door.key(door.steward)
    answer = await iam("ListAccessKeys")
    assert answer.texts(".//AccessKeyId") == [key.id, other.id, third.id]
    assert set(answer.texts(".//Status")) == {"Active"}
    assert (await iam("DeleteAccessKey", AccessKeyId=other.id)).xml.tag == "DeleteAccessKeyResponse"
    assert (await iam("UpdateAccessKey", AccessKeyId=third.id, Status="Inactive")).status == 200
    for stopped in (other, third):
        assert (await door.client(stopped)("GET", "/")).code == "InvalidAccessKeyId"
    assert (await iam("ListAccessKeys")).texts(".//Status") == ["Active", "Inactive", "Inactive"]
    assert code_of(await iam("UpdateAccessKey", AccessKeyId=third.id, Status="Active")) == "ValidationError"
    assert code_of(await iam("DeleteAccessKey", AccessKeyId=third.id)) == "NoSuchEntity"
    (revoked, _) = [e for e in door.platform.entries("iam.access-key.revoke") if e.outcome.value == "allowed"]
    assert (revoked.details["access_key"], revoked.operation.door) == (other.id, "s3")


async def test_a_key_makes_no_key(door, iam):
    answer = await iam("CreateAccessKey")
    assert code_of(answer) == "AccessDenied"
    assert door.platform.entries("iam.access-key.create")[-1].outcome.value == "denied"
    assert len((await iam("ListAccessKeys")).texts(".//AccessKeyId")) == 1


async def test_others_are_refused_like_those_who_do_not_exist(door, iam):
    tom = await door.member("tom", Role.DATA_STEWARD)
    theirs = await door.key(tom)
    for name in (tom.id, "per_nobody"):
        assert code_of(await iam("GetUser", UserName=name)) == "AccessDenied"
        assert code_of(await iam("ListAccessKeys", UserName=name)) == "AccessDenied"
    for key_id in (theirs.id, "NX" + "A" * 18):
        assert code_of(await iam("DeleteAccessKey", AccessKeyId=key_id)) == "AccessDenied"
        assert code_of(await iam("UpdateAccessKey", AccessKeyId=key_id, Status="Inactive")) == "AccessDenied"
    assert (await door.client(theirs)("GET", "/")).status == 200


async def test_a_key_that_is_left_buckets_or_a_policy_knows_nothing_of_identities(door, key):
    narrow = QueryClient(door.client(await door.key(door.steward, only_buckets=("records",))), **IAM)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    assumed = QueryClient(acting(door, await assume(QueryClient(door.client(key)), policy)), **IAM)
    for iam in (narrow, assumed):
        for verb in ("GetUser", "ListUsers", "ListRoles", "ListAccessKeys", "CreateAccessKey"):
            assert code_of(await iam(verb)) == "AccessDenied", verb
        assert code_of(await iam("DeleteAccessKey", AccessKeyId=key.id)) == "AccessDenied"


async def test_the_rest_of_iam_is_not_implemented(iam):
    for verb in ("CreateUser", "PutUserPolicy", "CreateRole", "AttachRolePolicy", "AssumeRole"):
        answer = await iam(verb)
        assert (answer.status, code_of(answer)) == (501, "NotImplemented"), verb
    assert code_of(await iam("ListUsers", Marker="x")) == "ValidationError"
    assert code_of(await iam("GetUser", Unknown="x")) == "ValidationError"
