"""Object lock over S3: what is locked stays, whatever way somebody tries to be rid of it, and nobody lifts it alone."""

import pytest

from nexus.kernel.clock import DAY, SECOND
from nexus.kernel.errors import Denied
from nexus.objects.administration import BucketAdministration, LiftLock
from nexus.objects.model import ObjectRef
from simulators.operations import operation
from simulators.s3_door import machine, open_s3_door

LOCKABLE = {"x-amz-bucket-object-lock-enabled": "true"}
BYPASS = {"x-amz-bypass-governance-retention": "true"}


@pytest.fixture
async def door(tmp_path):
    opened = open_s3_door(tmp_path)
    assert (await opened.client()("PUT", "/vault", headers=LOCKABLE)).status == 200
    yield opened
    opened.close()


@pytest.fixture
def steward(door):
    """Who may do everything here but bypass a lock, as every person of the platform."""
    actor = machine("steward")
    for verb in ("read", "write", "delete", "list", "lock"):
        door.rights.give(actor, f"objects.object.{verb}", f"objects.version.{verb}")
    door.rights.give(actor, "objects.bucket.configure", "objects.bucket.read", "objects.upload.write")
    return door.client(door.ring.add(actor))


def until(door, days):
    from datetime import UTC, datetime

    return datetime.fromtimestamp((door.clock.now() + days * DAY) // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def retention(mode, moment):
    return f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{moment}</RetainUntilDate></Retention>".encode()


def hold(status):
    return f"<LegalHold><Status>{status}</Status></LegalHold>".encode()


def configuration(rule=""):
    return (
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
        f"{rule}</ObjectLockConfiguration>".encode()
    )


def default(mode="GOVERNANCE", period="<Days>2</Days>"):
    return configuration(f"<Rule><DefaultRetention><Mode>{mode}</Mode>{period}</DefaultRetention></Rule>")


async def locked(door, client, mode="GOVERNANCE"):
    """The version id of an object that is retained for ten days."""
    headers = {"x-amz-object-lock-mode": mode, "x-amz-object-lock-retain-until-date": until(door, 10)}
    answer = await client("PUT", "/vault/scan", b"x", headers)
    assert answer.status == 200, answer.body
    return answer.headers["x-amz-version-id"]


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
async def test_a_retained_version_is_there_until_its_date_and_then_goes(door, steward, mode):
    version = await locked(door, steward, mode)
    for headers in ({}, BYPASS):
        refused = await steward("DELETE", f"/vault/scan?versionId={version}", headers=headers)
        assert (refused.status, refused.code) == (403, "AccessDenied")
        assert door.audit.entries[-1].outcome.value == "denied"
    assert (await steward("DELETE", "/vault/scan")).status == 204, "a delete marker hides, and removes nothing"
    assert (await steward("GET", f"/vault/scan?versionId={version}")).body == b"x"
    door.clock.advance(11 * DAY)
    assert (await steward("DELETE", f"/vault/scan?versionId={version}")).status == 204


async def test_a_bulk_delete_leaves_what_is_locked_and_says_so(door, steward):
    version = await locked(door, steward)
    other = (await steward("PUT", "/vault/other", b"x")).headers["x-amz-version-id"]
    targets = "".join(
        f"<Object><Key>{key}</Key><VersionId>{id_}</VersionId></Object>"
        for key, id_ in (("scan", version), ("other", other))
    )
    import base64
    import hashlib

    body = f"<Delete>{targets}</Delete>".encode()
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    answer = await steward("POST", "/vault?delete", body, {"content-md5": md5})
    assert (answer.texts("Error/Key"), answer.texts("Error/Code")) == (["scan"], ["AccessDenied"])
    assert answer.texts("Deleted/Key") == ["other"]


async def test_a_hold_stays_without_a_date_and_beside_a_retention(door, steward):
    version = await locked(door, steward)
    assert (await steward("PUT", f"/vault/scan?legal-hold&versionId={version}", hold("ON"))).status == 200
    door.clock.advance(5_000 * DAY)
    fresh = door.client(door.ring.add(door.owner))  # the keys of before have expired by now
    assert (await fresh("DELETE", f"/vault/scan?versionId={version}", headers=BYPASS)).code == "AccessDenied"
    assert (await fresh("GET", "/vault/scan?legal-hold")).texts("Status") == ["ON"]


async def test_nobody_lifts_a_lock_alone(door, steward):
    version = await locked(door, steward)
    await steward("PUT", "/vault/scan?legal-hold", hold("ON"))
    for target, body, headers in (
        ("/vault/scan?legal-hold", hold("OFF"), {}),
        ("/vault/scan?retention", retention("GOVERNANCE", until(door, 1)), {}),
        ("/vault/scan?retention", retention("GOVERNANCE", until(door, 1)), BYPASS),
        ("/vault/scan?retention", b"<Retention/>", BYPASS),
        ("/vault/scan?retention", retention("COMPLIANCE", until(door, 10)), {}),
    ):
        assert (await steward("PUT", target, body, headers)).code == "AccessDenied"
    head = await steward("HEAD", f"/vault/scan?versionId={version}")
    assert head.headers["x-amz-object-lock-mode"] == "GOVERNANCE"
    assert head.headers["x-amz-object-lock-retain-until-date"] == until(door, 10).replace("Z", ".000Z")
    assert head.headers["x-amz-object-lock-legal-hold"] == "ON"


async def test_two_persons_lift_a_governance_lock_and_not_a_compliance_lock(door, steward):
    """What they run once the second has approved; that one alone cannot is the gate's test (test_four_eyes_proof)."""
    administration = BucketAdministration(door.objects, door.rights, door.placements)
    version = await locked(door, steward)
    await steward("PUT", "/vault/scan?legal-hold", hold("ON"))
    lift = LiftLock(name="vault", key="scan", version=version)
    before = await administration.lift_lock(operation(), lift)
    assert (before.mode, before.held) == ("governance", True)
    assert door.audit.entries[-1].action == "objects.lock.lift"
    assert (await steward("DELETE", f"/vault/scan?versionId={version}")).status == 204
    strict = await locked(door, steward, "COMPLIANCE")
    with pytest.raises(Denied):
        await administration.lift_lock(operation(), LiftLock(name="vault", key="scan", version=strict))


async def test_a_retention_is_prolonged_by_whoever_may_lock(door, steward):
    await locked(door, steward, "COMPLIANCE")
    longer = until(door, 20)
    assert (await steward("PUT", "/vault/scan?retention", retention("COMPLIANCE", longer))).status == 200
    answer = await steward("GET", "/vault/scan?retention")
    assert answer.texts("Mode") == ["COMPLIANCE"]
    assert answer.texts("RetainUntilDate") == [longer.replace("Z", ".000Z")]
    shorter = retention("COMPLIANCE", until(door, 15))
    assert (await door.client()("PUT", "/vault/scan?retention", shorter, BYPASS)).code == "AccessDenied"


async def test_the_default_counts_for_every_way_of_writing_that_names_none(door, steward):
    assert (await steward("PUT", "/vault?object-lock", default())).status == 200
    plain = machine("plain")
    for action in ("objects.object.write", "objects.object.read", "objects.upload.write"):
        door.rights.give(plain, action)
    writer = door.client(door.ring.add(plain))
    await writer("PUT", "/vault/put", b"x")
    await writer("PUT", "/vault/copy", headers={"x-amz-copy-source": "vault/put"})
    upload = (await writer("POST", "/vault/parts?uploads")).texts("UploadId")[0]
    etag = (await writer("PUT", f"/vault/parts?partNumber=1&uploadId={upload}", b"x")).headers["etag"]
    parts = (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    )
    assert (await writer("POST", f"/vault/parts?uploadId={upload}", parts.encode())).status == 200
    for key in ("put", "copy", "parts"):
        head = await steward("HEAD", f"/vault/{key}")
        assert head.headers["x-amz-object-lock-mode"] == "GOVERNANCE"
        version = head.headers["x-amz-version-id"]
        assert (await steward("DELETE", f"/vault/{key}?versionId={version}")).code == "AccessDenied"
    assert (await steward("GET", "/vault?object-lock")).texts("Rule/DefaultRetention/Days") == ["2"]


async def test_to_lock_needs_a_right_of_its_own(door):
    plain = machine("plain")
    door.rights.give(plain, "objects.object.write", "objects.bucket.configure")
    writer = door.client(door.ring.add(plain))
    headers = {"x-amz-object-lock-legal-hold": "ON"}
    assert (await writer("PUT", "/vault/k", b"x", headers)).code == "AccessDenied"
    assert (await writer("PUT", "/vault/k", b"x")).status == 200
    assert (await writer("PUT", "/vault/k?legal-hold", hold("ON"))).code == "AccessDenied"


async def test_a_bucket_with_locks_keeps_versioning_on(door, client=None):
    client = door.client()
    suspended = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
    assert (await client("PUT", "/vault?versioning", suspended)).code == "InvalidBucketState"
    await client("PUT", "/plain")
    assert (await client("PUT", "/plain?object-lock", configuration())).code == "InvalidBucketState"
    assert (await client("GET", "/plain?object-lock")).code == "ObjectLockConfigurationNotFoundError"
    await client("PUT", "/plain?versioning", suspended.replace(b"Suspended", b"Enabled"))
    assert (await client("PUT", "/plain?object-lock", configuration())).status == 200


async def test_a_bucket_without_locks_refuses_them(door):
    client = door.client()
    await client("PUT", "/plain")
    await client("PUT", "/plain/k", b"x")
    headers = {"x-amz-object-lock-legal-hold": "ON"}
    assert (await client("PUT", "/plain/other", b"x", headers)).code == "InvalidRequest"
    assert (await client("HEAD", "/plain/other")).status == 404
    assert (await client("POST", "/plain/other?uploads", headers=headers)).code == "InvalidRequest"
    for method, target, body in (
        ("GET", "/plain/k?retention", b""),
        ("PUT", "/plain/k?retention", retention("GOVERNANCE", until(door, 1))),
        ("GET", "/plain/k?legal-hold", b""),
        ("PUT", "/plain/k?legal-hold", hold("ON")),
    ):
        assert (await client(method, target, body)).code == "InvalidRequest"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<ObjectLockConfiguration/>", "MalformedXML"),
        (default("abc"), "MalformedXML"),
        (default(period=""), "MalformedXML"),
        (default(period="<Days>1</Days><Years>1</Years>"), "MalformedXML"),
        (default(period="<Days>one</Days>"), "MalformedXML"),
        (default(period="<Days>0</Days>"), "InvalidRetentionPeriod"),
        (default(period="<Years>101</Years>"), "InvalidRetentionPeriod"),
    ],
)
async def test_a_configuration_that_means_nothing_is_refused(door, body, code):
    assert (await door.client()("PUT", "/vault?object-lock", body)).code == code


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-object-lock-mode": "GOVERNANCE"},
        {"x-amz-object-lock-retain-until-date": "2100-01-01T00:00:00Z"},
        {"x-amz-object-lock-mode": "FOREVER", "x-amz-object-lock-retain-until-date": "2100-01-01T00:00:00Z"},
        {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "tomorrow"},
        {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "2001-01-01T00:00:00Z"},
        {"x-amz-object-lock-legal-hold": "MAYBE"},
    ],
)
async def test_a_lock_that_means_nothing_is_refused_and_nothing_is_written(door, headers):
    client = door.client()
    assert (await client("PUT", "/vault/k", b"x", headers)).code == "InvalidArgument"
    assert (await client("HEAD", "/vault/k")).status == 404


async def test_a_lock_laid_between_a_look_and_a_delete_counts(door, steward):
    """The lock is asked inside the transaction that removes, wherever the removal comes from."""
    answer = await steward("PUT", "/vault/scan", b"x")
    version = answer.headers["x-amz-version-id"]
    bucket = door.objects.buckets.find("vault")
    await door.objects.locking.hold(operation(), ObjectRef(bucket, "scan", version), held=True)
    with pytest.raises(Denied):
        await door.objects.deleting.delete(operation(), bucket, "scan", version_id=version, bypass=True)
