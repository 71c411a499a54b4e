"""A change of role takes effect at every door within 5 seconds; what a removed person holds ends at once. Issue 3, NX-11.

Real processes: the S3 door and the REST door decide each in a process of its own. The mechanism is immediate (each decision
reads the version of all rights, in the database that all processes share), so that it holds for the console too, which
decides by the same gate; the bound is what is promised, measured from the answer that acknowledged the change.
"""

import ssl
import time

import httpx
import pytest
from botocore.exceptions import ClientError

from nexus.app.cli.rest_client import CLIENT
from nexus.app.demo.people import in_days
from simulators.installation import Installation, Person

BOUND_S = 5.0
"""What is promised. The change has taken effect when its answer leaves: the rest is the way of one request."""
SITE = "site:chu-nantes"


def access(platform: Installation, person: Person, key: dict[str, str], machine_key: dict[str, str], token: str):
    """Every way in that this person has, each as a function that says whether she is let in."""

    def s3(with_key):
        client = platform.s3(with_key)

        def knock() -> bool:
            try:
                client.list_objects_v2(Bucket="nantes-ingress")
            except ClientError as refusal:
                assert refusal.response["ResponseMetadata"]["HTTPStatusCode"] == 403
                return False
            return True

        return knock

    def rest(bearer: str):
        trust = ssl.create_default_context(cafile=str(platform.data / "tls" / "ca.pem"))
        http = httpx.Client(verify=trust, base_url=platform.place.url, timeout=20)

        def knock() -> bool:
            headers = {"Authorization": f"Bearer {bearer}", "User-Agent": CLIENT}
            answer = http.get("/v1/buckets", headers=headers)
            assert answer.status_code in {200, 401, 403}
            return answer.status_code == 200

        return knock

    return {"s3": s3(key), "s3 as machine": s3(machine_key), "rest": rest(person.token), "rest by token": rest(token)}


def until_refused(doors) -> dict[str, float]:
    """Seconds from now until each door refuses, and refuses again."""
    start, took = time.monotonic(), {}
    for name, knock in doors.items():
        while knock():
            assert time.monotonic() - start < 4 * BOUND_S, f"{name} lets her in"
        took[name] = time.monotonic() - start
    assert not any(knock() for knock in doors.values())
    return took


@pytest.fixture(scope="module")
def ready(platform: Installation):
    """A provider of site chu-nantes with a session, an access key, a token, and a machine with a key."""
    alice, bruno = platform.founder("alice"), platform.founder("bruno")
    steward = platform.person("nadia", "data_steward", SITE)
    steward.call("objects.bucket.create", name="nantes-ingress", site="chu-nantes", kind="ingress")
    person = platform.person("lea", "data_provider", SITE)
    machine = alice.call("iam.machine.create", name="feed", owner=person.id)["id"]
    granted = bruno.call("iam.role.grant", identity=machine, role="data_provider", scope=SITE, ends_at=in_days(30))
    made = {"purpose": "care", "expires_at": in_days(30)}
    machine_key = person.call("iam.access-key.create", identity=machine, **made)
    token = person.call("iam.token.create", identity=person.id, label="t", expires_at=in_days(30))["token"]
    doors = access(platform, person, person.access_key("care"), machine_key, token)
    assert all(knock() for knock in doors.values()), {name: knock() for name, knock in doors.items()}
    return alice, bruno, person, doors, granted


def test_a_role_that_is_taken_away_is_refused_at_every_door_within_five_seconds(ready):
    alice, bruno, person, doors, _ = ready
    own = {name: knock for name, knock in doors.items() if name != "s3 as machine"}
    [grant] = alice.call("iam.role.list", identity=person.id)["grants"]
    bruno.call("iam.role.revoke", id=grant["id"])
    took = until_refused(own)
    assert max(took.values()) < BOUND_S, took
    assert doors["s3 as machine"]()  # its right is its own
    bruno.call("iam.role.grant", identity=person.id, role="data_provider", scope=SITE, ends_at=in_days(30))
    assert all(knock() for knock in doors.values())


def test_a_removed_person_is_refused_at_every_door_at_once_with_her_machines(ready):
    alice, _, person, doors, _ = ready
    alice.call("iam.person.deactivate", id=person.id)
    took = until_refused(doors)
    assert max(took.values()) < BOUND_S, took
