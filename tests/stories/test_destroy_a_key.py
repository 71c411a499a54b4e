"""Story 3: a key is destroyed by two persons, and with it every object under it, for good. RG-30."""

import pytest
from botocore.exceptions import ClientError

from nexus.app.cli.rest_client import Refused
from nexus.kernel.errors import Conflict, Denied, Invalid
from simulators.installation import Installation, until


@pytest.fixture(scope="module")
def site_key(demonstration: Installation):
    return demonstration.founder("alice").call(
        "kms.key.create", owner="site:chu-lille", purpose="data of CHU Lille", rotation_days=90
    )["id"]


@pytest.fixture(scope="module")
def s3(demonstration: Installation, site_key):
    steward = demonstration.person("david", "data_steward", "site:chu-lille")
    made = steward.call("objects.bucket.create", name="lille", site="chu-lille")
    assert made["key_id"] == site_key, "a bucket of a site with a key of its own is under that key"
    client = demonstration.s3(steward.access_key("quality"))
    client.put_object(Bucket="lille", Key="scan.dcm", Body=b"d" * 200_000)
    client.put_object(Bucket="lille", Key="note.txt", Body=b"short")
    return client


def test_one_person_cannot_destroy_a_key_and_two_can(demonstration, site_key, s3):
    alice, bruno = demonstration.founder("alice"), demonstration.founder("bruno")
    held = alice.reply("kms.key.destroy", key_id=site_key)
    assert held.held and held.document["state"] == "proposed"
    intent = held.document

    with pytest.raises(Refused) as raised:
        alice.call("iam.approval.execute", id=intent["id"])
    assert isinstance(raised.value.error, Denied | Conflict)
    with pytest.raises(Refused) as raised:
        alice.call("iam.approval.approve", id=intent["id"], digest=intent["digest"])
    assert isinstance(raised.value.error, Denied)
    with pytest.raises(Refused) as raised:
        bruno.call("iam.approval.approve", id=intent["id"], digest="0" * 64)
    assert isinstance(raised.value.error, Conflict | Denied | Invalid)
    assert s3.get_object(Bucket="lille", Key="note.txt")["Body"].read() == b"short"

    bruno.call("iam.approval.approve", id=intent["id"], digest=intent["digest"])
    alice.call("iam.approval.execute", id=intent["id"])
    with pytest.raises(Refused):  # once, and only once
        alice.call("iam.approval.execute", id=intent["id"])

    # Disabled at once: no bytes while it waits for its end.
    for key in ("scan.dcm", "note.txt"):
        with pytest.raises(ClientError):
            s3.get_object(Bucket="lille", Key=key)

    destroyed = until(lambda: _destroyed(alice, site_key), what="the destruction")
    assert destroyed["certificate"]
    for key in ("scan.dcm", "note.txt"):
        with pytest.raises(ClientError):
            s3.get_object(Bucket="lille", Key=key)
    with pytest.raises(ClientError):
        s3.put_object(Bucket="lille", Key="new", Body=b"x")


def test_the_certificate_of_destruction_stands_in_the_log(demonstration, site_key):
    alice = demonstration.founder("alice")

    def certificates():
        found = alice.call(
            "audit.entry.list", for_purpose="audit", action="kms.key.destroy", resource=f"Key:{site_key}"
        )
        return [e for e in found["entries"] if e["content"]["details"].get("certificate")]

    [entry] = until(certificates, what="shipping the certificate")
    assert entry["content"]["details"]["step"] == "destroyed"


def test_a_destroyed_key_stays_destroyed_after_a_restart(demonstration, site_key, s3):
    demonstration.down()
    demonstration.up()
    alice = demonstration.founder("alice")
    assert alice.call("kms.key.read", key_id=site_key)["state"] == "destroyed"
    with pytest.raises(Refused):
        alice.call("kms.key.enable", key_id=site_key)


def _destroyed(person, key_id):
    key = person.call("kms.key.read", key_id=key_id)
    return key if key["state"] == "destroyed" else None
