"""Policies, lists and public access over S3: on the platform they only take away; roles are the ceiling."""

import json

import pytest

from simulators.s3_client import HOST, speak
from simulators.s3_door import OpenSharing, machine, open_s3_door


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    client = opened.client()
    assert (await client("PUT", "/records")).status == 200
    assert (await client("PUT", "/records/open/k", b"open")).status == 200
    assert (await client("PUT", "/records/closed/k", b"closed")).status == 200
    yield opened
    opened.close()


@pytest.fixture
async def shared(tmp_path):
    """Another kind of store, in which owners may share: what others' suites expect."""
    sharing = OpenSharing()
    opened = open_s3_door(tmp_path, sharing=sharing)
    sharing.known = {"mac_owner", "mac_guest"}
    client = opened.client()
    assert (await client("PUT", "/records")).status == 200
    assert (await client("PUT", "/records/k", b"open")).status == 200
    yield opened
    opened.close()


def policy(effect, action="s3:GetObject", resource="records/closed/*", principal="*", **more):
    arn = [f"arn:aws:s3:::{each}" for each in (resource if isinstance(resource, list) else [resource])]
    statement = {"Effect": effect, "Principal": principal, "Action": action, "Resource": arn, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()


async def test_what_a_policy_denies_is_denied_to_those_whom_roles_allow_and_recorded(door):
    client = door.client()
    assert (await client("PUT", "/records?policy", policy("Deny"))).status == 204
    assert (await client("GET", "/records/open/k")).body == b"open"
    for method, target, headers in (
        ("GET", "/records/closed/k", {}),
        ("HEAD", "/records/closed/k", {}),
        ("PUT", "/records/copy", {"x-amz-copy-source": "records/closed/k"}),
    ):
        assert (await client(method, target, headers=headers)).status == 403
        assert door.audit.entries[-1].outcome.value == "denied"
        assert door.audit.entries[-1].details["code"] == "objects.policy"
    await client("DELETE", "/records?policy")
    assert (await client("GET", "/records/closed/k")).body == b"closed"


async def test_a_denial_counts_for_every_key_of_a_bulk_delete(door):
    client = door.client()
    await client("PUT", "/records?policy", policy("Deny", "s3:DeleteObject"))
    import base64
    import hashlib

    body = b"<Delete><Object><Key>open/k</Key></Object><Object><Key>closed/k</Key></Object></Delete>"
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    answer = await client("POST", "/records?delete", body, {"content-md5": md5})
    assert (answer.texts("Deleted/Key"), answer.texts("Error/Key")) == (["open/k"], ["closed/k"])


async def test_a_condition_on_the_tags_of_an_object_looks_at_the_object(door):
    client = door.client()
    condition = {"StringEquals": {"s3:ExistingObjectTag/class": "secret"}}
    await client("PUT", "/records?policy", policy("Deny", resource="records/*", Condition=condition))
    assert (await client("GET", "/records/open/k")).status == 200
    tags = b"<Tagging><TagSet><Tag><Key>class</Key><Value>secret</Value></Tag></TagSet></Tagging>"
    await client("PUT", "/records/open/k?tagging", tags)
    assert (await client("GET", "/records/open/k")).code == "AccessDenied"


async def test_what_a_header_asks_for_besides_is_denied_with_its_own_permission(door):
    client = door.client()
    await client("PUT", "/records?policy", policy("Deny", "s3:PutObjectTagging", "records/*"))
    assert (await client("PUT", "/records/new", b"x", {"x-amz-tagging": "a=b"})).code == "AccessDenied"
    assert (await client("PUT", "/records/new", b"x")).status == 200


async def test_nobody_locks_himself_out_of_repairing_a_policy(door):
    client = door.client()
    everything = policy("Deny", "s3:*", ["records", "records/*"])
    assert (await client("PUT", "/records?policy", everything)).status == 204
    assert (await client("GET", "/records")).code == "AccessDenied"
    assert (await client("GET", "/records?policy")).body == everything
    stranger = door.client(door.ring.add(machine("stranger")))
    assert (await stranger("DELETE", "/records?policy")).code == "AccessDenied"
    assert (await client("DELETE", "/records?policy")).status == 204
    assert (await client("GET", "/records?policy")).code == "NoSuchBucketPolicy"


async def test_on_the_platform_a_policy_lets_in_nobody(door):
    client = door.client()
    for body, code in (
        (policy("Allow"), "AccessDenied"),
        (policy("Allow", principal={"AWS": "mac_guest"}), "MalformedPolicy"),
    ):
        assert (await client("PUT", "/records?policy", body)).code == code
    assert (await client("GET", "/records?policyStatus")).texts("IsPublic") == ["false"]


async def test_even_a_policy_that_got_in_otherwise_lets_in_nobody(door):
    """As if a document of another program had come into the database: the ceiling is in the decision, not in the verb."""
    from nexus.objects.buckets import DocumentName
    from simulators.operations import operation

    bucket = door.objects.buckets.find("records")
    body = policy("Allow", "s3:*", ["records", "records/*"])
    await door.objects.buckets.put_document(operation(), bucket, DocumentName.POLICY, body)
    guest = door.client(door.ring.add(machine("guest")))
    assert (await guest("GET", "/records/open/k")).code == "AccessDenied"
    assert (await speak(door.app, "GET", "/records/open/k", [("host", HOST)])).code == "AccessDenied"


async def test_public_access_is_blocked_and_stays_so(door):
    client = door.client()
    switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")

    def body(value):
        inner = "".join(f"<{name}>{value}</{name}>" for name in switches)
        return f"<PublicAccessBlockConfiguration>{inner}</PublicAccessBlockConfiguration>".encode()

    for attempt, code in ((body("false"), "AccessDenied"), (body("perhaps"), "MalformedXML"), (body("true"), "")):
        assert (await client("PUT", "/records?publicAccessBlock", attempt)).code == code
    assert (await client("DELETE", "/records?publicAccessBlock")).status == 204
    shown = await client("GET", "/records?publicAccessBlock")
    assert [shown.texts(name) for name in switches] == [["true"]] * 4


async def test_the_owner_of_a_bucket_owns_what_is_in_it(door):
    client = door.client()
    assert (await client("GET", "/records?ownershipControls")).texts("Rule/ObjectOwnership") == ["BucketOwnerEnforced"]

    def body(value):
        return (
            f"<OwnershipControls><Rule><ObjectOwnership>{value}</ObjectOwnership></Rule></OwnershipControls>".encode()
        )

    for value, code in (
        ("ObjectWriter", "AccessControlListNotSupported"),
        ("Nobody", "InvalidArgument"),
        ("BucketOwnerEnforced", ""),
    ):
        assert (await client("PUT", "/records?ownershipControls", body(value))).code == code
    assert (await client("DELETE", "/records?ownershipControls")).status == 204
    new = await client("PUT", "/another", headers={"x-amz-object-ownership": "ObjectWriter"})
    assert new.code == "AccessControlListNotSupported"


async def test_a_policy_costs_a_bucket_without_one_no_query(door, monkeypatch):
    counted = []
    original = door.db.read

    def read():
        counted.append(1)
        return original()

    client = door.client()
    await client("GET", "/records/open/k")
    monkeypatch.setattr(door.db, "read", read)
    await client("GET", "/records/open/k")
    without = len(counted)
    await client("PUT", "/records?policy", policy("Deny"))
    await client("GET", "/records/open/k")
    counted.clear()
    await client("GET", "/records/open/k")
    assert len(counted) == without, "and one that has a policy none either, once it is known"


# Where an owner may share: what the conformance suite relies on


async def test_where_sharing_is_possible_policy_and_lists_let_in_and_the_block_keeps_out(shared):
    client, guest = shared.client(), shared.client(shared.ring.add(machine("guest")))
    assert (await guest("GET", "/records/k")).code == "AccessDenied"
    await client("PUT", "/records/k?acl", headers={"x-amz-acl": "public-read"})
    assert (await guest("GET", "/records/k")).body == b"open"
    assert (await speak(shared.app, "GET", "/records/k", [("host", HOST)])).body == b"open"
    assert shared.audit.entries[-1].operation.actor.id == "anonymous"
    ignore = (
        b"<PublicAccessBlockConfiguration><IgnorePublicAcls>true</IgnorePublicAcls></PublicAccessBlockConfiguration>"
    )
    await client("PUT", "/records?publicAccessBlock", ignore)
    assert (await guest("GET", "/records/k")).code == "AccessDenied"
    await client("PUT", "/records?policy", policy("Allow", resource="records/*", principal={"AWS": "mac_guest"}))
    assert (await guest("GET", "/records/k")).body == b"open"
    assert (await guest("PUT", "/records/k", b"x")).code == "AccessDenied"
    assert (await guest("PUT", "/records?policy", policy("Allow", resource="records/*"))).code == "AccessDenied"


async def test_a_list_is_kept_shown_and_replaced(shared):
    client = shared.client()
    grant = (
        '<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
        "<ID>{}</ID></Grantee><Permission>{}</Permission></Grant>"
    )

    def body(*grants):
        lines = "".join(grant.format(*each) for each in grants)
        return f"<AccessControlPolicy><AccessControlList>{lines}</AccessControlList></AccessControlPolicy>".encode()

    for target in ("/records?acl", "/records/k?acl"):
        assert (await client("PUT", target, body(("mac_guest", "READ")))).status == 200
        shown = await client("GET", target)
        assert shown.texts("AccessControlList/Grant/Grantee/ID") == ["mac_guest"]
        assert shown.texts("AccessControlList/Grant/Permission") == ["READ"]
        assert (await client("PUT", target, body(("mac_unknown", "READ")))).code == "InvalidArgument"
        assert (await client("PUT", target, body(("mac_guest", "ALL")))).code == "MalformedXML"
