"""`kill -9` of each process of a running platform at random moments, under people at work. R-153, NX-15.

Nothing acknowledged is lost, nothing appears in halves, the log verifies, and each change has its entry, each entry its
change. `NEXUS_TEST_KILLS` says how many more processes to kill, at random (105 took 18 minutes on two busy cores);
`NEXUS_TEST_SEED` repeats a run's choices. `pytest -s` shows both, and what the run amounted to.
"""

import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from simulators.installation import Installation, until
from simulators.writers import KeyMaker, Ledger, S3Writer, digest

PROCESSES = ("kms", "worker", "api", "console", "s3", "supervisor")
MORE_KILLS = int(os.environ.get("NEXUS_TEST_KILLS", "0"))
SEED = int(os.environ.get("NEXUS_TEST_SEED", str(random.randrange(1 << 32))))
WRITERS = 3
LATEST_KILL_S = 0.8
"""Each kill comes at a random moment of so long a spell of work."""
RECOVERY_S = 60
BUCKET = "kills"

pytestmark = pytest.mark.slow  # the last tests too: they look at what the first one left behind


@pytest.fixture(scope="module")
def chance() -> random.Random:
    print(f"NEXUS_TEST_SEED={SEED}")
    return random.Random(SEED)


@pytest.fixture(scope="module")
def installation(platform: Installation) -> Installation:
    steward = platform.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name=BUCKET, site="chu-lille")
    reader = platform.s3(steward.access_key("quality"))
    reader.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return platform


@pytest.fixture(scope="module")
def access(installation: Installation) -> dict[str, str]:
    return installation.persons["david"].access_key("quality")


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return Ledger()


def test_whatever_is_killed_comes_back_with_all_that_was_acknowledged(installation, access, ledger, chance):
    doomed = chance.sample(PROCESSES, len(PROCESSES)) + [chance.choice(PROCESSES) for _ in range(MORE_KILLS)]
    for number, process in enumerate(doomed):
        prefix = f"round-{number}"
        at_work = [
            *(
                S3Writer(lambda: connect(installation, access), BUCKET, f"{prefix}/{n}", ledger, chance.random())
                for n in range(WRITERS)
            ),
            KeyMaker(installation, ledger),
        ]
        for client in at_work:
            client.start()
        time.sleep(chance.uniform(0.1, LATEST_KILL_S))
        installation.kill(process)
        if process == "supervisor":
            until(installation.up, seconds=RECOVERY_S, what="the next `nexus up`")
        recover(at_work)
        for client in at_work:
            client.stop()
        assert ledger.wrong_answers == [], (process, ledger.answers)
        check(installation, access, ledger, prefix)
    print(f"{len(doomed)} kills, {len(ledger.operations)} operations acknowledged, {dict(ledger.answers)}")


def connect(installation, access):
    return installation.s3(access, read_timeout=20)


def recover(at_work) -> None:
    """Until everybody works again."""
    before = [client.done for client in at_work]
    until(
        lambda: all(client.failure or client.done > b + 1 for client, b in zip(at_work, before, strict=True)),
        seconds=RECOVERY_S,
        what="everybody's next acknowledged request",
    )


def versions(s3, prefix: str) -> dict[str, str]:
    """Every version and delete marker: id -> key."""
    found = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET, Prefix=prefix):
        for row in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            found[row["VersionId"]] = row["Key"] if "Size" in row else ""
    return found


def check(installation, access, ledger, prefix) -> None:
    """What was acknowledged in this round is there; whatever is there, is there in full."""
    s3 = connect(installation, access)
    present = versions(s3, f"{prefix}/")
    promised = {version for version, (key, _) in ledger.versions.items() if key.startswith(f"{prefix}/")}
    assert promised <= set(present)

    def read(version: str) -> None:
        if key := present[version]:
            body = s3.get_object(Bucket=BUCKET, Key=key, VersionId=version)["Body"].read()
            known = ledger.versions.get(version, (key, digest(body)))[1]
            assert digest(body) == known and known in ledger.attempted

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(read, present))


def test_after_all_of_it_every_version_is_still_there_and_each_has_exactly_one_entry(installation, access, ledger):
    present = set(versions(connect(installation, access), "round-"))
    assert set(ledger.versions) <= present
    written = [
        entry["details"]["version"]
        for entry in entries(installation, "objects.*")
        if entry["outcome"] == "allowed"
        and entry["action"] in ("objects.object.write", "objects.upload.write", "objects.object.delete")
        and entry["details"].get("version")
        and str(entry["details"]["key"]).startswith("round-")
    ]
    assert Counter(written) == Counter(present)


def test_after_all_of_it_every_acknowledged_operation_has_its_entry(installation, ledger):
    def missing():
        found = [*entries(installation, "objects.*"), *entries(installation, "kms.key.create")]
        return set(ledger.operations.items()) - {
            (e["operation"], e["action"]) for e in found if e["outcome"] == "allowed"
        }

    # Entries of the key service arrive through its outbox, a moment later.
    until(lambda: not missing(), what="an entry for each acknowledged operation")


def test_after_all_of_it_every_key_is_still_there_and_each_has_exactly_one_entry(installation, ledger):
    alice = installation.founder("alice")
    present, after = set(), ""
    while True:
        page = alice.call("kms.key.list", after=after)
        present |= {key["id"] for key in page["keys"] if key["purpose"] == "crash run"}
        if not (after := page["next"]):
            break
    assert ledger.keys <= present

    def counted():
        made = Counter(
            e["resource"]["id"] for e in entries(installation, "kms.key.create") if e["outcome"] == "allowed"
        )
        return all(made[key] == 1 for key in present)

    until(counted, what="one entry for each key")


def test_after_all_of_it_the_log_verifies_from_end_to_end(installation):
    alice = installation.founder("alice")
    size = alice.call("audit.log.read", for_purpose="audit")["size"]
    until(lambda: alice.call("audit.log.read", for_purpose="audit")["checkpoint_size"] >= size, what="a checkpoint")
    outcome = alice.call("audit.log.verify", for_purpose="audit")
    assert outcome["ok"], outcome["problems"]


def entries(installation, action):
    """The contents of all entries of an action."""
    alice = installation.founder("alice")
    found, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = alice.call("audit.entry.list", for_purpose="audit", action=action, limit=500, **more)
        found += [entry["content"] for entry in page["entries"]]
        if not (cursor := page["next"]):
            return found
