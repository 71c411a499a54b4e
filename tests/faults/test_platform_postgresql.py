"""A whole platform on a PostgreSQL server: founded, used by two doors, the server killed under it, taken over by a standby."""

import json
import shutil
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from nexus.app.cli.exits import ExitCode
from simulators.installation import Installation, until

SITE = "site:chu-lille"
ROUNDS = 1


@pytest.fixture(scope="module")
def place(postgresql):
    return postgresql.place()


@pytest.fixture(scope="module")
def installation(tmp_path_factory, place):
    made = Installation(
        tmp_path_factory.mktemp("pg"),
        database_host=place.host,
        database_port=place.port,
        database_schema=place.schema,
        database_volume_encrypted=1,
        s3_processes=2,
    )
    try:
        yield made.found().up()
        made.down()
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def provider(installation):
    installation.person("david", "data_steward", SITE).call(
        "objects.bucket.create", name="lille-ingress", site="chu-lille", kind="ingress"
    )
    return installation.person("claire", "data_provider", SITE)


def test_nobody_puts_names_on_a_disk_that_nobody_vouches_for(tmp_path, place):
    refused = Installation(tmp_path, database_host=place.host)
    with pytest.raises(AssertionError, match="database_volume_encrypted"):
        refused.found()
    assert not refused.data.exists()


def test_what_is_put_is_read_and_no_file_of_a_database_is_there(installation, provider):
    s3 = installation.s3(provider.access_key("care"))
    s3.put_object(Bucket="lille-ingress", Key="é/\u0001 first", Body=b"one")
    assert s3.get_object(Bucket="lille-ingress", Key="é/\u0001 first")["Body"].read() == b"one"
    assert not (installation.data / "nexus.db").exists()


def test_the_doctor_says_what_is_known_of_the_server_and_what_is_not(installation):
    findings = {
        row["subject"]: row
        for row in json.loads(installation.nexus("doctor", "--json", check=False).stdout)["findings"]
    }
    assert findings["database"]["state"] == "real" and "durable" in findings["database"]["says"]
    assert findings["database at rest"]["state"] == "unknown"


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(installation, provider, postgresql):
    key = provider.access_key("care")
    acknowledged, stop = [], threading.Event()

    def write(writer):
        s3, number = installation.s3(key), 0
        while not stop.is_set():
            name = f"kill/{writer}-{number:05}"
            number += 1
            try:
                s3.put_object(Bucket="lille-ingress", Key=name, Body=name.encode())
            except (ClientError, BotoCoreError):
                continue
            acknowledged.append(name)

    writers = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for each in writers:
        each.start()
    try:
        for _ in range(ROUNDS):
            count = len(acknowledged)
            until(lambda count=count: len(acknowledged) > count + 5, seconds=60, what="puts")
            postgresql.kill()
            time.sleep(0.3)
            postgresql.start()
        count = len(acknowledged)
        until(lambda: len(acknowledged) > count + 5, seconds=60, what="puts after the last kill")
    finally:
        stop.set()
        for each in writers:
            each.join()
    s3 = installation.s3(key)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="lille-ingress", Prefix="kill/")
    listed = {row["Key"] for page in pages for row in page.get("Contents", ())}
    assert set(acknowledged) <= listed
    for name in acknowledged[-5:]:
        assert s3.get_object(Bucket="lille-ingress", Key=name)["Body"].read() == name.encode()
    assert installation.founder("alice").call("audit.log.verify", for_purpose="audit")["ok"]


def test_a_second_machine_is_kept_out_while_the_first_works_and_takes_over_afterwards(installation, provider, tmp_path):
    """A standby: the same directory, by whatever replicates volumes, and the same database."""
    key = provider.access_key("care")
    installation.down()
    standby = Installation(tmp_path / "standby")
    standby.root.mkdir()
    shutil.copytree(installation.data, standby.data)
    standby.passphrase.write_text(installation.passphrase.read_text())
    # The register of anchors is on a volume of its own, and is replicated like the directory.
    anchors = shutil.copytree(installation.data.with_name("data-anchors"), tmp_path / "anchors")
    standby.environment = {"NEXUS_ANCHORS": str(anchors)}
    standby.persons = {login: who.elsewhere(standby) for login, who in installation.persons.items()}
    installation.up()
    try:
        refused = standby.nexus("up", "--detach", "--passphrase-file", str(standby.passphrase), check=False)
        assert refused.returncode == ExitCode.CONFLICT and "database.in-use" in refused.stderr
        installation.s3(key).put_object(Bucket="lille-ingress", Key="before the end", Body=b"small: inside its row")
        installation.down()
        standby.up()
        assert standby.s3(key).get_object(Bucket="lille-ingress", Key="before the end")["Body"].read()
        assert standby.founder("alice").call("audit.log.verify", for_purpose="audit")["ok"]
        standby.down()
    finally:
        standby.nexus("down", check=False)
        standby.destroy()
    installation.up()
