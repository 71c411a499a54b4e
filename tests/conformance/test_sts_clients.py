"""Real clients of STS, unchanged, against a real server over TLS 1.3, with people, rights and keys as they are (issue 6)."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

import boto3
import httpx
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError
from minio import Minio
from minio.credentials import AssumeRoleProvider
from minio.error import S3Error

from nexus.iam.requests.forms import ById
from simulators.clock import WallClock
from simulators.s3_door import REGION, SITE
from simulators.s3_people import open_with_people, settle
from simulators.tls_door import listening

TIMEOUT_S = 120
ROLE = f"arn:aws:iam::{SITE}:role/data_steward"
READ_IN = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::sts/in/*"}],
}


class Site:
    """The door over TLS, Rita's key, and clients for any credentials."""

    def __init__(self, door, server, key):
        self.door = door
        self.url = server.url
        self.ca = str(server.ca)
        self.key = key

    def client(self, service, credentials=None):
        given = credentials or {"AccessKeyId": self.key.id, "SecretAccessKey": self.key.secret.reveal().decode()}
        return boto3.client(
            service,
            endpoint_url=self.url,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given.get("SessionToken"),
            region_name=REGION,
            verify=self.ca,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sts")
    with open_with_people(folder, WallClock()) as door:
        asyncio.run(settle(door))
        key = asyncio.run(door.key(door.steward))
        with listening(door, folder) as server:
            made = Site(door, server, key)
            s3 = made.client("s3")
            s3.create_bucket(Bucket="sts", CreateBucketConfiguration={"LocationConstraint": REGION})
            for name in ("in/k", "out/k"):
                s3.put_object(Bucket="sts", Key=name, Body=name.encode())
            yield made


def test_boto3_assumes_a_role_and_works_with_what_it_is_left(site):
    sts = site.client("sts")
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{SITE}:user/{site.door.steward.id}"
    answer = sts.assume_role(RoleArn=ROLE, RoleSessionName="notebook", Policy=json.dumps(READ_IN), DurationSeconds=900)
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{SITE}:assumed-role/data_steward/notebook"
    s3 = site.client("s3", answer["Credentials"])
    assert s3.get_object(Bucket="sts", Key="in/k")["Body"].read() == b"in/k"
    for refused in (
        lambda: s3.get_object(Bucket="sts", Key="out/k"),
        lambda: s3.put_object(Bucket="sts", Key="in/k", Body=b"x"),
        lambda: s3.list_objects_v2(Bucket="sts"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()
    with pytest.raises(ClientError, match="ValidationError"):
        sts.assume_role(RoleArn=ROLE, RoleSessionName="notebook", ExternalId="x12")


def test_boto3_asks_iam_about_oneself(site):
    iam = site.client("iam")
    assert iam.get_user()["User"]["UserName"] == site.door.steward.id
    assert site.key.id in [key["AccessKeyId"] for key in iam.list_access_keys()["AccessKeyMetadata"]]
    (role,) = iam.list_roles()["Roles"]
    assert site.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="by-arn")["Credentials"]
    with pytest.raises(ClientError, match="AccessDenied"):
        iam.create_access_key()
    with pytest.raises(ClientError, match="NotImplemented"):
        iam.create_user(UserName="somebody")


def test_boto3_exchanges_an_id_token(site):
    door = site.door
    tool = asyncio.run(door.issuer.tool(door.ada, name="Notebooks"))
    token = asyncio.run(door.issuer.sign_in(tool, door.steward, scope="openid storage"))["id_token"]
    role = f"arn:aws:iam::{SITE}:role/purpose/care/data_steward"
    given = {"RoleArn": role, "RoleSessionName": "notebook", "WebIdentityToken": token}
    answer = site.client("sts").assume_role_with_web_identity(**given)
    s3 = site.client("s3", answer["Credentials"])
    assert s3.get_object(Bucket="sts", Key="in/k")["Body"].read() == b"in/k"


def test_boto3_presigns_urls_and_forms_with_a_session_token(site):
    credentials = site.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    s3 = site.client("s3", credentials)
    with httpx.Client(verify=ssl.create_default_context(cafile=site.ca), timeout=TIMEOUT_S) as http:
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "sts", "Key": "in/k"})
        assert http.get(url).content == b"in/k"
        assert http.get(url.replace(credentials["SessionToken"], "x" * 47)).status_code == 403
        post = s3.generate_presigned_post("sts", "in/form")
        assert http.post(post["url"], data=post["fields"], files={"file": b"hello"}).status_code == 204
    assert s3.get_object(Bucket="sts", Key="in/form")["Body"].read() == b"hello"


def test_the_aws_command_line_assumes_a_role(site):
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ACCESS_KEY_ID": site.key.id,
        "AWS_SECRET_ACCESS_KEY": site.key.secret.reveal().decode(),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": site.url,
        "AWS_CA_BUNDLE": site.ca,
    }
    aws = str(Path(sys.executable).with_name("aws"))

    def run(*command, env=env):
        done = subprocess.run([aws, *command], check=False, env=env, capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    given = json.loads(run("sts", "assume-role", "--role-arn", ROLE, "--role-session-name", "nightly"))["Credentials"]
    assumed = env | {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
    assert run("s3", "cp", "s3://sts/in/k", "-", env=assumed) == "in/k"


def test_minio_py_assumes_a_role_by_itself(site):
    http = urllib3.PoolManager(ca_certs=site.ca)
    provider = AssumeRoleProvider(
        sts_endpoint=site.url,
        access_key=site.key.id,
        secret_key=site.key.secret.reveal().decode(),
        policy=json.dumps(READ_IN),
        region=REGION,
        role_arn=ROLE,
        role_session_name="minio",
        http_client=http,
    )
    client = Minio(endpoint=site.url.removeprefix("https://"), credentials=provider, region=REGION, http_client=http)
    assert client.get_object(bucket_name="sts", object_name="in/k").read() == b"in/k"
    with pytest.raises(S3Error, match="AccessDenied"):
        client.get_object(bucket_name="sts", object_name="out/k")


def test_what_was_derived_stops_when_the_key_is_revoked(site):
    door = site.door
    key = asyncio.run(door.key(door.steward))
    own = {"AccessKeyId": key.id, "SecretAccessKey": key.secret.reveal().decode()}
    credentials = site.client("sts", own).get_session_token()["Credentials"]
    s3 = site.client("s3", credentials)
    assert s3.get_object(Bucket="sts", Key="in/k")["Body"].read() == b"in/k"
    asyncio.run(door.platform.call("iam.access-key.revoke", door.platform.op(door.steward), ById(id=key.id)))
    with pytest.raises(ClientError, match="ExpiredToken"):
        s3.get_object(Bucket="sts", Key="in/k")
