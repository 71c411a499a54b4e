"""Buckets over S3, and listing what is in them."""

from urllib.parse import quote, unquote

import pytest

from simulators.s3_door import KEY_ID, machine, open_s3_door


@pytest.fixture
def door(tmp_path):
    opened = open_s3_door(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def client(door):
    return door.client()


async def fill(client, *keys):
    await client("PUT", "/records")
    for key in keys:
        assert (await client("PUT", f"/records/{key}", b"x")).status == 200


async def test_a_bucket_lives_and_dies(client):
    created = await client("PUT", "/records")
    assert (created.status, created.headers["location"]) == (200, "/records")
    assert (await client("HEAD", "/records")).headers["x-amz-bucket-region"] == "eu-test-1"
    assert (await client("GET", "/")).texts("Buckets/Bucket/Name") == ["records"]
    assert (await client("PUT", "/records")).code == "BucketAlreadyOwnedByYou"
    await client("PUT", "/records/k", b"x")
    assert (await client("DELETE", "/records")).code == "BucketNotEmpty"
    await client("DELETE", "/records/k")
    assert (await client("DELETE", "/records")).status == 204
    assert (await client("HEAD", "/records")).status == 404


@pytest.mark.parametrize(
    "name", ["ab", "Upper", "a_b", "a..b", "192.168.1.1", "-a-", "a" * 64, "xn--abc", "%C3%A9%C3%A9%C3%A9"]
)
async def test_a_bad_bucket_name_is_refused(client, name):
    answer = await client("PUT", f"/{name}")
    assert (answer.status, answer.code) == (400, "InvalidBucketName")


async def test_the_region_of_a_bucket_is_that_of_the_door(client):
    def body(region):
        return f"<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>".encode()

    assert (await client("PUT", "/elsewhere", body("mars"))).code == "IllegalLocationConstraintException"
    assert (await client("PUT", "/records", body("eu-test-1"))).status == 200
    answer = await client("GET", "/records?location")
    assert (answer.xml.tag, answer.xml.text) == ("LocationConstraint", "eu-test-1")


async def test_a_new_bucket_belongs_to_the_site_of_its_maker_or_the_one_named(door, client):
    await client("PUT", "/records")
    assert door.objects.buckets.find("records").site == "chu-test"
    named = {"x-nexus-site": "chu-other", "x-nexus-project": "p1", "x-nexus-kind": "ingress"}
    assert (await client("PUT", "/others", headers=named)).status == 200
    other = door.objects.buckets.find("others")
    assert (other.site, other.project, other.kind.value) == ("chu-other", "p1", "ingress")
    assert (await client("PUT", "/third", headers={"x-nexus-kind": "public"})).code == "InvalidArgument"
    door.placements.site = None
    unclear = await client("PUT", "/fourth")
    assert (unclear.code, unclear.xml.findtext("Header")) == ("InvalidRequest", "x-nexus-site")


async def test_the_gate_decides_on_the_site_that_the_bucket_will_have(door):
    actor = machine("provider")
    door.rights.give(actor, "objects.bucket.create", site="chu-test")
    provider = door.client(door.ring.add(actor))
    assert (await provider("PUT", "/mine")).status == 200
    assert (await provider("PUT", "/theirs", headers={"x-nexus-site": "chu-other"})).code == "AccessDenied"


async def test_listing_buckets_shows_those_that_one_may_see(door, client):
    await client("PUT", "/records")
    await client("PUT", "/others", headers={"x-nexus-site": "chu-other"})
    actor = machine("provider")
    provider = door.client(door.ring.add(actor))
    assert (await provider("GET", "/")).texts("Buckets/Bucket/Name") == []
    door.rights.give(actor, "objects.bucket.list", site="chu-other")
    assert (await provider("GET", "/")).texts("Buckets/Bucket/Name") == ["others"]
    assert (await client("GET", "/")).texts("Buckets/Bucket/Name") == ["others", "records"]


async def test_a_bucket_of_others_and_no_bucket_are_the_same_to_a_stranger(door, client):
    await client("PUT", "/records")
    stranger = door.client(door.ring.add(machine("stranger")))
    for method, target in (("GET", "/{}"), ("HEAD", "/{}"), ("GET", "/{}/k"), ("PUT", "/{}/k"), ("DELETE", "/{}")):
        answers = [await stranger(method, target.format(name)) for name in ("records", "nothing-here")]
        assert [a.status for a in answers] == [403, 403]
        assert answers[0].code == answers[1].code


async def test_buckets_are_listed_by_pages_and_by_prefix(client):
    for name in ("aaa-1", "aaa-2", "bbb-1"):
        await client("PUT", f"/{name}")
    first = await client("GET", "/?max-buckets=2")
    assert (first.texts("Buckets/Bucket/Name"), first.texts("ContinuationToken")) == (["aaa-1", "aaa-2"], ["aaa-2"])
    second = await client("GET", "/?max-buckets=2&continuation-token=aaa-2")
    assert (second.texts("Buckets/Bucket/Name"), second.texts("ContinuationToken")) == (["bbb-1"], [])
    assert (await client("GET", "/?prefix=bbb")).texts("Buckets/Bucket/Name") == ["bbb-1"]


async def test_a_name_that_is_free_is_not_found_by_who_might_have_it(door, client):
    actor = machine("provider")
    door.rights.give(actor, "objects.object.write", site="chu-test")
    provider = door.client(door.ring.add(actor))
    assert (await provider("PUT", "/nothing-here/k", b"x")).code == "NoSuchBucket"
    await client("PUT", "/others", headers={"x-nexus-site": "chu-other"})
    assert (await provider("PUT", "/others/k", b"x")).code == "AccessDenied"


def encryption(algorithm, key=""):
    return (
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
        f"<SSEAlgorithm>{algorithm}</SSEAlgorithm>{key}"
        "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
    ).encode()


async def test_the_default_encryption_is_one_that_exists_and_that_one_may_use(client):
    await client("PUT", "/records")
    for body, code in (
        (encryption("AES256"), ""),
        (encryption("aws:kms", f"<KMSMasterKeyID>{KEY_ID}</KMSMasterKeyID>"), ""),
        (encryption("aws:kms", "<KMSMasterKeyID>key_mine</KMSMasterKeyID>"), "KMS.NotFoundException"),
        (encryption("AES256", f"<KMSMasterKeyID>{KEY_ID}</KMSMasterKeyID>"), "InvalidArgument"),
        (encryption("none"), "InvalidArgument"),
        (b"<ServerSideEncryptionConfiguration/>", "MalformedXML"),
    ):
        assert (await client("PUT", "/records?encryption", body)).code == code


def acl(grantee):
    return (
        "<AccessControlPolicy><AccessControlList><Grant><Grantee>"
        f"{grantee}</Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"
    ).encode()


async def test_an_acl_may_grant_nobody_anything(door, client):
    await client("PUT", "/records")
    await client("PUT", "/records/k", b"x")
    for target in ("/records?acl", "/records/k?acl"):
        assert (await client("PUT", target, headers={"x-amz-acl": "private"})).status == 200
        assert (await client("PUT", target, acl(f"<ID>{door.owner.id}</ID>"))).status == 200
        for refused in (acl("<ID>mac_other</ID>"), acl("<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>")):
            assert (await client("PUT", target, refused)).code == "AccessControlListNotSupported"
        assert (
            await client("PUT", target, headers={"x-amz-acl": "public-read"})
        ).code == "AccessControlListNotSupported"
        assert (await client("PUT", target)).code == "MalformedXML"


async def test_the_default_encryption_is_kept_shown_and_removed_again(client):
    await client("PUT", "/records")
    missing = "ServerSideEncryptionConfigurationNotFoundError"
    assert (await client("GET", "/records?encryption")).code == missing
    for algorithm, key in (("aws:kms", KEY_ID), ("AES256", None)):
        await client("PUT", "/records?encryption", encryption(algorithm))
        answer = await client("GET", "/records?encryption")
        assert answer.texts("Rule/ApplyServerSideEncryptionByDefault/SSEAlgorithm") == [algorithm]
        assert answer.texts("Rule/ApplyServerSideEncryptionByDefault/KMSMasterKeyID") == ([key] if key else [])
    assert (await client("DELETE", "/records?encryption")).status == 204
    assert (await client("GET", "/records?encryption")).code == missing


async def test_versioning_starts_off_and_takes_two_states(client):
    await client("PUT", "/records")
    assert (await client("GET", "/records?versioning")).texts("Status") == []
    for status, code in (("Enabled", ""), ("Suspended", ""), ("Off", "MalformedXML"), ("", "MalformedXML")):
        body = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>".encode()
        assert (await client("PUT", "/records?versioning", body)).code == code
    mfa = b"<VersioningConfiguration><MfaDelete>Enabled</MfaDelete><Status>Enabled</Status></VersioningConfiguration>"
    assert (await client("PUT", "/records?versioning", mfa)).code == "NotImplemented"


async def test_virtual_host_style_reaches_the_same_objects(client):
    await fill(client, "k")
    assert (await client("GET", "/k", host="records.s3.nexus.test")).body == b"x"
    assert (await client("GET", "/?list-type=2", host="records.s3.nexus.test:9000")).texts("Contents/Key") == ["k"]


# Listing


async def test_a_listing_by_pages_is_the_whole_listing(client):
    keys = sorted(f"{n:02}" for n in range(23))
    await fill(client, *keys)
    found, token = [], ""
    while True:
        answer = await client("GET", f"/records?list-type=2&max-keys=5{token}")
        found += answer.texts("Contents/Key")
        assert answer.texts("KeyCount") == [str(len(answer.texts("Contents/Key")))]
        if answer.texts("IsTruncated") == ["false"]:
            break
        token = f"&continuation-token={quote(answer.texts('NextContinuationToken')[0], safe='')}"
    assert found == keys


async def test_version_1_pages_by_marker(client):
    await fill(client, "a/1", "a/2", "b", "c/1")
    first = await client("GET", "/records?delimiter=%2F&max-keys=2")
    assert (first.texts("CommonPrefixes/Prefix"), first.texts("Contents/Key")) == (["a/"], ["b"])
    assert first.texts("NextMarker") == ["b"]
    second = await client("GET", "/records?delimiter=%2F&max-keys=2&marker=b")
    assert (second.texts("CommonPrefixes/Prefix"), second.texts("IsTruncated")) == (["c/"], ["false"])
    assert second.texts("NextMarker") == []


async def test_prefix_delimiter_and_start_after_narrow_a_listing(client):
    await fill(client, "a/1", "a/2/x", "a/3", "b")
    answer = await client("GET", "/records?list-type=2&prefix=a%2F&delimiter=%2F&start-after=a%2F1&fetch-owner=true")
    assert (answer.texts("Contents/Key"), answer.texts("CommonPrefixes/Prefix")) == (["a/3"], ["a/2/"])
    assert answer.texts("StartAfter") == ["a/1"]
    assert len(answer.texts("Contents/Owner/ID")) == 1


async def test_names_can_be_asked_for_percent_encoded(client):
    await fill(client, "caf%C3%A9%20%01/a%2Bb")
    answer = await client("GET", "/records?list-type=2&encoding-type=url&prefix=caf%C3%A9&delimiter=x")
    assert unquote(answer.texts("Contents/Key")[0]) == "café \x01/a+b"
    assert "\x01" not in answer.texts("Contents/Key")[0]
    assert (await client("GET", "/records?encoding-type=base64")).code == "InvalidArgument"


@pytest.mark.parametrize(
    "query",
    ["list-type=3", "max-keys=-1", "max-keys=a", "max-keys=99999999999",
     "list-type=2&continuation-token=forged", "versions&version-id-marker=v"],
)  # fmt: skip
async def test_a_listing_that_makes_no_sense_is_an_invalid_argument(client, query):
    await fill(client)
    answer = await client("GET", f"/records?{query}")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


async def test_more_than_a_thousand_means_a_thousand_and_none_means_none(client):
    await fill(client, "a")
    assert (await client("GET", "/records?list-type=2&max-keys=5000")).texts("MaxKeys") == ["1000"]
    none = await client("GET", "/records?list-type=2&max-keys=0")
    assert (none.texts("Contents"), none.texts("IsTruncated")) == ([], ["false"])


@pytest.mark.parametrize("version", ["", "list-type=2&"])
async def test_who_needs_no_order_gets_one_all_the_same_and_no_common_prefixes(client, version):
    """Ceph's `allow-unordered`, which its clients send."""
    await client("PUT", "/records")
    for key in ("b/1", "a"):
        await client("PUT", f"/records/{key}", b"x")
    listed = await client("GET", f"/records?{version}allow-unordered=true")
    assert listed.texts("Contents/Key") == ["a", "b/1"]
    refused = await client("GET", f"/records?{version}allow-unordered=true&delimiter=%2F")
    assert (refused.status, refused.code) == (400, "InvalidArgument")
