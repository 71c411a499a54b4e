"""Two disks under a running platform: one rots, one dies and is replaced, a backup is made; nothing is lost. Issue 6."""

import json
import os
import shutil
from pathlib import Path

import pytest

from simulators.installation import Installation, until

SCAN = os.urandom(400_000)


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    root = tmp_path_factory.mktemp("disks")
    folders = [root / "disk-1", root / "disk-2"]
    made = Installation(root / "nexus", blob_folders=",".join(map(str, folders)), blob_copies_least=1)
    made.found("--demonstration").up()
    try:
        steward = made.person("david", "data_steward", "site:chu-lille")
        steward.call("objects.bucket.create", name="ward", site="chu-lille")
        s3 = made.s3(steward.access_key("quality"))
        s3.put_object(Bucket="ward", Key="scan", Body=SCAN)
        yield made, s3, folders
    finally:
        made.destroy()


def blob_in(folder: Path) -> Path:
    (blob,) = folder.rglob("blb_*")
    return blob


def fsck(platform: Installation, *options: str) -> tuple[int, dict]:
    done = platform.nexus("objects", "fsck", "--json", *options, check=False)
    return done.returncode, json.loads(done.stdout)


def said_of(platform: Installation, folder: Path) -> dict:
    """What the operator is told of a place at this moment."""
    told = platform.founder("bruno").call("objects.usage.show")
    return next(place for place in told["places"] if place["place"] == str(folder))


def test_it_is_whole_and_says_so(story):
    platform, _, folders = story
    code, found = fsck(platform, "--read")
    assert (code, found["blobs"], found["bad_copies"]) == (0, 1, 0)
    assert found["bytes"] >= len(SCAN)
    assert blob_in(folders[0]).read_bytes() == blob_in(folders[1]).read_bytes()
    assert "The object store is whole" in platform.nexus("objects", "fsck").stderr


def test_a_rotten_copy_is_named_and_mended_and_the_log_knows(story):
    platform, _, folders = story
    rotten, good = (blob_in(folder) for folder in folders)
    data = bytearray(rotten.read_bytes())
    data[200_000] ^= 1
    rotten.write_bytes(data)
    assert fsck(platform)[0] == 0, "without reading it, nobody can know"
    code, found = fsck(platform, "--read")
    assert (code, found["bad_copies"], found["mended"], found["lost"]) == (1, 1, 0, 0)
    assert found["problems"][0]["place"] == str(folders[0])
    assert found["problems"][0]["bucket"] == "ward"
    code, found = fsck(platform, "--mend")
    assert (code, found["mended"]) == (0, 1)
    assert rotten.read_bytes() == good.read_bytes()
    auditor = platform.founder("alice")
    until(
        lambda: len(auditor.call("audit.entry.list", action="platform.fsck")["entries"]) >= 4,
        what="the entries of fsck",
    )


def test_a_disk_dies_reads_and_writes_go_on_and_a_new_one_is_filled(story):
    platform, s3, folders = story
    assert said_of(platform, folders[1])["condition"] == "reachable"
    shutil.rmtree(folders[1])
    away = said_of(platform, folders[1])
    assert (away["condition"], away["advice"], away["free_bytes"]) == ("away", "mount-or-add-place", None)
    assert said_of(platform, folders[0])["condition"] == "reachable"
    s3.put_object(Bucket="ward", Key="while-it-was-dead", Body=SCAN[::-1])
    assert s3.get_object(Bucket="ward", Key="scan")["Body"].read() == SCAN
    report = platform.nexus("doctor", check=False).stdout
    assert f"{folders[1]} is away" in report
    assert not folders[1].exists(), "nobody writes where no disk is"
    code, found = fsck(platform)
    assert (code, found["away"], found["lost"]) == (1, 2, 0)
    platform.nexus("objects", "add-place", str(folders[1]))
    assert said_of(platform, folders[1])["condition"] == "reachable"
    code, found = fsck(platform, "--mend")
    assert (code, found["mended"], found["away"]) == (0, 2, 0)
    shutil.rmtree(folders[0])
    assert s3.get_object(Bucket="ward", Key="scan")["Body"].read() == SCAN
    assert s3.get_object(Bucket="ward", Key="while-it-was-dead")["Body"].read() == SCAN[::-1]


def test_a_backup_holds_each_blob_once(story, tmp_path):
    platform, _, folders = story
    until(lambda: not list(folders[1].rglob("backup-*")), what="no backup under way")
    platform.nexus("backup", "create", str(tmp_path / "backup"))
    saved = sorted(path.name for path in (tmp_path / "backup" / "blobs").rglob("blb_*"))
    assert saved == sorted(path.name for path in folders[1].rglob("blb_*"))
    assert len(saved) == 2
    assert list(folders[1].glob("backup-*")) == []
    platform.command("backup", "restore", str(tmp_path / "backup"), "--data", str(tmp_path / "again"))
    restored = (tmp_path / "again" / "nexus.toml").read_text()
    assert "blob_folders" not in restored, "a rehearsal must not touch the disks that others work on"
    assert sorted(path.name for path in (tmp_path / "again" / "blobs").rglob("blb_*")) == saved


def test_what_no_copy_is_left_of_is_lost_and_named(story):
    platform, _, folders = story
    blob_in_both = min(folders[1].rglob("blb_*"))
    blob_in_both.unlink()
    platform.nexus("objects", "add-place", str(folders[0]))
    code, found = fsck(platform, "--mend")
    assert (code, found["lost"]) == (1, 1)
    assert any("no good copy is left" in problem["what"] for problem in found["problems"])
    assert "NOT whole" in platform.nexus("objects", "fsck", check=False).stderr
