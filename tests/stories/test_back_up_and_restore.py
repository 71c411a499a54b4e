"""A platform is saved while it runs, comes back on another directory, and cannot be rolled back in silence. IN-12."""

import json
import os
import shutil

import pytest
from botocore.exceptions import ClientError

from nexus.app.demo.people import four_eyes
from simulators.installation import Installation, until
from simulators.witness import RunningWitness

BEFORE, AFTER = os.urandom(300_000), os.urandom(300_000)


@pytest.fixture(scope="module")
def witness(tmp_path_factory):
    witness = RunningWitness(tmp_path_factory.mktemp("w") / "w", "w1.example")
    yield witness
    witness.stop()


@pytest.fixture(scope="module")
def story(demonstration: Installation, witness: RunningWitness, tmp_path_factory):
    """A backup, then more work: an object written, a key destroyed; the witness has seen all of it."""
    alice, bruno = demonstration.founder("alice"), demonstration.founder("bruno")
    demonstration.let_witness(witness)
    doomed = alice.call("kms.key.create", owner="project:pilot", purpose="a pilot", rotation_days=30)["id"]
    steward = demonstration.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name="kept", site="chu-lille")
    steward.call("objects.bucket.create", name="doomed", site="chu-lille", project="pilot")
    key = steward.access_key("quality")
    s3 = demonstration.s3(key)
    s3.put_object(Bucket="kept", Key="before", Body=BEFORE)
    s3.put_object(Bucket="doomed", Key="before", Body=BEFORE)
    backup = tmp_path_factory.mktemp("b") / "backup"
    made = demonstration.json("backup", "create", str(backup))
    assert made["finished"]

    s3.put_object(Bucket="kept", Key="after", Body=AFTER)
    four_eyes(alice, bruno, "kms.key.destroy", key_id=doomed)
    until(lambda: alice.call("kms.key.read", key_id=doomed)["state"] == "destroyed", what="the destruction")
    demonstration.until_witnessed()
    demonstration.down()
    return demonstration, backup, key, doomed


def restored(story, tmp_path, name: str) -> Installation:
    """The backup, restored beside the original, with the original's register of anchors."""
    original, backup, _, _ = story
    again = Installation(tmp_path / name)
    again.root.mkdir()
    again.passphrase.write_text(original.passphrase.read_text())
    again.environment = {"NEXUS_ANCHORS": str(original.data.with_name("data-anchors"))}
    again.persons = {login: who.elsewhere(again) for login, who in original.persons.items()}
    again.command("backup", "restore", str(backup), "--data", str(again.data))
    return again


def test_the_backup_is_whole_and_holds_nothing_in_clear(story):
    original, backup, _, _ = story
    assert original.command("backup", "verify", str(backup)).returncode == 0
    for path in backup.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert BEFORE[:64] not in content
            assert path.name == "kms.db" or not content.startswith(b"SQLite format 3\x00")


def test_a_backup_that_was_changed_is_not_restored(story, tmp_path):
    original, backup, _, _ = story
    changed = tmp_path / "changed"
    shutil.copytree(backup, changed)
    victim = max(
        (p for p in changed.rglob("*") if p.is_file() and p.name != "manifest.json"), key=lambda p: p.stat().st_size
    )
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    done = original.command("backup", "restore", str(changed), "--data", str(tmp_path / "x"), check=False)
    assert done.returncode == 7 and victim.name in done.stderr
    assert not (tmp_path / "x").exists()


def test_a_rolled_back_platform_is_refused_until_that_is_accepted_and_recorded(story, tmp_path):
    _, _, key, doomed = story
    again = restored(story, tmp_path, "again")
    try:
        refused = again.nexus("up", "--detach", "--passphrase-file", str(again.passphrase), check=False)
        assert refused.returncode == 7, refused.stderr
        assert "w1.example" in refused.stderr and "rolled back" in refused.stderr

        accepted = again.json("backup", "accept", "--secret-file", str(again.passphrase))
        assert accepted["origin"].endswith("/2")
        again.up()
        s3 = again.s3(key)
        assert s3.get_object(Bucket="kept", Key="before")["Body"].read() == BEFORE
        with pytest.raises(ClientError):  # it came after the backup
            s3.get_object(Bucket="kept", Key="after")
        with pytest.raises(ClientError):  # its key was destroyed after the backup, and stays destroyed
            s3.get_object(Bucket="doomed", Key="before")
        alice = again.founder("alice")
        state = until(lambda: alice.call("kms.key.read", key_id=doomed)["state"], what="the key's state")
        assert state == "destroyed"
        [entry] = alice.call("audit.entry.list", for_purpose="audit", action="platform.accept-restore")["entries"]
        details = entry["content"]["details"]
        assert details["new_origin"] == accepted["origin"] and details["old_checkpoint"]
        verified = alice.call("audit.log.verify", for_purpose="audit")
        assert verified["ok"], json.dumps(verified["problems"])
    finally:
        again.down()
        again.destroy()


def test_a_directory_that_was_cut_without_a_restore_cannot_be_accepted(story, tmp_path):
    again = restored(story, tmp_path, "cut")
    (again.data / "restored.json").unlink()
    refused = again.nexus("up", "--detach", "--passphrase-file", str(again.passphrase), check=False)
    assert refused.returncode == 7
    done = again.nexus("backup", "accept", "--secret-file", str(again.passphrase), check=False)
    assert done.returncode == 5 and "keep every copy" in done.stderr


def test_without_the_register_of_anchors_nothing_opens(story, tmp_path):
    again = restored(story, tmp_path, "bare")
    again.environment = {}
    done = again.nexus("up", "--detach", "--passphrase-file", str(again.passphrase), check=False)
    try:
        assert done.returncode != 0 or again.status()["phase"] == "sealed"
    finally:
        again.nexus("down", check=False)
        again.destroy()
