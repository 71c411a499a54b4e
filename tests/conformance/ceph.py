"""Runs ceph/s3-tests, the public conformance suite, against a real server of ours. Not part of `make test`.

    python tests/conformance/ceph.py --python /path/to/its/python /path/to/s3-tests [pytest arguments]
    python tests/conformance/ceph.py --python /path/to/its/python --page docs/reference/s3-conformance.md /path/to/s3-tests

The first runs the tests that both AWS and Ceph pass (or those of other `--marks`); the second also those that AWS fails, and
writes the page of the results. Minutes; `-n 4` among the arguments of pytest helps where pytest-xdist is there. Tests that count all
buckets of an account (`ALONE`) run after the others. `--report` writes the page of JUnit reports that are there.

The checkout and an interpreter with its requirements are the caller's; nothing of them is kept here.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance import ceph_page

from nexus.iam.model import AccessKey
from nexus.kernel.clock import SECOND, SystemClock
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Actor, Operation, system_actor
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.s3.dialect import CEPH
from nexus.objects.service import ObjectService
from simulators.s3_door import KEY_ID, OTHER_KEY_ID, OneSite, OpenSharing, S3Door, machine, open_s3_door
from simulators.tls_door import Listening, listening

REGION = "us-east-1"
FILES = ("s3tests/functional/test_s3.py", "s3tests/functional/test_headers.py")
ALONE = ("s3tests/functional/test_s3.py::test_list_buckets_paginated",)
"""It would meet the buckets of others that run beside it."""
LOGS_EVERY_ROUNDS = 4
"""Rounds of the worker between two writings of access logs: the suite looks for them after five and a half seconds."""
DEBUG_DAY_S = 10
"""Seconds that the suite and the life cycles take for a day."""
BOTH_AWS_AND_CEPH_PASS = (
    "not fails_on_aws and not fails_on_rgw and not auth_aws2 and not cloud_transition and not cloud_restore"
    " and not target_by_bucket and not lifecycle_transition"
)
WITH_WHAT_AWS_FAILS = (
    BOTH_AWS_AND_CEPH_PASS.removeprefix("not fails_on_aws and ")
    + " and not fails_without_logging_rollover and not bucket_logging_cleanup"
)
IDENTITIES = ("s3 main", "s3 alt", "s3 tenant", "iam", "iam root", "iam alt root")
SITE_OF = {name: name.replace(" ", "-") for name in IDENTITIES}


class SiteOfEach(OneSite):
    """Every identity has a site of its own, so that none may touch what another made."""

    def site_of(self, actor: Actor) -> str | None:
        return actor.name


def enrol(door: S3Door) -> dict[str, AccessKey]:
    """An access key for each identity of the suite's configuration."""
    keys = {}
    for name, site in SITE_OF.items():
        actor = machine(site)
        door.rights.give(actor, "*", site=site)
        door.rights.give(actor, "kms.key.use")  # both keys belong to the hospital
        keys[name] = door.ring.add(actor)
    return keys


def configuration(server: Listening, keys: dict[str, AccessKey]) -> str:
    """The suite's configuration file."""
    host, _, port = server.url.removeprefix("https://").partition(":")
    text = f"[DEFAULT]\nhost = {host}\nport = {port}\nis_secure = True\nssl_verify = False\n"
    text += "[fixtures]\nbucket prefix = nx-{random}-\niam name prefix = nx-\niam path prefix = /nx/\n"
    for name, key in keys.items():
        owner = key.actor.id
        text += (
            f"[{name}]\naccess_key = {key.id}\nsecret_key = {key.secret.reveal().decode()}\nuser_id = {owner}\n"
            f"lc_debug_interval = {DEBUG_DAY_S}\ndisplay_name = {owner}\nemail = {owner}@example.org\napi_name = {REGION}\nkms_keyid = {KEY_ID}\nkms_keyid2 = {OTHER_KEY_ID}\ntenant = {SITE_OF[name]}\n"
        )
    return text + "[webidentity]\ntoken=t\naud=a\nsub=s\nazp=a\nuser_token=t\nthumbprint=t\nKC_REALM=r\n"


