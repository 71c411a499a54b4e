"""A change of role takes effect at every door within 5 seconds; what a removed person holds ends at once. Issue 3, NX-11.

Real processes and one clock: S3, REST, the console, the issuer of other tools and the bastion decide each in a process of
its own. The mechanism is immediate (each decision reads the version of all rights, in the database that all processes
share); the bound is what is promised, measured from the answer that acknowledged the change.
"""

import ssl
import subprocess
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from nexus.app.cli.rest_client import CLIENT
from nexus.app.demo.people import four_eyes, in_days
from simulators.bastion import OpenSsh, have_ssh
from simulators.installation import Installation, Person
from simulators.visitor import CALLBACK, ToolOfOthers, Visitor

BOUND_S = 5.0
"""What is promised. The change has taken effect when its answer leaves: the rest is the way of one request."""
SITE = "site:chu-nantes"
WHY = "the disk of the log is nearly full"


def s3_door(platform: Installation, key: dict[str, str]):
    client = platform.s3(key)

    def knock() -> bool:
        try:
            client.list_objects_v2(Bucket="nantes-ingress")
        except ClientError as refusal:
            assert refusal.response["ResponseMetadata"]["HTTPStatusCode"] == 403
            return False
        return True

    return knock


def rest_door(platform: Installation, bearer: str):
    trust = ssl.create_default_context(cafile=str(platform.data / "tls" / "ca.pem"))
    http = httpx.Client(verify=trust, base_url=platform.place.url, timeout=20)

    def knock() -> bool:
        headers = {"Authorization": f"Bearer {bearer}", "User-Agent": CLIENT}
        answer = http.get("/v1/buckets", headers=headers)
        assert answer.status_code in {200, 401, 403}
        return answer.status_code == 200

    return knock


def console_door(visitor: Visitor):
    """The cookie of a browser, at a page that her role opens."""

    def knock() -> bool:
        answer = visitor.get("/buckets")
        assert answer.status_code in {200, 303, 403}
        return answer.status_code == 200

    return knock


class Shell:
    """A command of hers that runs on the machine, through the bastion, until somebody ends it."""

    def __init__(self, platform: Installation, person: Person, folder: Any) -> None:
        client = OpenSsh(SimpleNamespace(root=folder, door=SimpleNamespace(port=0)))
        issued = person.call("bastion.certificate.issue", public_key=client.key.export_public_key().decode())
        client.bastion.door.port = issued["bastion"]["port"]
        client.login, client.known_hosts = issued["login"], issued["bastion"]["known_hosts"]
        client.use(issued["certificate"])
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(client.folder)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = subprocess.Popen(client.command("echo in; cat"), env=environment, **pipes)
        assert self._process.stdout.readline() == b"in\n", self._process.stderr.read()

    def runs(self) -> bool:
        time.sleep(0.01)
        return self._process.poll() is None

    def close(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.communicate()


def until_refused(doors) -> dict[str, float]:
    """Seconds from now until each door refuses, and refuses again."""
    start, took, open_ones = time.monotonic(), {}, dict(doors)
    while open_ones:
        assert time.monotonic() - start < 4 * BOUND_S, f"{sorted(open_ones)} let her in"
        for name, knock in doors.items():
            if name in open_ones and not knock():
                took[name] = time.monotonic() - start
                del open_ones[name]
    assert not any(knock() for knock in doors.values())
    return took


def elevated(platform: Installation, person: Person) -> str:
    """She may be an operator when there is need, and there is need now; the id of what she was made eligible by."""
    alice, bruno = platform.founder("alice"), platform.founder("bruno")
    given = {"role": "platform_operator", "scope": "platform", "ends_at": in_days(30), "approval": "alone"}
    eligible = four_eyes(bruno, alice, "iam.eligibility.grant-privileged", identity=person.id, **given)["id"]
    person.call("iam.elevation.open", eligibility=eligible, reason=WHY, minutes=60)
    return eligible


@pytest.fixture(scope="module")
def ready(platform: Installation, tmp_path_factory):
    """A provider of site chu-nantes who has let herself in at every door there is."""
    if not have_ssh:
        pytest.skip("OpenSSH's client is not installed (Debian package openssh-client)")
    alice, bruno = platform.founder("alice"), platform.founder("bruno")
    steward = platform.person("nadia", "data_steward", SITE)
    steward.call("objects.bucket.create", name="nantes-ingress", site="chu-nantes", kind="ingress")
    person = platform.person("lea", "data_provider", SITE)
    machine = alice.call("iam.machine.create", name="feed", owner=person.id)["id"]
    bruno.call("iam.role.grant", identity=machine, role="data_provider", scope=SITE, ends_at=in_days(30))
    made = {"purpose": "care", "expires_at": in_days(30)}
    machine_key = person.call("iam.access-key.create", identity=machine, **made)
    token = person.call("iam.token.create", identity=person.id, label="t", expires_at=in_days(30))["token"]
    wanted = {
        "redirect_uris": [CALLBACK],
        "scopes": ["openid", "profile", "roles"],
        "required_roles": ["data_provider"],
    }
    client = alice.call("iam.client.create", name="Notebooks of Nantes", **wanted)
    visitor = Visitor(platform).sign_in(person)
    tool = ToolOfOthers(visitor, client)
    doors = {
        "s3": s3_door(platform, person.access_key("care")),
        "s3 as machine": s3_door(platform, machine_key),
        "rest": rest_door(platform, person.token),
        "rest by token": rest_door(platform, token),
        "console": console_door(visitor),
        "introspection": tool.introspects,
        "userinfo": tool.reads,
        "refresh": tool.refreshes,
    }
    assert all(knock() for knock in doors.values()), {name: knock() for name, knock in doors.items()}
    return SimpleNamespace(platform=platform, person=person, doors=doors, folder=tmp_path_factory.mktemp("ssh"))


def test_a_role_that_is_taken_away_is_refused_at_every_door_within_five_seconds(ready):
    """NX-11, EMC-38."""
    alice, bruno, person = ready.platform.founder("alice"), ready.platform.founder("bruno"), ready.person
    eligible, shell = elevated(ready.platform, person), None
    try:
        shell = Shell(ready.platform, person, ready.folder)
        own = {name: knock for name, knock in ready.doors.items() if name != "s3 as machine"} | {"shell": shell.runs}
        [grant] = alice.call("iam.role.list", identity=person.id)["grants"]
        bruno.call("iam.role.revoke", id=grant["id"])
        bruno.call("iam.eligibility.revoke", id=eligible)
        took = until_refused(own)
    finally:
        shell and shell.close()
    assert max(took.values()) < BOUND_S, took
    assert ready.doors["s3 as machine"]()  # its right is its own
    bruno.call("iam.role.grant", identity=person.id, role="data_provider", scope=SITE, ends_at=in_days(30))
    assert all(knock() for knock in ready.doors.values()), {name: knock() for name, knock in ready.doors.items()}


def test_a_removed_person_is_refused_at_every_door_at_once_with_her_machines(ready):
    """NX-11: sessions, tokens, keys and shells."""
    person = ready.person
    elevated(ready.platform, person)
    shell = Shell(ready.platform, person, ready.folder)
    try:
        ready.platform.founder("alice").call("iam.person.deactivate", id=person.id)
        took = until_refused(ready.doors | {"shell": shell.runs})
    finally:
        shell.close()
    assert max(took.values()) < BOUND_S, took
