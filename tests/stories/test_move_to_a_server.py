"""A platform founded on a file moves to a PostgreSQL server, is saved there while it works, and comes back. AP-15."""

import json
import os
import signal
import subprocess
import sys
import threading
import tomllib

import pytest

from simulators.installation import Installation, until

BODY = os.urandom(300_000)
BUCKET = "kept"


@pytest.fixture(scope="module")
def place(postgresql):
    return postgresql.place()


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    made = Installation(tmp_path_factory.mktemp("move"), on_file=True)
    try:
        yield made.found().up()
        made.nexus("down", check=False)  # the last test leaves it stopped
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def access(installation):
    steward = installation.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name=BUCKET, site="chu-lille")
    key = steward.access_key("quality")
    installation.s3(key).put_object(Bucket=BUCKET, Key="before/é", Body=BODY)
    return key


def chosen(place, **more):
    named = {
        "database_host": place.host,
        "database_port": place.port,
        "database_schema": place.schema,
        "database_volume_encrypted": "true",
    } | more
    return [word for name, value in named.items() for word in ("--set", f"{name}={value}")]


def move(installation, place, *, check=True, **more):
    secret = ("--secret-file", str(installation.passphrase))
    return installation.nexus("database", "move", *secret, *chosen(place, **more), "--json", check=check)


def verified(installation):
    return installation.founder("alice").call("audit.log.verify", for_purpose="audit")["ok"]


@pytest.fixture(scope="module")
def refused(installation, access, place):
    """While it runs, and where nobody vouches for the server's disk."""
    running = move(installation, place, check=False)
    installation.down()
    unvouched = move(installation, place, check=False, database_volume_encrypted="false")
    return running, unvouched


LINGER = """
CREATE FUNCTION linger() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
 IF to_regclass('kernel_moving') IS NOT NULL THEN PERFORM pg_sleep(600); END IF; END$$;
CREATE EVENT TRIGGER linger ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION linger()
"""
"""The server takes its time once every row has arrived and before they are committed."""


@pytest.fixture(scope="module")
def cut(installation, refused, place, postgresql):
    """The command is killed when every row is there and nothing is committed."""
    words = ["database", "move", "--secret-file", str(installation.passphrase), *chosen(place)]
    for statement in LINGER.split(";\nCREATE"):
        postgresql.sql(statement if statement.startswith("\n") else f"CREATE{statement}", database="nexus")
    process = subprocess.Popen(
        [sys.executable, "-m", "nexus", *words, "--data", str(installation.data)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        sleeping = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        [(pid,)] = until(lambda: postgresql.sql(sleeping), seconds=90, what="the last row")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        postgresql.sql("DROP EVENT TRIGGER linger", database="nexus")
    postgresql.sql(f"SELECT pg_terminate_backend({pid})")
    return installation


@pytest.fixture(scope="module")
def moved(cut, place):
    made = json.loads(move(cut, place).stdout)
    again = move(cut, place, check=False)
    cut.up()
    return cut, made, again


def test_a_running_platform_is_not_moved_nor_one_to_a_disk_that_nobody_vouches_for(refused):
    running, unvouched = refused
    assert "data.in-use" in running.stderr
    assert "settings.database" in unvouched.stderr


def test_a_move_that_was_killed_leaves_the_file_the_database(cut):
    assert (cut.data / "nexus.db").exists() and not (cut.data / "nexus.db.moved").exists()
    assert "database_host" not in tomllib.loads((cut.data / "nexus.toml").read_text())["settings"]


def test_everything_is_there_afterwards_and_the_log_says_so(moved, access, place, postgresql):
    installation, made, _ = moved
    s3 = installation.s3(access)
    assert s3.get_object(Bucket=BUCKET, Key="before/é")["Body"].read() == BODY
    s3.put_object(Bucket=BUCKET, Key="after", Body=b"after")
    assert verified(installation)
    alice = installation.founder("alice")
    entries = alice.call("audit.entry.list", for_purpose="audit", action="platform.move-database")["entries"]
    assert entries and entries[0]["content"]["details"]["schema"] == place.schema
    assert made["log_size"] > 10 and made["tables"] > 60
    assert not (installation.data / "nexus.db").exists() and (installation.data / "nexus.db.moved").exists()
    settings = tomllib.loads((installation.data / "nexus.toml").read_text())["settings"]
    assert settings["database_schema"] == place.schema and settings["s3_port"] == 0
    rows = postgresql.sql(f'SELECT count(*) FROM "{place.schema}".objects_version', database="nexus")
    assert rows == [(2,)]


def test_a_platform_on_a_server_is_not_moved_again(moved):
    assert "database.not-a-file" in moved[2].stderr


def test_what_is_saved_of_a_server_under_load_comes_back_whole_and_leaves_the_server_alone(
    moved, access, place, postgresql, tmp_path
):
    """The backup is as encrypted as one of a file; what was acknowledged before it is in it."""
    installation, *_ = moved
    stop, written = threading.Event(), []

    def write():
        s3 = installation.s3(access)
        while not stop.is_set():
            name = f"load/{len(written):05}"
            s3.put_object(Bucket=BUCKET, Key=name, Body=os.urandom(40_000) + name.encode())
            written.append(name)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        until(lambda: len(written) >= 5, what="writes")
        before = list(written)
        assert installation.json("backup", "create", str(tmp_path / "backup"))["finished"]
    finally:
        stop.set()
        writing.join()
    installation.command("backup", "verify", str(tmp_path / "backup"))
    copied = (tmp_path / "backup" / "nexus.db").read_bytes()
    assert b"before/" not in copied and BUCKET.encode() not in copied and not copied.startswith(b"SQLite")

    installation.down()
    size = postgresql.sql(f'SELECT size FROM "{place.schema}".audit_head', database="nexus")
    again = Installation(tmp_path / "again")
    again.root.mkdir()
    again.passphrase.write_text(installation.passphrase.read_text())
    again.environment = {"NEXUS_ANCHORS": str(installation.data.with_name("data-anchors"))}
    again.persons = {login: who.elsewhere(again) for login, who in installation.persons.items()}
    again.command("backup", "restore", str(tmp_path / "backup"), "--data", str(again.data))
    assert "database_host" not in (again.data / "nexus.toml").read_text()
    try:
        again.up()
        s3 = again.s3(access)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        listed = {row["Key"] for page in pages for row in page.get("Contents", ())}
        assert {"before/é", "after", *before} <= listed
        for name in sorted(listed)[:5] + sorted(listed)[-10:]:  # what the database knows has its bytes and its keys
            body = s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()
            assert not name.startswith("load/") or body.endswith(name.encode())
        assert verified(again)
        again.down()
        assert "database.not-empty" in move(again, place, check=False).stderr
        move(again, postgresql.place())
        again.up()
        assert again.s3(access).get_object(Bucket=BUCKET, Key="before/é")["Body"].read() == BODY
        assert verified(again)
    finally:
        again.nexus("down", check=False)
        again.destroy()
    assert postgresql.sql(f'SELECT size FROM "{place.schema}".audit_head', database="nexus") == size
