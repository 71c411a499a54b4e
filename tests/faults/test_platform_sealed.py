"""Without keys nothing is read and nothing is written: sealed on demand, sealed at the start, key service killed."""

import time

import pytest
from botocore.exceptions import ClientError

from nexus.app.cli.rest_client import Refused
from nexus.kernel.errors import Sealed, Unavailable
from simulators.installation import Installation, until

BODY = b"before the seal"


@pytest.fixture(scope="module")
def s3(own_platform: Installation):
    steward = own_platform.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name="sealed", site="chu-lille")
    client = own_platform.s3(steward.access_key("quality"))
    client.put_object(Bucket="sealed", Key="a", Body=BODY)
    assert client.get_object(Bucket="sealed", Key="a")["Body"].read() == BODY  # keys are cached now
    return client


def refused(call) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    return str(raised.value.response["ResponseMetadata"]["HTTPStatusCode"])


def everything_is_refused(s3, person) -> None:
    assert refused(lambda: s3.get_object(Bucket="sealed", Key="a")) == "503"
    assert refused(lambda: s3.put_object(Bucket="sealed", Key="b", Body=b"x")) == "503"
    assert refused(lambda: s3.list_objects_v2(Bucket="sealed")) == "503"
    assert refused(lambda: s3.head_object(Bucket="sealed", Key="a")) == "503"
    with pytest.raises(Refused) as raised:
        person.call("iam.me.read")
    assert isinstance(raised.value.error, Sealed | Unavailable)


def test_sealing_stops_every_read_and_write_at_once_and_unsealing_brings_them_back(own_platform, s3):
    alice = own_platform.founder("alice")
    own_platform.nexus("seal")
    everything_is_refused(s3, alice)
    assert own_platform.status()["phase"] == "sealed"
    own_platform.nexus("unseal", "--secret-file", str(own_platform.passphrase))
    assert until(lambda: s3.get_object(Bucket="sealed", Key="a"), what="reading again")["Body"].read() == BODY
    # What was refused while sealed stands in the log, too.
    found = until(
        lambda: alice.call("audit.entry.list", for_purpose="audit", outcome="failed", resource="Bucket:sealed")[
            "entries"
        ],
        what="the entries of the refusals",
    )
    assert {"objects.object.read", "objects.object.write"} <= {entry["content"]["action"] for entry in found}


def test_a_wrong_passphrase_unseals_nothing(own_platform, s3, tmp_path):
    own_platform.nexus("seal")
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase at all")
    done = own_platform.nexus("unseal", "--secret-file", str(wrong), check=False)
    assert done.returncode == 3
    everything_is_refused(s3, own_platform.founder("alice"))

    def unsealed() -> bool:  # a wrong attempt costs a pause
        return own_platform.nexus("unseal", "--secret-file", str(own_platform.passphrase), check=False).returncode == 0

    until(unsealed, what="unsealing after the pause")
    until(lambda: s3.get_object(Bucket="sealed", Key="a"), what="reading again")


def test_a_killed_key_service_stops_reads_at_once_and_comes_back(own_platform, s3):
    own_platform.kill("kms")
    killed_at = time.monotonic()
    refusals = 0
    while time.monotonic() < killed_at + 30:
        try:
            body = s3.get_object(Bucket="sealed", Key="a")["Body"].read()
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 503
            refusals += 1
            time.sleep(0.02)
            continue
        assert body == BODY
        break
    assert refusals > 0, "a door served bytes without a key service"
    status = own_platform.status()
    assert next(p["restarts"] for p in status["processes"] if p["name"] == "kms") >= 1


def test_custodians_unseal_with_their_shares_one_after_the_other(tmp_path_factory):
    """m of n: two of three custodians open a platform that nobody can open alone."""
    installation = Installation(tmp_path_factory.mktemp("mn"))
    try:
        installation.found("--shares", "2/3")
        assert len(installation.shares) == 3
        installation.up(unsealed=False)
        assert installation.status()["phase"] == "sealed"
        share = installation.root / "share"
        share.write_text(installation.shares[2])
        first = installation.json("unseal", "--secret-file", str(share))
        assert (first["state"], first["progress"]["received"]) == ("sealed", 1)
        share.write_text(installation.shares[2])  # the same one twice is still one
        installation.nexus("unseal", "--secret-file", str(share), check=False)
        assert installation.status()["phase"] == "sealed"
        share.write_text(installation.shares[0])
        assert installation.json("unseal", "--secret-file", str(share))["state"] == "unsealed"
        until(lambda: installation.status()["phase"] == "running", what="the platform")
        assert installation.founder("alice").call("iam.me.read")["kind"] == "person"
        installation.down()
    finally:
        installation.destroy()
