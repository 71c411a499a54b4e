"""A site delivers over SFTP with OpenSSH's client, on a real platform; the key ends with its access key. EMC-07."""

import json
import subprocess
from urllib.parse import urlsplit

import msgspec
import pytest

from simulators.extracts import AGREED, many, rows_as_csv
from simulators.installation import Installation, until

PERIOD = ("--period-from", "2026-01-01", "--period-until", "2026-10-31")


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    made = Installation(tmp_path_factory.mktemp("sft"), sftp_port=0).found().up()
    steward = made.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name="lille-in", site="chu-lille", kind="ingress")
    steward.call("objects.bucket.set-versioning", name="lille-in", versioning="enabled")
    agreed = msgspec.to_builtins(AGREED) | {"fresh_days": 1_000}
    steward.call("intake.provider.register", name="lille-ehr", title="Lille", bucket="lille-in", agreement=agreed)
    (made.root / "agreement.json").write_text(json.dumps(agreed))
    yield made
    made.destroy()


def sftp(platform, key_id: str, batch: str) -> subprocess.CompletedProcess[str]:
    where = urlsplit(platform.status()["sftp"])
    hosts = platform.root / "known_hosts"
    hosts.write_text(f"[{where.hostname}]:{where.port} {(platform.data / 'tls' / 'sftp-host.pub').read_text()}")
    options = ("StrictHostKeyChecking=yes", f"UserKnownHostsFile={hosts}", "IdentitiesOnly=yes", "BatchMode=yes")
    named = [word for option in options for word in ("-o", option)]
    command = ["sftp", "-F", "/dev/null", "-i", str(platform.root / "id"), *named, "-P", str(where.port), "-b", "-"]
    return subprocess.run(
        [*command, f"{key_id}@{where.hostname}"], input=batch, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_delivery_over_sftp_is_noticed_and_accepted_and_the_key_ends_with_its_access_key(platform, tmp_path):
    provider = platform.person("claire", "data_provider", "bucket:lille-in")
    key = provider.access_key("operation")
    (tmp_path / "secret").write_text(key["secret"])
    platform.command(
        "intake", "ssh-key", key["id"], str(platform.root / "id"), "--secret-file", str(tmp_path / "secret")
    )
    folder = tmp_path / "1"
    folder.mkdir()
    (folder / "stays.csv").write_bytes(rows_as_csv(*many(30)))
    agreement = ("--agreement", str(platform.root / "agreement.json"))
    platform.command("intake", "pack", str(folder), "--provider", "lille-ehr", "--number", "1", *agreement, *PERIOD)
    batch = f"mkdir lille-in/1\nput {folder}/stays.csv lille-in/1/stays.csv\nput {folder}/manifest.json lille-in/1/manifest.json\n"
    done = sftp(platform, key["id"], batch)
    assert done.returncode == 0, done.stderr

    def decided():
        view = provider.call("intake.delivery.read", provider="lille-ehr", number=1)
        return view if view["state"] in {"accepted", "refused"} else None

    view = until(decided, seconds=120, what="the check of a delivery")
    assert (view["state"], view["rows"]) == ("accepted", 30), view["report"]
    found = platform.founder("alice").call(
        "audit.entry.list", for_purpose="audit", action="objects.object.write", actor=provider.id
    )
    assert found["entries"][0]["content"]["door"] == "sftp"
    provider.call("iam.access-key.revoke", id=key["id"])
    assert sftp(platform, key["id"], "ls\n").returncode != 0
