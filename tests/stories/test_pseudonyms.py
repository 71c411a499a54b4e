"""The two services of pseudonyms in a running platform: kept alive, known to the log, saved and restored. R-093, R-051."""

import json
import subprocess

import pytest

from simulators.installation import Installation, until

LEVELS = ("pseudonyms-first", "pseudonyms-second")


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    installation = Installation(tmp_path_factory.mktemp("psd"), pseudonyms="true").found().up()
    installation.founder("alice")
    yield installation
    installation.destroy()


def running(installation: Installation) -> dict[str, str]:
    return {each["name"]: each["state"] for each in installation.status()["processes"]}


def test_both_run_beside_the_others_and_status_says_so(platform):
    assert {name: running(platform)[name] for name in LEVELS} == dict.fromkeys(LEVELS, "running")


def test_each_has_a_database_of_its_own_in_which_nothing_is_legible(platform):
    places = {
        place.name: sorted(file.name for file in place.iterdir()) for place in (platform.data / "pseudonyms").iterdir()
    }
    assert set(places) == {"first", "second"}
    assert "linkage.db" in places["first"] and "ledger.db" in places["second"]
    for file in (platform.data / "pseudonyms").rglob("*.db"):
        assert not file.read_bytes().startswith(b"SQLite format 3")


def test_what_they_record_reaches_the_audit_log(platform):
    alice = platform.persons["alice"]
    found = until(
        lambda: alice.call("audit.entry.list", for_purpose="audit", action="pseudonyms.found")["entries"],
        what="the entry of the first level",
    )
    assert found[0]["content"]["actor"]["id"] == "system:pseudonyms-first"


def test_a_backup_holds_both_as_they_wrote_them(platform):
    backup = platform.root / "backup"
    platform.json("backup", "create", str(backup))
    kept = {str(file.relative_to(backup)) for file in (backup / "pseudonyms").rglob("*") if file.is_file()}
    assert kept == {
        f"pseudonyms/{place}"
        for place in ("first/linkage.db", "first/key.wrapped", "second/ledger.db", "second/key.wrapped")
    }
    listed = {file[0] for file in json.loads((backup / "manifest.json").read_text())["files"]}
    assert kept <= listed


def test_one_that_is_killed_comes_back(platform):
    before = {each["name"]: each["pid"] for each in platform.status()["processes"]}
    subprocess.run(["kill", "-9", str(before["pseudonyms-second"])], check=True)
    until(
        lambda: running(platform)["pseudonyms-second"] == "running" and pid(platform) != before["pseudonyms-second"],
        what="its return",
    )


def pid(installation: Installation) -> int:
    return next(each["pid"] for each in installation.status()["processes"] if each["name"] == "pseudonyms-second")