@contextmanager
def worker_beside(door: S3Door, folder: Path) -> Iterator[None]:
    """Carry out life cycle rules and write access logs as the worker does, beside the door, with a day of DEBUG_DAY_S seconds."""
    stop = threading.Event()
    worker = ObjectService(door.db, DiskBlobs(folder / "blobs"), door.data_keys, door.clock)

    def run() -> None:
        async def rounds() -> None:
            for number in count():
                if stop.is_set():
                    return
                actor = system_actor("worker")
                op = Operation(new_id("op"), actor, "operation", door.clock.now(), "local", "worker")
                await worker.expiring.run(op, day=DEBUG_DAY_S * SECOND)
                if number % LOGS_EVERY_ROUNDS == 0:
                    await worker.access_logs.write(op)
                await asyncio.sleep(1)

        asyncio.run(rounds())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def main() -> int:
    """Serve, run the suite, return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--python", default=sys.executable, help="interpreter with the suite's requirements")
    parser.add_argument("--marks", default="", help="which tests, in the words of pytest's -m")
    parser.add_argument("--page", type=Path, help="write the page of the results here")
    parser.add_argument(
        "--report", type=Path, action="append", default=[], help="write it of JUnit reports; run nothing"
    )
    parser.add_argument("pytest", nargs=argparse.REMAINDER, help="more arguments for pytest")
    given = parser.parse_args()
    given.marks = given.marks or (WITH_WHAT_AWS_FAILS if given.page else BOTH_AWS_AND_CEPH_PASS)
    if given.report:
        with tempfile.TemporaryDirectory() as folder:
            conf = Path(folder) / "s3tests.conf"
            conf.write_text((given.checkout / "s3tests.conf.SAMPLE").read_text("utf-8"), "utf-8")
            _write(given, {**os.environ, "S3TEST_CONF": str(conf)}, given.report)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        sharing = OpenSharing()
        door = open_s3_door(
            Path(folder),
            clock=SystemClock(),
            body_idle_s=20,
            region=REGION,
            placements=SiteOfEach(),
            sharing=sharing,
            dialect=CEPH,
            has_accounts=True,
        )
        keys = enrol(door)
        door.accounts.roots = {keys[name].actor.id for name in ("iam root", "iam alt root")}
        sharing.known = {key.actor.id for key in keys.values()}
        try:
            with listening(door, Path(folder)) as server, worker_beside(door, Path(folder)):
                conf = Path(folder) / "s3tests.conf"
                conf.write_text(configuration(server, keys))
                return _run(given, conf, server.ca)
        finally:
            door.close()


def _run(given: argparse.Namespace, conf: Path, ca: Path) -> int:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "S3TEST_CONF": str(conf),
        "SSL_CERT_FILE": str(ca),
        "REQUESTS_CA_BUNDLE": str(ca),
    }
    if any("::" in argument for argument in given.pytest):
        runs = [given.pytest]
    else:
        runs = [[*FILES, *(f"--deselect={test}" for test in ALONE), *given.pytest], [*ALONE]]
    reports = [conf.parent / f"report-{number}.xml" for number in range(len(runs))]
    status = 0
    for arguments, report in zip(runs, reports, strict=True):
        command = [*_pytest(given, given.marks), f"--junitxml={report}", *arguments]
        status = max(status, subprocess.run(command, cwd=given.checkout, env=environment, check=False).returncode)
    if given.page:
        _write(given, environment, reports)
    return status


def _pytest(given: argparse.Namespace, marks: str) -> list[str]:
    return [given.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marks]


def _write(given: argparse.Namespace, environment: dict[str, str], reports: list[Path]) -> None:
    """The page of reports; of a test in several, the last counts. What is in none is told as not run."""

    def named(marks: str) -> frozenset[str]:
        listing = [*_pytest(given, marks), *FILES, "--collect-only"]
        told = subprocess.run(listing, cwd=given.checkout, env=environment, check=True, capture_output=True, text=True)
        return frozenset(line.partition("::")[2] for line in told.stdout.splitlines() if "::" in line)

    wanted = ["git", "-C", str(given.checkout), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(wanted, check=False, capture_output=True, text=True).stdout.strip()
    found = dict.fromkeys(named(WITH_WHAT_AWS_FAILS), ceph_page.NOT_RUN)
    for report in reports:
        found |= {name: state for name, state in ceph_page.results(report).items() if name in found}
    both = named(BOTH_AWS_AND_CEPH_PASS)
    given.page.write_text(ceph_page.page(found, both, commit or "unknown"), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
