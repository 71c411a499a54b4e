"""A key is rotated while the platform works: what lies under its old version is wrapped again, counted and logged. EMC-39."""

import pytest

from simulators.installation import Installation, until

BUCKETS = 5


@pytest.fixture(scope="module")
def steward(platform: Installation):
    return platform.person("rosa", "data_steward", "site:chu-nantes")


def test_after_a_rotation_every_bucket_key_is_wrapped_again_and_every_object_still_opens(platform, steward):
    custodian = platform.founder("alice")
    key = custodian.call("kms.key.create", owner="site:chu-nantes", purpose="data of CHU Nantes", rotation_days=90)[
        "id"
    ]
    s3 = platform.s3(steward.access_key("quality"))
    for number in range(BUCKETS):
        made = steward.call("objects.bucket.create", name=f"nantes-{number}", site="chu-nantes")
        assert made["key_id"] == key
        s3.put_object(Bucket=f"nantes-{number}", Key="before", Body=b"old %d" % number)
    assert len(custodian.call("kms.key.rotate", key_id=key)["versions"]) == 2

    def finished():
        jobs = custodian.call("kms.rewrap.list")["jobs"]
        return next((job for job in jobs if job["key_id"] == key and job["finished_at"]), None)

    job = until(finished, what="the rewrap")
    assert job["done"] == BUCKETS and job["target_version"] == 2
    for number in range(BUCKETS):
        assert s3.get_object(Bucket=f"nantes-{number}", Key="before")["Body"].read() == b"old %d" % number
        s3.put_object(Bucket=f"nantes-{number}", Key="after", Body=b"new")

    def logged():
        query = {"action": "kms.key.rewrap", "resource": f"Key:{key}"}
        entries = custodian.call("audit.entry.list", for_purpose="audit", **query)["entries"]
        steps = {entry["content"]["details"].get("step") for entry in entries}
        return {"begun", "finished"} <= steps

    until(logged, what="the entries of the rewrap")


def test_rotating_the_platforms_own_key_changes_nothing_for_anybody(platform, steward):
    custodian = platform.founder("alice")
    keys = custodian.call("kms.key.list")["keys"]
    own = next(key["id"] for key in keys if "platform's own keys" in key["purpose"])
    before = {path: path.read_bytes() for path in (platform.data / "keys").glob("*.wrapped")}
    custodian.call("kms.key.rotate", key_id=own)
    until(lambda: all(path.read_bytes() != content for path, content in before.items()), what="wrapping them again")
    s3 = platform.s3(steward.access_key("quality"))
    assert s3.get_object(Bucket="nantes-0", Key="before")["Body"].read() == b"old 0"
