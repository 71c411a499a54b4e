"""Stories 1 and 2: an object is put, sealed, recorded; read by those who may, refused to the others. R-153, F-010."""

import os

import pytest
from botocore.exceptions import ClientError

from simulators.installation import Installation, until

SITE = "site:chu-lille"
NAME = "MARTIN^JEANNE"
BODY = b"patient " + NAME.encode() + b" " + os.urandom(32).hex().encode()


@pytest.fixture(scope="module")
def steward(platform: Installation):
    return platform.person("david", "data_steward", SITE)


@pytest.fixture(scope="module")
def provider(platform: Installation):
    return platform.person("claire", "data_provider", SITE)


@pytest.fixture(scope="module")
def bucket(steward):
    steward.call("objects.bucket.create", name="lille-ingress", site="chu-lille", kind="ingress")
    return "lille-ingress"


@pytest.fixture(scope="module")
def written(platform, provider, bucket):
    s3 = platform.s3(provider.access_key("care"))
    s3.put_object(Bucket=bucket, Key="2026/extract.csv", Body=BODY, Metadata={"source": NAME})
    return s3


def entries(platform: Installation, **query):
    auditor = platform.founder("alice")
    return auditor.call("audit.entry.list", for_purpose="audit", **query)["entries"]


def test_an_object_is_acknowledged_with_the_key_that_seals_it(platform, written, bucket):
    head = written.head_object(Bucket=bucket, Key="2026/extract.csv")
    assert head["ServerSideEncryption"] == "aws:kms" and head["SSEKMSKeyId"].startswith("key_")
    assert head["Metadata"] == {"source": NAME}


def test_the_disk_holds_neither_body_nor_metadata_nor_name(platform, written):
    for path, content in platform.everything_on_disk().items():
        for canary in (BODY, NAME.encode(), b"2026/extract.csv"):
            assert canary not in content, path


def test_those_who_may_read_it_back(platform, written, bucket, steward):
    assert written.get_object(Bucket=bucket, Key="2026/extract.csv")["Body"].read() == BODY
    also = platform.s3(steward.access_key("quality"))
    assert also.get_object(Bucket=bucket, Key="2026/extract.csv")["Body"].read() == BODY


@pytest.mark.parametrize(
    ("login", "role", "scope", "purpose"),
    [
        ("eva", "researcher", "site:chu-lille", "research"),  # never sees data as they came in
        ("farid", "data_provider", "site:chu-lyon", "care"),  # another site
        ("claire", "data_provider", "site:chu-lille", "operation"),  # the right person, for no purpose of care
    ],
)
def test_everybody_else_is_refused_and_the_refusal_is_recorded(platform, written, bucket, login, role, scope, purpose):
    person = platform.person(login, role, scope)
    s3 = platform.s3(person.access_key(purpose))
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=bucket, Key="2026/extract.csv")
    assert raised.value.response["Error"]["Code"] == "AccessDenied"
    operation = raised.value.response["ResponseMetadata"]["RequestId"]
    [entry] = entries(platform, operation=operation)
    assert entry["content"]["outcome"] == "denied" and entry["content"]["actor"]["person"] == person.id


def test_each_access_stands_in_the_log_with_who_what_why_and_where(platform, written, bucket, provider):
    reply = written.get_object(Bucket=bucket, Key="2026/extract.csv", Range="bytes=0-6")
    assert reply["Body"].read() == BODY[:7]
    # A bucket key that had to be opened first is an entry of the key service under the same operation.
    found = entries(platform, operation=reply["ResponseMetadata"]["RequestId"], action="objects.object.read")
    content = found[0]["content"]
    assert content["actor"]["person"] == provider.id
    assert (content["action"], content["outcome"], content["purpose"]) == ("objects.object.read", "allowed", "care")
    assert (content["resource"]["id"], content["origin"], content["door"]) == (bucket, "127.0.0.1", "s3")
    assert content["details"]["key"] == "2026/extract.csv"


def test_the_key_service_says_in_the_same_log_which_keys_it_opened(platform, written, bucket):
    opened = until(lambda: entries(platform, action="kms.data-key.*"), what="shipping the key service's entries")
    assert {entry["content"]["door"] for entry in opened} >= {"s3"}


def test_the_same_story_with_keys_in_a_token(hsm_platform):
    """R-157: wrap and unwrap happen inside the token; a software token is reported as emulated."""
    steward = hsm_platform.person("david", "data_steward", SITE)
    steward.call("objects.bucket.create", name="lille-hsm", site="chu-lille")
    s3 = hsm_platform.s3(steward.access_key("quality"))
    s3.put_object(Bucket="lille-hsm", Key="a", Body=BODY)
    assert s3.get_object(Bucket="lille-hsm", Key="a")["Body"].read() == BODY
    keys = hsm_platform.status()["key_service"]
    assert keys["provider"] == "pkcs11" and keys["emulated"] is True


def test_a_bucket_made_over_s3_belongs_to_its_makers_site_and_is_under_that_sites_key(platform, steward):
    key = platform.founder("bruno").call(
        "kms.key.create", owner="site:chu-lille", purpose="data of CHU Lille", rotation_days=90
    )["id"]
    s3 = platform.s3(steward.access_key("quality"))
    s3.create_bucket(Bucket="made-over-s3", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    found = steward.call("objects.bucket.read", name="made-over-s3")
    assert (found["site"], found["key_id"]) == ("chu-lille", key)
