"""Runs ceph/s3-tests, the public conformance suite, against a real server of ours. Not part of `make test`.

    python tests/conformance/ceph.py --python /path/to/its/python /path/to/s3-tests [pytest arguments]

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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from nexus.iam.model import AccessKey
from nexus.kernel.clock import SECOND, SystemClock
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Actor, Operation, system_actor
from nexus.objects.service import ObjectService
from simulators.s3_door import KEY_ID, OTHER_KEY_ID, OneSite, OpenSharing, S3Door, machine, open_s3_door
from simulators.tls_door import Listening, listening

REGION = "us-east-1"
DEBUG_DAY_S = 10
"""Seconds that the suite and the life cycles take for a day."""
BOTH_AWS_AND_CEPH_PASS = (
    "not fails_on_aws and not fails_on_rgw and not auth_aws2 and not cloud_transition and not cloud_restore"
    " and not target_by_bucket and not lifecycle_transition"
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
            f"lc_debug_interval = {DEBUG_DAY_S}\ndisplay_name = {owner}\nemail = {owner}@example.org\napi_name =\nkms_keyid = {KEY_ID}\nkms_keyid2 = {OTHER_KEY_ID}\ntenant = t\n"
        )
    return text + "[webidentity]\ntoken=t\naud=a\nsub=s\nazp=a\nuser_token=t\nthumbprint=t\nKC_REALM=r\n"


@contextmanager
def life_cycles(door: S3Door, folder: Path) -> Iterator[None]:
    """Carry out life cycle rules as the worker does, beside the door, with a day of DEBUG_DAY_S seconds."""
    stop = threading.Event()
    worker = ObjectService(door.db, folder / "blobs", door.data_keys, door.clock)

    def run() -> None:
        async def rounds() -> None:
            while not stop.is_set():
                actor = system_actor("worker")
                op = Operation(new_id("op"), actor, "operation", door.clock.now(), "local", "worker")
                await worker.expiring.run(op, day=DEBUG_DAY_S * SECOND)
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
    parser.add_argument("--marks", default=BOTH_AWS_AND_CEPH_PASS)
    parser.add_argument("pytest", nargs=argparse.REMAINDER, help="more arguments for pytest")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sharing = OpenSharing()
        door = open_s3_door(
            Path(folder),
            clock=SystemClock(),
            body_idle_s=20,
            region=REGION,
            placements=SiteOfEach(),
            sharing=sharing,
        )
        keys = enrol(door)
        sharing.known = {key.actor.id for key in keys.values()}
        try:
            with listening(door, Path(folder)) as server, life_cycles(door, Path(folder)):
                conf = Path(folder) / "s3tests.conf"
                conf.write_text(configuration(server, keys))
                return _run(given, conf, server.ca)
        finally:
            door.close()


def _run(given: argparse.Namespace, conf: Path, ca: Path) -> int:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    files = [f"s3tests/functional/{name}.py" for name in ("test_s3", "test_headers")]
    command = [given.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", given.marks, *given.pytest]
    if not any("::" in argument for argument in given.pytest):
        command += files
    environment |= {"S3TEST_CONF": str(conf), "SSL_CERT_FILE": str(ca), "REQUESTS_CA_BUNDLE": str(ca)}
    done = subprocess.run(command, cwd=given.checkout, env=environment, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
