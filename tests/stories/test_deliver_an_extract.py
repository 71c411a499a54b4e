"""A site delivers an extract over S3; the worker checks it; the receipt verifies without the platform. EMC-07, HD-13."""

import json

import pytest

from simulators.extracts import AGREED, many, rows_as_csv
from simulators.installation import Installation, until

SECRET = "ZZYZXSKI"
PROVIDER = "lille-ehr"


@pytest.fixture(scope="module")
def steward(platform: Installation):
    made = platform.person("david", "data_steward", "site:chu-lille")
    made.call("objects.bucket.create", name="lille-in", site="chu-lille", kind="ingress")
    made.call("objects.bucket.set-versioning", name="lille-in", versioning="enabled")
    import msgspec

    agreed = msgspec.to_builtins(AGREED) | {"fresh_days": 1_000}
    made.call("intake.provider.register", name=PROVIDER, title="CHU de Lille", bucket="lille-in", agreement=agreed)
    return made


@pytest.fixture(scope="module")
def provider(platform: Installation, steward):
    return platform.person("claire", "data_provider", "bucket:lille-in")


@pytest.fixture(scope="module")
def agreement(tmp_path_factory):
    import msgspec

    file = tmp_path_factory.mktemp("agreed") / "agreement.json"
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(AGREED, fresh_days=1_000)))
    return file


def deliver(platform, provider, agreement, folder, number, content):
    """Pack a folder with the command, and upload it with boto3, the manifest last."""
    (folder / "stays.csv").write_bytes(content)
    packed = ("intake", "pack", str(folder), "--provider", PROVIDER, "--number", str(number))
    period = ("--period-from", "2026-01-01", "--period-until", "2026-10-31")
    platform.command(*packed, "--agreement", str(agreement), *period)
    s3 = platform.s3(provider.access_key("operation"))
    for name in ("stays.csv", "manifest.json"):
        s3.put_object(Bucket="lille-in", Key=f"{number}/{name}", Body=(folder / name).read_bytes())


def decided(provider, number):
    def look():
        view = provider.call("intake.delivery.read", provider=PROVIDER, number=number)
        return view if view["state"] in {"accepted", "refused"} else None

    return until(look, seconds=60, what="the check of a delivery")


def test_an_extract_is_noticed_checked_and_accepted_and_its_receipt_verifies_offline(
    platform, steward, provider, agreement, tmp_path
):
    deliver(platform, provider, agreement, tmp_path, 1, rows_as_csv(*many(50)))
    provider.call("intake.delivery.submit", provider=PROVIDER, manifest="1/manifest.json")
    view = decided(provider, 1)
    assert (view["state"], view["rows"]) == ("accepted", 50), view["report"]
    given = until(
        lambda: provider.call("intake.delivery.receipt", provider=PROVIDER, number=1),
        what="a checkpoint over the entry",
    )
    from base64 import b64decode

    (tmp_path / "receipt").write_bytes(b64decode(given["content"]))
    policy = platform.founder("alice").call("audit.log.read", for_purpose="audit")["policy"]
    (tmp_path / "policy").write_text(policy)
    verify = ("intake", "verify-receipt", str(tmp_path / "receipt"), "--policy", str(tmp_path / "policy"), "--json")
    proved = json.loads(platform.command(*verify).stdout)
    assert (proved["provider"], proved["number"], proved["state"], proved["rows"]) == (PROVIDER, 1, "accepted", 50)
    forged = (tmp_path / "receipt").read_text().replace('"rows":50', '"rows":51')
    (tmp_path / "receipt").write_text(forged)
    assert platform.command(*verify, check=False).returncode != 0


def test_a_name_in_the_text_refuses_the_whole_and_the_disk_never_holds_it(platform, provider, agreement, tmp_path):
    rows = [*many(20), {"note": f"appel de Mme {SECRET} ce matin"}]
    deliver(platform, provider, agreement, tmp_path, 2, rows_as_csv(*rows))
    provider.call("intake.delivery.submit", provider=PROVIDER, manifest="2/manifest.json")
    view = decided(provider, 2)
    assert view["state"] == "refused"
    (finding,) = view["report"]["findings"]
    assert (finding["kind"], finding["column"], finding["lines"]) == ("name", "note", [22])
    assert SECRET not in json.dumps(view)
    for path, content in platform.everything_on_disk().items():
        assert SECRET.encode() not in content, path
